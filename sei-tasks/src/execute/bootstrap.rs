//! The bootstrap Job: made, watched to its end, and gone before production takes the disk over (P3). The Job's own
//! conditions are the truth (B8): its sidecar ends with it.

use sei_planner::api::Time;
use sei_planner::manifests::{bootstrap_job, bootstrap_labels, bootstrap_service};
use sei_planner::node::{InitSource, Stamp, ValidNode, controller_uid};
use sei_planner::step::{Outcome, Waiting};
use sei_planner::task::BootstrapRef;
use serde::Deserialize;
use serde_json::Value;

use super::apply::{json, leak};
use super::same::covers;
use super::{foreign, lost_ground, pod, terminal, waiting};
use crate::object::{is_leaving, uid};
use crate::serving::{Stage, bootstrap_pod, job_id, watched_pod};
use crate::sidecars;
use crate::world::{Clock, Cluster, ClusterError, Created, Kind, ObjectId, Propagation, Sidecar, World};

/// Seconds until a Job that runs is looked at again, should its watch say nothing.
const JOB_SECONDS: i64 = 30;

/// Makes the Service of the bootstrap pod.
pub(super) async fn deploy_service<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
) -> Result<Outcome, ClusterError> {
    let Some(manifest) = bootstrap_service(node) else { return Ok(no_bootstrap()) };
    let id = ObjectId::new(Kind::Service, &node.key.namespace, &node.key.name);
    let wanted = json(&manifest)?;
    match make(world, node, &id, &wanted).await? {
        Made::Ended(outcome) => Ok(outcome),
        Made::There(live) => keep(world, &id, &live, covers(&live["spec"], &wanted["spec"])).await,
    }
}

/// Makes the Job.
pub(super) async fn deploy_job<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
) -> Result<Outcome, ClusterError> {
    let Some(manifest) = bootstrap_job(node, &world.platform) else { return Ok(no_bootstrap()) };
    let job = json(&manifest)?;
    if let Some(leak) = leak(node, &job, Stage::Bootstrap) {
        return Ok(terminal(leak));
    }
    if older_pod_is_left(world, node).await? {
        return Ok(waiting("the pod of an older bootstrap Job to go"));
    }
    let id = job_id(node);
    match make(world, node, &id, &job).await? {
        Made::Ended(outcome) => Ok(outcome),
        Made::There(live) => {
            let usable = condition(&live, "Failed").is_none() && covers(&live["spec"], &job["spec"]);
            let keeps = usable && !filled_an_older_claim(world, node, &live).await?;
            keep(world, &id, &live, keeps).await
        }
    }
}

/// Whether the Job ended before the claim was made that is there now: nothing of what it did is on this one.
async fn filled_an_older_claim<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    job: &Value,
) -> Result<bool, ClusterError> {
    let Some(complete) = condition(job, "Complete") else { return Ok(false) };
    let claim = ObjectId::new(Kind::PersistentVolumeClaim, &node.key.namespace, &node.data_volume.claim);
    let claim = world.cluster.read(&claim).await?;
    let made = claim.as_ref().and_then(|claim| time(&claim["metadata"]["creationTimestamp"]));
    let ended = time(&complete["lastTransitionTime"]);
    Ok(ended.zip(made).is_some_and(|(ended, made)| ended < made))
}

/// Whether a pod outlives the Job that made it: somebody deleted the Job, and a new one would share the disk (P3).
async fn older_pod_is_left<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
) -> Result<bool, ClusterError> {
    let pods = world.cluster.pods(&node.key.namespace, &bootstrap_labels(node)).await?;
    if pods.is_empty() {
        return Ok(false);
    }
    let job = world.cluster.read(&job_id(node)).await?;
    let owner = job.as_ref().map(uid);
    Ok(pods.iter().any(|pod| controller_uid(pod).as_deref() != owner))
}

fn time(text: &Value) -> Option<Time> {
    Time::deserialize(text).ok()
}

