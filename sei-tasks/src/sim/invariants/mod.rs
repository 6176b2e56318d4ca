//! What must never happen, checked at every call of the operator against the world as it stood before the call, and, where
//! pods are concerned, when they are made and started. The names are those of the invariants in the reliability design: S3
//! to S14, L5, and P3 of its list of old faults. S1 and S2 are in `consensus_keys.rs`, L6 is checked by the sidecars, L1 to
//! L4 by the driver and by those who drive it.

mod leaks;
mod leaving;
mod statuses;

use std::fmt;

use k8s_openapi::api::core::v1::PodSpec;
use sei_planner::api::{PlanPhase, PlannedTask, SeiNode, SeiNodeStatus, Time};
use sei_planner::manifests::isolation::{bootstrap_leak, keyring_leak};
use sei_planner::names::NodeKey;
use sei_planner::node::{KeyHolder, validate};
use sei_planner::platform::Platform;
use serde::Deserialize;
use serde_json::Value;

use crate::world::{Kind, ObjectId, TaskRequest};

pub(super) use leaks::Canaries;

use crate::sim::api::Request;
use crate::sim::controllers::kubelet::{self, SEID};
use crate::sim::controllers::statefulset::REVISION_LABEL;
use crate::sim::json::{list, number, text};
use crate::sim::sidecar;
use crate::sim::state::{State, node_id, node_label};
use crate::sim::store::{controller_uid, is_leaving, show};
use crate::sim::trace::Fact;

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// When.
    pub at: Time,
    /// Which invariant, for example `S8`.
    pub invariant: &'static str,
    /// What happened.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} broken at {}: {}", self.invariant, self.at, self.what)
    }
}

/// Checks a call that is about to be applied; called before it is.
pub(super) fn check(state: &mut State, request: &Request<'_>) {
    let Some(key) = state.process.look.as_ref().map(|look| look.key.clone()) else {
        return;
    };
    let effect = out_of_date(state, &key, request);
    let leak = leaks::in_request(&state.canaries, request);
    let found = match *request {
        Request::Node(_)
        | Request::Read(_)
        | Request::Pods(_)
        | Request::Task(..)
        | Request::Health(_)
        | Request::Chain(_)
        | Request::Signers(..)
        | Request::Announce(..) => Vec::new(),
        Request::Create(id, _) => vec![plan_first(state, &key, &show(id))],
        Request::Apply(id, _) => vec![plan_first(state, &key, &show(id)), own_child(state, &key, id)],
        Request::Delete(id, uid, _) => check_delete(state, &key, id, uid),
        Request::PatchMetadata(id, _, _, metadata) => check_metadata(state, &key, id, metadata),
        Request::WriteStatus(node, status) => check_status(state, &key, node, status),
        Request::Submit(_, task) => {
            vec![plan_first(state, &key, task.kind), planned_task(state, &key, task), once_an_attempt(state, task)]
        }
    };
    let at = state.now;
    for (invariant, what) in found.into_iter().chain([effect, leak]).flatten() {
        state.violations.push(Violation { at, invariant, what });
    }
}

type Finding = Option<(&'static str, String)>;

/// S9: no effect on a view that is older than this process's own last write to the node.
fn out_of_date(state: &State, key: &NodeKey, request: &Request<'_>) -> Finding {
    let stale = newest_seen(state)? < state.process.own_version(key);
    let effect = request.verb().is_write() || matches!(request, Request::Submit(..));
    (stale && effect).then(|| ("S9", format!("{key}: {:?} on a view older than the own last write", request.verb())))
}

/// The newest resourceVersion of the node that the reconcile under way saw.
fn newest_seen(state: &State) -> Option<u64> {
    state.process.look.as_ref()?.versions.iter().filter_map(|version| version.parse().ok()).max()
}

/// S10: a process that was told that a task was accepted does not post it again while the task is there and did not fail.
fn once_an_attempt(state: &State, request: &TaskRequest) -> Finding {
    let again = state.process.accepted.contains(&request.id) && sidecar::is_known_and_well(state, &request.id);
    again.then(|| ("S10", format!("{} {} is posted again", request.kind, request.id)))
}

/// S8: effects belong to a plan that is stored and active. A node that is being deleted needs none.
fn plan_first(state: &State, key: &NodeKey, what: &str) -> Finding {
    let node = state.store.get(&node_id(key));
    if node.is_some_and(|node| is_leaving(node)) {
        return None;
    }
    let active = plans(state, key).any(|plan| text(plan, "/phase") == "Active");
    (!active).then(|| ("S8", format!("{what}: {key} has no active plan stored")))
}

/// S8: a task that is submitted stands in the stored plan, under its id, and is not over.
fn planned_task(state: &State, key: &NodeKey, request: &TaskRequest) -> Finding {
    let mut active = plans(state, key).filter(|plan| text(plan, "/phase") == "Active").peekable();
    active.peek()?;
    let is_it = |task: &Value| text(task, "/id") == request.id && text(task, "/type") == request.kind;
    let known = active.any(|plan| list(plan, "/tasks").iter().any(is_it));
    let (kind, id) = (request.kind, &request.id);
    (!known).then(|| ("S8", format!("{kind} {id} is not in the stored plan of {key}")))
}

/// The plan that is stored, and the one that was stored in the status which this reconcile read: somebody else may have
/// written status since.
fn plans<'a>(state: &'a State, key: &NodeKey) -> impl Iterator<Item = &'a Value> {
    let id = node_id(key);
    let read = newest_seen(state).and_then(|version| state.store.version(&id, version));
    [state.store.get(&id), read].into_iter().flatten().filter_map(|node| node.pointer("/status/plan"))
}

