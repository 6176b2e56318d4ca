//! A node that runs gets a consensus key only when nothing signs with it any more, as the last blocks of its chain tell.

use sei_planner::api::conditions;
use sei_planner::inspect::ConsensusKey;
use sei_planner::node::{Stamp, ValidNode};
use sei_planner::step::{Failure, Outcome};

use super::doubt::{Doubt, gate_is_closed};
use super::keys::At;
use crate::serving::rpc_url;
use crate::world::{Clock, Cluster, ClusterError, Sidecar, SidecarError, World};

/// Blocks that are looked at, four seconds of Sei's chain: a validator that runs misses few.
const RECENT_BLOCKS: i64 = 10;

const STILL_SIGNS: Doubt = Doubt {
    reason: conditions::KEY_STILL_SIGNS,
    question: "acknowledge-key-still-signs",
    awaits: "nothing to sign with the consensus key",
    ends: "Stop the validator that runs with this key, and keep it from starting again: it goes on by itself once no new block is signed with it. To let it sign all the same, which gets the validator slashed when the other one still runs",
};

/// Once the key is held: waits until none of the last blocks was signed with it.
pub(super) async fn await_silence<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    at: At<'_>,
    secret: &str,
    key: &ConsensusKey,
    held: Vec<Stamp>,
) -> Result<Outcome, ClusterError> {
    let outcome = match STILL_SIGNS.is_settled(world, node, &at, secret).await? {
        Some(settled) => settled,
        None => match signed_lately(world, &rpc_url(node), &key.address).await {
            Ok(false) => Outcome::Done(Vec::new()),
            Ok(true) => {
                // Without the height, which would be news at every look.
                let signs =
                    format!("validator {} of this key signed one of the last {RECENT_BLOCKS} blocks", key.address);
                STILL_SIGNS.remains(world, node, &at, secret, &signs)
            }
            Err(_) => match gate_is_closed(world, node).await {
                Some(closed) => closed,
                None => {
                    let silent = "its RPC does not tell who signed the last blocks";
                    STILL_SIGNS.remains(world, node, &at, secret, silent)
                }
            },
        },
    };
    Ok(knowing(held, outcome))
}

/// Whether the validator signed one of the last blocks, the newest first.
async fn signed_lately<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    rpc: &str,
    address: &str,
) -> Result<bool, SidecarError> {
    let newest = world.sidecar.chain(rpc).await?.height;
    let oldest = (newest - RECENT_BLOCKS + 1).max(1);
    for height in (oldest..=newest).rev() {
        if world.sidecar.signers(rpc, height).await?.contains(address) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What was known before counts however this ends.
fn knowing(mut known: Vec<Stamp>, outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Done(more) => {
            known.extend(more);
            Outcome::Done(known)
        }
        Outcome::Waiting(mut waiting) => {
            known.append(&mut waiting.learned);
            waiting.learned = known;
            Outcome::Waiting(waiting)
        }
        Outcome::Failed(Failure::LostGround { why, learned }) => {
            known.extend(learned);
            Outcome::Failed(Failure::LostGround { why, learned: known })
        }
        failed @ Outcome::Failed(_) => failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The Lease of a key stands in status from the moment it is held: by it the key is let go when the node is deleted.
    #[test]
    fn a_key_is_known_to_be_held_however_the_wait_ends() {
        let held = || vec![Stamp::SigningKeyHeld("sei-signing-key-a".to_owned())];
        let lost = |learned| Outcome::Failed(Failure::LostGround { why: "the gate is shut".to_owned(), learned });
        assert_eq!(knowing(held(), lost(Vec::new())), lost(held()));
        assert_eq!(knowing(held(), Outcome::Done(Vec::new())), Outcome::Done(held()));
    }
}
