//! A crash before and after every single call of an init and of an image update, and every other fault a call can have,
//! for every way to start a node: each run ends where the run without a fault ends (S10, L1), and is silent
//! afterwards (L2).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod living;

use living::secrets::{
    NAMES, certificate, consensus_keys, founder, keyring, passphrase, validator_with_keyring, validator_with_keys,
};
use living::with_issuers;
use sei_planner::names::NodeKey;
use sei_tasks::sim::{Driver, Fault, Options, Point, SeiOperator, Sim};
use serde_json::{Value, json};

/// Virtual seconds within which every run ends.
const LIMIT_SECONDS: i64 = 4 * 3600;
const FAULTS: [Fault; 5] =
    [Fault::Crash(Point::Before), Fault::Crash(Point::After), Fault::LostRequest, Fault::LostAnswer, Fault::Conflict];

/// A node, and the Secrets that it needs.
struct Node {
    what: &'static str,
    spec: Value,
    secrets: Vec<Value>,
}

impl Node {
    fn of(what: &'static str, mode: &str, member: Value) -> Self {
        let spec = json!({
            "chainId": "pacific-1", "image": "registry.example/seid:v1", mode: member,
            "peers": [{"static": {"addresses": ["aa@peer.example:26656"]}}],
        });
        Self { what, spec, secrets: Vec::new() }
    }

    fn with_a_certificate_of_an_issuer(mut self) -> Self {
        self.spec["sidecar"] = json!({"tls": {"issuerName": "ca"}});
        self
    }

    fn behind_tls(mut self) -> Self {
        self.spec["sidecar"] = json!({"tls": {"secretName": "rpc-0-tls"}});
        self.secrets.push(certificate(&NAMES));
        self
    }
}

fn full_nodes() -> [Node; 3] {
    [
        Node::of("genesis", "fullNode", json!({})),
        Node::of("state sync", "fullNode", json!({"snapshot": {"stateSync": {}}})),
        Node::of("S3", "fullNode", json!({"snapshot": {"s3": {"targetHeight": 100}}})),
    ]
}

fn bootstrapped() -> Node {
    let snapshot = json!({"s3": {"targetHeight": 100}, "bootstrapImage": "registry.example/seid:bootstrap"});
    Node::of("bootstrap", "replayer", json!({"snapshot": snapshot}))
}

/// A world in which a node was brought up and then updated.
fn run(what: &str, node: &Node, options: Options) -> Driver<SeiOperator> {
    let sim = Sim::new(options);
    let mut driver = sim.drive(SeiOperator { platform: with_issuers() });
    for secret in &node.secrets {
        sim.user_apply(secret.clone()).unwrap();
    }
    let metadata = json!({"namespace": "nodes", "name": "rpc-0"});
    let manifest = json!({"apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "metadata": metadata, "spec": node.spec});
    sim.user_apply(manifest).unwrap();
    driver.run_until_idle(LIMIT_SECONDS).unwrap_or_else(|stopped| panic!("{what}: init {stopped}"));
    let key = NodeKey::new("nodes", "rpc-0");
    sim.user_edit(&key, |spec| spec["image"] = json!("registry.example/seid:v2"));
    driver.run_until_idle(LIMIT_SECONDS).unwrap_or_else(|stopped| panic!("{what}: update {stopped}"));
    // A sidecar that did not answer is asked again.
    driver.run_for(60).unwrap_or_else(|stopped| panic!("{what}: afterwards {stopped}"));
    assert_eq!(sim.violations(), [], "{what}");
    driver
}

fn every_fault_of(node: &Node, options: &Options) {
    let calm = run(node.what, node, options.clone());
    let wanted = calm.sim().fingerprint();
    assert_eq!(wanted.to_string().matches("seid:v1").count(), 0, "the calm run ends on v2: {wanted:#}");
    let calls = calm.sim().calls();
    for call in 1..=calls {
        for fault in FAULTS {
            let what = format!("{}, {fault:?} at call {call}", node.what);
            let mut driver = run(&what, node, options.clone().fault(call, fault));
            let ended = driver.sim().fingerprint();
            assert!(ended == wanted, "{what}:\n{}", difference(&wanted, &ended));
            driver.assert_silent(3).unwrap_or_else(|stopped| panic!("{what}: {stopped}"));
        }
    }
    println!("{}: {} runs of about {calls} calls", node.what, u64::try_from(FAULTS.len()).unwrap() * calls);
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

/// Long enough to be polled, short enough that polls do not drown the rest.
fn slow() -> Options {
    let mut options = Options::default().realistic();
    options.durations.seconds.values_mut().for_each(|seconds| *seconds = (*seconds).min(12));
    options
}

#[test]
fn every_call_with_sidecars_that_answer_at_once() {
    for node in full_nodes() {
        every_fault_of(&node, &Options::default());
    }
}

#[test]
fn every_call_with_sidecars_that_take_their_time() {
    for node in full_nodes() {
        every_fault_of(&node, &slow());
    }
}

#[test]
fn every_call_of_a_bootstrap_behind_tls() {
    every_fault_of(&bootstrapped().behind_tls(), &Options::default());
}

#[test]
fn every_call_of_a_node_that_asks_an_issuer() {
    let issued = Node::of("issuer", "fullNode", json!({})).with_a_certificate_of_an_issuer();
    every_fault_of(&issued, &Options::default());
}

#[test]
fn every_call_of_validators() {
    let secrets = vec![keyring(), passphrase()];
    let keyring = Node { secrets, ..Node::of("keyring", "validator", validator_with_keyring()) };
    let keys = Node { secrets: consensus_keys("a").into(), ..Node::of("keys", "validator", validator_with_keys("a")) };
    for node in [keyring, keys, Node::of("founder", "validator", founder())] {
        every_fault_of(&node, &Options::default());
    }
}
