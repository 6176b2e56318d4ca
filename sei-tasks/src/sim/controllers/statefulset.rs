//! The StatefulSet controller under OnDelete: makes the one pod, never replaces it, and reports a little late.

use serde_json::{Value, json};

use crate::sim::clock::Due;
use crate::sim::json::{self, list, number, text};
use crate::sim::state::State;
use crate::sim::store::{Change, controller_uid, is_leaving};
use crate::world::{Kind, ObjectId};

/// Label with the revision of a pod's template.
pub(in crate::sim) const REVISION_LABEL: &str = "controller-revision-hash";
/// Label with the name of the pod.
const POD_NAME_LABEL: &str = "statefulset.kubernetes.io/pod-name";

/// Any change of a set or of its pod makes the controller look, a little later.
pub(in crate::sim) fn notice(state: &mut State, change: &Change) {
    let set = match change.id.kind {
        Kind::StatefulSet if change.after.is_some() => Some(change.id.clone()),
        Kind::Pod => change
            .after
            .as_ref()
            .or(change.before.as_ref())
            .and_then(|pod| state.store.by_uid(controller_uid(pod)))
            .filter(|(id, _)| id.kind == Kind::StatefulSet)
            .map(|(id, _)| id.clone()),
        Kind::SeiNode
        | Kind::StatefulSet
        | Kind::Service
        | Kind::PersistentVolumeClaim
        | Kind::PersistentVolume
        | Kind::Job
        | Kind::ConfigMap
        | Kind::Secret
        | Kind::Lease
        | Kind::Certificate => None,
    };
    if let Some(id) = set {
        again(state, &id);
    }
}

fn again(state: &mut State, id: &ObjectId) {
    let delay = state.options.delays.statefulset_seconds.max(1);
    let at = state.now.plus_seconds(delay);
    state.queue.push_once(at, Due::StatefulSet(id.clone()));
}

/// Makes a missing pod and reports.
pub(in crate::sim) fn sync(state: &mut State, id: &ObjectId) {
    let Some(set) = state.store.get(id).cloned() else {
        return;
    };
    if is_leaving(&set) {
        return;
    }
    let revision = revision_of(id, &set);
    let wanted = set.pointer("/spec/replicas").and_then(Value::as_i64) != Some(0);
    let pod_id = ObjectId::new(Kind::Pod, id.namespace.clone(), format!("{}-0", id.name));
    match state.store.get(&pod_id).cloned() {
        None if wanted => {
            let pod = new_pod(&pod_id, &set, &revision);
            // The pod is absent, so this cannot meet an object of that name.
            let _ = state.store.create(&pod_id, &pod, &mut state.ids);
        }
        Some(pod) if is_own(&set, &pod) && !is_leaving(&pod) => {
            let over = matches!(text(&pod, "/status/phase"), "Failed" | "Succeeded");
            if over || !wanted {
                state.store.delete(&pod_id);
            }
        }
        // The pod of another owner is in the way: making ours fails, and the controller tries again.
        Some(pod) if !is_own(&set, &pod) && wanted => again(state, id),
        Some(_) | None => {}
    }
    report(state, id, &pod_id, &revision);
}

fn is_own(set: &Value, pod: &Value) -> bool {
    controller_uid(pod) == text(set, "/metadata/uid")
}

/// Name of the ControllerRevision of the set's template. It depends on the template only, so that a rollback to an
/// equal template gets the revision it had before. What was reported of this generation is not worked out again.
fn revision_of(id: &ObjectId, set: &Value) -> String {
    if number(set, "/status/observedGeneration") == number(set, "/metadata/generation") {
        return text(set, "/status/updateRevision").to_owned();
    }
    revision_of_template(id, set)
}

fn revision_of_template(id: &ObjectId, set: &Value) -> String {
    let template = set.pointer("/spec/template").unwrap_or(&Value::Null);
    format!("{}-{:010x}", id.name, hash(json::canonical(template).as_bytes()))
}

