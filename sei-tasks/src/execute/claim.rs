//! One consensus key, one holder (D4): the Lease of a key is taken before anything mounts it. The judgement is the planner's.

use sei_planner::api::{ConditionStatus, conditions as c};
use sei_planner::inspect::{ConsensusKey, Verdict, consensus_key};
use sei_planner::manifests::{KEY_ACKNOWLEDGED_ANNOTATION, KEY_VOLUME_ANNOTATION, KeyNotes, key_lease, key_lease_name};
use sei_planner::node::{KeyHolder, KeyRecord, KeyVerdict, Stamp, ValidNode, begins_to_sign, judge_key};
use sei_planner::step::Outcome;
use sei_planner::task::SecretRef;
use serde_json::Value;

use super::checks::SIGNING_KEY;
use super::keys::{At, all_rules_passed};
use super::{lost_ground, signers, terminal};
use crate::object::{text, uid, version};
use crate::serving::{pod_id, statefulset_id};
use crate::world::{Clock, Cluster, ClusterError, Created, Kind, ObjectId, Sidecar, World};

/// Takes the key for this node, or says who has it.
pub(super) async fn signing_key<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    at: At<'_>,
    secret: &SecretRef,
) -> Result<Outcome, ClusterError> {
    let claim = ObjectId::new(Kind::PersistentVolumeClaim, &node.key.namespace, &node.data_volume.claim);
    let Some(claim) = world.cluster.read(&claim).await? else {
        return Ok(lost_ground(format!(
            "the claim {:?}, the disk that the consensus key is to run on, is gone",
            node.data_volume.claim
        )));
    };
    let key = match key_in(world, node, &at, &secret.secret_name).await {
        Ok(key) => key,
        Err(outcome) => return Ok(outcome),
    };
    match take(world, node, at, &key, &secret.secret_name, uid(&claim)).await? {
        Outcome::Done(held) if begins_to_sign(at.plan) => {
            signers::await_silence(world, node, at, &secret.secret_name, &key, held).await
        }
        settled @ (Outcome::Done(_) | Outcome::Waiting(_) | Outcome::Failed(_)) => Ok(settled),
    }
}

/// A pod that waits for the claim starts, with the key, as soon as there is one: so the key is taken, for a disk to come,
/// before the claim, which is not there, is made. `None` when nothing stands in the way of that.
pub(super) async fn before_a_fresh_disk<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    at: At<'_>,
) -> Result<Option<Outcome>, ClusterError> {
    let Some(secret) = &node.signing_key else { return Ok(None) };
    let starts = pod_would_start(world, node).await?;
    let key = match key_in(world, node, &at, secret).await {
        Ok(key) if starts || lost_its_disk(world, node, &key).await? => key,
        Err(outcome) if starts => return Ok(Some(outcome)),
        Ok(_) | Err(_) => return Ok(None),
    };
    match take(world, node, at, &key, secret, TO_COME).await? {
        Outcome::Done(_) => Ok(None),
        hindered @ (Outcome::Waiting(_) | Outcome::Failed(_)) => Ok(Some(hindered)),
    }
}

/// Whether the production pod is there, or will be made.
async fn pod_would_start<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
) -> Result<bool, ClusterError> {
    Ok(world.cluster.read(&statefulset_id(node)).await?.is_some() || world.cluster.read(&pod_id(node)).await?.is_some())
}

/// Whether this node ran the key on a disk that is no more. What a process that died had sent may still arrive then, and bring
/// the StatefulSet back.
async fn lost_its_disk<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    key: &ConsensusKey,
) -> Result<bool, ClusterError> {
    let Some(lease) = world.cluster.read(&lease_id(world, key)).await? else { return Ok(false) };
    let mine = text(&lease, "/spec/holderIdentity") == KeyHolder::of(node).to_string();
    Ok(mine && volume_of(&lease) != TO_COME)
}

/// The key in a Secret, or what to do without it.
async fn key_in<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    at: &At<'_>,
    secret: &str,
) -> Result<ConsensusKey, Outcome> {
    let found = at.secret(world, secret).await?;
    match consensus_key(found.as_ref(), secret, &node.key.namespace) {
        Verdict::Good(key) => Ok(key),
        Verdict::NotYet(on) => Err(at.waiting(world.clock.now(), on, Vec::new())),
        Verdict::Bad(why) => Err(terminal(why)),
    }
}

fn lease_id<C: Cluster, S: Sidecar, K: Clock>(world: &World<C, S, K>, key: &ConsensusKey) -> ObjectId {
    ObjectId::new(Kind::Lease, &world.keys_namespace, key_lease_name(&key.fingerprint))
}

/// The volume of a key whose disk is still to be made.
const TO_COME: &str = "";

