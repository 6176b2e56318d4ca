//! The planner in one call, for those who embed it: what would happen to this node, and why.

use std::borrow::Cow;

use super::adopt::adopt;
use super::build::{PlanRequest, build};
use super::decide::{Decision, Wait, decide, in_doubt, left_by_the_bootstrap, next_write, open_writes};
use super::fixed::unfollowable;
use super::observed::{Observed, TaskProbe};
use super::problem::Problem;
use super::valid::ValidNode;
use super::validate::validate;
use crate::api::{PlanPhase, PlannedTask, SeiNode, SeiNodeStatus, TaskPlan, TaskStatus, Time, UnfinishedTask};
use crate::manifests::{Manifest, manifests};
use crate::platform::Platform;
use crate::task::codec;

/// How many tasks of earlier plans a plan waits for; the oldest are long over when there are more.
const UNFINISHED_MAX: usize = 500;

/// What would happen to a node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodePlan {
    /// In one word.
    pub outcome: PlanOutcome,
    /// The plan as it will stand in status, or the one that goes on.
    pub plan: Option<TaskPlan>,
    /// Why, a sentence each.
    pub why: Vec<String>,
    /// Why not.
    pub problems: Vec<Problem>,
    /// Tasks left to do that restart the node's pod.
    pub disruptive: u32,
    /// Tasks left to do that destroy data.
    pub destructive: u32,
}

/// What would happen to a node, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanOutcome {
    /// Tasks would run.
    Plan,
    /// Nothing would happen.
    None,
    /// Something else must happen first.
    Waiting,
    /// The spec cannot be planned.
    Refused,
}

/// What would happen to this node, seen at `now`, and why. `fresh_plan_id` is a UUID that no plan had before.
#[must_use]
pub fn plan_node(node: &SeiNode, platform: &Platform, seen: &Observed, now: Time, fresh_plan_id: &str) -> NodePlan {
    let valid = match validate(node, platform) {
        Ok(valid) => valid,
        Err(refusal) => return NodePlan::empty(PlanOutcome::Refused, Vec::new(), refusal.problems),
    };
    let nothing = SeiNodeStatus::default();
    let stored = node.status.as_ref().unwrap_or(&nothing);
    let adopted = adopt(&valid, stored, seen.pod.as_ref(), now);
    let status = adopted.as_ref().unwrap_or(stored);
    if let Some(refusal) = unfollowable(&valid, status) {
        return NodePlan::empty(PlanOutcome::Refused, Vec::new(), refusal.problems);
    }
    let decision = decide(&valid, status, seen, now);
    match &decision {
        Decision::Start(_, why) | Decision::Supersede(_, why) => {
            NodePlan::of(draft(&valid, status, seen, &decision, fresh_plan_id), why.clone())
        }
        Decision::Continue => NodePlan::of(status.plan.clone(), vec!["the plan in status goes on".to_owned()]),
        Decision::RestoreService => NodePlan::of(
            status.plan.clone(),
            vec!["the Service was deleted; the plan in status applies it again".into()],
        ),
        Decision::Wait(wait) => NodePlan::empty(PlanOutcome::Waiting, vec![wait.to_string()], Vec::new()),
        Decision::Idle => NodePlan::empty(PlanOutcome::None, Vec::new(), Vec::new()),
    }
}

/// The new plan of a decision, if it is one for a new plan.
#[must_use]
pub fn draft(
    node: &ValidNode,
    status: &SeiNodeStatus,
    seen: &Observed,
    decision: &Decision,
    fresh_plan_id: &str,
) -> Option<TaskPlan> {
    let kind = match decision {
        Decision::Start(kind, _) | Decision::Supersede(kind, _) => kind,
        Decision::Continue | Decision::RestoreService | Decision::Wait(_) | Decision::Idle => return None,
    };
    let failed = status.plan.as_ref().filter(|plan| plan.phase == PlanPhase::Failed);
    let same_spec = failed.filter(|plan| plan.target_generation == Some(node.generation));
    let node = if kind.ground().is_some() { Cow::Borrowed(node) } else { node.with_keys_of(&kind.drift(), status) };
    Some(build(
        &node,
        &PlanRequest {
            kind,
            id: fresh_plan_id,
            pod_uid: seen.pod.as_ref().map_or("", |pod| pod.uid.as_str()),
            peers: &seen.peers,
            external_address: status.external_address.as_deref(),
            failures: same_spec.and_then(|plan| plan.failures).unwrap_or(0),
            in_doubt: in_doubt(&node, status, seen),
            unfinished: status.plan.as_ref().map(|plan| unfinished(plan, seen)).unwrap_or_default(),
        },
    ))
}