/// The name that another cluster gave the template of a recorded set, and the one it has here. A set whose controller had
/// not seen its template yet named none.
pub(in crate::sim) fn renamed(id: &ObjectId, set: &Value) -> Option<(String, String)> {
    let seen = number(set, "/status/observedGeneration") == number(set, "/metadata/generation");
    let there = text(set, "/status/updateRevision");
    (seen && !there.is_empty()).then(|| (there.to_owned(), revision_of_template(id, set)))
}

/// FNV-1a, cut to 40 bits.
fn hash(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    (hash ^ (hash >> 40)) & 0xff_ffff_ffff
}

fn new_pod(pod_id: &ObjectId, set: &Value, revision: &str) -> Value {
    let mut pod = set.pointer("/spec/template").cloned().unwrap_or_default();
    let name = pod_id.name.as_str();
    json::set(&mut pod, &["apiVersion"], json!("v1"));
    json::set(&mut pod, &["kind"], json!("Pod"));
    json::set(&mut pod, &["metadata", "name"], json!(name));
    let namespace = json!(pod_id.namespace);
    json::set(&mut pod, &["metadata", "namespace"], namespace);
    for (label, value) in [(REVISION_LABEL, revision), (POD_NAME_LABEL, name), ("apps.kubernetes.io/pod-index", "0")] {
        json::set(&mut pod, &["metadata", "labels", label], json!(value));
    }
    let owner = json!([{
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "name": text(set, "/metadata/name"),
        "uid": text(set, "/metadata/uid"),
        "controller": true,
        "blockOwnerDeletion": true,
    }]);
    json::set(&mut pod, &["metadata", "ownerReferences"], owner);
    json::set(&mut pod, &["spec", "hostname"], json!(name));
    let subdomain = json!(text(set, "/spec/serviceName"));
    json::set(&mut pod, &["spec", "subdomain"], subdomain);
    json::set(&mut pod, &["status"], json!({ "phase": "Pending" }));
    pod
}

/// Writes `status`. The current revision is the first one that ever was: under OnDelete nobody promotes it.
fn report(state: &mut State, id: &ObjectId, pod_id: &ObjectId, revision: &str) {
    let Some(set) = state.store.get(id).cloned() else {
        return;
    };
    let pod = state.store.get(pod_id).filter(|pod| is_own(&set, pod));
    let exists = pod.is_some();
    let live = pod.filter(|pod| !is_leaving(pod));
    let of_revision =
        |name: &str| live.is_some_and(|pod| text(pod, &format!("/metadata/labels/{REVISION_LABEL}")) == name);
    let ready = i64::from(pod.is_some_and(|pod| is_ready(pod)));
    let current = match text(&set, "/status/currentRevision") {
        "" => revision,
        first => first,
    };
    let status = json!({
        "observedGeneration": number(&set, "/metadata/generation"),
        "replicas": i64::from(exists),
        "readyReplicas": ready,
        "availableReplicas": ready,
        "currentReplicas": i64::from(of_revision(current)),
        "updatedReplicas": i64::from(of_revision(revision)),
        "currentRevision": current,
        "updateRevision": revision,
        "collisionCount": 0,
    });
    state.store.set_status(id, status);
}

