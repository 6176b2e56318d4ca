//! Somebody deletes what the operator made: it comes back, and the node runs again.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::ResourceExt;

use super::specs::{self, V1};
use crate::support::place::Place;
use crate::support::view::{View, check};
use crate::support::world::World;

pub(crate) async fn stateful_set(world: Arc<World>) {
    let (place, before) = running(world, "by-hand-set").await;
    place.delete::<StatefulSet>("rpc-0").await;
    comes_back(&place, before.stateful_set, |view| view.stateful_set.as_ref()).await;
}

pub(crate) async fn service(world: Arc<World>) {
    let (place, before) = running(world, "by-hand-service").await;
    place.delete::<Service>("rpc-0").await;
    comes_back(&place, before.service, |view| view.service.as_ref()).await;
}

pub(crate) async fn pod(world: Arc<World>) {
    let (place, before) = running(world, "by-hand-pod").await;
    place.delete::<Pod>("rpc-0-0").await;
    comes_back(&place, before.pod, |view| view.pod.as_ref()).await;
}

async fn running(world: Arc<World>, namespace: &str) -> (Place, View) {
    let place = world.served_place(namespace).await;
    place.create("rpc-0", specs::from_genesis()).await;
    let view = place.until("rpc-0", "the node comes up", |view| view.settled_on(V1)).await;
    (place, view)
}

/// Another object takes its place, and the node ends as it was: Running, ready, and everything owned.
async fn comes_back<T: ResourceExt>(place: &Place, before: Option<T>, find: impl Fn(&View) -> Option<&T>) {
    let old = before.and_then(|object| object.uid());
    let is_back = |view: &View| {
        let new = find(view).and_then(ResourceExt::uid);
        check(new.is_some() && new != old, || "nothing new is there".to_owned())?;
        view.settled_on(V1)
    };
    place.until("rpc-0", "the object comes back", is_back).await;
}
