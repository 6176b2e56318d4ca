//! The course of a simulation: virtual time runs, users act, an audience is told, and it ends with a verdict.

use std::collections::BTreeSet;
use std::io;

use sei_planner::names::NodeKey;
use sei_tasks::sim::{Driver, NotConverged, Rest, SeiOperator, Sim, Violation};

use super::Until;
use super::acts::Act;
use super::pace::{Pacer, Speed, pass};
use super::tell::clock;
use super::trace::{Broken, Choices, End, NodeEnd, Reason, Totals};
use crate::cli::standing::{Standing, standing};
use crate::output::FORMAT_VERSION;

/// Who is told what happens.
pub(super) trait Audience {
    /// It begins.
    fn begin(&mut self, sim: &Sim, nodes: Vec<String>, options: &Choices) -> io::Result<()>;
    /// Something may have happened.
    fn news(&mut self, sim: &Sim) -> io::Result<()>;
    /// Virtual time passes.
    fn frame(&mut self, sim: &Sim, at_seconds: i64) -> io::Result<()>;
    /// What an argument asked for did not take place.
    fn refused(&mut self, sim: &Sim, argument: &str, why: &[Reason]) -> io::Result<()>;
    /// It ends.
    fn end(&mut self, sim: &Sim, end: &End) -> io::Result<()>;
}

/// One run of a world.
pub(super) struct Course<'a> {
    pub(super) driver: Driver<SeiOperator>,
    pub(super) nodes: &'a BTreeSet<NodeKey>,
    pub(super) acts: &'a [Act],
    pub(super) until: Until,
    pub(super) choices: Choices,
    pub(super) speed: Speed,
    pub(super) pacer: &'a mut dyn Pacer,
    pub(super) audience: &'a mut dyn Audience,
    /// The command line that replays it.
    pub(super) replay: String,
}

/// Why virtual time stopped.
enum Stop {
    /// The end that was asked for.
    Reached,
    /// The limit.
    TimeUp,
    /// A broken invariant, or something that never comes to rest.
    Broken(NotConverged),
}

impl Course<'_> {
    /// Runs to the end, and tells it.
    pub(super) fn run(mut self) -> io::Result<End> {
        let sim = self.driver.sim().clone();
        let names = self.nodes.iter().map(ToString::to_string).collect();
        self.audience.begin(&sim, names, &self.choices)?;
        let mut refused = Vec::new();
        let stop = self.live(&sim, &mut refused)?;
        let end = self.end(&sim, &stop, refused);
        self.audience.end(&sim, &end)?;
        Ok(end)
    }

    fn live(&mut self, sim: &Sim, refused: &mut Vec<String>) -> io::Result<Stop> {
        for act in self.acts {
            if let Stop::Broken(broken) = self.go(act.at_seconds, |_, _| false)? {
                return Ok(Stop::Broken(broken));
            }
            for refusal in act.perform(sim) {
                let reasons = Act::reasons(&refusal);
                self.audience.refused(sim, &act.argument, &reasons)?;
                act.say(&refusal);
                refused.extend(reasons.iter().map(|reason| format!("{}: {}", act.argument, reason.message)));
            }
        }
        let nodes = self.nodes;
        // A pod that was deleted is no news for a node that runs: what users did has taken effect when the world rests.
        let until = if self.acts.is_empty() { self.until } else { Until::Idle };
        self.go(self.choices.limit_seconds, |sim, rest| {
            rest != Rest::Nobody
                && all_arrived(until, rest, nodes.iter().map(|key| standing(sim.sei_node(key).as_ref())))
        })
    }

    /// Lets the world go on up to a second, or until `enough` says so, and tells what happens.
    fn go(&mut self, to_seconds: i64, mut enough: impl FnMut(&Sim, Rest) -> bool) -> io::Result<Stop> {
        let sim = self.driver.sim().clone();
        let mut seen = sim.elapsed_seconds();
        let limit = sim.began_at().plus_seconds(to_seconds.max(seen));
        let (speed, pacer, audience) = (self.speed, &mut *self.pacer, &mut *self.audience);
        let mut told = Ok(());
        let mut look = |sim: &Sim| -> io::Result<()> {
            let now = sim.elapsed_seconds();
            let mut drawn = Ok(());
            if now > seen {
                pass(speed, seen, now, pacer, |at| drawn = audience.frame(sim, at));
            }
            drawn?;
            seen = now;
            audience.news(sim)?;
            audience.frame(sim, now)
        };
        let ended = self.driver.watch(limit, |sim, rest| {
            told = look(sim);
            told.is_err() || enough(sim, rest)
        });
        look(&sim)?;
        told?;
        Ok(match ended {
            Ok(true) => Stop::Reached,
            Ok(false) => Stop::TimeUp,
            Err(broken) => Stop::Broken(broken),
        })
    }

    /// The verdict.
    fn end(&self, sim: &Sim, stop: &Stop, refused: Vec<String>) -> End {
        let nodes: Vec<NodeEnd> = self.nodes.iter().map(|key| node_end(sim, key)).collect();
        let violations = sim.violations();
        let mut why: Vec<String> = violations.iter().map(|broken| replayed(sim, broken, &self.replay)).collect();
        if let (Stop::Broken(broken), true) = (stop, violations.is_empty()) {
            why.push(format!("stopped at {}: {}", clock(sim.elapsed_seconds()), broken.why));
        }
        let late = match stop {
            Stop::TimeUp => format!(" after {} of virtual time", clock(sim.elapsed_seconds())),
            Stop::Reached | Stop::Broken(_) => String::new(),
        };
        for node in &nodes {
            let word = node.phase.map_or("gone", |phase| phase.as_str());
            why.extend(node.hindrance.iter().map(|hindrance| format!("{} is {word}{late}: {hindrance}", node.node)));
        }
        if let (Stop::TimeUp, true) = (stop, why.is_empty()) {
            why.push(format!("something is still going on{late}"));
        }
        End {
            format_version: FORMAT_VERSION,
            converged: why.is_empty() && refused.is_empty(),
            refused,
            why,
            nodes,
            counters: Totals::of(&sim.counters()),
            violations: violations.iter().map(|violation| broken(sim, violation)).collect(),
            options: self.choices.clone(),
            replay: self.replay.clone(),
        }
    }
}

