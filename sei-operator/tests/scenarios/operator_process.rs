//! The operator's process and its manners.

use std::sync::Arc;
use std::time::Duration;

use kube::Api;
use sei_planner::api::SeiNode;
use serde_json::json;

use super::commands::forget_keys;
use super::keys::{provide, validator};
use super::specs::{self, V1, V2};
use crate::support::view::{View, check};
use crate::support::world::World;

/// SIGTERM ends it well and in time; the next process takes over without a write and without a new pod.
pub(crate) async fn graceful_stop(world: Arc<World>) {
    let place = world.served_place("graceful-stop").await;
    place.create("rpc-0", specs::from_genesis()).await;
    let before = place.until("rpc-0", "the node comes up", |view| view.settled_on(V1)).await;
    world.silence().await;
    world.stop_operator().await;

    let mark = world.audit.mark();
    world.ensure_operator().await;
    world.silence().await;
    let uid = before.pod_uid();
    let same = |view: &View| {
        view.settled_on(V1)?;
        check(view.pod_uid() == uid, || "the pod was replaced".to_owned())
    };
    place.stays("rpc-0", Duration::from_secs(1), same).await;
    let writes = world.audit.since(mark).in_namespace(&place.namespace).writes();
    assert_eq!(writes.len(), 0, "a restart over a settled node writes nothing:\n{writes}");
}

/// An operator for one namespace does all of its work there with a Role, and leaves the others alone. It leads by election.
pub(crate) async fn confined(world: Arc<World>) {
    world.ensure_crds().await;
    world.without_operator().await;
    forget_keys(&Api::namespaced(world.admin.clone(), "default")).await;
    let (own, theirs, elsewhere) =
        (world.place("confined-system").await, world.place("confined").await, world.place("elsewhere").await);
    provide(&theirs, "a").await;
    let operator = world.start_confined(&theirs.namespace, &own.namespace, &[]).await;
    elsewhere.create("rpc-0", specs::from_genesis()).await;
    theirs.create("val-0", validator("a")).await;
    theirs.create("rpc-0", specs::from_genesis()).await;
    for name in ["val-0", "rpc-0"] {
        theirs.until(name, "the node comes up", |view| view.settled_on(V1)).await;
    }
    theirs.edit("rpc-0", json!({"image": V2})).await;
    theirs.until("rpc-0", "the edit is followed", |view| view.settled_on(V2)).await;
    let gone = |view: &View| check(view.node.is_none(), || "it is still there".to_owned());
    for name in ["val-0", "rpc-0"] {
        theirs.delete::<SeiNode>(name).await;
        theirs.until(name, "the node goes", gone).await;
    }
    let untouched = |view: &View| {
        check(view.status("").is_none() && view.stateful_set.is_none(), || "somebody looked at it".to_owned())
    };
    elsewhere.until("rpc-0", "nobody looks after it", untouched).await;
    let log = world.operator_log();
    assert!(!log.contains("forbidden"), "{log}");
    let (status, _) = operator.stop().await;
    assert!(status.success(), "SIGTERM ended it with {status}\n{log}");
}

/// Runs last: in the whole run, every sidecar call named the node's own address.
pub(crate) async fn no_stray_addresses(world: Arc<World>) {
    let strays = world.sidecar.strays();
    assert!(strays.is_empty(), "Host headers that are no node's address: {strays:?}");
}
