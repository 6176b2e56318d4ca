//! The image of a Running node is edited.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::specs::{self, V1, V2};
use crate::support::view::check;
use crate::support::world::World;

/// One edit, one new pod, and the condition tells it.
pub(crate) async fn replaces_once(world: Arc<World>) {
    let place = world.served_place("image-update").await;
    place.create("rpc-0", specs::from_s3()).await;
    let before = place.until("rpc-0", "the node comes up", |view| view.settled_on(V1)).await;
    let mark = world.audit.mark();

    place.edit("rpc-0", json!({"image": V2})).await;
    let after = place
        .until("rpc-0", "the update ends", |view| {
            view.settled_on(V2)?;
            view.condition_is("NodeUpdateInProgress", "False", "UpdateComplete")
        })
        .await;
    assert_ne!(before.pod_uid(), after.pod_uid());

    let uid = after.pod_uid();
    place
        .stays("rpc-0", Duration::from_secs(5), |view| {
            view.settled_on(V2)?;
            check(view.pod_uid() == uid, || "the pod was replaced again".to_owned())
        })
        .await;
    let deletes = world.audit.since(mark).in_namespace(&place.namespace).pod_deletes();
    assert_eq!(deletes.len(), 1, "the operator replaced one pod: {deletes:?}");
    let restores = place.sidecar("rpc-0").started().iter().filter(|task| *task == "snapshot-restore").count();
    assert_eq!(restores, 1, "an update does not restore the snapshot again");
}
