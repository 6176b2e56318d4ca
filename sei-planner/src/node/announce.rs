//! What people are told when a status changes: events, on transitions only (O5).

use crate::api::conditions as c;
use crate::api::{ConditionStatus, NodePhase, SeiNodeStatus};

/// An event about a SeiNode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Whether it is a `Warning` (else `Normal`).
    pub warning: bool,
    /// CamelCase word.
    pub reason: &'static str,
    /// A sentence for people.
    pub message: String,
}

/// The events of a status change.
#[must_use]
pub fn announce(old: &SeiNodeStatus, new: &SeiNodeStatus) -> Vec<Event> {
    let mut events = Vec::new();
    if old.phase() != new.phase() {
        let message = format!("Phase changed from {} to {}", old.phase(), new.phase());
        events.push(Event { warning: false, reason: c::PHASE_TRANSITION, message });
        if new.phase == Some(NodePhase::Failed) {
            events.push(Event { warning: true, reason: c::NODE_FAILED, message: failure(new) });
        }
    }
    let status = |of: &SeiNodeStatus, kind| of.condition(kind).map(|condition| condition.status);
    let readiness = (status(old, c::SIDECAR_READY), status(new, c::SIDECAR_READY));
    if readiness.1 == Some(ConditionStatus::False) && readiness.0 != readiness.1 {
        let message = "sidecar Healthz returned 503; controller will re-issue mark-ready".to_owned();
        events.push(Event { warning: true, reason: c::SIDECAR_READINESS_LOST, message });
    }
    if readiness == (Some(ConditionStatus::False), Some(ConditionStatus::True)) {
        let message = "sidecar Healthz returned 200; mark-ready gate is open".to_owned();
        events.push(Event { warning: false, reason: c::SIDECAR_READINESS_RESTORED, message });
    }
    events.extend(tls_secret(old, new));
    events.extend(adopted(old, new));
    events.extend(warning_when_turned(old, new, c::SPEC_ACCEPTED, ConditionStatus::False, c::SPEC_REFUSED));
    events.extend(warning_when_turned(
        old,
        new,
        c::AWAITING_ACKNOWLEDGEMENT,
        ConditionStatus::True,
        c::AWAITING_ACKNOWLEDGEMENT,
    ));
    events
}

fn adopted(old: &SeiNodeStatus, new: &SeiNodeStatus) -> Option<Event> {
    let message = |of: &SeiNodeStatus| of.condition(c::ADOPTED).map(|condition| condition.message.clone());
    let told = message(new).filter(|told| message(old).as_ref() != Some(told))?;
    Some(Event { warning: false, reason: c::ADOPTED, message: told })
}

fn tls_secret(old: &SeiNodeStatus, new: &SeiNodeStatus) -> Option<Event> {
    let status = |of: &SeiNodeStatus| of.condition(c::SIDECAR_TLS_SECRET_READY).map(|condition| condition.status);
    let condition = new.condition(c::SIDECAR_TLS_SECRET_READY)?;
    match (status(old), condition.status) {
        (Some(ConditionStatus::False), ConditionStatus::True) => Some(Event {
            warning: false,
            reason: c::SIDECAR_TLS_SECRET_READY,
            message: "sidecar TLS Secret validated; plan gate is open".to_owned(),
        }),
        (before, ConditionStatus::False) if before != Some(ConditionStatus::False) => {
            let message = match &new.sidecar_tls {
                Some(tls) => format!("sidecar TLS Secret {:?}: {}", tls.secret_name, condition.message),
                None => condition.message.clone(),
            };
            Some(Event { warning: true, reason: c::SIDECAR_TLS_SECRET_NOT_READY, message })
        }
        (_, ConditionStatus::True | ConditionStatus::False | ConditionStatus::Unknown) => None,
    }
}

/// A warning with the condition's message when the condition turned to `status`, or changed what it says there.
fn warning_when_turned(
    old: &SeiNodeStatus,
    new: &SeiNodeStatus,
    kind: &str,
    status: ConditionStatus,
    reason: &'static str,
) -> Option<Event> {
    let now = new.condition(kind).filter(|condition| condition.status == status)?;
    let told = old.condition(kind).is_some_and(|before| before.status == status && before.message == now.message);
    (!told).then(|| Event { warning: true, reason, message: now.message.clone() })
}

fn failure(status: &SeiNodeStatus) -> String {
    let detail = status.plan.as_ref().and_then(|plan| plan.failed_task_detail.as_ref());
    detail
        .map_or_else(|| "the plan failed".to_owned(), |detail| format!("task {} failed: {}", detail.kind, detail.error))
}
