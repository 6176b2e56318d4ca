//! What the operator says of itself over HTTP, while a node comes up, changes its image, and goes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::api::DeleteParams;

use super::specs::{self, V1, V2};
use crate::support::view::check;
use crate::support::world::World;

const NAMESPACE: &str = "metrics";
const GONE_DEADLINE: Duration = Duration::from_secs(30);

/// Counts equal what was done to the node; its gauges follow it, and go with it.
pub(crate) async fn tell_what_happened(world: Arc<World>) {
    let place = world.served_place(NAMESPACE).await;
    place.create("rpc-0", specs::from_genesis()).await;
    place.until("rpc-0", "the node comes up", |view| view.settled_on(V1)).await;
    for path in ["/livez", "/healthz", "/readyz"] {
        assert_eq!(world.ask_operator("health probes", path).await, (200, "ok\n".to_owned()), "{path}");
    }
    place.edit("rpc-0", serde_json::json!({"image": V2})).await;
    place.until("rpc-0", "the update is done", |view| view.settled_on(V2)).await;
    let node = format!("namespace=\"{NAMESPACE}\",name=\"rpc-0\"");
    let controller = format!("controller=\"seinode\",namespace=\"{NAMESPACE}\"");
    let mut wanted = vec![
        format!("seinode_phase{{{node},phase=\"Running\"}} 1"),
        format!("seinode_phase{{{node},phase=\"Initializing\"}} 0"),
        format!("seinode_sidecar_ready{{{node}}} 1"),
        format!(
            "seinode_condition{{{node},type=\"NodeUpdateInProgress\",status=\"False\",reason=\"UpdateComplete\"}} 1"
        ),
        format!("plan_active{{{controller}}} 0"),
        format!("seinode_phase_transitions_total{{{controller},from_phase=\"Pending\",to_phase=\"Initializing\"}} 1"),
        format!("seinode_phase_transitions_total{{{controller},from_phase=\"Initializing\",to_phase=\"Running\"}} 1"),
        format!("plan_duration_seconds_count{{{controller},plan_type=\"init\",outcome=\"complete\"}} 1"),
        format!("plan_duration_seconds_count{{{controller},plan_type=\"node-update\",outcome=\"complete\"}} 1"),
    ];
    until_told(&world, |text| all_stand_in(text, &wanted)).await;

    place.nodes.delete("rpc-0", &DeleteParams::default()).await.expect("deletion is accepted");
    let gone =
        |view: &crate::support::view::View| check(view.node.is_none(), || "the SeiNode is still there".to_owned());
    place.until("rpc-0", "the node goes", gone).await;
    wanted.drain(..5);
    wanted.push(format!(
        "seinode_phase_transitions_total{{{controller},from_phase=\"Running\",to_phase=\"Terminating\"}} 1"
    ));
    until_told(&world, |text| {
        all_stand_in(text, &wanted)?;
        check(!text.contains(&node), || "the node is gone, and its gauges are not".to_owned())?;
        check(!text.contains(&format!("plan_active{{{controller}}}")), || "no node is left in the namespace".to_owned())
    })
    .await;
}

fn all_stand_in(text: &str, wanted: &[String]) -> Result<(), String> {
    let missing = wanted.iter().find(|line| !text.contains(&format!("\nsei_controller_{line}\n")));
    missing.map_or(Ok(()), |line| Err(format!("no line sei_controller_{line}")))
}

/// The watch brings what the API server shows already a moment later.
async fn until_told(world: &World, told: impl Fn(&str) -> Result<(), String>) {
    let deadline = Instant::now() + GONE_DEADLINE;
    loop {
        let (status, text) = world.ask_operator("metrics", "/metrics").await;
        assert_eq!(status, 200);
        let Err(why) = told(&text) else { return };
        assert!(Instant::now() < deadline, "{why}\n{text}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
