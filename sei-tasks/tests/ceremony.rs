//! Lives of validators that found a chain.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod living;

use living::secrets::founder;
use living::{Life, V1, V2};
use sei_planner::api::{NodePhase, PlanKindName};
use sei_tasks::sim::Options;
use serde_json::{Value, json};

fn spec() -> Value {
    json!({"chainId": "test-1", "validator": founder()})
}

fn retries(life: &Life, kind: &str) -> i32 {
    let plan = life.status().plan.unwrap();
    plan.tasks.iter().find(|task| task.kind == kind).unwrap().retry_count
}

/// Genesis and peers are there only once the assembler has seen all founders: until then those tasks fail and are retried.
#[test]
fn a_founder_makes_its_keys_and_waits_for_the_others() {
    for wait in [0, 20, 600] {
        let mut options = Options::default();
        options.delays.assemble_seconds = wait;
        let mut life = Life::of(spec(), options);
        life.runs(V1);
        let plan = life.status().plan.unwrap();
        assert_eq!(plan.kind, Some(PlanKindName::Genesis));
        let start = life.sim().seid_starts(&life.key).remove(0);
        assert!(start.genesis && !start.peers.is_empty() && !start.state_sync, "{start:?}");
        assert_eq!(start.mode.as_deref(), Some("validator"));
        assert_eq!(retries(&life, "configure-genesis") > 0, wait > 0);
        life.set_image(V2);
        life.runs(V2);
    }
}

#[test]
fn the_operator_may_die_at_any_moment() {
    for second in 0..40 {
        let mut life = Life::of(spec(), Options::default());
        life.driver.run_for(second).unwrap();
        life.driver.kill();
        life.runs(V1);
    }
}

/// The sidecar makes the account first and never twice, so a run that was interrupted cannot be repeated: the node fails
/// in the sidecar's own words, and only a fresh volume helps.
#[test]
fn an_interrupted_gentx_is_said_in_the_sidecars_words() {
    let mut options = Options::default();
    options.durations.seconds.insert("generate-gentx".to_owned(), 30);
    let mut life = Life::of(spec(), options);
    life.wait_for_task("generate-gentx");
    life.sim().restart_sidecar(&life.key);
    life.wait_for("failure", |status| status.phase() == NodePhase::Failed);
    let detail = life.status().plan.unwrap().failed_task_detail.unwrap();
    assert_eq!(detail.error, "generate-gentx: keys add: public key already exists in keybase");
}
