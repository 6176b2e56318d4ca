//! The API server's storage: objects as JSON with resourceVersion, uid, generation, optimistic lock, server-side apply,
//! finalizers and preconditions. Controllers and time passing live elsewhere.
//!
//! Simplifications: nobody owns fields of status; of the API server's checks of its own kinds only those that somebody
//! here might run into (`validation`); names and labels are not checked.

mod defaults;
mod fields;
mod managers;
mod preconditions;
mod seinodes;
#[cfg(test)]
mod tests;
mod validation;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use sei_planner::api::{FIELD_MANAGER, Time};
use serde_json::{Value, json};

use crate::merge_patch;
use crate::world::{ClusterError, Created, Kind, ObjectId};

use super::clock::Ids;
use super::json::{self, list, number, text};
use managers::Managers;
use preconditions::{
    check_applied, check_finalizers, check_identity, check_same_uid, check_uid, check_version, missing,
};

pub use managers::Force;

/// Finalizer that keeps a claim while a pod uses it.
pub(super) const CLAIM_PROTECTION: &str = "kubernetes.io/pvc-protection";
/// Finalizer of an object whose children are deleted first.
pub(super) const FOREGROUND: &str = "foregroundDeletion";
/// Seconds a pod gets to stop when nobody says otherwise.
const GRACE_SECONDS: i64 = 30;
/// Field manager of the controllers of the cluster.
const CONTROLLERS: &str = "kube-controller-manager";

/// One change of one object.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// Which object.
    pub(super) id: ObjectId,
    /// As it was, `None` when it is new.
    pub(super) before: Option<Arc<Value>>,
    /// As it is, `None` when it is gone.
    pub(super) after: Option<Arc<Value>>,
}

/// An object as it stood from a time on.
#[derive(Clone, Debug)]
struct Version {
    at: Time,
    value: Option<Arc<Value>>,
}

/// All objects.
#[derive(Clone, Debug)]
pub(super) struct Store {
    objects: BTreeMap<ObjectId, Arc<Value>>,
    managers: BTreeMap<ObjectId, Arc<Managers>>,
    history: BTreeMap<ObjectId, Vec<Version>>,
    changes: Vec<Change>,
    revision: u64,
    /// Of every write there was, in order.
    digest: u64,
    now: Time,
}

impl Store {
    /// An empty store.
    pub(super) fn new(now: Time) -> Self {
        Self {
            objects: BTreeMap::new(),
            managers: BTreeMap::new(),
            history: BTreeMap::new(),
            changes: Vec::new(),
            revision: 0,
            digest: 0,
            now,
        }
    }

    /// Tells the store what time it is.
    pub(super) fn set_now(&mut self, now: Time) {
        self.now = now;
    }

    /// The object as it stands.
    pub(super) fn get(&self, id: &ObjectId) -> Option<&Arc<Value>> {
        self.objects.get(id)
    }

    /// The object as it stood at `at`; `None` also when it did not exist then.
    pub(super) fn get_at(&self, id: &ObjectId, at: Time) -> Option<&Arc<Value>> {
        let versions = self.history.get(id)?;
        let seen = versions.iter().rev().find(|version| version.at <= at)?;
        seen.value.as_ref()
    }

    /// The object as it was in this resourceVersion.
    pub(super) fn version(&self, id: &ObjectId, number: u64) -> Option<&Arc<Value>> {
        let mut values = self.history.get(id)?.iter().rev().filter_map(|version| version.value.as_ref());
        values.find(|value| text(value, "/metadata/resourceVersion") == number.to_string())
    }

    /// Every object of a kind, in order of namespace and name.
    pub(super) fn list(&self, kind: Kind) -> impl Iterator<Item = (&ObjectId, &Arc<Value>)> {
        self.objects.iter().filter(move |(id, _)| id.kind == kind)
    }

    /// Every object.
    pub(super) fn all(&self) -> impl Iterator<Item = (&ObjectId, &Arc<Value>)> {
        self.objects.iter()
    }

