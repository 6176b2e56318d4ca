//! Plans as traces, as a collector is told of them.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use sei_planner::api::SeiNode;

use super::specs::{self, V1};
use crate::support::view::{View, check};
use crate::support::world::World;

/// Everything that was sent to the place of traces.
type Received = Arc<Mutex<Vec<Bytes>>>;

/// When a plan is over its trace is sent, at the latest when the process ends: ids and names stand in protobuf as they are.
pub(crate) async fn reach_a_collector(world: Arc<World>) {
    let (url, received) = collector().await;
    let up = life_of_a_node(&world, "traces", &url).await;
    let plan = up.status("/plan").expect("a plan");
    let trace = bytes_of(plan["id"].as_str().expect("an id"));
    let all = received.lock().expect("not poisoned").concat();
    let told = |what: &[u8]| all.windows(what.len()).any(|bytes| bytes == what);
    assert!(told(&trace), "the trace of plan {}", plan["id"]);
    assert!(told(b"rpc-0") && told(b"sei-operator") && told(b"Init"), "what, whose, by whom");
    for task in plan["tasks"].as_array().expect("tasks") {
        let kind = task["type"].as_str().expect("a type");
        assert!(told(kind.as_bytes()), "no span of {kind}");
        assert!(told(&bytes_of(task["id"].as_str().expect("an id"))[8..]), "no span of {}", task["id"]);
    }
    println!("    {} bytes in {} requests", all.len(), received.lock().expect("not poisoned").len());
}

/// A collector that takes connections and never answers holds up no node, and the end of the process by no more than is granted.
pub(crate) async fn hold_nobody_up(world: Arc<World>) {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", silent.local_addr().expect("bound"));
    let mark = world.operator_log_mark();
    life_of_a_node(&world, "traces-lost", &url).await;
    let log = world.operator_log_since(mark);
    assert!(log.contains("the last traces may be lost"), "{log}");
}

/// A node comes up and goes, under an operator that sends its traces to `url` and is stopped then, well and in time.
async fn life_of_a_node(world: &Arc<World>, namespace: &str, url: &str) -> View {
    world.ensure_crds().await;
    world.without_operator().await;
    let (own, theirs) = (world.place(&format!("{namespace}-system")).await, world.place(namespace).await);
    let operator = world.start_confined(&theirs.namespace, &own.namespace, &["--otlp-endpoint", url]).await;
    theirs.create("rpc-0", specs::from_genesis()).await;
    let up = theirs.until("rpc-0", "the node comes up", |view| view.settled_on(V1)).await;
    theirs.delete::<SeiNode>("rpc-0").await;
    theirs.until("rpc-0", "the node goes", |view| check(view.node.is_none(), || "it is still there".to_owned())).await;
    let (status, took) = operator.stop().await;
    assert!(status.success(), "SIGTERM ended it with {status}\n{}", world.operator_log());
    println!("    stopped after {:.1} s", took.as_secs_f64());
    up
}

/// Something that takes traces, and where.
async fn collector() -> (String, Received) {
    let received = Received::default();
    let keep = async |State(received): State<Received>, body: Bytes| received.lock().expect("not poisoned").push(body);
    let app = Router::new().route("/v1/traces", post(keep)).with_state(received.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, received)
}

/// The bytes of a UUID.
fn bytes_of(uuid: &str) -> Vec<u8> {
    uuid::Uuid::parse_str(uuid).expect("a UUID").as_bytes().to_vec()
}
