//! The bug zoo (C8): the known bugs of the system before us, bred between our operator and the simulated world, and a
//! harness that must catch each of them without knowing any. `docs/bug-zoo.md` is the table of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod bug;
mod lives;
mod objects;
mod rows;
#[path = "../living/secrets.rs"]
#[allow(dead_code, missing_docs, unreachable_pub, reason = "shared with other tests")]
mod secrets;
mod specimens;
mod table;
mod verdict;
mod witness;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, thread};

use lives::LIVES;
use rows::{AREAS, Kept, MODEL, RULES};
use verdict::{Caught, catch, flaws_of_the_sound};

/// How many specimens there are, at least.
const SPECIMENS_MIN: usize = 40;

/// What a worker makes of every index below `count`, on all cores, in order.
fn on_all_cores<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        return;
                    }
                    let result = work(index);
                    done.lock().unwrap().push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Without this a catch means nothing.
#[test]
fn the_sound_operator_lives_well() {
    let flaws = on_all_cores(LIVES.len(), flaws_of_the_sound);
    for (life, flaws) in LIVES.iter().zip(flaws) {
        assert!(flaws.is_empty(), "{}: {flaws:#?}", life.name);
    }
}

#[test]
fn every_specimen_is_caught() {
    let specimens = specimens::all();
    let everywhere = std::env::var_os("ZOO").is_some();
    let caught = on_all_cores(specimens.len(), |index| catch(specimens[index].breed, everywhere));
    let caught: Vec<(&str, Vec<Caught>)> = specimens.iter().map(|specimen| specimen.row).zip(caught).collect();
    for (row, lives) in caught.iter().filter(|_| everywhere) {
        for life in lives {
            println!("{row:<4} {:<42} {}", life.life, life.catches.first().map_or("", |catch| &catch.what));
            println!("     {:<42} {}", "", life.checks().join(", "));
        }
    }
    let free: Vec<&str> = caught.iter().filter(|(_, lives)| lives.is_empty()).map(|(row, _)| *row).collect();
    assert!(free.is_empty(), "nothing catches {free:?}");
    let text = table::text(&caught);
    println!("{text}");
    table::keep(&text);
}

#[test]
fn every_row_is_accounted_for_once() {
    let rows = rows::all();
    let ids: Vec<&str> = rows.iter().map(|row| row.id).collect();
    let listed: Vec<String> =
        AREAS.iter().flat_map(|(area, count)| (1..=*count).map(move |number| format!("{area}{number}"))).collect();
    assert_eq!(ids, listed);
    let zoo: BTreeSet<&str> = rows.iter().filter(|row| matches!(row.kept, Kept::Zoo)).map(|row| row.id).collect();
    assert!(zoo.len() >= SPECIMENS_MIN, "only {} specimens", zoo.len());
    assert!(RULES.iter().all(|rule| zoo.contains(rule.row)));
}

#[test]
fn every_named_test_exists() {
    let rows = rows::all();
    let named = rows.iter().filter_map(|row| match row.kept {
        Kept::Test(file, function) => Some((file, function)),
        Kept::Zoo | Kept::Unrepresentable(_) => None,
    });
    for (file, function) in named.chain(RULES.iter().map(|rule| (MODEL, rule.test))) {
        let text = fs::read_to_string(table::in_repository(file)).unwrap_or_default();
        assert!(
            text.contains(&format!("#[test]\n    fn {function}("))
                || text.contains(&format!("#[test]\nfn {function}(")),
            "{file}: {function}"
        );
    }
}
