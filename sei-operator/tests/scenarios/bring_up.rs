//! A full node comes up, whatever it starts from and whatever its sidecar does.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::specs::{self, V1};
use crate::support::place::Place;
use crate::support::view::{View, check};
use crate::support::world::World;

pub(super) const S3_TASKS: [&str; 6] =
    ["snapshot-restore", "configure-genesis", "config-apply", "configure-state-sync", "config-validate", "mark-ready"];

pub(crate) async fn from_genesis(world: Arc<World>) {
    let tasks = ["configure-genesis", "config-apply", "config-validate", "mark-ready"];
    comes_up(world, "up-genesis", specs::from_genesis(), &tasks).await;
}

pub(crate) async fn from_state_sync(world: Arc<World>) {
    let tasks = [
        "configure-genesis",
        "config-apply",
        "discover-peers",
        "configure-state-sync",
        "config-validate",
        "mark-ready",
    ];
    comes_up(world, "up-state-sync", specs::from_state_sync(), &tasks).await;
}

pub(crate) async fn from_s3(world: Arc<World>) {
    comes_up(world, "up-s3", specs::from_s3(), &S3_TASKS).await;
}

/// Running, with exactly these sidecar tasks, and no update right after: the first pod stays.
pub(super) async fn comes_up(world: Arc<World>, namespace: &str, spec: Value, tasks: &[&str]) {
    let place = world.served_place(namespace).await;
    place.create("rpc-0", spec).await;
    let up = place.until("rpc-0", "the node comes up", |view| view.settled_on(V1)).await;
    assert_eq!(place.sidecar("rpc-0").started(), tasks);
    let uid = up.pod_uid();
    place
        .stays("rpc-0", Duration::from_secs(3), |view| {
            view.settled_on(V1)?;
            check(view.pod_uid() == uid, || "the pod was replaced".to_owned())
        })
        .await;
    assert_eq!(place.sidecar("rpc-0").started(), tasks, "nothing is asked twice");
}

/// The sidecar's container restarts inside its pod: seid waits until somebody opens the gate anew.
pub(crate) async fn sidecar_restart(world: Arc<World>) {
    let place = world.served_place("sidecar-restart").await;
    up(&place, "rpc-0").await;
    restart_sidecar_container(&place, "rpc-0").await;
    place.until("rpc-0", "the gate opens again", |view| view.settled_on(V1)).await;
    let ready_marks = place.sidecar("rpc-0").started().iter().filter(|task| *task == "mark-ready").count();
    assert_eq!(ready_marks, 2);
}

/// What the kubelet writes when the container restarts.
async fn restart_sidecar_container(place: &Place, name: &str) {
    let pods: Api<Pod> = place.api();
    let pod_name = format!("{name}-0");
    let mut pod = pods.get(&pod_name).await.expect("it runs");
    let statuses = pod.status.as_mut().and_then(|status| status.init_container_statuses.as_mut());
    let sidecar = statuses.and_then(|all| all.iter_mut().find(|one| one.name == "sei-sidecar"));
    sidecar.expect("a sidecar container").restart_count += 1;
    let patch = Patch::Merge(json!({"status": pod.status}));
    pods.patch_status(&pod_name, &PatchParams::default(), &patch).await.expect("patched");
}

/// A task that fails once, and tasks that take their time: the node gets there.
pub(crate) async fn failing_tasks(world: Arc<World>) {
    let place = world.served_place("failing-tasks").await;
    let sidecar = place.sidecar("rpc-0");
    sidecar.delay(Duration::from_millis(700));
    sidecar.fail("configure-genesis", 1, "configure-genesis: S3: SlowDown");
    up(&place, "rpc-0").await;
    let started = sidecar.started();
    let genesis_runs = started.iter().filter(|task| *task == "configure-genesis").count();
    assert_eq!(genesis_runs, 2, "{started:?}");
}

/// Each sidecar task is met by another operator process; none of them is started twice.
pub(crate) async fn operator_killed_during_init(world: Arc<World>) {
    let place = world.served_place("killed-during-init").await;
    let sidecar = place.sidecar("rpc-0");
    sidecar.delay(Duration::from_secs(2));
    place.create("rpc-0", specs::from_s3()).await;
    for begun in 1..=S3_TASKS.len() {
        let has_begun = |_: &View| check(sidecar.started().len() >= begun, || format!("{begun} tasks not begun"));
        place.until("rpc-0", "the next task begins", has_begun).await;
        world.kill_operator().await;
        world.ensure_operator().await;
    }
    place.until("rpc-0", "the node comes up", |view| view.settled_on(V1)).await;
    assert_eq!(sidecar.started(), S3_TASKS);
}

/// A node that the operator refuses says why, and disturbs nobody.
pub(crate) async fn refused_beside_good(world: Arc<World>) {
    let place = world.served_place("refused").await;
    let mut refused = specs::from_genesis();
    refused["sidecar"] = json!({"tls": {"issuerName": "letsencrypt"}});
    place.create("refused-0", refused).await;
    up(&place, "rpc-0").await;
    let told = |view: &View| {
        let says = |one: &Value| one.to_string().to_lowercase().contains("issuer") && one["status"] != "Unknown";
        check(view.conditions().iter().any(says), || "no condition tells about the issuer".to_owned())
    };
    let view = place.until("refused-0", "a condition says why", told).await;
    assert!(view.stateful_set.is_none() && view.claim.is_none(), "a refused node has no objects");
}

async fn up(place: &Place, name: &str) {
    place.create(name, specs::from_genesis()).await;
    place.until(name, "the node comes up", |view| view.settled_on(V1)).await;
}
