//! The question that waits for a person, as the condition `AwaitingAcknowledgement` asks it.

use sei_planner::api::{ACKNOWLEDGE_ANNOTATION, ConditionStatus, SeiNodeStatus, conditions};

use super::standing::held;

/// A question, and the answer that fits it and no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    /// What is asked, without the command that answers.
    pub(super) text: String,
    /// Reason of the condition, as `SigningKeyMoves`.
    pub(super) reason: String,
    /// Value of the annotation that answers.
    pub(super) token: String,
}

impl Question {
    /// The question of a status, if it asks one.
    pub(super) fn of(status: &SeiNodeStatus) -> Option<Self> {
        let asked = held(status, conditions::AWAITING_ACKNOWLEDGEMENT, ConditionStatus::True)?;
        // The message ends with the whole command that answers.
        let (before, after) = asked.message.rsplit_once(&format!("{ACKNOWLEDGE_ANNOTATION}="))?;
        let token = after.split_whitespace().next().filter(|token| !token.is_empty())?.to_owned();
        let text = parted(before).0.to_owned();
        Some(Self { text, reason: asked.reason.clone(), token })
    }
}

/// What a condition says, and the whole command that its message ends with, if it does.
pub(super) fn parted(message: &str) -> (&str, Option<&str>) {
    match message.find(": kubectl ") {
        Some(at) => (message[..at].trim(), Some(message[at + 2..].trim())),
        None => (message.trim(), None),
    }
}
