//! The operator is an older version than the one that wrote a node.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::events::v1::Event;
use kube::api::{ListParams, Patch, PatchParams};
use sei_planner::api::crd;
use serde_json::{Value, json};

use super::specs::{self, V1, V2};
use crate::support::fixtures::yaml_documents;
use crate::support::operator::print_crds;
use crate::support::place::Place;
use crate::support::view::check;
use crate::support::world::{World, install};

/// In the schema.
const PHASES: &str = "/properties/status/properties/phase/enum";
const NEWER: &str = "Hibernating";
/// Longer than a reconcile takes that somebody would be wrong to begin.
const A_WHILE: Duration = Duration::from_secs(5);

/// A phase that this version does not know: it says so once, touches nothing of the node, serves the others, and goes on when the
/// phase is one that it knows.
pub(crate) async fn left_alone(world: Arc<World>) {
    let place = world.served_place("downgrade").await;
    place.create("rpc-0", specs::from_genesis()).await;
    let up = place.until("rpc-0", "the node comes up", |view| view.settled_on(V1)).await;
    install_definitions(&world, |phases| phases.push(json!(NEWER))).await;
    set_phase(&place, NEWER).await;
    place.until("rpc-0", "the phase is stored", |view| view.phase_is(NEWER)).await;

    place.edit("rpc-0", json!({"image": V2})).await;
    place.create("rpc-1", specs::from_genesis()).await;
    place.until("rpc-1", "another node comes up", |view| view.settled_on(V1)).await;
    let pod = up.pod_uid();
    let untouched = |view: &crate::support::view::View| {
        view.phase_is(NEWER)?;
        check(view.pod_uid() == pod, || "the pod was replaced".to_owned())
    };
    place.stays("rpc-0", A_WHILE, untouched).await;
    let (_, metrics) = world.ask_operator("metrics", "/metrics").await;
    let gauge = "sei_controller_seinode_unreadable{namespace=\"downgrade\",name=\"rpc-0\"} 1";
    assert!(metrics.contains(gauge), "no line {gauge}:\n{metrics}");
    let told = told(&place).await;
    assert_eq!(told.len(), 1, "told once: {told:#?}");
    assert!(told[0].contains("status.phase: unknown variant `Hibernating`"), "{told:?}");

    set_phase(&place, "Running").await;
    install_definitions(&world, |_| {}).await;
    place.until("rpc-0", "the edit is followed", |view| view.settled_on(V2)).await;
}

async fn install_definitions(world: &World, allow: impl Fn(&mut Vec<Value>)) {
    for mut definition in yaml_documents(&print_crds()) {
        let schema = definition.data.pointer_mut(crd::SCHEMA).expect("a definition");
        allow(schema.pointer_mut(PHASES).and_then(Value::as_array_mut).expect("phases are an enum"));
        install(&world.admin, &definition).await;
    }
}

/// Tried until the API server serves the definition that was installed last.
async fn set_phase(place: &Place, phase: &str) {
    let patch = Patch::Merge(json!({"status": {"phase": phase}}));
    while let Err(error) = place.nodes.patch_status("rpc-0", &PatchParams::default(), &patch).await {
        println!("    not yet: {error}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// What events say of nodes that cannot be read.
async fn told(place: &Place) -> Vec<String> {
    let events = place.api::<Event>().list(&ListParams::default()).await.expect("the API server answers");
    let unreadable = events.items.into_iter().filter(|event| event.reason.as_deref() == Some("Unreadable"));
    unreadable.filter_map(|event| event.note).collect()
}