    /// The object with this uid.
    pub(super) fn by_uid(&self, uid: &str) -> Option<(&ObjectId, &Arc<Value>)> {
        self.objects.iter().find(|(_, value)| text(value, "/metadata/uid") == uid)
    }

    /// The object with this uid, as it is or as it was last.
    pub(super) fn by_uid_ever(&self, uid: &str) -> Option<(&ObjectId, &Arc<Value>)> {
        self.by_uid(uid).or_else(|| {
            self.history.iter().find_map(|(id, versions)| {
                let mut values = versions.iter().rev().filter_map(|version| version.value.as_ref());
                values.find(|value| text(value, "/metadata/uid") == uid).map(|value| (id, value))
            })
        })
    }

    /// What changed since the last call.
    pub(super) fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// A plain create by the operator.
    pub(super) fn create(&mut self, id: &ObjectId, object: &Value, ids: &mut Ids) -> Result<Created, ClusterError> {
        self.create_as(FIELD_MANAGER, id, object, ids)
    }

    /// A plain create.
    pub(super) fn create_as(
        &mut self,
        manager: &str,
        id: &ObjectId,
        object: &Value,
        ids: &mut Ids,
    ) -> Result<Created, ClusterError> {
        check_identity(id, object)?;
        let mut made = object.clone();
        json::drop_nulls(&mut made);
        let mut made = admitted(id, None, made)?;
        if self.objects.contains_key(id) {
            return Ok(Created::AlreadyExists);
        }
        let mut managers = Managers::default();
        managers.update(manager, &json::empty(), &made);
        self.birth(id, &mut made, ids);
        Ok(Created::New(self.commit(id, made, Arc::new(managers)).as_ref().clone()))
    }

    /// Puts a recorded object back as it stood: with its uid and generation, the owners of its fields and its status.
    pub(super) fn restore(&mut self, id: &ObjectId, recorded: &Value, ids: &mut Ids) -> Result<(), ClusterError> {
        check_identity(id, recorded)?;
        if self.objects.contains_key(id) {
            return Err(ClusterError::Conflict(format!("{} is there already", show(id))));
        }
        let managers = Managers::of_managed_fields(list(recorded, "/metadata/managedFields"));
        let mut object = recorded.clone();
        json::remove(&mut object, &["metadata", "managedFields"]);
        let mut object = admitted(id, None, object)?;
        if let Some(status) = recorded.get("status").filter(|_| id.kind == Kind::SeiNode) {
            object = seinodes::with_status(id, &object, status.clone())?;
        }
        if text(&object, "/metadata/uid").is_empty() {
            json::set(&mut object, &["metadata", "uid"], json!(ids.uid()));
        }
        self.commit(id, object, Arc::new(managers));
        Ok(())
    }

    /// A forced server-side apply by the operator.
    pub(super) fn apply(&mut self, id: &ObjectId, object: &Value, ids: &mut Ids) -> Result<Value, ClusterError> {
        self.apply_as(FIELD_MANAGER, id, object, Force::Yes, ids)
    }

    /// A server-side apply.
    pub(super) fn apply_as(
        &mut self,
        manager: &str,
        id: &ObjectId,
        object: &Value,
        force: Force,
        ids: &mut Ids,
    ) -> Result<Value, ClusterError> {
        check_identity(id, object)?;
        let live = self.objects.get(id).cloned();
        check_applied(id, object, live.as_deref())?;
        let mut wanted = object.clone();
        json::drop_nulls(&mut wanted);
        json::remove(&mut wanted, &["status"]);
        let base = live.clone().unwrap_or_else(|| Arc::new(json::empty()));
        let (next, managers) = self.managers_of(id).apply(manager, &base, &wanted, force)?;
        let mut next = admitted(id, live.as_deref(), next)?;
        if live.is_none() {
            self.birth(id, &mut next, ids);
        }
        Ok(self.commit(id, next, Arc::new(managers)).as_ref().clone())
    }

