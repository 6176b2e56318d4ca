//! Validators with consensus keys of their own: a key has one holder, and changes hands only when a person says so.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use sei_planner::api::SeiNode;
use serde_json::{Value, json};

use super::following::{mounts, updated};
use super::specs::V1;
use crate::support::place::Place;
use crate::support::view::{View, check};
use crate::support::world::World;

const ASKS: &str = "AwaitingAcknowledgement";

/// The first validator takes the key; a node that follows the chain and is to have a copy of it runs on without, asks once the holder
/// is gone, and signs after the answer.
pub(crate) async fn one_holder(world: Arc<World>) {
    let place = world.served_place("keys").await;
    provide(&place, "a").await;
    provide(&place, "b").await;
    place.create("rpc-0", validator("a")).await;
    place.until("rpc-0", "the validator comes up", |view| view.settled_on(V1)).await;
    place.create("rpc-1", json!({"chainId": "test-1", "image": V1, "validator": {}})).await;
    let before = place.until("rpc-1", "the next one follows the chain", |view| view.settled_on(V1)).await;
    place.edit("rpc-1", validator("b")).await;
    let in_use = |view: &View| view.condition_is("SigningKeyReady", "False", "SigningKeyInUse");
    place.until("rpc-1", "the copy of the key waits", in_use).await;
    let unmounted = |view: &View| check(view.pod_uid() == before.pod_uid(), || "the pod was replaced".to_owned());
    place.stays("rpc-1", Duration::from_secs(3), unmounted).await;
    assert_eq!(leases(&place).await.len(), 1, "two Secrets, one key");

    place.delete::<SeiNode>("rpc-0").await;
    let asks = |view: &View| view.condition_is(ASKS, "True", "SigningKeyMoves");
    let asked = place.until("rpc-1", "a person is asked", asks).await;
    let question = asked.conditions().iter().find(|condition| condition["type"] == ASKS).expect("asked");
    let token =
        question["message"].as_str().and_then(|message| message.rsplit('=').next()).expect("a token").to_owned();
    let nodes: Api<SeiNode> = place.api();
    let patch = Patch::Merge(json!({"metadata": {"annotations": {"sei.io/acknowledge": token}}}));
    nodes.patch("rpc-1", &PatchParams::default(), &patch).await.expect("annotated");
    let after = place.until("rpc-1", "the copy takes over", |view| updated(view, before.pod_uid())).await;
    assert_eq!(mounts(&before, "signing-key"), None);
    assert_eq!(mounts(&after, "signing-key").as_deref(), Some("signing-b"));
    let lease = leases(&place).await.pop().expect("the same Lease");
    let holder = lease.spec.and_then(|spec| spec.holder_identity).unwrap_or_default();
    assert!(holder.starts_with(&format!("{}/rpc-1/", place.namespace)), "{holder}");
}

pub(super) fn validator(copy: &str) -> Value {
    json!({"chainId": "test-1", "image": V1, "validator": {
        "signingKey": {"secret": {"secretName": format!("signing-{copy}")}},
        "nodeKey": {"secret": {"secretName": format!("node-{copy}")}},
    }})
}

pub(super) async fn provide(place: &Place, copy: &str) {
    provide_key(place, copy, "validator.json").await;
}

/// The two Secrets of a validator with the consensus key of this file.
pub(super) async fn provide_key(place: &Place, copy: &str, key_file: &str) {
    let secrets: Api<Secret> = place.api();
    for (name, key, file) in [("signing", "priv_validator_key.json", key_file), ("node", "node_key.json", "node.json")]
    {
        let path = format!("{}/../fixtures/inspect/keys/{file}", env!("CARGO_MANIFEST_DIR"));
        let bytes = ByteString(std::fs::read(path).expect("a fixture"));
        let secret = json!({"metadata": {"name": format!("{name}-{copy}")}, "data": {key: bytes}});
        let secret = serde_json::from_value(secret).expect("a Secret");
        secrets.create(&PostParams::default(), &secret).await.expect("created");
    }
}

/// Replaces the data of a Secret.
pub(super) async fn set(place: &Place, name: &str, data: Value) {
    let secrets: Api<Secret> = place.api();
    let patch = Patch::Merge(json!({ "data": data }));
    secrets.patch(name, &PatchParams::default(), &patch).await.expect("patched");
}

/// Leases of keys; the suite's operator keeps them in `default`.
async fn leases(place: &Place) -> Vec<Lease> {
    let leases: Api<Lease> = Api::namespaced(place.world.admin.clone(), "default");
    let all = leases.list(&ListParams::default()).await.expect("listed").items;
    let of_keys =
        |lease: &Lease| lease.metadata.name.as_deref().is_some_and(|name| name.starts_with("sei-signing-key-"));
    all.into_iter().filter(of_keys).collect()
}
