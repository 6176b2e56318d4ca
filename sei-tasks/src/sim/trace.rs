//! Everything that happened, in order: calls, containers, reconciles, and a timeline for people. It only records.

use std::collections::BTreeMap;
use std::fmt;

use sei_planner::api::{NodePhase, PlanKindName, PlanPhase, SeiNodeStatus, TaskStatus, Time};
use sei_planner::names::NodeKey;

use super::faults::Fault;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// When.
    pub at: Time,
    /// What.
    pub fact: Fact,
}

/// A thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// The operator called the API server or a sidecar.
    Call(Call),
    /// A container started or stopped.
    Container {
        /// True for a start.
        started: bool,
        /// Namespace and name of the pod.
        pod: String,
        /// Uid of the pod.
        pod_uid: String,
        /// Name of the container.
        container: String,
        /// Image it runs.
        image: String,
    },
    /// seid itself started, behind the gate of the sidecar.
    Seid(SeidStart),
    /// A reconcile began.
    ReconcileBegin(NodeKey),
    /// A reconcile ended, with what it answered.
    ReconcileEnd(NodeKey, String),
    /// The operator's process died.
    Crashed,
    /// A fresh process of the operator started.
    Restarted,
    /// Somebody else did something, in words.
    User(String),
}

impl Fact {
    /// The call, if it is one.
    #[must_use]
    pub fn call(&self) -> Option<&Call> {
        match self {
            Self::Call(call) => Some(call),
            Self::Container { .. }
            | Self::Seid(_)
            | Self::ReconcileBegin(_)
            | Self::ReconcileEnd(..)
            | Self::Crashed
            | Self::Restarted
            | Self::User(_) => None,
        }
    }
}

/// One call of the operator.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Number of the call, counted from 1.
    pub number: u64,
    /// Number of the operator's process, counted from 0.
    pub epoch: u64,
    /// What was asked.
    pub verb: Verb,
    /// The object, or the URL and id of a sidecar's task.
    pub target: String,
    /// Further words: the type of a task, the reason of an event.
    pub detail: String,
    /// resourceVersion of the object before the call, empty when there was none.
    pub version_before: String,
    /// resourceVersion of the object after the call, empty when there is none.
    pub version_after: String,
    /// `ok`, or the error.
    pub outcome: String,
    /// Whether the call took effect (for reads: was answered).
    pub applied: bool,
    /// What went wrong at it on purpose.
    pub fault: Option<Fault>,
}

/// What a call asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// The SeiNode, from the watch.
    Node,
    /// A live read.
    Read,
    /// A create.
    Create,
    /// A server-side apply.
    Apply,
    /// A delete.
    Delete,
    /// A patch of metadata.
    PatchMetadata,
    /// A patch of status.
    WriteStatus,
    /// An event.
    Announce,
    /// `POST /v0/tasks`.
    Submit,
    /// `GET /v0/tasks/{id}`.
    Task,
    /// `GET /v0/healthz`.
    Health,
    /// `GET /status` of seid's RPC.
    Chain,
    /// `GET /commit` of seid's RPC.
    Signers,
}

impl Verb {
    /// Whether it changes objects in the API server (events are counted apart).
    #[must_use]
    pub fn is_write(self) -> bool {
        match self {
            Self::Create | Self::Apply | Self::Delete | Self::PatchMetadata | Self::WriteStatus => true,
            Self::Node
            | Self::Read
            | Self::Announce
            | Self::Submit
            | Self::Task
            | Self::Health
            | Self::Chain
            | Self::Signers => false,
        }
    }
}

/// The configuration seid started with.
#[derive(Clone, Debug, PartialEq)]
pub struct SeidStart {
    /// The node.
    pub node: NodeKey,
    /// Uid of the claim with its data.
    pub volume: String,
    /// Image of the container.
    pub image: String,
    /// Mode of the configuration, absent when none was applied.
    pub mode: Option<String>,
    /// Overrides in force.
    pub overrides: BTreeMap<String, String>,
    /// Persistent peers.
    pub peers: Vec<String>,
    /// Whether state sync is switched on in the configuration.
    pub state_sync: bool,
    /// Whether a snapshot was restored on this volume.
    pub snapshot: bool,
    /// Whether the genesis is there.
    pub genesis: bool,
    /// Whether it is the seid of a bootstrap, which stops at a height.
    pub bootstrap: bool,
}