fn no_bootstrap() -> Outcome {
    lost_ground("the spec no longer asks for a bootstrap")
}

/// What became of a create.
enum Made {
    /// It is there now, or has to wait.
    Ended(Outcome),
    /// There was one of ours already.
    There(Value),
}

/// Creates an object whose spec cannot be changed.
async fn make<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    id: &ObjectId,
    wanted: &Value,
) -> Result<Made, ClusterError> {
    if let Created::New(_) = world.cluster.create(id, wanted).await? {
        return Ok(Made::Ended(Outcome::Done(Vec::new())));
    }
    let kind = id.kind.name();
    Ok(match world.cluster.read(id).await? {
        None => Made::Ended(waiting(format!("{kind} {:?}, which was there a moment ago", id.name))),
        Some(live) if controller_uid(&live).as_deref() != Some(&node.uid) => Made::Ended(foreign(node, id, &live)),
        Some(live) if is_leaving(&live) => Made::Ended(waiting(format!("an older {kind} {:?} to go", id.name))),
        Some(live) => Made::There(live),
    })
}

/// Takes one that is there as it is, or lets it go first.
async fn keep<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    id: &ObjectId,
    live: &Value,
    keeps: bool,
) -> Result<Outcome, ClusterError> {
    if keeps {
        return Ok(Outcome::Done(Vec::new()));
    }
    world.cluster.delete(id, uid(live), Propagation::Foreground).await?;
    Ok(waiting(format!("an older {} {:?} to go", id.kind.name(), id.name)))
}

/// Where the Job stands.
enum Job {
    /// Gone, going, or never made.
    Gone,
    /// It belongs to somebody else.
    Foreign(Value),
    /// Its pod did not end yet.
    Active,
    /// It reached its height, even if somebody deletes it now.
    Complete,
    /// It did not.
    Failed(String),
}

async fn job<C: Cluster, S: Sidecar, K: Clock>(world: &World<C, S, K>, node: &ValidNode) -> Result<Job, ClusterError> {
    let Some(live) = world.cluster.read(&job_id(node)).await? else { return Ok(Job::Gone) };
    Ok(if controller_uid(&live).as_deref() != Some(&node.uid) {
        Job::Foreign(live)
    } else if condition(&live, "Complete").is_some() {
        Job::Complete
    } else if is_leaving(&live) {
        Job::Gone
    } else if let Some(failed) = condition(&live, "Failed") {
        Job::Failed(end_of(world, node, failed))
    } else {
        Job::Active
    })
}

/// The message of the Job's condition, and what the pod itself says.
fn end_of<C: Cluster, S: Sidecar, K: Clock>(world: &World<C, S, K>, node: &ValidNode, failed: &Value) -> String {
    let message = failed["message"].as_str().filter(|text| !text.is_empty()).unwrap_or("bootstrap job failed");
    let end = bootstrap_pod(world, node).and_then(|pod| pod_end(&pod["status"]));
    format!("bootstrap job failed: {message}{}", end.map(|end| format!(" ({end})")).unwrap_or_default())
}

fn pod_end(status: &Value) -> Option<String> {
    if let Some(reason) = status["reason"].as_str() {
        return Some(format!("the pod: {reason}"));
    }
    let seid = status["containerStatuses"].as_array()?.iter().find(|container| container["name"] == "seid")?;
    let code = seid["state"]["terminated"]["exitCode"].as_i64()?;
    Some(format!("seid exited with code {code}"))
}

/// What a task of the bootstrap's sidecar does while that sidecar does not run; `None` when it does.
///
/// The gate opens last, so a Job that ended well has seen the end of every task before it.
pub(super) async fn without_a_pod<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
) -> Result<Option<Outcome>, ClusterError> {
    let watched = watched_pod(world, node, Stage::Bootstrap);
    if watched.as_ref().is_some_and(|pod| pod.seid_running && !pod.deleting) {
        return Ok(None);
    }
    Ok(Some(match job(world, node).await? {
        Job::Gone => lost_ground("the bootstrap Job is gone"),
        Job::Foreign(live) => foreign(node, &job_id(node), &live),
        Job::Complete => Outcome::Done(Vec::new()),
        Job::Failed(why) => terminal(why),
        Job::Active => pod::to_run("the bootstrap pod", watched.as_ref()),
    }))
}

