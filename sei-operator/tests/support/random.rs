//! Chance that can be had again: every number follows from a seed, which is printed.

use std::time::{Duration, SystemTime};

use sei_tasks::sim::Random;

/// Set to the seed of an earlier run.
const SEED: &str = "SEI_SEED";

/// From the seed that is asked for, else from the clock.
pub(crate) fn seeded() -> Random {
    let asked_for = std::env::var(SEED).ok().map(|seed| seed.parse().expect("SEI_SEED is a number"));
    let seed = asked_for.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("the clock is set");
        u64::from(now.subsec_nanos())
    });
    println!("    {SEED}={seed}");
    Random::of(seed)
}

/// So long, and shorter than `max`.
pub(crate) fn below(max: Duration, random: &mut Random) -> Duration {
    Duration::from_micros(random.below(u64::try_from(max.as_micros()).expect("no centuries")))
}
