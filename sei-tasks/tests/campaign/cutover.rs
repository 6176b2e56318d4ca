//! A consensus key moves from one validator to another without a stop of the new one, while everything goes wrong that can: at no
//! moment two containers hold it (S1, judged all the time, the old one outside of the cluster included), the new one gets it only when
//! the old one is gone, and then it does.

use std::time::Instant;

use sei_planner::api::{ConditionStatus, NodePhase, PlanPhase, SeiNodeStatus, conditions};
use sei_planner::names::NodeKey;
use sei_planner::platform::Platform;
use sei_tasks::sim::{Driver, Random, SeiOperator, Sim};
use sei_tasks::world::Kind;
use serde_json::json;

use crate::lives::{CALM_SECONDS, IMAGES, UNSAFE_SECONDS, id, manifest};
use crate::living::secrets::{consensus_keys, secret, validator_address, validator_with_keys};
use crate::report::{Tally, layer};
use crate::size::Size;
use crate::specs::options;
use crate::story::last_moments;

const OLD: &str = "old";
const NEW: &str = "rpc-0";
/// Longest pause between two acts of the people, in virtual seconds.
const PAUSE_SECONDS: u64 = 2000;

struct Cutover {
    random: Random,
    driver: Driver<SeiOperator>,
    /// Whether the old one runs where the operator sees nothing of it but its signatures.
    from_outside: bool,
    old_is_stopped: bool,
}

impl Cutover {
    fn of(seed: u64) -> Self {
        let mut random = Random::of(seed);
        let mut options = options(&mut random).faulty(seed, UNSAFE_SECONDS);
        options.delays.catch_up_seconds = random.seconds(3600);
        let driver = Sim::new(options).drive(SeiOperator { platform: Platform::demo() });
        let from_outside = random.once_in(2);
        Self { random, driver, from_outside, old_is_stopped: false }
    }

    fn sim(&self) -> Sim {
        self.driver.sim().clone()
    }

    fn status(&self, name: &str) -> SeiNodeStatus {
        let node = self.sim().sei_node(&NodeKey::new("nodes", name));
        node.and_then(|node| node.status).unwrap_or_default()
    }

    fn pause(&mut self) -> Result<(), String> {
        let seconds = self.random.seconds(PAUSE_SECONDS);
        self.run_for(seconds)
    }

    fn run_for(&mut self, seconds: i64) -> Result<(), String> {
        self.driver.run_for(seconds).map_err(|stopped| stopped.why)
    }

    fn provide(&self, copy: &str) {
        for secret in consensus_keys(copy) {
            self.sim().user_apply(secret).unwrap();
        }
    }

    fn live(&mut self) -> Result<(), String> {
        if self.from_outside {
            self.sim().outside_validator_begins(&validator_address());
        } else {
            self.provide(OLD);
            let old = json!({"chainId": "pacific-1", "image": IMAGES[0], "validator": validator_with_keys(OLD)});
            self.sim().user_apply(manifest(OLD, &old)).unwrap();
        }
        let peers = json!([{"static": {"addresses": ["aa@peer.example:26656"]}}]);
        let new = json!({"chainId": "pacific-1", "image": IMAGES[0], "validator": {}, "peers": peers});
        self.sim().user_apply(manifest(NEW, &new)).unwrap();
        self.pause()?;
        // One that never ran has no chain to ask: people stop what they alone see first, as the page says.
        let may_ask_first = !self.from_outside || self.status(NEW).phase() == NodePhase::Running;
        if may_ask_first && self.random.once_in(2) {
            self.asks_for_the_key()?;
            self.stops_the_old()?;
        } else {
            self.stops_the_old()?;
            self.asks_for_the_key()?;
        }
        for _ in 0..self.random.below(6) {
            self.pause()?;
            self.answer();
        }
        self.sim().calm_down();
        self.provide("a");
        self.ends()
    }

    /// The new one is to sign; its Secrets may be late, or half written.
    fn asks_for_the_key(&mut self) -> Result<(), String> {
        match self.random.below(4) {
            0 => {}
            1 => drop(self.sim().user_apply(secret("signing-a", json!({"priv_validator_key.json": "e30="})))),
            _ => self.provide("a"),
        }
        self.sim().user_edit(&NodeKey::new("nodes", NEW), |spec| spec["validator"] = validator_with_keys("a"));
        self.pause()?;
        self.answer();
        self.pause()
    }

    fn stops_the_old(&mut self) -> Result<(), String> {
        self.old_is_stopped = true;
        if self.from_outside {
            self.sim().outside_validator_ends(&validator_address());
            return self.pause();
        }
        let holds = self.status(OLD).signing_key_mounted_secret.is_some();
        if holds && self.status(NEW).signing_key_mounted_secret.is_some() {
            return Err("the new one has the key while the old one is there".to_owned());
        }
        if self.random.once_in(3) {
            self.sim().pause_kubelet();
        }
        self.sim().user_delete(&id(Kind::SeiNode, OLD));
        self.pause()?;
        self.sim().resume_kubelet();
        Ok(())
    }

    /// Says yes to what is asked, once the old one is stopped where nobody else sees to that.
    fn answer(&self) {
        if self.from_outside && !self.old_is_stopped {
            return;
        }
        let status = self.status(NEW);
        let question = status.condition(conditions::AWAITING_ACKNOWLEDGEMENT);
        if let Some(question) = question.filter(|question| question.status == ConditionStatus::True) {
            let token = question.message.rsplit('=').next().unwrap_or_default();
            self.sim().user_annotate(&NodeKey::new("nodes", NEW), "sei.io/acknowledge", Some(token));
        }
    }

    fn ends(&mut self) -> Result<(), String> {
        let until = self.sim().elapsed_seconds() + CALM_SECONDS;
        loop {
            self.run_for(60)?;
            let status = self.status(NEW);
            let mounted = status.signing_key_mounted_secret.as_deref() == Some("signing-a");
            if mounted && status.plan.as_ref().is_some_and(|plan| plan.phase == PlanPhase::Complete) {
                return Ok(());
            }
            if self.sim().elapsed_seconds() >= until {
                return Err(format!("the new one does not sign: {:?}", status.plan));
            }
            self.answer();
        }
    }
}

fn run(seed: u64) -> Result<(), String> {
    let mut cutover = Cutover::of(seed);
    cutover.live().map_err(|why| format!("cutover {seed}: {why}\n{}\n", last_moments(&cutover.sim())))
}

#[test]
fn c4_a_key_moves_and_is_never_in_two_places() {
    let seeds: Vec<u64> = (1..=Size::chosen().of(20, 150, 10_000)).collect();
    layer("C4 cutovers", &seeds, |seed| {
        let (began, mut tally) = (Instant::now(), Tally::default());
        tally.count(|| format!("cutover {seed}"), began, run(*seed));
        tally
    });
}
