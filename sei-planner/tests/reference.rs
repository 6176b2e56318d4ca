//! Objects, plans and task params against the reference, field by field, order of lists included.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]

use std::path::PathBuf;

use sei_planner::api::{SeiNode, Time};
use sei_planner::node::{Observed, plan_node, render_node};
use sei_planner::platform::Platform;
use sei_planner::task::{Task, codec};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn fixture(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn yaml<T: DeserializeOwned>(path: &str) -> T {
    serde_saphyr::from_str(&fixture(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn platform() -> Platform {
    Platform::from_map(&Platform::parse_lines(&fixture("reference/platform.env")).unwrap()).unwrap()
}

fn node(spec: Value) -> SeiNode {
    let mut node = json!({
        "apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "metadata": {"name": "rpc-0", "namespace": "sei"},
        "spec": {"chainId": "pacific-1", "image": "registry.example/seid:v1"},
    });
    for (key, value) in spec.as_object().unwrap() {
        node["spec"][key] = value.clone();
    }
    serde_json::from_value(node).unwrap()
}

const PLAN_ID: &str = "6f1c0d2e-3b4a-4c5d-8e6f-7a8b9c0d1e2f";

fn tasks(node: &SeiNode) -> Vec<Value> {
    let now = Time::at(jiff::Timestamp::UNIX_EPOCH);
    let plan = plan_node(node, &platform(), &Observed::default(), now, PLAN_ID).plan.expect("a plan");
    plan.tasks.iter().map(|task| serde_json::to_value(task).unwrap()).collect()
}

fn params(node: &SeiNode, kind: &str) -> Value {
    tasks(node).into_iter().find(|task| task["type"] == kind).unwrap_or_else(|| panic!("no {kind}"))["params"].clone()
}

#[test]
fn objects_of_a_minimal_full_node() {
    let node: SeiNode = yaml("reference/rpc-0/node.yaml");
    let objects = render_node(&node, &platform()).unwrap();
    let objects: Vec<Value> = objects.iter().map(|object| serde_json::to_value(object).unwrap()).collect();
    let expected =
        ["claim", "statefulset", "service"].map(|name| yaml::<Value>(&format!("reference/rpc-0/{name}.yaml")));
    for (object, expected) in objects.iter().zip(&expected) {
        assert_eq!(
            serde_json::to_string_pretty(object).unwrap(),
            serde_json::to_string_pretty(expected).unwrap(),
            "{}",
            expected["kind"]
        );
    }
    assert_eq!(objects.len(), expected.len());
}

#[test]
fn nothing_but_names_and_images_reaches_the_objects_of_a_full_node() {
    let plain = render_node(&node(json!({"fullNode": {}})), &platform()).unwrap();
    let rich = node(json!({
        "fullNode": {"snapshot": {"s3": {"targetHeight": 5}}, "snapshotGeneration": {"tendermint": {"keepRecent": 5}}},
        "peers": [{"static": {"addresses": ["a@b:1"]}}],
        "overrides": {"evm.http_port": "1"},
        "entrypoint": {"command": ["x"]},
    }));
    assert_eq!(render_node(&rich, &platform()).unwrap(), plain);
}

/// Retry budgets are ours where the reference gives none (architecture: tasks that reach over the network).
#[test]
fn tasks_of_the_s3_example() {
    let mut expected: Vec<Value> = serde_json::from_str(&fixture("reference/plan-s3.json")).unwrap();
    for task in &mut expected {
        if ["snapshot-restore", "configure-state-sync"].contains(&task["type"].as_str().unwrap()) {
            task["maxRetries"] = json!(180);
        }
    }
    let node = node(json!({
        "fullNode": {"snapshot": {"s3": {"targetHeight": 100_000_000}, "trustPeriod": "9999h0m0s"}},
        "peers": [{"static": {"addresses": ["abc@h:26656"]}}],
    }));
    assert_eq!(tasks(&node), expected);
}

#[test]
fn config_intents() {
    let minimal = json!({"mode": "full", "overrides": {"logging.level": "info"}});
    assert_eq!(params(&node(json!({"fullNode": {}})), "config-apply"), minimal);
    assert_eq!(params(&node(json!({"fullNode": {"snapshot": {"s3": {"targetHeight": 5}}}})), "config-apply"), minimal);

    let mut snapshots = node(json!({"fullNode": {"snapshotGeneration": {"tendermint": {"keepRecent": 5}}}}));
    snapshots.status = Some(serde_json::from_value(json!({"externalAddress": "lb.example:26656"})).unwrap());
    let mut expected = json!({"mode": "full", "overrides": {
        "chain.min_retain_blocks": "50000", "logging.level": "info", "network.p2p.external_address": "lb.example:26656",
        "network.p2p.max_connections": "500", "network.p2p.recv_rate": "20971520", "network.p2p.send_rate": "20971520",
        "storage.pruning_keep_every": "0", "storage.pruning_keep_recent": "50000", "storage.snapshot_interval": "2000",
        "storage.snapshot_keep_recent": "5",
    }});
    assert_eq!(params(&snapshots, "config-apply"), expected);

    snapshots.spec.overrides = [
        ("evm.http_port", "1"),
        ("logging.level", "debug"),
        ("storage.pruning_keep_recent", "7"),
        ("network.p2p.external_address", "u:1"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    expected["overrides"]["evm.http_port"] = json!("1");
    expected["overrides"]["storage.pruning_keep_recent"] = json!("7");
    expected["overrides"]["network.p2p.external_address"] = json!("u:1");
    assert_eq!(params(&snapshots, "config-apply"), expected);
}

#[test]
fn params_as_they_are_posted() {
    let posted = |kind: &str, stored: Value| codec::posted_params(&codec::decode(kind, &stored).unwrap());
    for (kind, stored, expected) in [
        ("snapshot-restore", json!({"TargetHeight": 7}), Some(json!({"targetHeight": 7}))),
        ("snapshot-restore", json!({"TargetHeight": 0}), None),
        ("configure-genesis", json!({}), None),
        (
            "config-apply",
            json!({"mode": "full", "overrides": {"logging.level": "info"}}),
            Some(
                json!({"mode": "full", "incremental": false, "targetVersion": 0, "overrides": {"logging.level": "info"}}),
            ),
        ),
        (
            "discover-peers",
            json!({"Sources": [{"type": "ec2Tags", "region": "r", "tags": {"a": "b"}}, {"type": "dnsEndpoints"}]}),
            Some(json!({"sources": [{"type": "ec2Tags", "region": "r", "tags": {"a": "b"}}]})),
        ),
        (
            "configure-state-sync",
            json!({"UseLocalSnapshot": true, "TrustPeriod": "1h", "BackfillBlocks": 3}),
            Some(json!({"useLocalSnapshot": true, "trustPeriod": "1h", "backfillBlocks": 3})),
        ),
        ("configure-state-sync", json!({"UseLocalSnapshot": false, "TrustPeriod": "", "BackfillBlocks": 0}), None),
        ("mark-ready", Value::Null, None),
    ] {
        assert_eq!(posted(kind, stored.clone()), expected, "{kind} {stored}");
    }
}

/// E12, E13: what is stored is read back, in any letter case of the keys.
#[test]
fn every_task_of_a_plan_round_trips() {
    let node = node(json!({
        "fullNode": {"snapshot": {"s3": {"targetHeight": 9}}, "snapshotGeneration": {"tendermint": {"keepRecent": 3, "publish": {}}}},
        "peers": [{"static": {"addresses": ["a@b:1"]}}, {"label": {"selector": {"a": "b"}}}],
    }));
    for task in tasks(&node) {
        let kind = task["type"].as_str().unwrap();
        let decoded: Task = codec::decode(kind, &task["params"]).unwrap();
        assert_eq!(codec::stored_params(&decoded), task["params"], "{kind}");
        let shouted: serde_json::Map<String, Value> = task["params"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(key, value)| (key.to_uppercase(), value.clone()))
            .collect();
        assert_eq!(codec::decode(kind, &Value::Object(shouted)).unwrap(), decoded, "{kind} in capitals");
    }
}

#[test]
fn an_unknown_task_type_says_so() {
    let error = codec::decode("config-patch", &json!({})).unwrap_err();
    assert_eq!(error.to_string(), "unknown task type \"config-patch\"");
}
