//! The driver: lets the operator's process live in the world. It delivers changes, repeats failed reconciles, restarts
//! a crashed process, and moves the clock when nothing is due.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use sei_planner::api::Time;
use sei_planner::names::NodeKey;
use serde_json::Value;

use crate::world::{ClusterError, Kind, LookAgain};

use super::Sim;
use super::invariants::Violation;
use super::json::text;
use super::operator::{Fork, Operator};
use super::store::is_leaving;
use super::trace::{Counters, Fact, What};

/// First pause after a failed reconcile, in seconds.
const BACKOFF_SECONDS_MIN: i64 = 5;
/// Longest pause after failed reconciles, in seconds.
const BACKOFF_SECONDS_MAX: i64 = 60;
/// Virtual seconds between two forced reconciles of [`Driver::assert_silent`].
const SILENCE_PAUSE_SECONDS: i64 = 7;
/// Lines of the timeline that an error shows.
const LINES_SHOWN: usize = 12;

/// Why a run did not get where it should.
#[derive(Clone, Debug, PartialEq)]
pub struct NotConverged {
    /// When the run stopped.
    pub at: Time,
    /// Why: time is up, an invariant is broken, a hot loop.
    pub why: String,
    /// The last lines of the timeline.
    pub last: Vec<String>,
}

impl fmt::Display for NotConverged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stopped at {}: {}", self.at, self.why)?;
        for line in &self.last {
            write!(f, "\n  {line}")?;
        }
        Ok(())
    }
}

impl std::error::Error for NotConverged {}

/// An operator in a world.
pub struct Driver<O: Operator> {
    sim: Sim,
    operator: O,
    /// The process, unless it is dead.
    process: Option<O::Process>,
    /// When a dead process starts again.
    restart_at: Option<Time>,
    /// When each node is looked at next.
    looks: BTreeMap<NodeKey, Time>,
    /// Failed reconciles in a row.
    failures: BTreeMap<NodeKey, u32>,
    /// Reconciles of each node at this second.
    burst: BTreeMap<NodeKey, u32>,
    steps: u64,
}

/// Who has nothing to do at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Something is due now, or the operator will repeat what failed.
    Nobody,
    /// The operator has looked at everything that happened; it may wait, and the world may be at work.
    Operator,
    /// The operator runs, no plan is active, no node is being deleted, and no controller, kubelet, sidecar or user is due.
    /// Only later looks may be left.
    World,
}

/// What a turn of the world was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Something happened, or time passed until something is due.
    Went,
    /// Nobody has anything to do but to look again later.
    Idle,
}

/// What a step of the driver did.
enum Step {
    /// Something happened.
    Done,
    /// Nothing is due before this time; `None` when nothing ever is.
    Quiet(Option<Time>),
}

impl<O: Fork> Driver<O> {
    /// A copy of the world and of the operator in it: what happens in one does not happen in the other.
    #[must_use]
    pub fn fork(&self) -> Self {
        let sim = self.sim.fork();
        Self {
            process: self.process.as_ref().map(|process| self.operator.fork(process, &sim)),
            operator: self.operator.clone(),
            sim,
            restart_at: self.restart_at,
            looks: self.looks.clone(),
            failures: self.failures.clone(),
            burst: self.burst.clone(),
            steps: self.steps,
        }
    }

    /// The same number for worlds of the same options that go on alike, whatever led there: with equal objects, histories,
    /// machines, disks, clocks and memories. Only what is told of the past differs.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.sim.with(|state| state.digest(&mut hasher));
        match &self.process {
            Some(process) => self.operator.memory(process, &mut hasher),
            None => hasher.write_u8(0),
        }
        (self.restart_at, &self.looks, &self.failures, &self.burst).hash(&mut hasher);
        hasher.finish()
    }
}

impl<O: Operator> Driver<O> {
    pub(super) fn new(sim: Sim, operator: O) -> Self {
        let process = Some(operator.boot(&sim));
        let mut driver = Self {
            sim,
            operator,
            process,
            restart_at: None,
            looks: BTreeMap::new(),
            failures: BTreeMap::new(),
            burst: BTreeMap::new(),
            steps: 0,
        };
        driver.look_at_all();
        driver
    }

    /// The world.
    #[must_use]
    pub fn sim(&self) -> &Sim {
        &self.sim
    }

    /// Lets the world go on for so many seconds.
    ///
    /// # Errors
    /// When an invariant is broken, or something never comes to rest.
    pub fn run_for(&mut self, seconds: i64) -> Result<(), NotConverged> {
        let limit = self.sim.world_time().plus_seconds(seconds);
        self.watch(limit, |_, _| false).map(|_| ())
    }

