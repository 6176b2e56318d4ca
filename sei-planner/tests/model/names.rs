//! Canonical names of what states refer to: statuses, plans and tasks. Equal situations must get equal numbers, so times
//! become "past" or "future" and plans are numbered by what is free.

use std::collections::HashMap;

use sei_planner::api::{PlanPhase, SeiNodeStatus, TaskPlan, TaskStatus, Time};
use sei_planner::task::{Task, codec};

/// Seconds from now to every time that has not come yet.
const FUTURE_SECONDS: i64 = 3600;
/// Failures in a row above this make no difference to a plan, only to the length of a pause.
const FAILURES_MAX: i32 = 2;

/// The one moment at which everything is decided.
pub(crate) fn now() -> Time {
    Time::at(jiff::Timestamp::UNIX_EPOCH).plus_seconds(1_000_000)
}

pub(crate) fn plan_id(number: u8) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

fn plan_number(id: &str) -> u8 {
    id.rsplit('-').next().and_then(|digits| digits.parse().ok()).unwrap_or(u8::MAX)
}

pub(crate) fn pod_uid(number: u8) -> String {
    format!("pod-{number}")
}

/// What a stored status refers to.
#[derive(Default)]
pub(crate) struct References {
    pub(crate) plans: Vec<u8>,
    pub(crate) pods: Vec<u8>,
    pub(crate) open_tasks: Vec<u16>,
}

pub(crate) struct Stored {
    pub(crate) status: SeiNodeStatus,
    pub(crate) references: References,
}

#[derive(Default)]
pub(crate) struct Names {
    stored: Vec<Stored>,
    by_text: HashMap<String, u32>,
    tasks: HashMap<String, u16>,
    makers: Vec<u8>,
    tokens: Vec<(String, u8)>,
}

impl Names {
    pub(crate) fn status(&self, number: u32) -> &SeiNodeStatus {
        &self.stored[number as usize].status
    }

    pub(crate) fn references(&self, number: u32) -> &References {
        &self.stored[number as usize].references
    }

    pub(crate) fn number(&mut self, mut status: SeiNodeStatus) -> u32 {
        canonical(&mut status);
        let text = serde_json::to_string(&status).unwrap();
        if let Some(known) = self.by_text.get(&text) {
            return *known;
        }
        let number = u32::try_from(self.stored.len()).unwrap();
        let references = status.plan.as_ref().map(|plan| self.refers_to(plan)).unwrap_or_default();
        self.stored.push(Stored { status, references });
        self.by_text.insert(text, number);
        number
    }

    /// The number of a task by its id.
    pub(crate) fn task(&self, id: &str) -> u16 {
        self.tasks[id]
    }

    /// The plan that a task belongs to.
    pub(crate) fn maker(&self, task: u16) -> u8 {
        self.makers[usize::from(task)]
    }

    pub(crate) fn token(&mut self, token: &str, plan: u8) -> u8 {
        let known = self.tokens.iter().position(|(text, _)| text == token);
        let number = known.unwrap_or_else(|| {
            self.tokens.push((token.to_owned(), plan));
            self.tokens.len() - 1
        });
        u8::try_from(number).unwrap()
    }

    pub(crate) fn token_text(&self, number: u8) -> &str {
        &self.tokens[usize::from(number)].0
    }

    pub(crate) fn token_plan(&self, number: u8) -> u8 {
        self.tokens[usize::from(number)].1
    }

    fn refers_to(&mut self, plan: &TaskPlan) -> References {
        let maker = plan_number(&plan.id);
        for task in &plan.tasks {
            self.learn(&task.id, maker);
        }
        let mut references = References { plans: vec![maker], ..References::default() };
        references.pods = plan.tasks.iter().filter_map(|task| replaced_pod(&task.kind, &task.params)).collect();
        if plan.phase != PlanPhase::Complete {
            let open = plan.tasks.iter().filter(|task| task.status != TaskStatus::Complete).map(|task| &task.id);
            let earlier = plan.unfinished.iter().map(|task| &task.id);
            references.open_tasks = open.chain(earlier).map(|id| self.tasks[id]).collect();
            let makers = plan.unfinished.iter().map(|task| self.makers[usize::from(self.tasks[&task.id])]);
            references.plans.extend(makers);
        }
        references
    }

    fn learn(&mut self, id: &str, maker: u8) {
        if !self.tasks.contains_key(id) {
            self.tasks.insert(id.to_owned(), u16::try_from(self.makers.len()).unwrap());
            self.makers.push(maker);
        }
    }
}

fn replaced_pod(kind: &str, params: &serde_json::Value) -> Option<u8> {
    match codec::decode(kind, params) {
        Ok(Task::ReplacePod(replace)) => replace.pod_uid.strip_prefix("pod-")?.parse().ok(),
        Ok(_) | Err(_) => None,
    }
}

/// The status after all pauses are over; `None` when there are none.
pub(crate) fn after_pauses(status: &SeiNodeStatus) -> Option<SeiNodeStatus> {
    let mut next = status.clone();
    let plan = next.plan.as_mut()?;
    let pauses = plan.tasks.iter_mut().map(|task| &mut task.not_before).chain([&mut plan.retry_at]);
    let mut ended = false;
    for pause in pauses.filter(|pause| pause.is_some_and(|at| at > now())) {
        *pause = Some(now());
        ended = true;
    }
    ended.then_some(next)
}

fn canonical(status: &mut SeiNodeStatus) {
    status.phase_transition_time = status.phase_transition_time.map(|_| now());
    status.conditions.sort_by(|a, b| a.kind.cmp(&b.kind));
    for condition in &mut status.conditions {
        condition.last_transition_time = now();
        condition.observed_generation = None;
        condition.message.clear();
    }
    let Some(plan) = &mut status.plan else { return };
    plan.failures = plan.failures.map(|failures| failures.min(FAILURES_MAX));
    plan.retry_at = plan.retry_at.map(past_or_future);
    if let Some(detail) = &mut plan.failed_task_detail {
        detail.error.clear();
    }
    for task in &mut plan.tasks {
        task.submitted_at = task.submitted_at.map(|_| now());
        task.waiting_since = task.waiting_since.map(|_| now());
        task.not_before = task.not_before.map(past_or_future);
        task.error.clear();
    }
    if plan.phase == PlanPhase::Complete {
        forget_course(plan);
    }
}

/// Nobody asks how a plan that is complete came to its end.
fn forget_course(plan: &mut TaskPlan) {
    plan.unfinished.clear();
    for task in &mut plan.tasks {
        task.submitted_at = None;
        task.retry_count = 0;
    }
}

fn past_or_future(at: Time) -> Time {
    if at > now() { now().plus_seconds(FUTURE_SECONDS) } else { now() }
}
