//! Tests of the storage: optimistic lock, preconditions, finalizers, generations.
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
    let patch = json!({ "phase": "Running", "plan": { "id": "p", "phase": "Active", "tasks": [] } });
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
    assert_eq!(after["spec"]["clusterIP"], "None");
    assert_eq!(after["spec"].get("extra"), None);
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
    let uids: Vec<&str> = list(&after, "/metadata/ownerReferences").iter().map(|owner| text(owner, "/uid")).collect();
    assert_eq!(uids, ["ours", "theirs"]);
}

#[test]
fn an_apply_with_the_uid_of_another_object_is_never_done() {
    let (mut store, mut ids) = store();
    let at = id(Kind::Service, "rpc-0");
    let mut ours = service("u");
    ours["metadata"]["uid"] = json!("someone");
    let absent = store.apply(&at, &ours, &mut ids);
    assert!(matches!(absent, Err(ClusterError::Conflict(_))));
    store.apply(&at, &service("u"), &mut ids).unwrap();
    refused(store.apply(&at, &ours, &mut ids), "metadata.uid");
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
    let wrong = store.delete_of(&node_id(), "someone");
    assert!(matches!(wrong, Err(ClusterError::Conflict(_))));
    assert!(store.get(&node_id()).is_some());
    store.delete(&node_id());
    assert!(store.get(&node_id()).is_none());
    store.delete_of(&node_id(), "whoever").unwrap();
}