    /// Lets the world go on until `reached` says so; asked after every single step.
    ///
    /// # Errors
    /// When that takes more than `limit_seconds`, when an invariant is broken, or something never comes to rest.
    pub fn run_until(&mut self, mut reached: impl FnMut(&Sim) -> bool, limit_seconds: i64) -> Result<(), NotConverged> {
        let limit = self.sim.world_time().plus_seconds(limit_seconds);
        match self.watch(limit, |sim, _| reached(sim))? {
            true => Ok(()),
            false => Err(self.stop(format!("not there after {limit_seconds} s"))),
        }
    }

    /// Lets the world go on until nobody has anything to do ([`Rest::World`]).
    ///
    /// # Errors
    /// As [`Driver::run_until`].
    pub fn run_until_idle(&mut self, limit_seconds: i64) -> Result<(), NotConverged> {
        let limit = self.sim.world_time().plus_seconds(limit_seconds);
        match self.watch(limit, |_, rest| rest == Rest::World)? {
            true => Ok(()),
            false => Err(self.stop(format!("not idle after {limit_seconds} s"))),
        }
    }

    /// Lets the world go on up to a time, or until `enough` says so; whether it did. It is asked before every step, and
    /// once more before time passes.
    ///
    /// # Errors
    /// When an invariant is broken, or something never comes to rest.
    pub fn watch(&mut self, limit: Time, mut enough: impl FnMut(&Sim, Rest) -> bool) -> Result<bool, NotConverged> {
        loop {
            if enough(&self.sim, Rest::Nobody) {
                return Ok(true);
            }
            match self.step()? {
                Step::Done => {}
                Step::Quiet(_) if enough(&self.sim, self.rest()) => return Ok(true),
                Step::Quiet(Some(next)) if next <= limit => self.advance(next),
                Step::Quiet(_) => {
                    self.advance(limit);
                    return Ok(false);
                }
            }
        }
    }

    /// One thing, or the time until the next one: what [`Driver::run_until_idle`] does until it is idle.
    ///
    /// # Errors
    /// When an invariant is broken, or something never comes to rest.
    pub fn turn(&mut self) -> Result<Turn, NotConverged> {
        match self.step()? {
            Step::Done => Ok(Turn::Went),
            Step::Quiet(_) if self.rest() == Rest::World => Ok(Turn::Idle),
            Step::Quiet(Some(next)) => {
                self.advance(next);
                Ok(Turn::Went)
            }
            Step::Quiet(None) => Err(self.stop("nothing will ever happen again".to_owned())),
        }
    }

    /// Who rests, when nothing is due now. A failed reconcile is not rest: the operator looks again after a pause.
    fn rest(&self) -> Rest {
        let seen = self.sim.with(|state| state.wakes.is_empty());
        if self.process.is_none() || !self.failures.is_empty() || !seen {
            Rest::Nobody
        } else if self.sim.is_idle() {
            Rest::World
        } else {
            Rest::Operator
        }
    }

    /// Forces so many reconciles of every node, some seconds of virtual time apart, and insists that the operator
    /// writes nothing and publishes nothing (L2). The calls it made are returned.
    ///
    /// # Errors
    /// When it wrote, and as [`Driver::run_for`].
    pub fn assert_silent(&mut self, reconciles: u32) -> Result<Counters, NotConverged> {
        let before = self.sim.counters();
        for _ in 0..reconciles {
            self.look_at_all();
            self.run_for(SILENCE_PAUSE_SECONDS)?;
            let after = self.sim.counters();
            if after.writes() > before.writes() || after.events() > before.events() {
                return Err(self.stop("a settled operator wrote".to_owned()));
            }
        }
        Ok(self.sim.counters().since(&before))
    }

    /// Kills the operator's process now; it starts again after the restart delay.
    pub fn kill(&mut self) {
        self.sim.with(|state| state.process.dead = true);
        self.bury();
    }

    /// One thing: a restart, a reconcile, or something due in the world.
    fn step(&mut self) -> Result<Step, NotConverged> {
        self.check()?;
        self.take_wakes();
        let now = self.sim.world_time();
        if self.restart_at.is_some_and(|at| at <= now) {
            self.restart();
            return Ok(Step::Done);
        }
        if let Some(key) = self.next_look(now) {
            self.reconcile(&key)?;
            return Ok(Step::Done);
        }
        if self.sim.serve_due() {
            return Ok(Step::Done);
        }
        Ok(Step::Quiet(self.next_due()))
    }

