//! What the checks before a pod say in conditions: each check has one, true only when it passed.

use sei_planner::api::{ConditionStatus, TaskPlan, conditions as c};
use sei_planner::node::Stamp;
use sei_planner::step::{Failure, Outcome};

/// The condition of a check, and its three reasons.
pub(super) struct Check {
    condition: &'static str,
    passed: &'static str,
    not_ready: &'static str,
    invalid: &'static str,
}

pub(super) const IMPORTED_CLAIM: Check = Check {
    condition: c::IMPORT_PVC_READY,
    passed: c::PVC_VALIDATED,
    not_ready: c::PVC_NOT_READY,
    invalid: c::PVC_INVALID,
};
pub(super) const SIGNING_KEY: Check = Check {
    condition: c::SIGNING_KEY_READY,
    passed: c::SIGNING_KEY_VALIDATED,
    not_ready: c::SIGNING_KEY_NOT_READY,
    invalid: c::SIGNING_KEY_INVALID,
};
pub(super) const NODE_KEY: Check = Check {
    condition: c::NODE_KEY_READY,
    passed: c::NODE_KEY_VALIDATED,
    not_ready: c::NODE_KEY_NOT_READY,
    invalid: c::NODE_KEY_INVALID,
};
pub(super) const OPERATOR_KEYRING: Check = Check {
    condition: c::OPERATOR_KEYRING_READY,
    passed: c::OPERATOR_KEYRING_VALIDATED,
    not_ready: c::OPERATOR_KEYRING_NOT_READY,
    invalid: c::OPERATOR_KEYRING_INVALID,
};

impl Check {
    /// The stamp of a check that passed.
    pub(super) fn passed(&self, message: String) -> Stamp {
        self.stamp(ConditionStatus::True, self.passed, message)
    }

    fn failed(&self, outcome: &Outcome) -> Option<Stamp> {
        let (reason, message) = match outcome {
            Outcome::Done(_) => return None,
            Outcome::Waiting(waiting) => (self.not_ready, &waiting.on),
            Outcome::Failed(Failure::Retry { why, .. } | Failure::Run { why } | Failure::LostGround { why, .. }) => {
                (self.not_ready, why)
            }
            Outcome::Failed(Failure::Terminal { why }) => (self.invalid, why),
        };
        Some(self.stamp(ConditionStatus::False, reason, message.clone()))
    }

    fn stamp(&self, status: ConditionStatus, reason: &'static str, message: String) -> Stamp {
        Stamp::Check { condition: self.condition, status, reason, message }
    }
}

/// The condition that goes with the outcome of the task at `index`, if that is a check that did not pass.
pub(crate) fn stamps_of_failure(imported_claim: bool, plan: &TaskPlan, index: usize, outcome: &Outcome) -> Vec<Stamp> {
    let check = match plan.tasks[index].kind.as_str() {
        "ensure-data-pvc" if imported_claim => IMPORTED_CLAIM,
        "validate-signing-key" => SIGNING_KEY,
        "validate-node-key" => NODE_KEY,
        "validate-operator-keyring" => OPERATOR_KEYRING,
        _ => return Vec::new(),
    };
    check.failed(outcome).into_iter().collect()
}
