//! What every fuzz target needs: the promises that the replay of the corpus checks too, and changes of inputs that keep their form.

#[path = "../../tests/fuzz/oracles/mod.rs"]
mod oracles;

use std::process::abort;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use oracles::{Random, TARGETS, Target, judge, mutated};

/// An input that takes longer is not waited for. libFuzzer's own alarm will not do: it asks for memory in the middle of
/// whatever it interrupts, and where that is the allocator it waits for good.
const PATIENCE: Duration = Duration::from_secs(10);

/// Inputs that were begun, and inputs that were done with.
static BEGUN: AtomicU64 = AtomicU64::new(0);
static DONE: AtomicU64 = AtomicU64::new(0);
/// The longest time so far, in milliseconds.
static SLOWEST: AtomicU64 = AtomicU64::new(0);

/// Ends the process where the parser breaks a promise for this input; libFuzzer keeps the input.
pub fn run(name: &str, input: &[u8]) {
    static WATCH: Once = Once::new();
    WATCH.call_once(|| drop(thread::spawn(watch)));
    BEGUN.fetch_add(1, Ordering::Relaxed);
    let start = Instant::now();
    if let Err(broken) = judge(target(name), input) {
        eprintln!("{name}: {broken}");
        abort();
    }
    let took = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    if SLOWEST.fetch_max(took, Ordering::Relaxed) < took {
        eprintln!("slowest input: {took} ms");
    }
    DONE.fetch_add(1, Ordering::Relaxed);
}

/// Ends the process where one input takes too long.
fn watch() {
    loop {
        let begun = BEGUN.load(Ordering::Relaxed);
        thread::sleep(PATIENCE);
        if DONE.load(Ordering::Relaxed) < begun && BEGUN.load(Ordering::Relaxed) == begun {
            eprintln!("takes more than {} s", PATIENCE.as_secs());
            abort();
        }
    }
}

/// The input, changed: every other time by libFuzzer, which knows what the counters say, else with the form in mind.
pub fn mutate(name: &str, input: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut random = Random::new(u64::from(seed));
    if random.below(2) == 0 {
        return libfuzzer_sys::fuzzer_mutate(input, size, max_size);
    }
    let changed = mutated(&input[..size], target(name).words, &mut random);
    let size = changed.len().min(max_size);
    input[..size].copy_from_slice(&changed[..size]);
    size
}

fn target(name: &str) -> &'static Target {
    TARGETS.into_iter().find(|target| target.name == name).unwrap_or_else(|| abort())
}

/// A program of libFuzzer for the target of this name.
#[macro_export]
macro_rules! fuzz {
    ($name:literal) => {
        libfuzzer_sys::fuzz_target!(|input: &[u8]| $crate::run($name, input));
        libfuzzer_sys::fuzz_mutator!(|input: &mut [u8], size: usize, max_size: usize, seed: u32| {
            $crate::mutate($name, input, size, max_size, seed)
        });
    };
}
