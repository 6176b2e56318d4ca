//! S12: what a status says moves as it should: conditions, generations and phases.

use sei_planner::api::{Condition, NodePhase, SeiNodeStatus};
use sei_planner::names::NodeKey;

use super::Finding;

/// Compares a status with the one it replaces.
pub(super) fn check(key: &NodeKey, before: &SeiNodeStatus, after: &SeiNodeStatus) -> Vec<Finding> {
    let broken = |what: String| Some(("S12", format!("{key}: {what}")));
    let mut found: Vec<Finding> = after
        .conditions
        .iter()
        .filter_map(|new| {
            let old = before.conditions.iter().find(|old| old.kind == new.kind)?;
            moves_wrongly(old, new).map(|what| broken(format!("condition {} {what}", new.kind)))
        })
        .collect();
    if !declared(before.phase(), after.phase()) {
        found.push(broken(format!("phase {} -> {}", before.phase().as_str(), after.phase().as_str())));
    }
    found
}

fn moves_wrongly(old: &Condition, new: &Condition) -> Option<&'static str> {
    let flips = old.status != new.status;
    // Two flips within one second have one time.
    if !flips && old.last_transition_time != new.last_transition_time {
        return Some("has another transition time and the same status");
    }
    (new.observed_generation < old.observed_generation).then_some("observed an older generation")
}

/// The edges between phases.
fn declared(from: NodePhase, to: NodePhase) -> bool {
    match from {
        NodePhase::Pending => true,
        NodePhase::Initializing => !matches!(to, NodePhase::Pending),
        // Back to the beginning only on an empty volume that somebody accepted.
        NodePhase::Running => !matches!(to, NodePhase::Pending),
        NodePhase::Failed => !matches!(to, NodePhase::Pending),
        NodePhase::Terminating => matches!(to, NodePhase::Terminating),
    }
}
