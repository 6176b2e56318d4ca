//! Nodes as the controller before us left them, on a real API server: `fixtures/adoption/`.

use std::sync::Arc;
use std::time::Duration;

use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use crate::support::place::Place;
use crate::support::view::{View, check};
use crate::support::world::World;

/// What every recorded pod runs.
const IMAGE: &str = "sei:v1";
/// Kinds that the controller before us applied, in its order; pods are the business of the cluster.
const CHILDREN: [(&str, &str, &str); 3] = [
    ("", "PersistentVolumeClaim", "persistentvolumeclaims"),
    ("apps", "StatefulSet", "statefulsets"),
    ("", "Service", "services"),
];

/// A settled node and one in the middle of the plan that brings it up: both are taken over by the pods that they have.
pub(crate) async fn taken_over(world: Arc<World>) {
    world.without_operator().await;
    world.ensure_crds().await;
    let place = world.place("adopted").await;
    let mut found = Vec::new();
    for recording in ["full-genesis.running.settled.v1", "full-statesync.initializing.discover-peers.v1"] {
        let name = restore(&place, recording).await;
        let runs = place.until(&name, "its pod runs", |view| view.pod_runs(IMAGE)).await;
        found.push((name, runs.pod.expect("a pod").uid()));
    }
    world.ensure_operator().await;
    for (name, pod) in &found {
        place.until(name, "it is taken over", |view| view.condition_is("Adopted", "True", "Adopted")).await;
        let same = |view: &View| {
            let uid = view.pod.as_ref().and_then(ResourceExt::uid);
            check(uid == *pod, || format!("the pod was {pod:?} and is {uid:?}"))
        };
        let settled = |view: &View| view.settled_on(IMAGE).and_then(|()| same(view));
        place.until(name, "it settles on its pod", settled).await;
        place.stays(name, Duration::from_secs(2), settled).await;
    }
    world.silence().await;
}

/// Puts a recording into this namespace: the objects as that controller applied them, and then the status.
async fn restore(place: &Place, recording: &str) -> String {
    let path = format!("{}/../fixtures/adoption/{recording}.yaml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("a recording");
    let objects: Vec<Value> =
        text.split("\n---\n").map(|object| serde_saphyr::from_str(object).expect("YAML")).collect();
    let of_kind = |kind: &str| objects.iter().find(|object| object["kind"] == kind).expect("recorded").clone();
    let node = of_kind("SeiNode");
    let name = node["metadata"]["name"].as_str().expect("a name").to_owned();
    place.create(&name, node["spec"].clone()).await;
    let uid = place.nodes.get(&name).await.expect("created").uid().expect("a uid");
    for (group, kind, plural) in CHILDREN {
        let object = applied(of_kind(kind), &uid);
        let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, "v1", kind), plural);
        let api: Api<DynamicObject> = Api::namespaced_with(place.world.admin.clone(), &place.namespace, &resource);
        let params = PatchParams::apply("seinode-controller").force();
        let child = object["metadata"]["name"].as_str().expect("a name");
        api.patch(child, &params, &Patch::Apply(&object)).await.expect("applied");
    }
    let params = PatchParams { field_manager: Some("manager".to_owned()), ..PatchParams::default() };
    let patch = Patch::Merge(json!({ "status": node["status"] }));
    place.nodes.patch_status(&name, &params, &patch).await.expect("restored");
    name
}

/// The object as it was applied, owned by this node.
fn applied(recorded: Value, node_uid: &str) -> Value {
    let metadata = &recorded["metadata"];
    let mut owner = metadata["ownerReferences"][0].clone();
    owner["uid"] = json!(node_uid);
    let mut object = json!({
        "apiVersion": recorded["apiVersion"], "kind": recorded["kind"],
        "metadata": {"name": metadata["name"], "labels": metadata["labels"], "ownerReferences": [owner]},
        "spec": recorded["spec"],
    });
    if recorded["kind"] == "Service" {
        object["spec"].as_object_mut().expect("a spec").remove("clusterIPs");
    }
    object
}
