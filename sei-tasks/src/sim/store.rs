//! The API server's storage: objects as JSON with resourceVersion, uid, generation, optimistic lock, server-side apply,
//! finalizers and preconditions. Controllers and time passing live elsewhere.
//!
//! Simplifications: one field manager (ours); lists are atomic under apply except `metadata.ownerReferences`, which is
//! keyed by uid (we own every element of the others); of the API server's defaults only those that readers rely on
//! are filled in; of its validation only immutable fields of StatefulSets.

use std::collections::BTreeMap;
use std::sync::Arc;

use sei_planner::api::Time;
use serde_json::{Value, json};

use crate::merge_patch;
use crate::world::{ClusterError, Created, Kind, ObjectId};

use super::clock::Ids;
use super::json::{self, list, number, text};

/// Finalizer that keeps a claim while a pod uses it.
pub(super) const CLAIM_PROTECTION: &str = "kubernetes.io/pvc-protection";
/// Finalizer of an object whose children are deleted first.
pub(super) const FOREGROUND: &str = "foregroundDeletion";
/// Seconds a pod gets to stop when nobody says otherwise.
const GRACE_SECONDS: i64 = 30;

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
    /// What our field manager last applied.
    applied: BTreeMap<ObjectId, Value>,
    history: BTreeMap<ObjectId, Vec<Version>>,
    changes: Vec<Change>,
    revision: u64,
    now: Time,
}

