//! Which consensus keys run where: S1 and S2. A key is what is in the Secret when the container starts, not the Secret's name.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use sei_planner::inspect::{Verdict, consensus_key};
use sei_planner::manifests::key_lease_name;
use serde::Deserialize;
use serde_json::Value;

use crate::world::{Kind, ObjectId};

use super::controllers::kubelet::{self, SEID};
use super::invariants::Violation;
use super::json::{list, text};
use super::state::State;
use super::store::show;

/// The volume with the consensus key.
const VOLUME: &str = "signing-key";

/// Keys that containers were started with.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct ConsensusKeys {
    /// Pod by uid, and the key that its seid was started with last.
    of_pods: BTreeMap<String, String>,
    /// Uid of the claim that ran a key last.
    disks: BTreeMap<String, String>,
}

/// Called when seid of a pod has started.
pub(super) fn seid_started(state: &mut State, id: &ObjectId, uid: &str) {
    let Some(key) = mounted_key(state, id) else { return };
    let disk = state.kubelet.pods.get(uid).and_then(|run| run.disk.clone()).unwrap_or_default();
    let others = state.keys.of_pods.iter().filter(|(other, held)| *other != uid && **held == key);
    let signs_too = others.map(|(other, _)| other.clone()).find(|other| kubelet::runs(state, other, SEID));
    if let Some(other) = signs_too {
        broken(state, "S1", format!("{} and the pod {other} run with one consensus key", show(id)));
    }
    let moved = state.keys.disks.get(&key).is_some_and(|last| *last != disk);
    if moved && !acknowledged(state, &key) {
        broken(state, "S2", format!("{} runs a consensus key on another disk, and nobody agreed", show(id)));
    }
    state.keys.disks.insert(key.clone(), disk);
    state.keys.of_pods.insert(uid.to_owned(), key);
}

fn broken(state: &mut State, invariant: &'static str, what: String) {
    state.violations.push(Violation { at: state.now, invariant, what });
}

fn mounted_key(state: &State, id: &ObjectId) -> Option<String> {
    let pod = state.store.get(id)?;
    let volume = list(pod, "/spec/volumes").iter().find(|volume| text(volume, "/name") == VOLUME)?;
    let name = text(volume, "/secret/secretName");
    let secret = state.store.get(&ObjectId::new(Kind::Secret, id.namespace.clone(), name))?;
    let secret = Secret::deserialize(Value::clone(secret)).ok()?;
    match consensus_key(Some(&secret), name, &id.namespace) {
        Verdict::Good(key) => Some(key.fingerprint),
        Verdict::NotYet(_) | Verdict::Bad(_) => None,
    }
}

fn acknowledged(state: &State, key: &str) -> bool {
    let leases = state.store.list(Kind::Lease).filter(|(id, _)| id.name == key_lease_name(key));
    leases.map(|(_, lease)| &lease["metadata"]["annotations"]["sei.io/acknowledged"]).any(Value::is_string)
}
