//! The operator's process and its manners.

use std::sync::Arc;
use std::time::Duration;

use super::specs::{self, V1};
use crate::support::view::check;
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
    let same = |view: &crate::support::view::View| {
        view.settled_on(V1)?;
        check(view.pod_uid() == uid, || "the pod was replaced".to_owned())
    };
    place.stays("rpc-0", Duration::from_secs(1), same).await;
    let writes = world.audit.since(mark).in_namespace(&place.namespace).writes();
    assert_eq!(writes.len(), 0, "a restart over a settled node writes nothing:\n{writes}");
}

/// Runs last: in the whole run, every sidecar call named the node's own address.
pub(crate) async fn no_stray_addresses(world: Arc<World>) {
    let strays = world.sidecar.strays();
    assert!(strays.is_empty(), "Host headers that are no node's address: {strays:?}");
}
