//! Plans and params of tasks against the reference, field by field, in its order.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]

mod common;

use common::{fixture, node, platform};
use sei_planner::api::{SeiNode, Time};
use sei_planner::node::{Observed, plan_node};
use sei_planner::task::codec;
use serde_json::{Value, json};

const PLAN_ID: &str = "6f1c0d2e-3b4a-4c5d-8e6f-7a8b9c0d1e2f";

fn tasks(node: &SeiNode) -> Vec<Value> {
    let now = Time::at(jiff::Timestamp::UNIX_EPOCH);
    let plan = plan_node(node, &platform(), &Observed::default(), now, PLAN_ID).plan.expect("a plan");
    plan.tasks.iter().map(|task| serde_json::to_value(task).unwrap()).collect()
}

fn params(node: &SeiNode, kind: &str) -> Value {
    tasks(node).into_iter().find(|task| task["type"] == kind).unwrap_or_else(|| panic!("no {kind}"))["params"].clone()
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
    let node = node(&json!({
        "fullNode": {"snapshot": {"s3": {"targetHeight": 100_000_000}, "trustPeriod": "9999h0m0s"}},
        "peers": [{"static": {"addresses": ["abc@h:26656"]}}],
    }));
    assert_eq!(tasks(&node), expected);
}

#[test]
fn config_intents() {
    let minimal = json!({"mode": "full", "overrides": {"logging.level": "info"}});
    assert_eq!(params(&node(&json!({"fullNode": {}})), "config-apply"), minimal);
    assert_eq!(params(&node(&json!({"fullNode": {"snapshot": {"s3": {"targetHeight": 5}}}})), "config-apply"), minimal);

    let mut snapshots = node(&json!({"fullNode": {"snapshotGeneration": {"tendermint": {"keepRecent": 5}}}}));
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
        // B20: the reference overrules the user here.
        ("logging.level", "debug"),
        ("storage.pruning_keep_recent", "7"),
        ("network.p2p.external_address", "u:1"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    expected["overrides"]["evm.http_port"] = json!("1");
    expected["overrides"]["logging.level"] = json!("debug");
    expected["overrides"]["storage.pruning_keep_recent"] = json!("7");
    expected["overrides"]["network.p2p.external_address"] = json!("u:1");
    assert_eq!(params(&snapshots, "config-apply"), expected);
}

#[test]
fn config_intents_of_the_other_modes() {
    let peers = json!([{"static": {"addresses": ["a@b:1"]}}]);
    let ceremony = json!({"chainId": "c", "stakingAmount": "1usei", "accountBalance": "2usei", "index": 0});
    for (spec, expected) in [
        (json!({"archive": {}}), json!({"mode": "archive", "overrides": {"logging.level": "info"}})),
        (
            json!({"archive": {"snapshotGeneration": {"tendermint": {"keepRecent": 5}}}}),
            json!({"mode": "archive", "overrides": {
                "logging.level": "info", "storage.snapshot_interval": "2000", "storage.snapshot_keep_recent": "5",
            }}),
        ),
        (
            json!({"replayer": {"snapshot": {"s3": {"targetHeight": 5}}}, "peers": peers}),
            json!({"mode": "full", "overrides": {
                "logging.level": "info", "storage.state_commit.async_commit_buffer": "100",
                "storage.state_commit.memiavl.snapshot_keep_recent": "2",
                "storage.state_commit.memiavl.snapshot_min_time_interval": "3600",
            }}),
        ),
        (json!({"validator": {}}), json!({"mode": "validator", "overrides": {"logging.level": "info"}})),
        (
            json!({"validator": {"genesisCeremony": ceremony}}),
            json!({"mode": "validator", "overrides": {"logging.level": "info"}}),
        ),
    ] {
        assert_eq!(params(&node(&spec), "config-apply"), expected, "{spec}");
    }
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
        (
            "generate-identity",
            json!({"ChainID": "c", "Moniker": "val-0"}),
            Some(json!({"chainId": "c", "moniker": "val-0"})),
        ),
        (
            "generate-gentx",
            json!({"ChainID": "c", "StakingAmount": "1usei", "AccountBalance": "2usei", "GenesisParams": ""}),
            Some(json!({"chainId": "c", "stakingAmount": "1usei", "accountBalance": "2usei"})),
        ),
        ("upload-genesis-artifacts", json!({"NodeName": "val-0"}), Some(json!({"nodeName": "val-0"}))),
        ("set-genesis-peers", json!({}), None),
        ("mark-ready", Value::Null, None),
    ] {
        assert_eq!(posted(kind, stored.clone()), expected, "{kind} {stored}");
    }
}

#[test]
fn an_unknown_task_type_says_so() {
    let error = codec::decode("config-patch", &json!({})).unwrap_err();
    assert_eq!(error.to_string(), "unknown task type \"config-patch\"");
}
