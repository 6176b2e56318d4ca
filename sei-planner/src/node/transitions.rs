//! What a status change amounts to, as values: metrics and logs are told of the same transitions, and never of a poll (O2, O5).

use crate::api::{
    ConditionStatus, DriftKind, NodePhase, PlanKindName, PlanPhase, SeiNodeStatus, TaskPlan, TaskStatus, Time,
};

/// One thing that a status change says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transition {
    /// The node went from one phase to another.
    Phase {
        /// The phase that it left.
        from: NodePhase,
        /// The phase that it entered.
        to: NodePhase,
        /// How long it was in the phase that it left; absent when nobody noted when that began.
        seconds: Option<i64>,
    },
    /// A plan was stored.
    PlanStarted {
        /// UUID of the plan.
        id: String,
        /// Why the plan exists, as stored.
        kind: Option<PlanKindName>,
        /// The differences that it removes, or what it brings back.
        drift: Vec<DriftKind>,
    },
    /// A plan is over.
    PlanEnded {
        /// UUID of the plan.
        id: String,
        /// Why the plan existed, as stored. Absent in plans of the controller before us: nothing is guessed from tasks.
        kind: Option<PlanKindName>,
        /// The differences that it was to remove, or what it was to bring back.
        drift: Vec<DriftKind>,
        /// How it ended.
        end: PlanEnd,
        /// From its start to its end; absent when nobody noted its start.
        seconds: Option<i64>,
    },
    /// A run of a task failed.
    TaskFailed {
        /// Type of the task.
        task: String,
        /// UUID of the task.
        id: String,
        /// Why.
        error: String,
        /// Whether the plan failed with it; otherwise the task is tried again.
        ends_plan: bool,
    },
    /// A condition appeared, changed its status or its reason, or went. A message alone is no transition.
    Condition {
        /// Type of the condition.
        kind: String,
        /// Before; absent when there was none.
        from: Option<Standing>,
        /// Now; absent when the condition is gone.
        to: Option<Standing>,
        /// The sentence for people that stands there now.
        message: String,
    },
}

/// How a plan ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanEnd {
    /// Every task is done.
    Complete,
    /// One task failed for good, or the plan lost its ground.
    Failed,
    /// Another plan took its place before it was over.
    Superseded,
}

impl PlanEnd {
    /// One word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Failed => "failed",
            Self::Superseded => "superseded",
        }
    }
}

/// What a condition says, in two words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether it holds.
    pub status: ConditionStatus,
    /// Why.
    pub reason: String,
}

/// Everything that changed from `old` to `new`, which was written at `now`: phase, plan, tasks, conditions.
///
/// ```
/// use sei_planner::api::{NodePhase, SeiNodeStatus, Time};
/// use sei_planner::node::{Transition, transitions};
///
/// let at = |second| Time::at(jiff::Timestamp::from_second(second).unwrap());
/// let came_up = |phase, second| SeiNodeStatus {
///     phase: Some(phase),
///     phase_transition_time: Some(at(second)),
///     ..SeiNodeStatus::default()
/// };
/// let (old, new) = (came_up(NodePhase::Initializing, 100), came_up(NodePhase::Running, 160));
/// let (from, to) = (NodePhase::Initializing, NodePhase::Running);
/// assert_eq!(transitions(&old, &new, at(160)), [Transition::Phase { from, to, seconds: Some(60) }]);
/// assert_eq!(transitions(&new, &new, at(300)), []);
/// ```
#[must_use]
pub fn transitions(old: &SeiNodeStatus, new: &SeiNodeStatus, now: Time) -> Vec<Transition> {
    let mut found = Vec::new();
    found.extend(phase(old, new, now));
    found.extend(plan_left(old.plan.as_ref(), new.plan.as_ref(), now));
    match (&old.plan, &new.plan) {
        (Some(before), Some(after)) if before.id == after.id => {
            found.extend(failed_tasks(before, after));
            found.extend(plan_over(before, after, now));
        }
        (Some(_) | None, Some(after)) => {
            let (id, drift) = (after.id.clone(), after.drift.clone());
            found.push(Transition::PlanStarted { id, kind: after.kind, drift });
        }
        (Some(_) | None, None) => {}
    }
    found.extend(conditions(old, new));
    found
}

fn phase(old: &SeiNodeStatus, new: &SeiNodeStatus, now: Time) -> Option<Transition> {
    let (from, to) = (old.phase(), new.phase());
    let seconds = old.phase_transition_time.map(|since| seconds_between(since, now));
    (from != to).then_some(Transition::Phase { from, to, seconds })
}

/// The end of a plan that was active, and is not in status any more.
fn plan_left(old: Option<&TaskPlan>, new: Option<&TaskPlan>, now: Time) -> Option<Transition> {
    let before = old.filter(|plan| plan.phase == PlanPhase::Active)?;
    let same = new.is_some_and(|after| after.id == before.id);
    (!same).then(|| ended(before, PlanEnd::Superseded, now))
}

fn plan_over(before: &TaskPlan, after: &TaskPlan, now: Time) -> Option<Transition> {
    let end = match after.phase {
        PlanPhase::Active => return None,
        PlanPhase::Complete => PlanEnd::Complete,
        PlanPhase::Failed => PlanEnd::Failed,
    };
    (before.phase == PlanPhase::Active).then(|| ended(after, end, now))
}

fn ended(plan: &TaskPlan, end: PlanEnd, now: Time) -> Transition {
    let seconds = plan.began_at().map(|began| seconds_between(began, now));
    Transition::PlanEnded { id: plan.id.clone(), kind: plan.kind, drift: plan.drift.clone(), end, seconds }
}

fn failed_tasks<'a>(before: &'a TaskPlan, after: &'a TaskPlan) -> impl Iterator<Item = Transition> + 'a {
    before.tasks.iter().zip(&after.tasks).filter_map(|(old, new)| {
        let ends_plan = new.status == TaskStatus::Failed && old.status != TaskStatus::Failed;
        let failed = ends_plan || new.retry_count > old.retry_count;
        let (task, id, error) = (new.kind.clone(), new.id.clone(), new.error.clone());
        failed.then_some(Transition::TaskFailed { task, id, error, ends_plan })
    })
}

fn conditions<'a>(old: &'a SeiNodeStatus, new: &'a SeiNodeStatus) -> impl Iterator<Item = Transition> + 'a {
    let gone = old.conditions.iter().filter(|known| new.condition(&known.kind).is_none()).map(|known| &known.kind);
    gone.chain(new.conditions.iter().map(|condition| &condition.kind)).filter_map(|kind| {
        let (from, to) = (standing(old, kind), standing(new, kind));
        let message = new.condition(kind).map(|condition| condition.message.clone()).unwrap_or_default();
        (from != to).then(|| Transition::Condition { kind: kind.clone(), from, to, message })
    })
}

fn standing(of: &SeiNodeStatus, kind: &str) -> Option<Standing> {
    let condition = of.condition(kind)?;
    Some(Standing { status: condition.status, reason: condition.reason.clone() })
}

/// Never negative: a clock that was set back makes no time.
fn seconds_between(since: Time, now: Time) -> i64 {
    now.seconds_since(since).max(0)
}
