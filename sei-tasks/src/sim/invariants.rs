//! What must never happen, checked at every call of the operator against the world as it stood before the call. The
//! names are those of the invariants in the reliability design: S3, S4, S7, S8, S11, S13.

use std::fmt;

use sei_planner::api::{PlanPhase, SeiNode, SeiNodeStatus, Time};
use sei_planner::names::NodeKey;
use serde_json::Value;

use crate::world::{Kind, ObjectId, TaskRequest};

use super::api::Request;
use super::controllers::kubelet::{self, SEID};
use super::controllers::statefulset::REVISION_LABEL;
use super::json::{number, text};
use super::state::{State, node_id};
use super::store::{controller_uid, is_leaving, show};

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// When.
    pub at: Time,
    /// Which invariant, for example `S8`.
    pub invariant: &'static str,
    /// What happened.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} broken at {}: {}", self.invariant, self.at, self.what)
    }
}

/// Checks a call that is about to be applied; called before it is.
pub(super) fn check(state: &mut State, request: &Request<'_>) {
    let Some(key) = state.process.look.as_ref().map(|look| look.key.clone()) else {
        return;
    };
    let found = match *request {
        Request::Node(_) | Request::Read(_) | Request::Task(..) | Request::Health(_) | Request::Announce(..) => {
            Vec::new()
        }
        Request::Create(id) => vec![plan_first(state, &key, &show(id))],
        Request::Apply(id) => vec![plan_first(state, &key, &show(id)), own_child(state, &key, id)],
        Request::Delete(id, uid) => check_delete(state, &key, id, uid),
        Request::PatchMetadata(id) => check_metadata(state, &key, id),
        Request::WriteStatus(node, status) => check_status(state, &key, node, status),
        Request::Submit(_, task) => vec![plan_first(state, &key, task.kind), planned_task(state, &key, task)],
    };
    let at = state.now;
    for (invariant, what) in found.into_iter().flatten() {
        state.violations.push(Violation { at, invariant, what });
    }
}

