//! Every recording, taken over.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use sei_planner::api::{FIELD_MANAGER, NodePhase, PlanPhase, SeiNodeStatus, TaskStatus};
use sei_planner::node::render_node;
use sei_tasks::sim::{Call, Force, Verb};
use sei_tasks::world::{Kind, ObjectId};
use serde_json::Value;

use crate::recording::{Life, Recording, recorded_platform, recordings};

/// The plan in a status: its kind, where it stands, and the task it has come to.
fn plan_in(status: &SeiNodeStatus) -> String {
    let Some(plan) = &status.plan else { return "none".to_owned() };
    let at = plan.tasks.iter().find(|task| task.status != TaskStatus::Complete);
    let at = at.map(|task| format!(" at {}", task.kind)).unwrap_or_default();
    format!("{:?} {:?}{at}", plan.kind_name(), plan.phase)
}

/// `Create Lease`, `Submit mark-ready`.
fn told(call: &Call) -> String {
    let kind = || call.target.split(' ').next().unwrap_or_default();
    let what = if call.verb == Verb::Submit { call.detail.as_str() } else { kind() };
    format!("{:?} {what}", call.verb)
}

fn conditions(status: &SeiNodeStatus) -> String {
    let all: Vec<String> =
        status.conditions.iter().map(|known| format!("{}={:?}/{}", known.kind, known.status, known.reason)).collect();
    all.join(" ")
}

/// One row: what was found, and what became of it.
fn row(recording: &Recording, life: &Life, writes: u64) -> String {
    let mut text = String::new();
    let status = life.status();
    let effects: Vec<String> = life.effects().iter().map(told).collect();
    let restarts = u32::from(recording.pod_uid().is_some() && recording.pod_uid() != life.pod_uid());
    writeln!(text, "{}", recording.name).unwrap();
    writeln!(text, "  found       {}", plan_in(&recording.status())).unwrap();
    writeln!(text, "  did         {}", effects.join(", ")).unwrap();
    writeln!(text, "  restarts    {restarts}").unwrap();
    writeln!(text, "  ended       {}, {}", status.phase(), plan_in(&status)).unwrap();
    if status.phase() != NodePhase::Running {
        writeln!(text, "  says        {}", life.explanation().unwrap_or_default()).unwrap();
    }
    writeln!(text, "  conditions  {}", conditions(&status)).unwrap();
    writeln!(text, "  writes      {writes}").unwrap();
    text
}

/// Recordings whose pod is replaced, and what demands it.
const RESTARTS: [(&str, &str); 1] =
    [("full-s3.running.observe-image.v1", "it runs sei:v2, the spec wants sei:v1, and the plan never replaced it")];

/// What must hold whatever was recorded.
fn holds(recording: &Recording, life: &Life) -> Result<(), String> {
    let replaced = recording.pod_uid().is_some() && recording.pod_uid() != life.pod_uid();
    if replaced && !RESTARTS.iter().any(|(name, _)| *name == recording.name) {
        return Err("the pod was replaced".to_owned());
    }
    if let Some(plan) = recording.status().plan {
        let goes_on = life.status().plan.is_some_and(|now| now.id == plan.id && now.phase != PlanPhase::Failed);
        let told = life.said.iter().any(|said| said.contains(&plan.id));
        if !goes_on && !told {
            return Err(format!("nobody says what became of plan {}", plan.id));
        }
    }
    let status = life.status();
    if status.phase() != NodePhase::Running && life.explanation().is_none() {
        return Err(format!("it is {} and says nothing", status.phase()));
    }
    claims_first(recording, life)
}

/// A key is taken before anything else happens to its node. Where no pod can run with it yet, the disk is made first.
pub(crate) fn claims_first(recording: &Recording, life: &Life) -> Result<(), String> {
    if !recording.node()["spec"]["validator"]["signingKey"].is_object() {
        return Ok(());
    }
    let effects = life.effects();
    let makes_the_disk =
        |call: &&Call| recording.pod_uid().is_none() && call.target.starts_with("PersistentVolumeClaim");
    match effects.iter().find(|call| !makes_the_disk(call)) {
        Some(first) if !first.target.starts_with("Lease ") => Err(format!("{} came before the claim", told(first))),
        Some(_) | None => Ok(()),
    }
}

#[test]
fn every_recording_is_taken_over() {
    let (mut table, mut failures) = (String::new(), Vec::new());
    for recording in recordings() {
        let mut life = recording.taken_over();
        let rested = life.rest();
        let writes = life.sim().counters().writes();
        let silent = life.is_silent();
        writeln!(table, "{}", row(&recording, &life, writes)).unwrap();
        let wrong = [rested, silent, holds(&recording, &life)].into_iter().filter_map(Result::err);
        failures.extend(wrong.map(|why| format!("{}: {why}", recording.name)));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    insta::assert_snapshot!(table);
}

/// Where two objects differ, but for what every write changes.
fn differences(path: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let members: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for member in members.into_iter().filter(|member| *member != "resourceVersion" && *member != "generation") {
                differences(&format!("{path}.{member}"), &before[member], &after[member], found);
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                differences(&format!("{path}[{index}]"), old, new, found);
            }
        }
        _ if before != after => found.push(format!("{path}: {before} -> {after}")),
        _ => {}
    }
}

/// On the same platform our objects are those that are there: what we apply restarts nothing, and takes nothing away.
#[test]
fn what_we_apply_is_there_already() {
    let mut found = Vec::new();
    for recording in recordings() {
        let sim = recording.taken_over().sim().clone();
        let node = sim.sei_node(&recording.key()).unwrap();
        for manifest in render_node(&node, &recorded_platform()).unwrap() {
            let manifest = serde_json::to_value(manifest).unwrap();
            let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            let kind = Kind::ALL.into_iter().find(|kind| kind.name() == text("/kind")).unwrap();
            let id = ObjectId::new(kind, text("/metadata/namespace"), text("/metadata/name"));
            let Some(before) = sim.object(&id).filter(|_| kind != Kind::PersistentVolumeClaim) else { continue };
            if before["metadata"]["labels"] != manifest["metadata"]["labels"] {
                // The Service of a bootstrap has the name of production's.
                continue;
            }
            sim.user_apply_as(FIELD_MANAGER, manifest.clone(), Force::Yes).unwrap();
            differences(&format!("{} {}", recording.name, kind.name()), &before, &sim.object(&id).unwrap(), &mut found);
        }
    }
    insta::assert_snapshot!(found.join("\n"));
}
