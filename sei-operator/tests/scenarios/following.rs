//! Edits of a Running node other than its image: what its pod is made with and what its sidecar is told, not only its status.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::DeleteParams;
use serde_json::{Value, json};

use super::keys;
use super::specs::V1;
use crate::support::place::Place;
use crate::support::view::{Check, View, check};
use crate::support::world::World;

/// How long the end state is watched.
const AFTERWARDS: Duration = Duration::from_secs(4);
const SIDECAR_V2: &str = "registry.test.example/sei/sidecar:v2";

fn with_settings() -> Value {
    json!({
        "chainId": "test-1", "image": V1, "fullNode": {},
        "overrides": {"evm.http_port": "8545", "evm.ws_port": "8546"},
        "podLabels": {"team": "a"},
        "peers": [{"static": {"addresses": ["0123456789abcdef0123456789abcdef01234567@a.test.example:26656"]}}],
    })
}

async fn running(place: &Place, spec: Value) -> View {
    place.create("rpc-0", spec).await;
    place.until("rpc-0", "the node comes up", |view| view.settled_on(V1)).await
}

/// Another pod than before runs, nothing is under way, and this is what status says of the update.
fn updated(view: &View, before: Option<String>) -> Check {
    view.settled_on(V1)?;
    check(view.pod_uid() != before, || "the pod is the one of before".to_owned())?;
    view.condition_is("NodeUpdateInProgress", "False", "UpdateComplete")
}

fn pod(view: &View) -> Value {
    serde_json::to_value(view.pod.as_ref().expect("a pod")).expect("JSON")
}

fn sidecar_container(view: &View) -> Value {
    let pod = pod(view);
    let containers = pod["spec"]["initContainers"].as_array().expect("containers");
    containers.iter().find(|container| container["name"] == "sei-sidecar").expect("a sidecar").clone()
}

fn mounts(view: &View, volume: &str) -> Option<String> {
    let pod = pod(view);
    let volumes = pod["spec"]["volumes"].as_array().expect("volumes");
    let found = volumes.iter().find(|found| found["name"] == volume)?;
    found["secret"]["secretName"].as_str().map(str::to_owned)
}

/// Everything at once: one plan, one new pod, and both files of the configuration written anew with the peers after them.
pub(crate) async fn settings(world: Arc<World>) {
    let place = world.served_place("following").await;
    let before = running(&place, with_settings()).await.pod_uid();
    let mark = world.audit.mark();
    let edit = json!({
        "overrides": {"evm.http_port": "9545", "evm.ws_port": null},
        "podLabels": {"team": "b"},
        "sidecar": {"image": SIDECAR_V2, "port": 7800, "resources": {"requests": {"cpu": "250m"}}},
        "peers": [{"static": {"addresses": ["0123456789abcdef0123456789abcdef01234567@b.test.example:26656"]}}],
    });
    place.edit("rpc-0", edit).await;
    let after = place.until("rpc-0", "the edit is followed", |view| updated(view, before.clone())).await;
    let sidecar = sidecar_container(&after);
    assert_eq!(sidecar["image"], SIDECAR_V2);
    assert_eq!(sidecar["ports"][0]["containerPort"], 7800);
    assert_eq!(sidecar["resources"]["requests"]["cpu"], "250m");
    assert_eq!(pod(&after)["metadata"]["labels"]["team"], "b");
    let told = place.sidecar("rpc-0").params("config-apply");
    let last = json!({"evm.http_port": "9545", "logging.level": "info"});
    assert!(told.iter().any(|params| params["overrides"] == last && params["incremental"] == false), "{told:?}");
    let peers = place.sidecar("rpc-0").params("discover-peers");
    assert!(peers.iter().any(|params| params.to_string().contains("b.test.example")), "{peers:?}");

    // A key more is patched in.
    let before = after.pod_uid();
    place.edit("rpc-0", json!({"overrides": {"logging.level": "debug"}})).await;
    let after = place.until("rpc-0", "the key is added", |view| updated(view, before.clone())).await;
    let told = place.sidecar("rpc-0").params("config-apply");
    assert!(told.iter().any(|params| params["incremental"] == true && params["overrides"]["logging.level"] == "debug"));
    let uid = after.pod_uid();
    place.stays("rpc-0", AFTERWARDS, |view| check(view.pod_uid() == uid, || "replaced again".to_owned())).await;
    let deletes = world.audit.since(mark).in_namespace(&place.namespace).pod_deletes();
    assert_eq!(deletes.len(), 2, "one pod an edit: {deletes:?}");
}

