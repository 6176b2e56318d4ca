//! A model check (C1): the real planner in a small world, breadth first through everything that can happen to a node. No
//! unsafe step on any path, and no state from which the node never comes to rest. `MODEL_STATES=1000000` lets
//! more go wrong on each path than usual, until each model has so many states.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
#![allow(clippy::disallowed_types, reason = "maps of states are only looked up in; the time a model took is printed")]
#![allow(clippy::disallowed_methods, reason = "the size of the models is chosen from outside")]

mod execute;
mod explore;
mod models;
mod names;
mod operator;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use explore::{Report, explore};
use models::{Model, Rules, image_update, models};

/// How many states all models have together, at least.
const STATES_MIN: usize = 100_000;
/// How much more goes wrong on a path when each model is to have many states.
const MORE_DISTURBANCES: u8 = 6;

fn explore_all(models: &[Model], enough: usize) -> Vec<Report> {
    let (next, reports) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(model) = models.get(next.fetch_add(1, Ordering::Relaxed)) {
            let report = explore(model, Rules::ALL, enough);
            reports.lock().unwrap().push(report);
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let mut reports = reports.into_inner().unwrap();
    reports.sort_by_key(|report: &Report| models.iter().position(|model| model.name == report.name));
    reports
}

/// A line a model, and one for all of them.
fn print_table(reports: &[Report], took: Duration) {
    println!("{:<20} | {:>9} | {:>11} | {:>10} | {:>7}", "model", "states", "transitions", "violations", "seconds");
    for Report { name, states, transitions, found, took } in reports {
        println!("{name:<20} | {states:>9} | {transitions:>11} | {:>10} | {:>7.1}", found.len(), took.as_secs_f64());
    }
    let (states, found): (usize, usize) =
        (reports.iter().map(|report| report.states).sum(), reports.iter().map(|report| report.found.len()).sum());
    if let Some(slowest) = reports.iter().max_by_key(|report| report.took) {
        let (took, longest) = (took.as_secs_f64(), slowest.took.as_secs_f64());
        println!(
            "C1 model check: {states} runs, {found} failed, {took:.1} s, slowest {longest:.1} s ({})",
            slowest.name
        );
    }
}

#[test]
fn no_model_finds_an_unsafe_step_or_a_trap() {
    let each: Option<usize> = std::env::var("MODEL_STATES").ok().map(|states| states.parse().unwrap());
    let began = Instant::now();
    let more = each.map_or(0, |_| MORE_DISTURBANCES);
    let reports = explore_all(&models(more), each.unwrap_or(usize::MAX));
    print_table(&reports, began.elapsed());
    for (report, (invariant, found)) in reports.iter().flat_map(|report| report.found.iter().map(move |f| (report, f)))
    {
        println!("\n{}: {invariant} after {} steps\n{}", report.name, found.steps, found.text);
    }
    assert!(reports.iter().all(|report| report.found.is_empty()));
    let states: usize = reports.iter().map(|report| report.states).sum();
    assert!(states >= STATES_MIN, "only {states} states");
    let small: Vec<&str> =
        reports.iter().filter(|report| each.is_some_and(|each| report.states < each)).map(|r| r.name).collect();
    assert!(small.is_empty(), "fewer states than that: {small:?}");
}

/// Without the rule, an image update violates this invariant within so many steps.
fn is_needed(rules: Rules, disturbances: u8, invariant: &str, steps_max: usize) {
    let report = explore(&image_update(disturbances), rules, usize::MAX);
    for (invariant, found) in &report.found {
        println!("{invariant} after {} steps\n{}", found.steps, found.text);
    }
    let found = report.found.get(invariant).unwrap_or_else(|| panic!("{invariant} is not violated"));
    assert!(found.steps <= steps_max, "{invariant} only after {} steps", found.steps);
}

#[test]
fn an_edit_must_supersede_the_plan() {
    is_needed(Rules { supersede: false, ..Rules::ALL }, 2, "S8", 4);
}

#[test]
fn the_pods_own_revision_must_tell_what_it_runs() {
    let rules = Rules { pod_revision: false, ..Rules::ALL };
    is_needed(rules, 2, "L1", 9);
    is_needed(rules, 2, "S11", 14);
}

#[test]
fn the_template_must_be_compared_after_a_plan_that_may_have_applied_it() {
    is_needed(Rules { template: false, ..Rules::ALL }, 2, "L1", 5);
}

#[test]
fn nothing_may_be_done_on_a_stale_view() {
    is_needed(Rules { fence: false, ..Rules::ALL }, 3, "L1", 30);
}
