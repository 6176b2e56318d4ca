//! Recordings as they might have been: other versions of that controller left other fields out, and stopped elsewhere; and an
//! operator whose settings are others.

use proptest::prelude::*;
use sei_planner::api::{NodePhase, PlanPhase};
use sei_planner::platform::Platform;
use sei_planner::task::task_id;
use serde_json::{Value, json};

use crate::recording::{Recording, recorded_platform, recordings};
use crate::take_over::claims_first;

/// Fields of a status that a version may not know.
const OPTIONAL: [&str; 6] =
    ["currentImage", "resolvedPeers", "sidecarTLS", "externalAddress", "phaseTransitionTime", "phase"];
const OPTIONAL_OF_A_PLAN: [&str; 5] = ["id", "targetPhase", "failedPhase", "failedTaskDetail", "failedTaskIndex"];
const OPTIONAL_OF_A_TASK: [&str; 4] = ["submittedAt", "maxRetries", "retryCount", "error"];

/// The plans of that controller for a node from the chain's genesis.
const BRING_UP: [&str; 9] = [
    "ensure-data-pvc",
    "validate-signing-key",
    "validate-node-key",
    "apply-statefulset",
    "apply-service",
    "configure-genesis",
    "config-apply",
    "config-validate",
    "mark-ready",
];
const UPDATE: [&str; 5] = ["apply-statefulset", "apply-service", "replace-pod", "observe-image", "mark-ready"];
const OVER_THE_NETWORK: [&str; 4] = ["snapshot-restore", "configure-genesis", "discover-peers", "configure-state-sync"];
const PLAN: &str = "0d9f4a52-6f0e-4c52-8d2c-3c6e7a1b9f10";

/// What a settled node was doing instead.
#[derive(Clone, Copy, Debug)]
enum Before {
    Settled,
    CameUp,
    Updated,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Active,
    Complete,
    Failed,
}

/// Where the plan stands, and a bit for each thing that is left out.
#[derive(Clone, Debug)]
struct Variation {
    recording: usize,
    at: usize,
    submitted: bool,
    before: Before,
    end: End,
    left_out: u64,
    same_settings: bool,
    /// Whether what reaches over the network fails once.
    outage: bool,
}

fn variations() -> impl Strategy<Value = Variation> {
    let end = prop_oneof![6 => Just(End::Active), 1 => Just(End::Complete), 2 => Just(End::Failed)];
    // Few or many things are left out.
    let left_out = (any::<u64>(), any::<u64>(), any::<bool>()).prop_map(|(a, b, few)| if few { a & b } else { a | b });
    let before = prop_oneof![Just(Before::Settled), Just(Before::CameUp), Just(Before::Updated)];
    let place = (0..recordings().len(), 0..24_usize, any::<bool>(), before);
    let left_out = prop_oneof![Just(0), left_out];
    let around = (any::<bool>(), any::<bool>());
    (place, end, left_out, around).prop_map(|(place, end, left_out, (same_settings, outage))| {
        let (recording, at, submitted, before) = place;
        Variation { recording, at, submitted, before, end, left_out, same_settings, outage }
    })
}

impl Variation {
    fn of_recording(&self) -> Recording {
        let mut recording = recordings().swap_remove(self.recording);
        let furthest = furthest(&recording);
        let node = recording.node_mut();
        if node["status"]["phase"] == "Running" && node["status"].get("plan").is_none() {
            self.begin_plan(node);
        }
        if node["status"]["plan"]["phase"] == "Active" {
            self.move_plan(&mut node["status"], furthest);
        }
        let mut bits = (0..64).cycle().map(|bit| self.left_out >> bit & 1 == 1);
        leave_out(&mut recording, || bits.next().unwrap_or_default());
        recording
    }

