//! What the API server lets nobody write into objects of its own kinds, as far as somebody here might try.

use sei_planner::quantity::Quantity;
use serde_json::Value;

use crate::sim::json::{self, list, text};
use crate::world::{ClusterError, Kind, ObjectId};

use super::show;

/// Members of a StatefulSet's spec that may change.
const OF_A_SET: [&str; 7] = [
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
];
/// Members of a Job's spec that may not.
const OF_A_JOB: [&str; 4] = ["completions", "completionMode", "selector", "template"];

/// Whether a new object of this kind is one.
pub(super) fn check_new(id: &ObjectId, object: &Value) -> Result<(), ClusterError> {
    match id.kind {
        Kind::StatefulSet => {
            let (wanted, labels) = ("/spec/selector/matchLabels", "/spec/template/metadata/labels");
            let labels = json::at(object, labels);
            let mut selected = json::at(object, wanted).and_then(Value::as_object).into_iter().flatten();
            if selected.all(|(name, value)| labels.and_then(|labels| labels.get(name)) == Some(value)) {
                return Ok(());
            }
            Err(invalid(id, "spec.template.metadata.labels: `selector` does not match template `labels`"))
        }
        Kind::PersistentVolumeClaim if list(object, "/spec/accessModes").is_empty() => {
            Err(invalid(id, "spec.accessModes: Required value: at least 1 access mode is required"))
        }
        Kind::PersistentVolumeClaim
        | Kind::SeiNode
        | Kind::Service
        | Kind::PersistentVolume
        | Kind::Pod
        | Kind::Job
        | Kind::ConfigMap
        | Kind::Secret
        | Kind::Lease
        | Kind::Certificate => Ok(()),
    }
}

/// Whether an object may become this.
pub(super) fn check_change(id: &ObjectId, live: &Value, next: &Value) -> Result<(), ClusterError> {
    match id.kind {
        Kind::StatefulSet => check_set(id, live, next),
        Kind::Job => match OF_A_JOB.into_iter().find(|name| differs(live, next, name)) {
            Some(name) => Err(invalid(id, &format!("spec.{name}: Invalid value: field is immutable"))),
            None => Ok(()),
        },
        Kind::PersistentVolumeClaim => check_claim(id, live, next),
        Kind::Service => check_service(id, live, next),
        Kind::ConfigMap | Kind::Secret => check_frozen(id, live, next),
        Kind::SeiNode | Kind::PersistentVolume | Kind::Pod | Kind::Lease | Kind::Certificate => Ok(()),
    }
}

fn check_set(id: &ObjectId, live: &Value, next: &Value) -> Result<(), ClusterError> {
    let members = [live, next].into_iter().filter_map(|set| set.get("spec")?.as_object()).flat_map(|spec| spec.keys());
    let frozen = members.filter(|name| !OF_A_SET.contains(&name.as_str()));
    if frozen.into_iter().any(|name| differs(live, next, name)) {
        return Err(invalid(
            id,
            "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
             'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' \
             are forbidden",
        ));
    }
    check_new(id, next)
}

/// A claim may grow once it is bound, if its class says so; whether it says so is not looked at.
fn check_claim(id: &ObjectId, live: &Value, next: &Value) -> Result<(), ClusterError> {
    let frozen = ["accessModes", "selector", "storageClassName", "volumeMode", "dataSource", "dataSourceRef"];
    let binds = text(live, "/spec/volumeName").is_empty();
    let bound = text(live, "/status/phase") == "Bound";
    let requests = differs(live, next, "resources");
    let moved = !binds && differs(live, next, "volumeName");
    if frozen.into_iter().any(|name| differs(live, next, name)) || moved || (requests && !bound) {
        return Err(invalid(
            id,
            "spec: Forbidden: spec is immutable after creation except resources.requests and \
             volumeAttributesClassName for bound claims",
        ));
    }
    let wanted = storage(next, "/spec/resources/requests/storage");
    if requests && wanted < storage(live, "/status/capacity/storage") {
        let message = "spec.resources.requests.storage: Forbidden: field can not be less than status.capacity";
        return Err(invalid(id, message));
    }
    Ok(())
}

fn storage(claim: &Value, path: &str) -> Option<Quantity> {
    text(claim, path).parse().ok()
}

fn check_service(id: &ObjectId, live: &Value, next: &Value) -> Result<(), ClusterError> {
    let had = text(live, "/spec/clusterIP");
    if had.is_empty() || had == text(next, "/spec/clusterIP") {
        return Ok(());
    }
    Err(invalid(id, "spec.clusterIPs[0]: Invalid value: may not change once set"))
}

fn check_frozen(id: &ObjectId, live: &Value, next: &Value) -> Result<(), ClusterError> {
    let frozen = live.get("immutable") == Some(&Value::Bool(true));
    if frozen && (live.get("data") != next.get("data") || next.get("immutable") != live.get("immutable")) {
        return Err(invalid(id, "data: Forbidden: field is immutable when `immutable` is set"));
    }
    Ok(())
}

fn differs(live: &Value, next: &Value, member: &str) -> bool {
    let of = |object: &Value| object.get("spec").and_then(|spec| spec.get(member)).cloned();
    of(live) != of(next)
}

fn invalid(id: &ObjectId, why: &str) -> ClusterError {
    ClusterError::Rejected { code: 422, message: format!("{}: invalid: {why}", show(id)) }
}
