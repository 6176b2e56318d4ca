//! Seeded random lives of a full node: everybody does their worst for a while, then the faults stop, and the node must
//! converge, tell the truth and fall silent (L1, L2, L3, L5).
//!
//! `CAMPAIGN_SEEDS=17` runs one seed, `CAMPAIGN_SEEDS=1..5000` a range; without it a first few hundred seeds run, and always
//! those that ever failed.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use sei_planner::api::{ConditionStatus, NodePhase, PlanPhase, SeiNode, TaskPlan, conditions};
use sei_planner::names::NodeKey;
use sei_planner::platform::Platform;
use sei_tasks::sim::{Driver, Entry, Fault, Mishap, Point, Random, SeiOperator, Sim};
use sei_tasks::world::{Clock, Kind, ObjectId};
use serde_json::{Value, json};

use crate::living::secrets::{NAMES, certificate, consensus_keys, keyring, passphrase, secret, validator_with_keys};
use crate::report::{Tally, layer};
use crate::size::Size;
use crate::specs::{any_spec, options, spec, wild_spec};
use crate::story::{last_calls, last_moments, what_is_there};

/// Seeds that failed once.
const REGRESSIONS: [u64; 111] = [
    30, 138, 255, 382, 1049, 1054, 1094, 1466, 1663, 1721, 2520, 3061, 2000002, 2000010, 2000036, 2000046, 2000047,
    2000105, 2000169, 2000200, 2000206, 2000216, 2000234, 2000246, 2000247, 2000299, 2000450, 2000679, 2000709,
    2000771, 2000784, 2000845, 2000955, 291, 1010204, 2003263, 2003647, 2003802, 2006298, 2006719, 2008127, 2012728,
    2012925, 2014319, 2016491, 2017376, 2017632, 2017925, 2018996, 2019396, 2019937, 2020998, 2022064, 2022814,
    2023929, 2024446, 2027865, 2028488, 2029247, 2030797, 2032033, 2033201, 2033663, 2035327, 2036609, 2037548,
    2037873, 2038243, 2038416, 2040304, 2040329, 2042584, 2043333, 2046193, 2046724, 2046892, 2049709, 1001771,
    1010263, 1011481, 1016400, 1016783, 2004564, 2006514, 2009041, 2009059, 2009295, 2011111, 2012013, 2012370,
    2012383, 2016775, 2017741, 2020080, 2025706, 2029270, 2031455, 2034184, 2035241, 2042109, 2042641, 2042826,
    2045582, 2045957, 2049584, 2049837, 2000358, 2005218, 2009884, 2027483, 2033932,
];
/// From this seed on lives of all kinds of nodes; before it lives of full nodes.
const OTHER_KINDS: u64 = 1_000_000;
/// From this seed on lives of all kinds of nodes with every fault there is, and users and programs that do anything.
const WILD: u64 = 2_000_000;
/// Virtual seconds in which a node converges once nothing goes wrong any more.
pub(crate) const CALM_SECONDS: i64 = 4 * 3600;
/// Virtual seconds in which a deleted node is gone.
const GONE_SECONDS: i64 = 3600;
/// Virtual seconds for the questions that a settled operator still asks.
const REST_SECONDS: i64 = 700;
/// Virtual seconds that are longer than any life before it calms down.
pub(crate) const UNSAFE_SECONDS: i64 = 1_000_000;

pub(crate) const IMAGES: [&str; 3] =
    ["registry.example/seid:v1", "registry.example/seid:v2", "registry.example/seid:v3"];
const SIDECARS: [&str; 2] = ["registry.example/sidecar:v1", "registry.example/sidecar:v2"];
pub(crate) const TASKS: [&str; 8] = [
    "snapshot-restore",
    "configure-genesis",
    "config-apply",
    "discover-peers",
    "configure-state-sync",
    "config-validate",
    "snapshot-upload",
    "mark-ready",
];
const FAULTS: [Fault; 5] =
    [Fault::Crash(Point::Before), Fault::Crash(Point::After), Fault::LostRequest, Fault::LostAnswer, Fault::Conflict];

