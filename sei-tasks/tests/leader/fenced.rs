//! An operator that loses its leadership in the middle of its work: nothing it does after that has an effect, and the next process
//! ends where one process alone would have ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sei_planner::names::NodeKey;
use sei_planner::platform::Platform;
use sei_tasks::Memory;
use sei_tasks::leader::{Fence, Fenced};
use sei_tasks::reconcile::reconcile_node;
use sei_tasks::record::Unrecorded;
use sei_tasks::sim::{Driver, Fact, Operator, Options, Sim, Verb};
use sei_tasks::world::{ClusterError, LookAgain, World};
use serde_json::{Value, json};

const V1: &str = "registry.example/seid:v1";
const V2: &str = "registry.example/seid:v2";
/// Virtual seconds within which everything here comes to rest.
const LIMIT_SECONDS: i64 = 3600;
/// Virtual seconds in which a fenced process may try what it likes.
const FENCED_SECONDS: i64 = 120;
/// Later than every request of these lives.
const NEVER: u64 = 1 << 40;

/// The operator, behind a fence that closes as its first process asks for the `effects_max`-th time; later processes lead for ever.
#[derive(Clone)]
struct FencedOperator {
    effects_max: u64,
    asked: Arc<AtomicU64>,
    processes: Arc<AtomicU64>,
}

impl Operator for FencedOperator {
    type Process = World<Fenced<Sim>, Fenced<Sim>, Sim>;

    fn boot(&self, sim: &Sim) -> Self::Process {
        let first = self.processes.fetch_add(1, Ordering::Relaxed) == 0;
        let asked = self.asked.clone();
        // The clock of this fence counts how often it is asked.
        let fence = Fence::closed(move || Duration::from_secs(asked.fetch_add(1, Ordering::Relaxed)));
        let until = if first { self.effects_max } else { NEVER };
        let _ = fence.lead_until(Duration::from_secs(until + 1));
        World {
            cluster: Fenced::new(sim.clone(), fence.clone()),
            sidecar: Fenced::new(sim.clone(), fence),
            clock: sim.clone(),
            platform: Platform::demo(),
            keys_namespace: "sei-system".to_owned(),
            memory: Memory::default(),
            recorder: Arc::new(Unrecorded),
        }
    }

    async fn reconcile(&self, process: &Self::Process, key: &NodeKey) -> Result<LookAgain, ClusterError> {
        reconcile_node(process, key).await
    }
}

struct Life {
    driver: Driver<FencedOperator>,
    sim: Sim,
    key: NodeKey,
    asked: Arc<AtomicU64>,
}

fn begins(full_node: &Value, effects_max: u64) -> Life {
    let sim = Sim::new(Options::default());
    let operator = FencedOperator { effects_max, asked: Arc::default(), processes: Arc::default() };
    let asked = operator.asked.clone();
    let driver = sim.drive(operator);
    sim.user_apply(json!({
        "apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "metadata": {"namespace": "nodes", "name": "rpc-0"},
        "spec": {
            "chainId": "pacific-1", "image": V1, "fullNode": full_node,
            "peers": [{"static": {"addresses": ["aa@peer.example:26656"]}}],
        },
    }))
    .unwrap();
    Life { driver, sim, key: NodeKey::new("nodes", "rpc-0"), asked }
}

impl Life {
    /// The node comes up, gets another image, and rests.
    fn runs(&mut self) {
        self.driver.run_until_idle(LIMIT_SECONDS).unwrap_or_else(|stopped| panic!("{stopped}"));
        self.edit();
        self.driver.run_until_idle(LIMIT_SECONDS).unwrap_or_else(|stopped| panic!("{stopped}"));
        assert_eq!(self.sim.violations(), []);
    }

    fn effects(&self) -> u64 {
        let counters = self.sim.counters();
        counters.writes() + counters.events() + counters.of(Verb::Submit)
    }

    fn edit(&self) {
        self.sim.user_edit(&self.key, |spec| spec["image"] = json!(V2));
    }
}

/// Whether the last thing that happened is a reconcile that ended because its process does not lead.
fn ended_fenced(sim: &Sim) -> bool {
    let fenced = |fact: &Fact| matches!(fact, Fact::ReconcileEnd(_, answer) if answer.contains("NotLeading"));
    sim.trace().last().is_some_and(|entry| fenced(&entry.fact))
}

/// Loses the leadership before every single effect of a life.
fn fenced_before_every_effect(full_node: &Value) {
    let mut alone = begins(full_node, NEVER);
    alone.runs();
    let end = alone.sim.fingerprint();
    let effects = alone.asked.load(Ordering::Relaxed) - 1;
    assert_eq!(alone.effects(), effects, "every effect asks the fence once");
    for effects_max in 0..effects {
        let mut life = begins(full_node, effects_max);
        if life.driver.run_until(ended_fenced, LIMIT_SECONDS).is_err() {
            // The node came up with fewer effects; the others follow an edit.
            life.edit();
            life.driver.run_until(ended_fenced, LIMIT_SECONDS).unwrap_or_else(|stopped| panic!("{stopped}"));
        }
        let done = life.effects();
        assert!(done <= effects_max, "{done} effects of {effects_max}");
        life.driver.run_for(FENCED_SECONDS).unwrap_or_else(|stopped| panic!("{effects_max}: {stopped}"));
        assert_eq!(life.effects(), done, "{effects_max}: a process that does not lead has no effect");
        life.driver.kill();
        life.runs();
        assert_eq!(life.sim.fingerprint(), end, "fenced after {effects_max} effects");
    }
    println!("{effects} lives, fenced before each effect");
}

#[test]
fn no_effect_after_the_fence_closed_and_the_next_process_goes_on() {
    fenced_before_every_effect(&json!({"snapshot": {"s3": {"targetHeight": 100_000}}}));
    fenced_before_every_effect(&json!({"snapshot": {"stateSync": {}}}));
}
