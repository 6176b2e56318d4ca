//! What happens when a SeiNode is deleted: pods stop, the data claim goes or stays, the finalizer is removed last.

use sei_planner::api::{NodePhase, SeiNode};
use sei_planner::names::NodeKey;
use sei_planner::node::{controller_uid, terminating};
use serde_json::{Value, json};

use crate::finalizer;
use crate::world::{Clock, Cluster, ClusterError, Kind, LookAgain, ObjectId, Sidecar, World};

/// Seconds until a stopping pod is looked at again, should its watch say nothing.
const STOPPING_SECONDS: i64 = 10;

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
    if !pod_is_gone(world, key, &node).await? {
        return Ok(LookAgain { at: Some(world.clock.now().plus_seconds(STOPPING_SECONDS)) });
    }
    let same = |live: &SeiNode| live.metadata.uid == node.metadata.uid;
    let Some(node) = live_node(world, key).await?.filter(same) else {
        return Ok(LookAgain { at: None });
    };
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
    world.cluster.read(&id).await?.map(finalizer::readable).transpose()
}

async fn announce_the_end<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: SeiNode,
) -> Result<SeiNode, ClusterError> {
    let old = node.status.clone().unwrap_or_default();
    if old.phase == Some(NodePhase::Terminating) {
        return Ok(node);
    }
    world.cluster.write_status(&node, &terminating(&old, world.clock.now())).await
}

/// Deletes the StatefulSet and says whether its pod is gone: the data claim is not touched before (S3, L5).
async fn pod_is_gone<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    key: &NodeKey,
    node: &SeiNode,
) -> Result<bool, ClusterError> {
    let id = ObjectId::new(Kind::StatefulSet, &key.namespace, &key.name);
    let statefulset = world.cluster.read(&id).await?.filter(|object| owned_by(object, node));
    if let Some(statefulset) = &statefulset
        && !statefulset["metadata"]["deletionTimestamp"].is_string()
    {
        world.cluster.delete(&id, uid_of(statefulset)).await?;
    }
    let pod = world.cluster.read(&ObjectId::new(Kind::Pod, &key.namespace, key.pod())).await?;
    Ok(!pod.is_some_and(|pod| runs_this_node(&pod, key)))
}

/// The label alone tells: the StatefulSet that owned the pod may be gone already.
fn runs_this_node(pod: &Value, key: &NodeKey) -> bool {
    pod["metadata"]["labels"][sei_planner::manifests::NODE_LABEL] == key.name.as_str()
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
        return world.cluster.delete(&id, uid_of(&claim)).await;
    }
    let uid = node.metadata.uid.as_deref().unwrap_or_default();
    let owners = claim["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
    let others: Vec<Value> = owners.into_iter().filter(|owner| owner["uid"] != uid).collect();
    let version = claim["metadata"]["resourceVersion"].as_str().unwrap_or_default();
    world.cluster.patch_metadata(&id, uid_of(&claim), version, &json!({ "ownerReferences": others })).await.map(|_| ())
}

fn owned_by(object: &Value, node: &SeiNode) -> bool {
    let uid = node.metadata.uid.as_deref();
    uid.is_some() && controller_uid(object).as_deref() == uid
}

fn uid_of(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}
