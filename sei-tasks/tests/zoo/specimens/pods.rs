//! Bugs around the StatefulSet and its pod.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use sei_planner::api::{ConditionStatus, SeiNode, SeiNodeSpec, SeiNodeStatus, Time, conditions as c};
use sei_planner::names::NodeKey;
use sei_tasks::world::{Clock, Cluster, ClusterError, Created, Kind, ObjectId, Propagation, SidecarError};
use serde_json::{Value, json};

use super::{Specimen, specimen};
use crate::bug::{Answer, Bug, Pods, Read, Sees, Sends};
use crate::witness::Witness;

/// How long a cache lags behind in [`LaggingCache`].
const LAG_SECONDS: i64 = 5;

pub(super) fn specimens() -> Vec<Specimen> {
    vec![
        specimen(
            "S1",
            "a running node, or one with a plan, did not follow its spec",
            "a node shows the spec that its last plan was made for",
            || Arc::<SpecOfThePlan>::default(),
        ),
        specimen(
            "S2",
            "the selector held labels that change, and every apply was refused",
            "the StatefulSet selects by all labels of its pod",
            || {
                Arc::new(Sends(|id, object| {
                    if id.kind == Kind::StatefulSet {
                        object["spec"]["selector"]["matchLabels"] =
                            object["spec"]["template"]["metadata"]["labels"].clone();
                    }
                }))
            },
        ),
        specimen(
            "S3",
            "values that the API server had defaulted looked like drift, without end",
            "the image in status always has a registry in front that the spec leaves out",
            || Arc::new(ComparesDefaults),
        ),
        specimen(
            "S4",
            "a StatefulSet or Service deleted by hand never came back",
            "the watch goes on showing what it once showed",
            || Arc::<NeverForgets>::default(),
        ),
        specimen(
            "S5",
            "a pod with another uid than the tracked one was deleted, and so was the next",
            "before each look a pod is deleted that is not the first one",
            || Arc::<TracksTheFirstPod>::default(),
        ),
        specimen(
            "S6",
            "an update waited for a ready pod, and the pod for the end of the update",
            "seid counts as running once its pod is ready",
            || Arc::new(Sees(running_once_ready)),
        ),
        specimen(
            "S7",
            "a StatefulSet whose controller had not looked yet passed for converged",
            "observedGeneration of every StatefulSet is its generation",
            || {
                Arc::new(Sees(|id, mut object| {
                    if id.kind == Kind::StatefulSet && object["status"].is_object() {
                        object["status"]["observedGeneration"] = object["metadata"]["generation"].clone();
                    }
                    Some(object)
                }))
            },
        ),
        specimen(
            "S8",
            "a read after an apply came from a cache: the plan was done, the old image ran",
            "for some seconds after an apply a read shows the object as it was",
            || Arc::<LaggingCache>::default(),
        ),
        specimen(
            "S9",
            "RollingUpdate never replaces a pod that is not ready, and nobody else did",
            "the StatefulSet says RollingUpdate, and no pod is deleted",
            || Arc::new(LeavesItToTheController),
        ),
        specimen(
            "S10",
            "a new pod's sidecar did not know that it was ready, and seid waited for ever",
            "every sidecar that answers is taken for ready",
            || Arc::new(AlwaysReady),
        ),
        specimen(
            "S11",
            "typed applies sent required fields empty",
            "the pod template names no machine, in so many words",
            || {
                Arc::new(Pods(Kind::StatefulSet, |pod| {
                    pod["nodeName"] = json!("");
                }))
            },
        ),
        specimen(
            "S12",
            "the StatefulSet was made before its claim",
            "the claim is created after the StatefulSet was applied",
            || Arc::<LateClaim>::default(),
        ),
        specimen(
            "S13",
            "what was wrong with a spec stood in the log only",
            "the status of a refused spec is not written",
            || Arc::new(SaysNothing),
        ),
    ]
}

#[derive(Default)]
struct SpecOfThePlan {
    specs: Mutex<BTreeMap<i64, SeiNodeSpec>>,
}

impl Bug for SpecOfThePlan {
    fn sees_node(&self, node: &mut SeiNode) {
        let mut specs = self.specs.lock().unwrap();
        specs.insert(node.metadata.generation.unwrap_or_default(), node.spec.clone());
        let plan = node.status.as_ref().and_then(|status| status.plan.as_ref());
        if let Some(planned) = plan.and_then(|plan| plan.target_generation)
            && let Some(spec) = specs.get(&planned)
        {
            node.spec = spec.clone();
            node.metadata.generation = Some(planned);
        }
    }
}

struct ComparesDefaults;

impl ComparesDefaults {
    const REGISTRY: &str = "docker.io/";
}

impl Bug for ComparesDefaults {
    fn sees_node(&self, node: &mut SeiNode) {
        let image = node.status.as_mut().and_then(|status| status.current_image.as_mut());
        if let Some(image) = image {
            *image = format!("{}{image}", Self::REGISTRY);
        }
    }

    fn stores(&self, _: &SeiNodeStatus, after: &mut SeiNodeStatus) {
        if let Some(image) = &mut after.current_image {
            *image = image.replace(Self::REGISTRY, "");
        }
    }
}

#[derive(Default)]
struct NeverForgets {
    seen: Mutex<BTreeMap<ObjectId, Value>>,
}

