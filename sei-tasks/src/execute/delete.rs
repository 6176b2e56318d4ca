//! Deletes what a TLS proxy leaves behind once no pod mounts it.

use sei_planner::node::{ValidNode, controller_uid};
use sei_planner::step::Outcome;

use crate::issued::certificate_id;
use crate::object::uid;
use crate::world::{Clock, Cluster, ClusterError, Kind, ObjectId, Propagation, Sidecar, World};

/// Deletes the configuration of the proxy.
pub(super) async fn proxy_config<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
) -> Result<Outcome, ClusterError> {
    own(world, node, &ObjectId::new(Kind::ConfigMap, &node.key.namespace, node.key.proxy_config())).await
}

/// Deletes the Certificate. The Secret that was made of it stays: it is cert-manager's.
pub(super) async fn certificate<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
) -> Result<Outcome, ClusterError> {
    match own(world, node, &certificate_id(node)).await {
        // Without the kind there is no such object.
        Err(ClusterError::UnknownKind) => Ok(Outcome::Done(Vec::new())),
        answer => answer,
    }
}

/// What is somebody else's stays (S4).
async fn own<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    id: &ObjectId,
) -> Result<Outcome, ClusterError> {
    let found = world.cluster.read(id).await?;
    if let Some(ours) = found.filter(|found| controller_uid(found).as_deref() == Some(&node.uid)) {
        world.cluster.delete(id, uid(&ours), Propagation::Background).await?;
    }
    Ok(Outcome::Done(Vec::new()))
}