#[test]
fn finalizers_hold_an_object_until_the_last_one_goes() {
    let (mut store, _) = with_node();
    store.update(&node_id(), |node| {
        node["metadata"]["finalizers"] = json!(["a"]);
    });
    store.delete(&node_id());
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
    refused(store.patch_metadata(&node_id(), "x", "1", &patch), "metadata.uid");
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

fn refused<T: std::fmt::Debug>(answer: Result<T, ClusterError>, with: &str) {
    let error = answer.unwrap_err();
    assert!(matches!(&error, ClusterError::Rejected { code: 422, message } if message.contains(with)), "{error}");
}

#[test]
fn a_status_that_the_schema_does_not_know_is_refused_or_pruned() {
    let (mut store, _) = with_node();
    let at = version(&store, &node_id());
    refused(store.patch_status(&node_id(), &at, &json!({ "phase": "Dancing" })), "status.phase: Unsupported value");
    let written = store.patch_status(&node_id(), &at, &json!({ "phase": "Running", "nonsense": 1 })).unwrap();
    assert_eq!(written["status"], json!({ "phase": "Running" }));
}

#[test]
fn a_spec_that_the_rules_forbid_is_refused() {
    let (mut store, _) = with_node();
    let two_modes = store.edit("me", &node_id(), |node| node["spec"]["archive"] = json!({}));
    refused(two_modes, "exactly one of fullNode");
    assert_eq!(version(&store, &node_id()), "1");
    store.edit("me", &node_id(), |node| node["spec"]["dataVolume"] = json!({ "import": { "pvcName": "a" } })).unwrap();
    let moved = store.edit("me", &node_id(), |node| node["spec"]["dataVolume"]["import"]["pvcName"] = json!("b"));
    refused(moved, "spec.dataVolume.import.pvcName");
}

#[test]
fn an_edit_leaves_the_status_and_a_status_write_leaves_the_spec() {
    let (mut store, _) = with_node();
    store.edit("me", &node_id(), |node| node["status"] = json!({ "phase": "Running" })).unwrap();
    assert_eq!(store.get(&node_id()).unwrap().get("status"), None);
    assert_eq!(version(&store, &node_id()), "1");
}

#[test]
fn what_another_manager_writes_is_theirs_until_we_take_it_back() {
    let (mut store, mut ids) = store();
    let at = id(Kind::StatefulSet, "rpc-0");
    let set = stateful_set("u", "sei:v1");
    store.apply(&at, &set, &mut ids).unwrap();
    store.edit("scaler", &at, |live| live["spec"]["replicas"] = json!(0)).unwrap();
    let polite = store.apply_as(FIELD_MANAGER, &at, &set, Force::No, &mut ids);
    let told = polite.unwrap_err().to_string();
    assert!(told.contains(r#"conflict with "scaler": .spec.replicas"#), "{told}");
    let forced = store.apply(&at, &set, &mut ids).unwrap();
    assert_eq!(forced["spec"]["replicas"], 1);
    let owners: Vec<Value> = store.managed_fields(&at).into_iter().map(|entry| entry["manager"].clone()).collect();
    assert_eq!(owners, [FIELD_MANAGER]);
}

#[test]
fn elements_of_lists_that_are_maps_have_owners_of_their_own() {
    let (mut store, mut ids) = store();
    let at = id(Kind::StatefulSet, "rpc-0");
    let set = stateful_set("u", "sei:v1");
    store.apply(&at, &set, &mut ids).unwrap();
    let mesh = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": { "name": "rpc-0", "namespace": "nodes" },
        "spec": { "template": { "spec": { "containers": [
            { "name": "mesh", "image": "mesh:v1" },
            { "name": "seid", "env": [{ "name": "MESH", "value": "1" }] },
        ] } } },
    });
    store.apply_as("mesh", &at, &mesh, Force::No, &mut ids).unwrap();
    let again = store.apply(&at, &stateful_set("u", "sei:v2"), &mut ids).unwrap();
    let containers = list(&again, "/spec/template/spec/containers");
    let names: Vec<&str> = containers.iter().map(|container| text(container, "/name")).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    let seid = containers.iter().find(|container| text(container, "/name") == "seid").unwrap();
    assert_eq!(text(seid, "/image"), "sei:v2");
    assert_eq!(seid["env"], json!([{ "name": "MESH", "value": "1" }]));
    let mut without = set;
    without["spec"]["template"]["spec"]["containers"].as_array_mut().unwrap().pop();
    let after = store.apply(&at, &without, &mut ids).unwrap();
    assert_eq!(list(&after, "/spec/template/spec/containers").len(), 2, "the exporter goes, defaults and all");
}

#[test]
fn an_apply_that_shares_a_field_is_a_new_version_and_the_next_one_is_none() {
    let (mut store, mut ids) = store();
    let at = id(Kind::Service, "rpc-0");
    store.create(&at, &service("u"), &mut ids).unwrap();
    let made = version(&store, &at);
    store.apply(&at, &service("u"), &mut ids).unwrap();
    let applied = version(&store, &at);
    assert_ne!(applied, made, "its managed fields changed");
    store.apply(&at, &service("u"), &mut ids).unwrap();
    assert_eq!(version(&store, &at), applied);
}

#[test]
fn finalizers_of_others_stay() {
    let (mut store, mut ids) = store();
    let at = id(Kind::ConfigMap, "rpc-0");
    let map = |finalizers: Value| {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": "rpc-0", "namespace": "nodes", "finalizers": finalizers }, "data": { "a": "1" },
        })
    };
    store.apply(&at, &map(json!(["ours/a", "ours/b"])), &mut ids).unwrap();
    store.apply_as("other", &at, &map(json!(["theirs/c"])), Force::No, &mut ids).unwrap();
    let after = store.apply(&at, &map(json!(["ours/b"])), &mut ids).unwrap();
    assert_eq!(after["metadata"]["finalizers"], json!(["ours/b", "theirs/c"]));
}

#[test]
fn claims_do_not_shrink_and_only_bound_ones_grow() {
    let (mut store, mut ids) = store();
    let at = id(Kind::PersistentVolumeClaim, "data-rpc-0");
    store.create(&at, &claim("u"), &mut ids).unwrap();
    let ask = |store: &mut Store, size: &str| {
        store.edit("me", &at, |claim| claim["spec"]["resources"]["requests"]["storage"] = json!(size))
    };
    refused(ask(&mut store, "3000Gi"), "spec is immutable after creation");
    store.set_status(&at, json!({ "phase": "Bound", "capacity": { "storage": "2000Gi" } }));
    ask(&mut store, "3000Gi").unwrap();
    refused(ask(&mut store, "1000Gi"), "can not be less than status.capacity");
}
