//! Leader election in virtual time: candidates whose requests are slow or lost, whose processes stand still, crash and stop, and
//! whose clocks are wrong. At no instant do two of them believe that they lead; when calm returns, one leads soon, and stays.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod candidates;
mod fenced;

use std::time::Duration;

use candidates::{CALM, Election, Reign, Rules, SPELL, elect};

const SEEDS: u64 = 300;
/// Virtual time of one seed.
const LIFE: Duration = Duration::from_secs(600);
/// After the beginning of a calm somebody leads within this time: a write that was under way (6 s), a look (2 s and its answer), the
/// duration of the Lease on a slow clock (16 s), a look and a write (2 s), and another try (2 s and its answer).
const LEADER_WITHIN: Duration = Duration::from_secs(30);

/// Two reigns that overlap.
fn overlap(election: &Election) -> Option<(&Reign, &Reign)> {
    let mut pairs = election.reigns.windows(2).map(|pair| (&pair[0], &pair[1]));
    pairs.find(|(one, next)| next.from < one.until)
}

/// The longest time within `from..until` in which nobody led.
fn longest_gap(election: &Election, from: Duration, until: Duration) -> Duration {
    let (mut at, mut longest) = (from, Duration::ZERO);
    for reign in election.reigns.iter().filter(|reign| reign.until > from && reign.from < until) {
        longest = longest.max(reign.from.saturating_sub(at));
        at = at.max(reign.until);
    }
    longest.max(until.saturating_sub(at))
}

fn calms() -> impl Iterator<Item = Duration> {
    (0_u32..).map(|number| SPELL + (SPELL + CALM) * number).take_while(|from| *from + CALM <= LIFE)
}

#[test]
fn never_two_leaders_and_soon_another_one() {
    let (mut reigns, mut requests, mut released, mut lost) = (0, 0, 0, 0);
    let (mut longest_in_calm, mut longest) = (Duration::ZERO, Duration::ZERO);
    for seed in 0..SEEDS {
        let election = elect(seed, LIFE, Rules::default());
        if let Some((one, next)) = overlap(&election) {
            panic!("seed {seed}: two leaders: {one:?} and {next:?}");
        }
        for calm in calms() {
            let gap = longest_gap(&election, calm + LEADER_WITHIN, calm + CALM);
            assert_eq!(
                gap,
                Duration::ZERO,
                "seed {seed}: nobody leads in the calm that began at {calm:?}: {election:#?}"
            );
            longest_in_calm = longest_in_calm.max(longest_gap(&election, calm, calm + CALM));
        }
        longest = longest.max(longest_gap(&election, Duration::ZERO, LIFE));
        reigns += election.reigns.len();
        requests += election.requests;
        released += election.released;
        lost += election.lost;
    }
    println!(
        "{SEEDS} seeds of {} virtual minutes: {requests} requests, {reigns} reigns, {released} released, {lost} lost; \
         longest time without a leader: {longest_in_calm:?} in a calm, {longest:?} with storms",
        LIFE.as_secs() / 60,
    );
    assert!(released > 100 && lost > 100, "the storms do something: {released} released, {lost} lost");
}

/// Whether any of the first seeds has two leaders at once.
fn two_leaders_are_seen(rules: Rules) -> bool {
    (0..60).any(|seed| overlap(&elect(seed, LIFE, rules)).is_some())
}

#[test]
fn two_leaders_are_seen_where_writes_carry_no_version() {
    assert!(two_leaders_are_seen(Rules { versions_are_checked: false, ..Rules::default() }));
}

#[test]
fn two_leaders_are_seen_where_clocks_drift_more_than_the_lease_allows_for() {
    assert!(two_leaders_are_seen(Rules { drift_percent: 60, ..Rules::default() }));
}

#[test]
fn the_same_seed_is_the_same_election() {
    assert_eq!(elect(7, LIFE, Rules::default()), elect(7, LIFE, Rules::default()));
}
