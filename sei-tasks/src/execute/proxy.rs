//! The TLS proxy of a pod that a task waits for: without its configuration the pod never starts.

use sei_planner::node::ValidNode;
use sei_planner::step::{Outcome, Waiting};

use super::lost_ground;
use crate::world::{Clock, Cluster, ClusterError, Kind, ObjectId, Sidecar, World};

/// What to wait for, unless somebody deleted the proxy's configuration: then another plan must make it again.
pub(super) async fn unless_it_lost_its_config<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    waiting: Waiting,
) -> Result<Outcome, ClusterError> {
    let id = ObjectId::new(Kind::ConfigMap, &node.key.namespace, node.key.proxy_config());
    if node.tls.is_none() || !waiting.on.contains(super::pod::CONTAINERS) || world.cluster.cached(&id).is_some() {
        return Ok(Outcome::Waiting(waiting));
    }
    Ok(match world.cluster.read(&id).await? {
        Some(_) => Outcome::Waiting(waiting),
        None => lost_ground("the configuration of the TLS proxy is gone"),
    })
}
