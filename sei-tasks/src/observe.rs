//! Gathers the facts of one node: from watches where that will do, live where a decision hangs on it.

use std::collections::BTreeSet;

use sei_planner::api::{ConditionStatus, NodePhase, PlanPhase, SeiNodeStatus, TaskPlan, TaskStatus, Time, conditions};
use sei_planner::inspect::tls_secret;
use sei_planner::manifests::template_digest;
use sei_planner::names::NodeKey;
use sei_planner::node::{
    Decision, Issuer, Observed, PlanKind, PodFacts, Presence, SidecarHealth, TaskProbe, TlsSource, ValidNode,
    builds_on_data, decide, next_write, service_task, writes_volume,
};
use serde_json::Value;

use crate::issued;
use crate::record::Probe;
use crate::secrets::{read_secret, unavailable};
use crate::serving::{Stage, pod_id, stage, watched_pod};
use crate::sidecars;
use crate::world::{Clock, Cluster, ClusterError, Kind, ObjectId, Sidecar, TaskState, World};

/// What is to be known before anything is decided.
pub(crate) async fn observe<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    status: &SeiNodeStatus,
) -> Result<Observed, ClusterError> {
    let key = &node.key;
    let pod = production_pod(world, node, status).await?;
    let child = |kind, name: &str| ObjectId::new(kind, &key.namespace, name);
    let known = |kind| was_applied(status, kind);
    let claim = child(Kind::PersistentVolumeClaim, &node.data_volume.claim);
    let claim_known = known(Kind::PersistentVolumeClaim) || holds_data(status);
    let set = child(Kind::StatefulSet, &key.name);
    // A plan that is about to be replaced may have applied more than its last stored status says, and the watch may not show it yet.
    let set_known = known(Kind::StatefulSet) || plan_to_replace(node, status, false).is_some();
    let found = presence(world, key, set_known, &set).await?;
    let altered = found == Presence::Present && was_altered(world, status, &set).await?;
    let statefulset = if altered { Presence::Altered } else { found };
    let proxy_known = node.tls.is_some() && known(Kind::ConfigMap);
    let proxy_config = presence(world, key, proxy_known, &child(Kind::ConfigMap, &key.proxy_config())).await?;
    let lost = [statefulset, proxy_config].into_iter().any(Presence::is_lost);
    let (finished, in_flight) = match plan_to_replace(node, status, lost) {
        Some(plan) => progress(world, node, plan).await,
        None => (Vec::new(), TaskProbe::NotAsked),
    };
    // A sidecar without a name gives no answer, and what it does not deny it may be at work on.
    let service_known = known(Kind::Service) || matches!(in_flight, TaskProbe::Unreachable | TaskProbe::Running);
    Ok(Observed {
        statefulset,
        service: presence(world, key, service_known, &child(Kind::Service, &key.name)).await?,
        data_volume: presence(world, key, claim_known, &claim).await?,
        proxy_config,
        certificate: Presence::Unknown,
        tls_secret: None,
        peers: label_peers(world, node),
        sidecar: health(world, node, status, pod.as_ref()).await,
        pod_template: is_told_of_templates(status).then(|| template_digest(node, &world.platform).ok()).flatten(),
        finished,
        in_flight,
        pod,
    })
}

/// Whether a plan is under way.
fn is_busy(status: &SeiNodeStatus) -> bool {
    status.plan.as_ref().is_some_and(|plan| plan.phase == PlanPhase::Active)
}

/// Whether anything is said of what the operator would make differently: not while a plan makes it.
fn is_told_of_templates(status: &SeiNodeStatus) -> bool {
    let busy = is_busy(status);
    let told = status.condition(conditions::TEMPLATE_OUTDATED).map(|known| known.status);
    status.phase() == NodePhase::Running && (!busy || told == Some(ConditionStatus::True))
}

/// The pod as the watch shows it; live where the plan says less than was done, and its pod tells how far it came.
async fn production_pod<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    status: &SeiNodeStatus,
) -> Result<Option<PodFacts>, ClusterError> {
    let doubtful = |plan: &&TaskPlan| match plan.phase {
        PlanPhase::Active => is_edited(node, plan),
        PlanPhase::Failed => true,
        PlanPhase::Complete => false,
    };
    match status.plan.as_ref().filter(doubtful).filter(|plan| !plan.brings_up() && plan.tasks.iter().any(writes_volume))
    {
        Some(_) => Ok(world.cluster.read(&pod_id(node)).await?.map(|pod| PodFacts::of(&pod))),
        None => Ok(watched_pod(world, node, Stage::Production)),
    }
}

