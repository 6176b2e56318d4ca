//! Plans as they are stored: a plan, the status around it, or the node around both. The planner decides on it, and what
//! is stored is run.

use std::sync::LazyLock;

use sei_planner::api::{NodePhase, SeiNode, SeiNodeStatus, TaskPlan, TaskStatus, Time};
use sei_planner::node::{
    Observed, PlanOutcome, Presence, Ran, announce, decide, draft, plan_node, project_status, validate,
};
use sei_planner::platform::Platform;
use sei_planner::step::{Failure, Outcome, Step, Waiting, settle, step};
use sei_planner::task::codec;
use serde_json::{Value, json};

use super::{Target, Told};

/// The codec of plans, and the planner.
pub const TARGET: Target = Target {
    name: "plan-json",
    ask,
    words: &[
        "\"plan\":",
        "\"tasks\":",
        "\"params\":",
        "\"type\":",
        "\"status\":",
        "\"phase\":",
        "\"Active\"",
        "\"Failed\"",
        "\"Complete\"",
        "\"Pending\"",
        "\"kind\":",
        "\"Init\"",
        "\"Update\"",
        "\"Bootstrap\"",
        "\"unfinished\":",
        "\"replace-pod\"",
        "\"config-apply\"",
        "\"discover-peers\"",
        "\"snapshot-restore\"",
        "\"mark-ready\"",
        "null",
        "2147483647",
        "-1",
        "9223372036854775807",
        "\"2026-01-01T00:00:00Z\"",
        "\"-009999-01-01T00:00:00Z\"",
        "\"9999-12-30T22:00:00Z\"",
        "{}",
        "[]",
    ],
};

/// Most characters of a condition's message that the API server stores.
const MESSAGE_MAX: usize = 32768;
/// Looks at a plan that runs; more than any plan needs that comes to something new in each.
const LOOKS: usize = 48;
const FRESH: &str = "00000000-0000-4000-8000-000000000000";

static PLATFORM: LazyLock<Platform> = LazyLock::new(Platform::demo);

fn ask(input: &[u8]) -> Told {
    let nodes = nodes(input);
    Told { said: nodes.iter().flat_map(about).collect(), ..Told::default() }
}

