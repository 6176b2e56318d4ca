//! Why a spec is refused.

use serde::Serialize;

/// One thing that is wrong with a spec.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Stable code, for example `SEI0101`.
    pub code: &'static str,
    /// What is wrong, with the offending value, and what to write instead.
    pub message: String,
    /// JSON path, for example `spec.fullNode.snapshot`.
    pub field: String,
}

/// A spec that cannot be planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Reason of the condition `SpecAccepted`.
    pub reason: &'static str,
    /// Everything that is wrong; never empty.
    pub problems: Vec<Problem>,
}

impl Refusal {
    /// All messages as one sentence list.
    #[must_use]
    pub fn message(&self) -> String {
        self.problems.iter().map(|p| format!("{}: {}", p.field, p.message)).collect::<Vec<_>>().join("; ")
    }
}
