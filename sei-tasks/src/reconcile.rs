//! One look at one node: the pipeline, readable aloud.

use sei_planner::api::{NodePhase, PlanPhase, SeiNode, SeiNodeStatus, Time, conditions};
use sei_planner::names::NodeKey;
use sei_planner::node::{
    Decision, Observed, PodFacts, Ran, Refusal, ValidNode, Wait, adopt, announce, decide, draft, lacks_records,
    project_status, unfollowable, validate,
};

use crate::delete::delete_node;
use crate::events::publish;
use crate::finalizer::with_finalizer;
use crate::observe::{observe, retry_of, with_live_pod, with_tls_secret};
use crate::run_plan::{Progress, restore_service, run_until_it_waits};
use crate::secrets::pause_seconds;
use crate::serving::pod_id;
use crate::status::store_status;
use crate::unreadable::leave_alone;
use crate::world::{Clock, Cluster, ClusterError, LookAgain, Sidecar, World};

/// Seconds until a sidecar that cannot be interrupted is looked at again.
const DRAIN_SECONDS: i64 = 5;

/// One look at one node. At most one status write; no effect before its plan is stored. A node that this version cannot read is left
/// alone.
///
/// # Errors
/// When the API server refused or could not do something; the caller looks again with a backoff.
pub async fn reconcile_node<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    key: &NodeKey,
) -> Result<LookAgain, ClusterError> {
    match read_and_reconcile(world, key).await {
        Err(ClusterError::Unreadable(unreadable)) => Ok(leave_alone(world, key, &unreadable).await),
        looked => {
            world.memory.was_readable(key);
            looked
        }
    }
}

async fn read_and_reconcile<C: Cluster, S: Sidecar, K: Clock>(
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
    let followed = match validate(&node, &world.platform) {
        Ok(valid) => follow(world, &node, &valid).await,
        Err(refusal) => refuse(world, &node, &refusal).await,
    };
    // What the sidecar answered was not acted upon.
    followed.inspect_err(|_| world.memory.forget_health(key))
}

/// The pipeline of a node whose spec can be planned.
async fn follow<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &SeiNode,
    valid: &ValidNode,
) -> Result<LookAgain, ClusterError> {
    let old = node.status.clone().unwrap_or_default();
    if let Some(adopted) = adopted(world, valid, &old).await? {
        write_and_announce(world, node, &old, &adopted).await?;
        return Ok(LookAgain { at: Some(world.clock.now()) });
    }
    if let Some(refusal) = unfollowable(valid, &old) {
        return refuse(world, node, &refusal).await;
    }
    let seen = observe(world, valid, &old).await?;
    let seen = with_tls_secret(world, valid, &old, seen).await?;
    let now = world.clock.now();
    let decision = decide(valid, &old, &seen, now);
    let passed_over = retry_of(&old).filter(|due| *due <= now);
    let seen = with_live_pod(world, valid, seen, &decision).await?;
    let progress = match draft(valid, &old, &seen, &decision, &world.clock.fresh_plan_id()) {
        Some(plan) => Progress::stored_first(plan, world.clock.now()),
        None if decision == Decision::RestoreService => restore_service(world, valid, &old).await,
        None => run_until_it_waits(world, valid, &old, &decision).await,
    };
    let ran = Ran::Decided { node: valid, decision: &decision, plan: progress.plan.as_ref(), stamps: &progress.stamps };
    let next = project_status(&old, &ran, &seen, valid.generation, world.clock.now());
    write_and_announce(world, node, &old, &next).await?;
    let mut look_at = progress.look_at;
    if ended_without_a_look_at_the_gate(&old, &next) {
        world.memory.forget_health(&valid.key);
        look_at = Some(world.clock.now());
    }
    let retry_at = retry_of(&next).filter(|at| Some(*at) != passed_over);
    Ok(look_again(world, valid, &decision, &next, look_at.or(retry_at)))
}

/// Whether a plan came to its end now and its last task did not open the gate: the sidecar may have restarted under it.
fn ended_without_a_look_at_the_gate(old: &SeiNodeStatus, next: &SeiNodeStatus) -> bool {
    let was_active = old.plan.as_ref().is_some_and(|plan| plan.phase == PlanPhase::Active);
    let over = next.plan.as_ref().filter(|plan| was_active && plan.phase == PlanPhase::Complete);
    over.is_some_and(|plan| plan.tasks.last().is_some_and(|task| task.kind != "mark-ready"))
}

/// The status with what the controller before us left out, which is stored before anything else happens.
async fn adopted<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    valid: &ValidNode,
    old: &SeiNodeStatus,
) -> Result<Option<SeiNodeStatus>, ClusterError> {
    if !lacks_records(old) {
        return Ok(None);
    }
    let pod = world.cluster.read(&pod_id(valid)).await?.map(|pod| PodFacts::of(&pod));
    Ok(adopt(valid, old, pod.as_ref(), world.clock.now()))
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
    store_status(world, node, old, next).await?;
    let uid = node.metadata.uid.as_deref().unwrap_or_default();
    for event in announce(old, next) {
        publish(world, &NodeKey::of(node), uid, &event).await;
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
        Decision::Wait(Wait::ForTlsSecret { .. }) => {
            let condition = next.condition(conditions::SIDECAR_TLS_SECRET_READY);
            Some(now.plus_seconds(pause_seconds(condition.map(|known| known.last_transition_time), now)))
        }
        Decision::Wait(Wait::Paused | Wait::DataVolumeLost { .. }) => None,
        Decision::Start(..)
        | Decision::Supersede(..)
        | Decision::Continue
        | Decision::RestoreService
        | Decision::Idle => look_at,
    };
    let health = (next.phase() == NodePhase::Running).then(|| world.memory.health_next(&node.key, now));
    LookAgain { at: at.or(health) }
}
