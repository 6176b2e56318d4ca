//! Everything that was edited at once is one plan, with one pod cycle at most.

use sei_planner::api::DriftKind;
use sei_tasks::sim::Random;

use crate::edits::{Edit, GROUNDS, Ground, make, names};
use crate::living::Life;
use crate::verdict::{follows_its_spec, restarts};

/// Heaps of edits that are drawn for each ground.
const HEAPS: u64 = 12;

/// Makes these edits at once, and sees that they are followed together.
fn is_followed_in_one(ground: &Ground, running: &Life, edits: &[Edit]) {
    let what = format!("{}: {}", ground.name, names(edits));
    let mut life = Life { driver: running.driver.fork(), key: running.key.clone() };
    let (before, was) = (restarts(&life), life.status().plan.unwrap().id);
    make(&life.sim(), &life, edits);
    life.driver.run_for(2).unwrap_or_else(|stopped| panic!("{what}: {stopped}"));
    let plan = life.status().plan.unwrap();
    assert_ne!(plan.id, was, "{what}: a plan starts");
    // Both of an issuer's swap and its end, or a mode and its snapshots: one of them is all that is left.
    let missing: Vec<&DriftKind> =
        edits.iter().flat_map(|edit| edit.drift).filter(|kind| !plan.drift.contains(kind)).collect();
    assert!(missing.is_empty() || edits.len() > 1, "{what}: {missing:?} is not in {:?}", plan.drift);
    follows_its_spec(&mut life, &what);
    let plan_now = life.status().plan.unwrap();
    assert_eq!(plan_now.id, plan.id, "{what}: one plan for all");
    let restarted = restarts(&life) - before;
    let may_restart = plan.drift != [DriftKind::SidecarIssuer];
    assert!(restarted <= usize::from(may_restart), "{what}: {restarted} restarts");
}

#[test]
fn every_edit_and_every_pair_of_edits_is_followed_with_one_restart_at_most() {
    for ground in &GROUNDS {
        let (running, edits) = (ground.running(), ground.edits());
        for (index, first) in edits.iter().enumerate() {
            is_followed_in_one(ground, &running, &[*first]);
            for second in &edits[index + 1..] {
                is_followed_in_one(ground, &running, &[*first, *second]);
            }
        }
    }
}

#[test]
fn any_heap_of_edits_is_followed_with_one_restart_at_most() {
    for ground in &GROUNDS {
        let (running, edits) = (ground.running(), ground.edits());
        is_followed_in_one(ground, &running, &edits);
        for seed in 1..=HEAPS {
            let mut random = Random::of(seed);
            let heap: Vec<Edit> = edits.iter().filter(|_| random.once_in(2)).copied().collect();
            if !heap.is_empty() {
                is_followed_in_one(ground, &running, &heap);
            }
        }
    }
}
