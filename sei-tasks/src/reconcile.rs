//! One look at one node: the pipeline, readable aloud.

use sei_planner::api::{FINALIZER, NodePhase, PlanPhase, SeiNode, SeiNodeStatus, TaskPlan, Time};
use sei_planner::names::NodeKey;
use sei_planner::node::{
    Decision, Observed, Ran, Refusal, Stamp, ValidNode, Wait, announce, decide, draft, project_status, validate,
};
use sei_planner::platform::Platform;
use sei_planner::step::{Failure, Outcome, Step, close, settle, step};
use sei_planner::task::Task;
use serde_json::{Value, json};

use crate::delete::delete_node;
use crate::execute::execute;
use crate::memory::Memory;
use crate::observe::{observe, with_live_pod};
use crate::world::{Clock, Cluster, ClusterError, Kind, ObjectId, Sidecar};

/// Seconds until a sidecar that cannot be interrupted is looked at again.
const DRAIN_SECONDS: i64 = 5;

/// Everything a reconcile acts on.
pub struct World<C, S, K> {
    /// The API server.
    pub cluster: C,
    /// The sidecars of all nodes.
    pub sidecar: S,
    /// Time and fresh ids.
    pub clock: K,
    /// Settings of the cluster.
    pub platform: Platform,
    /// What this process remembers between two looks.
    pub memory: Memory,
}

/// When to look at the node again, unless something changes before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookAgain {
    /// Not before a change when absent.
    pub at: Option<Time>,
}

/// One look at one node. At most one status write; no effect before its plan is stored.
///
/// # Errors
/// When the API server refused or could not do something; the caller looks again with a backoff.
pub async fn reconcile_node<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    key: &NodeKey,
) -> Result<LookAgain, ClusterError> {
    let Some(node) = world.cluster.node(key).await? else {
        world.memory.forget(key);
        return Ok(LookAgain { at: None });
    };
    if node.metadata.deletion_timestamp.is_some() {
        return delete_node(world, key, node).await;
    }
    let node = with_finalizer(world, key, node).await?;
    match validate(&node, &world.platform) {
        Ok(valid) => follow(world, &node, &valid).await,
        Err(refusal) => refuse(world, &node, &refusal).await,
    }
}

/// The pipeline of a node whose spec can be planned.
async fn follow<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &SeiNode,
    valid: &ValidNode,
) -> Result<LookAgain, ClusterError> {
    let old = node.status.clone().unwrap_or_default();
    let seen = observe(world, valid, &old).await?;
    let decision = decide(valid, &old, &seen, world.clock.now());
    let seen = with_live_pod(world, valid, seen, &decision).await?;
    let progress = match draft(valid, &old, &seen, &decision, &world.clock.fresh_plan_id()) {
        Some(plan) => Progress::stored_first(plan, world.clock.now()),
        None if decision == Decision::RestoreService => restore_service(world, valid, &old).await,
        None => run_until_it_waits(world, valid, &old, &decision).await,
    };
    let ran = Ran::Decided { node: valid, decision: &decision, plan: progress.plan.as_ref(), stamps: &progress.stamps };
    let next = project_status(&old, &ran, &seen, valid.generation, world.clock.now());
    write_and_announce(world, node, &old, &next).await?;
    Ok(look_again(world, valid, &decision, &next, progress.look_at))
}

/// A refused spec is said once and left alone until it changes.
async fn refuse<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &SeiNode,
    refusal: &Refusal,
) -> Result<LookAgain, ClusterError> {
    let old = node.status.clone().unwrap_or_default();
    let generation = node.metadata.generation.unwrap_or_default();
    let seen = Observed::default();
    let next = project_status(&old, &Ran::Refused(refusal), &seen, generation, world.clock.now());
    write_and_announce(world, node, &old, &next).await?;
    Ok(LookAgain { at: None })
}

/// What became of the plan in this reconcile.
struct Progress {
    plan: Option<TaskPlan>,
    stamps: Vec<Stamp>,
    look_at: Option<Time>,
}

impl Progress {
    fn nothing() -> Self {
        Self { plan: None, stamps: Vec::new(), look_at: None }
    }

    /// A new plan is stored before anything of it happens (S8).
    fn stored_first(plan: TaskPlan, now: Time) -> Self {
        Self { plan: Some(plan), stamps: Vec::new(), look_at: Some(now) }
    }
}

