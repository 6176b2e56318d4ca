//! A simulated world: an API server, the Kubernetes controllers, kubelet, sidecars and a clock in memory, behind the
//! traits of [`crate::world`]. The code that reconciles real clusters runs on it unchanged, in virtual time.
//!
//! Everything is deterministic: the same options, operator and user actions give the same trace. What it is for: tests
//! (a crash or a lost request at every single call), showing a newcomer a node that comes up without a cluster, and
//! tests of embedders. A world is a [`Sim`]; a [`Driver`] lets an [`Operator`] live in it.
//!
//! ```
//! use sei_tasks::sim::{Options, Reconcile, Sim};
//! use sei_tasks::world::LookAgain;
//! use sei_tasks::world::Clock;
//!
//! let sim = Sim::new(Options::default());
//! let operator = Reconcile(async |sim: &Sim, _key: &_| Ok(LookAgain { at: Some(sim.now().plus_seconds(60)) }));
//! let mut driver = sim.drive(operator);
//! assert!(driver.run_for(300).is_ok());
//! assert_eq!(sim.elapsed_seconds(), 300);
//! ```

mod api;
mod arrivals;
mod certificates;
mod clock;
mod consensus_keys;
mod controllers;
mod drive;
mod faults;
mod fingerprint;
mod handlers;
mod invariants;
mod json;
mod mishaps;
mod network;
mod operator;
mod options;
mod process;
mod random;
mod restore;
mod sidecar;
mod state;
mod store;
#[cfg(test)]
mod testing;
mod trace;
mod user;
mod watches;

use std::sync::{Arc, Mutex, PoisonError};

use sei_planner::api::{SeiNode, Time};
use sei_planner::names::NodeKey;
use serde_json::Value;

use crate::world::{Kind, ObjectId};

pub use drive::{Driver, NotConverged, Rest, Turn};
pub use faults::{CrashAt, Fault, Mishap, Point, Weather};
pub use handlers::SeidConfig;
pub use invariants::Violation;
pub use operator::{Fork, Operator, Reconcile, SeiOperator};
pub use options::{CertManager, Delays, Durations, Options};
pub use random::Random;
pub use store::Force;
pub use trace::{Call, Counters, Entry, Fact, Moment, SeidStart, Verb, What};

use state::State;

/// A handle on a simulated world. Clones are handles on the same world.
#[derive(Clone)]
pub struct Sim {
    state: Arc<Mutex<State>>,
}

impl Sim {
    /// An empty world, at 2026-01-01T00:00:00Z.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { state: Arc::new(Mutex::new(State::new(options))) }
    }

    /// Lets an operator live in this world; its first process starts now.
    pub fn drive<O: Operator>(&self, operator: O) -> Driver<O> {
        Driver::new(self.clone(), operator)
    }

    /// Everything that happened, in order.
    #[must_use]
    pub fn trace(&self) -> Vec<Entry> {
        self.with(|state| state.trace.entries.clone())
    }

    /// What happened, for people.
    #[must_use]
    pub fn timeline(&self) -> Vec<Moment> {
        self.with(|state| state.trace.timeline.clone())
    }

    /// What happened, for people, without the first `told` lines.
    #[must_use]
    pub fn timeline_since(&self, told: usize) -> Vec<Moment> {
        self.with(|state| state.trace.timeline.get(told..).unwrap_or_default().to_vec())
    }

    /// The operator's calls by kind.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.with(|state| state.trace.counters.clone())
    }

    /// How many calls that a fault can hit the operator has made; the last one has this number.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.with(|state| state.process.calls)
    }

    /// What went wrong at a call on purpose; absent when nothing did.
    #[must_use]
    pub fn fault_at(&self, call: u64) -> Option<Fault> {
        self.with(|state| {
            let calls = state.trace.entries.iter().rev().filter_map(|entry| entry.fact.call());
            calls.take_while(|made| made.number >= call).find(|made| made.number == call)?.fault
        })
    }

    /// Invariants that were broken, in order.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        self.with(|state| state.violations.clone())
    }

    /// Seconds since the world began, whatever the operator's clock says.
    #[must_use]
    pub fn elapsed_seconds(&self) -> i64 {
        self.world_time().seconds_since(clock::start())
    }

    /// The time of the world, whatever the operator's clock says.
    fn world_time(&self) -> Time {
        self.with(|state| state.now)
    }

    /// When the world began.
    #[must_use]
    pub fn began_at(&self) -> Time {
        clock::start()
    }

    /// An object as it stands.
    #[must_use]
    pub fn object(&self, id: &ObjectId) -> Option<Value> {
        self.with(|state| state.store.get(id).map(|object| object.as_ref().clone()))
    }

    /// What `see` finds in an object as it stands, without a copy of it; absent when there is no such object. `see`
    /// must not use the world.
    pub fn inspect<T>(&self, id: &ObjectId, see: impl FnOnce(&Value) -> T) -> Option<T> {
        self.with(|state| state.store.get(id).map(|object| see(object)))
    }

    /// Every object of a kind, in order of namespace and name.
    #[must_use]
    pub fn objects(&self, kind: Kind) -> Vec<Value> {
        self.with(|state| {
            let objects = state.store.list(kind);
            objects.map(|(_, object)| object.as_ref().clone()).collect()
        })
    }

    /// A SeiNode as it stands.
    #[must_use]
    pub fn sei_node(&self, key: &NodeKey) -> Option<SeiNode> {
        self.with(|state| state.node(key))
    }

    /// Keys of all SeiNodes.
    #[must_use]
    pub fn sei_nodes(&self) -> Vec<NodeKey> {
        self.with(|state| state.nodes())
    }

    /// Whether writes of a process that died are still on their way.
    #[must_use]
    pub fn has_late_writes(&self) -> bool {
        self.with(|state| !state.arrivals.is_empty())
    }

    /// Every start of a node's seid, with the configuration it started with.
    #[must_use]
    pub fn seid_starts(&self, key: &NodeKey) -> Vec<SeidStart> {
        self.with(|state| {
            let facts = state.trace.entries.iter().map(|entry| &entry.fact);
            facts
                .filter_map(|fact| match fact {
                    Fact::Seid(start) if start.node == *key => Some(start.clone()),
                    Fact::Seid(_)
                    | Fact::Call(_)
                    | Fact::Container { .. }
                    | Fact::ReconcileBegin(_)
                    | Fact::ReconcileEnd(..)
                    | Fact::Crashed
                    | Fact::Restarted
                    | Fact::User(_) => None,
                })
                .collect()
        })
    }

    /// The normalised state of the world: two runs that end alike have equal fingerprints, whatever happened on the
    /// way. Ids, uids, times, resourceVersions and retry counters are left out.
    #[must_use]
    pub fn fingerprint(&self) -> Value {
        self.with(|state| fingerprint::of(state))
    }

    /// A copy of the world.
    fn fork(&self) -> Self {
        Self { state: Arc::new(Mutex::new(self.with(|state| state.clone()))) }
    }

    /// The only place where the world is locked. A panic elsewhere does not hide the world from tests.
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut state)
    }
}