    /// A settled node was in the middle of the plan that brought it up, or of the update that followed every one of them. One
    /// in three stays settled.
    fn begin_plan(&self, node: &mut Value) {
        let (name, namespace) = (node["metadata"]["name"].clone(), node["metadata"]["namespace"].clone());
        let (kinds, phase): (&[&str], &str) = match self.before {
            Before::Settled => return,
            Before::CameUp => (&BRING_UP, "Initializing"),
            Before::Updated => (&UPDATE, "Running"),
        };
        let keys = node["spec"]["validator"]["signingKey"].is_object();
        let kinds = kinds.iter().filter(|kind| keys || !kind.starts_with("validate-"));
        let task = |(index, kind): (usize, &&str)| {
            let params = match *kind {
                "config-apply" => json!({"mode": "full"}),
                "validate-signing-key" => {
                    json!({"secretName": node["spec"]["validator"]["signingKey"]["secret"]["secretName"], "namespace": namespace})
                }
                "validate-node-key" => {
                    json!({"secretName": node["spec"]["validator"]["nodeKey"]["secret"]["secretName"], "namespace": namespace})
                }
                _ => json!({"nodeName": name, "namespace": namespace}),
            };
            json!({"type": kind, "id": task_id(PLAN, kind, index), "status": "Pending", "params": params})
        };
        let tasks: Vec<Value> = kinds.enumerate().map(task).collect();
        node["status"]["plan"] = json!({"id": PLAN, "phase": "Active", "tasks": tasks, "targetPhase": "Running"});
        node["status"]["phase"] = json!(phase);
        node["status"].as_object_mut().unwrap().remove("currentImage");
        let conditions = node["status"]["conditions"].as_array_mut().unwrap();
        conditions
            .retain(|condition| matches!(self.before, Before::Updated) || condition["type"] != "NodeUpdateInProgress");
        for condition in conditions.iter_mut().filter(|condition| condition["type"] == "NodeUpdateInProgress") {
            condition["status"] = json!("True");
            condition["reason"] = json!("UpdateStarted");
        }
        if phase == "Initializing" {
            node["status"]["plan"]["failedPhase"] = json!("Failed");
        }
    }

    /// The tasks before a place are complete, one is at hand, the others are still to come.
    fn move_plan(&self, status: &mut Value, furthest: usize) {
        let begun = status["phaseTransitionTime"].clone();
        let (target, failed) = (status["plan"]["targetPhase"].clone(), status["plan"]["failedPhase"].clone());
        let tasks = status["plan"]["tasks"].as_array_mut().unwrap();
        let at = if matches!(self.end, End::Complete) { tasks.len() } else { self.at.min(tasks.len() - 1) };
        let at = at.min(furthest);
        for (index, task) in tasks.iter_mut().enumerate() {
            let begun_by_now = index < at || (index == at && self.submitted);
            task["status"] = json!(if index < at { "Complete" } else { "Pending" });
            task.as_object_mut().unwrap().remove("submittedAt");
            if begun_by_now {
                task["submittedAt"] = begun.clone();
            }
        }
        let complete = at == tasks.len();
        match self.end {
            End::Active => {}
            End::Complete if complete => {
                status["plan"]["phase"] = json!("Complete");
                status["phase"] = target;
            }
            End::Complete => {}
            End::Failed => {
                let task = &mut tasks[at];
                task["status"] = json!("Failed");
                task["error"] = json!("it failed");
                let detail = json!({"type": task["type"], "id": task["id"], "error": "it failed", "retryCount": 0, "maxRetries": 0});
                status["plan"]["phase"] = json!("Failed");
                status["plan"]["failedTaskIndex"] = json!(at);
                status["plan"]["failedTaskDetail"] = detail;
                if failed.is_string() {
                    status["phase"] = failed;
                }
            }
        }
    }
}

