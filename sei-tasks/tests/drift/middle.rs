//! Users change their minds: while an edit is followed it is taken back, or another one is made. In the nightly campaign at every turn.

use sei_tasks::sim::Turn;
use sei_tasks::world::{Kind, ObjectId};
use serde_json::Value;

use crate::edits::{Edit, GROUNDS, make, names};
use crate::living::Life;
use crate::verdict::{follows_its_spec, restarts};

fn spec_of(life: &Life) -> Value {
    serde_json::to_value(life.sim().sei_node(&life.key).unwrap().spec).unwrap()
}

fn fork(life: &Life) -> Life {
    Life { driver: life.driver.fork(), key: life.key.clone() }
}

/// One turn in so many is tried, others for each edit.
fn turns_per_try() -> usize {
    match std::env::var("CAMPAIGN").as_deref() {
        Ok("nightly") => 1,
        Ok(_) => 2,
        Err(_) => 7,
    }
}

/// Lets the edit run, and calls `meanwhile` with a copy of the world at each of its turns, or at some of them.
pub(crate) fn at_every_turn(running: &Life, edit: &Edit, mut meanwhile: impl FnMut(Life, usize)) {
    let mut life = fork(running);
    make(&life.sim(), &life, &[*edit]);
    let turns_per_try = turns_per_try();
    let first = edit.name.len() % turns_per_try;
    for turn in 0.. {
        if turn % turns_per_try == first {
            meanwhile(fork(&life), turn);
        }
        match life.driver.turn().unwrap_or_else(|stopped| panic!("{}: {stopped}", edit.name)) {
            Turn::Went => {}
            Turn::Idle => return,
        }
    }
}

#[test]
fn an_edit_that_is_taken_back_at_any_moment_leaves_the_node_as_it_was() {
    for ground in &GROUNDS {
        let running = ground.running_slowly();
        let (before, was) = (restarts(&running), spec_of(&running));
        // Keys stay once they are there: the API server sees to it.
        for edit in ground.edits().iter().filter(|edit| edit.name != "keys") {
            at_every_turn(&running, edit, |mut life, turn| {
                let what = format!("{}: {} is taken back at turn {turn}", ground.name, edit.name);
                let restarted = restarts(&life) - before;
                let refused = life.sim().user_edit(&life.key, |spec| *spec = was.clone());
                assert_eq!(refused, None, "{what}");
                life.driver.run_for(2).unwrap_or_else(|stopped| panic!("{what}: {stopped}"));
                if edit.name == "a validator" && crate::refusals::is_refused(&life) {
                    return;
                }
                follows_its_spec(&mut life, &what);
                let in_all = restarts(&life) - before;
                assert!(restarted > 0 || in_all == 0, "{what}: a restart for nothing");
                assert!(in_all <= 2, "{what}: {in_all} restarts");
            });
        }
    }
}

/// The second plan was in doubt about what the first one wrote, and did not come to it: the third must not forget.
#[test]
fn a_doubt_outlives_the_plan_that_had_it() {
    let ground = &GROUNDS[0];
    let (running, edits) = (ground.running_slowly(), ground.edits());
    let was = spec_of(&running);
    let edit = |name: &str| *edits.iter().find(|edit| edit.name == name).unwrap();
    for first in ["override changed", "override removed", "other peers", "snapshots"] {
        at_every_turn(&running, &edit(first), |mut life, turn| {
            for pause in [0, 2, 12] {
                let what = format!("{first} is taken back at turn {turn}, and labels follow after {pause} s");
                let mut life = fork(&life);
                life.sim().user_edit(&life.key, |spec| *spec = was.clone());
                life.driver.run_for(pause).unwrap_or_else(|stopped| panic!("{what}: {stopped}"));
                make(&life.sim(), &life, &[edit("pod labels")]);
                follows_its_spec(&mut life, &what);
            }
            life.driver.run_for(0).unwrap();
        });
    }
}

#[test]
fn an_edit_under_an_edit_ends_at_the_newest_spec() {
    for ground in &GROUNDS {
        let (running, edits) = (ground.running(), ground.edits());
        for (index, first) in edits.iter().enumerate() {
            let second = &edits[(index * 7 + 3) % edits.len()];
            at_every_turn(&running, first, |mut life, turn| {
                let what = format!("{}: {} at turn {turn}", ground.name, names(&[*first, *second]));
                make(&life.sim(), &life, &[*second]);
                follows_its_spec(&mut life, &what);
            });
        }
    }
}

/// A swap of the issuer alone touches no pod: what the edit before it left of its template must not stay there.
#[test]
fn an_image_that_is_taken_back_for_another_issuer_leaves_no_pod_of_it() {
    for ground in &GROUNDS {
        let (running, edits) = (ground.running_slowly(), ground.edits());
        let found = |name: &str| edits.iter().find(|edit| edit.name == name).copied();
        let (Some(image), Some(issuer)) = (found("image"), found("another issuer")) else { continue };
        let was = spec_of(&running);
        at_every_turn(&running, &image, |mut life, turn| {
            let what = format!("{}: {} at turn {turn}, and the image taken back", ground.name, issuer.name);
            life.sim().user_edit(&life.key, |spec| *spec = was.clone());
            make(&life.sim(), &life, &[issuer]);
            follows_its_spec(&mut life, &what);
        });
    }
}

/// Nor does it bring back by itself what a pod needs.
#[test]
fn a_swap_of_the_issuer_brings_back_what_is_deleted_meanwhile() {
    let ground = &GROUNDS[2];
    let (running, edits) = (ground.running_slowly(), ground.edits());
    let issuer = *edits.iter().find(|edit| edit.name == "another issuer").unwrap();
    let key = &running.key;
    let deleted = [
        (Kind::StatefulSet, key.name.clone()),
        (Kind::Service, key.name.clone()),
        (Kind::ConfigMap, key.proxy_config()),
        (Kind::Pod, format!("{}-0", key.name)),
    ];
    for (kind, name) in deleted {
        at_every_turn(&running, &issuer, |mut life, turn| {
            let what = format!("{kind:?} deleted at turn {turn} of {}", issuer.name);
            life.sim().user_delete(&ObjectId::new(kind, &life.key.namespace, &name));
            follows_its_spec(&mut life, &what);
        });
    }
}