    /// A read-modify-write of everything but the status, by somebody whom the API server may refuse.
    pub(super) fn edit(
        &mut self,
        manager: &str,
        id: &ObjectId,
        change: impl FnOnce(&mut Value),
    ) -> Result<(), ClusterError> {
        let live = self.live(id)?;
        let mut next = live.as_ref().clone();
        change(&mut next);
        let next = admitted(id, Some(&live), next)?;
        self.commit_by(manager, id, next);
        Ok(())
    }

    /// A delete that only an object of this uid obeys. Nothing happens when the object is gone.
    pub(super) fn delete_of(&mut self, id: &ObjectId, uid: &str) -> Result<(), ClusterError> {
        if let Some(live) = self.objects.get(id) {
            check_uid(id, live, uid)?;
            self.delete(id);
        }
        Ok(())
    }

    /// A delete without a precondition, which cannot be refused. Nothing happens when the object is gone.
    pub(super) fn delete(&mut self, id: &ObjectId) {
        let Some(live) = self.objects.get(id).cloned() else {
            return;
        };
        let finalizers = !list(&live, "/metadata/finalizers").is_empty();
        let graceful = id.kind == Kind::Pod && !text(&live, "/spec/nodeName").is_empty();
        if !finalizers && !graceful {
            return self.remove(id);
        }
        if is_leaving(&live) {
            return;
        }
        let mut next = live.as_ref().clone();
        self.mark_deleted(id, &mut next);
        self.commit(id, next, self.managers_of(id));
    }

    /// A delete of a Job that its pod precedes; the Job controller takes the finalizer off.
    pub(super) fn delete_after_children(&mut self, id: &ObjectId, uid: &str) -> Result<(), ClusterError> {
        let fits = self.objects.get(id).is_some_and(|live| text(live, "/metadata/uid") == uid && !is_leaving(live));
        if fits && id.kind == Kind::Job {
            self.update(id, |job| json::set(job, &["metadata", "finalizers"], json!([FOREGROUND])));
        }
        self.delete_of(id, uid)
    }

    /// Ids of a kind that ever were.
    pub(super) fn ever(&self, kind: Kind) -> impl Iterator<Item = &ObjectId> {
        self.history.keys().filter(move |id| id.kind == kind)
    }

    /// Removes an object at once, finalizers or not: what a kubelet does with a stopped pod.
    pub(super) fn remove(&mut self, id: &ObjectId) {
        if let Some(before) = self.objects.remove(id) {
            self.revision += 1;
            self.managers.remove(id);
            self.record(id, Some(before), None);
        }
    }

    /// A merge patch of metadata that carries uid and resourceVersion.
    pub(super) fn patch_metadata(
        &mut self,
        id: &ObjectId,
        uid: &str,
        resource_version: &str,
        metadata: &Value,
    ) -> Result<Value, ClusterError> {
        let live = self.live(id)?;
        check_version(id, &live, resource_version)?;
        check_same_uid(id, &live, uid)?;
        let mut next = live.as_ref().clone();
        merge_patch::apply(&mut next, &json!({ "metadata": metadata }));
        check_finalizers(id, &live, &next)?;
        Ok(self.commit_by(FIELD_MANAGER, id, next).as_ref().clone())
    }

    /// A merge patch of a SeiNode's status that carries a resourceVersion.
    pub(super) fn patch_status(
        &mut self,
        id: &ObjectId,
        resource_version: &str,
        patch: &Value,
    ) -> Result<Value, ClusterError> {
        check_version(id, &*self.live(id)?, resource_version)?;
        let stored = self.edit_status(id, |status| merge_patch::apply(status, patch))?;
        Ok(stored.as_ref().clone())
    }

    /// A read-modify-write of a SeiNode's status, by somebody whom the API server may refuse.
    pub(super) fn edit_status(
        &mut self,
        id: &ObjectId,
        change: impl FnOnce(&mut Value),
    ) -> Result<Arc<Value>, ClusterError> {
        let live = self.live(id)?;
        let mut status = live.get("status").cloned().unwrap_or_else(json::empty);
        change(&mut status);
        let next = seinodes::with_status(id, &live, status)?;
        Ok(self.commit(id, next, self.managers_of(id)))
    }

