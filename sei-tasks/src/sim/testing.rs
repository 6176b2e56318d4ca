//! What the tests of this module share: a node, its objects, and a reconciler that is just good enough to bring it up.

#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, from_value, json};

use sei_planner::api::{FINALIZER, PlanPhase, SeiNode, SeiNodeStatus, TaskPlan};
use sei_planner::names::NodeKey;

use crate::world::LookAgain;
use crate::world::{
    Address, Clock, Cluster, ClusterError, Kind, ObjectId, Propagation, Sidecar, SidecarError, TaskRequest, TaskState,
};

use super::json::text;
use super::{Options, Sim};

/// The node of the tests.
pub(super) fn key() -> NodeKey {
    NodeKey::new("nodes", "rpc-0")
}

/// An object that bears a name in the namespace of the tests.
pub(super) fn id(kind: Kind, name: &str) -> ObjectId {
    let namespace = if kind.namespaced() { "nodes" } else { "" };
    ObjectId::new(kind, namespace, name)
}

/// The manifest of the node.
pub(super) fn manifest() -> Value {
    json!({
        "apiVersion": "sei.io/v1alpha1",
        "kind": "SeiNode",
        "metadata": { "name": "rpc-0", "namespace": "nodes", "labels": { "team": "a" } },
        "spec": { "chainId": "pacific-1", "image": "sei:v1", "sidecar": {}, "fullNode": {} },
    })
}

/// A world with the node in it.
pub(super) fn world(options: Options) -> Sim {
    let sim = Sim::new(options);
    assert!(sim.user_apply(manifest()).is_ok());
    sim
}

/// The StatefulSet of a node.
pub(super) fn stateful_set(owner_uid: &str, image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": meta("rpc-0", owner_uid),
        "spec": {
            "replicas": 1,
            "serviceName": "rpc-0",
            "selector": { "matchLabels": { "sei.io/node": "rpc-0" } },
            "updateStrategy": { "type": "OnDelete" },
            "template": {
                "metadata": { "labels": { "sei.io/node": "rpc-0" } },
                "spec": {
                    "volumes": [{ "name": "data", "persistentVolumeClaim": { "claimName": "data-rpc-0" } }],
                    "initContainers": [
                        { "name": "seid-init", "image": image },
                        {
                            "name": "sei-sidecar", "image": "sidecar:v1", "restartPolicy": "Always",
                            "ports": [{ "name": "sidecar", "containerPort": 7777 }],
                        },
                    ],
                    "containers": [
                        { "name": "seid", "image": image },
                        { "name": "cosmos-exporter", "image": "exporter:v1" },
                    ],
                },
            },
        },
    })
}

/// The Service of a node.
pub(super) fn service(owner_uid: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta("rpc-0", owner_uid),
        "spec": { "clusterIP": "None" },
    })
}

/// The data claim of a node.
pub(super) fn claim(owner_uid: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": meta("data-rpc-0", owner_uid),
        "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "2000Gi" } } },
    })
}

fn meta(name: &str, owner_uid: &str) -> Value {
    let mut meta = json!({ "name": name, "namespace": "nodes" });
    if !owner_uid.is_empty() {
        meta["ownerReferences"] = json!([{
            "apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "name": "rpc-0",
            "uid": owner_uid, "controller": true, "blockOwnerDeletion": true,
        }]);
    }
    meta
}

/// URL of the node's sidecar.
pub(super) const URL: &str = "http://rpc-0-0.rpc-0.nodes.svc.cluster.local:7777";

/// Address of the node's sidecar.
pub(super) fn address() -> Address {
    Address::plain(URL)
}

/// A task id of the tests.
pub(super) fn task_id(number: u32) -> String {
    format!("aaaaaaaa-0000-5000-8000-{number:012}")
}

/// Adds children without an operator: claim, set and service, owned by nobody.
pub(super) fn bare_world(options: Options) -> Sim {
    let sim = Sim::new(options);
    for object in [claim(""), service(""), stateful_set("", "sei:v1")] {
        assert!(sim.user_apply(object).is_ok());
    }
    sim
}

/// An operator that does nothing.
pub(super) async fn idle(_: &Sim, _: &NodeKey) -> Result<LookAgain, ClusterError> {
    Ok(LookAgain { at: None })
}

/// Tasks of the small plan.
const TASKS: [&str; 4] = ["configure-genesis", "config-apply", "config-validate", "mark-ready"];

/// A small operator: finalizer, plan, children, sidecar tasks, one status write at the end; replaces an outdated pod;
/// deletes its claim before it lets the node go.
pub(super) async fn small(sim: &Sim, key: &NodeKey) -> Result<LookAgain, ClusterError> {
    let Some(mut node) = sim.node(key).await? else {
        return Ok(LookAgain { at: None });
    };
    if node.metadata.deletion_timestamp.is_some() {
        return let_go(sim, key, &node).await;
    }
    if node.metadata.finalizers.is_none() {
        let meta = json!({ "finalizers": [FINALIZER] });
        let (uid, version) = (uid(&node), version(&node));
        let patched = sim.patch_metadata(&super::state::node_id(key), &uid, &version, &meta).await?;
        node = from_value(patched).map_err(|e| ClusterError::Unavailable(e.to_string()))?;
    }
    let status = node.status.clone().unwrap_or_default();
    let wanted = node.spec.image.clone();
    let again = LookAgain { at: Some(sim.now().plus_seconds(5)) };
    match status.plan.as_ref().filter(|plan| plan.phase == PlanPhase::Active) {
        Some(plan) => {
            let mut plan = plan.clone();
            if !work(sim, key, &node, &plan).await? {
                return Ok(again);
            }
            plan.phase = PlanPhase::Complete;
            let mut done = status.clone();
            done.plan = Some(plan);
            done.current_image = Some(wanted);
            sim.write_status(&node, &done).await?;
            Ok(LookAgain { at: None })
        }
        None if status.current_image.as_deref() == Some(wanted.as_str()) => Ok(LookAgain { at: None }),
        None => {
            let mut begun = status.clone();
            begun.plan = Some(plan(&sim.fresh_plan_id()));
            sim.write_status(&node, &begun).await?;
            Ok(LookAgain { at: Some(sim.now()) })
        }
    }
}

