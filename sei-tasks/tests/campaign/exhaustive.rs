//! Every fault at every call of a whole life (C2), and every second fault after a first one (C3): a node comes up, is
//! updated, loses its ready flag, and loses its StatefulSet and Service. Each run ends where the run without a fault
//! ends (S10, L1), is silent afterwards (L2), and breaks no invariant on the way.
//!
//! Runs branch off a common trunk: the world is copied before each reconcile, and each copy gets another fault. Of pairs
//! that lead to the same world only one is lived on: worlds with one digest go on alike.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Instant;

use sei_planner::api::{NodePhase, PlanPhase};
use sei_planner::names::NodeKey;
use sei_tasks::sim::{Driver, Fault, Point, SeiOperator, Sim, Turn};
use sei_tasks::world::{self, ObjectId};
use serde_json::{Value, json};

use crate::kinds::{Kind, kinds};
use crate::living::with_issuers;
use crate::report::{Tally, layer};
use crate::size::Size;

/// Virtual seconds within which every run ends.
const LIMIT_SECONDS: i64 = 12 * 3600;
/// The faults of which two meet: those of the process and of the way to the API server.
const IN_PAIRS: [Fault; 5] =
    [Fault::Crash(Point::Before), Fault::Crash(Point::After), Fault::LostRequest, Fault::LostAnswer, Fault::Conflict];
/// Before a change is merged, of the faults that come first one in so many runs, with all that follow: 2 % of the pairs. No
/// multiple of the number of faults, so that each fault comes first.
const FIRST_ONE_IN: u64 = 49;
/// Before a change is merged, mishaps, and what is late or refused, befall one call in so many.
const CALLS_PER_RARITY: u64 = 10;

/// What happens to the node each time it has come to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Chapter {
    ComeUp,
    Update,
    LoseReadyFlag,
    LoseChildren,
    End,
}

/// A life under way.
struct Life {
    driver: Driver<SeiOperator>,
    chapter: Chapter,
    name: String,
    edit: fn(&mut Value),
    only_edited: bool,
}

impl Life {
    fn begins(kind: &Kind) -> Self {
        let sim = Sim::new(kind.options.clone());
        let driver = sim.drive(SeiOperator { platform: with_issuers() });
        for secret in &kind.secrets {
            sim.user_apply(secret.clone()).unwrap();
        }
        let metadata = json!({"namespace": "nodes", "name": "rpc-0"});
        let (version, kind_name) = ("sei.io/v1alpha1", "SeiNode");
        sim.user_apply(json!({"apiVersion": version, "kind": kind_name, "metadata": metadata, "spec": kind.spec}))
            .unwrap();
        let (name, edit, only_edited) = (kind.name.to_owned(), kind.edit, kind.only_edited);
        Self { driver, chapter: Chapter::ComeUp, name, edit, only_edited }
    }

    /// Where faults begin: a kind that is only edited has come up without one.
    fn where_faults_begin(kind: &Kind) -> Result<Self, String> {
        let mut life = Self::begins(kind);
        while kind.only_edited && life.chapter == Chapter::ComeUp {
            life.goes_on()?;
        }
        Ok(life)
    }

    fn fork(&self) -> Self {
        Self { driver: self.driver.fork(), name: self.name.clone(), ..*self }
    }

    /// A copy that meets a fault.
    fn that_meets(&self, fault: Fault, call: u64) -> Self {
        let life = Self { name: format!("{}, {fault:?} at call {call}", self.name), ..self.fork() };
        life.driver.sim().plan_fault(call, fault);
        life
    }

