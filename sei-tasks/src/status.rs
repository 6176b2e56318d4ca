//! The one status write of a reconcile, and who is told of it.

use sei_planner::api::{SeiNode, SeiNodeStatus};
use sei_planner::node::transitions;

use crate::world::{Clock, Cluster, ClusterError, Sidecar, World};

/// Writes `next` as the status of `node`, and tells the recorder what changed once it is stored. Returns the node after the write.
pub(crate) async fn store_status<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &SeiNode,
    old: &SeiNodeStatus,
    next: &SeiNodeStatus,
) -> Result<SeiNode, ClusterError> {
    let stored = world.cluster.write_status(node, next).await?;
    let changed = transitions(old, next, world.clock.now());
    if !changed.is_empty() {
        world.recorder.changed(node, &stored, &changed);
    }
    Ok(stored)
}
