//! Which consensus keys run where: S1 and S2. A key is what is in the Secret when the container starts, not the Secret's name.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Secret;
use sei_planner::api::Time;
use sei_planner::inspect::{ConsensusKey, Verdict, consensus_key};
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
    of_pods: BTreeMap<String, ConsensusKey>,
    /// Uid of the claim that ran a key last, by the key's fingerprint.
    disks: BTreeMap<String, String>,
    /// Validators that nobody in the cluster knows of, by address: since when they sign, and until when.
    outside: BTreeMap<String, (Time, Option<Time>)>,
}

impl ConsensusKeys {
    /// A validator outside of the cluster signs from now on.
    pub(super) fn begins_outside(&mut self, address: &str, now: Time) {
        self.outside.insert(address.to_owned(), (now, None));
    }

    /// It stops.
    pub(super) fn ends_outside(&mut self, address: &str, now: Time) {
        if let Some((_, until)) = self.outside.get_mut(address) {
            *until = Some(now);
        }
    }
}

/// Addresses of the validators that signed the block of that time. What stopped in the cluster is forgotten: no key leaves it before
/// its pod is gone.
pub(super) fn signers_at(state: &State, time: Time) -> BTreeSet<String> {
    let signed = |(since, until): &(Time, Option<Time>)| *since <= time && until.is_none_or(|until| time < until);
    let outside = state.keys.outside.iter().filter(|(_, times)| signed(times)).map(|(address, _)| address);
    let runs = |uid: &String| state.kubelet.pods.get(uid).and_then(|run| run.runs_since(SEID));
    let inside = state.keys.of_pods.iter().filter(|(uid, _)| runs(uid).is_some_and(|since| since <= time));
    outside.chain(inside.map(|(_, key)| &key.address)).cloned().collect()
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
    let signs_outside = state.keys.outside.get(&key.address).is_some_and(|(_, until)| until.is_none());
    if signs_outside {
        broken(state, "S1", format!("{} runs with a consensus key that signs outside of the cluster", show(id)));
    }
    let moved = state.keys.disks.get(&key.fingerprint).is_some_and(|last| *last != disk);
    if moved && !acknowledged(state, &key.fingerprint) {
        broken(state, "S2", format!("{} runs a consensus key on another disk, and nobody agreed", show(id)));
    }
    state.keys.disks.insert(key.fingerprint.clone(), disk);
    state.keys.of_pods.insert(uid.to_owned(), key);
}

fn broken(state: &mut State, invariant: &'static str, what: String) {
    state.violations.push(Violation { at: state.now, invariant, what });
}

fn mounted_key(state: &State, id: &ObjectId) -> Option<ConsensusKey> {
    let pod = state.store.get(id)?;
    let volume = list(pod, "/spec/volumes").iter().find(|volume| text(volume, "/name") == VOLUME)?;
    let name = text(volume, "/secret/secretName");
    let secret = state.store.get(&ObjectId::new(Kind::Secret, id.namespace.clone(), name))?;
    let secret = Secret::deserialize(Value::clone(secret)).ok()?;
    match consensus_key(Some(&secret), name, &id.namespace) {
        Verdict::Good(key) => Some(key),
        Verdict::NotYet(_) | Verdict::Bad(_) => None,
    }
}

fn acknowledged(state: &State, key: &str) -> bool {
    let leases = state.store.list(Kind::Lease).filter(|(id, _)| id.name == key_lease_name(key));
    leases.map(|(_, lease)| &lease["metadata"]["annotations"]["sei.io/acknowledged"]).any(Value::is_string)
}
