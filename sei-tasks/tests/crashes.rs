//! A crash before and after every single call of an init and of an image update, and every other fault a call can have,
//! for every way to start a full node: each run ends where the run without a fault ends (S10, L1), and is silent
//! afterwards (L2).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use sei_planner::names::NodeKey;
use sei_planner::platform::Platform;
use sei_tasks::sim::{Driver, Fault, Options, Point, SeiOperator, Sim};
use serde_json::{Value, json};

/// Virtual seconds within which every run ends.
const LIMIT_SECONDS: i64 = 4 * 3600;
const FAULTS: [Fault; 5] =
    [Fault::Crash(Point::Before), Fault::Crash(Point::After), Fault::LostRequest, Fault::LostAnswer, Fault::Conflict];

fn sources() -> [(&'static str, Value); 3] {
    [
        ("genesis", json!({})),
        ("state sync", json!({"snapshot": {"stateSync": {}}})),
        ("S3", json!({"snapshot": {"s3": {"targetHeight": 100}}})),
    ]
}

fn manifest(full_node: &Value) -> Value {
    json!({
        "apiVersion": "sei.io/v1alpha1", "kind": "SeiNode",
        "metadata": {"namespace": "nodes", "name": "rpc-0"},
        "spec": {
            "chainId": "pacific-1", "image": "registry.example/seid:v1", "fullNode": full_node,
            "peers": [{"static": {"addresses": ["aa@peer.example:26656"]}}],
        },
    })
}

/// A world in which a node was brought up and then updated.
fn run(what: &str, full_node: &Value, options: Options) -> Driver<SeiOperator> {
    let sim = Sim::new(options);
    let mut driver = sim.drive(SeiOperator { platform: Platform::demo() });
    sim.user_apply(manifest(full_node)).unwrap();
    driver.run_until_idle(LIMIT_SECONDS).unwrap_or_else(|stopped| panic!("{what}: init {stopped}"));
    let key = NodeKey::new("nodes", "rpc-0");
    sim.user_edit(&key, |spec| spec["image"] = json!("registry.example/seid:v2"));
    driver.run_until_idle(LIMIT_SECONDS).unwrap_or_else(|stopped| panic!("{what}: update {stopped}"));
    // A sidecar that did not answer is asked again.
    driver.run_for(60).unwrap_or_else(|stopped| panic!("{what}: afterwards {stopped}"));
    assert_eq!(sim.violations(), [], "{what}");
    driver
}

fn every_fault_of(source: &str, full_node: &Value, options: &Options) {
    let calm = run(source, full_node, options.clone());
    let wanted = calm.sim().fingerprint();
    assert_eq!(wanted.to_string().matches("seid:v1").count(), 0, "the calm run ends on v2: {wanted:#}");
    let calls = calm.sim().calls();
    for call in 1..=calls {
        for fault in FAULTS {
            let what = format!("{source}, {fault:?} at call {call}");
            let mut driver = run(&what, full_node, options.clone().fault(call, fault));
            let ended = driver.sim().fingerprint();
            assert!(ended == wanted, "{what}:\n{}", difference(&wanted, &ended));
            driver.assert_silent(3).unwrap_or_else(|stopped| panic!("{what}: {stopped}"));
        }
    }
    println!("{source}: {} runs of about {calls} calls", u64::try_from(FAULTS.len()).unwrap() * calls);
}

/// The lines that only one of two states has.
fn difference(wanted: &Value, ended: &Value) -> String {
    let (wanted, ended) = (format!("{wanted:#}"), format!("{ended:#}"));
    let only = |of: &str, other: &str, mark| {
        let others: Vec<&str> = other.lines().collect();
        of.lines().filter(|line| !others.contains(line)).map(|line| format!("{mark} {line}\n")).collect::<String>()
    };
    only(&wanted, &ended, '-') + &only(&ended, &wanted, '+')
}

#[test]
fn every_call_with_sidecars_that_answer_at_once() {
    for (source, full_node) in sources() {
        every_fault_of(source, &full_node, &Options::default());
    }
}

#[test]
fn every_call_with_sidecars_that_take_their_time() {
    let mut options = Options::default().realistic();
    // Long enough to be polled, short enough that polls do not drown the rest.
    options.durations.seconds.values_mut().for_each(|seconds| *seconds = (*seconds).min(12));
    for (source, full_node) in sources() {
        every_fault_of(source, &full_node, &options);
    }
}
