//! A node of the controller before us, and its life under ours.

use std::collections::BTreeSet;
use std::path::PathBuf;

use sei_planner::api::{PlanPhase, SeiNodeStatus, TaskPlan, TaskStatus};
use sei_planner::names::NodeKey;
use sei_planner::platform::Platform;
use sei_tasks::sim::{Call, Driver, Options, SeiOperator, Sim, Verb};
use sei_tasks::world::{Clock, Kind, ObjectId};
use serde_json::{Value, json};

use crate::living::LIMIT_SECONDS;
use crate::living::secrets::{key_file, secrets_of};

/// Virtual seconds of two hundred forced reconciles, and some more.
const SILENCE_SECONDS: i64 = 1500;

/// A SeiNode with its children as they stood.
#[derive(Clone)]
pub(crate) struct Recording {
    pub(crate) name: String,
    pub(crate) objects: Vec<Value>,
}

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/adoption")
}

/// The settings of the controller that was recorded.
pub(crate) fn recorded_platform() -> Platform {
    let lines = std::fs::read_to_string(fixtures().join("platform.env")).unwrap();
    Platform::from_map(&Platform::parse_lines(&lines).unwrap()).unwrap()
}

/// Every recording of `fixtures/adoption`.
pub(crate) fn recordings() -> Vec<Recording> {
    let files = std::fs::read_dir(fixtures()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files.filter(|file| file.extension().is_some_and(|kind| kind == "yaml")).collect();
    files.sort();
    files
        .iter()
        .map(|file| {
            let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = std::fs::read_to_string(file).unwrap();
            let objects = text.split("\n---\n").map(|object| serde_saphyr::from_str(object).unwrap()).collect();
            Recording { name, objects }
        })
        .collect()
}

impl Recording {
    /// The SeiNode.
    pub(crate) fn node(&self) -> &Value {
        self.objects.iter().find(|object| object["kind"] == "SeiNode").expect("a SeiNode")
    }

    pub(crate) fn node_mut(&mut self) -> &mut Value {
        self.objects.iter_mut().find(|object| object["kind"] == "SeiNode").expect("a SeiNode")
    }

    pub(crate) fn key(&self) -> NodeKey {
        let text = |member: &str| self.node()["metadata"][member].as_str().unwrap();
        NodeKey::new(text("namespace"), text("name"))
    }

    pub(crate) fn status(&self) -> SeiNodeStatus {
        serde_json::from_value(self.node().get("status").cloned().unwrap_or_else(|| json!({}))).unwrap()
    }

    /// Uid of the production pod.
    pub(crate) fn pod_uid(&self) -> Option<String> {
        let pod = self
            .objects
            .iter()
            .find(|object| object["kind"] == "Pod" && self.key().pod() == object["metadata"]["name"]);
        pod.map(|pod| pod["metadata"]["uid"].as_str().unwrap().to_owned())
    }

    /// The Secrets that the node names, as bad or as absent as its conditions say. They are in no recording.
    fn secrets(&self) -> Vec<Value> {
        let says = |reason: &str| {
            let conditions = self.node()["status"]["conditions"].as_array().into_iter().flatten();
            conditions.into_iter().any(|condition| condition["reason"] == reason)
        };
        let mut secrets = secrets_of(&self.key(), &self.node()["spec"]);
        if says("TLSSecretNotFound") {
            secrets.retain(|secret| secret["type"] != "kubernetes.io/tls");
        }
        if says("SigningKeyInvalid") {
            let keys = secrets.iter_mut().filter(|secret| secret["data"].get("priv_validator_key.json").is_some());
            keys.for_each(|secret| secret["data"] = json!({"priv_validator_key.json": key_file("no-address.json")}));
        }
        secrets
    }

    /// The world as it was recorded, and our operator in it that has not looked yet.
    pub(crate) fn taken_over(&self) -> Life {
        self.taken_over_on(recorded_platform())
    }

    pub(crate) fn taken_over_on(&self, platform: Platform) -> Life {
        let sim = Sim::new(Options::default());
        for secret in self.secrets() {
            sim.user_apply(secret).unwrap();
        }
        sim.restore(self.objects.clone()).unwrap_or_else(|refused| panic!("{}: {refused}", self.name));
        Life { driver: sim.drive(SeiOperator { platform }), key: self.key(), said: BTreeSet::new() }
    }
}

/// A node under our operator.
pub(crate) struct Life {
    pub(crate) driver: Driver<SeiOperator>,
    pub(crate) key: NodeKey,
    /// Everything that conditions and failed plans said so far.
    pub(crate) said: BTreeSet<String>,
}

impl Life {
    pub(crate) fn sim(&self) -> &Sim {
        self.driver.sim()
    }

    pub(crate) fn status(&self) -> SeiNodeStatus {
        self.sim().sei_node(&self.key).unwrap().status.unwrap_or_default()
    }

    pub(crate) fn pod_uid(&self) -> Option<String> {
        let id = ObjectId::new(Kind::Pod, &self.key.namespace, self.key.pod());
        self.sim().inspect(&id, |pod| pod["metadata"]["uid"].as_str().unwrap().to_owned())
    }

    /// Lets the node come to rest. One that fails again and again is at rest between two attempts, far from the next one.
    pub(crate) fn rest(&mut self) -> Result<(), String> {
        self.run_for(LIMIT_SECONDS)?;
        while self.next_attempt().is_some_and(|seconds| (0..SILENCE_SECONDS).contains(&seconds)) {
            self.run_for(SILENCE_SECONDS)?;
        }
        match self.sim().violations().first() {
            Some(violation) => Err(violation.to_string()),
            None => Ok(()),
        }
    }

    fn run_for(&mut self, seconds: i64) -> Result<(), String> {
        let (said, key) = (&mut self.said, &self.key);
        let mut listen = |sim: &Sim| {
            let status = sim.sei_node(key).and_then(|node| node.status).unwrap_or_default();
            said.extend(status.conditions.into_iter().map(|condition| condition.message));
            let plan = status.plan.filter(|plan| plan.phase == PlanPhase::Failed);
            said.extend(plan.and_then(|plan| Some(format!("plan {}: {}", plan.id, plan.failed_task_detail?.error))));
        };
        let mut versions = u64::MAX;
        let limit = self.driver.sim().now().plus_seconds(seconds);
        let heard = self.driver.watch(limit, |sim, _| {
            let writes = sim.counters().writes();
            if std::mem::replace(&mut versions, writes) != writes {
                listen(sim);
            }
            false
        });
        heard.map(|_| ()).map_err(|stopped| stopped.to_string())
    }

    fn next_attempt(&self) -> Option<i64> {
        let plan = self.status().plan.filter(|plan| plan.phase == PlanPhase::Failed)?;
        Some(plan.retry_at?.seconds_since(self.sim().now()))
    }

    pub(crate) fn is_silent(&mut self) -> Result<(), String> {
        self.driver.assert_silent(200).map(|_| ()).map_err(|stopped| stopped.to_string())
    }

    /// Calls of the operator that changed something beside the node's status, in order.
    pub(crate) fn effects(&self) -> Vec<Call> {
        let calls = self.sim().trace().iter().filter_map(|entry| entry.fact.call().cloned()).collect::<Vec<_>>();
        let changed = |call: &Call| call.verb == Verb::Submit || call.version_before != call.version_after;
        calls.into_iter().filter(|call| call.applied && is_effect(call.verb) && changed(call)).collect()
    }

    /// What a node that is not up says it waits for, or why it failed; `None` when it says nothing.
    pub(crate) fn explanation(&self) -> Option<String> {
        let status = self.status();
        let plan = status.plan.as_ref();
        let waits = plan.filter(|plan| plan.phase == PlanPhase::Active).and_then(waits_for);
        let failed = plan.filter(|plan| plan.phase == PlanPhase::Failed);
        let failed = failed.and_then(|plan| plan.failed_task_detail.as_ref()).map(|detail| detail.error.clone());
        let refused = || {
            let told = ["SpecAccepted", "SidecarTLSSecretReady"].into_iter().filter_map(|kind| status.condition(kind));
            let mut told = told.filter(|condition| condition.status == sei_planner::api::ConditionStatus::False);
            told.next().map(|condition| condition.message.clone())
        };
        waits.or(failed).or_else(refused)
    }
}

fn waits_for(plan: &TaskPlan) -> Option<String> {
    plan.tasks.iter().find(|task| task.status != TaskStatus::Complete)?.waiting_for.clone()
}

fn is_effect(verb: Verb) -> bool {
    match verb {
        Verb::Create | Verb::Apply | Verb::Delete | Verb::PatchMetadata | Verb::Submit => true,
        Verb::Node
        | Verb::Read
        | Verb::WriteStatus
        | Verb::Announce
        | Verb::Task
        | Verb::Health
        | Verb::Chain
        | Verb::Signers => false,
    }
}
