//! Things that happen in the middle of an image update. The kubelet stands still meanwhile, so that the deleted pod
//! stays terminating: the middle lasts as long as the scenario wants. Every path must end with the *pod* on the
//! image that the spec wants, and a status that says so.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::specs::{self, V1, V2, V3};
use crate::support::place::Place;
use crate::support::process_group::Pause;
use crate::support::world::World;

/// Long enough for the operator to act on what was just done.
const MEANWHILE: Duration = Duration::from_secs(2);
/// How long each process of the operator lives: some only start, some get to write.
const LIVES_MS: [u64; 8] = [15, 40, 60, 80, 100, 130, 170, 230];
/// How long the end state is watched.
const AFTERWARDS: Duration = Duration::from_secs(5);

pub(crate) async fn second_edit(world: Arc<World>) {
    let (place, pause) = in_the_middle(&world, "mid-second-edit").await;
    place.edit("rpc-0", json!({"image": V3})).await;
    ends_on(&place, pause, V3).await;
}

pub(crate) async fn revert(world: Arc<World>) {
    let (place, pause) = in_the_middle(&world, "mid-revert").await;
    place.edit("rpc-0", json!({"image": V1})).await;
    ends_on(&place, pause, V1).await;
}

pub(crate) async fn operator_killed(world: Arc<World>) {
    let (place, pause) = in_the_middle(&world, "mid-kill").await;
    world.kill_operator().await;
    world.ensure_operator().await;
    ends_on(&place, pause, V2).await;
}

pub(crate) async fn operator_killed_and_reverted(world: Arc<World>) {
    let (place, pause) = in_the_middle(&world, "mid-kill-revert").await;
    world.kill_operator().await;
    place.edit("rpc-0", json!({"image": V1})).await;
    world.ensure_operator().await;
    ends_on(&place, pause, V1).await;
}

/// The next pod, of the image that nobody wants any more, is there already but waits for the kubelet: it has to be
/// replaced although it never ran, and a StatefulSet does not do that by itself.
pub(crate) async fn revert_before_new_pod_runs(world: Arc<World>) {
    let (place, pause) = in_the_middle(&world, "mid-revert-pending").await;
    place.ends_pod("rpc-0").await;
    place.until("rpc-0", "the new pod waits", |view| view.pod_is_pending(V2)).await;
    place.edit("rpc-0", json!({"image": V1})).await;
    ends_on(&place, pause, V1).await;
}

/// Edits that come faster than anything can be done about them.
pub(crate) async fn edits_at_once(world: Arc<World>) {
    let place = world.served_place("mid-edits-at-once").await;
    place.create("rpc-0", specs::from_genesis()).await;
    place.until("rpc-0", "the node comes up", |view| view.settled_on(V1)).await;
    for image in [V2, V3, V1, V2] {
        place.edit("rpc-0", json!({"image": image})).await;
    }
    place.until("rpc-0", "the last edit wins", |view| view.settled_on(V2)).await;
    place.stays("rpc-0", AFTERWARDS, |view| view.settled_on(V2)).await;
}

/// No process of the operator lives long enough to see the update through.
pub(crate) async fn operator_killed_again_and_again(world: Arc<World>) {
    let place = world.served_place("mid-kills").await;
    place.create("rpc-0", specs::from_genesis()).await;
    place.until("rpc-0", "the node comes up", |view| view.settled_on(V1)).await;
    let mark = world.audit.mark();
    place.edit("rpc-0", json!({"image": V2})).await;
    for life in LIVES_MS {
        tokio::time::sleep(Duration::from_millis(life)).await;
        world.kill_operator().await;
        world.ensure_operator().await;
    }
    place.until("rpc-0", "the update ends", |view| view.settled_on(V2)).await;
    place.stays("rpc-0", AFTERWARDS, |view| view.settled_on(V2)).await;
    let requests = world.audit.since(mark).in_namespace(&place.namespace);
    let replaced = requests.pods_asked_to_go();
    assert_eq!(replaced.len(), 1, "the operator replaced one pod: {replaced:?}\n{requests}");
}

/// A node whose update from V1 to V2 has deleted the old pod, which the kubelet does not let go.
async fn in_the_middle(world: &Arc<World>, namespace: &str) -> (Place, Pause) {
    let place = world.served_place(namespace).await;
    place.create("rpc-0", specs::from_genesis()).await;
    place.until("rpc-0", "the node comes up", |view| view.settled_on(V1)).await;
    let pause = world.pause_kubelet();
    place.edit("rpc-0", json!({"image": V2})).await;
    place.until("rpc-0", "the old pod is deleted", |view| view.pod_is_terminating()).await;
    (place, pause)
}

async fn ends_on(place: &Place, pause: Pause, image: &str) {
    tokio::time::sleep(MEANWHILE).await;
    drop(pause);
    place.until("rpc-0", "the update ends", |view| view.settled_on(image)).await;
    place.stays("rpc-0", AFTERWARDS, |view| view.settled_on(image)).await;
}
