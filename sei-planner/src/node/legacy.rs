//! Plans of the controller before us say nothing of their kind: here, and only here, it is read from their tasks.

use crate::api::{PlanKindName, TaskPlan};

impl TaskPlan {
    /// Why the plan exists, as stored or, where nothing is stored, as its tasks tell.
    #[must_use]
    pub fn kind_name(&self) -> PlanKindName {
        self.kind.unwrap_or_else(|| classify(self))
    }

    /// Whether the plan brings a node up, as opposed to changing one that runs.
    #[must_use]
    pub fn brings_up(&self) -> bool {
        match self.kind_name() {
            PlanKindName::Init | PlanKindName::Bootstrap | PlanKindName::Genesis => true,
            PlanKindName::Update | PlanKindName::MarkReady | PlanKindName::Repair => false,
        }
    }
}

fn classify(plan: &TaskPlan) -> PlanKindName {
    let has = |kind: &str| plan.tasks.iter().any(|task| task.kind == kind);
    if has("deploy-bootstrap-job") {
        PlanKindName::Bootstrap
    } else if has("generate-identity") {
        PlanKindName::Genesis
    } else if has("ensure-data-pvc") || plan.failed_phase.is_some() {
        PlanKindName::Init
    } else if plan.tasks.len() == 1 && has("mark-ready") {
        PlanKindName::MarkReady
    } else {
        PlanKindName::Update
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::classify;
    use crate::api::{PlanKindName, TaskPlan};
    use serde_json::json;

    #[test]
    fn tasks_tell_the_kind_of_a_plan_that_stores_none() {
        let kind = |tasks: &[&str], failed_phase: Option<&str>| {
            let tasks: Vec<_> = tasks.iter().map(|kind| json!({"type": kind, "id": "", "status": "Pending"})).collect();
            let mut plan = json!({"phase": "Active", "tasks": tasks});
            if let Some(phase) = failed_phase {
                plan["failedPhase"] = phase.into();
            }
            classify(&serde_json::from_value::<TaskPlan>(plan).unwrap())
        };
        let failed = Some("Failed");
        for (tasks, failed_phase, expected) in [
            (&["ensure-data-pvc", "apply-statefulset"][..], failed, PlanKindName::Init),
            (&["ensure-data-pvc", "deploy-bootstrap-job", "ensure-data-pvc"], failed, PlanKindName::Bootstrap),
            (&["ensure-data-pvc", "generate-identity"], failed, PlanKindName::Genesis),
            (&["apply-statefulset", "replace-pod", "observe-image", "mark-ready"], None, PlanKindName::Update),
            (&["apply-sidecar-cert", "observe-sidecar-tls", "mark-ready"], None, PlanKindName::Update),
            (&["mark-ready"], None, PlanKindName::MarkReady),
            (&["a-task-of-tomorrow"], failed, PlanKindName::Init),
        ] {
            assert_eq!(kind(tasks, failed_phase), expected, "{tasks:?}");
        }
    }
}
