//! Everybody else in the world: users who apply, edit and delete, and accidents that happen to pods and sidecars.

use std::sync::Arc;

use sei_planner::names::NodeKey;
use serde_json::{Value, json};

use crate::merge_patch;
use crate::world::{ClusterError, Kind, ObjectId};

use super::clock::{self, Due};
use super::controllers::cert_manager;
use super::controllers::kubelet::{self, SEID, SIDECAR};
use super::faults::Fault;
use super::json::{self, text};
use super::state::{State, node_id, node_label};
use super::store::{Force, show};
use super::trace::{Fact, What};
use super::{CertManager, SeidConfig, Sim};

/// Field manager of users who edit and replace.
pub(super) const KUBECTL: &str = "kubectl-edit";

/// An action that waits for its time.
#[derive(Clone)]
pub(super) struct Scheduled {
    label: String,
    action: Arc<dyn Fn(&Sim) + Send + Sync>,
}

impl Sim {
    /// Applies a manifest, as `kubectl replace` would after a create: `spec`, `data`, labels and annotations become those
    /// of the manifest. The status of a SeiNode is left alone; that of other kinds is taken over, as if their controllers
    /// had written it. A missing namespace is `default`.
    ///
    /// # Errors
    /// `Rejected` when it is no object of a kind this world has, or one that the API server refuses.
    pub fn user_apply(&self, mut manifest: Value) -> Result<ObjectId, ClusterError> {
        let id = identify(&mut manifest)?;
        self.ask(format!("apply {}", show(&id)), |state| {
            if state.store.get(&id).is_some() {
                state.store.edit(KUBECTL, &id, |live| replace(&id, live, &manifest))?;
            } else {
                state.store.create_as(KUBECTL, &id, &manifest, &mut state.ids)?;
            }
            Ok(id)
        })
    }

    /// Applies a manifest of a SeiNode and then its `status`, in a second request: a saved state of the world.
    ///
    /// # Errors
    /// As for [`Self::user_apply`]; also when the API server refuses the status.
    pub fn user_restore(&self, manifest: Value) -> Result<ObjectId, ClusterError> {
        let status = manifest.get("status").cloned().unwrap_or_else(json::empty);
        let id = self.user_apply(manifest)?;
        self.ask(format!("restore the status of {}", show(&id)), |state| {
            state.store.edit_status(&id, |live| *live = status)?;
            Ok(id)
        })
    }

    /// Applies a manifest server-side as a field manager of this name.
    ///
    /// # Errors
    /// As for [`Self::user_apply`]; a conflict when a field belongs to another manager and is not taken by force.
    pub fn user_apply_as(&self, manager: &str, mut manifest: Value, force: Force) -> Result<ObjectId, ClusterError> {
        let id = identify(&mut manifest)?;
        self.ask(format!("apply {} as {manager}", show(&id)), |state| {
            state.store.apply_as(manager, &id, &manifest, force, &mut state.ids)?;
            Ok(id)
        })
    }

    /// Who owns which fields of an object, as its `metadata.managedFields` would say.
    #[must_use]
    pub fn managed_fields(&self, id: &ObjectId) -> Vec<Value> {
        self.with(|state| state.store.managed_fields(id))
    }

    /// Edits the `spec` of a node. Answers why the API server refused it, if it did; the timeline tells that too.
    #[allow(clippy::must_use_candidate, reason = "a refusal is told on the timeline")]
    pub fn user_edit(&self, key: &NodeKey, edit: impl FnOnce(&mut Value)) -> Option<ClusterError> {
        let edit = |node: &mut Value| {
            if let Some(spec) = node.get_mut("spec") {
                edit(spec);
            }
        };
        let id = node_id(key);
        self.ask(format!("edit {key}"), |state| state.store.edit(KUBECTL, &id, edit)).err()
    }

    /// A JSON merge patch (RFC 7396) of any object but its status.
    ///
    /// # Errors
    /// `Rejected` when the API server refuses it, `NotFound` when there is no such object.
    pub fn user_patch(&self, id: &ObjectId, patch: &Value) -> Result<(), ClusterError> {
        let edit = |object: &mut Value| merge_patch::apply(object, patch);
        self.ask(format!("patch {}", show(id)), |state| state.store.edit(KUBECTL, id, edit))
    }

