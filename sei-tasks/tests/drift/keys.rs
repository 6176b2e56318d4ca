//! A node that runs without a consensus key gets one at the tip of its chain, when the key is whole and nobody else has it.

use sei_planner::api::{ConditionStatus, conditions as c};
use sei_tasks::sim::Options;
use sei_tasks::world::{Kind, ObjectId};
use serde_json::{Value, json};

use crate::living::secrets::{consensus_keys, secret, validator_address, validator_with_keys};
use crate::living::{Life, V1};
use crate::verdict::{follows_its_spec, restarts};

fn without_keys(options: Options) -> Life {
    let peers = json!([{"static": {"addresses": ["aa@peer.example:26656"]}}]);
    let mut life = Life::of(json!({"validator": {}, "peers": peers}), options);
    life.runs(V1);
    life
}

fn gets_keys(life: &Life) {
    assert_eq!(life.sim().user_edit(&life.key, |spec| spec["validator"] = validator_with_keys("a")), None);
}

fn told(life: &Life, kind: &str) -> (ConditionStatus, String, String) {
    let known = life.status().condition(kind).unwrap_or_else(|| panic!("no {kind}")).clone();
    (known.status, known.reason, known.message)
}

fn provide(life: &Life, secrets: impl IntoIterator<Item = Value>) {
    secrets.into_iter().for_each(|secret| drop(life.sim().user_apply(secret).unwrap()));
}

#[test]
fn keys_are_mounted_once_they_are_there_and_whole() {
    let mut life = without_keys(Options::default());
    provide(&life, [secret("signing-a", json!({"priv_validator_key.json": "e30="})), consensus_keys("a")[1].clone()]);
    gets_keys(&life);
    life.driver.run_for(3600).unwrap();
    let (status, reason, _) = told(&life, c::SIGNING_KEY_READY);
    assert_eq!((status, reason.as_str()), (ConditionStatus::False, c::SIGNING_KEY_INVALID));
    assert_eq!(restarts(&life), 0, "a defective key rolls nothing");
    provide(&life, consensus_keys("a"));
    life.wait_for("the keys", |status| status.signing_key_mounted_secret.is_some());
    follows_its_spec(&mut life, "keys");
    assert_eq!(restarts(&life), 1);
    let reason = life.status().condition(c::NODE_UPDATE_IN_PROGRESS).unwrap().reason.clone();
    assert_eq!(reason, c::UPDATE_COMPLETE);
}

#[test]
fn a_node_behind_its_chain_waits_for_the_tip_or_for_an_answer() {
    let mut options = Options::default();
    options.delays.catch_up_seconds = 4 * 3600;
    for answered in [false, true] {
        let mut life = without_keys(options.clone());
        provide(&life, consensus_keys("a"));
        gets_keys(&life);
        life.driver.run_for(1800).unwrap();
        let (status, reason, message) = told(&life, c::AWAITING_ACKNOWLEDGEMENT);
        assert_eq!((status, reason.as_str()), (ConditionStatus::True, c::NOT_CAUGHT_UP));
        assert!(message.contains("still catching up"), "{message}");
        assert_eq!(restarts(&life), 0);
        let waits = life.status().plan.unwrap().tasks.iter().any(|task| {
            task.kind == "await-caught-up"
                && task.waiting_for.as_deref().is_some_and(|on| on.contains("tip of its chain"))
        });
        assert!(waits, "status says what the plan waits for");
        if answered {
            life.obeys(&message);
            life.driver.run_for(600).unwrap();
            assert_eq!(restarts(&life), 1, "a person said so");
        } else {
            life.driver.run_for(3600).unwrap();
            assert_eq!(restarts(&life), 0);
        }
        life.wait_for("the keys", |status| status.signing_key_mounted_secret.is_some());
        follows_its_spec(&mut life, "keys");
        let (status, ..) = told(&life, c::AWAITING_ACKNOWLEDGEMENT);
        assert_eq!((status, restarts(&life)), (ConditionStatus::False, 1));
    }
}