pub(crate) fn manifest(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "sei.io/v1alpha1", "kind": "SeiNode",
        "metadata": {"namespace": "nodes", "name": name, "labels": {"role": if name == "seed" { "seed" } else { "rpc" }}},
        "spec": spec,
    })
}

pub(crate) fn id(kind: Kind, name: &str) -> ObjectId {
    ObjectId::new(kind, "nodes", name)
}

struct Campaign {
    random: Random,
    driver: Driver<SeiOperator>,
    key: NodeKey,
    spec: Value,
    /// Whether what full nodes do not have may go wrong, too.
    every_kind: bool,
    /// Whether everything may go wrong.
    wild: bool,
    /// What was done, for people.
    done: Vec<String>,
    retries: u32,
}

impl Campaign {
    fn of(seed: u64) -> Self {
        let mut random = Random::of(seed);
        let wild = seed >= WILD;
        let mut options = options(&mut random);
        if wild {
            options = options.faulty(seed, UNSAFE_SECONDS);
        }
        let sim = Sim::new(options);
        let driver = sim.drive(SeiOperator { platform: Platform::demo() });
        let spec = match seed {
            ..OTHER_KINDS => spec(&mut random),
            OTHER_KINDS..WILD => any_spec(&mut random),
            WILD.. => wild_spec(&mut random),
        };
        Self {
            wild,
            every_kind: seed >= OTHER_KINDS,
            random,
            driver,
            key: NodeKey::new("nodes", "rpc-0"),
            spec,
            done: Vec::new(),
            retries: 0,
        }
    }

    fn sim(&self) -> Sim {
        self.driver.sim().clone()
    }

    fn node(&self) -> Option<SeiNode> {
        self.sim().sei_node(&self.key)
    }

    fn note(&mut self, what: impl Into<String>) {
        let line = format!("{:>6} s  {}", self.sim().elapsed_seconds(), what.into());
        self.done.push(line);
    }

    fn run_for(&mut self, seconds: i64) -> Result<(), String> {
        self.driver.run_for(seconds).map_err(|stopped| stopped.why)
    }

    fn live(&mut self) -> Result<(), String> {
        self.neighbour()?;
        self.create();
        for _ in 0..2 + self.random.below(20) {
            let seconds = match self.random.below(4) {
                0 => 0,
                1 => self.random.seconds(10),
                2 => self.random.seconds(120),
                _ => self.random.seconds(2000),
            };
            self.run_for(seconds)?;
            if self.wild && self.random.once_in(3) {
                self.act_wildly();
            } else if self.every_kind && self.random.once_in(3) {
                self.act_on_others();
            } else {
                self.act();
            }
        }
        self.calm_down()?;
        self.converge()?;
        self.rest()
    }

    /// Nodes with label peers need somebody to peer with.
    fn neighbour(&mut self) -> Result<(), String> {
        if !self.spec.to_string().contains("selector") {
            return Ok(());
        }
        let spec = json!({"chainId": "pacific-1", "image": IMAGES[0], "fullNode": {}});
        self.sim().user_apply(manifest("seed", &spec)).unwrap();
        self.run_for(120)
    }

    fn create(&mut self) {
        if self.random.once_in(4) {
            self.spec["dataVolume"] = json!({"retainOnDelete": self.random.once_in(2)});
        }
        self.note(format!("create {}", self.spec));
        self.provide_secrets();
        self.sim().user_apply(manifest("rpc-0", &self.spec)).unwrap();
    }

    /// What was deleted comes back, on a fresh claim: one that was kept would have to be imported.
    fn create_again(&mut self) {
        if self.node().is_none() {
            self.sim().user_delete(&id(Kind::PersistentVolumeClaim, "data-rpc-0"));
            self.create();
        }
    }