    /// Edits the status of a node, as an operator before ours may have left it. Answers why the API server refused it.
    #[allow(clippy::must_use_candidate, reason = "a refusal is told on the timeline")]
    pub fn user_edit_status(&self, key: &NodeKey, edit: impl FnOnce(&mut Value)) -> Option<ClusterError> {
        let id = node_id(key);
        self.ask(format!("edit the status of {key}"), |state| state.store.edit_status(&id, edit)).err()
    }

    /// Edits a node as a newer version of the operator may have left it: its definition allows what ours does not.
    pub fn newer_version_writes(&self, key: &NodeKey, edit: impl FnOnce(&mut Value)) {
        let id = node_id(key);
        self.act(format!("a newer version writes {key}"), |state| state.store.update(&id, edit));
    }

    /// Sets an annotation of a node, or removes it.
    pub fn user_annotate(&self, key: &NodeKey, annotation: &str, value: Option<&str>) {
        let path = ["metadata", "annotations", annotation];
        let edit = |node: &mut Value| match value {
            Some(value) => json::set(node, &path, json!(value)),
            None => json::remove(node, &path),
        };
        let id = node_id(key);
        // A node that is gone has no annotations, and others are not refused.
        let _ = self.ask(format!("annotate {key} {annotation}"), |state| state.store.edit(KUBECTL, &id, edit));
    }

    /// Deletes an object; nothing happens when it is gone.
    pub fn user_delete(&self, id: &ObjectId) {
        self.act(format!("delete {}", show(id)), |state| {
            state.store.delete(id);
        });
    }

    /// Does something `at_seconds` after the beginning of the world, or at once when that is past.
    pub fn schedule(&self, at_seconds: i64, label: impl Into<String>, action: impl Fn(&Self) + Send + Sync + 'static) {
        let scheduled = Scheduled { label: label.into(), action: Arc::new(action) };
        self.with(|state| {
            state.last_scheduled += 1;
            let number = state.last_scheduled;
            state.scheduled.insert(number, scheduled);
            let at = clock::start().plus_seconds(at_seconds).max(state.now);
            state.queue.push(at, Due::User(number));
        });
    }

    /// A validator outside of the cluster begins to sign every block of the chain, with the consensus key of this address.
    pub fn outside_validator_begins(&self, address: &str) {
        let begins = |state: &mut State| state.keys.begins_outside(address, state.now);
        self.act(format!("validator {address} begins to sign elsewhere"), begins);
    }

    /// It stops, and stays away.
    pub fn outside_validator_ends(&self, address: &str) {
        let ends = |state: &mut State| state.keys.ends_outside(address, state.now);
        self.act(format!("validator {address} signs elsewhere no more"), ends);
    }

    /// Stops the kubelet: running containers go on, and nothing starts, stops or is reported.
    pub fn pause_kubelet(&self) {
        self.act("pause the kubelet".to_owned(), |state| {
            kubelet::pause(state, true);
        });
    }

    /// Lets the kubelet go on.
    pub fn resume_kubelet(&self) {
        self.act("resume the kubelet".to_owned(), |state| {
            kubelet::pause(state, false);
        });
    }

    /// Makes an image impossible to pull, or possible again.
    pub fn break_image(&self, image: &str, broken: bool) {
        self.act(format!("image {image} broken: {broken}"), |state| {
            if broken {
                state.options.broken_images.insert(image.to_owned());
            } else {
                state.options.broken_images.remove(image);
            }
        });
    }

    /// Restarts the sidecar's container of a node's pod: its ready flag is lost.
    pub fn restart_sidecar(&self, key: &NodeKey) {
        self.act(format!("restart the sidecar of {key}"), |state| {
            kubelet::restart_container(state, &pod_of(state, key), SIDECAR);
        });
    }

    /// Restarts the container of seid of a node's pod.
    pub fn restart_seid(&self, key: &NodeKey) {
        self.act(format!("restart seid of {key}"), |state| {
            kubelet::restart_container(state, &pod_id(key), SEID);
        });
    }

    /// Evicts a node's pod: it fails and the StatefulSet controller makes a new one.
    pub fn evict(&self, key: &NodeKey) {
        self.act(format!("evict the pod of {key}"), |state| {
            kubelet::evict(state, &pod_of(state, key));
        });
    }

