//! The bugs of the old system, a file an area. Each is bred where the operator meets its world; how it is caught is none of
//! its business.

mod bring_up;
mod engine;
mod network;
mod pods;
mod storage;

use std::sync::Arc;

use sei_planner::api::{PlannedTask, TaskPlan};
use serde_json::Value;

use crate::bug::Bug;

/// A bug of the old system.
pub(crate) struct Specimen {
    /// Its row in the list of known bugs.
    pub(crate) row: &'static str,
    /// What the old system did.
    pub(crate) did: &'static str,
    /// How it is bred here.
    pub(crate) bred: &'static str,
    pub(crate) breed: fn() -> Arc<dyn Bug>,
}

fn specimen(row: &'static str, did: &'static str, bred: &'static str, breed: fn() -> Arc<dyn Bug>) -> Specimen {
    Specimen { row, did, bred, breed }
}

/// Every specimen, in the order of the rows.
pub(crate) fn all() -> Vec<Specimen> {
    let areas =
        [engine::specimens(), pods::specimens(), storage::specimens(), bring_up::specimens(), network::specimens()];
    areas.into_iter().flatten().collect()
}

/// The specimen of a row.
pub(crate) fn of(row: &str) -> Option<Specimen> {
    all().into_iter().find(|specimen| specimen.row == row)
}

/// Leaves a type of task out of a plan.
fn leave_out(plan: &mut TaskPlan, kind: &str) {
    plan.tasks.retain(|task| task.kind != kind);
}

/// Moves the first task of a type to just before the first of another.
fn move_before(tasks: &mut Vec<PlannedTask>, kind: &str, other: &str) {
    let at = |tasks: &[PlannedTask], kind: &str| tasks.iter().position(|task| task.kind == kind);
    let Some(task) = at(tasks, kind).map(|from| tasks.remove(from)) else { return };
    let to = at(tasks, other).unwrap_or(tasks.len());
    tasks.insert(to, task);
}

/// A container of a pod.
fn container<'a>(pod: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    let lists = pod.as_object_mut()?.iter_mut();
    let lists = lists.filter(|(key, _)| ["containers", "initContainers"].contains(&key.as_str()));
    let mut containers = lists.filter_map(|(_, list)| list.as_array_mut()).flatten();
    containers.find(|container| container["name"] == name)
}

/// Whether a pod has a volume.
fn mounts(pod: &Value, volume: &str) -> bool {
    pod["volumes"].as_array().into_iter().flatten().any(|other| other["name"] == volume)
}

/// Takes the variable out of the environment of a container.
fn unset(container: &mut Value, variable: &str) {
    if let Some(env) = container["env"].as_array_mut() {
        env.retain(|other| other["name"] != variable);
    }
}

/// Changes the words of a container's script.
fn reword(container: &mut Value, from: &str, to: &str) {
    let words = container["args"].as_array_mut().into_iter().flatten();
    for word in words {
        *word = Value::from(word.as_str().unwrap_or_default().replace(from, to));
    }
}
