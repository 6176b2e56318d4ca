//! A node on a volume that somebody else provides: it waits for the volume, comes up on it, and leaves it behind.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::{Value, json};

use super::specs::{self, V1};
use crate::support::view::{View, check};
use crate::support::world::World;

/// What `fixtures/platform/test.env` asks of a full node's volume.
const SIZE: &str = "2000Gi";

pub(crate) async fn comes_up(world: Arc<World>) {
    let place = world.served_place("import").await;
    let asked = json!({
        "metadata": {"name": "chain"},
        "spec": {
            "storageClassName": "", "volumeName": "import-chain", "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": SIZE}},
        },
    });
    let claims: Api<PersistentVolumeClaim> = place.api();
    claims.create(&PostParams::default(), &object(asked)).await.expect("the claim is taken");
    let mut spec = specs::from_genesis();
    spec["dataVolume"] = json!({"import": {"pvcName": "chain"}});
    place.create("rpc-0", spec).await;
    let says_why = |text: String| check(text.contains("waiting for Bound"), || format!("no word of it: {text}"));
    place.until("rpc-0", "it waits for the volume", |view| says_why(format!("{:?}", view.node))).await;

    let volumes: Api<PersistentVolume> = Api::all(world.admin.clone());
    let volume = json!({
        "metadata": {"name": "import-chain"},
        "spec": {
            "capacity": {"storage": SIZE}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/chain"},
            "claimRef": {"namespace": place.namespace, "name": "chain"},
        },
    });
    volumes.create(&PostParams::default(), &object(volume)).await.expect("the volume is taken");
    let is_up = |view: &View| {
        view.phase_is("Running")?;
        view.no_active_plan()?;
        view.pod_runs(V1)
    };
    place.until("rpc-0", "the node comes up", is_up).await;

    place.nodes.delete("rpc-0", &DeleteParams::default()).await.expect("deletion is accepted");
    place.until("rpc-0", "the node goes", |view| check(view.node.is_none(), || "it is still there".to_owned())).await;
    let kept = claims.get("chain").await.expect("the claim is kept");
    assert_eq!(kept.metadata.deletion_timestamp, None);
    volumes.delete("import-chain", &DeleteParams::default()).await.expect("it was made above");
}

fn object<K: serde::de::DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).expect("an object")
}
