//! What each kind of plan costs the API server, from the event that starts it to silence: a table, and its limits.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod living;

use living::secrets::founder;
use living::{Life, V1, V2, with_issuers};
use sei_tasks::sim::Options;
use sei_tasks::world::Kind;
use serde_json::{Value, json};

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

/// A kind of plan, and its writes with sidecars that are done at once and with slow ones: as counted, and at most.
struct Row {
    kind: &'static str,
    counted: [u64; 2],
    most: [u64; 2],
}

fn row(kind: &'static str, most: [u64; 2], writes: impl Fn(&Options) -> u64) -> Row {
    Row { kind, counted: [writes(&Options::default()), writes(&Options::default().realistic())], most }
}

fn ways_up() -> [Row; 6] {
    let full_node = |member: Value| move |options: &Options| bring_up(&spec("fullNode", member.clone()), options);
    let snapshot = json!({"s3": {"targetHeight": 100}, "bootstrapImage": "registry.example/seid:bootstrap"});
    let replayer = spec("replayer", json!({ "snapshot": snapshot }));
    let mut issued = spec("fullNode", json!({}));
    issued["sidecar"] = json!({"tls": {"issuerName": "ca"}});
    [
        row("init of a full node, genesis", [7, 14], full_node(json!({}))),
        row("init of a full node, state sync", [7, 14], full_node(json!({"snapshot": {"stateSync": {}}}))),
        row("init of a full node, S3", [7, 14], full_node(json!({"snapshot": {"s3": {"targetHeight": 100}}}))),
        row("init of a full node, TLS by issuer", [11, 15], |options| bring_up(&issued, options)),
        row("bootstrap of a replayer", [15, 24], |options| bring_up(&replayer, options)),
        row("ceremony of a founder", [9, 14], |options| bring_up(&spec("validator", founder()), options)),
    ]
}

fn of_running_nodes() -> [Row; 3] {
    [
        row("image update", [6, 6], |options| after(|life| life.set_image(V2), V2, options)),
        row("mark-ready", [2, 2], |options| after(|life| life.sim().restart_sidecar(&life.key), V1, options)),
        row("repair of a Service", [3, 3], |options| after(|life| life.delete(Kind::Service, "rpc-0"), V1, options)),
    ]
}

#[test]
fn every_kind_of_plan_stays_within_its_writes() {
    let rows: Vec<Row> = ways_up().into_iter().chain(of_running_nodes()).collect();
    println!("{:<36}|{:>5}|{:>5}", "plan kind", "fast", "slow");
    for Row { kind, counted: [fast, slow], .. } in &rows {
        println!("{kind:<36}|{fast:>5}|{slow:>5}");
    }
    for Row { kind, counted, most } in &rows {
        assert!(counted[0] <= most[0] && counted[1] <= most[1], "{kind}: {counted:?}, at most {most:?}");
    }
}
