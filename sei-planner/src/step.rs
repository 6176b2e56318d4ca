//! The executor as a state machine: which task is next, and what an outcome makes of a plan. No I/O, no clock.

use crate::api::{FailedTaskDetail, PlanPhase, TaskPlan, TaskStatus, Time};
use crate::node::Stamp;
use crate::task::{Task, codec};

/// First pause after a failed run, doubled with each further one.
const BACKOFF_SECONDS: i64 = 5;
/// Longest pause after a failed run.
const BACKOFF_SECONDS_MAX: i64 = 30;
/// First pause before a failed plan is planned again, doubled with each further failure.
const REPLAN_SECONDS: i64 = 300;
/// Longest pause before a failed plan is planned again.
const REPLAN_SECONDS_MAX: i64 = 3600;
/// Pause before a plan is replaced that lost its ground twice in a row. A failure that ends within it is no failure of the
/// node: another plan takes over.
pub(crate) const LOST_GROUND_SECONDS: i64 = 30;

/// The executor's next move.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Run this task.
    Run {
        /// Position in the plan.
        index: usize,
        /// The task.
        task: Task,
    },
    /// Not before this time: the task at hand failed and backs off.
    WaitUntil(Time),
    /// The task at hand cannot be read.
    Unreadable {
        /// Position in the plan.
        index: usize,
        /// What is wrong with it.
        why: String,
    },
    /// The plan is complete or failed.
    Finished,
}

/// What came back from a task.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Done, and what is now known to be true.
    Done(Vec<Stamp>),
    /// Nothing is wrong; something must happen first.
    Waiting(Waiting),
    /// It failed; how badly was decided where it happened.
    Failed(Failure),
}

/// What a task waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// What must happen, as in "waits for …".
    pub on: String,
    /// Seconds until it is looked at again.
    pub look_again_seconds: i64,
    /// Whether the sidecar accepted the task and runs it.
    pub submitted: bool,
    /// What is known to be true meanwhile.
    pub learned: Vec<Stamp>,
}

/// How a task failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It was not possible just now; tried again without counting.
    Retry {
        /// Seconds until then.
        after_seconds: i64,
        /// What it needs, constant while it stays the same.
        on: String,
        /// The error of the first attempt.
        why: String,
    },
    /// A run failed; counts against the task's budget.
    Run {
        /// The sidecar's words.
        why: String,
    },
    /// It cannot succeed as things stand.
    Terminal {
        /// Why.
        why: String,
    },
    /// The plan no longer fits the world: another one must take its place.
    LostGround {
        /// What changed under it.
        why: String,
        /// What is now known to be true, for the plan that follows.
        learned: Vec<Stamp>,
    },
}

/// The plan's next move.
#[must_use]
pub fn step(plan: &TaskPlan, now: Time) -> Step {
    if plan.phase != PlanPhase::Active {
        return Step::Finished;
    }
    let Some(index) = plan.tasks.iter().position(|task| task.status != TaskStatus::Complete) else {
        return Step::Finished;
    };
    let task = &plan.tasks[index];
    if let Some(at) = task.not_before.filter(|at| *at > now) {
        return Step::WaitUntil(at);
    }
    match codec::decode(&task.kind, &task.params) {
        Ok(task) => Step::Run { index, task },
        Err(error) => Step::Unreadable { index, why: error.to_string() },
    }
}

/// Seconds to pause after failed run number `n`, counted from 1: 10, 20, 30, 30, …
///
/// ```
/// use sei_planner::step::backoff_seconds;
/// assert_eq!([1, 2, 3, 10].map(backoff_seconds), [10, 20, 30, 30]);
/// ```
#[must_use]
pub fn backoff_seconds(n: i32) -> i64 {
    (BACKOFF_SECONDS << n.clamp(0, 5)).min(BACKOFF_SECONDS_MAX)
}