    /// One turn of the world, or the next chapter; false when the life is over.
    fn goes_on(&mut self) -> Result<bool, String> {
        if self.driver.sim().elapsed_seconds() > LIMIT_SECONDS {
            return Err(self.report(&format!("no end of {:?} after {LIMIT_SECONDS} s", self.chapter)));
        }
        match self.driver.turn() {
            Ok(Turn::Went) => Ok(true),
            Ok(Turn::Idle) if !self.runs() => {
                // A plan that failed is due again later.
                self.driver.run_for(60).map_err(|stopped| self.report(&stopped.to_string()))?;
                Ok(true)
            }
            Ok(Turn::Idle) => {
                // Sidecars that did not answer are asked again.
                self.driver.run_for(60).map_err(|stopped| self.report(&stopped.to_string()))?;
                self.turn_over();
                Ok(self.chapter != Chapter::End)
            }
            Err(stopped) => Err(self.report(&stopped.to_string())),
        }
    }

    /// Equal when two lives go on alike.
    fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.driver.digest(), self.chapter).hash(&mut hasher);
        hasher.finish()
    }

    fn runs(&self) -> bool {
        let status = self.driver.sim().sei_node(&key()).and_then(|node| node.status).unwrap_or_default();
        let failed = status.plan.as_ref().is_some_and(|plan| plan.phase == PlanPhase::Failed);
        status.phase() == NodePhase::Running && !failed
    }

    fn turn_over(&mut self) {
        let (sim, key) = (self.driver.sim(), key());
        self.chapter = match self.chapter {
            Chapter::ComeUp => {
                let refused = sim.user_edit(&key, self.edit);
                assert_eq!(refused, None, "{}", self.name);
                Chapter::Update
            }
            // Whatever went wrong last is over when the node has come to rest once more.
            Chapter::Update if self.only_edited => Chapter::LoseChildren,
            Chapter::Update => {
                sim.restart_sidecar(&key);
                Chapter::LoseReadyFlag
            }
            Chapter::LoseReadyFlag => {
                for kind in [world::Kind::StatefulSet, world::Kind::Service] {
                    sim.user_delete(&ObjectId::new(kind, "nodes", "rpc-0"));
                }
                Chapter::LoseChildren
            }
            Chapter::LoseChildren | Chapter::End => Chapter::End,
        };
    }

    /// Lives on to the end; where it ends.
    fn ends(mut self) -> Result<Value, String> {
        while self.goes_on()? {}
        self.rests()
    }

    /// Where it ends, once everything is silent.
    fn rests(mut self) -> Result<Value, String> {
        if self.only_edited {
            // Long enough for the next look at its sidecar.
            self.driver.run_for(900).map_err(|stopped| self.report(&stopped.to_string()))?;
        }
        self.driver.assert_silent(3).map_err(|stopped| self.report(&stopped.to_string()))?;
        Ok(self.driver.sim().fingerprint())
    }

    fn report(&self, why: &str) -> String {
        format!("{}: {why}", self.name)
    }
}

fn key() -> NodeKey {
    NodeKey::new("nodes", "rpc-0")
}

/// Which faults there are, how many of them run, and in which order of turns.
#[derive(Clone, Copy)]
struct Choice<'a> {
    faults: &'a [Fault],
    /// Mishaps, and what is late or refused rather than lost, befall one call in so many.
    calls_per_rarity: u64,
    /// For pairs: one in so many of the faults that come first; absent for single faults.
    one_in: Option<u64>,
    rotation: u64,
}

impl Choice<'_> {
    fn single(&self, fault: Fault, call: u64) -> bool {
        match fault {
            Fault::Mishap(_) | Fault::Late(_) | Fault::Overloaded | Fault::Forbidden | Fault::Stale(_) => {
                (call + self.rotation).is_multiple_of(self.calls_per_rarity)
            }
            Fault::Crash(_) | Fault::LostRequest | Fault::LostAnswer | Fault::Conflict => true,
        }
    }

    /// Whether the fault of this number comes first in chosen pairs.
    fn first(&self, number: u64) -> bool {
        self.one_in.is_none_or(|one_in| number % one_in == self.rotation % one_in)
    }
}

/// Branches off a trunk at every call, lives every branch to its end, and compares.
struct Explorer<'a> {
    wanted: Value,
    choice: Choice<'a>,
    tally: Tally,
    firsts_seen: u64,
    /// Worlds after a first fault, and how many pairs there are from them on.
    trunks: HashMap<u64, u64>,
    /// Worlds that some run went on from without another fault.
    passed: HashSet<u64>,
}