fn plan(id: &str) -> TaskPlan {
    let tail = id.get(24..).unwrap_or_default();
    let tasks: Vec<Value> = TASKS
        .iter()
        .enumerate()
        .map(|(index, kind)| {
            let id = format!("aaaaaaaa-0000-5000-800{index}-{tail}");
            json!({ "type": kind, "id": id, "status": "Pending" })
        })
        .collect();
    let plan = json!({ "id": id, "phase": "Active", "kind": "Init", "tasks": tasks });
    from_value(plan).unwrap()
}

/// True once everything is done.
async fn work(sim: &Sim, key: &NodeKey, node: &SeiNode, plan: &TaskPlan) -> Result<bool, ClusterError> {
    let owner = uid(node);
    sim.create(&id(Kind::PersistentVolumeClaim, "data-rpc-0"), &claim(&owner)).await?;
    let set_id = id(Kind::StatefulSet, &key.name);
    let set = sim.apply(&set_id, &stateful_set(&owner, &node.spec.image)).await?;
    sim.apply(&id(Kind::Service, &key.name), &service(&owner)).await?;
    let observed = set.pointer("/status/observedGeneration");
    if observed != set.pointer("/metadata/generation") {
        return Ok(false);
    }
    let pod_id = id(Kind::Pod, "rpc-0-0");
    let Some(pod) = sim.read(&pod_id).await? else {
        return Ok(false);
    };
    let revision = text(&pod, "/metadata/labels/controller-revision-hash");
    if revision != text(&set, "/status/updateRevision") {
        if !super::store::is_leaving(&pod) {
            sim.delete(&pod_id, text(&pod, "/metadata/uid"), Propagation::Background).await?;
        }
        return Ok(false);
    }
    if text(&pod, "/status/phase") != "Running" {
        return Ok(false);
    }
    ask(sim, plan).await.map_err(|e| ClusterError::Unavailable(e.to_string()))
}

async fn ask(sim: &Sim, plan: &TaskPlan) -> Result<bool, SidecarError> {
    for (task, kind) in plan.tasks.iter().zip(TASKS) {
        let known = sim.task(&address(), &task.id).await?;
        if known.is_none_or(|task| task.state == TaskState::Failed) {
            let params = (kind == "config-apply").then(|| json!({ "mode": "full" }));
            let id = task.id.clone();
            sim.submit(&address(), &TaskRequest { id, kind, params }).await?;
        }
        let report = sim.task(&address(), &task.id).await?;
        if report.is_none_or(|report| report.state != TaskState::Completed) {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn let_go(sim: &Sim, key: &NodeKey, node: &SeiNode) -> Result<LookAgain, ClusterError> {
    let set_id = id(Kind::StatefulSet, &key.name);
    if let Some(set) = sim.read(&set_id).await? {
        sim.delete(&set_id, text(&set, "/metadata/uid"), Propagation::Background).await?;
    }
    if sim.read(&id(Kind::Pod, "rpc-0-0")).await?.is_some() {
        return Ok(LookAgain { at: Some(sim.now().plus_seconds(5)) });
    }
    let claim_id = id(Kind::PersistentVolumeClaim, "data-rpc-0");
    if let Some(claim) = sim.read(&claim_id).await? {
        sim.delete(&claim_id, text(&claim, "/metadata/uid"), Propagation::Background).await?;
    }
    let (uid, version) = (uid(node), version(node));
    let meta = json!({ "finalizers": null });
    sim.patch_metadata(&super::state::node_id(key), &uid, &version, &meta).await?;
    Ok(LookAgain { at: None })
}

fn uid(node: &SeiNode) -> String {
    node.metadata.uid.clone().unwrap_or_default()
}

fn version(node: &SeiNode) -> String {
    node.metadata.resource_version.clone().unwrap_or_default()
}

/// The status of the node of the tests.
pub(super) fn status(sim: &Sim) -> SeiNodeStatus {
    sim.sei_node(&key()).and_then(|node| node.status).unwrap_or_default()
}

/// Whether the node runs this image, its plan is complete and its pod is ready.
pub(super) fn settled(sim: &Sim, image: &str) -> bool {
    let stamped = sim.inspect(&super::state::node_id(&key()), |node| {
        text(node, "/status/plan/phase") == "Complete" && text(node, "/status/currentImage") == image
    });
    let runs = sim.inspect(&id(Kind::Pod, "rpc-0-0"), |pod| {
        text(pod, "/spec/containers/0/image") == image && super::controllers::statefulset::is_ready(pod)
    });
    stamped == Some(true) && runs == Some(true)
}
