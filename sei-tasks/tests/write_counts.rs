//! What each kind of plan costs the API server, from the event that starts it to silence: a table, and its limits.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod living;

use living::secrets::founder;
use living::{Life, V1, V2, with_issuers};
use sei_tasks::sim::Options;
use sei_tasks::world::Kind;
use serde_json::{Value, json};

/// Most writes, status included, events not.
const FULL_NODE_FAST_MAX: u64 = 7;
const IMAGE_UPDATE_FAST_MAX: u64 = 6;
const SLOW_MAX: u64 = 14;
/// Seconds after which a settled world has nothing late to write.
const AFTERWARDS_SECONDS: i64 = 900;

fn spec(mode: &str, member: Value) -> Value {
    json!({mode: member, "peers": [{"static": {"addresses": ["aa@peer.example:26656"]}}]})
}

fn life(spec: &Value, options: &Options) -> Life {
    Life::on(with_issuers(), spec.clone(), options.clone())
}

fn to_silence(life: &mut Life) {
    life.rest();
    life.driver.run_for(AFTERWARDS_SECONDS).unwrap();
    life.rest();
}

/// Writes from the creation of a node on.
fn bring_up(spec: &Value, options: &Options) -> u64 {
    let mut life = life(spec, options);
    to_silence(&mut life);
    let writes = life.sim().counters().writes();
    life.runs(V1);
    writes
}

/// Writes after something happened to a full node that runs.
fn after(what: fn(&Life), image: &str, options: &Options) -> u64 {
    let mut life = life(&spec("fullNode", json!({})), options);
    to_silence(&mut life);
    let before = life.sim().counters();
    what(&life);
    to_silence(&mut life);
    let writes = life.sim().counters().since(&before).writes();
    life.runs(image);
    writes
}

/// A kind of plan, and its writes with sidecars that are done at once and with slow ones.
struct Row {
    kind: &'static str,
    fast: u64,
    slow: u64,
}

fn row(kind: &'static str, writes: impl Fn(&Options) -> u64) -> Row {
    Row { kind, fast: writes(&Options::default()), slow: writes(&Options::default().realistic()) }
}

fn full_nodes() -> [Row; 3] {
    let full_node = |member: Value| move |options: &Options| bring_up(&spec("fullNode", member.clone()), options);
    [
        row("init of a full node, genesis", full_node(json!({}))),
        row("init of a full node, state sync", full_node(json!({"snapshot": {"stateSync": {}}}))),
        row("init of a full node, S3", full_node(json!({"snapshot": {"s3": {"targetHeight": 100}}}))),
    ]
}

fn others() -> [Row; 3] {
    let snapshot = json!({"s3": {"targetHeight": 100}, "bootstrapImage": "registry.example/seid:bootstrap"});
    let replayer = spec("replayer", json!({ "snapshot": snapshot }));
    let mut issued = spec("fullNode", json!({}));
    issued["sidecar"] = json!({"tls": {"issuerName": "ca"}});
    [
        row("bootstrap of a replayer", |options| bring_up(&replayer, options)),
        row("ceremony of a founder", |options| bring_up(&spec("validator", founder()), options)),
        row("init of a full node, TLS by issuer", |options| bring_up(&issued, options)),
    ]
}

fn of_running_nodes() -> [Row; 3] {
    [
        row("image update", |options| after(|life| life.set_image(V2), V2, options)),
        row("mark-ready", |options| after(|life| life.sim().restart_sidecar(&life.key), V1, options)),
        row("repair of a Service", |options| after(|life| life.delete(Kind::Service, "rpc-0"), V1, options)),
    ]
}

#[test]
fn every_kind_of_plan_stays_within_its_writes() {
    let (full_nodes, others, running) = (full_nodes(), others(), of_running_nodes());
    println!("{:<36}|{:>6}|{:>6}", "plan kind", "fast", "slow");
    for row in full_nodes.iter().chain(&others).chain(&running) {
        println!("{:<36}|{:>6}|{:>6}", row.kind, row.fast, row.slow);
    }
    for row in &full_nodes {
        assert!(row.fast <= FULL_NODE_FAST_MAX && row.slow <= SLOW_MAX, "{}: {} {}", row.kind, row.fast, row.slow);
    }
    for row in &running {
        assert!(row.fast <= IMAGE_UPDATE_FAST_MAX && row.slow <= SLOW_MAX, "{}: {} {}", row.kind, row.fast, row.slow);
    }
}
