//! One consensus key, one holder (D4): the Lease of a key is taken before anything mounts it. The judgement is the planner's.

use sei_planner::api::{ConditionStatus, conditions as c};
use sei_planner::inspect::{ConsensusKey, Verdict, consensus_key};
use sei_planner::manifests::{KEY_VOLUME_ANNOTATION, KeyNotes, key_lease, key_lease_name};
use sei_planner::node::{KeyHolder, KeyRecord, KeyVerdict, Stamp, ValidNode, judge_key};
use sei_planner::step::{Outcome, Waiting};
use sei_planner::task::SecretRef;
use serde_json::Value;

use super::checks::SIGNING_KEY;
use super::keys::At;
use super::{terminal, waiting};
use crate::secrets::read_secret;
use crate::world::{Clock, Cluster, ClusterError, Created, Kind, ObjectId, Sidecar, World};

/// Takes the key for this node, or says who has it.
pub(super) async fn signing_key<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    at: At<'_>,
    secret: &SecretRef,
) -> Result<Outcome, ClusterError> {
    let name = &secret.secret_name;
    let found = read_secret(world, &node.key.namespace, name).await?;
    let key = match consensus_key(found.as_ref(), name, &node.key.namespace) {
        Verdict::Good(key) => key,
        Verdict::NotYet(on) => return Ok(waiting(on)),
        Verdict::Bad(why) => return Ok(terminal(why)),
    };
    let claim = ObjectId::new(Kind::PersistentVolumeClaim, &node.key.namespace, &node.data_volume.claim);
    let Some(claim) = world.cluster.read(&claim).await? else {
        return Ok(waiting(format!("claim {:?}, the disk that the key is to run on", node.data_volume.claim)));
    };
    let id = ObjectId::new(Kind::Lease, &world.keys_namespace, key_lease_name(&key.fingerprint));
    let lease = world.cluster.read(&id).await?;
    let record = record(world, lease.as_ref()).await?;
    let volume = text(&claim, "/metadata/uid");
    let pause = at.pause_seconds(world.clock.now());
    match judge_key(node, &key.fingerprint, volume, &record) {
        KeyVerdict::Held => Ok(held(name, &id)),
        KeyVerdict::Take { answer } => {
            let notes = KeyNotes { address: &key.address, acknowledged: answer.as_deref() };
            let holder = KeyHolder::of(node);
            let read = lease.as_ref().map(version);
            let wanted = key_lease(&id.namespace, &id.name, Some(&holder), volume, &notes, read);
            write(world, &id, &wanted, lease.is_some()).await.map(|()| held(name, &id))
        }
        KeyVerdict::InUse { holder } => Ok(in_use(name, &key, &holder, pause)),
        KeyVerdict::Ask { why, token } => Ok(Outcome::Waiting(Waiting {
            on: format!("an answer: {why}"),
            look_again_seconds: pause,
            submitted: false,
            learned: vec![Stamp::AskForKey { why, token }],
        })),
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
            let free = key_lease(&id.namespace, name, None, volume, &KeyNotes::default(), Some(version(&lease)));
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
            world.cluster.read(&id).await?.is_some_and(|node| text(&node, "/metadata/uid") == known.uid)
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
    let passed = SIGNING_KEY.passed(format!("Secret {secret:?} passes all signing-key validation rules"));
    Outcome::Done(vec![Stamp::SigningKeyHeld(id.name.clone()), passed])
}

fn in_use(secret: &str, key: &ConsensusKey, holder: &str, pause: i64) -> Outcome {
    let what =
        format!("the consensus key in Secret {secret:?} (validator {}) is held by SeiNode {holder}", key.address);
    let check = Stamp::Check {
        condition: c::SIGNING_KEY_READY,
        status: ConditionStatus::False,
        reason: c::SIGNING_KEY_IN_USE,
        message: format!("{what}; delete that node, and this one goes on once its pod is gone"),
    };
    let on = format!("SeiNode {holder} to let go of the consensus key");
    Outcome::Waiting(Waiting { on, look_again_seconds: pause, submitted: false, learned: vec![check] })
}

fn volume_of(lease: &Value) -> &str {
    lease["metadata"]["annotations"][KEY_VOLUME_ANNOTATION].as_str().unwrap_or_default()
}

fn version(lease: &Value) -> (&str, &str) {
    (text(lease, "/metadata/uid"), text(lease, "/metadata/resourceVersion"))
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