/// The old validator is where the operator sees nothing of it but its signatures.
#[test]
fn a_key_that_signs_elsewhere_is_mounted_only_once_it_is_silent() {
    for answered in [false, true] {
        let mut life = without_keys(Options::default());
        provide(&life, consensus_keys("a"));
        life.sim().outside_validator_begins(&validator_address());
        gets_keys(&life);
        life.driver.run_for(3600).unwrap();
        let (status, reason, message) = told(&life, c::AWAITING_ACKNOWLEDGEMENT);
        assert_eq!((status, reason.as_str()), (ConditionStatus::True, c::KEY_STILL_SIGNS));
        assert!(message.contains(&format!("validator {} of this key signed one", validator_address())), "{message}");
        assert!(life.status().plan.unwrap().tasks.iter().any(|task| task.kind == "claim-signing-key"
            && task.waiting_for.as_deref().is_some_and(|on| on.starts_with("nothing to sign with the consensus key"))));
        assert_eq!(restarts(&life), 0, "nothing is done to the pod while the key signs elsewhere");
        life.sim().outside_validator_ends(&validator_address());
        if answered {
            life.obeys(&message);
        }
        life.wait_for("the keys", |status| status.signing_key_mounted_secret.is_some());
        follows_its_spec(&mut life, "keys");
        let (status, ..) = told(&life, c::AWAITING_ACKNOWLEDGEMENT);
        assert_eq!((status, restarts(&life)), (ConditionStatus::False, 1));
    }
}

/// A chain that stands still was signed by the old validator last, whoever was stopped: only a person can tell.
#[test]
fn an_answer_lets_a_node_sign_whose_rpc_does_not_tell_who_signed() {
    let mut life = without_keys(Options::default());
    provide(&life, consensus_keys("a"));
    life.sim().outside_validator_begins(&validator_address());
    gets_keys(&life);
    life.wait_for("the question", |status| status.condition(c::AWAITING_ACKNOWLEDGEMENT).is_some());
    let (_, _, message) = told(&life, c::AWAITING_ACKNOWLEDGEMENT);
    life.sim().outside_validator_ends(&validator_address());
    life.obeys(&message);
    life.driver.run_for(5).unwrap();
    let status = life.status();
    let claimed = status
        .plan
        .unwrap()
        .tasks
        .iter()
        .any(|task| task.kind == "claim-signing-key" && task.status == sei_planner::api::TaskStatus::Complete);
    assert!(claimed, "the answer counts at once, though the last blocks are still signed");
}

/// The way without downtime: the new node follows the chain without the key; the old one stops and lets go; the new one signs.
#[test]
fn a_key_is_handed_over_only_when_the_old_validator_is_gone() {
    let mut life = without_keys(Options::default());
    provide(&life, consensus_keys("a"));
    provide(&life, consensus_keys("old"));
    let sim = life.sim();
    let old = json!({
        "apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "metadata": {"namespace": "nodes", "name": "old"},
        "spec": {"chainId": "pacific-1", "image": V1, "validator": validator_with_keys("old")},
    });
    sim.user_apply(old).unwrap();
    life.rest();
    gets_keys(&life);
    life.driver.run_for(3600).unwrap();
    let (status, reason, message) = told(&life, c::SIGNING_KEY_READY);
    assert_eq!((status, reason.as_str()), (ConditionStatus::False, c::SIGNING_KEY_IN_USE));
    assert!(message.contains("nodes/old"), "{message}");
    assert_eq!(restarts(&life), 0, "the node runs on without the key");

    sim.user_delete(&ObjectId::new(Kind::SeiNode, "nodes", "old"));
    life.driver.run_for(600).unwrap();
    // The key ran on the old node's disk: a person must say that its sign state came along.
    let (status, reason, message) = told(&life, c::AWAITING_ACKNOWLEDGEMENT);
    assert_eq!((status, reason.as_str()), (ConditionStatus::True, c::SIGNING_KEY_MOVES));
    life.obeys(&message);
    life.wait_for("the keys", |status| status.signing_key_mounted_secret.is_some());
    follows_its_spec(&mut life, "handed over");
    assert_eq!(restarts(&life), 1);
}
