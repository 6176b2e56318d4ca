//! Where a node stands: up, gone, on its way, or stuck; and what keeps it from running, in one line. Of simulated nodes and of
//! live ones alike.
#![allow(unreachable_pub, reason = "the derive of the schema copies each struct, with its visibility, into a function")]

use std::fmt;

use schemars::JsonSchema;
use sei_planner::api::{
    Condition, ConditionStatus, NodePhase, PlanPhase, PlannedTask, SeiNode, SeiNodeStatus, TaskPlan,
};
use sei_planner::api::{TaskStatus, Time, conditions};
use serde::Serialize;

/// Where a node stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Standing {
    /// It runs as its spec says.
    Up,
    /// There is no such node.
    Gone,
    /// It may still come up by itself.
    OnItsWay(Hindrance),
    /// Only a change of the spec, or an answer of a person, helps.
    Stuck(Hindrance),
}

/// What keeps a node from running as its spec says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct Hindrance {
    /// In a few words.
    pub(in crate::cli) why: String,
    /// Type of the task that blocks, where one does.
    pub(in crate::cli) task: Option<String>,
    /// What that task waits for.
    pub(in crate::cli) waiting_for: Option<String>,
    /// Since when.
    pub(in crate::cli) since: Option<Time>,
    /// What the operator says about it.
    pub(in crate::cli) message: Option<String>,
    /// The last error.
    pub(in crate::cli) last_error: Option<String>,
}

impl Hindrance {
    fn of(why: impl Into<String>) -> Self {
        Self { why: why.into(), ..Self::default() }
    }

    fn said(why: &str, condition: &Condition) -> Self {
        let since = Some(condition.last_transition_time);
        Self { since, message: Some(condition.message.clone()), ..Self::of(why) }
    }
}

impl Hindrance {
    /// In a few words, without times: for a column.
    pub(super) fn short(&self) -> String {
        match (&self.task, &self.waiting_for) {
            (Some(task), Some(on)) => format!("{task}: {on}"),
            (Some(_) | None, _) => {
                let words = self.why.strip_prefix("task ").unwrap_or(&self.why);
                words.split(", ").next().unwrap_or(words).to_owned()
            }
        }
    }

    /// What blocks, without what the operator says about it.
    pub(super) fn gist(&self) -> String {
        Self { since: None, message: None, last_error: None, ..self.clone() }.to_string()
    }

    /// In a sentence, without times.
    pub(super) fn brief(&self) -> String {
        Self { since: None, ..self.clone() }.to_string()
    }
}

impl fmt::Display for Hindrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)?;
        if let Some(on) = &self.waiting_for {
            write!(f, " waits for {on}")?;
        }
        if let Some(since) = self.since {
            write!(f, " since {since}")?;
        }
        if let Some(message) = &self.message {
            write!(f, ": {message}")?;
        }
        if let Some(error) = &self.last_error {
            write!(f, "; last error: {error}")?;
        }
        Ok(())
    }
}

/// Where a node stands now; `None` is one that is not there.
pub(super) fn standing(node: Option<&SeiNode>) -> Standing {
    let Some(node) = node else { return Standing::Gone };
    let nothing = SeiNodeStatus::default();
    let status = node.status.as_ref().unwrap_or(&nothing);
    if node.metadata.deletion_timestamp.is_some() {
        return Standing::OnItsWay(Hindrance::of("it is being deleted"));
    }
    if let Some(unanswered) = unanswered(status) {
        return Standing::Stuck(unanswered);
    }
    if let Some(missing) = held(status, conditions::SIDECAR_TLS_SECRET_READY, ConditionStatus::False)
        && !is_active(status)
    {
        return Standing::OnItsWay(Hindrance::said("its TLS Secret cannot be used", missing));
    }
    match &status.plan {
        Some(plan) => of_plan(plan, status.phase()),
        // Taken over, or its last plan was cleared: there is nothing that it lacks.
        None if status.phase() == NodePhase::Running => Standing::Up,
        None => Standing::OnItsWay(Hindrance::of("it has no plan")),
    }
}

/// What waits for a person.
fn unanswered(status: &SeiNodeStatus) -> Option<Hindrance> {
    let refused = held(status, conditions::SPEC_ACCEPTED, ConditionStatus::False);
    let paused = held(status, conditions::PAUSED, ConditionStatus::True);
    let asked = held(status, conditions::AWAITING_ACKNOWLEDGEMENT, ConditionStatus::True);
    let refused = refused.map(|condition| Hindrance::said("the spec is refused", condition));
    let paused = paused.map(|condition| Hindrance::said("it is paused", condition));
    let asked = asked.map(|condition| Hindrance::said("it waits for an answer", condition));
    paused.or(refused).or(asked)
}

pub(super) fn held<'a>(status: &'a SeiNodeStatus, kind: &str, wanted: ConditionStatus) -> Option<&'a Condition> {
    status.condition(kind).filter(|condition| condition.status == wanted)
}

fn is_active(status: &SeiNodeStatus) -> bool {
    status.plan.as_ref().is_some_and(|plan| plan.phase == PlanPhase::Active)
}

fn of_plan(plan: &TaskPlan, phase: NodePhase) -> Standing {
    match plan.phase {
        PlanPhase::Complete if phase == NodePhase::Running => Standing::Up,
        PlanPhase::Complete => Standing::OnItsWay(Hindrance::of("its plan is complete")),
        PlanPhase::Active => Standing::OnItsWay(blocked(plan)),
        PlanPhase::Failed if plan.retry_at.is_some() => Standing::OnItsWay(failed(plan)),
        PlanPhase::Failed => Standing::Stuck(failed(plan)),
    }
}

fn failed(plan: &TaskPlan) -> Hindrance {
    let again = plan.retry_at.map(|at| format!(", planned again at {at}")).unwrap_or_default();
    let Some(detail) = &plan.failed_task_detail else {
        return Hindrance::of(format!("its plan failed{again}"));
    };
    let (task, error) = (detail.kind.clone(), detail.error.clone());
    let why = format!("task {task} failed{again}");
    Hindrance { task: Some(task), last_error: Some(error), ..Hindrance::of(why) }
}

/// The first task that is not done.
pub(super) fn current(plan: &TaskPlan) -> Option<&PlannedTask> {
    plan.tasks.iter().find(|task| task.status != TaskStatus::Complete)
}

fn blocked(plan: &TaskPlan) -> Hindrance {
    let Some(task) = current(plan) else {
        return Hindrance::of("its plan is about to end");
    };
    Hindrance {
        task: Some(task.kind.clone()),
        waiting_for: task.waiting_for.clone(),
        since: task.waiting_since.or(task.submitted_at),
        last_error: (!task.error.is_empty()).then(|| task.error.clone()),
        ..Hindrance::of(format!("task {}", task.kind))
    }
}
