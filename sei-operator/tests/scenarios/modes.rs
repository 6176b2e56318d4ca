//! The other kinds of nodes come up: archives, validators, founders of a chain, and replayers through a bootstrap Job.

use std::sync::Arc;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use super::bring_up::comes_up;
use super::specs::V1;
use crate::support::control_plane::HALT_ANNOTATION;
use crate::support::place::Place;
use crate::support::view::{View, check};
use crate::support::world::World;

const BOOTSTRAP: &str = "registry.test.example/sei/sei:bootstrap";

fn spec(mode: &str, member: Value) -> Value {
    json!({"chainId": "test-1", "image": V1, mode: member})
}

pub(crate) async fn archive(world: Arc<World>) {
    let tasks = ["configure-genesis", "config-apply", "config-validate", "mark-ready"];
    comes_up(world, "up-archive", spec("archive", json!({})), &tasks).await;
}

pub(crate) async fn validator(world: Arc<World>) {
    let tasks = ["configure-genesis", "config-apply", "config-validate", "mark-ready"];
    comes_up(world, "up-validator", spec("validator", json!({})), &tasks).await;
}

pub(crate) async fn founder(world: Arc<World>) {
    let ceremony = json!({"chainId": "test-1", "stakingAmount": "10000000usei", "accountBalance": "1000000000000usei", "index": 0});
    let tasks = [
        "generate-identity",
        "generate-gentx",
        "upload-genesis-artifacts",
        "configure-genesis",
        "config-apply",
        "set-genesis-peers",
        "config-validate",
        "mark-ready",
    ];
    comes_up(world, "up-founder", spec("validator", json!({"genesisCeremony": ceremony})), &tasks).await;
}

/// The real Job controller makes the pod and sees its end; production starts when nothing of the Job is left.
pub(crate) async fn replayer(world: Arc<World>) {
    let place = world.served_place("up-replayer").await;
    let snapshot = json!({"s3": {"targetHeight": 100_000}, "bootstrapImage": BOOTSTRAP});
    let mut replayer = spec("replayer", json!({"snapshot": snapshot}));
    replayer["peers"] =
        json!([{"static": {"addresses": ["0123456789abcdef0123456789abcdef01234567@peer.test.example:26656"]}}]);
    place.create("rpc-0", replayer).await;
    let opened = |view: &View| check(view.sidecar_ready, || "the bootstrap's gate is shut".to_owned());
    let view = place.until("rpc-0", "the gate of the bootstrap opens", opened).await;
    assert!(view.stateful_set.is_none() && view.pod.is_none(), "production waits");
    let before = place.sidecar("rpc-0").started();
    halt(&place, "rpc-0").await;
    place.until("rpc-0", "the node comes up", |view| view.settled_on(V1)).await;
    assert_eq!(
        before,
        [
            "snapshot-restore",
            "configure-genesis",
            "config-apply",
            "discover-peers",
            "configure-state-sync",
            "config-validate",
            "mark-ready"
        ]
    );
    let started = place.sidecar("rpc-0").started();
    let after = ["configure-genesis", "config-apply", "discover-peers", "config-validate", "mark-ready"];
    assert_eq!(started[before.len()..], after);
    let jobs: Api<Job> = place.api();
    assert!(jobs.list(&ListParams::default()).await.expect("listed").items.is_empty());
    let pods: Api<Pod> = place.api();
    assert_eq!(pods.list(&ListParams::default()).await.expect("listed").items.len(), 1);
}

/// seid of the bootstrap reaches its height.
async fn halt(place: &Place, name: &str) {
    let pods: Api<Pod> = place.api();
    let of_job = ListParams::default().labels(&format!("sei.io/node={name},sei.io/component=bootstrap"));
    let pod = pods.list(&of_job).await.expect("listed").items.pop().expect("a pod of the Job");
    assert_eq!(pod.spec.as_ref().and_then(|spec| spec.hostname.as_deref()), Some("rpc-0-0"));
    let patch = Patch::Merge(json!({"metadata": {"annotations": {HALT_ANNOTATION: "true"}}}));
    pods.patch(&pod.name_any(), &PatchParams::default(), &patch).await.expect("patched");
}
