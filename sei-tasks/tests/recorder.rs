//! What a recorder is told of whole lives: every transition once, nothing in a quiet hour, and never more than happened.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::{Arc, Mutex};

use sei_planner::api::{NodePhase, SeiNode};
use sei_planner::names::NodeKey;
use sei_planner::node::{PlanEnd, Transition};
use sei_planner::platform::Platform;
use sei_tasks::record::{Probe, Recorder};
use sei_tasks::sim::{CrashAt, Driver, Operator, Options, Point, SeiOperator, Sim};
use sei_tasks::world::{ClusterError, Kind, LookAgain, ObjectId, World};
use serde_json::json;

/// Virtual seconds within which everything here comes to rest.
const LIMIT_SECONDS: i64 = 6 * 3600;

/// Keeps everything it is told, over all processes.
#[derive(Default)]
struct Book {
    transitions: Mutex<Vec<Transition>>,
    probes: Mutex<Vec<Probe>>,
}

impl Recorder for Book {
    fn changed(&self, _: &SeiNode, _: &SeiNode, transitions: &[Transition]) {
        self.transitions.lock().unwrap().extend_from_slice(transitions);
    }

    fn probed(&self, _: &NodeKey, answer: Probe) {
        self.probes.lock().unwrap().push(answer);
    }
}

/// The operator with a book.
struct Recorded {
    operator: SeiOperator,
    book: Arc<Book>,
}

impl Operator for Recorded {
    type Process = World<Sim, Sim, Sim>;

    fn boot(&self, sim: &Sim) -> Self::Process {
        World { recorder: self.book.clone(), ..self.operator.boot(sim) }
    }

    async fn reconcile(&self, process: &Self::Process, key: &NodeKey) -> Result<LookAgain, ClusterError> {
        self.operator.reconcile(process, key).await
    }
}

/// A full node in a world, and everything that is told of it.
fn life(options: Options) -> (Driver<Recorded>, Arc<Book>, NodeKey) {
    let sim = Sim::new(options);
    let book = Arc::<Book>::default();
    let operator = SeiOperator { platform: Platform::demo() };
    let driver = sim.drive(Recorded { operator, book: book.clone() });
    let manifest = json!({
        "apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "metadata": {"namespace": "nodes", "name": "rpc-0"},
        "spec": {"chainId": "pacific-1", "image": "seid:v1", "fullNode": {}},
    });
    sim.user_apply(manifest).unwrap();
    (driver, book, NodeKey::new("nodes", "rpc-0"))
}

/// Phases and plans, in the order they were told.
fn told(book: &Book) -> Vec<String> {
    let transitions = book.transitions.lock().unwrap();
    let line = |transition: &Transition| match transition {
        Transition::Phase { from, to, .. } => Some(format!("{from} -> {to}")),
        Transition::PlanStarted { kind, .. } => Some(format!("{} started", kind.unwrap().as_str())),
        Transition::PlanEnded { kind, end, seconds, .. } => {
            assert!(seconds.is_some(), "every plan says when it was stored");
            Some(format!("{} {}", kind.unwrap().as_str(), end.as_str()))
        }
        Transition::TaskFailed { task, ends_plan, .. } => Some(format!("{task} failed, plan too: {ends_plan}")),
        Transition::Condition { .. } => None,
    };
    transitions.iter().filter_map(line).collect()
}

#[test]
fn a_life_is_told_from_its_first_plan_to_its_end() {
    let (mut driver, book, key) = life(Options::default());
    driver.sim().fail_task("configure-genesis", 1, "no route");
    driver.run_until_idle(LIMIT_SECONDS).unwrap();
    driver.sim().user_edit(&key, |spec| spec["image"] = json!("seid:v2"));
    driver.run_until_idle(LIMIT_SECONDS).unwrap();
    driver.sim().user_delete(&ObjectId::new(Kind::SeiNode, "nodes", "rpc-0"));
    driver.run_until_idle(LIMIT_SECONDS).unwrap();
    assert_eq!(
        told(&book),
        [
            "Pending -> Initializing",
            "Init started",
            "configure-genesis failed, plan too: false",
            "Initializing -> Running",
            "Init complete",
            "Update started",
            "Update complete",
            "Running -> Terminating",
        ]
    );
}

#[test]
fn a_quiet_hour_is_told_as_probes_only() {
    let (mut driver, book, _) = life(Options::default());
    driver.run_until_idle(LIMIT_SECONDS).unwrap();
    driver.run_for(600).unwrap();
    let before = told(&book);
    book.probes.lock().unwrap().clear();
    book.transitions.lock().unwrap().clear();
    driver.run_for(3600).unwrap();
    assert_eq!(book.transitions.lock().unwrap().as_slice(), []);
    let probes = book.probes.lock().unwrap();
    assert!(!probes.is_empty() && probes.len() <= 12, "{probes:?}");
    assert!(probes.iter().all(|answer| *answer == Probe::Ready), "{probes:?}");
    assert_eq!(before.last().map(String::as_str), Some("Init complete"));
}

/// A process that dies right after its write tells nobody: too little may be told, and never anything twice.
#[test]
fn a_crash_at_any_call_makes_nothing_happen_twice() {
    let (mut driver, book, _) = life(Options::default());
    driver.run_until_idle(LIMIT_SECONDS).unwrap();
    let whole = told(&book);
    let calls = driver.sim().calls();
    for (call, point) in (1..=calls).flat_map(|call| [(call, Point::Before), (call, Point::After)]) {
        let (mut driver, book, key) = life(Options::default().crash(CrashAt { call, point }));
        driver.run_until_idle(LIMIT_SECONDS).unwrap();
        assert_eq!(driver.sim().sei_node(&key).unwrap().status.unwrap().phase(), NodePhase::Running);
        let mut rest = whole.iter();
        for line in told(&book) {
            assert!(rest.any(|known| *known == line), "crash {point:?} call {call}: {:?}", told(&book));
        }
        let ended = book.transitions.lock().unwrap().clone();
        let ended = ended.iter().filter(|told| matches!(told, Transition::PlanEnded { end: PlanEnd::Complete, .. }));
        assert!(ended.count() <= 1, "crash {point:?} call {call}");
    }
}