/// A line of the timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// When.
    pub at: Time,
    /// The node it is about; absent when it is about none in particular.
    pub node: Option<NodeKey>,
    /// What.
    pub what: What,
}

/// What a line of the timeline says.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// The phase of the node changed.
    Phase {
        /// Before; absent on a node nobody wrote a phase for.
        from: Option<NodePhase>,
        /// After.
        to: Option<NodePhase>,
    },
    /// A plan began or ended.
    Plan {
        /// Why the plan exists.
        kind: Option<PlanKindName>,
        /// Where it stands.
        phase: PlanPhase,
    },
    /// A task moved on.
    Task {
        /// Type.
        kind: String,
        /// Before; absent for a task that was first seen in this state.
        from: Option<TaskStatus>,
        /// After.
        to: TaskStatus,
        /// Its last failure, empty when there is none.
        error: String,
    },
    /// An event was published.
    Event {
        /// CamelCase word.
        reason: String,
        /// A sentence for people.
        message: String,
        /// Whether it is a warning.
        warning: bool,
    },
    /// Something happened to a pod, in words.
    Pod {
        /// Name.
        pod: String,
        /// What.
        what: String,
    },
    /// The SeiNode is gone.
    Gone,
    /// seid started.
    Seid {
        /// Image.
        image: String,
        /// Whether state sync is on.
        state_sync: bool,
    },
    /// Somebody else did something, in words.
    User {
        /// What.
        what: String,
    },
    /// The operator's process died or started again.
    Operator {
        /// What.
        what: String,
    },
}

impl fmt::Display for What {
    /// `task  snapshot-restore  Running -> Complete`: a kind, two spaces, the rest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phase { from, to } => {
                write!(f, "phase  {} -> {}", phase_name(*from), phase_name(*to))
            }
            Self::Plan { kind, phase } => match kind {
                Some(kind) => write!(f, "plan  {kind:?} {phase:?}"),
                None => write!(f, "plan  {phase:?}"),
            },
            Self::Task { kind, from, to, error } => {
                let from = from.unwrap_or(TaskStatus::Pending);
                write!(f, "task  {kind}  {from:?} -> {to:?}")?;
                if !error.is_empty() {
                    write!(f, "  {error}")?;
                }
                Ok(())
            }
            Self::Event { reason, message, .. } => write!(f, "event  {reason}  {message}"),
            Self::Pod { pod, what } => write!(f, "pod  {pod}  {what}"),
            Self::Gone => f.write_str("node  gone"),
            Self::Seid { image, state_sync } => {
                let how = if *state_sync { "  state sync on" } else { "" };
                write!(f, "seid  started  {image}{how}")
            }
            Self::User { what } => write!(f, "user  {what}"),
            Self::Operator { what } => write!(f, "operator  {what}"),
        }
    }
}

fn phase_name(phase: Option<NodePhase>) -> &'static str {
    phase.unwrap_or(NodePhase::Pending).as_str()
}

/// Calls of the operator by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Number of calls of each kind.
    pub by_verb: BTreeMap<Verb, u64>,
    /// Events by reason.
    pub events: BTreeMap<String, u64>,
    /// Reconciles.
    pub reconciles: u64,
}

impl Counters {
    /// Calls of one kind.
    #[must_use]
    pub fn of(&self, verb: Verb) -> u64 {
        self.by_verb.get(&verb).copied().unwrap_or_default()
    }

    /// Writes to the API server, events not counted.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.by_verb.iter().filter(|(verb, _)| verb.is_write()).map(|(_, count)| count).sum()
    }

    /// Requests to the API server as an audit log counts them, without events: writes and live reads. The SeiNode
    /// itself comes from the watch.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.writes() + self.of(Verb::Read)
    }

    /// Events published.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.of(Verb::Announce)
    }

    /// What was counted after an earlier count.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let by_verb = self.by_verb.iter();
        let events = self.events.iter();
        Self {
            by_verb: by_verb.map(|(verb, count)| (*verb, count - earlier.of(*verb))).collect(),
            events: events
                .map(|(reason, count)| {
                    let before = earlier.events.get(reason).copied().unwrap_or_default();
                    (reason.clone(), count - before)
                })
                .collect(),
            reconciles: self.reconciles - earlier.reconciles,
        }
    }

    /// Calls to sidecars.
    #[must_use]
    pub fn sidecar(&self) -> u64 {
        self.of(Verb::Submit) + self.of(Verb::Task) + self.of(Verb::Health)
    }
}