    fn check(&mut self) -> Result<(), NotConverged> {
        self.steps += 1;
        let (steps_max, violation) = self.sim.with(|state| {
            let first = state.violations.first().map(ToString::to_string);
            (state.options.steps_max, first)
        });
        if let Some(violation) = violation {
            return Err(self.stop(violation));
        }
        if self.steps > steps_max {
            return Err(self.stop(format!("no rest after {steps_max} steps")));
        }
        Ok(())
    }

    fn stop(&self, why: String) -> NotConverged {
        let timeline = self.sim.timeline();
        let skipped = timeline.len().saturating_sub(LINES_SHOWN);
        NotConverged {
            at: self.sim.world_time(),
            why,
            last: timeline.iter().skip(skipped).map(|moment| format!("{} {}", moment.at, moment.what)).collect(),
        }
    }

    /// What the watches have shown by now.
    fn take_wakes(&mut self) {
        let now = self.sim.world_time();
        while let Some((at, key)) = self.sim.with(|state| state.due_wake(now)) {
            self.look_by(key, at);
        }
    }

    fn look_by(&mut self, key: NodeKey, at: Time) {
        let due = self.looks.entry(key).or_insert(at);
        *due = (*due).min(at);
    }

    fn look_at_all(&mut self) {
        let now = self.sim.world_time();
        for key in self.sim.sei_nodes() {
            self.look_by(key, now);
        }
    }

    fn next_look(&self, now: Time) -> Option<NodeKey> {
        self.process.as_ref()?;
        let due = self.looks.iter().filter(|(_, at)| **at <= now);
        due.min_by_key(|(key, at)| (**at, (*key).clone())).map(|(key, _)| key.clone())
    }

    /// When something is due next.
    fn next_due(&self) -> Option<Time> {
        let world = self.sim.with(|state| state.queue.next());
        let wake = self.sim.with(|state| state.wakes.first().map(|(at, _)| *at));
        let look = self.process.as_ref().and_then(|_| self.looks.values().min().copied());
        [world, wake, look, self.restart_at].into_iter().flatten().min()
    }

    fn advance(&mut self, to: Time) {
        self.burst.clear();
        self.sim.with(|state| state.set_now(to));
    }

    fn reconcile(&mut self, key: &NodeKey) -> Result<(), NotConverged> {
        self.looks.remove(key);
        self.count_burst(key)?;
        self.sim.with(|state| {
            state.process.begin(key);
            state.record(Fact::ReconcileBegin(key.clone()));
        });
        match self.poll_once(key) {
            Poll::Ready(result) => {
                self.end(key, &format!("{result:?}"));
                self.look_after(key, result);
                Ok(())
            }
            Poll::Pending if self.sim.with(|state| state.process.dead) => {
                self.bury();
                Ok(())
            }
            Poll::Pending => {
                Err(self.stop(format!("the reconcile of {key} waits for something that this world does not have")))
            }
        }
    }

