//! Which pod serves a task: that of the bootstrap Job until the plan tears it down, then that of the StatefulSet.

use std::sync::Arc;

use sei_planner::api::TaskPlan;
use sei_planner::manifests::{RPC_PORT, bootstrap_labels};
use sei_planner::node::{PodFacts, ValidNode, controller_uid};
use serde_json::Value;

use crate::world::{Clock, Cluster, Kind, ObjectId, Sidecar, World};

/// Whose pod a task speaks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The bootstrap Job's.
    Bootstrap,
    /// The StatefulSet's.
    Production,
}

/// The stage of the task at `index`.
pub(crate) fn stage(plan: &TaskPlan, index: usize) -> Stage {
    let before = plan.tasks.iter().take(index).rev();
    let turns = ["deploy-bootstrap-job", "teardown-bootstrap"];
    match before.map(|task| task.kind.as_str()).find(|kind| turns.contains(kind)) {
        Some("deploy-bootstrap-job") => Stage::Bootstrap,
        Some(_) | None => Stage::Production,
    }
}

/// The pod of a stage as the watch shows it.
pub(crate) fn watched_pod<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    stage: Stage,
) -> Option<PodFacts> {
    match stage {
        Stage::Production => world.cluster.cached(&pod_id(node)).map(|pod| PodFacts::of(&pod)),
        Stage::Bootstrap => bootstrap_pod(world, node).map(|pod| PodFacts::of(&pod)),
    }
}

/// The pod of the bootstrap Job that the watch shows; its name is the Job controller's choice.
pub(crate) fn bootstrap_pod<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
) -> Option<Arc<Value>> {
    let job = world.cluster.cached(&job_id(node))?;
    let pods = world.cluster.cached_pods(&node.key.namespace, &bootstrap_labels(node));
    pods.into_iter().find(|pod| controller_uid(pod).as_deref() == job["metadata"]["uid"].as_str())
}

/// RPC of the node's seid, by the name that the Service gives to its pod.
pub(crate) fn rpc_url(node: &ValidNode) -> String {
    format!("http://{}:{RPC_PORT}", node.key.pod_host())
}

/// The production pod.
pub(crate) fn pod_id(node: &ValidNode) -> ObjectId {
    ObjectId::new(Kind::Pod, &node.key.namespace, node.key.pod())
}

/// The StatefulSet.
pub(crate) fn statefulset_id(node: &ValidNode) -> ObjectId {
    ObjectId::new(Kind::StatefulSet, &node.key.namespace, &node.key.name)
}

/// The bootstrap Job.
pub(crate) fn job_id(node: &ValidNode) -> ObjectId {
    ObjectId::new(Kind::Job, &node.key.namespace, node.key.bootstrap_job())
}
