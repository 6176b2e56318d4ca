//! Runs the cases of a layer on all processors and prints a line about it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Failures that are shown in full.
const FAILURES_SHOWN: usize = 3;

/// What became of the runs of one case.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) runs: u64,
    /// Cases that these runs stand for, where many cases are one run.
    pub(crate) covered: u64,
    /// The longest run, and what it was.
    pub(crate) slowest: (Duration, String),
    /// What went wrong, a report for people each.
    pub(crate) failures: Vec<String>,
}

impl Tally {
    /// Counts a run that began then.
    pub(crate) fn count(&mut self, what: impl FnOnce() -> String, began: Instant, result: Result<(), String>) {
        self.runs += 1;
        let took = began.elapsed();
        if took > self.slowest.0 {
            self.slowest = (took, what());
        }
        self.failures.extend(result.err());
    }

    fn add(&mut self, other: Self) {
        self.runs += other.runs;
        self.covered += other.covered;
        self.failures.extend(other.failures);
        if other.slowest.0 > self.slowest.0 {
            self.slowest = other.slowest;
        }
    }
}

/// Runs every case, prints the line of the layer, and fails when a run did.
pub(crate) fn layer<T: Sync>(name: &str, cases: &[T], work: impl Fn(&T) -> Tally + Sync) {
    let began = Instant::now();
    let (next, total) = (AtomicUsize::new(0), Mutex::new(Tally::default()));
    let processor = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let tally = work(case);
            total.lock().unwrap().add(tally);
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(processor);
        }
    });
    let Tally { runs, covered, slowest: (took, what), failures } = total.into_inner().unwrap();
    let covered = if covered == 0 { String::new() } else { format!(" for {covered} pairs") };
    println!(
        "{name}: {runs} runs{covered}, {} failed, {:.1} s, slowest {:.2} s ({what})",
        failures.len(),
        began.elapsed().as_secs_f64(),
        took.as_secs_f64()
    );
    assert!(runs > 0, "{name}: nothing ran");
    let firsts: Vec<&str> = failures.iter().filter_map(|failure| failure.lines().next()).collect();
    let shown: Vec<&str> = failures.iter().take(FAILURES_SHOWN).map(String::as_str).collect();
    assert!(failures.is_empty(), "{}\n{}", firsts.join("\n"), shown.join("\n"));
}
