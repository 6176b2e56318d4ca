//! What happens when a SeiNode is deleted: pods stop, the data claim goes or stays, the finalizer is removed last.

use std::collections::BTreeMap;

use sei_planner::api::{NodePhase, SeiNode};
use sei_planner::manifests::NODE_LABEL;
use sei_planner::names::NodeKey;
use sei_planner::node::{KeyHolder, controller_uid, terminating};
use serde_json::{Value, json};

use crate::execute::release_keys;
use crate::finalizer;
use crate::object::{self, is_leaving};
use crate::status::store_status;
use crate::unreadable::read_seinode;
use crate::world::{Clock, Cluster, ClusterError, Kind, LookAgain, ObjectId, Propagation, Sidecar, World};

/// Seconds until a stopping pod is looked at again, should its watch say nothing.
const STOPPING_SECONDS: i64 = 10;
/// Tasks of plans that may leave a Job behind.
const BOOTSTRAP_TASKS: [&str; 2] = ["deploy-bootstrap-job", "teardown-bootstrap"];

/// One step further towards the end of a node.
pub(crate) async fn delete_node<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    key: &NodeKey,
    node: SeiNode,
) -> Result<LookAgain, ClusterError> {
    if !finalizer::is_on(&node) {
        world.memory.forget(key);
        return Ok(LookAgain { at: None });
    }
    let node = announce_the_end(world, node).await?;
    if !pods_are_gone(world, key, &node).await? {
        return Ok(LookAgain { at: Some(world.clock.now().plus_seconds(STOPPING_SECONDS)) });
    }
    let same = |live: &SeiNode| live.metadata.uid == node.metadata.uid;
    let Some(node) = live_node(world, key).await?.filter(same) else {
        return Ok(LookAgain { at: None });
    };
    let leases = node.status.as_ref().map(|status| status.signing_key_leases.clone()).unwrap_or_default();
    let holder = KeyHolder { node: key.clone(), uid: node.metadata.uid.clone().unwrap_or_default() };
    release_keys(world, &holder, &leases).await?;
    settle_data_claim(world, key, &node).await?;
    finalizer::remove(world, key, &node).await?;
    world.memory.forget(key);
    Ok(LookAgain { at: None })
}

/// The node as it stands: what it says about its claim must not be read from a watch that lags.
async fn live_node<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    key: &NodeKey,
) -> Result<Option<SeiNode>, ClusterError> {
    let id = ObjectId::new(Kind::SeiNode, &key.namespace, &key.name);
    world.cluster.read(&id).await?.as_ref().map(read_seinode).transpose().map_err(ClusterError::from)
}

async fn announce_the_end<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: SeiNode,
) -> Result<SeiNode, ClusterError> {
    let old = node.status.clone().unwrap_or_default();
    if old.phase == Some(NodePhase::Terminating) {
        return Ok(node);
    }
    store_status(world, &node, &old, &terminating(&old, world.clock.now())).await
}

/// Deletes what makes pods, and says whether all pods are gone: the data claim is not touched before (S3, L5). The label
/// alone tells whose a pod is: what made it may be gone already.
async fn pods_are_gone<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    key: &NodeKey,
    node: &SeiNode,
) -> Result<bool, ClusterError> {
    stop(world, node, &ObjectId::new(Kind::StatefulSet, &key.namespace, &key.name)).await?;
    if started_a_bootstrap(node) {
        stop(world, node, &ObjectId::new(Kind::Job, &key.namespace, key.bootstrap_job())).await?;
    }
    let labels = BTreeMap::from([(NODE_LABEL.to_owned(), key.name.clone())]);
    Ok(world.cluster.pods(&key.namespace, &labels).await?.is_empty())
}

fn started_a_bootstrap(node: &SeiNode) -> bool {
    let plan = node.status.as_ref().and_then(|status| status.plan.as_ref());
    plan.is_some_and(|plan| plan.tasks.iter().any(|task| BOOTSTRAP_TASKS.contains(&task.kind.as_str())))
}

async fn stop<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &SeiNode,
    id: &ObjectId,
) -> Result<(), ClusterError> {
    let Some(object) = world.cluster.read(id).await?.filter(|object| owned_by(object, node)) else { return Ok(()) };
    if is_leaving(&object) {
        return Ok(());
    }
    world.cluster.delete(id, object::uid(&object), Propagation::Background).await
}

/// Deletes the claim that was made for this node, or sets it free where `retainOnDelete` says so. A claim of anybody else
/// is never touched (P1, P7), nor one that was ever imported.
async fn settle_data_claim<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    key: &NodeKey,
    node: &SeiNode,
) -> Result<(), ClusterError> {
    let name = key.generated_claim();
    if node.status.as_ref().is_some_and(|status| status.imported_pvcs.contains(&name)) {
        return Ok(());
    }
    let id = ObjectId::new(Kind::PersistentVolumeClaim, &key.namespace, name);
    let Some(claim) = world.cluster.read(&id).await?.filter(|object| owned_by(object, node)) else {
        return Ok(());
    };
    let retain = node.spec.data_volume.as_ref().and_then(|volume| volume.retain_on_delete).unwrap_or(false);
    if !retain {
        return world.cluster.delete(&id, object::uid(&claim), Propagation::Background).await;
    }
    let uid = node.metadata.uid.as_deref().unwrap_or_default();
    let owners = claim["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
    let others: Vec<Value> = owners.into_iter().filter(|owner| owner["uid"] != uid).collect();
    let others = json!({ "ownerReferences": others });
    world.cluster.patch_metadata(&id, object::uid(&claim), object::version(&claim), &others).await.map(|_| ())
}

fn owned_by(object: &Value, node: &SeiNode) -> bool {
    let uid = node.metadata.uid.as_deref();
    uid.is_some() && controller_uid(object).as_deref() == uid
}
