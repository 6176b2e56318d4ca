//! Gathers the facts of one node: from watches where that will do, live where a decision hangs on it.

use std::collections::BTreeSet;

use sei_planner::api::{NodePhase, PlanPhase, SeiNodeStatus, TaskPlan, TaskStatus};
use sei_planner::names::NodeKey;
use sei_planner::node::{Decision, Observed, PlanKind, PodFacts, Presence, SidecarHealth, TaskProbe, ValidNode};
use sei_planner::task::{Venue, codec};

use crate::execute::base_url;
use crate::reconcile::World;
use crate::world::{Clock, Cluster, ClusterError, Kind, ObjectId, Sidecar, TaskState};

/// What is to be known before anything is decided.
pub(crate) async fn observe<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    status: &SeiNodeStatus,
) -> Result<Observed, ClusterError> {
    let key = &node.key;
    let pod_id = ObjectId::new(Kind::Pod, &key.namespace, key.pod());
    let pod = world.cluster.cached(&pod_id).map(|pod| PodFacts::of(&pod));
    let child = |kind, name: &str| ObjectId::new(kind, &key.namespace, name);
    let statefulset = presence(world, status, &child(Kind::StatefulSet, &key.name)).await?;
    Ok(Observed {
        statefulset,
        service: presence(world, status, &child(Kind::Service, &key.name)).await?,
        data_volume: presence(world, status, &child(Kind::PersistentVolumeClaim, &node.data_volume.claim)).await?,
        peers: label_peers(world, node),
        sidecar: health(world, node, status, pod.as_ref()).await,
        in_flight: in_flight(world, node, status, statefulset).await,
        pod,
    })
}

/// Replaces the watched pod by the live one when a plan is about to name the pod it replaces.
pub(crate) async fn with_live_pod<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    seen: Observed,
    decision: &Decision,
) -> Result<Observed, ClusterError> {
    let names_a_pod = match decision {
        Decision::Start(kind, _) | Decision::Supersede(kind, _) => match kind {
            PlanKind::Init { roll, .. } => *roll,
            PlanKind::Update(_) | PlanKind::Repair(_) => true,
            PlanKind::MarkReady => false,
        },
        Decision::Continue | Decision::Wait(_) | Decision::Idle => false,
    };
    if !names_a_pod {
        return Ok(seen);
    }
    let id = ObjectId::new(Kind::Pod, &node.key.namespace, node.key.pod());
    let pod = world.cluster.read(&id).await?.map(|pod| PodFacts::of(&pod));
    Ok(Observed { pod, ..seen })
}

/// Whether a child is there. What the watch does not show is confirmed by a live read where it would lead to a plan: a
/// watch that lags behind our own create must not look like a deletion.
async fn presence<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    status: &SeiNodeStatus,
    id: &ObjectId,
) -> Result<Presence, ClusterError> {
    if world.cluster.cached(id).is_some() {
        return Ok(Presence::Present);
    }
    let applied =
        status.phase() == NodePhase::Running || status.plan.as_ref().is_some_and(|plan| applied_in(plan, id.kind));
    if !applied {
        return Ok(Presence::Unknown);
    }
    let live = world.cluster.read(id).await?;
    Ok(if live.is_some() { Presence::Present } else { Presence::Missing })
}

fn applied_in(plan: &TaskPlan, kind: Kind) -> bool {
    let task = match kind {
        Kind::StatefulSet => "apply-statefulset",
        Kind::Service => "apply-service",
        Kind::PersistentVolumeClaim => "ensure-data-pvc",
        Kind::SeiNode | Kind::PersistentVolume | Kind::Pod => return false,
    };
    plan.tasks.iter().any(|planned| planned.kind == task && planned.status == TaskStatus::Complete)
}

/// Host names of the SeiNodes that the label sources select: sorted, without this node. Nobody is no error (B5).
fn label_peers<C: Cluster, S: Sidecar, K: Clock>(world: &World<C, S, K>, node: &ValidNode) -> Vec<String> {
    let mut hosts = BTreeSet::new();
    for label in node.peers.iter().filter_map(|peer| peer.label.as_ref()) {
        let namespace = label.namespace.as_deref().filter(|name| !name.is_empty()).unwrap_or(&node.key.namespace);
        let peers = world.cluster.peers(namespace, &label.selector);
        hosts.extend(peers.iter().filter(|peer| **peer != node.key).map(NodeKey::pod_host));
    }
    hosts.into_iter().collect()
}

/// Asks a running node's sidecar for its health when that is due (D12).
async fn health<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    status: &SeiNodeStatus,
    pod: Option<&PodFacts>,
) -> SidecarHealth {
    let busy = status.plan.as_ref().is_some_and(|plan| plan.phase == PlanPhase::Active);
    let now = world.clock.now();
    if status.phase() != NodePhase::Running || busy || !world.memory.health_is_due(&node.key, pod, now) {
        return SidecarHealth::NotAsked;
    }
    let answer = world.sidecar.healthz(&base_url(node)).await;
    world.memory.health_was_asked(&node.key, pod, answer.is_ok(), now);
    match answer {
        Ok(true) => SidecarHealth::Ready,
        Ok(false) => SidecarHealth::NotReady,
        Err(error) => SidecarHealth::Unreachable(error.to_string()),
    }
}

/// Asks what became of the plan's current sidecar task when the plan is about to be replaced: the spec changed under it,
/// or its StatefulSet is gone.
async fn in_flight<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    status: &SeiNodeStatus,
    statefulset: Presence,
) -> TaskProbe {
    let Some(plan) = status.plan.as_ref().filter(|plan| plan.phase == PlanPhase::Active) else {
        return TaskProbe::NotAsked;
    };
    let edited = plan.target_generation.is_some_and(|target| target != node.generation);
    let current = plan.tasks.iter().find(|task| task.status != TaskStatus::Complete);
    let replaced = edited || statefulset == Presence::Missing;
    let Some(current) = current.filter(|_| replaced) else { return TaskProbe::NotAsked };
    let sidecar_task = codec::decode(&current.kind, &current.params).is_ok_and(|task| task.venue() == Venue::Sidecar);
    if !sidecar_task {
        return TaskProbe::NotAsked;
    }
    match world.sidecar.task(&base_url(node), &current.id).await {
        Ok(None) => TaskProbe::Idle,
        Ok(Some(report)) => match report.state {
            TaskState::Running => TaskProbe::Running,
            TaskState::Completed => TaskProbe::Completed,
            TaskState::Failed => TaskProbe::Idle,
        },
        Err(_) => TaskProbe::Unreachable,
    }
}
