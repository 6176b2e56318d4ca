//! The end of a run without anything that may differ between two good runs.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::world::{Kind, ObjectId};

use super::controllers::kubelet::{SEID, image_of};
use super::controllers::statefulset::{REVISION_LABEL, is_ready};
use super::json::{self, text};
use super::state::State;
use super::store::is_leaving;

/// Members that are ids, times or counters of attempts.
const VOLATILE: [&str; 18] = [
    "id",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "generation",
    "managedFields",
    "lastTransitionTime",
    "phaseTransitionTime",
    "startedAt",
    "submittedAt",
    "notBefore",
    "waitingSince",
    "waitingFor",
    "retryCount",
    "retryAt",
    "failures",
    "error",
    "podUID",
];
/// Length of a UUID in text.
const UUID_LENGTH: usize = 36;
/// Length of `2026-01-01T00:00:00Z`.
const TIME_LENGTH: usize = 20;

/// The fingerprint of a world.
pub(super) fn of(state: &State) -> Value {
    let kinds = [
        Kind::SeiNode,
        Kind::StatefulSet,
        Kind::Service,
        Kind::PersistentVolumeClaim,
        Kind::Pod,
        Kind::Job,
        Kind::ConfigMap,
        Kind::Certificate,
    ];
    let objects: Vec<Value> = kinds
        .into_iter()
        .flat_map(|kind| state.store.list(kind))
        .map(|(id, object)| match id.kind {
            Kind::Pod => pod(state, id, object),
            Kind::StatefulSet | Kind::Service | Kind::Job | Kind::ConfigMap | Kind::Certificate => {
                without_status(object)
            }
            Kind::PersistentVolumeClaim => claim(state, object),
            Kind::SeiNode | Kind::PersistentVolume | Kind::Secret | Kind::Lease => object.as_ref().clone(),
        })
        .map(normalise)
        .collect();
    Value::Array(objects)
}

fn without_status(object: &Value) -> Value {
    let mut object = object.clone();
    json::remove(&mut object, &["status"]);
    object
}

/// A claim and what the sidecar left on its disk.
fn claim(state: &State, object: &Value) -> Value {
    let disk = state.sidecars.disks.get(text(object, "/metadata/uid"));
    let mut claim = without_status(object);
    json::set(&mut claim, &["phase"], json!(text(object, "/status/phase")));
    if let Some(disk) = disk {
        let tasks: Vec<Value> = disk.summary().into_iter().map(Value::from).collect();
        let on_disk = json!({
            "markers": disk.markers,
            "config": disk.config.to_value(),
            "tasks": tasks,
        });
        json::set(&mut claim, &["disk"], on_disk);
    }
    claim
}

fn pod(state: &State, id: &ObjectId, object: &Value) -> Value {
    json!({
        "kind": "Pod",
        "name": id.name,
        "namespace": id.namespace,
        "image": image_of(state, id, SEID),
        "revision": text(object, &format!("/metadata/labels/{REVISION_LABEL}")),
        "ready": is_ready(object),
        "deleted": is_leaving(object),
    })
}

fn normalise(mut object: Value) -> Value {
    json::drop_members(&mut object, &VOLATILE);
    blank_texts(&mut object);
    // A list that is a map: which condition came first says nothing.
    if let Some(conditions) = object.pointer_mut("/status/conditions").and_then(Value::as_array_mut) {
        conditions.sort_by(|one, other| text(one, "/type").cmp(text(other, "/type")));
    }
    object
}

fn blank_texts(value: &mut Value) {
    match value {
        Value::String(text) => *text = blank(text),
        Value::Array(items) => items.iter_mut().for_each(blank_texts),
        Value::Object(map) => map.values_mut().for_each(blank_texts),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The text with every UUID and every time in it replaced by a word.
fn blank(text: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some(after) = strip(rest, UUID_LENGTH, |s| uuid::Uuid::parse_str(s).is_ok()) {
            result.push_str("<uuid>");
            rest = after;
        } else if let Some(after) = strip(rest, TIME_LENGTH, |s| s.parse::<Timestamp>().is_ok()) {
            result.push_str("<time>");
            rest = after;
        } else {
            result.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
    }
    result
}

/// What follows the first `length` bytes when they satisfy `is`.
fn strip(text: &str, length: usize, is: impl Fn(&str) -> bool) -> Option<&str> {
    let head = text.get(..length)?;
    is(head).then(|| text.get(length..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_and_times_in_texts_are_blanked() {
        let text = "plan 00000001-91a4-4000-8000-000000000001 ended 2026-01-01T00:00:09Z: ä";
        assert_eq!(blank(text), "plan <uuid> ended <time>: ä");
        assert_eq!(blank("ghcr.io/sei:v6.3.0"), "ghcr.io/sei:v6.3.0");
    }
}
