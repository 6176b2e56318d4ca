//! What a reconcile would know of a node right now, for those who only want to know: nothing is written.

use sei_planner::api::SeiNodeStatus;
use sei_planner::node::{Observed, ValidNode};

use crate::observe::{observe, with_tls_secret};
use crate::world::{Clock, Cluster, ClusterError, Sidecar, World};

/// The facts about a node, as a reconcile gathers them before it decides.
///
/// # Errors
/// When the API server cannot be asked.
pub async fn look<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    status: &SeiNodeStatus,
) -> Result<Observed, ClusterError> {
    let seen = observe(world, node, status).await?;
    with_tls_secret(world, node, status, seen).await
}
