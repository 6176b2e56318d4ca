//! What is shown of a life that failed. `CAMPAIGN_LINES=1000` shows more of it than its end.

use sei_planner::names::NodeKey;
use sei_tasks::sim::{Call, Entry, Fact, Sim};
use sei_tasks::world::Kind;

/// Lines of the timeline, and calls, that a failure shows.
const LINES_SHOWN: usize = 40;

/// The end of the timeline, a line each.
pub(crate) fn last_moments(sim: &Sim) -> String {
    let timeline = sim.timeline();
    let lines = timeline.iter().skip(timeline.len().saturating_sub(lines_shown()));
    lines.map(|moment| format!("  {} {}", moment.at, moment.what)).collect::<Vec<_>>().join("\n")
}

fn lines_shown() -> usize {
    let asked = std::env::var("CAMPAIGN_LINES");
    asked.map_or(LINES_SHOWN, |lines| lines.parse().expect("CAMPAIGN_LINES is a number"))
}

/// What the plan waits for, and the statuses of pods and claims.
pub(crate) fn what_is_there(sim: &Sim, key: &NodeKey) -> String {
    let status = sim.sei_node(key).and_then(|node| node.status).unwrap_or_default();
    let waits = status.plan.into_iter().flat_map(|plan| plan.tasks).find_map(|task| task.waiting_for);
    let told = status
        .conditions
        .iter()
        .map(|told| format!("{} {:?} {}: {}", told.kind, told.status, told.reason, told.message));
    let objects = [Kind::Pod, Kind::PersistentVolumeClaim].into_iter().flat_map(|kind| sim.objects(kind));
    let objects = objects.map(|object| format!("{} {}", object["metadata"], object["status"]));
    let lines: Vec<String> = waits.into_iter().chain(told).chain(objects).collect();
    format!("what is there\n  {}", lines.join("\n  "))
}

/// The last calls, and what the reconciles that made them answered.
pub(crate) fn last_calls(sim: &Sim) -> Vec<String> {
    let trace = sim.trace();
    let lines: Vec<String> = trace.iter().filter_map(line).collect();
    lines[lines.len().saturating_sub(lines_shown())..].to_vec()
}

fn line(entry: &Entry) -> Option<String> {
    let at = entry.at;
    if let Fact::ReconcileEnd(key, answer) = &entry.fact {
        return Some(format!("  {at} reconciled {key}: {answer}"));
    }
    let Call { number, epoch, verb, target, detail, outcome, fault, .. } = entry.fact.call()?;
    let fault = fault.map(|fault| format!("  {fault:?}")).unwrap_or_default();
    Some(format!("  {at} {number}/{epoch} {verb:?} {target} {detail}: {outcome}{fault}"))
}
