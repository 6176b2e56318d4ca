//! The operator's process: its calls, what goes wrong at them, and what it knows of its own writes.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

use sei_planner::api::Time;
use sei_planner::names::NodeKey;

use super::faults::{Fault, Weather};
use super::options::Options;

/// One run of the operator's process, and the call counter.
#[derive(Clone, Debug, Default)]
pub(super) struct Process {
    /// Number of the process, counted from 0.
    pub(super) epoch: u64,
    /// Calls so far, over all processes.
    pub(super) calls: u64,
    /// Whether the process died.
    pub(super) dead: bool,
    /// The reconcile under way.
    pub(super) look: Option<Look>,
    /// When it started: what its watches show is never older, because each begins with a consistent list.
    pub(super) since: Option<Time>,
    /// How much older than usual the answer of the watch to the call under way is, in seconds.
    pub(super) stale_seconds: i64,
    /// Ids of tasks that a sidecar accepted, and this process heard of it.
    pub(super) accepted: BTreeSet<String>,
    /// resourceVersion of this process's last write to each node.
    written: BTreeMap<NodeKey, u64>,
    faults: BTreeMap<u64, Fault>,
    weather: Option<Weather>,
}

/// What a reconcile did so far that the invariants ask about.
#[derive(Clone, Debug)]
pub(super) struct Look {
    /// The node that is reconciled.
    pub(super) key: NodeKey,
    /// resourceVersions of the node that the reconcile saw.
    pub(super) versions: BTreeSet<String>,
    /// Status writes it asked for.
    pub(super) status_writes: u32,
}

impl Process {
    /// The first process, with faults to come.
    pub(super) fn new(options: &Options) -> Self {
        Self { faults: options.faults.clone(), weather: options.weather.clone(), ..Self::default() }
    }

    /// Counts a call; its number and what goes wrong at it, so many seconds after the world began.
    pub(super) fn next_call(&mut self, elapsed_seconds: i64) -> (u64, Option<Fault>) {
        self.calls += 1;
        let planned = self.faults.remove(&self.calls);
        let drawn = || self.weather.as_mut().and_then(|weather| weather.fault(elapsed_seconds));
        (self.calls, planned.or_else(drawn))
    }

    /// Adds a fault.
    pub(super) fn plan_fault(&mut self, call: u64, fault: Fault) {
        self.faults.insert(call, fault);
    }

    /// Takes back all faults to come.
    pub(super) fn forget_faults(&mut self) {
        self.faults.clear();
        self.weather = None;
    }

    /// A fresh process.
    pub(super) fn restart(&mut self, now: Time) {
        self.epoch += 1;
        self.since = Some(now);
        self.dead = false;
        self.look = None;
        self.written.clear();
        self.accepted.clear();
    }

    /// A reconcile begins.
    pub(super) fn begin(&mut self, key: &NodeKey) {
        self.look = Some(Look { key: key.clone(), versions: BTreeSet::new(), status_writes: 0 });
    }

    /// A resourceVersion of the node became known to the reconcile.
    pub(super) fn saw_version(&mut self, version: &str) {
        if let Some(look) = &mut self.look {
            look.versions.insert(version.to_owned());
        }
    }

    /// This process wrote the node.
    pub(super) fn wrote(&mut self, key: &NodeKey, version: u64) {
        self.written.insert(key.clone(), version);
    }

    /// What a process between two reconciles may let depend on it what happens next: not how many calls and processes there
    /// were.
    pub(super) fn digest(&self, hasher: &mut impl Hasher) {
        (self.dead, self.since, &self.accepted, &self.written).hash(hasher);
        format!("{:?}{:?}", self.faults, self.weather).hash(hasher);
    }

    /// resourceVersion of this process's last write to a node, 0 when there was none.
    pub(super) fn own_version(&self, key: &NodeKey) -> u64 {
        self.written.get(key).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use crate::sim::testing::{id, service, world};
    use crate::sim::{CrashAt, Options, Point, Reconcile, Sim, Verb};
    use crate::world::{Cluster, Kind};

    use super::*;

    /// Applies a Service with no plan stored: the violation does not matter here.
    fn run(options: Options) -> Sim {
        let sim = world(options);
        let mut driver = sim.drive(Reconcile(async |sim: &Sim, _: &NodeKey| {
            sim.read(&id(Kind::Service, "rpc-0")).await?;
            sim.apply(&id(Kind::Service, "rpc-0"), &service("")).await?;
            Ok(crate::world::LookAgain { at: None })
        }));
        let _ = driver.run_for(3);
        sim
    }

    fn applied(sim: &Sim) -> bool {
        sim.object(&id(Kind::Service, "rpc-0")).is_some()
    }

    fn crash(point: Point) -> Sim {
        run(Options::default().crash(CrashAt { call: 2, point }))
    }

    #[test]
    fn before_means_not_applied_and_after_means_applied() {
        assert!(applied(&run(Options::default())));
        assert!(!applied(&crash(Point::Before)));
        assert!(applied(&crash(Point::After)));
    }

    #[test]
    fn no_call_follows_a_crash_in_the_same_process() {
        let sim = crash(Point::Before);
        assert_eq!(sim.calls(), 2);
        assert_eq!(sim.counters().of(Verb::Apply), 1);
    }

    #[test]
    fn lost_requests_and_lost_answers_differ_in_effect_only() {
        assert!(!applied(&run(Options::default().fault(2, Fault::LostRequest))));
        assert!(applied(&run(Options::default().fault(2, Fault::LostAnswer))));
        assert!(!applied(&run(Options::default().fault(2, Fault::Conflict))));
    }
}
