//! Bugs of storage, deletion and sizing.

use std::sync::Arc;

use sei_planner::names::NodeKey;
use sei_tasks::world::{Cluster, ClusterError, Kind, ObjectId, Propagation};
use serde_json::{Value, json};

use super::{Specimen, container, specimen};
use crate::bug::{Answer, Bug, Pods, Read, Sees, Sends, Stores};
use crate::witness::Witness;

pub(super) fn specimens() -> Vec<Specimen> {
    vec![
        specimen(
            "P1",
            "somebody else's claim was taken over, because a claim of that name existed",
            "every claim that is read belongs to the node",
            || Arc::new(OwnsEveryClaim { only_at_the_end: false }),
        ),
        specimen(
            "P2",
            "deletion destroyed a volume that was to be kept",
            "a node that is being deleted does not ask to keep its volume",
            || {
                Arc::new(Sees(|id, mut node| {
                    if id.kind == Kind::SeiNode {
                        node["spec"]["dataVolume"] = json!({});
                    }
                    Some(node)
                }))
            },
        ),
        specimen(
            "P3",
            "the StatefulSet started while the pod of the Job still held the volume",
            "a Job is deleted without waiting for its pod, and no pod is found that is still there",
            || Arc::new(LeavesPodsBehind),
        ),
        specimen(
            "P4",
            "an imported claim for one pod at a time was refused",
            "ReadWriteOncePod is not read as an access mode",
            || {
                Arc::new(Sees(|id, mut claim| {
                    if id.kind == Kind::PersistentVolumeClaim
                        && let Some(modes) = claim["spec"]["accessModes"].as_array_mut()
                    {
                        modes.retain(|mode| mode != "ReadWriteOncePod");
                    }
                    Some(claim)
                }))
            },
        ),
        specimen(
            "P5",
            "a field of a newer Kubernetes was refused by an older cluster",
            "the pod template has a field that came with Kubernetes 1.34",
            || {
                Arc::new(Pods(Kind::StatefulSet, |pod| {
                    pod["hostnameOverride"] = json!("rpc-0");
                }))
            },
        ),
        specimen(
            "P6",
            "the owner of a whole volume was changed at every start, and /tmp was read-only",
            "no fsGroupChangePolicy, and no volume on the sidecar's /tmp",
            || {
                Arc::new(Pods(Kind::StatefulSet, |pod| {
                    pod["securityContext"].as_object_mut().unwrap().remove("fsGroupChangePolicy");
                    let mounts = &mut container(pod, "sei-sidecar").unwrap()["volumeMounts"];
                    mounts.as_array_mut().unwrap().retain(|mount| mount["mountPath"] != "/tmp");
                }))
            },
        ),
        specimen(
            "P7",
            "cleanup by name deleted objects of others",
            "every claim that is read at the end of a node belongs to it",
            || Arc::new(OwnsEveryClaim { only_at_the_end: true }),
        ),
        specimen("P8", "the advertised address was cleared", "status.externalAddress is never stored", || {
            Arc::new(Stores(|_, after| after.external_address = None))
        }),
        specimen(
            "P9",
            "volumes were kept unless somebody said otherwise, and leaked",
            "a node that says nothing keeps its volume",
            || {
                Arc::new(Sees(|id, mut node| {
                    if id.kind == Kind::SeiNode && node["spec"]["dataVolume"].is_null() {
                        node["spec"]["dataVolume"] = json!({"retainOnDelete": true});
                    }
                    Some(node)
                }))
            },
        ),
        specimen(
            "P10",
            "a read that failed was taken for an object that is not there",
            "a read without an answer finds nothing",
            || Arc::new(FailuresAreAbsence),
        ),
        specimen("P11", "containers had no memory of their own", "no container asks for resources", || {
            Arc::new(Pods(Kind::StatefulSet, |pod| {
                for container in pod["containers"].as_array_mut().unwrap() {
                    container.as_object_mut().unwrap().remove("resources");
                }
            }))
        }),
        specimen(
            "P12",
            "consolidation evicted the bootstrap pod",
            "the Job's pod has no annotation against it",
            || {
                Arc::new(Sends(|id, object| {
                    if id.kind == Kind::Job {
                        object["spec"]["template"]["metadata"].as_object_mut().unwrap().remove("annotations");
                    }
                }))
            },
        ),
    ]
}

struct OwnsEveryClaim {
    only_at_the_end: bool,
}

impl Bug for OwnsEveryClaim {
    fn reads(&self, world: &Witness, id: &ObjectId, answer: Read) -> Read {
        let mut object = answer?;
        let node = world.sim.sei_node(&NodeKey::new("nodes", "rpc-0"));
        let node = node.filter(|node| !self.only_at_the_end || node.metadata.deletion_timestamp.is_some());
        if let (Kind::PersistentVolumeClaim, Some(claim), Some(node)) = (id.kind, &mut object, node) {
            claim["metadata"]["ownerReferences"] = json!([{
                "apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "name": "rpc-0", "uid": node.metadata.uid,
                "controller": true,
            }]);
        }
        Ok(object)
    }
}

struct LeavesPodsBehind;

impl Bug for LeavesPodsBehind {
    fn lists_pods(&self, _: Vec<Value>) -> Vec<Value> {
        Vec::new()
    }

    fn deletes<'a>(
        &'a self,
        world: &'a Witness,
        id: &'a ObjectId,
        uid: &'a str,
        _: Propagation,
    ) -> Answer<'a, Result<(), ClusterError>> {
        Box::pin(world.delete(id, uid, Propagation::Background))
    }
}

struct FailuresAreAbsence;

impl Bug for FailuresAreAbsence {
    fn reads(&self, _: &Witness, _: &ObjectId, answer: Read) -> Read {
        match answer {
            Err(ClusterError::Unavailable(_)) => Ok(None),
            answer => answer,
        }
    }
}