/// Runs task after task as long as they complete at once.
async fn run_until_it_waits<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    old: &SeiNodeStatus,
    decision: &Decision,
) -> Progress {
    let (Decision::Continue, Some(mut plan)) = (decision, old.plan.clone()) else {
        return Progress::nothing();
    };
    let mut stamps = Vec::new();
    close(&mut plan);
    let look_at = loop {
        let (index, outcome) = match step(&plan, world.clock.now()) {
            Step::Finished => break None,
            Step::WaitUntil(at) => break Some(at),
            Step::Unreadable { index, why } => (index, Outcome::Failed(Failure::Terminal { why })),
            Step::Run { index, task } => (index, execute(world, node, &plan, index, &task).await),
        };
        let look_at = settle(&mut plan, index, &outcome, world.clock.now());
        match outcome {
            Outcome::Done(seen) => stamps.extend(seen),
            Outcome::Waiting(_) | Outcome::Failed(_) => {
                stamps.extend(crate::execute::stamps_of_failure(node, &plan, index, &outcome));
                break look_at;
            }
        }
    };
    Progress { plan: Some(plan), stamps, look_at }
}

/// Runs `apply-service` of the active plan again. Nothing is stored unless the API server will not have the Service: the
/// plan's other tasks may run in the sidecar meanwhile, and their state must stay as it is.
async fn restore_service<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    old: &SeiNodeStatus,
) -> Progress {
    let Some(mut plan) = old.plan.clone() else { return Progress::nothing() };
    let Some(index) = plan.tasks.iter().position(|task| task.kind == "apply-service") else {
        return Progress::nothing();
    };
    let now = world.clock.now();
    let outcome = execute(world, node, &plan, index, &Task::ApplyService(node.key.clone())).await;
    let look_at = match &outcome {
        Outcome::Done(_) => Some(now),
        Outcome::Failed(Failure::Terminal { .. }) => settle(&mut plan, index, &outcome, now),
        Outcome::Waiting(_) | Outcome::Failed(_) => Some(now.plus_seconds(DRAIN_SECONDS)),
    };
    Progress { plan: Some(plan), stamps: Vec::new(), look_at }
}

/// Adds our finalizer before anything else, so that nothing is left behind when the node is deleted.
async fn with_finalizer<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    key: &NodeKey,
    node: SeiNode,
) -> Result<SeiNode, ClusterError> {
    let mut finalizers = node.metadata.finalizers.clone().unwrap_or_default();
    if finalizers.iter().any(|name| name == FINALIZER) {
        return Ok(node);
    }
    finalizers.push(FINALIZER.to_owned());
    patch_finalizers(world, key, &node, &finalizers).await
}

/// The node as it stands now. A decision to destroy or keep data must not hang on a watch that lags behind.
pub(crate) async fn live_node<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    key: &NodeKey,
) -> Result<Option<SeiNode>, ClusterError> {
    let id = ObjectId::new(Kind::SeiNode, &key.namespace, &key.name);
    world.cluster.read(&id).await?.map(readable).transpose()
}

fn readable(node: Value) -> Result<SeiNode, ClusterError> {
    serde_json::from_value(node).map_err(|error| ClusterError::Unavailable(format!("unreadable SeiNode: {error}")))
}

pub(crate) async fn patch_finalizers<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    key: &NodeKey,
    node: &SeiNode,
    finalizers: &[String],
) -> Result<SeiNode, ClusterError> {
    let id = ObjectId::new(Kind::SeiNode, &key.namespace, &key.name);
    let uid = node.metadata.uid.clone().unwrap_or_default();
    let version = node.metadata.resource_version.clone().unwrap_or_default();
    let metadata = json!({ "finalizers": finalizers });
    readable(world.cluster.patch_metadata(&id, &uid, &version, &metadata).await?)
}

/// At most one status write, then the events of what changed; a lost event never fails a reconcile.
async fn write_and_announce<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &SeiNode,
    old: &SeiNodeStatus,
    next: &SeiNodeStatus,
) -> Result<(), ClusterError> {
    if old == next {
        return Ok(());
    }
    world.cluster.write_status(node, next).await?;
    for event in announce(old, next) {
        if let Err(error) = world.cluster.announce(node, &event).await {
            tracing::warn!(reason = event.reason, %error, "event not published");
        }
    }
    Ok(())
}

fn look_again<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    decision: &Decision,
    next: &SeiNodeStatus,
    look_at: Option<Time>,
) -> LookAgain {
    let now = world.clock.now();
    let at = match decision {
        Decision::Wait(Wait::AfterFailure(at)) => *at,
        Decision::Wait(Wait::ForSidecar { .. }) => Some(now.plus_seconds(DRAIN_SECONDS)),
        Decision::Wait(Wait::DataVolumeLost { .. }) => None,
        Decision::Start(..)
        | Decision::Supersede(..)
        | Decision::Continue
        | Decision::RestoreService
        | Decision::Idle => look_at,
    };
    let failed_plan = next.plan.as_ref().filter(|plan| plan.phase == PlanPhase::Failed);
    // A failed plan whose time has come and that nothing follows leaves the node to its health checks.
    let replan = failed_plan.and_then(|plan| plan.retry_at).filter(|at| *at > now);
    let health = (next.phase() == NodePhase::Running).then(|| world.memory.health_next(&node.key, now));
    LookAgain { at: at.or(replan).or(health) }
}
