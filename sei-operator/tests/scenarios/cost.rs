//! What a node costs, counted from the API server's audit log.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::specs::{self, V1};
use crate::support::audit::{Request, Requests};
use crate::support::place::Place;
use crate::support::world::World;

/// Finalizer, plan, StatefulSet, Service, PVC, final status, and one to spare.
const WRITES_MAX: usize = 7;
const CALLS_MAX: usize = 10;
const EVENTS_MAX: usize = 2;
/// Enough that nodes wait for each other's reconciles.
const FLEET: usize = 30;
/// How long a settled node is watched, and how many sidecar calls the safety net may make meanwhile.
const SETTLED_TIME: Duration = Duration::from_secs(60);
const SETTLED_SIDECAR_CALLS_MAX: usize = 1;

/// From create to silence one S3 full node whose sidecar answers at once; and no effect before its plan is stored.
pub(crate) async fn from_create_to_silence(world: Arc<World>) {
    let place = world.served_place("cost").await;
    // The operator's caches are warm when a first node has come up.
    bring_up(&place, "warm-up-0").await;
    world.silence().await;

    let mark = world.audit.mark();
    bring_up(&place, "rpc-0").await;
    world.silence().await;
    let requests = world.audit.since(mark).in_namespace_or_cluster(&place.namespace);
    println!("{requests}");
    print_counts(&requests, place.sidecar("rpc-0").calls().len());
    assert_plan_first(&requests);
    assert!(requests.writes().len() <= WRITES_MAX, "at most {WRITES_MAX} writes");
    assert!(requests.calls().len() <= CALLS_MAX, "at most {CALLS_MAX} requests");
    assert!(requests.events().len() <= EVENTS_MAX, "at most {EVENTS_MAX} events");
}

/// Many nodes at once cost no more per node than one: nothing is done twice because others are busy.
pub(crate) async fn fleet(world: Arc<World>) {
    let place = world.served_place("fleet").await;
    world.silence().await;
    let mark = world.audit.mark();
    let began = Instant::now();
    let names: Vec<String> = (0..FLEET).map(|number| format!("rpc-{number}")).collect();
    futures::future::join_all(names.iter().map(|name| bring_up(&place, name))).await;
    let took = began.elapsed();
    world.silence().await;
    let requests = world.audit.since(mark).in_namespace(&place.namespace);
    println!("    {FLEET} nodes up in {:.1} s", took.as_secs_f64());
    print_counts(&requests, names.iter().map(|name| place.sidecar(name).calls().len()).sum());
    assert!(requests.writes().len() <= FLEET * WRITES_MAX, "at most {WRITES_MAX} writes per node:\n{requests}");
    // A watch that does not show an own apply yet costs a read that confirms it; that befalls few of many.
    let calls_max = FLEET * CALLS_MAX + FLEET / 10;
    assert!(requests.calls().len() <= calls_max, "at most {CALLS_MAX} requests per node, and few more:\n{requests}");
    assert!(requests.events().len() <= FLEET * EVENTS_MAX, "at most {EVENTS_MAX} events per node:\n{requests}");
}

fn print_counts(requests: &Requests, sidecar_calls: usize) {
    println!(
        "    {} writes, {} requests, {} events, {} watches; {sidecar_calls} sidecar calls",
        requests.writes().len(),
        requests.calls().len(),
        requests.events().len(),
        requests.watches().len(),
    );
}

fn assert_plan_first(requests: &Requests) {
    let plan = requests.position(Request::stores_plan).expect("a status write stores the plan");
    let effect = requests.position(Request::is_effect).expect("the node's objects are written");
    assert!(plan < effect, "an effect before its plan was stored");
}

/// Then nothing: no request of any kind in a minute, watches that are opened again excepted.
pub(crate) async fn settled(world: Arc<World>) {
    let place = world.served_place("settled").await;
    bring_up(&place, "rpc-0").await;
    world.silence().await;

    let mark = world.audit.mark();
    let began = Instant::now();
    tokio::time::sleep(SETTLED_TIME).await;
    let requests = world.audit.since(mark).in_namespace_or_cluster(&place.namespace);
    let calls = requests.calls();
    let events = requests.events();
    let sidecar_calls = place.sidecar("rpc-0").calls().iter().filter(|call| call.at > began).count();
    println!(
        "    {} requests, {} events, {sidecar_calls} sidecar calls in {SETTLED_TIME:?}",
        calls.len(),
        events.len()
    );
    assert_eq!(calls.len() + events.len(), 0, "a settled node costs nothing:\n{calls}{events}");
    assert!(sidecar_calls <= SETTLED_SIDECAR_CALLS_MAX);
}

async fn bring_up(place: &Place, name: &str) {
    place.create(name, specs::from_s3()).await;
    place.until(name, "the node comes up", |view| view.settled_on(V1)).await;
}