/// What the outcome of the task at `index` makes of the plan, and when to look again (absent: at once, or never when the
/// plan is finished).
pub fn settle(plan: &mut TaskPlan, index: usize, outcome: &Outcome, now: Time) -> Option<Time> {
    match outcome {
        Outcome::Done(_) => {
            complete(plan, index);
            None
        }
        Outcome::Waiting(waiting) => wait(plan, index, waiting, now),
        Outcome::Failed(Failure::Retry { after_seconds, on, why }) => {
            note_wait(plan, index, on, why, now);
            Some(now.plus_seconds(*after_seconds))
        }
        Outcome::Failed(Failure::Run { why }) => failed_run(plan, index, why, now),
        Outcome::Failed(Failure::Terminal { why }) => {
            fail(plan, index, why, now);
            None
        }
        Outcome::Failed(Failure::LostGround { why, .. }) => {
            let pause = if plan.failures.unwrap_or(0) == 0 { 0 } else { LOST_GROUND_SECONDS };
            fail(plan, index, why, now);
            plan.retry_at = Some(now.plus_seconds(pause));
            plan.retry_at
        }
    }
}

/// Ends an active plan that has nothing left to do, also one that was stored like that.
pub fn close(plan: &mut TaskPlan) {
    let done = plan.tasks.iter().all(|task| task.status == TaskStatus::Complete);
    if done && plan.phase == PlanPhase::Active {
        plan.phase = PlanPhase::Complete;
    }
}

fn complete(plan: &mut TaskPlan, index: usize) {
    let task = &mut plan.tasks[index];
    task.status = TaskStatus::Complete;
    task.error.clear();
    task.not_before = None;
    task.waiting_for = None;
    task.waiting_since = None;
    close(plan);
}

fn wait(plan: &mut TaskPlan, index: usize, waiting: &Waiting, now: Time) -> Option<Time> {
    if waiting.submitted {
        let task = &mut plan.tasks[index];
        task.status = TaskStatus::Running;
        task.not_before = None;
        let since = *task.submitted_at.get_or_insert(now);
        let limit = codec::decode(&task.kind, &task.params).ok().and_then(|task| task.deadline_seconds());
        if let Some(limit) = limit.filter(|limit| now.seconds_since(since) >= *limit) {
            fail(plan, index, &format!("timed out: not finished {limit} s after it was submitted"), now);
            return None;
        }
    }
    note_wait(plan, index, &waiting.on, "", now);
    Some(now.plus_seconds(waiting.look_again_seconds))
}

/// Says in status what the task waits for and since when; the error stays the first one of this wait, so that a changing
/// text does not become a write each time.
fn note_wait(plan: &mut TaskPlan, index: usize, on: &str, error: &str, now: Time) {
    let task = &mut plan.tasks[index];
    if task.waiting_for.as_deref() != Some(on) {
        task.waiting_for = Some(on.to_owned());
        task.waiting_since = Some(now);
        error.clone_into(&mut task.error);
    }
}

fn failed_run(plan: &mut TaskPlan, index: usize, why: &str, now: Time) -> Option<Time> {
    let task = &mut plan.tasks[index];
    if task.retry_count >= task.max_retries {
        fail(plan, index, why, now);
        return None;
    }
    task.retry_count += 1;
    task.status = TaskStatus::Pending;
    why.clone_into(&mut task.error);
    task.submitted_at = None;
    task.waiting_for = None;
    task.waiting_since = None;
    task.not_before = Some(now.plus_seconds(backoff_seconds(task.retry_count)));
    task.not_before
}

fn fail(plan: &mut TaskPlan, index: usize, why: &str, now: Time) {
    let task = &mut plan.tasks[index];
    task.status = TaskStatus::Failed;
    why.clone_into(&mut task.error);
    task.not_before = None;
    plan.failed_task_index = i32::try_from(index).ok();
    plan.failed_task_detail = Some(FailedTaskDetail {
        kind: task.kind.clone(),
        id: task.id.clone(),
        error: task.error.clone(),
        retry_count: task.retry_count,
        max_retries: task.max_retries,
    });
    plan.phase = PlanPhase::Failed;
    let failures = plan.failures.unwrap_or(0).max(0).saturating_add(1);
    plan.failures = Some(failures);
    let pause = (REPLAN_SECONDS << (failures - 1).clamp(0, 10)).min(REPLAN_SECONDS_MAX);
    plan.retry_at = Some(now.plus_seconds(pause));
}
