//! The harness: a bug lives through the lives, and whatever is wrong with how it lived is a catch. Nothing here knows any
//! bug; the yardstick is the invariants, and how the sound operator lived the same life.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use sei_planner::api::NodePhase;
use sei_tasks::sim::{Counters, Entry, Fact, NotConverged, Sim, Verb, What};
use serde_json::Value;

use crate::bug::{Bug, Sound};
use crate::lives::{LIVES, Life, Living};
use crate::objects;

/// What a catch hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Check {
    /// An invariant of the simulated world, by its name in the reliability design.
    Invariant(&'static str),
    /// What was sent is not what the planner renders.
    Rendered,
    /// A field that the oldest supported Kubernetes does not have, or a status that our definition refuses.
    Schema,
    /// A pod is made before what it mounts.
    Mounts,
    /// seid starts without a genesis or a configuration.
    Gate,
    /// L4: a hot loop.
    HotLoop,
    /// A call that never ends.
    Hang,
    /// L1: it never comes to rest, or not where the spec wants it.
    NotConverged,
    /// L2: a settled operator writes.
    NotSilent,
    /// The phases that the node went through are others than under the sound operator.
    Phases,
    /// The end of the life differs from that under the sound operator.
    End,
    /// S10: more sidecar tasks are posted.
    Submissions,
    /// More requests are made.
    Cost,
}

impl Check {
    pub(crate) fn says(self, what: impl Into<String>) -> Catch {
        Catch { check: self, what: what.into() }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invariant(name) => name,
            Self::Rendered => "objects",
            Self::Schema => "schema",
            Self::Mounts => "mounts",
            Self::Gate => "gate",
            Self::HotLoop => "L4",
            Self::Hang => "hang",
            Self::NotConverged => "L1",
            Self::NotSilent => "L2",
            Self::Phases => "phases",
            Self::End => "end state",
            Self::Submissions => "S10",
            Self::Cost => "cost",
        })
    }
}

/// Something that was wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Catch {
    pub(crate) check: Check,
    /// In words.
    pub(crate) what: String,
}

impl From<NotConverged> for Catch {
    fn from(stopped: NotConverged) -> Self {
        let why = stopped.why.as_str();
        let check = if why.starts_with("hot loop") || why.starts_with("no rest") {
            Check::HotLoop
        } else if why.contains("waits for something that this world does not have") {
            Check::Hang
        } else if why == "a settled operator wrote" {
            Check::NotSilent
        } else {
            Check::NotConverged
        };
        check.says(why)
    }
}

/// How a life went.
struct Lived {
    catches: Vec<Catch>,
    end: Value,
    counters: Counters,
    submissions: BTreeMap<String, u64>,
    phases: Vec<NodePhase>,
}

/// One life of an operator with a bug.
fn live(life: &Life, round: u64, bug: Arc<dyn Bug>) -> Lived {
    let mut living = Living::new(bug, (life.options)(), round);
    let told = (life.story)(&mut living);
    let sim = living.world.sim.clone();
    let (violations, trace) = (sim.violations(), sim.trace());
    // A broken invariant stops the driver, which says nothing else then.
    let told = told.err().filter(|_| violations.is_empty());
    let broken = violations.into_iter().map(|violation| Check::Invariant(violation.invariant).says(violation.what));
    Lived {
        catches: broken.chain(living.world.catches()).chain(shut_gates(&trace)).chain(told).collect(),
        end: sim.fingerprint(),
        counters: sim.counters(),
        submissions: submissions(&trace),
        phases: phases(&sim),
    }
}

/// The gate is there so that seid never starts on an empty disk.
fn shut_gates(trace: &[Entry]) -> Vec<Catch> {
    let starts = trace.iter().filter_map(|entry| match &entry.fact {
        Fact::Seid(start) => Some(start),
        Fact::Call(_)
        | Fact::Container { .. }
        | Fact::ReconcileBegin(_)
        | Fact::ReconcileEnd(..)
        | Fact::Crashed
        | Fact::Restarted
        | Fact::User(_) => None,
    });
    let blank = starts.filter(|start| !start.genesis || start.mode.is_none());
    blank.map(|start| Check::Gate.says(format!("seid of {} starts on a blank disk", start.node))).collect()
}

/// How often each type of task was posted.
fn submissions(trace: &[Entry]) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for entry in trace {
        if let Fact::Call(call) = &entry.fact
            && call.verb == Verb::Submit
        {
            *found.entry(call.detail.clone()).or_default() += 1;
        }
    }
    found
}