    /// Makes the next `times` runs of a type of sidecar task fail with `error`.
    pub fn fail_task(&self, kind: &str, times: u32, error: &str) {
        self.with(|state| {
            let failure = (times, error.to_owned());
            state.sidecars.failures.insert(kind.to_owned(), failure);
        });
    }

    /// Makes the sidecar of a node answer nothing for so many seconds.
    pub fn silence_sidecar(&self, key: &NodeKey, seconds: i64) {
        self.act(format!("silence the sidecar of {key}"), |state| {
            let until = state.now.plus_seconds(seconds);
            state.sidecars.silent_until.insert(key.clone(), until);
        });
    }

    /// Lets a later call of the operator meet a fault.
    pub fn plan_fault(&self, call: u64, fault: Fault) {
        self.with(|state| state.process.plan_fault(call, fault));
    }

    /// Takes back everything that was to go wrong: faults at later calls, failures of tasks, silent sidecars, images
    /// that cannot be pulled, and the pause of the kubelet.
    pub fn calm_down(&self) {
        self.act("nothing goes wrong from now on".to_owned(), |state| {
            state.process.forget_faults();
            state.sidecars.failures.clear();
            state.sidecars.silent_until.clear();
            state.options.broken_images.clear();
            state.stall = None;
            kubelet::pause(state, false);
        });
    }

    /// Lets cert-manager do something else from now on, also with Certificates that it was asked for before.
    pub fn set_cert_manager(&self, does: CertManager) {
        self.act(format!("cert-manager: {does:?}"), |state| {
            state.options.cert_manager = does;
            cert_manager::look_at_all(state);
        });
    }

    /// Lets cert-manager renew a certificate before its time.
    pub fn renew_certificate(&self, id: &ObjectId) {
        self.act(format!("renew {}", show(id)), |state| cert_manager::renew(state, id));
    }

    /// The configuration on a node's data volume; absent when there is no such volume.
    #[must_use]
    pub fn seid_config(&self, key: &NodeKey) -> Option<SeidConfig> {
        self.with(|state| {
            let pod = state.store.get(&pod_of(state, key))?;
            let run = state.kubelet.pods.get(text(pod, "/metadata/uid"))?;
            let disk = state.sidecars.disks.get(run.disk.as_ref()?)?;
            Some(disk.config.clone())
        })
    }

    /// Runs a scheduled action.
    pub(super) fn run_scheduled(&self, number: u64) {
        let scheduled = self.with(|state| state.scheduled.remove(&number));
        if let Some(scheduled) = scheduled {
            self.act(scheduled.label, |_| {});
            (scheduled.action)(self);
        }
    }

    /// Asks the API server for something that it may refuse; the timeline tells when it does.
    pub(super) fn ask<T>(
        &self,
        what: String,
        ask: impl FnOnce(&mut State) -> Result<T, ClusterError>,
    ) -> Result<T, ClusterError> {
        let refused = format!("{what} was refused");
        self.act(what, |state| {
            ask(state).inspect_err(|error| state.tell(None, What::User { what: format!("{refused}: {error}") }))
        })
    }

    /// Does something in the name of somebody else, and lets the world react.
    fn act<T>(&self, what: String, act: impl FnOnce(&mut State) -> T) -> T {
        self.with(|state| {
            state.record(Fact::User(what.clone()));
            state.tell(None, What::User { what });
            let done = act(state);
            state.react();
            done
        })
    }
}

pub(super) fn pod_id(key: &NodeKey) -> ObjectId {
    ObjectId::new(Kind::Pod, key.namespace.clone(), key.pod())
}

/// The node's pod: that of its bootstrap Job while it is there.
pub(super) fn pod_of(state: &State, key: &NodeKey) -> ObjectId {
    let mut pods = state.store.list(Kind::Pod).filter(|(id, _)| id.namespace == key.namespace);
    let bootstrap =
        pods.find(|(_, pod)| node_label(pod) == Some(&key.name) && text(pod, "/spec/restartPolicy") == "Never");
    bootstrap.map_or_else(|| pod_id(key), |(id, _)| id.clone())
}

fn rejected(message: String) -> ClusterError {
    ClusterError::Rejected { code: 422, message }
}