fn node_uid(state: &State, key: &NodeKey) -> String {
    let node = state.store.get(&node_id(key));
    node.map(|node| text(node, "/metadata/uid").to_owned()).unwrap_or_default()
}

/// S4: an existing object is only written when this very node controls it.
fn own_child(state: &State, key: &NodeKey, id: &ObjectId) -> Finding {
    let object = state.store.get(id)?;
    if id.kind == Kind::Lease {
        return own_lease(state, key, object);
    }
    let owner = state.node_uid_over(object);
    let uid = node_uid(state, key);
    let own = !uid.is_empty() && owner == uid;
    (!own).then(|| ("S4", format!("{} is not controlled by {key}", show(id))))
}

/// S4: a consensus key is taken from its holder only when that is this node, or no node any more.
fn own_lease(state: &State, key: &NodeKey, lease: &Value) -> Finding {
    let holder = KeyHolder::parse(text(lease, "/spec/holderIdentity"))?;
    let lives = state.store.get(&node_id(&holder.node)).is_some_and(|node| text(node, "/metadata/uid") == holder.uid);
    (lives && holder.node != *key).then(|| ("S4", format!("{key} takes a consensus key that {holder} holds")))
}

fn check_delete(state: &State, key: &NodeKey, id: &ObjectId, uid: &str) -> Vec<Finding> {
    let object = state.store.get(id);
    if object.is_none_or(|object| text(object, "/metadata/uid") != uid) {
        // Nothing is deleted: the precondition fails.
        return Vec::new();
    }
    let mut found = vec![plan_first(state, key, &format!("delete of {}", show(id))), own_child(state, key, id)];
    match id.kind {
        Kind::PersistentVolumeClaim => found.push(claim_may_go(state, key, id)),
        Kind::Pod => found.push(pod_is_outdated(state, id)),
        Kind::SeiNode => found.push(Some(("S4", format!("delete of {}", show(id))))),
        Kind::StatefulSet
        | Kind::Service
        | Kind::PersistentVolume
        | Kind::Job
        | Kind::ConfigMap
        | Kind::Secret
        | Kind::Lease
        | Kind::Certificate => {}
    }
    found
}

/// S3: a claim goes only with its node, was never imported, and is not to be kept.
fn claim_may_go(state: &State, key: &NodeKey, id: &ObjectId) -> Finding {
    let claim = state.store.get(id)?;
    let node = state.store.get(&node_id(key))?;
    let imported = text(node, "/spec/dataVolume/import/pvcName") == id.name
        || crate::sim::json::list(node, "/status/importedPVCs").contains(&Value::from(id.name.clone()));
    let kept = node.pointer("/spec/dataVolume/retainOnDelete") == Some(&Value::Bool(true));
    let own = controller_uid(claim) == text(node, "/metadata/uid");
    let fine = is_leaving(node) && own && !imported && !kept;
    (!fine).then(|| {
        let why = format!("own {own}, imported {imported}, kept {kept}, node deleted {}", is_leaving(node));
        ("S3", format!("{} must not be deleted: {why}", show(id)))
    })
}