fn phases(sim: &Sim) -> Vec<NodePhase> {
    let moments = sim.timeline().into_iter();
    moments
        .filter_map(|moment| match moment.what {
            What::Phase { to, .. } => to,
            What::Plan { .. }
            | What::Task { .. }
            | What::Event { .. }
            | What::Pod { .. }
            | What::Gone
            | What::Seid { .. }
            | What::User { .. }
            | What::Operator { .. } => None,
        })
        .collect()
}

/// What differs from the life of the sound operator.
fn compare(sound: &Lived, other: &Lived) -> Vec<Catch> {
    let mut found = Vec::new();
    if sound.phases != other.phases {
        found.push(Check::Phases.says(format!("{:?} instead of {:?}", other.phases, sound.phases)));
    }
    if let Some(difference) = objects::difference("", &sound.end, &other.end) {
        found.push(Check::End.says(difference));
    }
    for (kind, count) in &other.submissions {
        let wanted = sound.submissions.get(kind).copied().unwrap_or_default();
        if *count > wanted {
            found.push(Check::Submissions.says(format!("{kind} is posted {count} times instead of {wanted}")));
        }
    }
    let costs = |what, wanted: u64, is: u64, slack: u64| {
        let limit = wanted + wanted / 4 + slack;
        (is > limit).then(|| Check::Cost.says(format!("{is} {what} instead of {wanted}")))
    };
    let (is, wanted) = (&other.counters, &sound.counters);
    found.extend(costs("writes", wanted.writes(), is.writes(), 1));
    found.extend(costs("requests", wanted.requests() + wanted.sidecar(), is.requests() + is.sidecar(), 10));
    found.extend(costs("looks", wanted.reconciles, is.reconciles, 10));
    found
}

/// The lives of the sound operator, each lived once.
fn yardstick(life: usize, round: u64) -> Arc<Lived> {
    type Lives = Mutex<BTreeMap<(usize, u64), Arc<Lived>>>;
    static LIVED: OnceLock<Lives> = OnceLock::new();
    let lived = LIVED.get_or_init(Lives::default);
    let known = || lived.lock().unwrap_or_else(PoisonError::into_inner).get(&(life, round)).cloned();
    known().unwrap_or_else(|| {
        let fresh = Arc::new(live(&LIVES[life], round, Arc::new(Sound)));
        lived.lock().unwrap_or_else(PoisonError::into_inner).entry((life, round)).or_insert(fresh).clone()
    })
}

/// What is wrong with the sound operator in a life: nothing, or the harness is of no use.
pub(crate) fn flaws_of_the_sound(life: usize) -> Vec<Catch> {
    (0..LIVES[life].rounds).flat_map(|round| yardstick(life, round).catches.clone()).collect()
}

/// A life in which a bug was caught, and by what.
pub(crate) struct Caught {
    pub(crate) life: &'static str,
    pub(crate) catches: Vec<Catch>,
}

impl Caught {
    fn is_telling(&self) -> bool {
        self.catches.iter().any(|catch| catch.check != Check::Cost)
    }

    /// Every check once, in the order of [`Check`].
    pub(crate) fn checks(&self) -> Vec<String> {
        let checks: BTreeSet<Check> = self.catches.iter().map(|catch| catch.check).collect();
        checks.iter().map(ToString::to_string).collect()
    }
}

/// Lets a bug live through a life, round by round, until it is caught.
fn catch_in(life: usize, breed: fn() -> Arc<dyn Bug>) -> Option<Caught> {
    (0..LIVES[life].rounds).find_map(|round| {
        let sound = yardstick(life, round);
        let lived = live(&LIVES[life], round, breed());
        let catches: Vec<Catch> = lived.catches.iter().cloned().chain(compare(&sound, &lived)).collect();
        (!catches.is_empty()).then(|| Caught { life: LIVES[life].name, catches })
    })
}

/// The lives in which a bug is caught, up to the first that has more to say than what it cost, or all of them. The one
/// that says most stands first.
pub(crate) fn catch(breed: fn() -> Arc<dyn Bug>, everywhere: bool) -> Vec<Caught> {
    let mut caught = Vec::new();
    for found in (0..LIVES.len()).filter_map(|life| catch_in(life, breed)) {
        let telling = found.is_telling();
        caught.push(found);
        if telling && !everywhere {
            break;
        }
    }
    caught.sort_by_key(|caught| !caught.is_telling());
    caught
}
