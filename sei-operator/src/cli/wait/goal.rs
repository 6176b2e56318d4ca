//! What is waited for, and whether a node is so. Pure.

use std::fmt;
use std::str::FromStr;

use sei_planner::api::{
    ConditionStatus, NodePhase, PlanPhase, RETRY_ANNOTATION, SeiNode, SeiNodeStatus, TaskPlan, conditions,
};
use sei_planner::words::did_you_mean;

use crate::cli::standing::held;

/// Seconds for which the operator may not have looked at an edit yet. An edit that needs no plan never gets one.
const GRACE_SECONDS: u64 = 10;

/// What a node should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// In this phase of its life.
    Phase(NodePhase),
    /// With a plan that stands so.
    Plan(PlanPhase),
    /// With a condition of this type and status.
    Condition(String, ConditionStatus),
}

/// What is to be said of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is so; in words.
    Met(String),
    /// It may become so.
    NotYet,
    /// It does not become so by itself; why.
    Never(String),
}

const PLAN_PHASES: [(&str, PlanPhase); 3] =
    [("Active", PlanPhase::Active), ("Complete", PlanPhase::Complete), ("Failed", PlanPhase::Failed)];
const STATUSES: [ConditionStatus; 3] = [ConditionStatus::True, ConditionStatus::False, ConditionStatus::Unknown];

impl FromStr for Goal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some(("phase", word)) => {
                let all = NodePhase::ALL.map(|phase| (phase.as_str(), phase));
                Ok(Self::Phase(one_of(word, &all)?))
            }
            Some(("plan", word)) => Ok(Self::Plan(one_of(word, &PLAN_PHASES)?)),
            Some(("condition", rest)) => {
                let (kind, status) = rest.split_once('=').unwrap_or((rest, ConditionStatus::True.as_str()));
                if kind.is_empty() {
                    return Err("write condition=TYPE or condition=TYPE=STATUS".to_owned());
                }
                let all = STATUSES.map(|status| (status.as_str(), status));
                Ok(Self::Condition(kind.to_owned(), one_of(status, &all)?))
            }
            Some(_) | None => Err("write phase=PHASE, plan=PHASE or condition=TYPE[=STATUS]".to_owned()),
        }
    }
}

/// The value of a word, whatever the case of its letters.
fn one_of<T: Copy>(word: &str, all: &[(&str, T)]) -> Result<T, String> {
    let found = all.iter().find(|(known, _)| known.eq_ignore_ascii_case(word));
    found.map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<&str> = all.iter().map(|(known, _)| *known).collect();
        let near = did_you_mean(word, words.iter().copied()).map(|near| format!("; did you mean {near}?"));
        format!("{word:?} is none of {}{}", words.join(", "), near.unwrap_or_default())
    })
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phase(phase) => write!(f, "phase={phase}"),
            Self::Plan(phase) => write!(f, "plan={}", word(*phase)),
            Self::Condition(kind, status) => write!(f, "condition={kind}={}", status.as_str()),
        }
    }
}

fn word(phase: PlanPhase) -> &'static str {
    match phase {
        PlanPhase::Active => "Active",
        PlanPhase::Complete => "Complete",
        PlanPhase::Failed => "Failed",
    }
}

impl Goal {
    /// Whether a node is so, after it was waited for so long.
    pub(super) fn judge(&self, node: &SeiNode, waited_seconds: u64) -> Verdict {
        let nothing = SeiNodeStatus::default();
        let status = node.status.as_ref().unwrap_or(&nothing);
        if let Some(how) = self.met(node, status, waited_seconds) {
            return Verdict::Met(how);
        }
        let leaves = *self == Self::Phase(NodePhase::Terminating);
        if node.metadata.deletion_timestamp.is_some() && !leaves {
            return Verdict::Never("it is being deleted".to_owned());
        }
        let refused = held(status, conditions::SPEC_ACCEPTED, ConditionStatus::False);
        let refused = refused.filter(|refused| refused.observed_generation == node.metadata.generation);
        if let Some(refused) = refused.filter(|_| self.needs_a_plan()) {
            return Verdict::Never(format!("its spec is refused: {}", refused.message));
        }
        match &status.plan {
            Some(plan) if is_final(plan, node) && self.needs_a_plan() => Verdict::Never(failure(plan)),
            Some(_) | None => Verdict::NotYet,
        }
    }

