//! Replaces a pod, and sees what the new one runs. Readiness is never asked for: seid starts only after mark-ready.

use sei_planner::api::{DriftKind, conditions};
use sei_planner::node::{PodFacts, Stamp, ValidNode};
use sei_planner::step::{Outcome, Waiting};
use sei_planner::task::{ReplacePod, answer_token};
use serde_json::Value;

use super::{lost_ground, waiting};
use crate::object::{is_leaving, uid};
use crate::serving::{Stage, pod_id, statefulset_id, watched_pod};
use crate::world::{Clock, Cluster, ClusterError, Kind, ObjectId, Propagation, Sidecar, World};

/// Until a claim that is being deleted is looked at again, should the watches say nothing: nobody can undo that.
const CLAIM_SECONDS: i64 = 60;
/// Reasons of a waiting container that a person should see; others come and go within seconds.
const TELLING: [&str; 6] = [
    "ImagePullBackOff",
    "ErrImagePull",
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "InvalidImageName",
];

/// Deletes the pod of the plan if it is not of the applied template, or if seid is to start again, and waits until one of that
/// template runs.
///
/// What the StatefulSet's counters say is not asked: after a rollback they never move. The pod's own revision tells.
pub(super) async fn replace<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    replace: &ReplacePod,
) -> Result<Outcome, ClusterError> {
    let uid = &replace.pod_uid;
    match look(world, node).await? {
        Look::Not(outcome) => Ok(outcome),
        Look::Applied(pod) if replace.restart && pod.uid == *uid => delete(world, node, &pod).await,
        Look::Applied(pod) => Ok(when_running(&pod, node, || Outcome::Done(Vec::new()))),
        Look::Stale(pod) if pod.uid == *uid => delete(world, node, &pod).await,
        Look::Stale(pod) => Ok(lost_ground(format!(
            "pod {} is of an older template and has uid {}, not the {uid:?} that this plan replaces",
            node.key.pod(),
            pod.uid
        ))),
    }
}

async fn delete<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    pod: &PodFacts,
) -> Result<Outcome, ClusterError> {
    if let Some(asks) = while_its_claim_goes(world, node).await? {
        return Ok(asks);
    }
    world.cluster.delete(&pod_id(node), &pod.uid, Propagation::Background).await?;
    Ok(pod_to_run(node, None))
}

/// A claim that somebody deleted is there as long as a pod uses it: the data would go with the pod.
async fn while_its_claim_goes<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
) -> Result<Option<Outcome>, ClusterError> {
    let name = &node.data_volume.claim;
    let claim = world.cluster.read(&ObjectId::new(Kind::PersistentVolumeClaim, &node.key.namespace, name)).await?;
    let Some(claim) = claim.filter(is_leaving) else { return Ok(None) };
    let token = answer_token(&format!("{}/{}", node.uid, uid(&claim)), "acknowledge-data-volume-goes");
    if node.is_told(&token) {
        return Ok(None);
    }
    let on = format!("an answer: the claim {name} is being deleted, and its data goes with the pod");
    let why = format!(
        "somebody deleted the claim {name}: its data goes with the pod that is to be replaced. Once what is needed of it is saved, to replace the pod all the same"
    );
    let question = Stamp::Ask { reason: conditions::DATA_VOLUME_GOES, why, token };
    let look_again_seconds = CLAIM_SECONDS;
    Ok(Some(Outcome::Waiting(Waiting { on, look_again_seconds, submitted: false, learned: vec![question] })))
}

/// Stamps a setting once a pod of the applied template runs: that template has it, and seid of that pod read its
/// configuration after it was written, or is yet to start.
pub(super) async fn observe_applied<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    drift: DriftKind,
) -> Result<Outcome, ClusterError> {
    Ok(match applied(world, node).await? {
        Err(outcome) => outcome,
        Ok(pod) if drift == DriftKind::SigningKey && pod.signing_key_secret != node.signing_key => {
            lost_ground("the pod does not mount the consensus key of the spec")
        }
        Ok(pod) if drift == DriftKind::NodeKey && pod.node_key_secret != node.node_key => {
            lost_ground("the pod does not mount the node key of the spec")
        }
        Ok(_) => Outcome::Done(vec![Stamp::Follows(drift)]),
    })
}

/// Stamps the image once a pod of the applied template runs it (S11).
pub(super) async fn observe_image<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    image: &str,
) -> Result<Outcome, ClusterError> {
    Ok(match look(world, node).await? {
        Look::Not(outcome) => outcome,
        Look::Stale(_) => stale_again(),
        Look::Applied(pod) if !image.is_empty() && pod.seid_image != image => {
            lost_ground(format!("the pod runs {}, the plan applied {image}", pod.seid_image))
        }
        Look::Applied(pod) => {
            when_running(&pod, node, || Outcome::Done(vec![Stamp::CurrentImage(pod.seid_image.clone())]))
        }
    })
}