/// S13: a pod of the newest template is left alone, unless the stored plan says that its seid is to start again.
fn pod_is_outdated(state: &State, id: &ObjectId) -> Finding {
    let pod = state.store.get(id)?;
    let (_, set) = state.store.by_uid(controller_uid(pod))?;
    let observed = number(set, "/status/observedGeneration") == number(set, "/metadata/generation");
    let revision = text(pod, &format!("/metadata/labels/{REVISION_LABEL}"));
    let newest = text(set, "/status/updateRevision") == revision;
    let asked = || restarts(state, id, text(pod, "/metadata/uid"));
    (observed && newest && !asked()).then(|| ("S13", format!("{} is at its target already", show(id))))
}

/// Whether the node's stored plan restarts this very pod.
fn restarts(state: &State, pod: &ObjectId, uid: &str) -> bool {
    let name = state.store.get(pod).and_then(|pod| node_label(pod)).unwrap_or_default();
    let node = state.node(&NodeKey::new(&pod.namespace, name));
    let plan = node.and_then(|node| node.status?.plan).filter(|plan| plan.phase == PlanPhase::Active);
    plan.is_some_and(|plan| {
        let replaced = |task: &&PlannedTask| task.kind == "replace-pod" && task.params["podUID"] == uid;
        plan.tasks.iter().filter(replaced).any(|task| task.params["restart"] == true)
    })
}

/// Children may lose their owner (S4); the node's own metadata is its own affair.
fn check_metadata(state: &State, key: &NodeKey, id: &ObjectId, metadata: &Value) -> Vec<Finding> {
    if *id == node_id(key) {
        return leaving::check(state, key, metadata);
    }
    let what = format!("patch of {}", show(id));
    vec![plan_first(state, key, &what), own_child(state, key, id)]
}

fn check_status(state: &mut State, key: &NodeKey, node: &SeiNode, status: &SeiNodeStatus) -> Vec<Finding> {
    let stored = state.node(key);
    // On any other version the write is refused, and changes nothing.
    let stored = stored.filter(|stored| stored.metadata.resource_version == node.metadata.resource_version);
    let before = stored.map(|stored| stored.status.unwrap_or_default());
    let mut found = before.map_or_else(Vec::new, |before| statuses::check(key, &before, status));
    found.extend([single_writer(state, key, node), truthful_image(state, key, status)]);
    found
}

/// S7: one status write per reconcile, on a version of the node that this reconcile read.
fn single_writer(state: &mut State, key: &NodeKey, node: &SeiNode) -> Finding {
    let look = state.process.look.as_mut()?;
    look.status_writes += 1;
    let version = node.metadata.resource_version.clone().unwrap_or_default();
    if look.status_writes > 1 {
        return Some(("S7", format!("{key}: second status write of one reconcile")));
    }
    (!look.versions.contains(&version)).then(|| {
        let what = format!("{key}: status write on version {version:?}, which nobody read");
        ("S7", what)
    })
}

/// S11: a new `currentImage` is what the node's pod runs now, or ran until a moment ago: since the reconcile began.
fn truthful_image(state: &State, key: &NodeKey, status: &SeiNodeStatus) -> Finding {
    let image = status.current_image.as_deref()?;
    let before = state.store.get(&node_id(key))?;
    if text(before, "/status/currentImage") == image {
        return None;
    }
    let pod_id = ObjectId::new(Kind::Pod, key.namespace.clone(), key.pod());
    let uid = state.store.get(&pod_id).map(|pod| text(pod, "/metadata/uid"));
    let runs =
        uid.is_some_and(|uid| kubelet::runs(state, uid, SEID)) && kubelet::image_of(state, &pod_id, SEID) == image;
    let ran = runs || stopped_in_this_reconcile(state, &pod_id, image);
    (!ran).then(|| ("S11", format!("{key}: currentImage {image} and no pod runs it")))
}

fn stopped_in_this_reconcile(state: &State, pod_id: &ObjectId, image: &str) -> bool {
    let pod_name = format!("{}/{}", pod_id.namespace, pod_id.name);
    let facts = state.trace.entries.iter().rev().map(|entry| &entry.fact);
    let mut recent = facts.take_while(|fact| !matches!(fact, Fact::ReconcileBegin(_)));
    recent.any(|fact| {
        matches!(fact, Fact::Container { started: false, pod, container, image: ran, .. }
            if *pod == pod_name && container == SEID && ran == image)
    })
}