    /// What a user provides beside the node.
    fn provide_secrets(&self) {
        let others = [keyring(), passphrase(), certificate(&NAMES)].into_iter().filter(|_| self.every_kind);
        let keys = consensus_keys("a").into_iter().filter(|_| self.wild);
        for secret in others.chain(keys) {
            self.sim().user_apply(secret).unwrap();
        }
    }

    /// Things that full nodes without TLS do not have.
    fn act_on_others(&mut self) {
        match self.random.below(8) {
            // Nothing guards the create of a process that died against a deletion before it arrives.
            0 if self.sim().has_late_writes() => {}
            0 => self.delete(Kind::Job, "rpc-0-bootstrap"),
            1 => {
                let pods = self.sim().objects(Kind::Pod);
                let name = pods.first().and_then(|pod| pod["metadata"]["name"].as_str()).unwrap_or_default().to_owned();
                self.delete(Kind::Pod, &name);
            }
            2 => self.delete(Kind::ConfigMap, "rpc-0-rbac-proxy-config"),
            3 => {
                let name = *self.random.pick(&["operator", "unlock", "rpc-0-tls"]);
                self.delete(Kind::Secret, name);
            }
            4 | 5 => {
                self.note("provide the Secrets");
                self.provide_secrets();
            }
            6 => {
                self.note("seid of the bootstrap fails");
                self.sim().fail_task("bootstrap-seid", 1, "");
            }
            _ => {
                self.note("restart the sidecar");
                self.sim().restart_sidecar(&self.key);
            }
        }
    }

    /// What users, GitOps tools and earlier versions of the operator do at their worst.
    fn act_wildly(&mut self) {
        match self.random.below(7) {
            0 => {
                self.note("a Secret is half written");
                let name = *self.random.pick(&["operator", "unlock", "rpc-0-tls", "signing-a"]);
                self.sim().user_apply(secret(name, json!({"half": "d3JpdHRlbg=="}))).unwrap();
            }
            1 => {
                let name = *self.random.pick(&["signing-a", "node-a"]);
                self.delete(Kind::Secret, name);
            }
            2 => self.rival(),
            3 => self.note_status("an unknown field", |status| status["fromTheFuture"] = json!({"a": [1]})),
            4 => self.note_status("an unknown task", |status| {
                if let Some(task) = status.pointer_mut("/plan/tasks/0") {
                    task["type"] = json!("defragment-the-moon");
                }
            }),
            5 => self.note_status("a plan that names no kind", |status| {
                if let Some(plan) = status.pointer_mut("/plan").and_then(Value::as_object_mut) {
                    plan.remove("kind");
                }
            }),
            _ => {
                let pods = self.sim().objects(Kind::Pod);
                let gone = pods.iter().find(|pod| pod["metadata"]["deletionTimestamp"].is_string());
                let name = gone.and_then(|pod| pod["metadata"]["name"].as_str()).unwrap_or("rpc-0-0").to_owned();
                self.delete(Kind::Pod, &name);
            }
        }
    }

    fn note_status(&mut self, what: &str, edit: impl FnOnce(&mut Value)) {
        self.note(format!("status: {what}"));
        self.sim().user_edit_status(&self.key, edit);
    }

    /// Another validator with a copy of the consensus key comes, or goes.
    fn rival(&mut self) {
        let rival = id(Kind::SeiNode, "rival");
        if self.sim().object(&rival).is_some() {
            return self.delete(Kind::SeiNode, "rival");
        }
        self.note("a rival with the same key");
        for secret in consensus_keys("b") {
            self.sim().user_apply(secret).unwrap();
        }
        let spec = json!({"chainId": "pacific-1", "image": IMAGES[0], "validator": validator_with_keys("b")});
        self.sim().user_apply(manifest("rival", &spec)).unwrap();
    }

    fn edit(&mut self, field: &str, value: Value) {
        self.note(format!("{field} = {value}"));
        self.sim().user_edit(&self.key, |spec| spec[field] = value);
    }

    fn delete(&mut self, kind: Kind, name: &str) {
        self.note(format!("delete {kind:?} {name}"));
        self.sim().user_delete(&id(kind, name));
    }