/// Takes the key in a Secret for this node and this disk.
async fn take<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    at: At<'_>,
    key: &ConsensusKey,
    secret: &str,
    volume: &str,
) -> Result<Outcome, ClusterError> {
    let now = world.clock.now();
    let id = lease_id(world, key);
    let lease = world.cluster.read(&id).await?;
    let record = record(world, lease.as_ref()).await?;
    match judge_key(node, &key.fingerprint, volume, &record) {
        KeyVerdict::Held => Ok(held(secret, &id)),
        KeyVerdict::Take { answer } => {
            // The answer that let the key go to a disk to come holds for that disk.
            let earlier = lease.as_ref().filter(|_| record.volume == TO_COME).and_then(acknowledged);
            let notes = KeyNotes { address: &key.address, acknowledged: answer.as_deref().or(earlier) };
            let holder = KeyHolder::of(node);
            let read = lease.as_ref().map(|lease| (uid(lease), version(lease)));
            let wanted = key_lease(&id.namespace, &id.name, Some(&holder), volume, &notes, read);
            write(world, &id, &wanted, lease.is_some()).await.map(|()| held(secret, &id))
        }
        KeyVerdict::InUse { holder } => {
            let on = format!("SeiNode {holder} to let go of the consensus key");
            Ok(at.waiting(now, on, vec![in_use(secret, key, &holder)]))
        }
        KeyVerdict::Ask { why, token } => {
            let asked =
                format!("{why}. Once nothing signs with it any more, and the newest sign state is on this node's disk");
            Ok(at.waiting(
                now,
                format!("an answer: {why}"),
                vec![Stamp::Ask { reason: c::SIGNING_KEY_MOVES, why: asked, token }],
            ))
        }
    }
}

/// Lets go of the keys that a node held. Called when its pods are gone; the disk that ran them stays on record.
pub(crate) async fn release_keys<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    holder: &KeyHolder,
    leases: &[String],
) -> Result<(), ClusterError> {
    for name in leases {
        let id = ObjectId::new(Kind::Lease, &world.keys_namespace, name);
        let Some(lease) = world.cluster.read(&id).await? else { continue };
        if text(&lease, "/spec/holderIdentity") == holder.to_string() {
            let volume = volume_of(&lease);
            let free = key_lease(
                &id.namespace,
                name,
                None,
                volume,
                &KeyNotes::default(),
                Some((uid(&lease), version(&lease))),
            );
            world.cluster.apply(&id, &free).await?;
        }
    }
    Ok(())
}

async fn record<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    lease: Option<&Value>,
) -> Result<KeyRecord, ClusterError> {
    let Some(lease) = lease else { return Ok(KeyRecord::default()) };
    let holder = text(lease, "/spec/holderIdentity").to_owned();
    let holder_exists = match KeyHolder::parse(&holder) {
        None => false,
        Some(known) => {
            let id = ObjectId::new(Kind::SeiNode, &known.node.namespace, &known.node.name);
            world.cluster.read(&id).await?.is_some_and(|node| uid(&node) == known.uid)
        }
    };
    Ok(KeyRecord { holder, volume: volume_of(lease).to_owned(), holder_exists })
}

/// Writes the Lease, if it still stands as it was read.
async fn write<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    id: &ObjectId,
    wanted: &Value,
    exists: bool,
) -> Result<(), ClusterError> {
    if exists {
        return world.cluster.apply(id, wanted).await.map(|_| ());
    }
    match world.cluster.create(id, wanted).await? {
        Created::New(_) => Ok(()),
        Created::AlreadyExists => Err(ClusterError::Conflict(format!("Lease {} was made by somebody else", id.name))),
    }
}

fn held(secret: &str, id: &ObjectId) -> Outcome {
    let passed = SIGNING_KEY.passed(all_rules_passed(secret, "signing-key"));
    Outcome::Done(vec![Stamp::SigningKeyHeld(id.name.clone()), passed])
}

fn in_use(secret: &str, key: &ConsensusKey, holder: &str) -> Stamp {
    let what =
        format!("the consensus key in Secret {secret:?} (validator {}) is held by SeiNode {holder}", key.address);
    Stamp::Check {
        condition: c::SIGNING_KEY_READY,
        status: ConditionStatus::False,
        reason: c::SIGNING_KEY_IN_USE,
        message: format!("{what}; delete that node, and this one goes on once its pod is gone"),
    }
}

fn volume_of(lease: &Value) -> &str {
    lease["metadata"]["annotations"][KEY_VOLUME_ANNOTATION].as_str().unwrap_or_default()
}

fn acknowledged(lease: &Value) -> Option<&str> {
    lease["metadata"]["annotations"][KEY_ACKNOWLEDGED_ANNOTATION].as_str()
}
