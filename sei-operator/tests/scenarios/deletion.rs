//! A SeiNode is deleted: nothing stays behind but what should.

use std::sync::Arc;

use serde_json::json;

use super::specs::{self, V1};
use crate::support::place::Place;
use crate::support::view::{View, check};
use crate::support::world::World;

pub(crate) async fn leaves_nothing(world: Arc<World>) {
    let place = deleted_node(world, "delete-all", false).await;
    let gone = |view: &View| {
        all_but_claim_are_gone(view)?;
        check(view.claim.is_none(), || "the data PVC is still there".to_owned())
    };
    place.until("rpc-0", "everything goes", gone).await;
}

pub(crate) async fn keeps_retained_volume(world: Arc<World>) {
    let place = deleted_node(world, "delete-retain", true).await;
    place.until("rpc-0", "everything but the volume goes", all_but_claim_are_gone).await;
    // The garbage collector acts within seconds on an owner that is gone.
    let kept = |view: &View| {
        let claim = view.claim.as_ref().ok_or("the data PVC is gone")?;
        let owners = claim.metadata.owner_references.as_deref().unwrap_or_default();
        check(owners.is_empty(), || format!("the data PVC still has owners: {owners:?}"))?;
        check(claim.metadata.deletion_timestamp.is_none(), || "the data PVC is being deleted".to_owned())
    };
    place.stays("rpc-0", std::time::Duration::from_secs(5), kept).await;
}

async fn deleted_node(world: Arc<World>, namespace: &str, retain: bool) -> Place {
    let place = world.served_place(namespace).await;
    let mut spec = specs::from_genesis();
    if retain {
        spec["dataVolume"] = json!({"retainOnDelete": true});
    }
    place.create("rpc-0", spec).await;
    place.until("rpc-0", "the node comes up", |view| view.settled_on(V1)).await;
    place.nodes.delete("rpc-0", &kube::api::DeleteParams::default()).await.expect("deletion is accepted");
    place
}

fn all_but_claim_are_gone(view: &View) -> Result<(), String> {
    check(view.node.is_none(), || "the SeiNode is still there".to_owned())?;
    check(view.stateful_set.is_none(), || "the StatefulSet is still there".to_owned())?;
    check(view.service.is_none(), || "the Service is still there".to_owned())?;
    check(view.pod.is_none(), || "the pod is still there".to_owned())
}
