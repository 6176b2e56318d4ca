//! One look at one node: the pipeline, readable aloud.

use sei_planner::api::Time;
use sei_planner::names::NodeKey;

use crate::world::{Clock, Cluster, ClusterError, Sidecar};

/// Everything a reconcile acts on.
pub struct World<C, S, K> {
    /// The API server.
    pub cluster: C,
    /// The sidecars of all nodes.
    pub sidecar: S,
    /// Time and fresh ids.
    pub clock: K,
    // platform and memory follow
}

/// When to look at the node again, unless something changes before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookAgain {
    /// Not before a change when absent.
    pub at: Option<Time>,
}

/// One look at one node.
///
/// # Errors
/// When the API server refused or could not do something; the caller looks again with a backoff.
pub async fn reconcile_node<C: Cluster, S: Sidecar, K: Clock>(
    _world: &World<C, S, K>,
    _key: &NodeKey,
) -> Result<LookAgain, ClusterError> {
    Ok(LookAgain { at: None })
}