/// Waits for the Job's end, and notes the height that it reached.
pub(super) async fn await_complete<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
) -> Result<Outcome, ClusterError> {
    let InitSource::S3 { target_height, .. } = node.source else { return Ok(no_bootstrap()) };
    Ok(match job(world, node).await? {
        Job::Gone => lost_ground("the bootstrap Job is gone"),
        Job::Foreign(live) => foreign(node, &job_id(node), &live),
        Job::Complete => Outcome::Done(vec![Stamp::Bootstrapped(target_height)]),
        Job::Failed(why) => terminal(why),
        Job::Active if gate_is_shut(world, node).await => {
            lost_ground("the bootstrap's sidecar restarted and shut its gate; a new mark-ready is needed")
        }
        Job::Active => Outcome::Waiting(Waiting {
            on: format!("the bootstrap Job to reach height {target_height}"),
            look_again_seconds: JOB_SECONDS,
            submitted: false,
            learned: Vec::new(),
        }),
    })
}

/// A sidecar that restarts forgets that it was ready, and seid may not have seen it: then nobody ever opens the gate again,
/// because the id of a completed mark-ready does nothing.
async fn gate_is_shut<C: Cluster, S: Sidecar, K: Clock>(world: &World<C, S, K>, node: &ValidNode) -> bool {
    let pod = watched_pod(world, node, Stage::Bootstrap);
    let Some(pod) = pod.filter(|pod| pod.sidecar_running && pod.sidecar_restarts > 0) else { return false };
    sidecars::healthz(world, node, Some(&pod)).await == Ok(false)
}

/// Deletes Job and Service, and waits until they and every pod of the Job are gone (P3, O29).
pub(super) async fn tear_down<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    names: &BootstrapRef,
) -> Result<Outcome, ClusterError> {
    let namespace = &node.key.namespace;
    let job = ObjectId::new(Kind::Job, namespace, &names.job_name);
    let service = ObjectId::new(Kind::Service, namespace, &names.service_name);
    let labels = bootstrap_labels(node);
    // The Service of production has the same name, and other labels.
    let of_bootstrap =
        |service: &Value| labels.iter().all(|(key, value)| service["metadata"]["labels"][key] == value.as_str());
    let job_left = delete_ours(world, node, &job, |_| true).await?;
    let service_left = delete_ours(world, node, &service, of_bootstrap).await?;
    let pods = world.cluster.pods(namespace, &labels).await?;
    if job_left || service_left || !pods.is_empty() {
        return Ok(waiting("Job, pod and Service of the bootstrap to go"));
    }
    Ok(Outcome::Done(Vec::new()))
}

/// Whether there is something of ours left, which is then on its way out.
async fn delete_ours<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    id: &ObjectId,
    meant: impl Fn(&Value) -> bool,
) -> Result<bool, ClusterError> {
    let live = world.cluster.read(id).await?;
    let ours = |object: &Value| controller_uid(object).as_deref() == Some(&node.uid) && meant(object);
    let Some(live) = live.filter(ours) else { return Ok(false) };
    if !is_leaving(&live) {
        world.cluster.delete(id, uid(&live), Propagation::Foreground).await?;
    }
    Ok(true)
}

/// The condition of a Job, if it holds.
fn condition<'a>(job: &'a Value, kind: &str) -> Option<&'a Value> {
    let mut conditions = job["status"]["conditions"].as_array()?.iter();
    conditions.find(|condition| condition["type"] == kind && condition["status"] == "True")
}
