//! The finalizer that keeps a SeiNode until everything of it is settled.

use sei_planner::api::{FINALIZER, SeiNode};
use sei_planner::names::NodeKey;
use serde_json::json;

use crate::unreadable::read_seinode;
use crate::world::{Clock, Cluster, ClusterError, Kind, ObjectId, Sidecar, World};

/// Whether the node still waits for us.
pub(crate) fn is_on(node: &SeiNode) -> bool {
    node.metadata.finalizers.iter().flatten().any(|name| name == FINALIZER)
}

/// Lets the node go; the very last thing that happens to it.
pub(crate) async fn remove<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    key: &NodeKey,
    node: &SeiNode,
) -> Result<(), ClusterError> {
    let all = node.metadata.finalizers.clone().unwrap_or_default();
    let others: Vec<String> = all.into_iter().filter(|name| name != FINALIZER).collect();
    patch_finalizers(world, key, node, &others).await.map(|_| ())
}

/// Adds our finalizer before anything else, so that nothing is left behind when the node is deleted.
pub(crate) async fn with_finalizer<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    key: &NodeKey,
    node: SeiNode,
) -> Result<SeiNode, ClusterError> {
    if is_on(&node) {
        return Ok(node);
    }
    let mut finalizers = node.metadata.finalizers.clone().unwrap_or_default();
    finalizers.push(FINALIZER.to_owned());
    patch_finalizers(world, key, &node, &finalizers).await
}

async fn patch_finalizers<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    key: &NodeKey,
    node: &SeiNode,
    finalizers: &[String],
) -> Result<SeiNode, ClusterError> {
    let id = ObjectId::new(Kind::SeiNode, &key.namespace, &key.name);
    let uid = node.metadata.uid.clone().unwrap_or_default();
    let version = node.metadata.resource_version.clone().unwrap_or_default();
    let metadata = json!({ "finalizers": finalizers });
    Ok(read_seinode(&world.cluster.patch_metadata(&id, &uid, &version, &metadata).await?)?)
}