impl Store {
    /// An empty store.
    pub(super) fn new(now: Time) -> Self {
        Self {
            objects: BTreeMap::new(),
            applied: BTreeMap::new(),
            history: BTreeMap::new(),
            changes: Vec::new(),
            revision: 0,
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

    /// A plain create.
    pub(super) fn create(&mut self, id: &ObjectId, object: &Value, ids: &mut Ids) -> Result<Created, ClusterError> {
        check_identity(id, object)?;
        if self.objects.contains_key(id) {
            return Ok(Created::AlreadyExists);
        }
        let mut made = object.clone();
        self.birth(id, &mut made, ids);
        Ok(Created::New(self.commit(id, made).as_ref().clone()))
    }

    /// A forced server-side apply of our manager.
    pub(super) fn apply(&mut self, id: &ObjectId, object: &Value, ids: &mut Ids) -> Result<Value, ClusterError> {
        check_identity(id, object)?;
        self.check_apply_preconditions(id, object)?;
        let mut wanted = object.clone();
        json::drop_nulls(&mut wanted);
        let before = self.applied.get(id).cloned().unwrap_or(Value::Null);
        let mut next = match self.objects.get(id) {
            Some(live) if before == wanted && covers(live, &wanted, "") => return Ok(live.as_ref().clone()),
            Some(live) => live.as_ref().clone(),
            None => json!({}),
        };
        merge_applied(&mut next, &before, &wanted, "");
        if self.objects.contains_key(id) {
            self.check_immutable(id, &next)?;
        } else {
            self.birth(id, &mut next, ids);
        }
        self.applied.insert(id.clone(), wanted);
        Ok(self.commit(id, next).as_ref().clone())
    }

    /// A delete; with `uid` only an object of that uid obeys. Nothing happens when the object is gone.
    pub(super) fn delete(&mut self, id: &ObjectId, uid: Option<&str>) -> Result<(), ClusterError> {
        let Some(live) = self.objects.get(id).cloned() else {
            return Ok(());
        };
        if let Some(wanted) = uid {
            check_uid(id, &live, wanted)?;
        }
        let finalizers = !list(&live, "/metadata/finalizers").is_empty();
        let graceful = id.kind == Kind::Pod && !text(&live, "/spec/nodeName").is_empty();
        if !finalizers && !graceful {
            self.remove(id);
            return Ok(());
        }
        if is_leaving(&live) {
            return Ok(());
        }
        let mut next = live.as_ref().clone();
        self.mark_deleted(id, &mut next);
        self.commit(id, next);
        Ok(())
    }

    /// A delete of a Job that its pod precedes; the Job controller takes the finalizer off.
    pub(super) fn delete_after_children(&mut self, id: &ObjectId, uid: &str) -> Result<(), ClusterError> {
        let fits = self.objects.get(id).is_some_and(|live| text(live, "/metadata/uid") == uid && !is_leaving(live));
        if fits && id.kind == Kind::Job {
            self.update(id, |job| json::set(job, &["metadata", "finalizers"], json!([FOREGROUND])));
        }
        self.delete(id, Some(uid))
    }

    /// Ids of a kind that ever were.
    pub(super) fn ever(&self, kind: Kind) -> impl Iterator<Item = &ObjectId> {
        self.history.keys().filter(move |id| id.kind == kind)
    }

    /// Removes an object at once, finalizers or not: what a kubelet does with a stopped pod.
    pub(super) fn remove(&mut self, id: &ObjectId) {
        if let Some(before) = self.objects.remove(id) {
            self.revision += 1;
            self.applied.remove(id);
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
        check_uid(id, &live, uid)?;
        check_version(id, &live, resource_version)?;
        let mut next = live.as_ref().clone();
        merge_patch::apply(&mut next, &json!({ "metadata": metadata }));
        Ok(self.commit(id, next).as_ref().clone())
    }

    /// A merge patch of status that carries a resourceVersion.
    pub(super) fn patch_status(
        &mut self,
        id: &ObjectId,
        resource_version: &str,
        patch: &Value,
    ) -> Result<Value, ClusterError> {
        let live = self.live(id)?;
        check_version(id, &live, resource_version)?;
        let mut next = live.as_ref().clone();
        merge_patch::apply(&mut next, &json!({ "status": patch }));
        Ok(self.commit(id, next).as_ref().clone())
    }

    /// A read-modify-write by somebody else than the operator; nothing happens when the object is gone.
    pub(super) fn update(&mut self, id: &ObjectId, change: impl FnOnce(&mut Value)) {
        if let Some(live) = self.objects.get(id) {
            let mut next = live.as_ref().clone();
            change(&mut next);
            self.commit(id, next);
        }
    }

    /// Replaces `status` in the name of a controller; nothing happens when the object is gone or says so already.
    pub(super) fn set_status(&mut self, id: &ObjectId, status: Value) {
        if let Some(live) = self.objects.get(id)
            && live.get("status") != Some(&status)
        {
            let mut next = live.as_ref().clone();
            json::set(&mut next, &["status"], status);
            self.commit(id, next);
        }
    }

    fn live(&self, id: &ObjectId) -> Result<Arc<Value>, ClusterError> {
        self.objects.get(id).cloned().ok_or_else(|| missing(id))
    }

    /// What the API server gives a new object.
    fn birth(&self, id: &ObjectId, object: &mut Value, ids: &mut Ids) {
        json::drop_nulls(object);
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

    /// Stores `next`: schema defaults, generation, resourceVersion. A write that changes nothing is not one.
    fn commit(&mut self, id: &ObjectId, mut next: Value) -> Arc<Value> {
        let before = self.objects.get(id).cloned();
        default_fields(id.kind, &mut next);
        if let Some(old) = &before {
            carry_system_fields(old, &mut next);
            if **old == next {
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
        self.record(id, before, Some(Arc::clone(&stored)));
        stored
    }

    fn record(&mut self, id: &ObjectId, before: Option<Arc<Value>>, after: Option<Arc<Value>>) {
        self.history.entry(id.clone()).or_default().push(Version { at: self.now, value: after.clone() });
        self.changes.push(Change { id: id.clone(), before, after });
    }

    fn check_apply_preconditions(&self, id: &ObjectId, object: &Value) -> Result<(), ClusterError> {
        let uid = text(object, "/metadata/uid");
        let version = text(object, "/metadata/resourceVersion");
        match self.objects.get(id) {
            Some(live) if !uid.is_empty() => check_uid(id, live, uid)?,
            None if !uid.is_empty() => {
                return Err(ClusterError::Conflict(format!(
                    "{}: uid {uid} was given and there is no such object",
                    show(id)
                )));
            }
            Some(_) | None => {}
        }
        match self.objects.get(id) {
            Some(live) if !version.is_empty() => check_version(id, live, version),
            Some(_) | None => Ok(()),
        }
    }

    /// The API server lets nobody change these once a StatefulSet exists.
    fn check_immutable(&self, id: &ObjectId, next: &Value) -> Result<(), ClusterError> {
        let Some(live) = self.objects.get(id) else {
            return Ok(());
        };
        if id.kind != Kind::StatefulSet {
            return Ok(());
        }
        let frozen = ["/spec/selector", "/spec/serviceName", "/spec/podManagementPolicy", "/spec/volumeClaimTemplates"];
        match frozen.iter().find(|path| live.pointer(path) != next.pointer(path)) {
            None => Ok(()),
            Some(path) => {
                Err(ClusterError::Rejected { code: 422, message: format!("{}: {path} cannot be changed", show(id)) })
            }
        }
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

/// What the schema fills in.
fn default_fields(kind: Kind, object: &mut Value) {
    if kind != Kind::SeiNode {
        return;
    }
    json::drop_nulls(object);
    if let Some(sidecar) = object.pointer_mut("/spec/sidecar").and_then(Value::as_object_mut) {
        sidecar.entry("port").or_insert(json!(7777));
    }
}

fn check_identity(id: &ObjectId, object: &Value) -> Result<(), ClusterError> {
    let fits = text(object, "/apiVersion") == id.kind.api_version()
        && text(object, "/kind") == id.kind.name()
        && text(object, "/metadata/name") == id.name
        && text(object, "/metadata/namespace") == id.namespace;
    if fits {
        return Ok(());
    }
    Err(ClusterError::Rejected { code: 400, message: format!("the object does not say that it is {}", show(id)) })
}

fn check_uid(id: &ObjectId, live: &Value, uid: &str) -> Result<(), ClusterError> {
    let found = text(live, "/metadata/uid");
    if found == uid {
        return Ok(());
    }
    Err(ClusterError::Conflict(format!("{}: uid in precondition {uid}, uid in object {found}", show(id))))
}

fn check_version(id: &ObjectId, live: &Value, version: &str) -> Result<(), ClusterError> {
    if text(live, "/metadata/resourceVersion") == version {
        return Ok(());
    }
    Err(ClusterError::Conflict(format!("{}: the object has been modified", show(id))))
}

fn missing(id: &ObjectId) -> ClusterError {
    ClusterError::NotFound(show(id))
}

/// One level of server-side apply: what we applied before and do not send now disappears, the rest is merged.
fn merge_applied(live: &mut Value, before: &Value, wanted: &Value, path: &str) {
    let Value::Object(members) = wanted else {
        *live = wanted.clone();
        return;
    };
    let Some(map) = json::object(live) else {
        return;
    };
    if let Value::Object(old) = before {
        for (key, value) in old.iter().filter(|(key, _)| !members.contains_key(*key)) {
            prune_applied(map, key, value);
        }
    }
    for (key, value) in members {
        let here = format!("{path}/{key}");
        let earlier = before.get(key).unwrap_or(&Value::Null);
        let target = map.entry(key.clone()).or_insert(Value::Null);
        if here == "/metadata/ownerReferences" {
            merge_owners(target, earlier, value);
        } else {
            merge_applied(target, earlier, value, &here);
        }
    }
}

/// Removes what we applied under `key`; members that others put into the same object stay.
fn prune_applied(map: &mut serde_json::Map<String, Value>, key: &str, applied: &Value) {
    let Some(live) = map.get_mut(key) else {
        return;
    };
    if let (Value::Object(found), Value::Object(ours)) = (live, applied) {
        for (member, value) in ours {
            prune_applied(found, member, value);
        }
        if !found.is_empty() {
            return;
        }
    }
    map.remove(key);
}

/// Whether an apply of `wanted` would change nothing in `live`.
fn covers(live: &Value, wanted: &Value, path: &str) -> bool {
    match wanted {
        Value::Object(members) => members.iter().all(|(key, value)| {
            let here = format!("{path}/{key}");
            live.get(key).is_some_and(|live| covers(live, value, &here))
        }),
        Value::Array(owners) if path == "/metadata/ownerReferences" => {
            owners.iter().all(|owner| list(live, "").contains(owner))
        }
        Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => live == wanted,
    }
}

/// Owner references are keyed by uid and keep their places.
fn merge_owners(live: &mut Value, before: &Value, wanted: &Value) {
    let find = |owners: &Value, owner: &Value| -> Option<Value> {
        list(owners, "").iter().find(|other| text(other, "/uid") == text(owner, "/uid")).cloned()
    };
    let stays = |owner: &Value| match find(wanted, owner) {
        Some(ours) => Some(ours),
        None if find(before, owner).is_some() => None,
        None => Some(owner.clone()),
    };
    let mut owners: Vec<Value> = list(live, "").iter().filter_map(stays).collect();
    owners.extend(list(wanted, "").iter().filter(|owner| find(live, owner).is_none()).cloned());
    *live = Value::Array(owners);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::sim::clock;
    use crate::sim::testing::{claim, id, manifest, service, stateful_set};

    fn store() -> (Store, Ids) {
        (Store::new(clock::start()), Ids::new(1))
    }

    fn node_id() -> ObjectId {
        id(Kind::SeiNode, "rpc-0")
    }

    fn with_node() -> (Store, Ids) {
        let (mut store, mut ids) = store();
        store.create(&node_id(), &manifest(), &mut ids).unwrap();
        (store, ids)
    }

    fn version(store: &Store, id: &ObjectId) -> String {
        let object = store.get(id).unwrap();
        text(object, "/metadata/resourceVersion").to_owned()
    }

    fn generation(store: &Store, id: &ObjectId) -> i64 {
        number(store.get(id).unwrap(), "/metadata/generation")
    }

    #[test]
    fn a_second_create_finds_the_first() {
        let (mut store, mut ids) = with_node();
        let before = version(&store, &node_id());
        let again = store.create(&node_id(), &manifest(), &mut ids).unwrap();
        assert_eq!(again, Created::AlreadyExists);
        assert_eq!(version(&store, &node_id()), before);
    }

    #[test]
    fn an_object_must_say_what_it_is() {
        let (mut store, mut ids) = store();
        let wrong = store.create(&id(Kind::Service, "rpc-0"), &manifest(), &mut ids);
        assert!(matches!(wrong, Err(ClusterError::Rejected { code: 400, .. })));
    }

    #[test]
    fn a_stale_status_write_conflicts_and_changes_nothing() {
        let (mut store, _) = with_node();
        let old = version(&store, &node_id());
        let patch = json!({ "phase": "Running" });
        store.patch_status(&node_id(), &old, &patch).unwrap();
        let new = version(&store, &node_id());
        let stale = store.patch_status(&node_id(), &old, &json!({ "phase": "Failed" }));
        assert!(matches!(stale, Err(ClusterError::Conflict(_))));
        assert_eq!(version(&store, &node_id()), new);
        assert_eq!(generation(&store, &node_id()), 1);
    }

    #[test]
    fn explicit_nulls_remove_members_of_status() {
        let (mut store, _) = with_node();
        let first = version(&store, &node_id());
        let patch = json!({ "phase": "Running", "plan": { "id": "p" } });
        store.patch_status(&node_id(), &first, &patch).unwrap();
        let second = version(&store, &node_id());
        let written = store.patch_status(&node_id(), &second, &json!({ "plan": null })).unwrap();
        assert_eq!(written["status"], json!({ "phase": "Running" }));
    }

    #[test]
    fn a_write_that_changes_nothing_keeps_the_version() {
        let (mut store, mut ids) = with_node();
        let set_id = id(Kind::StatefulSet, "rpc-0");
        let set = stateful_set("u", "sei:v1");
        store.apply(&set_id, &set, &mut ids).unwrap();
        let before = version(&store, &set_id);
        store.take_changes();
        store.apply(&set_id, &set, &mut ids).unwrap();
        assert_eq!(version(&store, &set_id), before);
        assert!(store.take_changes().is_empty());
    }

    #[test]
    fn only_a_change_of_the_spec_bumps_the_generation() {
        let (mut store, mut ids) = with_node();
        let set_id = id(Kind::StatefulSet, "rpc-0");
        let mut set = stateful_set("u", "sei:v1");
        store.apply(&set_id, &set, &mut ids).unwrap();
        set["metadata"]["labels"] = json!({ "a": "b" });
        store.apply(&set_id, &set, &mut ids).unwrap();
        assert_eq!(generation(&store, &set_id), 1);
        store.apply(&set_id, &stateful_set("u", "sei:v2"), &mut ids).unwrap();
        assert_eq!(generation(&store, &set_id), 2);
    }

    #[test]
    fn apply_removes_what_we_applied_before_and_keeps_what_others_wrote() {
        let (mut store, mut ids) = store();
        let at = id(Kind::Service, "rpc-0");
        let mut ours = service("u");
        ours["metadata"]["labels"] = json!({ "ours": "1", "both": "1" });
        ours["spec"]["extra"] = json!({ "a": 1 });
        store.apply(&at, &ours, &mut ids).unwrap();
        store.update(&at, |live| {
            live["metadata"]["labels"]["theirs"] = json!("1");
        });
        ours["metadata"]["labels"] = json!({ "both": "2" });
        ours["spec"] = json!({ "clusterIP": "None" });
        let after = store.apply(&at, &ours, &mut ids).unwrap();
        assert_eq!(after["metadata"]["labels"], json!({ "both": "2", "theirs": "1" }));
        assert_eq!(after["spec"], json!({ "clusterIP": "None" }));
    }

    #[test]
    fn apply_keeps_the_owners_that_others_added() {
        let (mut store, mut ids) = store();
        let at = id(Kind::Service, "rpc-0");
        store.apply(&at, &service("ours"), &mut ids).unwrap();
        store.update(&at, |live| {
            let owners = live["metadata"]["ownerReferences"].as_array_mut().unwrap();
            owners.push(json!({ "uid": "theirs" }));
        });
        let after = store.apply(&at, &service("ours"), &mut ids).unwrap();
        let uids: Vec<&str> =
            list(&after, "/metadata/ownerReferences").iter().map(|owner| text(owner, "/uid")).collect();
        assert_eq!(uids, ["ours", "theirs"]);
    }

    #[test]
    fn apply_with_the_uid_of_another_object_conflicts() {
        let (mut store, mut ids) = store();
        let at = id(Kind::Service, "rpc-0");
        let mut ours = service("u");
        ours["metadata"]["uid"] = json!("someone");
        let absent = store.apply(&at, &ours, &mut ids);
        assert!(matches!(absent, Err(ClusterError::Conflict(_))));
        store.apply(&at, &service("u"), &mut ids).unwrap();
        let other = store.apply(&at, &ours, &mut ids);
        assert!(matches!(other, Err(ClusterError::Conflict(_))));
    }

    #[test]
    fn some_fields_of_a_stateful_set_are_for_ever() {
        let (mut store, mut ids) = store();
        let at = id(Kind::StatefulSet, "rpc-0");
        let mut set = stateful_set("u", "sei:v1");
        store.apply(&at, &set, &mut ids).unwrap();
        set["spec"]["serviceName"] = json!("other");
        let refused = store.apply(&at, &set, &mut ids);
        assert!(matches!(refused, Err(ClusterError::Rejected { code: 422, .. })));
    }

    #[test]
    fn a_delete_obeys_its_uid_and_forgives_absence() {
        let (mut store, _) = with_node();
        let wrong = store.delete(&node_id(), Some("someone"));
        assert!(matches!(wrong, Err(ClusterError::Conflict(_))));
        assert!(store.get(&node_id()).is_some());
        store.delete(&node_id(), None).unwrap();
        assert!(store.get(&node_id()).is_none());
        store.delete(&node_id(), Some("whoever")).unwrap();
    }

    #[test]
    fn finalizers_hold_an_object_until_the_last_one_goes() {
        let (mut store, _) = with_node();
        store.update(&node_id(), |node| {
            node["metadata"]["finalizers"] = json!(["a"]);
        });
        store.delete(&node_id(), None).unwrap();
        let node = store.get(&node_id()).unwrap().clone();
        assert!(is_leaving(&node));
        assert_eq!(generation(&store, &node_id()), 2);
        let (uid, version) = (text(&node, "/metadata/uid"), version(&store, &node_id()));
        let patch = json!({ "finalizers": [] });
        store.patch_metadata(&node_id(), uid, &version, &patch).unwrap();
        assert!(store.get(&node_id()).is_none());
    }

    #[test]
    fn a_metadata_patch_carries_uid_and_version() {
        let (mut store, _) = with_node();
        let node = store.get(&node_id()).unwrap().clone();
        let uid = text(&node, "/metadata/uid");
        let patch = json!({ "finalizers": ["a"] });
        let stale = store.patch_metadata(&node_id(), uid, "0", &patch);
        assert!(matches!(stale, Err(ClusterError::Conflict(_))));
        let other = store.patch_metadata(&node_id(), "x", "1", &patch);
        assert!(matches!(other, Err(ClusterError::Conflict(_))));
        let gone = store.patch_metadata(&id(Kind::Service, "no"), uid, "1", &patch);
        assert!(matches!(gone, Err(ClusterError::NotFound(_))));
    }

    #[test]
    fn claims_are_born_protected_and_pending() {
        let (mut store, mut ids) = store();
        let at = id(Kind::PersistentVolumeClaim, "data-rpc-0");
        store.create(&at, &claim("u"), &mut ids).unwrap();
        let made = store.get(&at).unwrap();
        assert_eq!(made["metadata"]["finalizers"], json!([CLAIM_PROTECTION]));
        assert_eq!(text(made, "/status/phase"), "Pending");
        assert_eq!(text(made, "/metadata/creationTimestamp"), "2026-01-01T00:00:00Z");
    }
}
