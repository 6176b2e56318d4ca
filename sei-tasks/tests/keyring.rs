//! Lives of validators with an operator keyring: the two Secrets are checked before anything mounts them, and nothing of them
//! is ever told.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod living;

use living::secrets::{ENTRY, PASSPHRASE, keyring, passphrase, secret, validator_with_keyring};
use living::{Life, V1, V2};
use sei_planner::api::{ConditionStatus, NodePhase, conditions as c};
use sei_tasks::sim::{Options, Verb};
use sei_tasks::world::Kind;
use serde_json::{Value, json};

fn spec() -> Value {
    json!({"validator": validator_with_keyring()})
}

fn verdict(life: &Life) -> (ConditionStatus, String, String) {
    let status = life.status();
    let found = status.condition(c::OPERATOR_KEYRING_READY).expect("a condition");
    (found.status, found.reason.clone(), found.message.clone())
}

#[test]
fn a_validator_waits_for_its_keyring_and_comes_up_with_it() {
    let mut life = Life::of(spec(), Options::default());
    life.driver.run_for(600).unwrap();
    let missing = "secret \"operator\" not found in namespace \"nodes\"".to_owned();
    assert_eq!(verdict(&life), (ConditionStatus::False, c::OPERATOR_KEYRING_NOT_READY.to_owned(), missing));
    assert!(life.child(Kind::StatefulSet, "rpc-0").is_none(), "nothing mounts what is not there");
    life.sim().user_apply(keyring()).unwrap();
    life.driver.run_for(120).unwrap();
    assert!(verdict(&life).2.contains("secret \"unlock\" not found"), "{:?}", verdict(&life));
    life.sim().user_apply(passphrase()).unwrap();
    life.runs(V1);
    let passed = "Secret pair (\"operator\", \"unlock\") passes operator-keyring validation".to_owned();
    assert_eq!(verdict(&life), (ConditionStatus::True, c::OPERATOR_KEYRING_VALIDATED.to_owned(), passed));
    life.set_image(V2);
    life.runs(V2);
}

/// D8: 5 s at first, then as long as it waits already, at most a minute: an hour costs about seventy looks at two Secrets.
#[test]
fn a_missing_secret_is_looked_for_less_and_less_often() {
    let mut life = Life::of(spec(), Options::default());
    life.driver.run_for(60).unwrap();
    let before = life.sim().counters();
    life.driver.run_for(3600).unwrap();
    let hour = life.sim().counters().since(&before);
    assert!(hour.of(Verb::Read) <= 2 * 61 && hour.writes() == 0, "{hour:?}");
}

#[test]
fn a_broken_keyring_fails_the_plan_and_is_checked_again() {
    let mut life = Life::of(spec(), Options::default());
    life.sim().user_apply(secret("operator", json!({"other.info": ENTRY, "ab12.address": ENTRY}))).unwrap();
    life.sim().user_apply(passphrase()).unwrap();
    life.wait_for("failure", |status| status.phase() == NodePhase::Failed);
    let (status, reason, why) = verdict(&life);
    assert_eq!((status, reason.as_str()), (ConditionStatus::False, c::OPERATOR_KEYRING_INVALID));
    assert!(why.contains("missing data key \"node_admin.info\""), "{why}");
    life.sim().user_apply(keyring()).unwrap();
    life.runs(V1);
}

/// An update checks again what its new pod will read; the old pod stays while it cannot.
#[test]
fn an_update_waits_for_a_keyring_that_went() {
    let mut life = Life::of(spec(), Options::default());
    life.sim().user_apply(keyring()).unwrap();
    life.sim().user_apply(passphrase()).unwrap();
    life.runs(V1);
    life.delete(Kind::Secret, "unlock");
    life.set_image(V2);
    life.driver.run_for(300).unwrap();
    assert_eq!(life.pods_replaced(), 0);
    assert_eq!(verdict(&life).1, c::OPERATOR_KEYRING_NOT_READY);
    life.sim().user_apply(passphrase()).unwrap();
    life.runs(V2);
}

/// S6: neither status, events, objects nor the trace hold anything of a Secret.
#[test]
fn nothing_of_a_secret_is_ever_told() {
    let mut life = Life::of(spec(), Options::default());
    life.sim().user_apply(keyring()).unwrap();
    life.sim().user_apply(secret("unlock", json!({"passphrase": ""}))).unwrap();
    life.wait_for("failure", |status| status.phase() == NodePhase::Failed);
    life.sim().user_apply(passphrase()).unwrap();
    life.runs(V1);
    let sim = life.sim();
    let kinds = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Secret);
    let objects: Vec<Value> = kinds.flat_map(|kind| sim.objects(kind)).collect();
    let told = format!("{:?}\n{:?}\n{objects:?}\n{}", sim.trace(), sim.timeline(), sim.fingerprint());
    assert!(told.contains("operator"), "the trace tells which Secrets are read");
    for canary in [PASSPHRASE, ENTRY, "tT9-qL4.vZ7-xW2.rK5", "hB3.nY8-cF6.mQ1-dS0"] {
        assert!(!told.contains(canary), "{canary}");
    }
}