    /// A read-modify-write by a controller of the cluster; nothing happens when the object is gone.
    pub(super) fn update(&mut self, id: &ObjectId, change: impl FnOnce(&mut Value)) {
        if let Some(live) = self.objects.get(id) {
            let mut next = live.as_ref().clone();
            change(&mut next);
            self.commit_by(CONTROLLERS, id, next);
        }
    }

    /// Replaces `status` in the name of a controller; nothing happens when the object is gone or says so already.
    pub(super) fn set_status(&mut self, id: &ObjectId, status: Value) {
        if let Some(live) = self.objects.get(id)
            && live.get("status") != Some(&status)
        {
            let mut next = live.as_ref().clone();
            json::set(&mut next, &["status"], status);
            self.commit(id, next, self.managers_of(id));
        }
    }

    /// Who owns which fields of an object, as `metadata.managedFields` spells it.
    pub(super) fn managed_fields(&self, id: &ObjectId) -> Vec<Value> {
        self.managers_of(id).to_managed_fields()
    }

    fn managers_of(&self, id: &ObjectId) -> Arc<Managers> {
        self.managers.get(id).cloned().unwrap_or_default()
    }

    fn live(&self, id: &ObjectId) -> Result<Arc<Value>, ClusterError> {
        self.objects.get(id).cloned().ok_or_else(|| missing(id))
    }

    /// What the API server gives a new object.
    fn birth(&self, id: &ObjectId, object: &mut Value, ids: &mut Ids) {
        let time = json!(self.now.to_string());
        json::set(object, &["metadata", "uid"], json!(ids.uid()));
        json::set(object, &["metadata", "creationTimestamp"], time);
        if has_generation(id.kind) {
            json::set(object, &["metadata", "generation"], json!(1));
        }
        if id.kind == Kind::PersistentVolumeClaim {
            json::set(object, &["metadata", "finalizers"], json!([CLAIM_PROTECTION]));
            if object.get("status").is_none() {
                json::set(object, &["status"], json!({ "phase": "Pending" }));
            }
        }
        if id.kind == Kind::StatefulSet {
            json::set(object, &["status"], json!({ "replicas": 0 }));
        }
        if id.kind == Kind::Job {
            defaults::name_pods_of_job(object);
        }
    }

    fn mark_deleted(&self, id: &ObjectId, object: &mut Value) {
        let mut end = self.now;
        if id.kind == Kind::Pod {
            end = end.plus_seconds(GRACE_SECONDS);
            let path = ["metadata", "deletionGracePeriodSeconds"];
            json::set(object, &path, json!(GRACE_SECONDS));
        }
        let path = ["metadata", "deletionTimestamp"];
        json::set(object, &path, json!(end.to_string()));
    }

    /// Stores `next` in the name of somebody who wrote what is new in it.
    fn commit_by(&mut self, manager: &str, id: &ObjectId, next: Value) -> Arc<Value> {
        let mut managers = self.managers_of(id);
        if id.kind != Kind::Pod
            && let Some(live) = self.objects.get(id)
        {
            Arc::make_mut(&mut managers).update(manager, live, &next);
        }
        self.commit(id, next, managers)
    }