fn stale_again() -> Outcome {
    lost_ground("the pod is of an older template again")
}

/// The pod of the applied template once it runs, or what to do until then.
pub(super) async fn applied<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
) -> Result<Result<PodFacts, Outcome>, ClusterError> {
    Ok(match look(world, node).await? {
        Look::Not(outcome) => Err(outcome),
        Look::Stale(_) => Err(stale_again()),
        Look::Applied(pod) if !pod.seid_running => Err(pod_to_run(node, Some(&pod))),
        Look::Applied(pod) => Ok(pod),
    })
}

/// What runs now, for a plan that brought the node up: the running pod's image, which must be the spec's.
pub(super) async fn running_image<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
) -> Result<Outcome, ClusterError> {
    let Some(pod) = world.cluster.read(&pod_id(node)).await?.map(|pod| PodFacts::of(&pod)) else {
        return Ok(pod_to_run(node, None));
    };
    if pod.deleting {
        return Ok(pod_to_run(node, None));
    }
    if pod.seid_image != node.image {
        return Ok(lost_ground(format!("the pod runs {}, the spec wants {}", pod.seid_image, node.image)));
    }
    Ok(when_running(&pod, node, || Outcome::Done(vec![Stamp::CurrentImage(pod.seid_image.clone())])))
}

/// What to wait for while the watch shows no running pod of the node; `None` once it does.
pub(super) fn not_running_yet<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
) -> Option<Outcome> {
    let pod = watched_pod(world, node, Stage::Production);
    let running = pod.as_ref().is_some_and(|pod| pod.seid_running);
    (!running).then(|| pod_to_run(node, pod.as_ref()))
}

/// The node's pod against the template that was applied last. Both are live reads: they follow writes of the same plan.
enum Look {
    /// Not there yet, or going.
    Not(Outcome),
    /// Of the applied template.
    Applied(PodFacts),
    /// Of an older one.
    Stale(PodFacts),
}

async fn look<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
) -> Result<Look, ClusterError> {
    let Some(statefulset) = world.cluster.read(&statefulset_id(node)).await? else {
        return Ok(Look::Not(lost_ground("the StatefulSet is gone")));
    };
    let Some(revision) = observed_revision(&statefulset) else {
        return Ok(Look::Not(pod_to_run(node, None)));
    };
    let Some(pod) = world.cluster.read(&pod_id(node)).await?.map(|pod| PodFacts::of(&pod)) else {
        return Ok(Look::Not(pod_to_run(node, None)));
    };
    let foreign = statefulset["metadata"]["uid"] != pod.controller_uid.as_str();
    Ok(if pod.deleting || foreign {
        Look::Not(pod_to_run(node, None))
    } else if pod.revision == revision {
        Look::Applied(pod)
    } else {
        Look::Stale(pod)
    })
}

/// The revision of the template as it stands, once the controller has seen it (S7).
fn observed_revision(statefulset: &Value) -> Option<&str> {
    let generation = statefulset["metadata"]["generation"].as_i64()?;
    let observed = statefulset["status"]["observedGeneration"].as_i64()?;
    let revision = statefulset["status"]["updateRevision"].as_str().filter(|revision| !revision.is_empty())?;
    (observed >= generation).then_some(revision)
}

fn when_running(pod: &PodFacts, node: &ValidNode, done: impl FnOnce() -> Outcome) -> Outcome {
    if pod.seid_running { done() } else { pod_to_run(node, Some(pod)) }
}

fn pod_to_run(node: &ValidNode, pod: Option<&PodFacts>) -> Outcome {
    to_run(&format!("pod {}", node.key.pod()), pod)
}

/// How every wait for a pod begins.
pub(super) const CONTAINERS: &str = "the containers of";

/// One text for the whole way of a pod from the old template to running containers, so that each step is not a write of
/// its own; only what a person should see is added.
pub(super) fn to_run(which: &str, pod: Option<&PodFacts>) -> Outcome {
    let waiting_reason = pod.and_then(|pod| pod.waiting.as_ref());
    let telling = waiting_reason.filter(|text| TELLING.iter().any(|reason| text.ends_with(reason)));
    // The kubelet alternates between the two while it backs off: one word, so that status does not flicker.
    let why = telling.map(|text| format!(" ({})", text.replace("ErrImagePull", "ImagePullBackOff")));
    waiting(format!("{CONTAINERS} {which} to run{}", why.unwrap_or_default()))
}
