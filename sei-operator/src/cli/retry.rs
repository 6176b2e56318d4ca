//! `retry`: lets the operator plan a failed node again now.

use std::io;

use sei_planner::api::{PlanPhase, RETRY_ANNOTATION, SeiNode, TaskPlan, Time};
use sei_planner::names::NodeKey;

use super::Exit;
use super::age::length;
use super::annotate::{Annotation, annotate, tell_equivalent};
use super::cluster::{self, Target, Trouble};
use crate::output;

/// Let the operator plan a failed node again now
///
/// Sets the annotation sei.io/retry to a value that it never had. The operator then makes a new plan in the place of the
/// failed one; what was done stays done, and the data volume is kept. Without it a failed node is planned again by itself after
/// 5 minutes, doubling to an hour. Refused when nothing has failed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
}

const EXAMPLES: &str = "\
Examples:
  sei-operator retry sei/rpc-0
  sei-operator retry sei/rpc-0 && sei-operator wait sei/rpc-0 --for=phase=Running

Exit codes:
  0  the operator was asked
  1  nothing has failed, or the cluster refuses it; nothing was changed";

/// Runs the command.
///
/// # Errors
/// When the system refuses what every process needs.
pub(super) fn run(args: &Args) -> io::Result<Exit> {
    cluster::run(retry(args))
}

async fn retry(args: &Args) -> Result<Exit, Trouble> {
    let (cluster, key) = args.target.connect().await?;
    let now = cluster::now();
    let mut told = String::new();
    let decide = |node: &SeiNode| {
        let plan = failed(node, &key)?;
        told = consequence(plan, now);
        Ok(Annotation { key: RETRY_ANNOTATION, value: Some(fresh_token(node, plan)) })
    };
    let annotation = annotate(&cluster, &key, decide).await?;
    output::data(&format!("SeiNode {key}: {told}\n"))?;
    tell_equivalent(&key, &annotation);
    Ok(Exit::Done)
}

/// The plan that failed.
///
/// # Errors
/// Why there is nothing to try again.
fn failed<'a>(node: &'a SeiNode, key: &NodeKey) -> Result<&'a TaskPlan, Trouble> {
    let refuse = |why: &str| {
        Err(Trouble::new(format!("SeiNode {key}: {why}; there is nothing to try again"))
            .help(format!("`sei-operator status {key}` says what it waits for")))
    };
    if node.metadata.deletion_timestamp.is_some() {
        return refuse("it is being deleted");
    }
    let Some(plan) = node.status.as_ref().and_then(|status| status.plan.as_ref()) else {
        return refuse("it has no plan yet");
    };
    match plan.phase {
        PlanPhase::Active => return refuse("its plan is under way, and its tasks are retried by themselves"),
        PlanPhase::Complete => return refuse("its last plan is complete"),
        PlanPhase::Failed => {}
    }
    match token(node) {
        Some(asked) if plan.retry_token.as_deref() != Some(asked) => {
            let what = format!(
                "SeiNode {key}: a retry was asked for already ({RETRY_ANNOTATION}={asked}), and no operator took it up"
            );
            Err(Trouble::new(what).help("does the operator run? `sei-operator check`"))
        }
        Some(_) | None => Ok(plan),
    }
}

fn token(node: &SeiNode) -> Option<&str> {
    node.metadata.annotations.as_ref()?.get(RETRY_ANNOTATION).map(String::as_str)
}

/// The first number from one that neither the node nor its plan had. Every retry has its own, and a person can tell how many
/// there were.
fn fresh_token(node: &SeiNode, plan: &TaskPlan) -> String {
    let number = |text: &str| text.parse::<u64>().ok();
    let used = [token(node), plan.retry_token.as_deref()].into_iter().flatten().filter_map(number).max();
    used.unwrap_or_default().saturating_add(1).to_string()
}

/// What will happen.
fn consequence(plan: &TaskPlan, now: Time) -> String {
    let kind = plan.kind.map_or("plan", |kind| kind.as_str());
    let detail = plan.failed_task_detail.as_ref();
    let failure = detail.map(|detail| format!(" failed at {}: {}", detail.kind, detail.error));
    let instead = match plan.retry_at.map(|at| at.seconds_since(now)) {
        Some(left @ 1..) => format!("instead of in {}", length(left)),
        Some(_) | None => "in place of the failed one".to_owned(),
    };
    let failure = failure.unwrap_or_else(|| " failed".to_owned());
    format!("its plan ({kind}){failure}\nThe operator makes a new plan now, {instead}; the data volume is kept.")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;

    fn node(annotations: Value, status: Value) -> SeiNode {
        serde_json::from_value(json!({"apiVersion": "sei.io/v1alpha1", "kind": "SeiNode",
            "metadata": {"name": "rpc-0", "namespace": "sei", "annotations": annotations},
            "spec": {"chainId": "c", "image": "i", "fullNode": {}}, "status": status}))
        .unwrap()
    }

    fn plan(phase: &str) -> Value {
        json!({"plan": {"id": "1", "kind": "Init", "phase": phase, "tasks": [], "retryAt": "2026-01-01T00:05:00Z",
            "retryToken": "3", "failedTaskDetail":
                {"type": "config-apply", "id": "2", "error": "no such key", "retryCount": 0, "maxRetries": 0}}})
    }

    #[test]
    fn only_what_failed_is_tried_again() {
        let key = NodeKey::new("sei", "rpc-0");
        let refusal = |annotations: Value, status: Value| failed(&node(annotations, status), &key).unwrap_err().what;
        let all = [
            refusal(json!({}), Value::Null),
            refusal(json!({}), plan("Active")),
            refusal(json!({}), plan("Complete")),
            refusal(json!({"sei.io/retry": "4"}), plan("Failed")),
        ];
        insta::assert_snapshot!(all.join("\n"));
        for taken_up in [json!({}), json!({"sei.io/retry": "3"})] {
            assert!(failed(&node(taken_up, plan("Failed")), &key).is_ok());
        }
    }

    #[test]
    fn a_token_is_new() {
        let fresh = |annotations: Value| {
            let node = node(annotations, plan("Failed"));
            fresh_token(&node, node.status.as_ref().unwrap().plan.as_ref().unwrap())
        };
        assert_eq!(fresh(json!({})), "4");
        assert_eq!(fresh(json!({"sei.io/retry": "7"})), "8");
        assert_eq!(fresh(json!({"sei.io/retry": "by hand"})), "4");
    }

    #[test]
    fn it_is_said_what_will_happen() {
        let now = Time::deserialize(&json!("2026-01-01T00:02:00Z")).unwrap();
        let node = node(json!({}), plan("Failed"));
        insta::assert_snapshot!(consequence(node.status.unwrap().plan.as_ref().unwrap(), now));
    }
}