/// How far a plan may have come for its children to be there.
fn furthest(recording: &Recording) -> usize {
    let status = recording.status();
    let tasks = status.plan.map(|plan| plan.tasks).unwrap_or_default();
    let has = |kind: &str| recording.objects.iter().any(|object| object["kind"] == kind);
    let at = |kind: &str| tasks.iter().position(|task| task.kind == kind);
    if has("StatefulSet") {
        tasks.len()
    } else if has("Job") {
        at("await-bootstrap-complete").unwrap_or_default()
    } else {
        at("ensure-data-pvc").unwrap_or_default()
    }
}

fn leave_out(recording: &mut Recording, mut choose: impl FnMut() -> bool) {
    let mut drop_some = |value: &mut Value, members: &[&str]| {
        let Some(map) = value.as_object_mut() else { return };
        for member in members {
            if choose() {
                map.remove(*member);
            }
        }
    };
    for object in &mut recording.objects {
        drop_some(&mut object["metadata"], &["managedFields"]);
    }
    let status = &mut recording.node_mut()["status"];
    drop_some(status, &OPTIONAL);
    if status["plan"].is_object() {
        drop_some(&mut status["plan"], &OPTIONAL_OF_A_PLAN);
        for task in status["plan"]["tasks"].as_array_mut().unwrap() {
            drop_some(task, &OPTIONAL_OF_A_TASK);
        }
    }
    if let Some(conditions) = status.get_mut("conditions").and_then(Value::as_array_mut) {
        conditions.retain(|_| !choose());
    }
}

/// Whether somebody asked for another pod: the spec with another image, or a plan that applied a template which the pod is not
/// of. Where our template is another one, an update replaces the pod, and so does a plan that brings the node up again.
fn asks_for_another_pod(recording: &Recording, same_template: bool) -> bool {
    let find = |kind: &str| recording.objects.iter().find(|object| object["kind"] == kind);
    let (Some(pod), Some(set)) = (find("Pod"), find("StatefulSet")) else { return true };
    let seid = pod["spec"]["containers"].as_array().unwrap().iter().find(|container| container["name"] == "seid");
    let other_image = seid.is_some_and(|seid| seid["image"] != recording.node()["spec"]["image"]);
    let revision = &pod["metadata"]["labels"]["controller-revision-hash"];
    let status = recording.status();
    let failed = status.plan.as_ref().is_some_and(|plan| plan.phase == PlanPhase::Failed);
    let rolls = status.plan.as_ref().is_some_and(|plan| plan.tasks.iter().any(|task| task.kind == "replace-pod"));
    let comes_up_again = failed || rolls || status.phase.is_none();
    other_image || *revision != set["status"]["updateRevision"] || (comes_up_again && !same_template)
}

fn lives_on(variation: &Variation) -> Result<(), String> {
    let recording = variation.of_recording();
    let platform = if variation.same_settings { recorded_platform() } else { Platform::demo() };
    let mut life = recording.taken_over_on(platform);
    for kind in OVER_THE_NETWORK.iter().filter(|_| variation.outage) {
        life.sim().fail_task(kind, 1, "S3: slow down");
    }
    life.rest()?;
    let restarted = recording.pod_uid().is_some_and(|uid| life.pod_uid() != Some(uid));
    let tls = recording.node()["spec"]["sidecar"]["tls"].is_object();
    if restarted && !asks_for_another_pod(&recording, variation.same_settings && !tls) {
        return Err("the pod was replaced, and nobody asked for it".to_owned());
    }
    claims_first(&recording, &life)?;
    let status = life.status();
    let active = status.plan.as_ref().is_some_and(|plan| plan.phase == PlanPhase::Active);
    let up = status.phase() == NodePhase::Running && !active;
    if !up && life.explanation().is_none() {
        return Err(format!("{} and nothing says why: {:?}", status.phase(), status.conditions));
    }
    life.is_silent()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_recording_has_to_be_as_it_is(variation in variations()) {
        if let Err(why) = lives_on(&variation) {
            return Err(TestCaseError::fail(format!("{}: {why}", recordings()[variation.recording].name)));
        }
    }
}
