//! What `simulate -o json` prints: JSON Lines, one thing that happened a line, in the order of virtual time. Stable: see
//! the schema that `simulate --schema` prints.
#![allow(unreachable_pub, reason = "the derive of the schema copies each struct, with its visibility, into a function")]

use std::io;

use schemars::JsonSchema;
use sei_planner::api::{NodePhase, PlanKindName, PlanPhase, TaskStatus, Time};
use sei_tasks::sim::{Counters, Moment, Sim, What};
use serde::Serialize;

use super::course::Audience;
use crate::cli::standing::Hindrance;
use crate::input::diagnostics::Diagnostic;
use crate::output::{self, FORMAT_VERSION};

/// One line of the output of `sei-operator simulate -o json`: one thing that happened. The first line has the kind `begin`,
/// the last one `end`. Fields and kinds may be added; none is removed or changes its meaning without a new `formatVersion`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct Line {
    /// Virtual seconds since the start.
    pub(in crate::cli) at: i64,
    /// The same as a point in time; every simulation starts at 2026-01-01T00:00:00Z.
    pub(in crate::cli) time: Time,
    /// The node it is about, as `namespace/name`; null when it is about none in particular.
    pub(in crate::cli) node: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub(in crate::cli) fact: Fact,
}

/// What happened.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(in crate::cli) enum Fact {
    /// The simulation begins.
    Begin {
        /// Version of this format.
        #[schemars(extend("const" = FORMAT_VERSION))]
        format_version: &'static str,
        /// The nodes that were applied, as `namespace/name`.
        nodes: Vec<String>,
        /// What was chosen.
        options: Choices,
    },
    /// The phase of the node changed.
    Phase {
        /// Before; null on a node nobody wrote a phase for.
        from: Option<NodePhase>,
        /// After.
        to: Option<NodePhase>,
    },
    /// A plan began or ended.
    Plan {
        /// Why the plan exists.
        plan: Option<PlanKindName>,
        /// Where it stands.
        phase: PlanPhase,
    },
    /// A task moved on.
    Task {
        /// Type of the task.
        task: String,
        /// Before; null for a task that was first seen in this state.
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
    /// Something happened to a pod.
    Pod {
        /// Name of the pod.
        pod: String,
        /// In words.
        what: String,
    },
    /// seid started.
    Seid {
        /// Image.
        image: String,
        /// Whether state sync is on.
        state_sync: bool,
    },
    /// The SeiNode is gone.
    Gone,
    /// A user did something.
    User {
        /// In words.
        what: String,
    },
    /// The operator's process died or started again.
    Operator {
        /// In words.
        what: String,
    },
    /// What `--edit` or `--delete` asked for did not take place.
    Refused {
        /// The argument, as `new.yaml@30s`.
        argument: String,
        /// Why, a sentence each.
        why: Vec<Reason>,
    },
    /// The simulation ends.
    End(Box<End>),
}

/// What was chosen on the command line, as far as it changes what happens.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct Choices {
    /// What ends the simulation: `Running` or `Idle`.
    pub(in crate::cli) until: &'static str,
    /// Virtual seconds after which it ends in any case.
    pub(in crate::cli) limit_seconds: i64,
    /// `--seed`.
    pub(in crate::cli) seed: u32,
    /// `--faults`; null without.
    pub(in crate::cli) faults: Option<u64>,
    /// `--edit`, in the order of time.
    pub(in crate::cli) edits: Vec<String>,
    /// `--delete`, in the order of time.
    pub(in crate::cli) deletes: Vec<String>,
}

/// Why something did not take place.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Reason {
    /// Code, where there is one: `sei-operator explain CODE` tells more.
    pub(in crate::cli) code: Option<&'static str>,
    /// In words.
    pub(in crate::cli) message: String,
    /// JSON path of the field, where it is about one.
    pub(in crate::cli) field: Option<String>,
    /// Name of the file, where it is about one.
    pub(in crate::cli) file: Option<String>,
    /// Line in the file.
    pub(in crate::cli) line: Option<usize>,
}

impl Reason {
    /// A sentence that is about no file.
    pub(super) fn of_words(message: &str) -> Self {
        Self { code: None, message: message.to_owned(), field: None, file: None, line: None }
    }

    /// A diagnostic as programs read it.
    pub(super) fn of(diagnostic: &Diagnostic) -> Self {
        Self {
            code: Some(diagnostic.code),
            message: diagnostic.message.clone(),
            field: Some(diagnostic.field.clone()),
            file: Some(diagnostic.file.clone()),
            line: Some(diagnostic.at.line),
        }
    }
}