    /// The future is dropped here, finished or not: that is what a crash does.
    fn poll_once(&self, key: &NodeKey) -> Poll<Result<LookAgain, ClusterError>> {
        let Some(process) = &self.process else {
            return Poll::Pending;
        };
        let future = pin!(self.operator.reconcile(process, key));
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn count_burst(&mut self, key: &NodeKey) -> Result<(), NotConverged> {
        let max = self.sim.with(|state| state.options.reconciles_per_second_max);
        let count = self.burst.entry(key.clone()).or_default();
        *count += 1;
        if *count > max {
            return Err(self.stop(format!("hot loop: {key} was reconciled {max} times within a second")));
        }
        Ok(())
    }

    fn end(&self, key: &NodeKey, answer: &str) {
        self.sim.with(|state| {
            state.process.look = None;
            if let Some(secret) = state.canaries.seen_in(answer) {
                let what = format!("the answer of a reconcile of {key} holds a piece of {secret}");
                state.violations.push(Violation { at: state.now, invariant: "S6", what });
            }
            state.record(Fact::ReconcileEnd(key.clone(), answer.to_owned()));
        });
    }

    fn look_after(&mut self, key: &NodeKey, result: Result<LookAgain, ClusterError>) {
        match result {
            Ok(answer) => {
                self.failures.remove(key);
                if let Some(at) = answer.at {
                    let ahead = self.sim.with(|state| state.skew_seconds);
                    self.look_by(key.clone(), at.plus_seconds(-ahead));
                }
            }
            Err(_) => {
                let failures = self.failures.entry(key.clone()).or_default();
                *failures += 1;
                let doubled = BACKOFF_SECONDS_MIN << (*failures - 1).min(8);
                let pause = doubled.min(BACKOFF_SECONDS_MAX);
                let at = self.sim.world_time().plus_seconds(pause);
                self.look_by(key.clone(), at);
            }
        }
    }

    /// The process is dead: everything it had in memory goes.
    fn bury(&mut self) {
        self.process = None;
        self.looks.clear();
        self.failures.clear();
        let restart = self.sim.with(|state| {
            state.process.look = None;
            state.record(Fact::Crashed);
            let what = "crashed".to_owned();
            state.tell(None, What::Operator { what });
            let delay = state.options.delays.operator_restart_seconds;
            state.now.plus_seconds(delay)
        });
        self.restart_at = Some(restart);
    }

    fn restart(&mut self) {
        self.restart_at = None;
        self.sim.with(|state| {
            state.process.restart(state.now);
            state.record(Fact::Restarted);
            let what = "started again".to_owned();
            state.tell(None, What::Operator { what });
        });
        self.process = Some(self.operator.boot(&self.sim));
        self.looks.clear();
        self.look_at_all();
    }
}

impl Sim {
    /// Does one thing that is due now in the world; false when there is none.
    fn serve_due(&self) -> bool {
        let served = self.with(|state| {
            let due = state.queue.pop(state.now)?;
            Some(state.serve(due))
        });
        if let Some(Some(number)) = served {
            self.run_scheduled(number);
        }
        served.is_some()
    }

