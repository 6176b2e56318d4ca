//! Lives of validators with a consensus key of their own: one key has one holder, whatever Secrets it stands in (D4, S1, S2).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod living;

use living::secrets::{consensus_keys, validator_with_keys};
use living::{Life, V1, V2};
use sei_planner::api::{ConditionStatus, NodePhase, SeiNodeStatus, conditions as c};
use sei_planner::names::NodeKey;
use sei_tasks::sim::Options;
use sei_tasks::world::{Kind, ObjectId};
use serde_json::{Value, json};

const OTHER: &str = "rpc-1";

fn validator(copy: &str) -> Value {
    json!({ "validator": validator_with_keys(copy) })
}

fn provide(life: &Life, copy: &str) {
    for secret in consensus_keys(copy) {
        life.sim().user_apply(secret).unwrap();
    }
}

fn begins() -> Life {
    let life = Life::of(validator("a"), Options::default());
    provide(&life, "a");
    life
}

/// Another validator with a copy of the key.
fn rival(life: &Life) -> NodeKey {
    provide(life, "b");
    let mut spec = validator("b");
    spec["chainId"] = json!("pacific-1");
    spec["image"] = json!(V1);
    life.sim()
        .user_apply(json!({
            "apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "metadata": {"namespace": "nodes", "name": OTHER},
            "spec": spec,
        }))
        .unwrap();
    NodeKey::new("nodes", OTHER)
}

fn status_of(life: &Life, key: &NodeKey) -> SeiNodeStatus {
    life.sim().sei_node(key).unwrap().status.unwrap_or_default()
}

fn lease(life: &Life) -> Value {
    let name = life.status().signing_key_leases.first().expect("a lease on record").clone();
    life.sim().object(&ObjectId::new(Kind::Lease, "sei-system", name)).expect("the lease")
}

fn holder(life: &Life, key: &NodeKey) -> String {
    let uid = life.sim().sei_node(key).unwrap().metadata.uid.unwrap();
    format!("{key}/{uid}")
}

/// The token of the question that a node asks.
fn question(status: &SeiNodeStatus) -> String {
    let asked = status.condition(c::AWAITING_ACKNOWLEDGEMENT).expect("a question");
    assert_eq!(
        (asked.status, asked.reason.as_str()),
        (ConditionStatus::True, c::SIGNING_KEY_MOVES),
        "{}",
        asked.message
    );
    asked.message.rsplit('=').next().unwrap().to_owned()
}

fn answer(life: &Life, key: &NodeKey, token: &str) {
    life.sim().user_annotate(key, "sei.io/acknowledge", Some(token));
}

#[test]
fn a_validator_takes_its_key_before_anything_mounts_it() {
    let mut life = begins();
    life.runs(V1);
    let lease = lease(&life);
    assert_eq!(lease["spec"]["holderIdentity"], holder(&life, &life.key).as_str());
    let claim = life.child(Kind::PersistentVolumeClaim, "data-rpc-0").unwrap();
    assert_eq!(lease["metadata"]["annotations"]["sei.io/signing-key-volume"], claim["metadata"]["uid"]);
    assert!(lease["spec"].get("leaseDurationSeconds").is_none(), "nobody renews it");
    life.set_image(V2);
    life.runs(V2);
}

#[test]
fn a_copy_of_the_key_waits_and_then_asks() {
    let mut life = begins();
    life.runs(V1);
    let rival = rival(&life);
    life.driver.run_for(1800).unwrap();
    let status = status_of(&life, &rival);
    let check = status.condition(c::SIGNING_KEY_READY).unwrap();
    assert_eq!((check.status, check.reason.as_str()), (ConditionStatus::False, c::SIGNING_KEY_IN_USE));
    assert!(check.message.contains(&holder(&life, &life.key)), "{}", check.message);
    assert!(life.child(Kind::StatefulSet, OTHER).is_none(), "nothing may mount the key");

    // The holder goes; its disk knew the sign state, and the rival's does not.
    life.delete(Kind::SeiNode, "rpc-0");
    life.driver.run_for(600).unwrap();
    let token = question(&status_of(&life, &rival));
    assert!(life.child(Kind::StatefulSet, OTHER).is_none());
    answer(&life, &rival, "00000000");
    life.driver.run_for(600).unwrap();
    assert!(life.child(Kind::StatefulSet, OTHER).is_none(), "a wrong answer is none");
    answer(&life, &rival, &token);
    life.driver.run_for(3600).unwrap();
    let status = status_of(&life, &rival);
    assert_eq!(status.phase(), NodePhase::Running);
    assert_eq!(status.condition(c::SIGNING_KEY_READY).unwrap().status, ConditionStatus::True);
    assert_eq!(status.condition(c::AWAITING_ACKNOWLEDGEMENT).unwrap().status, ConditionStatus::False);
    assert_eq!(life.sim().violations(), []);
}

/// A running node of an operator that kept no record takes its key without a restart.
#[test]
fn a_node_that_runs_without_a_record_takes_its_key() {
    let mut life = begins();
    life.runs(V1);
    let name = life.status().signing_key_leases[0].clone();
    let pod = life.child(Kind::Pod, "rpc-0-0").unwrap()["metadata"]["uid"].clone();
    life.sim().user_delete(&ObjectId::new(Kind::Lease, "sei-system", name));
    life.sim().user_edit_status(&life.key, |status| {
        status.as_object_mut().unwrap().remove("signingKeyLeases");
    });
    life.driver.run_for(900).unwrap();
    assert_eq!(lease(&life)["spec"]["holderIdentity"], holder(&life, &life.key).as_str());
    assert_eq!(life.child(Kind::Pod, "rpc-0-0").unwrap()["metadata"]["uid"], pod, "nothing restarts");
    life.rest();
}

/// The same node on a new disk: the old one knew what it had signed.
#[test]
fn a_key_follows_to_an_empty_disk_only_after_two_answers() {
    let mut life = begins();
    life.runs(V1);
    life.delete(Kind::PersistentVolumeClaim, "data-rpc-0");
    life.delete(Kind::Pod, "rpc-0-0");
    life.wait_for("the loss is noticed", |status| {
        status.condition(c::AWAITING_ACKNOWLEDGEMENT).is_some_and(|asked| asked.reason == c::DATA_VOLUME_LOST)
    });
    let asked = life.status().condition(c::AWAITING_ACKNOWLEDGEMENT).unwrap().message.clone();
    answer(&life, &life.key.clone(), asked.rsplit('=').next().unwrap());
    life.wait_for("the key is asked about", |status| {
        status.condition(c::AWAITING_ACKNOWLEDGEMENT).is_some_and(|asked| asked.reason == c::SIGNING_KEY_MOVES)
    });
    let token = question(&life.status());
    answer(&life, &life.key.clone(), &token);
    life.runs(V1);
}