    fn met(&self, node: &SeiNode, status: &SeiNodeStatus, waited_seconds: u64) -> Option<String> {
        match self {
            Self::Phase(phase) => (status.phase == Some(*phase)).then(|| format!("is {phase}")),
            Self::Plan(phase) => {
                let plan = status.plan.as_ref().filter(|plan| plan.phase == *phase)?;
                let current = plan.target_generation.is_none() || plan.target_generation >= node.metadata.generation;
                let kind = plan.kind.map_or("plan", |kind| kind.as_str());
                match (current, plan.target_generation) {
                    (true, _) | (_, None) => Some(format!("has a plan that is {}: {kind}", word(*phase))),
                    (false, Some(target)) => (waited_seconds >= GRACE_SECONDS).then(|| {
                        let why = format!("generation {target} of the spec; the edits since then asked for none");
                        format!("has a plan that is {}: {kind}, for {why}", word(*phase))
                    }),
                }
            }
            Self::Condition(kind, wanted) => {
                let condition = status.condition(kind).filter(|condition| condition.status == *wanted)?;
                Some(format!("has {kind}={} ({})", wanted.as_str(), condition.reason))
            }
        }
    }

    /// Whether somebody has to plan before a failed node can become so.
    fn needs_a_plan(&self) -> bool {
        match self {
            Self::Phase(NodePhase::Pending | NodePhase::Initializing | NodePhase::Running)
            | Self::Plan(PlanPhase::Active | PlanPhase::Complete) => true,
            // A condition tells of other things, too.
            Self::Phase(NodePhase::Failed | NodePhase::Terminating)
            | Self::Plan(PlanPhase::Failed)
            | Self::Condition(..) => false,
        }
    }
}

/// Whether a plan failed and nobody plans again: no time is set, the spec was not edited, and nobody asked.
fn is_final(plan: &TaskPlan, node: &SeiNode) -> bool {
    let edited = plan.target_generation.is_some_and(|target| Some(target) != node.metadata.generation);
    let token = node.metadata.annotations.as_ref().and_then(|all| all.get(RETRY_ANNOTATION));
    let asked = token.is_some_and(|token| plan.retry_token.as_ref() != Some(token));
    // A plan without a generation is one of the controller before us, which is due at once.
    let due = plan.retry_at.is_some() || plan.kind.is_none();
    plan.phase == PlanPhase::Failed && !(edited || asked || due)
}

