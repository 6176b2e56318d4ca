//! A node that ran without a consensus key gets one only at the tip of its chain, by its own word.

use sei_planner::api::conditions;
use sei_planner::node::ValidNode;
use sei_planner::step::Outcome;
use sei_planner::task::SecretRef;

use super::doubt::{Doubt, gate_is_closed};
use super::keys::At;
use crate::serving::rpc_url;
use crate::world::{ChainHead, Clock, Cluster, ClusterError, Sidecar, World};

const BEHIND: Doubt = Doubt {
    reason: conditions::NOT_CAUGHT_UP,
    question: "acknowledge-not-caught-up",
    awaits: "the node to be at the tip of its chain",
    ends: "It goes on by itself once the node is at the tip of its chain. Until then it cannot tell who signs now: once nothing else signs with the key, to let it sign all the same",
};

/// Waits until the node has caught up and its height moves, or until a person says that it may sign all the same.
pub(super) async fn await_caught_up<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    at: At<'_>,
    key: &SecretRef,
) -> Result<Outcome, ClusterError> {
    if let Some(settled) = BEHIND.is_settled(world, node, &at, &key.secret_name).await? {
        return Ok(settled);
    }
    let hindrance = match world.sidecar.chain(&rpc_url(node)).await {
        Ok(ChainHead { catching_up: true, .. }) => "it is still catching up with its chain",
        Ok(head) if world.memory.height_moved(&node.key, head.height, world.clock.now()) => {
            return Ok(Outcome::Done(Vec::new()));
        }
        Ok(_) => "its height was not seen to move yet",
        Err(_) => match gate_is_closed(world, node).await {
            Some(closed) => return Ok(closed),
            None => "its RPC does not answer",
        },
    };
    Ok(BEHIND.remains(world, node, &at, &key.secret_name, hindrance))
}