/// Whether the pod's condition `Ready` holds.
pub(in crate::sim) fn is_ready(pod: &Value) -> bool {
    list(pod, "/status/conditions")
        .iter()
        .any(|condition| text(condition, "/type") == "Ready" && text(condition, "/status") == "True")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::sim::testing::{bare_world, id, idle, stateful_set};
    use crate::sim::{Options, Reconcile, Sim};

    fn set(sim: &Sim) -> Value {
        sim.object(&id(Kind::StatefulSet, "rpc-0")).unwrap()
    }

    fn pod(sim: &Sim) -> Option<Value> {
        sim.object(&id(Kind::Pod, "rpc-0-0"))
    }

    fn run(sim: &Sim, seconds: i64) {
        sim.drive(Reconcile(idle)).run_for(seconds).unwrap();
    }

    fn update(sim: &Sim, image: &str) {
        sim.user_apply(stateful_set("", image)).unwrap();
    }

    #[test]
    fn the_controller_acts_a_little_later_and_makes_one_pod() {
        let sim = bare_world(Options::default());
        assert_eq!(number(&set(&sim), "/status/observedGeneration"), 0);
        run(&sim, 1);
        assert_eq!(number(&set(&sim), "/status/observedGeneration"), 1);
        let pod = pod(&sim).unwrap();
        let revision = text(&pod, "/metadata/labels/controller-revision-hash").to_owned();
        assert_eq!(revision, text(&set(&sim), "/status/updateRevision"));
        assert_eq!(controller_uid(&pod), text(&set(&sim), "/metadata/uid"));
    }

    #[test]
    fn a_new_template_replaces_nothing_and_promotes_nothing() {
        let sim = bare_world(Options::default());
        run(&sim, 60);
        let before = (set(&sim), pod(&sim).unwrap());
        assert_eq!(number(&before.0, "/status/readyReplicas"), 0);
        update(&sim, "sei:v2");
        assert_ne!(set(&sim)["status"]["observedGeneration"], set(&sim)["metadata"]["generation"]);
        run(&sim, 60);
        let (now, same) = (set(&sim), pod(&sim).unwrap());
        assert_eq!(same["metadata"]["uid"], before.1["metadata"]["uid"]);
        assert_eq!(now["status"]["currentRevision"], before.0["status"]["currentRevision"]);
        assert_ne!(now["status"]["updateRevision"], before.0["status"]["updateRevision"]);
        assert_eq!(number(&now, "/status/updatedReplicas"), 0);
        assert_eq!(number(&now, "/status/replicas"), 1);
    }

    #[test]
    fn a_deleted_pod_comes_back_with_the_new_template() {
        let sim = bare_world(Options::default());
        run(&sim, 60);
        update(&sim, "sei:v2");
        sim.user_delete(&id(Kind::Pod, "rpc-0-0"));
        assert!(crate::sim::store::is_leaving(&pod(&sim).unwrap()));
        run(&sim, 60);
        let (now, pod) = (set(&sim), pod(&sim).unwrap());
        assert_eq!(text(&pod, "/spec/containers/0/image"), "sei:v2");
        assert_eq!(number(&now, "/status/updatedReplicas"), 1);
        assert_ne!(now["status"]["currentRevision"], now["status"]["updateRevision"]);
    }

    #[test]
    fn a_rollback_reuses_the_revision() {
        let sim = bare_world(Options::default());
        run(&sim, 5);
        let first = set(&sim)["status"]["updateRevision"].clone();
        update(&sim, "sei:v2");
        run(&sim, 5);
        assert_ne!(set(&sim)["status"]["updateRevision"], first);
        update(&sim, "sei:v1");
        run(&sim, 5);
        assert_eq!(set(&sim)["status"]["updateRevision"], first);
        assert_eq!(number(&set(&sim), "/status/updatedReplicas"), 1);
    }

    #[test]
    fn a_set_that_was_deleted_and_made_again_waits_for_the_old_pod_to_go() {
        let sim = bare_world(Options::default());
        run(&sim, 60);
        let before = pod(&sim).unwrap()["metadata"]["uid"].clone();
        sim.user_delete(&id(Kind::StatefulSet, "rpc-0"));
        update(&sim, "sei:v1");
        run(&sim, 60);
        let after = pod(&sim).unwrap();
        assert_ne!(after["metadata"]["uid"], before);
        assert_eq!(controller_uid(&after), text(&set(&sim), "/metadata/uid"));
    }

    #[test]
    fn a_failed_pod_is_replaced() {
        let sim = bare_world(Options::default());
        run(&sim, 60);
        let before = pod(&sim).unwrap()["metadata"]["uid"].clone();
        sim.evict(&crate::sim::testing::key());
        run(&sim, 60);
        let after = pod(&sim).unwrap();
        assert_ne!(after["metadata"]["uid"], before);
        assert_eq!(text(&after, "/status/phase"), "Running");
    }
}