fn failure(plan: &TaskPlan) -> String {
    let told = plan.failed_task_detail.as_ref().map(|detail| format!("task {} failed: {}", detail.kind, detail.error));
    format!("{}; nothing is planned again by itself", told.unwrap_or_else(|| "its plan failed".to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use serde_json::{Value, json};

    use super::*;

    fn goal(text: &str) -> Goal {
        text.parse().unwrap()
    }

    fn judged(text: &str, waited_seconds: u64, metadata: Value, status: Value) -> Verdict {
        let mut node = json!({"apiVersion": "sei.io/v1alpha1", "kind": "SeiNode",
            "metadata": {"name": "a", "namespace": "b", "generation": 2},
            "spec": {"chainId": "c", "image": "i", "fullNode": {}}, "status": status});
        let members = node["metadata"].as_object_mut().unwrap();
        members.extend(metadata.as_object().cloned().unwrap_or_default());
        goal(text).judge(&serde_json::from_value(node).unwrap(), waited_seconds)
    }

    fn plan(phase: &str, target: i64) -> Value {
        json!({"id": "1", "kind": "Init", "phase": phase, "targetGeneration": target, "tasks": []})
    }

    #[test]
    fn goals_are_read_and_told() {
        for text in ["phase=Running", "plan=Complete", "condition=SidecarReady=True", "condition=X=Unknown"] {
            assert_eq!(goal(text).to_string(), text);
        }
        assert_eq!(goal("condition=SidecarReady"), goal("condition=SidecarReady=true"));
        assert_eq!(goal("phase=running"), goal("phase=Running"));
        let wrong = |text: &str| text.parse::<Goal>().unwrap_err();
        assert_eq!(
            wrong("phase=Runing"),
            "\"Runing\" is none of Pending, Initializing, Running, Failed, Terminating; did you mean Running?"
        );
        for text in ["", "Running", "deletion=x", "condition="] {
            assert!(wrong(text).starts_with("write "), "{text}");
        }
    }

    #[test]
    fn a_node_is_there_or_not_yet() {
        let none = || json!({});
        assert!(matches!(judged("phase=Running", 0, none(), json!({"phase": "Running"})), Verdict::Met(_)));
        assert_eq!(judged("phase=Running", 0, none(), json!({"phase": "Initializing"})), Verdict::NotYet);
        assert_eq!(judged("phase=Running", 0, none(), Value::Null), Verdict::NotYet);
        let ready = json!({"conditions": [{"type": "SidecarReady", "status": "True", "reason": "Ready", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z"}]});
        assert!(matches!(judged("condition=SidecarReady", 0, none(), ready.clone()), Verdict::Met(_)));
        assert_eq!(judged("condition=SidecarReady=False", 0, none(), ready), Verdict::NotYet);
    }

    /// Right after an edit the plan in status is the one before it.
    #[test]
    fn a_plan_of_an_earlier_spec_counts_only_when_no_other_comes() {
        let status = || json!({"phase": "Running", "plan": plan("Complete", 1)});
        assert_eq!(judged("plan=Complete", 3, json!({}), status()), Verdict::NotYet);
        assert!(matches!(judged("plan=Complete", GRACE_SECONDS, json!({}), status()), Verdict::Met(_)));
        let status = json!({"phase": "Running", "plan": plan("Complete", 2)});
        assert!(matches!(judged("plan=Complete", 0, json!({}), status), Verdict::Met(_)));
    }

    #[test]
    fn a_failure_that_nobody_retries_is_told_at_once() {
        let failed = |retry_at: Value| {
            let mut plan = plan("Failed", 2);
            plan["failedTaskDetail"] =
                json!({"type": "config-apply", "id": "2", "error": "no such key", "retryCount": 0, "maxRetries": 0});
            plan["retryAt"] = retry_at;
            json!({"phase": "Failed", "plan": plan})
        };
        let final_failure = judged("phase=Running", 0, json!({}), failed(Value::Null));
        let why = "task config-apply failed: no such key; nothing is planned again by itself";
        assert_eq!(final_failure, Verdict::Never(why.to_owned()));
        let due = failed("2026-01-01T00:00:00Z".into());
        assert_eq!(judged("phase=Running", 0, json!({}), due), Verdict::NotYet);
        let asked = json!({"annotations": {"sei.io/retry": "1"}});
        assert_eq!(judged("phase=Running", 0, asked, failed(Value::Null)), Verdict::NotYet);
        assert_eq!(judged("phase=Running", 0, json!({"generation": 3}), failed(Value::Null)), Verdict::NotYet);
        assert!(matches!(judged("phase=Failed", 0, json!({}), failed(Value::Null)), Verdict::Met(_)));
        let refused = json!({"conditions": [{"type": "SpecAccepted", "status": "False", "reason": "InvalidSpec",
            "message": "spec.image is empty", "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 2}]});
        let why = "its spec is refused: spec.image is empty";
        assert_eq!(judged("phase=Running", 0, json!({}), refused.clone()), Verdict::Never(why.to_owned()));
        assert_eq!(judged("phase=Running", 0, json!({"generation": 3}), refused), Verdict::NotYet);
        let deleted = json!({"deletionTimestamp": "2026-01-01T00:00:00Z"});
        let deleted = judged("phase=Running", 0, deleted, json!({"phase": "Initializing"}));
        assert_eq!(deleted, Verdict::Never("it is being deleted".to_owned()));
    }
}
