//! What status changes amount to: a row a change, and everything that is told of it.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::fmt::Write as _;

use sei_planner::api::{PlanKindName, SeiNodeStatus, Time};
use sei_planner::node::{Standing, Transition, transitions};
use serde_json::{Value, from_value, json};

/// Every change below is written at this time.
const NOW: &str = "2026-01-01T00:10:00Z";

fn status(json: Value) -> SeiNodeStatus {
    from_value(json).unwrap()
}

fn phase(phase: &str, since: &str) -> Value {
    json!({"phase": phase, "phaseTransitionTime": format!("2026-01-01T00:{since}Z")})
}

fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    let since = "2026-01-01T00:00:00Z";
    json!({"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since})
}

fn conditions(all: &[Value]) -> Value {
    json!({"conditions": all})
}

fn task(kind: &str, status: &str, retries: i32, error: &str) -> Value {
    json!({"type": kind, "id": format!("id-of-{kind}"), "status": status, "retryCount": retries, "error": error})
}

/// A status with a plan that was stored five minutes ago.
fn plan(id: &str, kind: &str, phase: &str, tasks: &[Value]) -> Value {
    json!({"plan": {"id": id, "kind": kind, "phase": phase, "startedAt": "2026-01-01T00:05:00Z", "tasks": tasks}})
}

/// A plan as the controller before us stored it: no kind, no start.
fn plan_of_before(phase: &str, submitted_at: Option<&str>) -> Value {
    let mut first = task("ensure-data-pvc", "Complete", 0, "");
    if let Some(at) = submitted_at {
        first["submittedAt"] = at.into();
    }
    json!({"plan": {"id": "p", "phase": phase, "tasks": [first]}})
}

fn both(mut one: Value, other: Value) -> Value {
    for (key, value) in other.as_object().unwrap() {
        one[key] = value.clone();
    }
    one
}

/// What each row says: its name, the status before, the status after.
fn rows() -> Vec<(&'static str, Value, Value)> {
    let waiting = |text: &str| {
        let mut task = task("replace-pod", "Pending", 0, "");
        task["waitingFor"] = text.into();
        plan("p", "Update", "Active", &[task])
    };
    let tls = |reason, message| conditions(&[condition("SidecarTLSSecretReady", "False", reason, message)]);
    let config = |status, retries, error| [task("config-apply", status, retries, error)];
    vec![
        ("a first status without a plan", json!({}), phase("Pending", "10:00")),
        ("a first plan", json!({}), both(phase("Initializing", "10:00"), plan("p", "Init", "Active", &[]))),
        ("nothing but what a task waits for", waiting("the pod to go"), waiting("the new pod to run")),
        ("a phase", phase("Initializing", "01:00"), phase("Running", "10:00")),
        ("a phase that nobody noted the start of", json!({"phase": "Failed"}), phase("Initializing", "10:00")),
        ("a clock that was set back", phase("Running", "59:00"), phase("Terminating", "10:00")),
        (
            "a plan that is complete",
            plan("p", "Update", "Active", &config("Running", 0, "")),
            plan("p", "Update", "Complete", &config("Complete", 0, "")),
        ),
        (
            "a run that is tried again",
            plan("p", "Init", "Active", &config("Running", 0, "")),
            plan("p", "Init", "Active", &config("Pending", 1, "no such key")),
        ),
        (
            "the last run",
            plan("p", "Init", "Active", &config("Running", 3, "no such key")),
            plan("p", "Init", "Failed", &config("Failed", 3, "no such key")),
        ),
        (
            "a failed plan that stays",
            plan("p", "Init", "Failed", &config("Failed", 3, "no such key")),
            plan("p", "Init", "Failed", &config("Failed", 3, "no such key")),
        ),
        (
            "a plan in the place of one that is over",
            plan("p", "Init", "Complete", &[]),
            plan("q", "MarkReady", "Active", &[]),
        ),
        (
            "a plan in the place of an active one",
            plan("p", "Update", "Active", &[]),
            plan("q", "Update", "Active", &[]),
        ),
        ("a plan that somebody removed", plan("p", "Update", "Active", &[]), json!({})),
        (
            "a plan of the controller before us",
            plan_of_before("Active", Some("2026-01-01T00:09:00Z")),
            plan_of_before("Complete", Some("2026-01-01T00:09:00Z")),
        ),
        ("a plan that nobody noted the start of", plan_of_before("Active", None), plan_of_before("Failed", None)),
        ("a condition that appears", json!({}), conditions(&[condition("SidecarReady", "True", "Ready", "200")])),
        (
            "a condition that flips, beside one that stays",
            conditions(&[
                condition("SidecarReady", "True", "Ready", "200"),
                condition("NodeKeyReady", "True", "NodeKeyValidated", ""),
            ]),
            conditions(&[
                condition("SidecarReady", "False", "NotReady", "503"),
                condition("NodeKeyReady", "True", "NodeKeyValidated", ""),
            ]),
        ),
        ("another reason", tls("TLSSecretNotFound", "there is none"), tls("TLSSecretExpired", "since May")),
        ("another message", tls("TLSSecretExpired", "since May"), tls("TLSSecretExpired", "since June")),
        ("a condition that goes", tls("TLSSecretExpired", "since May"), json!({})),
        (
            "all at once",
            both(phase("Initializing", "04:00"), plan("p", "Genesis", "Active", &config("Running", 0, ""))),
            both(
                both(phase("Failed", "10:00"), plan("p", "Genesis", "Failed", &config("Failed", 0, "full disk"))),
                conditions(&[condition("NodeUpdateInProgress", "False", "UpdateFailed", "")]),
            ),
        ),
    ]
}

fn told(transition: &Transition) -> String {
    let kind = |kind: &Option<PlanKindName>| kind.map_or("of no kind", PlanKindName::as_str);
    let after = |seconds: &Option<i64>| seconds.map_or_else(|| "after ?".to_owned(), |s| format!("after {s} s"));
    let standing = |standing: &Option<Standing>| match standing {
        Some(known) => format!("{}/{}", known.status.as_str(), known.reason),
        None => "absent".to_owned(),
    };
    match transition {
        Transition::Phase { from, to, seconds } => format!("phase {from} -> {to} {}", after(seconds)),
        Transition::PlanStarted { id, kind: of, .. } => format!("plan {id} ({}) started", kind(of)),
        Transition::PlanEnded { id, kind: of, end, seconds, .. } => {
            format!("plan {id} ({}) {} {}", kind(of), end.as_str(), after(seconds))
        }
        Transition::TaskFailed { task, id, error, ends_plan } => {
            let next = if *ends_plan { "the plan failed" } else { "tried again" };
            format!("task {task} ({id}) failed: {error}; {next}")
        }
        Transition::Condition { kind, from, to, message } => {
            format!("condition {kind} {} -> {} {message:?}", standing(from), standing(to))
        }
    }
}

#[test]
fn what_changes_is_told_and_nothing_else() {
    let now: Time = from_value(json!(NOW)).unwrap();
    let mut text = String::new();
    for (name, old, new) in rows() {
        let _ = writeln!(text, "{name}");
        for transition in transitions(&status(old), &status(new), now) {
            let _ = writeln!(text, "    {}", told(&transition));
        }
    }
    insta::assert_snapshot!(text);
}
