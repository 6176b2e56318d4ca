//! What every fuzz target needs: the promises that the replay of the corpus checks too, and changes of inputs that keep their form.

#[path = "../../tests/fuzz/oracles/mod.rs"]
mod oracles;

use std::process::abort;

use oracles::{Random, TARGETS, Target, judge, mutated};

/// Ends the process where the parser breaks a promise for this input; libFuzzer keeps the input.
pub fn run(name: &str, input: &[u8]) {
    if let Err(broken) = judge(target(name), input) {
        eprintln!("{name}: {broken}");
        abort();
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