/// P3: containers of two pods never run on one data volume. Called when a container of the pod has started.
pub(super) fn container_started(state: &mut State, uid: &str) {
    let Some(run) = state.kubelet.pods.get(uid).filter(|run| run.disk.is_some()) else { return };
    let mut others = state.kubelet.pods.iter().filter(|(other, _)| *other != uid).map(|(_, other)| other);
    let Some(other) = others.find(|other| other.disk == run.disk && other.runs_anything()) else { return };
    let what = format!("{} and {} run on one data volume", show(&run.id), show(&other.id));
    state.violations.push(Violation { at: state.now, invariant: "P3", what });
}

/// S5: no pod of a node hands a Secret that signs to a container that must not have it.
pub(super) fn pod_made(state: &mut State, id: &ObjectId, pod: &Value) {
    let Some(name) = node_label(pod) else { return };
    let node = state.node(&NodeKey::new(id.namespace.clone(), name));
    // What a refused spec means nobody knows.
    let Some(node) = node.and_then(|node| validate(&node, &Platform::demo()).ok()) else { return };
    let Ok(spec) = PodSpec::deserialize(&pod["spec"]) else { return };
    let bootstrap = pod["metadata"]["labels"]["sei.io/component"] == "bootstrap";
    let leak = if bootstrap { bootstrap_leak(&node, &spec) } else { keyring_leak(&node, &spec) };
    if let Some(what) = leak {
        state.violations.push(Violation { at: state.now, invariant: "S5", what });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use serde_json::json;

    use super::*;
    use crate::sim::testing::{self, claim, key, service, settled, small, world};
    use crate::sim::{Options, Reconcile, Sim};
    use crate::world::LookAgain;
    use crate::world::{Cluster, ClusterError, Propagation, Sidecar};

    /// A node that is up.
    fn up() -> Sim {
        let sim = world(Options::default());
        sim.drive(Reconcile(small)).run_until(|sim| settled(sim, "sei:v1"), 300).unwrap();
        sim
    }

    /// What a reconcile breaks in a world.
    fn broken(
        sim: &Sim,
        reconcile: impl AsyncFn(&Sim, &NodeKey) -> Result<LookAgain, ClusterError>,
    ) -> Vec<&'static str> {
        let _ = sim.drive(Reconcile(reconcile)).run_for(1);
        sim.violations().iter().map(|violation| violation.invariant).collect()
    }

    fn done() -> Result<LookAgain, ClusterError> {
        Ok(LookAgain { at: None })
    }

    async fn start_plan(sim: &Sim) -> Result<SeiNode, ClusterError> {
        let node = sim.node(&key()).await?.unwrap();
        let mut status = node.status.clone().unwrap_or_default();
        if let Some(plan) = &mut status.plan {
            plan.phase = PlanPhase::Active;
        }
        sim.write_status(&node, &status).await
    }

    async fn delete(sim: &Sim, kind: Kind, name: &str) -> Result<LookAgain, ClusterError> {
        let id = testing::id(kind, name);
        let object = sim.object(&id).unwrap();
        sim.delete(&id, text(&object, "/metadata/uid"), Propagation::Background).await?;
        done()
    }

    #[test]
    fn a_good_operator_breaks_nothing() {
        assert_eq!(up().violations(), []);
    }

    #[test]
    fn s3_a_claim_of_a_living_node_must_not_go() {
        let found = broken(&up(), async |sim: &Sim, _: &NodeKey| {
            start_plan(sim).await?;
            delete(sim, Kind::PersistentVolumeClaim, "data-rpc-0").await
        });
        assert_eq!(found, ["S3"]);
    }

    #[test]
    fn s3_a_claim_that_is_to_be_kept_must_not_go_with_its_node() {
        let sim = up();
        sim.user_edit(&key(), |spec| spec["dataVolume"] = json!({ "retainOnDelete": true }));
        sim.user_delete(&node_id(&key()));
        let found =
            broken(&sim, async |sim: &Sim, _: &NodeKey| delete(sim, Kind::PersistentVolumeClaim, "data-rpc-0").await);
        assert_eq!(found, ["S3"]);
    }

    #[test]
    fn s4_objects_of_others_must_not_be_written() {
        let sim = up();
        let mut foreign = service("");
        foreign["metadata"]["name"] = json!("other");
        sim.user_apply(foreign.clone()).unwrap();
        let found = broken(&sim, async |sim: &Sim, _: &NodeKey| {
            start_plan(sim).await?;
            sim.apply(&testing::id(Kind::Service, "other"), &foreign).await?;
            delete(sim, Kind::Service, "other").await
        });
        assert_eq!(found, ["S4", "S4"]);
    }

    #[test]
    fn s7_a_second_status_write_is_one_too_many() {
        let found = broken(&up(), async |sim: &Sim, _: &NodeKey| {
            let node = start_plan(sim).await?;
            sim.write_status(&node, &node.status.clone().unwrap_or_default()).await?;
            done()
        });
        assert_eq!(found, ["S7"]);
    }

    #[test]
    fn s7_a_status_write_needs_a_version_that_was_read() {
        let sim = up();
        let old = sim.sei_node(&key()).unwrap();
        let found = broken(&sim, async |sim: &Sim, _: &NodeKey| {
            sim.write_status(&old, &SeiNodeStatus::default()).await?;
            done()
        });
        assert_eq!(found, ["S7"]);
    }

    #[test]
    fn s8_a_task_that_no_plan_names_must_not_be_posted() {
        let found = broken(&up(), async |sim: &Sim, _: &NodeKey| {
            start_plan(sim).await?;
            let request = TaskRequest { id: testing::task_id(77), kind: "mark-ready", params: None };
            let _ = sim.submit(&testing::address(), &request).await;
            done()
        });
        assert_eq!(found, ["S8"]);
    }

    #[test]
    fn s11_an_image_that_nothing_runs_must_not_be_stamped() {
        let found = broken(&up(), async |sim: &Sim, _: &NodeKey| {
            let node = sim.node(&key()).await?.unwrap();
            let mut status = node.status.clone().unwrap_or_default();
            status.current_image = Some("sei:v9".to_owned());
            sim.write_status(&node, &status).await?;
            done()
        });
        assert_eq!(found, ["S11"]);
    }

    #[test]
    fn s13_a_pod_at_its_target_must_not_be_replaced() {
        let found = broken(&up(), async |sim: &Sim, _: &NodeKey| {
            start_plan(sim).await?;
            delete(sim, Kind::Pod, "rpc-0-0").await
        });
        assert_eq!(found, ["S13"]);
    }

    /// A pod that somebody makes beside the operator.
    fn pod(labels: &Value, mounts: &Value) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": "second", "namespace": "nodes", "labels": labels },
            "spec": {
                "volumes": [{ "name": "data", "persistentVolumeClaim": { "claimName": "data-rpc-0" } }],
                "initContainers": [{ "name": "sei-sidecar", "image": "sidecar:v1", "restartPolicy": "Always" }],
                "containers": [{ "name": "seid", "image": "sei:v1", "volumeMounts": mounts }],
            },
        })
    }

    #[test]
    fn p3_two_pods_must_not_run_on_one_volume() {
        let sim = up();
        sim.user_apply(pod(&json!({}), &json!([]))).unwrap();
        let stopped = sim.drive(Reconcile(testing::idle)).run_for(60).unwrap_err();
        assert!(stopped.why.starts_with("P3 broken"), "{stopped}");
    }

    #[test]
    fn s5_a_keyring_must_not_reach_seid() {
        let sim = Sim::new(Options::default());
        let mut node = testing::manifest();
        let passphrase = json!({ "secretName": "unlock", "key": "passphrase" });
        let secret = json!({ "secretName": "operator", "keyName": "a", "passphraseSecretRef": passphrase });
        node["spec"] = json!({
            "chainId": "c", "image": "sei:v1", "validator": { "operatorKeyring": { "secret": secret } },
        });
        sim.user_apply(node).unwrap();
        let mounts = json!([{ "name": "operator-keyring", "mountPath": "/" }]);
        sim.user_apply(pod(&json!({ "sei.io/node": "rpc-0" }), &mounts)).unwrap();
        let broken: Vec<&str> = sim.violations().iter().map(|violation| violation.invariant).collect();
        assert_eq!(broken, ["S5"]);
    }

    #[test]
    fn a_delete_whose_precondition_fails_breaks_nothing() {
        let found = broken(&up(), async |sim: &Sim, _: &NodeKey| {
            let id = testing::id(Kind::PersistentVolumeClaim, "data-rpc-0");
            assert!(sim.delete(&id, "someone", Propagation::Foreground).await.is_err());
            let again = sim.create(&id, &claim("")).await;
            assert!(again.is_ok());
            done()
        });
        assert_eq!(found, ["S8"], "only the create, which has no plan");
    }
}