    /// Whether nothing is due in the world, no plan is active and no node is being deleted.
    fn is_idle(&self) -> bool {
        self.with(|state| {
            let busy = |node: &Value| text(node, "/status/plan/phase") == "Active" || is_leaving(node);
            let mut nodes = state.store.list(Kind::SeiNode);
            state.queue.next().is_none() && state.wakes.is_empty() && !nodes.any(|(_, node)| busy(node))
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use crate::sim::testing::{key, manifest, settled, small, status, world};
    use crate::sim::{CrashAt, Fault, Options, Point, Reconcile, Verb};
    use crate::world::{Clock, Cluster};

    use super::*;

    const UP_SECONDS: i64 = 300;

    fn up(options: Options) -> (Sim, Driver<impl Operator>) {
        let sim = world(options);
        let mut driver = sim.drive(Reconcile(small));
        let reached = driver.run_until(|sim| settled(sim, "sei:v1"), UP_SECONDS);
        assert!(reached.is_ok(), "{}", reached.unwrap_err());
        (sim, driver)
    }

    #[test]
    fn a_node_comes_up_and_then_there_is_silence() {
        let (sim, mut driver) = up(Options::default());
        assert_eq!(sim.violations(), []);
        let starts = sim.seid_starts(&key());
        assert_eq!(starts.len(), 1);
        assert!(starts[0].genesis && starts[0].mode.as_deref() == Some("full"));
        let quiet = driver.assert_silent(200).unwrap();
        assert_eq!(quiet.reconciles, 200);
        assert_eq!((quiet.writes(), quiet.sidecar()), (0, 0));
    }

    #[test]
    fn the_same_world_twice_is_the_same_trace() {
        let (one, _) = up(Options::default().realistic());
        let (two, _) = up(Options::default().realistic());
        assert_eq!(one.trace(), two.trace());
    }

    #[test]
    fn an_edit_at_thirty_seconds_is_rolled_out_once() {
        let sim = world(Options::default());
        sim.schedule(30, "edit the image", |sim| {
            sim.user_edit(&key(), |spec| spec["image"] = json!("sei:v2"));
        });
        let mut driver = sim.drive(Reconcile(small));
        let reached = driver.run_until(|sim| settled(sim, "sei:v2"), 600);
        assert!(reached.is_ok(), "{}", reached.unwrap_err());
        assert_eq!(sim.counters().of(Verb::Delete), 1);
        assert!(driver.run_until_idle(60).is_ok());
        assert_eq!(status(&sim).current_image.as_deref(), Some("sei:v2"));
    }

    #[test]
    fn a_crash_before_and_after_every_call_ends_the_same() {
        let settle = |options: Options| {
            let (sim, mut driver) = up(options);
            sim.user_edit(&key(), |spec| spec["image"] = json!("sei:v2"));
            let reached = driver.run_until(|sim| settled(sim, "sei:v2"), UP_SECONDS);
            assert!(reached.is_ok(), "{}", reached.unwrap_err());
            assert!(driver.run_for(30).is_ok());
            sim
        };
        let free = settle(Options::default());
        let mut runs = 0;
        for call in 1..=free.calls() {
            for point in [Point::Before, Point::After] {
                let sim = settle(Options::default().crash(CrashAt { call, point }));
                assert_eq!(sim.fingerprint(), free.fingerprint(), "{point:?} {call}");
                assert!(sim.trace().iter().any(|e| e.fact == Fact::Restarted));
                runs += 1;
            }
            for fault in [Fault::LostRequest, Fault::LostAnswer, Fault::Conflict] {
                let sim = settle(Options::default().fault(call, fault));
                assert_eq!(sim.fingerprint(), free.fingerprint(), "{fault:?} {call}");
            }
        }
        assert!(runs > 40);
    }

    #[test]
    fn a_deleted_node_takes_everything_with_it() {
        let (sim, mut driver) = up(Options::default());
        sim.user_delete(&crate::sim::state::node_id(&key()));
        assert!(driver.run_until_idle(120).is_ok());
        for kind in Kind::ALL {
            assert_eq!(sim.objects(kind), Vec::<serde_json::Value>::new(), "{kind:?}");
        }
    }

    #[test]
    fn own_status_writes_do_not_wake_and_edits_do() {
        let (sim, mut driver) = up(Options::default());
        assert!(driver.run_for(60).is_ok());
        let before = sim.counters().reconciles;
        assert!(driver.run_for(600).is_ok());
        assert_eq!(sim.counters().reconciles, before);
        sim.user_annotate(&key(), "sei.io/retry", Some("1"));
        assert!(driver.run_for(1).is_ok());
        assert_eq!(sim.counters().reconciles, before + 1);
    }

    #[test]
    fn a_lagging_watch_still_shows_the_own_writes() {
        let options = Options { watch_lag_seconds: 3, ..Options::default() };
        let (sim, _) = up(options);
        assert_eq!(sim.violations(), []);
    }

    #[test]
    fn a_hot_loop_is_an_error_that_names_the_node() {
        let sim = world(Options::default());
        let mut driver = sim.drive(Reconcile(async |sim: &Sim, _: &NodeKey| Ok(LookAgain { at: Some(sim.now()) })));
        let error = driver.run_for(60).unwrap_err();
        assert!(error.why.contains("hot loop: nodes/rpc-0"), "{error}");
    }

    #[test]
    fn failed_reconciles_are_repeated_with_growing_pauses() {
        let sim = world(Options::default());
        let mut driver =
            sim.drive(Reconcile(async |_: &Sim, _: &NodeKey| Err(ClusterError::Unavailable("down".to_owned()))));
        assert!(driver.run_for(200).is_ok());
        let begins: Vec<i64> = sim
            .trace()
            .iter()
            .filter(|entry| matches!(entry.fact, Fact::ReconcileBegin(_)))
            .map(|entry| entry.at.seconds_since(crate::sim::clock::start()))
            .collect();
        assert_eq!(begins, [0, 5, 15, 35, 75, 135, 195]);
    }

    #[test]
    fn an_effect_without_a_stored_plan_is_a_violation() {
        let sim = world(Options::default());
        let mut driver = sim.drive(Reconcile(async |sim: &Sim, _: &NodeKey| {
            let id = crate::sim::testing::id(Kind::Service, "rpc-0");
            sim.apply(&id, &crate::sim::testing::service("")).await?;
            Ok(LookAgain { at: None })
        }));
        let error = driver.run_for(60).unwrap_err();
        assert!(error.why.starts_with("S8 broken"), "{error}");
    }

    #[test]
    fn a_killed_operator_starts_again() {
        let (sim, mut driver) = up(Options::default());
        driver.kill();
        sim.user_edit(&key(), |spec| spec["image"] = json!("sei:v2"));
        assert!(driver.run_for(4).is_ok());
        assert_eq!(status(&sim).current_image.as_deref(), Some("sei:v1"));
        let reached = driver.run_until(|sim| settled(sim, "sei:v2"), UP_SECONDS);
        assert!(reached.is_ok(), "{}", reached.unwrap_err());
    }

    #[test]
    fn the_manifest_of_the_tests_gets_its_default_port() {
        let sim = world(Options::default());
        let node = sim.object(&crate::sim::state::node_id(&key())).unwrap();
        assert_eq!(node["spec"]["sidecar"]["port"], 7777);
        assert!(manifest()["spec"]["sidecar"].get("port").is_none());
    }
}