type Finding = Option<(&'static str, String)>;

/// S8: effects belong to a plan that is stored and active. A node that is being deleted needs none.
fn plan_first(state: &State, key: &NodeKey, what: &str) -> Finding {
    let node = state.store.get(&node_id(key));
    if node.is_some_and(|node| is_leaving(node)) {
        return None;
    }
    let active = node.is_some_and(|node| text(node, "/status/plan/phase") == "Active");
    (!active).then(|| ("S8", format!("{what}: {key} has no active plan stored")))
}

/// S8: a task that is submitted stands in the stored plan, under its id, and is not over.
fn planned_task(state: &State, key: &NodeKey, request: &TaskRequest) -> Finding {
    let plan = state.node(key)?.status?.plan?;
    if plan.phase != PlanPhase::Active {
        return None;
    }
    let known = plan.tasks.iter().any(|task| task.id == request.id && task.kind == request.kind);
    let (kind, id) = (request.kind, &request.id);
    (!known).then(|| ("S8", format!("{kind} {id} is not in the stored plan of {key}")))
}

fn node_uid(state: &State, key: &NodeKey) -> String {
    let node = state.store.get(&node_id(key));
    node.map(|node| text(node, "/metadata/uid").to_owned()).unwrap_or_default()
}

/// S4: an existing object is only written when this very node controls it.
fn own_child(state: &State, key: &NodeKey, id: &ObjectId) -> Finding {
    let object = state.store.get(id)?;
    let owner = state.node_uid_over(object);
    let uid = node_uid(state, key);
    let own = !uid.is_empty() && owner == uid;
    (!own).then(|| ("S4", format!("{} is not controlled by {key}", show(id))))
}

fn check_delete(state: &State, key: &NodeKey, id: &ObjectId, uid: &str) -> Vec<Finding> {
    let object = state.store.get(id);
    if object.is_none_or(|object| text(object, "/metadata/uid") != uid) {
        // Nothing is deleted: the precondition fails.
        return Vec::new();
    }
    let mut found = vec![plan_first(state, key, &format!("delete of {}", show(id))), own_child(state, key, id)];
    match id.kind {
        Kind::PersistentVolumeClaim => found.push(claim_may_go(state, key, id)),
        Kind::Pod => found.push(pod_is_outdated(state, id)),
        Kind::SeiNode => found.push(Some(("S4", format!("delete of {}", show(id))))),
        Kind::StatefulSet | Kind::Service | Kind::PersistentVolume => {}
    }
    found
}

/// S3: a claim goes only with its node, was never imported, and is not to be kept.
fn claim_may_go(state: &State, key: &NodeKey, id: &ObjectId) -> Finding {
    let claim = state.store.get(id)?;
    let node = state.store.get(&node_id(key))?;
    let imported = text(node, "/spec/dataVolume/import/pvcName") == id.name
        || super::json::list(node, "/status/importedPVCs").contains(&Value::from(id.name.clone()));
    let kept = node.pointer("/spec/dataVolume/retainOnDelete") == Some(&Value::Bool(true));
    let own = controller_uid(claim) == text(node, "/metadata/uid");
    let fine = is_leaving(node) && own && !imported && !kept;
    (!fine).then(|| {
        let why = format!("own {own}, imported {imported}, kept {kept}, node deleted {}", is_leaving(node));
        ("S3", format!("{} must not be deleted: {why}", show(id)))
    })
}

/// S13: a pod of the newest template is left alone.
fn pod_is_outdated(state: &State, id: &ObjectId) -> Finding {
    let pod = state.store.get(id)?;
    let (_, set) = state.store.by_uid(controller_uid(pod))?;
    let observed = number(set, "/status/observedGeneration") == number(set, "/metadata/generation");
    let revision = text(pod, &format!("/metadata/labels/{REVISION_LABEL}"));
    let newest = text(set, "/status/updateRevision") == revision;
    (observed && newest).then(|| ("S13", format!("{} is at its target already", show(id))))
}

/// Children may lose their owner (S4); the node's own metadata is its own affair.
fn check_metadata(state: &State, key: &NodeKey, id: &ObjectId) -> Vec<Finding> {
    if *id == node_id(key) {
        return Vec::new();
    }
    let what = format!("patch of {}", show(id));
    vec![plan_first(state, key, &what), own_child(state, key, id)]
}

fn check_status(state: &mut State, key: &NodeKey, node: &SeiNode, status: &SeiNodeStatus) -> Vec<Finding> {
    vec![single_writer(state, key, node), truthful_image(state, key, status)]
}

/// S7: one status write per reconcile, on a version of the node that this reconcile read.
fn single_writer(state: &mut State, key: &NodeKey, node: &SeiNode) -> Finding {
    let look = state.process.look.as_mut()?;
    look.status_writes += 1;
    let version = node.metadata.resource_version.clone().unwrap_or_default();
    if look.status_writes > 1 {
        return Some(("S7", format!("{key}: second status write of one reconcile")));
    }
    (!look.versions.contains(&version)).then(|| {
        let what = format!("{key}: status write on version {version:?}, which nobody read");
        ("S7", what)
    })
}

/// S11: a new `currentImage` is what the node's pod runs now.
fn truthful_image(state: &State, key: &NodeKey, status: &SeiNodeStatus) -> Finding {
    let image = status.current_image.as_deref()?;
    let before = state.store.get(&node_id(key))?;
    if text(before, "/status/currentImage") == image {
        return None;
    }
    let pod_id = ObjectId::new(Kind::Pod, key.namespace.clone(), key.pod());
    let uid = state.store.get(&pod_id).map(|pod| text(pod, "/metadata/uid"));
    let runs =
        uid.is_some_and(|uid| kubelet::runs(state, uid, SEID)) && kubelet::image_of(state, &pod_id, SEID) == image;
    (!runs).then(|| ("S11", format!("{key}: currentImage {image} and no pod runs it")))
}