/// Which object a manifest describes; its namespace is filled in.
pub(super) fn identify(manifest: &mut Value) -> Result<ObjectId, ClusterError> {
    let (version, name) = (text(manifest, "/apiVersion"), text(manifest, "/kind"));
    let kind = Kind::ALL
        .into_iter()
        .find(|kind| kind.name() == name && kind.api_version() == version)
        .ok_or_else(|| rejected(format!("no kind {name:?} in {version:?} here")))?;
    let object = text(manifest, "/metadata/name").to_owned();
    if object.is_empty() {
        return Err(rejected("metadata.name is required".to_owned()));
    }
    let namespace = match text(manifest, "/metadata/namespace") {
        _ if !kind.namespaced() => String::new(),
        "" => "default".to_owned(),
        given => given.to_owned(),
    };
    if kind.namespaced() {
        let path = ["metadata", "namespace"];
        json::set(manifest, &path, json!(namespace));
    }
    Ok(ObjectId::new(kind, namespace, object))
}

fn replace(id: &ObjectId, live: &mut Value, manifest: &Value) {
    for path in [&["spec"][..], &["data"], &["type"], &["metadata", "labels"], &["metadata", "annotations"]] {
        match manifest.pointer(&format!("/{}", path.join("/"))) {
            Some(new) => json::set(live, path, new.clone()),
            None => json::remove(live, path),
        }
    }
    if let Some(status) = manifest.get("status").filter(|_| id.kind != Kind::SeiNode) {
        json::set(live, &["status"], status.clone());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::sim::testing::{self, idle, key, manifest};
    use crate::sim::{Options, Reconcile};

    #[test]
    fn unknown_fields_and_nulls_of_a_node_are_dropped() {
        let sim = Sim::new(Options::default());
        let mut node = manifest();
        node["spec"]["genesis"] = json!({ "s3": {} });
        node["spec"]["overrides"] = json!(null);
        let id = sim.user_apply(node).unwrap();
        let stored = sim.object(&id).unwrap();
        assert_eq!(stored["spec"].get("genesis"), None);
        assert_eq!(stored["spec"].get("overrides"), None);
        assert_eq!(stored["metadata"]["generation"], 1);
    }

    #[test]
    fn what_is_no_object_of_this_world_is_refused() {
        let sim = Sim::new(Options::default());
        let role = json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": { "name": "a" } });
        assert!(matches!(sim.user_apply(role), Err(ClusterError::Rejected { .. })));
        let mut node = manifest();
        node["spec"] = json!({ "image": 7 });
        assert!(matches!(sim.user_apply(node), Err(ClusterError::Rejected { .. })));
    }

    #[test]
    fn a_second_apply_replaces_the_spec_and_a_missing_namespace_is_default() {
        let sim = Sim::new(Options::default());
        let mut node = manifest();
        node["metadata"].as_object_mut().unwrap().remove("namespace");
        let id = sim.user_apply(node.clone()).unwrap();
        assert_eq!(id.namespace, "default");
        node["spec"]["podLabels"] = json!({ "a": "b" });
        sim.user_apply(node.clone()).unwrap();
        node["spec"].as_object_mut().unwrap().remove("podLabels");
        sim.user_apply(node).unwrap();
        let stored = sim.object(&id).unwrap();
        assert_eq!(stored["spec"].get("podLabels"), None);
        assert_eq!(stored["metadata"]["generation"], 3);
    }

    #[test]
    fn scheduled_actions_come_at_their_time() {
        let sim = testing::world(Options::default());
        sim.schedule(30, "edit", |sim| {
            sim.user_edit(&key(), |spec| spec["image"] = json!("sei:v2"));
        });
        let mut driver = sim.drive(Reconcile(idle));
        let image = || sim.sei_node(&key()).unwrap().spec.image;
        driver.run_for(29).unwrap();
        assert_eq!(image(), "sei:v1");
        driver.run_for(1).unwrap();
        assert_eq!(image(), "sei:v2");
    }

    #[test]
    fn a_claim_that_somebody_else_made_can_be_bound_from_the_start() {
        let sim = Sim::new(Options::default());
        let mut claim = testing::claim("");
        claim["spec"]["volumeName"] = json!("disk");
        claim["status"] = json!({ "phase": "Bound", "capacity": { "storage": "2000Gi" } });
        let id = sim.user_apply(claim).unwrap();
        assert_eq!(sim.object(&id).unwrap()["status"]["phase"], "Bound");
    }
}