/// What a plan that is replaced leaves in the sidecar: what it had to wait for itself, and the task it had come to, unless
/// the sidecar says that it does not run. Without an answer of the sidecar nobody knows how far it got (the plan in status
/// may be behind), so every task that may still write counts.
fn unfinished(plan: &TaskPlan, seen: &Observed) -> Vec<UnfinishedTask> {
    if plan.phase == PlanPhase::Complete {
        return Vec::new();
    }
    let left = match seen.in_flight {
        TaskProbe::Idle => 0,
        TaskProbe::Running => 1,
        TaskProbe::NotAsked | TaskProbe::Unreachable => usize::MAX,
    };
    let left = bootstrap_awaited(plan, &seen.finished).chain(open_writes(plan, &seen.finished).take(left));
    let left = left.map(|task| UnfinishedTask { kind: task.kind.clone(), id: task.id.clone() });
    let all: Vec<UnfinishedTask> = plan.unfinished.iter().cloned().chain(left).collect();
    all[all.len().saturating_sub(UNFINISHED_MAX)..].to_vec()
}

/// What the next task of production would have had to wait for.
fn bootstrap_awaited<'a>(plan: &'a TaskPlan, finished: &'a [String]) -> impl Iterator<Item = &'a PlannedTask> {
    let next = next_write(plan, finished).and_then(|next| plan.tasks.iter().position(|task| task.id == next.id));
    next.into_iter().flat_map(|index| left_by_the_bootstrap(plan, index))
}

/// The objects of this node, in the order they are applied.
///
/// # Errors
/// Everything that is wrong with the spec.
pub fn render_node(node: &SeiNode, platform: &Platform) -> Result<Vec<Manifest>, Vec<Problem>> {
    let valid = validate(node, platform).map_err(|refusal| refusal.problems)?;
    Ok(manifests(&valid, platform))
}

impl NodePlan {
    fn empty(outcome: PlanOutcome, why: Vec<String>, problems: Vec<Problem>) -> Self {
        Self { outcome, plan: None, why, problems, disruptive: 0, destructive: 0 }
    }

    fn of(plan: Option<TaskPlan>, why: Vec<String>) -> Self {
        let disruptive = plan.as_ref().map_or(0, disruptive_tasks);
        Self { plan, disruptive, ..Self::empty(PlanOutcome::Plan, why, Vec::new()) }
    }
}

/// An update restarts the pod at `replace-pod`, also when nobody looked which pod that is.
fn disruptive_tasks(plan: &TaskPlan) -> u32 {
    let left = plan.tasks.iter().filter(|task| task.status != TaskStatus::Complete);
    let disruptive = left.filter(|task| codec::is_disruptive(&task.kind));
    u32::try_from(disruptive.count()).unwrap_or(u32::MAX)
}

impl std::fmt::Display for Wait {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Paused => write!(f, "the node is paused: it has the annotation {}", crate::api::PAUSE_ANNOTATION),
            Self::AfterFailure(Some(at)) => write!(f, "the last plan failed; it is planned again at {at}"),
            Self::AfterFailure(None) => f.write_str("the last plan failed; change the spec or set sei.io/retry"),
            Self::ForSidecar { task } => write!(f, "the sidecar works on {task}, which cannot be cancelled"),
            Self::ForTlsSecret { why } => write!(f, "the sidecar's TLS Secret is not ready: {why}"),
            Self::DataVolumeLost { token } => {
                write!(f, "the data claim is gone; set {}={token} to start empty", crate::api::ACKNOWLEDGE_ANNOTATION)
            }
        }
    }
}