    fn act(&mut self) {
        match self.random.below(27) {
            0..=4 => {
                let image = *self.random.pick(&IMAGES);
                self.edit("image", json!(image));
            }
            5 => self.break_an_image(),
            6 => {
                let port = 8545 + self.random.below(3);
                self.edit("overrides", json!({"evm.http_port": port.to_string()}));
            }
            7 => {
                let tier = self.random.below(3).to_string();
                self.edit("podLabels", json!({ "tier": tier }));
            }
            8 => self.edit_sidecar(),
            9 => {
                self.retries += 1;
                let token = self.retries.to_string();
                self.note("ask to retry");
                self.sim().user_annotate(&self.key, "sei.io/retry", Some(&token));
            }
            10 => self.delete(Kind::StatefulSet, "rpc-0"),
            11 => self.delete(Kind::Service, "rpc-0"),
            12 => self.delete(Kind::Pod, "rpc-0-0"),
            13 => {
                self.note("kill the operator");
                self.driver.kill();
            }
            14 => {
                self.note("pause the kubelet");
                self.sim().pause_kubelet();
            }
            15 | 16 => {
                self.note("resume the kubelet");
                self.sim().resume_kubelet();
            }
            17 => {
                self.note("restart the sidecar");
                self.sim().restart_sidecar(&self.key);
            }
            18 => {
                self.note("restart seid");
                self.sim().restart_seid(&self.key);
            }
            19 => {
                self.note("evict");
                self.sim().evict(&self.key);
            }
            20 => self.fail_a_task(),
            21 => {
                let seconds = self.random.seconds(600);
                self.note(format!("silence the sidecar for {seconds} s"));
                self.sim().silence_sidecar(&self.key, seconds);
            }
            22..=24 => self.plan_faults(),
            25 => self.delete_or_create(),
            _ if self.random.once_in(4) => self.delete(Kind::PersistentVolumeClaim, "data-rpc-0"),
            _ => self.answer(),
        }
    }

    fn break_an_image(&mut self) {
        let (image, broken) = (*self.random.pick(&IMAGES), !self.random.once_in(3));
        self.note(format!("{image} broken: {broken}"));
        self.sim().break_image(image, broken);
    }

    fn edit_sidecar(&mut self) {
        let mut sidecar = if self.random.once_in(2) {
            json!({"port": 7777 + self.random.below(3)})
        } else {
            json!({"image": *self.random.pick(&SIDECARS)})
        };
        if self.spec["sidecar"].get("tls").is_some() {
            sidecar["tls"] = self.spec["sidecar"]["tls"].clone();
        }
        self.edit("sidecar", sidecar);
    }

    fn fail_a_task(&mut self) {
        let kind = *self.random.pick(&TASKS);
        let times = if self.random.once_in(4) { 30 } else { 1 + self.random.below(3) };
        self.note(format!("{kind} fails {times} times"));
        self.sim().fail_task(kind, u32::try_from(times).unwrap(), "it is not possible");
    }

    fn plan_faults(&mut self) {
        for _ in 0..=self.random.below(3) {
            let (call, fault) = (self.sim().calls() + 1 + self.random.below(15), *self.random.pick(&FAULTS));
            self.note(format!("{fault:?} at call {call}"));
            self.sim().plan_fault(call, fault);
        }
    }

    fn delete_or_create(&mut self) {
        if self.node().is_none() {
            return self.create_again();
        }
        if self.random.once_in(3) {
            self.edit("dataVolume", json!({"retainOnDelete": true}));
        }
        self.delete(Kind::SeiNode, "rpc-0");
    }

    /// Says yes to a question that the operator asks.
    fn answer(&mut self) {
        let Some(status) = self.node().and_then(|node| node.status) else { return };
        let question = status.condition(conditions::AWAITING_ACKNOWLEDGEMENT);
        if let Some(question) = question.filter(|question| question.status == ConditionStatus::True) {
            let token = question.message.rsplit('=').next().unwrap();
            self.note(format!("acknowledge {token}"));
            self.sim().user_annotate(&self.key, "sei.io/acknowledge", Some(token));
        }
    }

