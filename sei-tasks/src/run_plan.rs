//! Runs a stored plan: task after task, as far as it goes in one look.

use std::borrow::Cow;

use sei_planner::api::{SeiNodeStatus, TaskPlan, Time};
use sei_planner::node::{Decision, Stamp, ValidNode, service_task_to_come};
use sei_planner::step::{Failure, Outcome, Step, close, settle, step};
use sei_planner::task::codec;

use crate::execute::{execute, stamps_of_failure};
use crate::world::{Clock, Cluster, Sidecar, World};

/// Seconds until a Service that could not be restored is tried again.
const RESTORE_SECONDS: i64 = 5;

/// What became of the plan in this reconcile.
pub(crate) struct Progress {
    pub(crate) plan: Option<TaskPlan>,
    pub(crate) stamps: Vec<Stamp>,
    pub(crate) look_at: Option<Time>,
}

impl Progress {
    fn nothing() -> Self {
        Self { plan: None, stamps: Vec::new(), look_at: None }
    }

    /// A new plan is stored before anything of it happens (S8).
    pub(crate) fn stored_first(mut plan: TaskPlan, now: Time) -> Self {
        plan.started_at = Some(now);
        Self { plan: Some(plan), stamps: Vec::new(), look_at: Some(now) }
    }
}

/// Runs task after task as long as they complete at once.
pub(crate) async fn run_until_it_waits<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    old: &SeiNodeStatus,
    decision: &Decision,
) -> Progress {
    let (Decision::Continue, Some(mut plan)) = (decision, old.plan.clone()) else {
        return Progress::nothing();
    };
    let node = &*as_planned(node, old, &plan);
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
            Outcome::Done(seen) => {
                // Only the Job knows that it got there, and the next task deletes it: what it said is stored first.
                let evidence_goes_next = seen.iter().any(|stamp| matches!(stamp, Stamp::Bootstrapped(_)));
                stamps.extend(seen);
                if evidence_goes_next {
                    break Some(world.clock.now());
                }
            }
            Outcome::Failed(Failure::LostGround { learned, .. }) => {
                stamps.extend(learned);
                break look_at;
            }
            Outcome::Waiting(_) | Outcome::Failed(_) => {
                stamps.extend(stamps_of_failure(node.data_volume.imported, &plan, index, &outcome));
                stamps.extend(learned(outcome));
                break look_at;
            }
        }
    };
    Progress { plan: Some(plan), stamps, look_at }
}

/// The node as the plan makes it, which may be without a key that the next plan is for.
fn as_planned<'a>(node: &'a ValidNode, old: &SeiNodeStatus, plan: &TaskPlan) -> Cow<'a, ValidNode> {
    if plan.brings_up() { Cow::Borrowed(node) } else { node.with_keys_of(&plan.drift, old) }
}

fn learned(outcome: Outcome) -> Vec<Stamp> {
    match outcome {
        Outcome::Waiting(waiting) => waiting.learned,
        Outcome::Done(_) | Outcome::Failed(_) => Vec::new(),
    }
}

/// Runs the active plan's task that makes the Service again. Nothing is stored unless the API server will not have the Service: the
/// plan's other tasks may run in the sidecar meanwhile, and their state must stay as it is.
pub(crate) async fn restore_service<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    old: &SeiNodeStatus,
) -> Progress {
    let Some(mut plan) = old.plan.clone() else { return Progress::nothing() };
    let wanted = service_task_to_come(&plan).map(|task| task.id.clone());
    let Some(index) = plan.tasks.iter().position(|task| Some(&task.id) == wanted.as_ref()) else {
        return Progress::nothing();
    };
    let now = world.clock.now();
    let outcome = match codec::decode(&plan.tasks[index].kind, &plan.tasks[index].params) {
        Ok(task) => execute(world, node, &plan, index, &task).await,
        Err(error) => Outcome::Failed(Failure::Terminal { why: error.to_string() }),
    };
    let look_at = match &outcome {
        Outcome::Done(_) => Some(now),
        Outcome::Failed(Failure::Terminal { .. }) => settle(&mut plan, index, &outcome, now),
        Outcome::Waiting(_) | Outcome::Failed(_) => Some(now.plus_seconds(RESTORE_SECONDS)),
    };
    Progress { plan: Some(plan), stamps: Vec::new(), look_at }
}