impl Explorer<'_> {
    /// One turn of a trunk, with a branch for every call in it and every fault; false when its life is over.
    fn turn(&mut self, trunk: &mut Life, branch: fn(&mut Self, &Life, Fault, u64)) -> Result<bool, String> {
        let before = trunk.driver.sim().calls();
        let here = trunk.fork();
        let goes_on = trunk.goes_on()?;
        for call in before + 1..=trunk.driver.sim().calls() {
            for fault in self.choice.faults {
                branch(self, &here, *fault, call);
            }
        }
        Ok(goes_on)
    }

    /// Every chosen fault on the way of a life without one.
    fn singles(&mut self, mut trunk: Life) -> Result<(), String> {
        while self.turn(&mut trunk, Self::branch)? {}
        Ok(())
    }

    fn branch(&mut self, here: &Life, fault: Fault, call: u64) {
        self.firsts_seen += 1;
        if !self.choice.single(fault, call) || !self.choice.first(self.firsts_seen) {
            return;
        }
        let began = Instant::now();
        let mut branch = here.that_meets(fault, call);
        let name = branch.name.clone();
        let first = branch.goes_on();
        if branch.driver.sim().fault_at(call) != Some(fault) {
            return;
        }
        let ended = first.and_then(|_| match self.choice.one_in {
            None => branch.ends().map(Some),
            Some(_) => self.second(branch),
        });
        let result = self.judge(&name, fault, ended);
        if self.choice.one_in.is_none() || result.is_err() {
            self.tally.count(|| name, began, result);
        }
    }

    /// Every second fault after a first one. Where it ends without a second one; `None` when it became a world that
    /// was a trunk before.
    fn second(&mut self, mut trunk: Life) -> Result<Option<Value>, String> {
        let mut trunks = Vec::new();
        let joined = loop {
            let here = trunk.digest();
            if let Some(pairs) = self.trunks.get(&here) {
                self.tally.covered += pairs;
                break true;
            }
            self.passed.insert(here);
            trunks.push((here, self.tally.covered));
            if !self.turn(&mut trunk, Self::leaf)? {
                break false;
            }
        };
        let covered = self.tally.covered;
        self.trunks.extend(trunks.into_iter().map(|(world, before)| (world, covered - before)));
        if joined { Ok(None) } else { trunk.rests().map(Some) }
    }

    fn leaf(&mut self, here: &Life, fault: Fault, call: u64) {
        let began = Instant::now();
        let mut leaf = here.that_meets(fault, call);
        let name = leaf.name.clone();
        let first = leaf.goes_on();
        if leaf.driver.sim().fault_at(call) != Some(fault) {
            return;
        }
        self.tally.covered += 1;
        let ended = first.and_then(|_| self.ends_or_joins(leaf));
        if ended != Ok(None) {
            let result = self.judge(&name, fault, ended);
            self.tally.count(|| name, began, result);
        }
    }

    /// Lives on to the end; where it ends, or `None` when it became a world that another run went on from.
    fn ends_or_joins(&mut self, mut life: Life) -> Result<Option<Value>, String> {
        while self.passed.insert(life.digest()) {
            if !life.goes_on()? {
                return life.rests().map(Some);
            }
        }
        Ok(None)
    }

    fn judge(&self, name: &str, fault: Fault, ended: Result<Option<Value>, String>) -> Result<(), String> {
        ended?.map_or(Ok(()), |ended| self.compare(name, fault, &ended))
    }

    fn compare(&self, name: &str, fault: Fault, ended: &Value) -> Result<(), String> {
        let (wanted, ended) = match fault {
            Fault::Mishap(_) | Fault::Forbidden | Fault::Stale(_) => (essence(&self.wanted), essence(ended)),
            Fault::Crash(_)
            | Fault::Late(_)
            | Fault::LostRequest
            | Fault::LostAnswer
            | Fault::Conflict
            | Fault::Overloaded => (self.wanted.clone(), ended.clone()),
        };
        if ended == wanted { Ok(()) } else { Err(format!("{name}: another end\n{}", difference(&wanted, &ended))) }
    }
}

