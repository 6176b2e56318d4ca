//! Events about nodes. A lost one never fails a reconcile.

use sei_planner::names::NodeKey;

use crate::world::{Clock, Cluster, Event, Sidecar, World};

pub(crate) async fn publish<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    key: &NodeKey,
    uid: &str,
    event: &Event,
) {
    if let Err(error) = world.cluster.announce(key, uid, event).await {
        tracing::warn!(reason = event.reason, %error, "event not published");
    }
}
