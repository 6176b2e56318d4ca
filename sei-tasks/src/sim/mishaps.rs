//! What happens to a node right before a call of the operator.

use serde_json::json;

use crate::world::{Kind, ObjectId};

use super::clock::Due;
use super::controllers::kubelet::{self, SIDECAR};
use super::faults::Mishap;
use super::json;
use super::state::{State, node_id};
use super::trace::{Fact, What};
use super::user;
use super::user::pod_of;

/// Lets something happen to the node that is reconciled.
pub(super) fn befall(state: &mut State, mishap: Mishap) {
    let Some(key) = state.process.look.as_ref().map(|look| look.key.clone()) else { return };
    let what = format!("{mishap:?} before the next call");
    state.record(Fact::User(what.clone()));
    state.tell(Some(key.clone()), What::User { what });
    let pod = pod_of(state, &key);
    let child = |kind| ObjectId::new(kind, key.namespace.clone(), key.name.clone());
    match mishap {
        Mishap::SidecarRestarts => kubelet::restart_container(state, &pod, SIDECAR),
        Mishap::SidecarForgets => forget_tasks(state, &pod),
        Mishap::SidecarIsSilent(seconds) => {
            let until = state.now.plus_seconds(seconds);
            state.sidecars.silent_until.insert(key.clone(), until);
        }
        Mishap::PodEvicted => kubelet::evict(state, &pod),
        Mishap::PodDeleted => state.store.delete(&pod),
        Mishap::MachineLost(seconds) => {
            kubelet::pause(state, true);
            state.store.delete(&pod);
            state.queue.push(state.now.plus_seconds(seconds), Due::KubeletBack);
        }
        Mishap::StatefulSetDeleted => state.store.delete(&child(Kind::StatefulSet)),
        Mishap::ServiceDeleted => state.store.delete(&child(Kind::Service)),
        Mishap::ClockJumps(seconds) => state.skew_seconds += seconds,
        Mishap::WatchStalls(seconds) => state.stall_watches(seconds),
        Mishap::EditedAndReverted => {
            let image = state.store.get(&node_id(&key)).map(|node| node["spec"]["image"].clone());
            for image in [Some(json!("registry.example/seid:mistaken")), image].into_iter().flatten() {
                // An image is never refused, and a node that is gone has none.
                let _ = state.store.edit(user::KUBECTL, &node_id(&key), |node| node["spec"]["image"] = image);
            }
        }
        Mishap::Labelled => {
            for id in [node_id(&key), child(Kind::StatefulSet)] {
                let path = ["metadata", "labels", "gitops.example/instance"];
                // A label is never refused, and what is gone has none.
                let _ = state.store.edit("gitops", &id, |object| json::set(object, &path, json!("nodes")));
            }
        }
    }
    state.react();
}

/// The database of a sidecar is lost, while its process runs: nothing goes on that was under way.
fn forget_tasks(state: &mut State, pod: &ObjectId) {
    let uid = state.store.get(pod).map(|pod| json::text(pod, "/metadata/uid").to_owned()).unwrap_or_default();
    let disk = state.kubelet.pods.get(&uid).and_then(|run| run.disk.clone());
    if let Some(disk) = disk.and_then(|disk| state.sidecars.disks.get_mut(&disk)) {
        disk.rows.clear();
        disk.forgot = true;
    }
}
