//! Doubts whether a node that runs may get a consensus key. The node's own chain settles them, or a person does.

use sei_planner::node::{PodFacts, Stamp, ValidNode};
use sei_planner::step::{Outcome, Waiting};
use sei_planner::task::answer_token;
use serde_json::Value;

use super::keys::At;
use super::lost_ground;
use crate::serving::{Stage, statefulset_id, watched_pod};
use crate::sidecars;
use crate::world::{Clock, Cluster, ClusterError, Sidecar, World};

/// Seconds between two looks: long enough for a block.
const LOOK_AGAIN_SECONDS: i64 = 10;
/// Seconds until a person is asked: a node at the tip needs two looks.
const PATIENCE_SECONDS: i64 = 60;

/// What is not known of the chain yet.
pub(super) struct Doubt {
    /// Reason of the condition that asks a person.
    pub(super) reason: &'static str,
    /// The question, as the answer's token has it.
    pub(super) question: &'static str,
    /// What the plan waits for.
    pub(super) awaits: &'static str,
    /// How it ends without an answer, and what an answer means.
    pub(super) ends: &'static str,
}

impl Doubt {
    /// The end of it, when the chain need not be asked: the key is at work already, or a person said so.
    pub(super) async fn is_settled<C: Cluster, S: Sidecar, K: Clock>(
        &self,
        world: &World<C, S, K>,
        node: &ValidNode,
        at: &At<'_>,
        secret: &str,
    ) -> Result<Option<Outcome>, ClusterError> {
        let Some(set) = world.cluster.read(&statefulset_id(node)).await? else {
            return Ok(Some(lost_ground("the StatefulSet is gone")));
        };
        let answered = node.is_told(&self.token(node, at, secret));
        Ok((answered || makes_pods_with(&set, secret)).then_some(Outcome::Done(Vec::new())))
    }

    /// Goes on waiting; after a while a person is asked, and told why.
    pub(super) fn remains<C: Cluster, S: Sidecar, K: Clock>(
        &self,
        world: &World<C, S, K>,
        node: &ValidNode,
        at: &At<'_>,
        secret: &str,
        hindrance: &str,
    ) -> Outcome {
        let why =
            format!("node {} is to sign with the key in Secret {secret:?}, and {hindrance}. {}", node.key, self.ends);
        let question = Stamp::Ask { reason: self.reason, why, token: self.token(node, at, secret) };
        let waited = at.plan.tasks[at.index].waiting_since.map_or(0, |since| world.clock.now().seconds_since(since));
        Outcome::Waiting(Waiting {
            on: format!("{}: {hindrance}", self.awaits),
            look_again_seconds: LOOK_AGAIN_SECONDS,
            submitted: false,
            learned: (waited >= PATIENCE_SECONDS).then_some(question).into_iter().collect(),
        })
    }

    /// Fits this key, this node and this edit.
    fn token(&self, node: &ValidNode, at: &At<'_>, secret: &str) -> String {
        let situation = format!("{}/{secret}/{}", node.uid, at.plan.target_generation.unwrap_or(0));
        answer_token(&situation, self.question)
    }
}

/// A silent RPC of a pod that started again meanwhile: its gate must be opened first, or it stays silent.
pub(super) async fn gate_is_closed<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
) -> Option<Outcome> {
    let pod = watched_pod(world, node, Stage::Production);
    let closed = sidecars::healthz(world, node, pod.as_ref()).await == Ok(false);
    closed.then(|| {
        world.memory.forget_health(&node.key);
        lost_ground("seid waits at its gate, so the node cannot follow its chain")
    })
}

/// Whether a plan before this one let the key go to the pod: then seid may stand still because of it.
fn makes_pods_with(set: &Value, secret: &str) -> bool {
    PodFacts::of(&set["spec"]["template"]).signing_key_secret.as_deref() == Some(secret)
}