/// Whether the spec is not the one that the plan follows.
fn is_edited(node: &ValidNode, plan: &TaskPlan) -> bool {
    plan.target_generation.is_some_and(|target| target != node.generation)
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
            PlanKind::Init(ground) | PlanKind::Bootstrap(ground) | PlanKind::Genesis(ground) => ground.roll,
            PlanKind::Update(update) => update.cycles_the_pod(),
            PlanKind::Repair(_) => true,
            PlanKind::MarkReady => false,
        },
        Decision::Continue | Decision::RestoreService | Decision::Wait(_) | Decision::Idle => false,
    };
    if !names_a_pod {
        return Ok(seen);
    }
    let pod = world.cluster.read(&pod_id(node)).await?.map(|pod| PodFacts::of(&pod));
    Ok(Observed { pod, ..seen })
}

/// Adds what is to be said of the certificate of the TLS proxy, where somebody wants to know.
pub(crate) async fn with_tls_secret<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    status: &SeiNodeStatus,
    seen: Observed,
) -> Result<Observed, ClusterError> {
    match node.tls.as_ref().map(|tls| &tls.source) {
        Some(TlsSource::Secret(name)) => with_provisioned_secret(world, node, status, seen, name).await,
        Some(TlsSource::Issuer(issuer)) => with_issued_certificate(world, node, status, seen, issuer).await,
        None => Ok(seen),
    }
}

/// A running node's certificate was not looked at for long: is it still asked for, and still good? Plans look for themselves.
async fn with_issued_certificate<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    status: &SeiNodeStatus,
    seen: Observed,
    issuer: &Issuer,
) -> Result<Observed, ClusterError> {
    let now = world.clock.now();
    let busy = is_busy(status);
    if status.phase() != NodePhase::Running || busy || !world.memory.secret_is_due(&node.key, now) {
        return Ok(seen);
    }
    let issued = issued::look(world, node, issuer).await?;
    world.memory.secret_was_read(&node.key, now);
    Ok(Observed { certificate: issued.certificate, tls_secret: Some(issued.verdict), ..seen })
}

/// A plan that makes or replaces a pod is about to start, or a running node's Secret was not looked at for long. A plan
/// that is under way needs it no more.
async fn with_provisioned_secret<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    status: &SeiNodeStatus,
    seen: Observed,
    name: &str,
) -> Result<Observed, ClusterError> {
    let now = world.clock.now();
    let needed = match decide(node, status, &seen, now) {
        Decision::Start(kind, _) | Decision::Supersede(kind, _) => kind.touches_the_pod(),
        Decision::Continue | Decision::RestoreService | Decision::Wait(_) | Decision::Idle => false,
    };
    let due = status.phase() == NodePhase::Running && world.memory.secret_is_due(&node.key, now);
    if !needed && !due {
        return Ok(seen);
    }
    let verdict = match read_secret(world, &node.key.namespace, name).await {
        Ok(secret) => tls_secret(secret.as_ref(), name, &node.key.namespace, &node.required_dns_names(), now),
        Err(error @ ClusterError::Rejected { .. }) => {
            unavailable(format!("transient error getting Secret {name:?}: {error}"))
        }
        Err(error) => return Err(error),
    };
    world.memory.secret_was_read(&node.key, now);
    Ok(Observed { tls_secret: Some(verdict), ..seen })
}

/// Whether a child is there. What the watch does not show is confirmed by a live read where it would lead to a plan, except right
/// after our own apply: a watch that lags behind it must not look like a deletion.
async fn presence<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    key: &NodeKey,
    applied: bool,
    id: &ObjectId,
) -> Result<Presence, ClusterError> {
    if world.cluster.cached(id).is_some() {
        world.memory.watch_shows(key, id.kind);
        return Ok(Presence::Present);
    }
    if world.memory.awaits_watch(key, id.kind, world.clock.now()) {
        return Ok(Presence::Present);
    }
    if !applied {
        return Ok(Presence::Unknown);
    }
    let live = world.cluster.read(id).await?;
    Ok(if live.is_some() { Presence::Present } else { Presence::Missing })
}

/// Whether somebody else wrote the StatefulSet after us: also a write of an earlier process that was long on its way. A
/// watch may show the StatefulSet that was before, so what it shows is confirmed by a live read.
async fn was_altered<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    status: &SeiNodeStatus,
    set: &ObjectId,
) -> Result<bool, ClusterError> {
    let Some(applied) = status.stateful_set_generation else { return Ok(false) };
    let is_later = |set: &Value| set["metadata"]["generation"].as_i64() > Some(applied);
    let seen = world.cluster.cached(set).is_some_and(|set| is_later(&set));
    Ok(seen && world.cluster.read(set).await?.is_some_and(|set| is_later(&set)))
}