    /// Stores `next`: generation, resourceVersion, managers. A write that changes nothing is not one.
    fn commit(&mut self, id: &ObjectId, mut next: Value, managers: Arc<Managers>) -> Arc<Value> {
        let before = self.objects.get(id).cloned();
        if let Some(old) = &before {
            carry_system_fields(old, &mut next);
            if **old == next && self.managers_of(id) == managers {
                return Arc::clone(old);
            }
            if has_generation(id.kind) && (old.get("spec") != next.get("spec") || is_leaving(old) != is_leaving(&next))
            {
                let generation = number(old, "/metadata/generation") + 1;
                json::set(&mut next, &["metadata", "generation"], json!(generation));
            }
        }
        if is_leaving(&next) && list(&next, "/metadata/finalizers").is_empty() && id.kind != Kind::Pod {
            self.remove(id);
            return Arc::new(next);
        }
        self.revision += 1;
        let version = json!(self.revision.to_string());
        json::set(&mut next, &["metadata", "resourceVersion"], version);
        let stored = Arc::new(next);
        self.objects.insert(id.clone(), Arc::clone(&stored));
        self.managers.insert(id.clone(), managers);
        self.record(id, before, Some(Arc::clone(&stored)));
        stored
    }

    /// The same in two stores that took the same writes at the same times.
    pub(super) fn digest(&self) -> u64 {
        self.digest
    }

    fn record(&mut self, id: &ObjectId, before: Option<Arc<Value>>, after: Option<Arc<Value>>) {
        let mut hasher = DefaultHasher::new();
        (self.digest, self.now, id, &after, self.managers.get(id)).hash(&mut hasher);
        self.digest = hasher.finish();
        self.history.entry(id.clone()).or_default().push(Version { at: self.now, value: after.clone() });
        self.changes.push(Change { id: id.clone(), before, after });
    }
}

/// `Kind namespace/name`, for messages.
pub(super) fn show(id: &ObjectId) -> String {
    if id.namespace.is_empty() {
        format!("{} {}", id.kind.name(), id.name)
    } else {
        format!("{} {}/{}", id.kind.name(), id.namespace, id.name)
    }
}

/// Uid of the controller owner, empty when there is none.
pub(super) fn controller_uid(object: &Value) -> &str {
    list(object, "/metadata/ownerReferences")
        .iter()
        .find(|owner| owner.get("controller") == Some(&Value::Bool(true)))
        .map_or("", |owner| text(owner, "/uid"))
}

fn has_generation(kind: Kind) -> bool {
    matches!(kind, Kind::SeiNode | Kind::StatefulSet | Kind::Job)
}

/// Whether the object is being deleted.
pub(super) fn is_leaving(object: &Value) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_some()
}

/// Nobody writes these through an ordinary request.
fn carry_system_fields(old: &Value, next: &mut Value) {
    for field in ["uid", "creationTimestamp", "generation", "resourceVersion"] {
        match old.pointer(&format!("/metadata/{field}")) {
            Some(value) => json::set(next, &["metadata", field], value.clone()),
            None => json::remove(next, &["metadata", field]),
        }
    }
}

/// The stored form of what is written: everything but the status of it, which has a subresource of its own. Status of
/// the API server's own kinds is taken as it comes: only controllers and tests write it.
fn admitted(id: &ObjectId, live: Option<&Value>, mut next: Value) -> Result<Value, ClusterError> {
    if let Some(live) = live {
        check_finalizers(id, live, &next)?;
    }
    match (id.kind, live) {
        (Kind::SeiNode, None) => return seinodes::created(id, next),
        (Kind::SeiNode, Some(live)) => return seinodes::updated(id, live, next),
        (Kind::Service, Some(live)) => carry_address(live, &mut next),
        (
            Kind::Service
            | Kind::StatefulSet
            | Kind::PersistentVolumeClaim
            | Kind::PersistentVolume
            | Kind::Pod
            | Kind::Job
            | Kind::ConfigMap
            | Kind::Secret
            | Kind::Lease
            | Kind::Certificate,
            _,
        ) => {}
    }
    defaults::fill(id.kind, &mut next);
    match live {
        None => validation::check_new(id, &next)?,
        Some(live) => validation::check_change(id, live, &next)?,
    }
    Ok(next)
}

/// A Service keeps the address that it was given, whoever leaves it out.
fn carry_address(live: &Value, next: &mut Value) {
    if text(next, "/spec/clusterIP").is_empty() {
        json::set(next, &["spec", "clusterIP"], json!(text(live, "/spec/clusterIP")));
    }
}
