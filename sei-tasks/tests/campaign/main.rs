//! The campaign: every fault at every call (C2), pairs of faults (C3) and random lives (C4), each with the invariants of the
//! simulated world and an end that must be right.
//!
//! `CAMPAIGN=smoke` is what runs by default, `change` what a change must pass, `nightly` all there is. `CAMPAIGN_SEEDS=17`
//! runs one seed of C4, `CAMPAIGN_SEEDS=1..5000` a range; `CAMPAIGN_ROTATION=3` chooses which of the pairs run,
//! `CAMPAIGN_KIND=keys` whose lives C2 and C3 break.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "the size is chosen from outside; the time a layer takes is printed")]

use mimalloc::MiMalloc;

mod cutover;
mod exhaustive;
mod kinds;
mod lives;
#[path = "../living/mod.rs"]
mod living;
mod report;
mod size;
mod specs;
mod story;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;