/// The nodes that the input may mean.
fn nodes(input: &[u8]) -> Vec<SeiNode> {
    let Ok(value) = serde_json::from_slice::<Value>(input) else { return Vec::new() };
    if value.get("spec").is_some() {
        return serde_json::from_value(value).into_iter().collect();
    }
    let status = if value.get("tasks").is_some() { json!({ "plan": value }) } else { value };
    let Ok(status) = serde_json::from_value::<SeiNodeStatus>(status) else { return Vec::new() };
    let specs = [
        json!({"chainId": "pacific-1", "image": "seid:v2", "fullNode": {"snapshot": {"stateSync": {}}}}),
        json!({"chainId": "pacific-1", "image": "seid:v1", "validator": {
            "signingKey": {"secret": {"secretName": "sk"}}, "nodeKey": {"secret": {"secretName": "nk"}}},
            "sidecar": {"tls": {"secretName": "tls"}}}),
    ];
    let metadata = json!({"name": "rpc-0", "namespace": "sei", "uid": "7d1f", "generation": 3});
    let node = |spec| {
        let node = json!({"apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "metadata": metadata, "spec": spec});
        let node: SeiNode = serde_json::from_value(node).ok()?;
        Some(SeiNode { status: Some(status.clone()), ..node })
    };
    specs.into_iter().filter_map(node).collect()
}

/// Everything that is said about a node; its plan is checked on the way.
fn about(node: &SeiNode) -> Vec<String> {
    let stored = node.status.as_ref().and_then(|status| status.plan.clone());
    let mut said: Vec<String> = stored.iter().flat_map(keeps_what_it_says).collect();
    for seen in [
        Observed::default(),
        Observed { data_volume: Presence::Missing, statefulset: Presence::Present, ..Observed::default() },
    ] {
        let told = plan_node(node, &PLATFORM, &seen, now(), FRESH);
        assert_eq!(told.outcome == PlanOutcome::Refused, !told.problems.is_empty());
        said.push(format!("{told:?}"));
        let fresh = told.plan.filter(|plan| plan.id == FRESH);
        fresh.iter().for_each(|plan| drop(keeps_what_it_says(plan)));
        stored.iter().cloned().chain(fresh).for_each(|plan| said.extend(run(plan, node, &seen)));
    }
    said
}

/// A plan is read back as it was written, and so is each of its tasks that can be read at all.
fn keeps_what_it_says(plan: &TaskPlan) -> Vec<String> {
    let written = json!(plan);
    let back: Result<TaskPlan, _> = serde_json::from_value(written.clone());
    assert!(back.as_ref().is_ok_and(|back| back == plan), "{plan:?} became {back:?}");
    let mut said = vec![written.to_string()];
    for planned in &plan.tasks {
        match codec::decode(&planned.kind, &planned.params) {
            Ok(task) => {
                assert_eq!(task.kind(), planned.kind);
                let stored = codec::stored_params(&task);
                assert_eq!(codec::decode(task.kind(), &stored).as_ref(), Ok(&task), "{stored}");
                said.push(format!("{stored} {:?}", codec::posted_params(&task)));
            }
            Err(error) => said.push(error.to_string()),
        }
    }
    said
}

/// Lets a plan run, with a mishap now and then. What is complete stays so, and each status can be stored.
fn run(mut plan: TaskPlan, node: &SeiNode, seen: &Observed) -> Vec<String> {
    let mut now = now();
    let mut events = Vec::new();
    for look in 0..LOOKS {
        let before = plan.clone();
        match step(&plan, now) {
            Step::Finished => break,
            Step::WaitUntil(at) => {
                assert!(at > now);
                now = at;
            }
            Step::Unreadable { index, why } => {
                let failure = Outcome::Failed(Failure::Terminal { why });
                settle(&mut plan, index, &failure, now);
            }
            Step::Run { index, .. } => {
                settle(&mut plan, index, &outcome(look), now);
            }
        }
        for (old, new) in before.tasks.iter().zip(&plan.tasks) {
            assert!(old.status != TaskStatus::Complete || old == new, "{old:?} became {new:?}");
            assert_eq!((&old.id, &old.kind, &old.params), (&new.id, &new.kind, &new.params));
        }
    }
    let old = node.status.clone().unwrap_or_default();
    let stored = SeiNodeStatus { plan: Some(plan), phase: old.phase.or(Some(NodePhase::Running)), ..old.clone() };
    let new = next(node, &stored, seen, now);
    events.extend(announce(&old, &new).into_iter().map(|event| event.message));
    events
}

/// The status that follows.
fn next(node: &SeiNode, stored: &SeiNodeStatus, seen: &Observed, now: Time) -> SeiNodeStatus {
    let generation = node.metadata.generation.unwrap_or_default();
    let new = match validate(node, &PLATFORM) {
        Err(refusal) => project_status(stored, &Ran::Refused(&refusal), seen, generation, now),
        Ok(valid) => {
            let decision = decide(&valid, stored, seen, now);
            let plan = draft(&valid, stored, seen, &decision, FRESH);
            let ran = Ran::Decided { node: &valid, decision: &decision, plan: plan.as_ref(), stamps: &[] };
            project_status(stored, &ran, seen, generation, now)
        }
    };
    for condition in new.conditions.iter().filter(|condition| !stored.conditions.contains(condition)) {
        let length = condition.message.chars().count();
        assert!(length <= MESSAGE_MAX, "a message of {length} characters: {}", condition.kind);
    }
    let back: Result<SeiNodeStatus, _> = serde_json::from_value(json!(new));
    assert!(back.as_ref().is_ok_and(|back| *back == new), "{new:?} became {back:?}");
    new
}

fn outcome(look: usize) -> Outcome {
    let why = "it is so".to_owned();
    match look % 8 {
        1 => Outcome::Failed(Failure::Retry { after_seconds: 5, on: "an answer".to_owned(), why }),
        3 => Outcome::Waiting(Waiting {
            on: "better days".to_owned(),
            look_again_seconds: 5,
            submitted: true,
            learned: Vec::new(),
        }),
        5 => Outcome::Failed(Failure::Run { why }),
        _ => Outcome::Done(Vec::new()),
    }
}

fn now() -> Time {
    Time::at("2026-01-01T00:00:00Z".parse().unwrap_or_default())
}