/// The kubelet stands still while the pod terminates; what was taken back is never told to the sidecar.
pub(crate) async fn reverted(world: Arc<World>) {
    let place = world.served_place("following-reverted").await;
    let before = running(&place, with_settings()).await;
    let pause = world.pause_kubelet();
    place.edit("rpc-0", json!({"overrides": {"evm.http_port": "9545"}})).await;
    place.until("rpc-0", "the pod is on its way out", View::pod_is_terminating).await;
    place.edit("rpc-0", json!({"overrides": {"evm.http_port": "8545"}})).await;
    let at_once = DeleteParams::default().grace_period(0);
    place.api::<Pod>().delete("rpc-0-0", &at_once).await.expect("the API server does not wait for the kubelet");
    drop(pause);
    let after = place.until("rpc-0", "it ends where it began", |view| updated(view, before.pod_uid())).await;
    let uid = after.pod_uid();
    place.stays("rpc-0", AFTERWARDS, |view| check(view.pod_uid() == uid, || "replaced again".to_owned())).await;
    let told = place.sidecar("rpc-0").params("config-apply");
    assert!(told.iter().all(|params| params["overrides"]["evm.http_port"] == "8545"), "{told:?}");
}

/// The volume is one chain's: the edit is refused, the pod stays, and the old chain makes all well again.
pub(crate) async fn refused(world: Arc<World>) {
    let place = world.served_place("following-refused").await;
    let uid = running(&place, with_settings()).await.pod_uid();
    place.edit("rpc-0", json!({"chainId": "test-2"})).await;
    let refuses = |view: &View| view.condition_is("SpecAccepted", "False", "ImmutableOnceRunning");
    place.until("rpc-0", "the edit is refused", refuses).await;
    place.edit("rpc-0", json!({"chainId": "test-1"})).await;
    let accepts = |view: &View| view.condition_is("SpecAccepted", "True", "Accepted");
    place.until("rpc-0", "the old chain is followed", accepts).await;
    let stays = |view: &View| {
        view.settled_on(V1)?;
        check(view.pod_uid() == uid, || "the pod was replaced".to_owned())
    };
    place.stays("rpc-0", AFTERWARDS, stays).await;
}

/// A validator that follows its chain without a key: a defective key rolls nothing, one behind the tip waits, and then it signs.
pub(crate) async fn keys(world: Arc<World>) {
    let place = world.served_place("following-keys").await;
    place.sidecar("rpc-0").catches_up(true);
    let before = running(&place, json!({"chainId": "test-1", "image": V1, "validator": {}})).await;
    // A key of its own: other scenarios hold the other one.
    keys::provide_key(&place, "c", "another-validator.json").await;
    let good = place.api::<Secret>().get("signing-c").await.expect("a Secret");
    keys::set(&place, "signing-c", json!({"priv_validator_key.json": "e30="})).await;
    place.edit("rpc-0", keys::validator("c")).await;
    let defective = |view: &View| view.condition_is("SigningKeyReady", "False", "SigningKeyInvalid");
    place.until("rpc-0", "the defective key is reported", defective).await;
    keys::set(&place, "signing-c", serde_json::to_value(good.data).expect("JSON")).await;
    place.edit("rpc-0", json!({"podLabels": {"again": "now"}})).await;
    let waits = |view: &View| {
        view.condition_is("SigningKeyReady", "True", "SigningKeyValidated")?;
        check(view.waits_for("await-caught-up"), || "nothing waits for the tip".to_owned())
    };
    place.until("rpc-0", "the node is to catch up first", waits).await;
    let unmounted = |view: &View| {
        check(view.pod_uid() == before.pod_uid(), || "the pod was replaced".to_owned())?;
        check(mounts(view, "signing-key").is_none(), || "the key is mounted".to_owned())
    };
    place.stays("rpc-0", AFTERWARDS, unmounted).await;
    place.sidecar("rpc-0").catches_up(false);
    let after = place.until("rpc-0", "the validator signs", |view| updated(view, before.pod_uid())).await;
    assert_eq!(mounts(&after, "signing-key").as_deref(), Some("signing-c"));
    assert_eq!(mounts(&after, "node-key").as_deref(), Some("node-c"));
}

/// The data stays, the configuration is that of the new mode.
pub(crate) async fn mode(world: Arc<World>) {
    let place = world.served_place("following-mode").await;
    let before = running(&place, json!({"chainId": "test-1", "image": V1, "fullNode": {}})).await;
    place.edit("rpc-0", json!({"fullNode": null, "validator": {}})).await;
    let after = place.until("rpc-0", "it is a validator", |view| updated(view, before.pod_uid())).await;
    assert_eq!(pod(&after)["metadata"]["labels"]["sei.io/role"], "validator");
    let told = place.sidecar("rpc-0").params("config-apply");
    assert!(told.iter().any(|params| params["mode"] == "validator" && params["incremental"] == false), "{told:?}");
    let claim = |view: &View| view.claim.as_ref().and_then(|claim| claim.metadata.uid.clone());
    assert_eq!(claim(&after), claim(&before), "the same disk");
    // The way back is refused.
    place.edit("rpc-0", json!({"fullNode": {}, "validator": null})).await;
    let refuses = |view: &View| view.condition_is("SpecAccepted", "False", "ImmutableOnceRunning");
    place.until("rpc-0", "the way back is refused", refuses).await;
}