/// Whether every node is where it will be, and enough of the world rests. Nobody waits for a world with a node that is stuck.
fn all_arrived(until: Until, rest: Rest, nodes: impl Iterator<Item = Standing>) -> bool {
    let mut enough = match (until, rest) {
        (_, Rest::Nobody) => return false,
        (Until::Idle, Rest::Operator) => false,
        (Until::Running, Rest::Operator) | (_, Rest::World) => true,
    };
    for node in nodes {
        match node {
            Standing::Up | Standing::Gone => {}
            Standing::Stuck(_) => enough = true,
            Standing::OnItsWay(_) => return false,
        }
    }
    enough
}

fn node_end(sim: &Sim, key: &NodeKey) -> NodeEnd {
    let hindrance = match standing(sim.sei_node(key).as_ref()) {
        Standing::Up | Standing::Gone => None,
        Standing::OnItsWay(hindrance) | Standing::Stuck(hindrance) => Some(hindrance),
    };
    let phase = sim.sei_node(key).map(|node| node.status.unwrap_or_default().phase());
    NodeEnd { node: key.to_string(), phase, hindrance }
}

fn broken(sim: &Sim, violation: &Violation) -> Broken {
    let at = violation.at.seconds_since(sim.began_at());
    Broken { at, invariant: violation.invariant, what: violation.what.clone() }
}

/// A broken invariant, and how to see it again.
fn replayed(sim: &Sim, violation: &Violation, replay: &str) -> String {
    let Broken { at, invariant, what } = broken(sim, violation);
    format!("invariant {invariant} broken at {}: {what}; replay it with: {replay}", clock(at))
}

#[cfg(test)]
mod tests {
    use sei_tasks::sim::Options;

    use super::*;
    use crate::cli::standing::Hindrance;

    #[test]
    fn a_broken_invariant_names_time_and_command_line() {
        let sim = Sim::new(Options::default());
        let at = sim.began_at().plus_seconds(61);
        let violation = Violation { at, invariant: "S8", what: "no stored plan".to_owned() };
        assert_eq!(
            replayed(&sim, &violation, "sei-operator simulate -f a.yaml --seed 7"),
            "invariant S8 broken at 00:01:01: no stored plan; replay it with: sei-operator simulate -f a.yaml --seed 7"
        );
    }

    #[test]
    fn a_simulation_ends_when_all_that_was_asked_for_rests() {
        let [up, stuck, on_its_way] =
            [Standing::Up, Standing::Stuck(Hindrance::default()), Standing::OnItsWay(Hindrance::default())];
        let ends = |until, rest, nodes: &[&Standing]| all_arrived(until, rest, nodes.iter().copied().cloned());
        assert!(!ends(Until::Running, Rest::Nobody, &[&up]));
        assert!(ends(Until::Running, Rest::Operator, &[&up]));
        assert!(!ends(Until::Running, Rest::World, &[&up, &on_its_way]));
        assert!(!ends(Until::Idle, Rest::Operator, &[&up]));
        assert!(ends(Until::Idle, Rest::World, &[&up]));
        assert!(ends(Until::Idle, Rest::Operator, &[&up, &stuck]), "nobody waits for what is stuck");
    }
}
