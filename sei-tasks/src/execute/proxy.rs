//! The TLS proxy of a pod that a task waits for: without its configuration, or its certificate, the pod never starts.

use sei_planner::node::ValidNode;
use sei_planner::step::{Outcome, Waiting};

use super::lost_ground;
use crate::issued::certificate_id;
use crate::world::{Clock, Cluster, ClusterError, Kind, ObjectId, Sidecar, World};

/// What to wait for, unless somebody deleted the proxy's configuration, or the Certificate without which nobody writes its
/// Secret again: then another plan must make it again.
pub(super) async fn unless_it_lost_its_objects<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    waiting: Waiting,
) -> Result<Outcome, ClusterError> {
    if node.tls.is_none() || !waiting.on.contains(super::pod::CONTAINERS) {
        return Ok(Outcome::Waiting(waiting));
    }
    let config = ObjectId::new(Kind::ConfigMap, &node.key.namespace, node.key.proxy_config());
    if is_gone(world, &config).await? {
        return Ok(lost_ground("the configuration of the TLS proxy is gone"));
    }
    if node.tls_issuer().is_some() && is_gone(world, &certificate_id(node)).await? {
        return Ok(lost_ground("the Certificate of the TLS proxy is gone"));
    }
    Ok(Outcome::Waiting(waiting))
}

/// What no watch shows is read; a kind that the cluster does not know says nothing.
async fn is_gone<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    id: &ObjectId,
) -> Result<bool, ClusterError> {
    if world.cluster.cached(id).is_some() {
        return Ok(false);
    }
    match world.cluster.read(id).await {
        Err(ClusterError::UnknownKind) => Ok(false),
        answer => Ok(answer?.is_none()),
    }
}
