//! A node that ran without a consensus key gets one only at the tip of its chain, by its own word.

use sei_planner::api::conditions;
use sei_planner::manifests::RPC_PORT;
use sei_planner::node::{PodFacts, Stamp, ValidNode};
use sei_planner::step::{Outcome, Waiting};
use sei_planner::task::{SecretRef, answer_token};
use serde_json::Value;

use super::keys::At;
use super::lost_ground;
use crate::serving::{Stage, statefulset_id, watched_pod};
use crate::sidecars;
use crate::world::{ChainHead, Clock, Cluster, ClusterError, Sidecar, World};

/// Seconds between two looks: long enough for a block.
const LOOK_AGAIN_SECONDS: i64 = 10;
/// Seconds until a person is asked: a node at the tip needs two looks.
const PATIENCE_SECONDS: i64 = 60;

/// Waits until the node has caught up and its height moves, or until a person says that it may sign all the same.
pub(super) async fn await_caught_up<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    at: At<'_>,
    key: &SecretRef,
) -> Result<Outcome, ClusterError> {
    let Some(set) = world.cluster.read(&statefulset_id(node)).await? else {
        return Ok(lost_ground("the StatefulSet is gone"));
    };
    if makes_pods_with(&set, &key.secret_name) {
        return Ok(Outcome::Done(Vec::new()));
    }
    let token = token(node, at.plan.target_generation, &key.secret_name);
    if node.acknowledgement.as_deref() == Some(token.as_str()) {
        return Ok(Outcome::Done(Vec::new()));
    }
    let rpc = format!("http://{}:{RPC_PORT}", node.key.pod_host());
    let hindrance = match world.sidecar.chain(&rpc).await {
        Ok(ChainHead { catching_up: true, .. }) => "it is still catching up with its chain",
        Ok(head) if world.memory.height_moved(&node.key, head.height, world.clock.now()) => {
            return Ok(Outcome::Done(Vec::new()));
        }
        Ok(_) => "its height was not seen to move yet",
        Err(_) if gate_is_closed(world, node).await => {
            world.memory.forget_health(&node.key);
            return Ok(lost_ground("seid waits at its gate, so the node cannot catch up"));
        }
        Err(_) => "its RPC does not answer",
    };
    let why = format!(
        "node {} is to sign with the key in Secret {:?}, and {hindrance}. It goes on by itself once the node is at the tip of its chain. To let it sign all the same",
        node.key, key.secret_name
    );
    let question = Stamp::AskForKey { reason: conditions::NOT_CAUGHT_UP, why, token };
    let waited = at.plan.tasks[at.index].waiting_since.map_or(0, |since| world.clock.now().seconds_since(since));
    Ok(Outcome::Waiting(Waiting {
        on: format!("the node to be at the tip of its chain: {hindrance}"),
        look_again_seconds: LOOK_AGAIN_SECONDS,
        submitted: false,
        learned: (waited >= PATIENCE_SECONDS).then_some(question).into_iter().collect(),
    }))
}

/// Whether the pod started again meanwhile: then somebody must open its gate first.
async fn gate_is_closed<C: Cluster, S: Sidecar, K: Clock>(world: &World<C, S, K>, node: &ValidNode) -> bool {
    let pod = watched_pod(world, node, Stage::Production);
    sidecars::healthz(world, node, pod.as_ref()).await == Ok(false)
}

/// Whether a plan before this one let the key go to the pod: then seid may stand still because of it.
fn makes_pods_with(set: &Value, secret: &str) -> bool {
    PodFacts::of(&set["spec"]["template"]).signing_key_secret.as_deref() == Some(secret)
}

/// Fits this key, this node and this edit.
fn token(node: &ValidNode, generation: Option<i64>, secret: &str) -> String {
    let situation = format!("{}/{secret}/{}", node.uid, generation.unwrap_or(0));
    answer_token(&situation, "acknowledge-not-caught-up")
}
