//! A node that somebody holds the operator off: nothing is done for it, wherever its plan stands, and then all of it is.

use sei_planner::api::{ConditionStatus, PAUSE_ANNOTATION, conditions};
use sei_tasks::sim::Verb;
use sei_tasks::world::Kind;

use crate::edits::{Edit, GROUNDS, make};
use crate::living::Life;
use crate::middle::at_every_turn;
use crate::verdict::{follows_its_spec, restarts};

/// Longer than any back-off and any retry of a failed plan.
const PAUSE_SECONDS: i64 = 2 * 3600;

fn edit(name: &str) -> Edit {
    *GROUNDS[0].edits().iter().find(|edit| edit.name == name).unwrap()
}

fn hold(life: &Life, value: Option<&str>) {
    life.sim().user_annotate(&life.key, PAUSE_ANNOTATION, value);
}

fn paused(life: &Life) -> Option<ConditionStatus> {
    life.status().condition(conditions::PAUSED).map(|condition| condition.status)
}

/// Calls that change anything but what is told of the node.
fn effects(life: &Life) -> usize {
    let trace = life.sim().trace();
    let calls = trace.iter().filter_map(|entry| entry.fact.call());
    calls.filter(|call| (call.verb.is_write() && call.verb != Verb::WriteStatus) || call.verb == Verb::Submit).count()
}

#[test]
fn an_update_stands_still_at_every_turn_and_goes_on() {
    let running = GROUNDS[0].running_slowly();
    let before = restarts(&running);
    for name in ["image", "override removed"] {
        at_every_turn(&running, &edit(name), |mut life, turn| {
            let what = format!("{name} held at turn {turn}");
            hold(&life, Some("true"));
            // What is under way in this very reconcile is under way.
            life.driver.run_for(1).unwrap_or_else(|stopped| panic!("{what}: {stopped}"));
            let done = effects(&life);
            make(&life.sim(), &life, &[edit("pod labels")]);
            life.driver.run_for(PAUSE_SECONDS).unwrap_or_else(|stopped| panic!("{what}: {stopped}"));
            assert_eq!(effects(&life), done, "{what}: something is done for it");
            assert_eq!(paused(&life), Some(ConditionStatus::True), "{what}");
            hold(&life, None);
            follows_its_spec(&mut life, &what);
            assert_eq!(paused(&life), Some(ConditionStatus::False), "{what}");
            assert!(restarts(&life) - before <= 2, "{what}: {} restarts", restarts(&life) - before);
        });
    }
}

#[test]
fn a_paused_node_is_left_alone_whatever_becomes_of_its_objects_and_goes_when_it_is_deleted() {
    let mut life = GROUNDS[0].running();
    hold(&life, Some("because"));
    life.driver.run_for(60).unwrap();
    let done = effects(&life);
    life.sim().user_delete(&sei_tasks::world::ObjectId::new(Kind::Service, "nodes", "rpc-0"));
    life.sim().restart_sidecar(&life.key);
    life.driver.run_for(PAUSE_SECONDS).unwrap();
    assert_eq!(effects(&life), done, "neither the Service nor the gate is brought back");
    let ready = life.status().condition(conditions::SIDECAR_READY).map(|condition| condition.status);
    assert_ne!(ready, Some(ConditionStatus::True), "its health is told all the same");
    life.sim().user_delete(&sei_tasks::world::ObjectId::new(Kind::SeiNode, "nodes", "rpc-0"));
    let key = life.key.clone();
    life.driver.run_until(|sim| sim.sei_node(&key).is_none(), 3600).unwrap();
    assert_eq!(life.sim().violations(), []);
}

#[test]
fn a_node_that_was_never_paused_has_no_such_condition_and_false_holds_nobody_off() {
    let mut life = GROUNDS[0].running();
    hold(&life, Some("false"));
    make(&life.sim(), &life, &[edit("image")]);
    follows_its_spec(&mut life, "an image");
    assert_eq!(paused(&life), None);
}