fn was_applied(status: &SeiNodeStatus, kind: Kind) -> bool {
    status.phase() == NodePhase::Running || status.plan.as_ref().is_some_and(|plan| applied_in(plan, kind))
}

/// Whether status says of the data volume what no other volume has, or its plan needs that: also a plan that did not come
/// to its claim yet must not make it anew in silence.
fn holds_data(status: &SeiNodeStatus) -> bool {
    status.state_sync_configured == Some(true)
        || status.bootstrapped_height.is_some()
        || status.plan.as_ref().is_some_and(builds_on_data)
}

fn applied_in(plan: &TaskPlan, kind: Kind) -> bool {
    let tasks: &[&str] = match kind {
        Kind::StatefulSet => &["apply-statefulset"],
        Kind::Service => return service_task(plan).is_some(),
        Kind::ConfigMap => &["apply-rbac-proxy-config"],
        // No pod is made before its claim.
        Kind::PersistentVolumeClaim => &["ensure-data-pvc", "apply-statefulset", "deploy-bootstrap-job"],
        Kind::SeiNode
        | Kind::PersistentVolume
        | Kind::Pod
        | Kind::Job
        | Kind::Secret
        | Kind::Lease
        | Kind::Certificate => return false,
    };
    plan.tasks.iter().any(|planned| tasks.contains(&planned.kind.as_str()) && planned.status == TaskStatus::Complete)
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

/// When a plan that failed is tried again.
pub(crate) fn retry_of(status: &SeiNodeStatus) -> Option<Time> {
    status.plan.as_ref().filter(|plan| plan.phase == PlanPhase::Failed).and_then(|plan| plan.retry_at)
}

/// Asks a running node's sidecar for its health when that is due (D12).
async fn health<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    status: &SeiNodeStatus,
    pod: Option<&PodFacts>,
) -> SidecarHealth {
    let busy = is_busy(status);
    let now = world.clock.now();
    let is_due = || world.memory.health_is_due(&node.key, pod, retry_of(status), now);
    if status.phase() != NodePhase::Running || busy || !is_due() {
        return SidecarHealth::NotAsked;
    }
    let answer = sidecars::healthz(world, node, pod).await;
    world.memory.health_was_asked(&node.key, pod, answer.is_ok(), now);
    let (probe, health) = match answer {
        Ok(true) => (Probe::Ready, SidecarHealth::Ready),
        Ok(false) => (Probe::NotReady, SidecarHealth::NotReady),
        Err(error) => (Probe::Unreachable, SidecarHealth::Unreachable(error.to_string())),
    };
    world.recorder.probed(&node.key, probe);
    health
}

/// The active plan, when it is about to be replaced: the spec changed under it, or something that it had applied is gone.
fn plan_to_replace<'a>(node: &ValidNode, status: &'a SeiNodeStatus, lost: bool) -> Option<&'a TaskPlan> {
    let plan = status.plan.as_ref().filter(|plan| plan.phase == PlanPhase::Active)?;
    (is_edited(node, plan) || lost).then_some(plan)
}

/// How far the sidecar got with a plan, task by task until one is not completed: status may be behind.
async fn progress<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    plan: &TaskPlan,
) -> (Vec<String>, TaskProbe) {
    let mut finished = Vec::new();
    while let Some(task) = next_write(plan, &finished) {
        let stage = plan.tasks.iter().position(|other| other.id == task.id).map(|index| stage(plan, index));
        let stage = stage.unwrap_or(Stage::Production);
        let pod = watched_pod(world, node, stage);
        let probe = match sidecars::task(world, node, pod.as_ref(), &task.id).await {
            Ok(Some(report)) if report.state == TaskState::Completed => {
                finished.push(task.id.clone());
                continue;
            }
            Ok(Some(report)) if report.state == TaskState::Running => TaskProbe::Running,
            Ok(_) => TaskProbe::Idle,
            // Nobody answers, and the planner looks at the production pod only: while the container of the bootstrap
            // pod runs, the task may, too.
            Err(_) if stage == Stage::Bootstrap && pod.is_some_and(|pod| pod.sidecar_running) => TaskProbe::Running,
            Err(_) => TaskProbe::Unreachable,
        };
        return (finished, probe);
    }
    (finished, TaskProbe::NotAsked)
}