    fn calm_down(&mut self) -> Result<(), String> {
        self.note("calm");
        self.sim().calm_down();
        self.sim().user_delete(&id(Kind::SeiNode, "rival"));
        self.provide_secrets();
        if self.node().is_some_and(|node| node.metadata.deletion_timestamp.is_some()) {
            let key = self.key.clone();
            let gone = self.driver.run_until(|sim| sim.sei_node(&key).is_none(), GONE_SECONDS);
            gone.map_err(|stopped| format!("deletion: {}", stopped.why))?;
        }
        self.create_again();
        Ok(())
    }

    fn converge(&mut self) -> Result<(), String> {
        let until = self.sim().elapsed_seconds() + CALM_SECONDS;
        // Nobody has looked at the last edit yet; a watch may have stalled.
        self.run_for(300)?;
        while let Err(why) = self.converged() {
            if self.sim().elapsed_seconds() >= until {
                return Err(format!("not converged: {why}"));
            }
            self.answer();
            self.run_for(60)?;
        }
        self.note("converged");
        Ok(())
    }

    /// Everything that must hold in the end; the first thing that does not.
    fn converged(&self) -> Result<(), String> {
        self.sim().sei_nodes().iter().try_for_each(|key| self.plan_is_over(key))?;
        let node = self.node().ok_or("no node")?;
        let image = node.spec.image.clone();
        let status = node.status.clone().unwrap_or_default();
        let set = self.sim().object(&id(Kind::StatefulSet, "rpc-0")).ok_or("no StatefulSet")?;
        let pod = self.sim().object(&id(Kind::Pod, "rpc-0-0")).ok_or("no pod")?;
        self.sim().object(&id(Kind::Service, "rpc-0")).ok_or("no Service")?;
        let told = status.current_image.clone().unwrap_or_default();
        same("phase", status.phase(), NodePhase::Running)?;
        same("an active plan", status.plan.as_ref().map(|plan| plan.phase == PlanPhase::Active), Some(false))?;
        same("image in status", told.as_str(), &image)?;
        same("image of the pod", seid_image(&pod["spec"]), &image)?;
        same("image of the template", seid_image(&set["spec"]["template"]["spec"]), &image)?;
        let revision = &pod["metadata"]["labels"]["controller-revision-hash"];
        same("revision of the pod", revision, &set["status"]["updateRevision"])?;
        same("the pod is leaving", pod["metadata"]["deletionTimestamp"].is_string(), false)?;
        let ready = pod["status"]["conditions"].as_array().into_iter().flatten().find(|c| c["type"] == "Ready");
        same("the pod is ready", ready.map(|c| c["status"] == "True"), Some(true))
    }

    /// No plan of the node is under way, or to be tried again.
    fn plan_is_over(&self, key: &NodeKey) -> Result<(), String> {
        let plan = self.sim().sei_node(key).and_then(|node| node.status?.plan);
        let due = plan.as_ref().and_then(|plan| plan.retry_at).is_some_and(|at| at > self.sim().now());
        let over = |plan: &TaskPlan| match plan.phase {
            PlanPhase::Active => false,
            PlanPhase::Failed => !due,
            PlanPhase::Complete => true,
        };
        same(&format!("the plan of {key} is over"), plan.as_ref().is_none_or(over), true)
    }