/// What must be the same also when another plan led there: not the plan, not the tasks it ran, not the labels of others,
/// and of conditions type and status.
fn essence(ended: &Value) -> Value {
    let mut ended = ended.clone();
    for object in ended.as_array_mut().into_iter().flatten() {
        for path in ["/status", "/disk", "/metadata/labels"] {
            if let Some(part) = object.pointer_mut(path).and_then(Value::as_object_mut) {
                let aside = ["plan", "tasks", "gitops.example/instance", "statefulSetGeneration"];
                part.retain(|name, _| !aside.contains(&name.as_str()));
            }
        }
        for condition in object.pointer_mut("/status/conditions").and_then(Value::as_array_mut).into_iter().flatten() {
            *condition = json!([condition["type"], condition["status"]]);
        }
        // A question that was asked on the way, and is settled.
        let settled = json!(["AwaitingAcknowledgement", "False"]);
        if let Some(conditions) = object.pointer_mut("/status/conditions").and_then(Value::as_array_mut) {
            conditions.retain(|condition| *condition != settled);
        }
        let unlabelled = object.pointer("/metadata/labels") == Some(&json!({}));
        if let Some(metadata) = object.pointer_mut("/metadata").and_then(Value::as_object_mut).filter(|_| unlabelled) {
            metadata.remove("labels");
        }
    }
    ended
}

fn explore(kind: &Kind, choice: Choice<'_>) -> Tally {
    let calm = Life::begins(kind).ends().unwrap_or_else(|why| panic!("without a fault: {why}"));
    assert_eq!(calm.to_string().matches("seid:v1").count(), 0, "the calm run ends on v2: {calm:#}");
    let mut explorer = Explorer {
        wanted: calm,
        choice,
        tally: Tally::default(),
        firsts_seen: 0,
        trunks: HashMap::new(),
        passed: HashSet::new(),
    };
    if let Err(why) = Life::where_faults_begin(kind).and_then(|trunk| explorer.singles(trunk)) {
        explorer.tally.failures.push(why);
    }
    explorer.tally
}

/// The lines that one of two states has more often than the other.
fn difference(wanted: &Value, ended: &Value) -> String {
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for (state, sign) in [(wanted, -1), (ended, 1)] {
        for line in format!("{state:#}").lines() {
            *counts.entry(line.to_owned()).or_default() += sign;
        }
    }
    counts.retain(|_, count| *count != 0);
    counts.iter().map(|(line, count)| format!("{count:+} {line}\n")).collect()
}

#[test]
fn c2_every_fault_at_every_call() {
    let size = Size::chosen();
    let kinds = kinds();
    let kinds = &kinds[..size.of(2, kinds.len(), kinds.len()).min(kinds.len())];
    let some = [Fault::Crash(Point::After), Fault::LostAnswer];
    let faults = size.of(&some[..], &Fault::ALL, &Fault::ALL);
    let calls_per_rarity = size.of(1, CALLS_PER_RARITY, 1);
    let choice = Choice { faults, calls_per_rarity, one_in: None, rotation: rotation() };
    layer("C2 single faults", kinds, |kind| explore(kind, choice));
}

/// Which part of what does not run each time runs this time.
fn rotation() -> u64 {
    std::env::var("CAMPAIGN_ROTATION").map_or(0, |number| number.parse().unwrap())
}

#[test]
fn c3_every_fault_after_another() {
    let size = Size::chosen();
    let kinds = kinds();
    let kinds = &kinds[..size.of(1, kinds.len(), kinds.len()).min(kinds.len())];
    let one_in = Some(size.of(389, FIRST_ONE_IN, 1));
    let choice = Choice { faults: &IN_PAIRS, calls_per_rarity: 1, one_in, rotation: rotation() };
    layer("C3 pairs of faults", kinds, |kind| explore(kind, choice));
}
