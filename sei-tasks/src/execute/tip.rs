//! A node that ran without a consensus key gets one only at the tip of its chain, by its own word.

use sei_planner::api::conditions;
use sei_planner::node::{PodFacts, Stamp, ValidNode};
use sei_planner::step::{Outcome, Waiting};
use sei_planner::task::{SecretRef, task_id};
use serde_json::Value;

use super::keys::At;
use super::lost_ground;
use crate::serving::{Stage, watched_pod};
use crate::sidecars;
use crate::world::{ChainHead, Clock, Cluster, ClusterError, Kind, ObjectId, Sidecar, World};

/// Port of seid's RPC.
const RPC_PORT: u16 = 26657;
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
    if is_past(world, node, &key.secret_name).await? {
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
async fn is_past<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    secret: &str,
) -> Result<bool, ClusterError> {
    let id = ObjectId::new(Kind::StatefulSet, &node.key.namespace, &node.key.name);
    let template = world.cluster.read(&id).await?.map(|set| pod_of(&set));
    Ok(template.is_some_and(|pod| pod.signing_key_secret.as_deref() == Some(secret)))
}

/// The pod that a StatefulSet makes.
fn pod_of(set: &Value) -> PodFacts {
    PodFacts::of(&set["spec"]["template"])
}

/// Fits this key, this node and this edit.
fn token(node: &ValidNode, generation: Option<i64>, secret: &str) -> String {
    let situation = format!("{}/{secret}/{}", node.uid, generation.unwrap_or(0));
    task_id(&situation, "acknowledge-not-caught-up", 0).chars().take(8).collect()
}
