//! Edits of a Running node other than its image: what its pod is made with and what its sidecar is told, not only its status.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::keys;
use super::specs::{V1, V2};
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
        "peers": [{"static": {"addresses": [peer("a")]}}],
    })
}

fn peer(host: &str) -> String {
    format!("0123456789abcdef0123456789abcdef01234567@{host}.test.example:26656")
}

/// The overrides in the words of the sidecar, with the platform's own.
fn with_settings_told() -> Value {
    json!({"evm.http_port": "8545", "evm.ws_port": "8546", "logging.level": "info"})
}

async fn running(place: &Place, spec: Value) -> View {
    place.create("rpc-0", spec).await;
    place.until("rpc-0", "the node comes up", |view| view.settled_on(V1)).await
}

/// Another pod than before runs, nothing is under way, and this is what status says of the update.
pub(super) fn updated(view: &View, before: Option<String>) -> Check {
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

pub(super) fn mounts(view: &View, volume: &str) -> Option<String> {
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
        "peers": [{"static": {"addresses": [peer("b")]}}],
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

/// An edit of a node `with_settings`, and the edit that takes it back.
struct Edit {
    node: &'static str,
    makes: Value,
    takes_back: Value,
}

fn edits() -> Vec<Edit> {
    let edit = |node, makes, takes_back| Edit { node, makes, takes_back };
    let peers = |host: &str| json!({"peers": [{"static": {"addresses": [peer(host)]}}]});
    vec![
        edit("image", json!({"image": V2}), json!({"image": V1})),
        edit("sidecar-image", json!({"sidecar": {"image": SIDECAR_V2}}), json!({"sidecar": null})),
        edit("sidecar-port", json!({"sidecar": {"port": 7800}}), json!({"sidecar": null})),
        edit("resources", json!({"sidecar": {"resources": {"requests": {"cpu": "250m"}}}}), json!({"sidecar": null})),
        edit(
            "override",
            json!({"overrides": {"evm.http_port": "9545"}}),
            json!({"overrides": {"evm.http_port": "8545"}}),
        ),
        edit("less", json!({"overrides": {"evm.ws_port": null}}), json!({"overrides": {"evm.ws_port": "8546"}})),
        edit("labels", json!({"podLabels": {"team": "b"}}), json!({"podLabels": {"team": "a"}})),
        edit("peers", peers("b"), peers("a")),
        edit("mode", json!({"fullNode": null, "validator": {}}), json!({"fullNode": {}, "validator": null})),
        edit(
            "much",
            json!({"image": V2, "podLabels": {"team": "b"}, "overrides": {"evm.http_port": "9545"}}),
            json!({"image": V1, "podLabels": {"team": "a"}, "overrides": {"evm.http_port": "8545"}}),
        ),
    ]
}

/// The kubelet stands still while the pods terminate. Every node ends where it began, with the pod that it had, and what was taken
/// back is never told to a sidecar.
pub(crate) async fn reverted(world: Arc<World>) {
    let place = world.served_place("following-reverted").await;
    let edits = edits();
    for edit in &edits {
        place.create(edit.node, with_settings()).await;
    }
    let mut before = Vec::new();
    for edit in &edits {
        before.push(place.until(edit.node, "the node comes up", |view| view.settled_on(V1)).await);
    }
    let (mark, pause) = (world.audit.mark(), world.pause_kubelet());
    for edit in &edits {
        place.edit(edit.node, edit.makes.clone()).await;
    }
    for edit in &edits {
        place.until(edit.node, "the pod is on its way out", View::pod_is_terminating).await;
        place.edit(edit.node, edit.takes_back.clone()).await;
    }
    tokio::time::sleep(AFTERWARDS).await;
    for edit in &edits {
        place.ends_pod(edit.node).await;
    }
    drop(pause);
    for (edit, before) in edits.iter().zip(&before) {
        let ends = |view: &View| updated(view, before.pod_uid());
        let after = place.until(edit.node, "it ends where it began", ends).await;
        assert_eq!(pod(&after)["spec"], pod(before)["spec"], "{}: the pod is made as before", edit.node);
        assert_eq!(pod(&after)["metadata"]["labels"], pod(before)["metadata"]["labels"], "{}", edit.node);
        let sidecar = place.sidecar(edit.node);
        for params in sidecar.params("config-apply") {
            assert_eq!(params["mode"], "full", "{}: {params}", edit.node);
            assert_eq!(params["overrides"], with_settings_told(), "{}: {params}", edit.node);
        }
        let peers = sidecar.params("discover-peers");
        assert!(peers.iter().all(|params| params.to_string().contains(&peer("a"))), "{}: {peers:?}", edit.node);
    }
    world.silence().await;
    let deletes = world.audit.since(mark).in_namespace(&place.namespace).pod_deletes();
    assert_eq!(deletes.len(), edits.len(), "one pod a node: {deletes:?}");
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
    let none = Patch::Merge(json!({"spec": {"validator": {"signingKey": null, "nodeKey": null}}}));
    let refused = place.nodes.patch("rpc-0", &PatchParams::default(), &none).await.expect_err("keys stay");
    assert!(refused.to_string().contains("signingKey cannot be removed"), "{refused}");
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
