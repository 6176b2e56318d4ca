//! `pause` and `resume`: holds the operator off a node, and lets it go on.

use std::io;

use sei_planner::api::{PAUSE_ANNOTATION, PlanPhase, SeiNode};
use sei_planner::names::NodeKey;

use super::Exit;
use super::annotate::{Annotation, annotate, tell_equivalent};
use super::cluster::{self, Target, Trouble};
use super::standing::current;
use crate::output;

/// Hold the operator off a node
///
/// Sets the annotation sei.io/paused. Nothing is done for the node any more, not even what its plan has begun: a node whose pod
/// is being replaced stays down. Its pod, volume and keys stay as they are, its health is still told, and if it is deleted, it
/// is deleted. Edits are followed once it goes on.
#[derive(Debug, clap::Args)]
#[command(after_help = PAUSE_EXAMPLES)]
pub(super) struct PauseArgs {
    #[command(flatten)]
    target: Target,
}

const PAUSE_EXAMPLES: &str = "\
Examples:
  sei-operator pause sei/rpc-0      Before you look after the node by hand
  sei-operator resume sei/rpc-0     Then let the operator go on

Exit codes:
  0  the operator is held off
  1  it is already, or the cluster refuses it; nothing was changed";

/// Let the operator go on with a paused node
///
/// Takes the annotation sei.io/paused away. A plan that stood still goes on; edits that were made meanwhile are followed.
#[derive(Debug, clap::Args)]
#[command(after_help = RESUME_EXAMPLES)]
pub(super) struct ResumeArgs {
    #[command(flatten)]
    target: Target,
}

const RESUME_EXAMPLES: &str = "\
Examples:
  sei-operator resume sei/rpc-0
  sei-operator resume sei/rpc-0 && sei-operator wait sei/rpc-0 --for=plan=Complete

Exit codes:
  0  the operator goes on
  1  the node is not paused, or the cluster refuses it; nothing was changed";

/// Runs `pause`.
///
/// # Errors
/// When the system refuses what every process needs.
pub(super) fn pause(args: &PauseArgs) -> io::Result<Exit> {
    cluster::run(write(&args.target, held_off))
}

/// Runs `resume`.
///
/// # Errors
/// When the system refuses what every process needs.
pub(super) fn resume(args: &ResumeArgs) -> io::Result<Exit> {
    cluster::run(write(&args.target, let_go))
}

/// What becomes of the annotation, and what that means in words; or why it stays as it is.
type Change = fn(&SeiNode) -> Result<(Option<String>, String), String>;

async fn write(target: &Target, change: Change) -> Result<Exit, Trouble> {
    let (cluster, key) = target.connect().await?;
    let mut told = String::new();
    let decide = |node: &SeiNode| {
        let (value, said) = change(node).map_err(|why| refused(&key, &why))?;
        told = said;
        Ok(Annotation { key: PAUSE_ANNOTATION, value })
    };
    let annotation = annotate(&cluster, &key, decide).await?;
    output::data(&format!("SeiNode {key}: {told}\n"))?;
    tell_equivalent(&key, &annotation);
    Ok(Exit::Done)
}

fn refused(key: &NodeKey, why: &str) -> Trouble {
    Trouble::new(format!("SeiNode {key}: {why}")).help(format!("`sei-operator status {key}` says how it is"))
}

fn held_off(node: &SeiNode) -> Result<(Option<String>, String), String> {
    if node.metadata.deletion_timestamp.is_some() {
        return Err("it is being deleted, which nothing holds up".to_owned());
    }
    if node.is_paused() {
        return Err("it is paused already".to_owned());
    }
    let plan = node.status.as_ref().and_then(|status| status.plan.as_ref());
    let task = plan.filter(|plan| plan.phase == PlanPhase::Active).and_then(current);
    let stands = task
        .map_or_else(|| "nothing is under way".to_owned(), |task| format!("its plan stands still at {}", task.kind));
    Ok((Some("true".to_owned()), format!("{stands}; nothing is done for it until it is resumed")))
}

fn let_go(node: &SeiNode) -> Result<(Option<String>, String), String> {
    if !node.is_paused() {
        return Err("it is not paused".to_owned());
    }
    Ok((None, "the operator goes on with it".to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use serde_json::{Value, json};

    use super::*;

    fn node(annotations: Value, status: Value) -> SeiNode {
        serde_json::from_value(json!({"apiVersion": "sei.io/v1alpha1", "kind": "SeiNode",
            "metadata": {"name": "rpc-0", "namespace": "sei", "annotations": annotations},
            "spec": {"chainId": "c", "image": "i", "fullNode": {}}, "status": status}))
        .unwrap()
    }

    #[test]
    fn what_is_paused_can_go_on_and_nothing_else() {
        for value in ["true", ""] {
            let paused = || node(json!({"sei.io/paused": value}), Value::Null);
            assert_eq!(held_off(&paused()).unwrap_err(), "it is paused already");
            assert_eq!(let_go(&paused()).unwrap().0, None);
        }
        for free in [json!({}), json!({"sei.io/paused": "false"})] {
            assert_eq!(let_go(&node(free.clone(), Value::Null)).unwrap_err(), "it is not paused");
            assert_eq!(held_off(&node(free, Value::Null)).unwrap().0.as_deref(), Some("true"));
        }
    }

    #[test]
    fn it_is_said_where_the_plan_stands_still() {
        let tasks = json!([
            {"id": "1", "type": "apply-statefulset", "status": "Complete"},
            {"id": "2", "type": "replace-pod", "status": "Pending"},
        ]);
        let status = json!({"plan": {"id": "1", "kind": "Update", "phase": "Active", "tasks": tasks}});
        let told = held_off(&node(json!({}), status)).unwrap().1;
        assert_eq!(told, "its plan stands still at replace-pod; nothing is done for it until it is resumed");
    }
}
