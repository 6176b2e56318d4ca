//! Lives of archives, replayers and validators without keys: each comes up, follows an image, and seid starts with the
//! configuration of its mode.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod living;

use living::{Life, V1, V2};
use sei_tasks::sim::Options;
use serde_json::{Value, json};

/// Comes up, takes another image, and says which modes and settings seid started with.
fn lives(spec: Value, mode: &str, state_sync: bool) -> Life {
    for options in [Options::default(), Options::default().realistic()] {
        let mut life = Life::of(spec.clone(), options);
        life.runs(V1);
        life.set_image(V2);
        life.runs(V2);
        let starts = life.sim().seid_starts(&life.key);
        assert_eq!(starts.len(), 2, "{starts:?}");
        assert!(starts.iter().all(|start| start.mode.as_deref() == Some(mode)), "{starts:?}");
        assert!(starts.iter().all(|start| start.state_sync == state_sync), "{starts:?}");
    }
    let mut life = Life::of(spec, Options::default());
    life.runs(V1);
    life
}

fn peers() -> Value {
    json!([{"static": {"addresses": ["aa@peer.example:26656"]}}])
}

/// B7: an archive never state-syncs; it would lose the history.
#[test]
fn an_archive_keeps_everything() {
    let snapshots = json!({"tendermint": {"keepRecent": 5, "publish": {}}});
    let life = lives(json!({"archive": {"snapshotGeneration": snapshots}, "peers": peers()}), "archive", false);
    assert_eq!(life.status().observed_mode.as_deref(), Some("archive"));
}

#[test]
fn a_replayer_starts_from_a_snapshot() {
    let snapshot = json!({"s3": {"targetHeight": 100}});
    let life = lives(json!({"replayer": {"snapshot": snapshot}, "peers": peers()}), "full", true);
    let start = life.sim().seid_starts(&life.key).remove(0);
    assert!(start.snapshot && start.overrides.contains_key("storage.state_commit.async_commit_buffer"), "{start:?}");
    assert_eq!(life.status().observed_mode.as_deref(), Some("replayer"));
}

#[test]
fn a_validator_without_keys_follows_the_chain() {
    for (snapshot, state_sync) in [(json!(null), false), (json!({"stateSync": {}}), true)] {
        let validator = if snapshot.is_null() { json!({}) } else { json!({"snapshot": snapshot}) };
        let life = lives(json!({"validator": validator, "peers": peers()}), "validator", state_sync);
        assert_eq!(life.status().observed_mode.as_deref(), Some("validator"));
    }
}
