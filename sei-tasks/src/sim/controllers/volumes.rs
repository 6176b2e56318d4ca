//! The volume controllers: claims are bound when a pod needs them, protected while one uses them, and their disks go
//! with them.

use serde_json::{Value, json};

use crate::sim::clock::Due;
use crate::sim::json::{self, list, text};
use crate::sim::state::State;
use crate::sim::store::{CLAIM_PROTECTION, Change, is_leaving};
use crate::world::{Kind, ObjectId};

/// A claim that is being deleted, or a pod that went, may set a claim free.
pub(in crate::sim) fn notice(state: &mut State, change: &Change) {
    match change.id.kind {
        Kind::PersistentVolumeClaim => match (&change.before, &change.after) {
            (_, Some(claim)) if is_leaving(claim) => {
                state.queue.push_once(state.now, Due::Claim(change.id.clone()));
            }
            (Some(claim), None) => release(state, &claim.clone()),
            (_, Some(_)) | (None, None) => {}
        },
        Kind::Pod => {
            if let (Some(pod), None) = (&change.before, &change.after) {
                for claim in claims_of(&change.id, pod) {
                    state.queue.push_once(state.now, Due::Claim(claim));
                }
            }
        }
        Kind::SeiNode
        | Kind::StatefulSet
        | Kind::Service
        | Kind::PersistentVolume
        | Kind::Job
        | Kind::ConfigMap
        | Kind::Secret
        | Kind::Lease
        | Kind::Certificate => {}
    }
}

/// Takes the protection off a claim that is being deleted and that no pod uses. A pod that no machine was found for uses
/// nothing: the real scheduler finds none for a pod whose claim is being deleted.
pub(in crate::sim) fn sync(state: &mut State, id: &ObjectId) {
    let leaving = state.store.get(id).is_some_and(|claim| is_leaving(claim));
    let placed = |pod: &Value| !text(pod, "/spec/nodeName").is_empty();
    let used = state.store.list(Kind::Pod).any(|(pod, value)| placed(value) && claims_of(pod, value).contains(id));
    if leaving && !used {
        state.store.update(id, |claim| {
            let kept: Vec<Value> = list(claim, "/metadata/finalizers")
                .iter()
                .filter(|finalizer| finalizer.as_str() != Some(CLAIM_PROTECTION))
                .cloned()
                .collect();
            json::set(claim, &["metadata", "finalizers"], Value::Array(kept));
        });
    }
}

/// The claims that a pod mounts.
pub(in crate::sim) fn claims_of(pod: &ObjectId, value: &Value) -> Vec<ObjectId> {
    list(value, "/spec/volumes")
        .iter()
        .map(|volume| text(volume, "/persistentVolumeClaim/claimName"))
        .filter(|name| !name.is_empty())
        .map(|name| ObjectId::new(Kind::PersistentVolumeClaim, pod.namespace.clone(), name))
        .collect()
}

/// Binds a claim to a new volume of the size it asks for, unless it is bound.
pub(in crate::sim) fn bind(state: &mut State, id: &ObjectId) {
    let Some(claim) = state.store.get(id).cloned() else {
        return;
    };
    if text(&claim, "/status/phase") == "Bound" {
        return;
    }
    let size = claim.pointer("/spec/resources/requests/storage").cloned().unwrap_or_default();
    let modes = claim.pointer("/spec/accessModes").cloned().unwrap_or_default();
    let name = format!("pvc-{}", text(&claim, "/metadata/uid"));
    let volume = json!({
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": { "name": name },
        "spec": {
            "capacity": { "storage": size },
            "accessModes": modes,
            "persistentVolumeReclaimPolicy": "Delete",
            "claimRef": { "namespace": id.namespace, "name": id.name, "uid": text(&claim, "/metadata/uid") },
        },
        "status": { "phase": "Bound" },
    });
    let volume_id = ObjectId::new(Kind::PersistentVolume, "", name.clone());
    // A volume of that name can only be the one of this claim.
    let _ = state.store.create(&volume_id, &volume, &mut state.ids);
    state.store.update(id, |claim| {
        json::set(claim, &["spec", "volumeName"], json!(name));
        let bound = json!({ "phase": "Bound", "accessModes": modes, "capacity": { "storage": size } });
        json::set(claim, &["status"], bound);
    });
}

/// A claim is gone: its volume and what is on it go too, unless the volume is retained.
fn release(state: &mut State, claim: &Value) {
    let id = ObjectId::new(Kind::PersistentVolume, "", text(claim, "/spec/volumeName"));
    let retained =
        state.store.get(&id).is_some_and(|volume| text(volume, "/spec/persistentVolumeReclaimPolicy") == "Retain");
    if retained {
        state.store.update(&id, |volume| {
            json::set(volume, &["status", "phase"], json!("Released"));
        });
    } else {
        state.store.remove(&id);
        state.sidecars.disks.remove(text(claim, "/metadata/uid"));
    }
}