/// How a simulation ended.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct End {
    /// Version of this format.
    #[schemars(extend("const" = FORMAT_VERSION))]
    pub(in crate::cli) format_version: &'static str,
    /// Whether every node runs as its spec says, or was deleted, and everything that was asked for took place.
    pub(in crate::cli) converged: bool,
    /// What `--edit` and `--delete` asked for and did not take place, a sentence each.
    pub(in crate::cli) refused: Vec<String>,
    /// Why it did not converge otherwise, a sentence each.
    pub(in crate::cli) why: Vec<String>,
    /// Every node.
    pub(in crate::cli) nodes: Vec<NodeEnd>,
    /// What the operator did.
    pub(in crate::cli) counters: Totals,
    /// Invariants that were broken.
    pub(in crate::cli) violations: Vec<Broken>,
    /// What was chosen.
    pub(in crate::cli) options: Choices,
    /// The command line that replays it.
    pub(in crate::cli) replay: String,
}

/// How a node ended.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct NodeEnd {
    /// `namespace/name`.
    pub(in crate::cli) node: String,
    /// Its phase; null when it is gone.
    pub(in crate::cli) phase: Option<NodePhase>,
    /// What keeps it from running as its spec says; null when nothing does.
    pub(in crate::cli) hindrance: Option<Hindrance>,
}

/// Calls of the operator.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct Totals {
    /// Writes to the API server, without events.
    pub(in crate::cli) writes: u64,
    /// Requests to the API server: writes and live reads, without events.
    pub(in crate::cli) requests: u64,
    /// Events published.
    pub(in crate::cli) events: u64,
    /// Calls to sidecars.
    pub(in crate::cli) sidecar_calls: u64,
    /// Looks at nodes.
    pub(in crate::cli) reconciles: u64,
}

impl Totals {
    pub(super) fn of(counters: &Counters) -> Self {
        Self {
            writes: counters.writes(),
            requests: counters.requests(),
            events: counters.events(),
            sidecar_calls: counters.sidecar(),
            reconciles: counters.reconciles,
        }
    }
}

/// An invariant that was broken.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Broken {
    /// Virtual seconds since the start.
    pub(in crate::cli) at: i64,
    /// Which invariant, as `S8`.
    pub(in crate::cli) invariant: &'static str,
    /// What happened.
    pub(in crate::cli) what: String,
}

/// The JSON Schema of [`Line`].
pub(super) fn schema() -> schemars::Schema {
    output::schema_of::<Line>("sei-operator simulate")
}

/// Prints lines for programs.
#[derive(Default)]
pub(super) struct Tracer {
    told: usize,
}

impl Tracer {
    fn line(sim: &Sim, time: Time, node: Option<String>, fact: Fact) -> io::Result<()> {
        let line = Line { at: time.seconds_since(sim.began_at()), time, node, fact };
        output::data(&format!("{}\n", serde_json::to_string(&line)?))
    }

    fn now(sim: &Sim, fact: Fact) -> io::Result<()> {
        Self::line(sim, sim.began_at().plus_seconds(sim.elapsed_seconds()), None, fact)
    }
}

impl Audience for Tracer {
    fn begin(&mut self, sim: &Sim, nodes: Vec<String>, options: &Choices) -> io::Result<()> {
        Self::now(sim, Fact::Begin { format_version: FORMAT_VERSION, nodes, options: options.clone() })
    }

    fn news(&mut self, sim: &Sim) -> io::Result<()> {
        let news = sim.timeline_since(self.told);
        self.told += news.len();
        news.into_iter()
            .try_for_each(|Moment { at, node, what }| Self::line(sim, at, node.map(|key| key.to_string()), fact(what)))
    }

    fn frame(&mut self, _sim: &Sim, _at_seconds: i64) -> io::Result<()> {
        Ok(())
    }

    fn refused(&mut self, sim: &Sim, argument: &str, why: &[Reason]) -> io::Result<()> {
        Self::now(sim, Fact::Refused { argument: argument.to_owned(), why: why.to_vec() })
    }

    fn end(&mut self, sim: &Sim, end: &End) -> io::Result<()> {
        Self::now(sim, Fact::End(Box::new(end.clone())))
    }
}

fn fact(what: What) -> Fact {
    match what {
        What::Phase { from, to } => Fact::Phase { from, to },
        What::Plan { kind, phase } => Fact::Plan { plan: kind, phase },
        What::Task { kind, from, to, error } => Fact::Task { task: kind, from, to, error },
        What::Event { reason, message, warning } => Fact::Event { reason, message, warning },
        What::Pod { pod, what } => Fact::Pod { pod, what },
        What::Gone => Fact::Gone,
        What::Seid { image, state_sync } => Fact::Seid { image, state_sync },
        What::User { what } => Fact::User { what },
        What::Operator { what } => Fact::Operator { what },
    }
}
