//! The Job controller, as far as a Job with one pod and no second try goes, and the garbage collector where it deletes such
//! a Job after its pod.

use serde_json::{Value, json};

use crate::sim::clock::Due;
use crate::sim::json::{self, list, text};
use crate::sim::state::State;
use crate::sim::store::{Change, FOREGROUND, controller_uid, is_leaving};
use crate::world::{Kind, ObjectId};

/// Any change of a Job or of its pod makes the controller look, a little later.
pub(in crate::sim) fn notice(state: &mut State, change: &Change) {
    let job = match change.id.kind {
        Kind::Job => change.after.is_some().then(|| change.id.clone()),
        Kind::Pod => change.after.as_ref().or(change.before.as_ref()).and_then(|pod| {
            let owner = state.store.by_uid(controller_uid(pod));
            owner.filter(|(id, _)| id.kind == Kind::Job).map(|(id, _)| id.clone())
        }),
        Kind::SeiNode
        | Kind::StatefulSet
        | Kind::Service
        | Kind::PersistentVolumeClaim
        | Kind::PersistentVolume
        | Kind::ConfigMap
        | Kind::Secret
        | Kind::Lease
        | Kind::Certificate => None,
    };
    if let Some(id) = job {
        let delay = state.options.delays.statefulset_seconds.max(1);
        let at = state.now.plus_seconds(delay);
        state.queue.push_once(at, Due::Job(id));
    }
}

/// Makes the pod once, and says how it ended.
pub(in crate::sim) fn sync(state: &mut State, id: &ObjectId) {
    let Some(job) = state.store.get(id).cloned() else {
        return;
    };
    let uid = text(&job, "/metadata/uid");
    let pods = state.store.list(Kind::Pod).filter(|(_, pod)| controller_uid(pod) == uid);
    let pod = pods.map(|(id, pod)| (id.clone(), pod.clone())).next();
    if is_leaving(&job) {
        return leave(state, id, pod.map(|(id, _)| id));
    }
    if !list(&job, "/status/conditions").is_empty() {
        return;
    }
    let begun = !text(&job, "/status/startTime").is_empty();
    match pod.as_ref().map(|(_, pod)| text(pod, "/status/phase")) {
        None if !begun => begin(state, id, &job),
        Some("Succeeded") => end(state, id, &["SuccessCriteriaMet", "Complete"], ""),
        Some("Failed") | None => {
            end(state, id, &["FailureTarget", "Failed"], "Job has reached the specified backoff limit")
        }
        Some(_) => {}
    }
}

/// Foreground deletion: first the pod, then the Job.
fn leave(state: &mut State, id: &ObjectId, pod: Option<ObjectId>) {
    match pod {
        Some(pod) => state.store.delete(&pod),
        None => state.store.update(id, |job| {
            let kept =
                list(job, "/metadata/finalizers").iter().filter(|finalizer| finalizer.as_str() != Some(FOREGROUND));
            let kept: Vec<Value> = kept.cloned().collect();
            json::set(job, &["metadata", "finalizers"], Value::Array(kept));
        }),
    }
}

fn begin(state: &mut State, id: &ObjectId, job: &Value) {
    let suffix = state.ids.uid();
    let suffix = suffix.get(suffix.len().saturating_sub(5)..).unwrap_or_default();
    let pod_id = ObjectId::new(Kind::Pod, id.namespace.clone(), format!("{}-{suffix}", id.name));
    // The name was never used, so this cannot meet an object of that name.
    let _ = state.store.create(&pod_id, &new_pod(&pod_id, job), &mut state.ids);
    let now = state.now.to_string();
    state.store.set_status(id, json!({ "active": 1, "startTime": now }));
}

fn new_pod(pod_id: &ObjectId, job: &Value) -> Value {
    let mut pod = job.pointer("/spec/template").cloned().unwrap_or_default();
    json::set(&mut pod, &["apiVersion"], json!("v1"));
    json::set(&mut pod, &["kind"], json!("Pod"));
    json::set(&mut pod, &["metadata", "name"], json!(pod_id.name));
    json::set(&mut pod, &["metadata", "namespace"], json!(pod_id.namespace));
    let (name, uid) = (text(job, "/metadata/name"), text(job, "/metadata/uid"));
    json::set(&mut pod, &["metadata", "labels", "batch.kubernetes.io/job-name"], json!(name));
    json::set(&mut pod, &["metadata", "labels", "batch.kubernetes.io/controller-uid"], json!(uid));
    let owner = json!([{
        "apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid,
        "controller": true, "blockOwnerDeletion": true,
    }]);
    json::set(&mut pod, &["metadata", "ownerReferences"], owner);
    json::set(&mut pod, &["status"], json!({ "phase": "Pending" }));
    pod
}

fn end(state: &mut State, id: &ObjectId, kinds: &[&str], message: &str) {
    let conditions: Vec<Value> =
        kinds.iter().map(|kind| json!({ "type": kind, "status": "True", "message": message })).collect();
    let started = state.store.get(id).map(|job| text(job, "/status/startTime").to_owned());
    state.store.set_status(id, json!({ "startTime": started, "conditions": conditions }));
}