    /// Nothing moves any more, and what was promised held all the time.
    fn rest(&mut self) -> Result<(), String> {
        self.run_for(REST_SECONDS)?;
        self.converged().map_err(|why| format!("did not stay converged: {why}"))?;
        self.driver.assert_silent(20).map_err(|stopped| stopped.why)?;
        self.truthful()?;
        let starts = self.sim().seid_starts(&self.key);
        same("image that runs", starts.last().map(|start| start.image.as_str()), self.spec_image().as_deref())?;
        let mut volumes = BTreeSet::new();
        let modes = ["fullNode", "replayer", "validator"];
        let syncs = modes.iter().any(|mode| self.spec[*mode].get("snapshot").is_some());
        // A sidecar that lost its database runs the configuration again, and never configures state sync twice.
        let forgot = |entry: &Entry| {
            let fault = entry.fact.call().and_then(|call| call.fault);
            fault == Some(Fault::Mishap(Mishap::SidecarForgets))
        };
        if self.sim().trace().iter().any(forgot) {
            return Ok(());
        }
        let first = |volume: &str, volumes: &mut BTreeSet<String>| volumes.insert(volume.to_owned());
        if let Some(start) = starts.iter().find(|start| first(&start.volume, &mut volumes) && syncs != start.state_sync)
        {
            return Err(format!("the first start on volume {}: state sync {}", start.volume, start.state_sync));
        }
        Ok(())
    }

    fn spec_image(&self) -> Option<String> {
        self.node().map(|node| node.spec.image)
    }

    /// What status says of a settled node is true.
    fn truthful(&self) -> Result<(), String> {
        let status = self.node().and_then(|node| node.status).unwrap_or_default();
        let says = |kind| status.condition(kind).map(|condition| condition.status);
        same("SidecarReady is False", says(conditions::SIDECAR_READY) == Some(ConditionStatus::False), false)?;
        same("SidecarReady is Unknown", says(conditions::SIDECAR_READY) == Some(ConditionStatus::Unknown), false)?;
        same("updating", says(conditions::NODE_UPDATE_IN_PROGRESS) == Some(ConditionStatus::True), false)?;
        same("asking", says(conditions::AWAITING_ACKNOWLEDGEMENT) == Some(ConditionStatus::True), false)?;
        let failed = status.plan.is_some_and(|plan| plan.phase == PlanPhase::Failed);
        // A plan with an unknown task fails, also when nothing is left to do.
        same("the last plan failed", failed && !self.wild, false)
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: T, should: T) -> Result<(), String> {
    if is == should { Ok(()) } else { Err(format!("{what}: {is:?}, not {should:?}")) }
}

fn seid_image(pod_spec: &Value) -> &str {
    let containers = pod_spec["containers"].as_array().into_iter().flatten();
    let seid = containers.into_iter().find(|container| container["name"] == "seid");
    seid.and_then(|container| container["image"].as_str()).unwrap_or_default()
}

/// Runs one seed; a report for people when it fails.
fn run(seed: u64) -> Result<(), String> {
    let mut campaign = Campaign::of(seed);
    let why = match catch_unwind(AssertUnwindSafe(|| campaign.live())) {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(why)) => why,
        Err(_) => "panic".to_owned(),
    };
    let done = campaign.done.join("\n  ");
    Err(format!(
        "seed {seed}: {why} (CAMPAIGN_SEEDS={seed} replays it)\n  {done}\nends with\n{}\nits last calls\n{}\n{}\n",
        last_moments(&campaign.sim()),
        last_calls(&campaign.sim()).join("\n"),
        what_is_there(&campaign.sim(), &campaign.key)
    ))
}

fn seeds() -> Vec<u64> {
    let Ok(asked) = std::env::var("CAMPAIGN_SEEDS") else {
        let size = Size::chosen();
        let first = |many| (1..=many).chain(OTHER_KINDS..OTHER_KINDS + many).chain(WILD..WILD + 2 * many);
        return REGRESSIONS.into_iter().chain(first(size.of(30, 475, 25_000))).collect();
    };
    let number = |text: &str| text.trim().parse::<u64>().expect("CAMPAIGN_SEEDS is a number or a range");
    match asked.split_once("..") {
        Some((first, end)) => (number(first)..number(end)).collect(),
        None => vec![number(&asked)],
    }
}

#[test]
fn c4_every_seed_converges_once_nothing_goes_wrong_any_more() {
    layer("C4 random lives", &seeds(), |seed| {
        let (began, mut tally) = (Instant::now(), Tally::default());
        tally.count(|| format!("seed {seed}"), began, run(*seed));
        tally
    });
}