impl Bug for NeverForgets {
    fn sees(&self, id: &ObjectId, seen: Option<Value>) -> Option<Value> {
        if ![Kind::StatefulSet, Kind::Service].contains(&id.kind) {
            return seen;
        }
        let mut known = self.seen.lock().unwrap();
        known.extend(seen.map(|object| (id.clone(), object)));
        known.get(id).cloned()
    }
}

#[derive(Default)]
struct TracksTheFirstPod {
    tracked: Mutex<Option<String>>,
}

impl Bug for TracksTheFirstPod {
    fn before_looking<'a>(&'a self, world: &'a Witness, key: &'a NodeKey) -> Answer<'a, ()> {
        Box::pin(async move {
            let id = ObjectId::new(Kind::Pod, key.namespace.clone(), key.pod());
            let Some(pod) = world.sim.object(&id) else { return };
            let uid = pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
            let tracked = self.tracked.lock().unwrap().get_or_insert_with(|| uid.clone()).clone();
            if uid != tracked {
                let _ = world.delete(&id, &uid, Propagation::Background).await;
            }
        })
    }
}

fn running_once_ready(id: &ObjectId, mut pod: Value) -> Option<Value> {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    let ready = conditions.into_iter().any(|c| c["type"] == "Ready" && c["status"] == "True");
    if id.kind == Kind::Pod && !ready {
        for container in pod["status"]["containerStatuses"].as_array_mut().into_iter().flatten() {
            container["state"] = json!({"waiting": {}});
        }
    }
    Some(pod)
}

#[derive(Default)]
struct LaggingCache {
    before: Mutex<BTreeMap<ObjectId, (Time, Value)>>,
}

impl Bug for LaggingCache {
    fn applies<'a>(
        &'a self,
        world: &'a Witness,
        id: &'a ObjectId,
        object: &'a Value,
    ) -> Answer<'a, Result<Value, ClusterError>> {
        if let Some(before) = world.sim.object(id) {
            self.before.lock().unwrap().insert(id.clone(), (world.now(), before));
        }
        Box::pin(world.apply(id, object))
    }

    fn reads(&self, world: &Witness, id: &ObjectId, answer: Read) -> Read {
        let before = self.before.lock().unwrap().get(id).cloned();
        let stale = before.filter(|(at, _)| world.now().seconds_since(*at) < LAG_SECONDS);
        stale.map_or(answer, |(_, object)| Ok(Some(object)))
    }
}

struct LeavesItToTheController;

impl Bug for LeavesItToTheController {
    fn sends(&self, id: &ObjectId, object: &mut Value) {
        if id.kind == Kind::StatefulSet {
            object["spec"]["updateStrategy"] = json!({"type": "RollingUpdate"});
        }
    }

    fn deletes<'a>(
        &'a self,
        world: &'a Witness,
        id: &'a ObjectId,
        uid: &'a str,
        children: Propagation,
    ) -> Answer<'a, Result<(), ClusterError>> {
        match id.kind {
            Kind::Pod => Box::pin(async { Ok(()) }),
            Kind::SeiNode
            | Kind::StatefulSet
            | Kind::Service
            | Kind::PersistentVolumeClaim
            | Kind::PersistentVolume
            | Kind::Job
            | Kind::ConfigMap
            | Kind::Secret
            | Kind::Lease
            | Kind::Certificate => Box::pin(world.delete(id, uid, children)),
        }
    }
}

struct AlwaysReady;

impl Bug for AlwaysReady {
    fn hears(&self, answer: Result<bool, SidecarError>) -> Result<bool, SidecarError> {
        answer.map(|_| true)
    }
}

#[derive(Default)]
struct LateClaim {
    held: Mutex<Option<(ObjectId, Value)>>,
}

impl Bug for LateClaim {
    fn creates<'a>(
        &'a self,
        world: &'a Witness,
        id: &'a ObjectId,
        object: &'a Value,
    ) -> Answer<'a, Result<Created, ClusterError>> {
        if id.kind != Kind::PersistentVolumeClaim {
            return Box::pin(world.create(id, object));
        }
        *self.held.lock().unwrap() = Some((id.clone(), object.clone()));
        Box::pin(async { Ok(Created::New(object.clone())) })
    }

    fn applies<'a>(
        &'a self,
        world: &'a Witness,
        id: &'a ObjectId,
        object: &'a Value,
    ) -> Answer<'a, Result<Value, ClusterError>> {
        Box::pin(async move {
            let applied = world.apply(id, object).await?;
            let held = self.held.lock().unwrap().take();
            if let Some((claim, object)) = held {
                world.create(&claim, &object).await?;
            }
            Ok(applied)
        })
    }
}

struct SaysNothing;

impl Bug for SaysNothing {
    fn writes_status<'a>(
        &'a self,
        world: &'a Witness,
        node: &'a SeiNode,
        status: &'a SeiNodeStatus,
    ) -> Answer<'a, Result<SeiNode, ClusterError>> {
        let accepted = status.condition(c::SPEC_ACCEPTED);
        if accepted.is_some_and(|condition| condition.status == ConditionStatus::False) {
            return Box::pin(async { Ok(node.clone()) });
        }
        Box::pin(world.write_status(node, status))
    }
}