/// The record.
#[derive(Clone, Debug, Default)]
pub(super) struct Trace {
    pub(super) entries: Vec<Entry>,
    pub(super) timeline: Vec<Moment>,
    pub(super) counters: Counters,
}

impl Trace {
    /// Records a fact.
    pub(super) fn record(&mut self, at: Time, fact: Fact) {
        match &fact {
            Fact::Call(call) => {
                *self.counters.by_verb.entry(call.verb).or_default() += 1;
                if call.verb == Verb::Announce {
                    let reason = call.detail.clone();
                    *self.counters.events.entry(reason).or_default() += 1;
                }
            }
            Fact::ReconcileBegin(_) => self.counters.reconciles += 1,
            Fact::Container { .. }
            | Fact::Seid(_)
            | Fact::ReconcileEnd(..)
            | Fact::Crashed
            | Fact::Restarted
            | Fact::User(_) => {}
        }
        self.entries.push(Entry { at, fact });
    }

    /// Adds a line to the timeline.
    pub(super) fn tell(&mut self, at: Time, node: Option<NodeKey>, what: What) {
        self.timeline.push(Moment { at, node, what });
    }

    /// Adds what changed between two statuses of a node.
    pub(super) fn tell_status(&mut self, at: Time, node: &NodeKey, before: &SeiNodeStatus, after: &SeiNodeStatus) {
        for what in status_changes(before, after) {
            self.tell(at, Some(node.clone()), what);
        }
    }
}

/// What changed between two statuses, in the order a reader wants it: a new plan, its tasks, its end, the phase.
fn status_changes(before: &SeiNodeStatus, after: &SeiNodeStatus) -> Vec<What> {
    let mut lines = Vec::new();
    if let Some(plan) = &after.plan {
        let old = before.plan.as_ref().filter(|old| old.id == plan.id);
        let line = What::Plan { kind: plan.kind, phase: plan.phase };
        if old.is_none() {
            lines.push(What::Plan { kind: plan.kind, phase: PlanPhase::Active });
        }
        for (index, task) in plan.tasks.iter().enumerate() {
            let earlier = old.and_then(|old| old.tasks.get(index));
            let from = earlier.map(|earlier| earlier.status);
            let retried = earlier.is_some_and(|earlier| earlier.retry_count < task.retry_count);
            if retried || from.unwrap_or(TaskStatus::Pending) != task.status {
                lines.push(What::Task { kind: task.kind.clone(), from, to: task.status, error: task.error.clone() });
            }
        }
        let ended = plan.phase != PlanPhase::Active;
        if ended && old.map(|old| old.phase) != Some(plan.phase) {
            lines.push(line);
        }
    }
    if before.phase != after.phase {
        lines.push(What::Phase { from: before.phase, to: after.phase });
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    fn status(value: serde_json::Value) -> SeiNodeStatus {
        from_value(value).unwrap_or_default()
    }

    #[test]
    fn a_status_change_reads_plan_tasks_end_phase() {
        let task = |s: &str| json!({"type": "mark-ready", "id": "t", "status": s});
        let plan =
            |phase: &str, s: &str| json!({"plan": {"id": "p", "phase": phase, "kind": "Init", "tasks": [task(s)]}});
        let empty = SeiNodeStatus::default();
        let begun = status(plan("Active", "Pending"));
        let mut ended = status(plan("Complete", "Complete"));
        ended.phase = Some(NodePhase::Running);
        let lines = |a, b| -> Vec<String> { status_changes(a, b).iter().map(What::to_string).collect() };
        assert_eq!(lines(&empty, &begun), ["plan  Init Active"]);
        assert_eq!(
            lines(&begun, &ended),
            ["task  mark-ready  Pending -> Complete", "plan  Init Complete", "phase  Pending -> Running"]
        );
    }
}
