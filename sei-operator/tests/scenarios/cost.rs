//! What a node costs, counted from the API server's audit log.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::jiff::Timestamp;

use super::specs::{self, V1};
use crate::support::audit::{Request, Requests};
use crate::support::fleet::{Cost, Fleet};
use crate::support::place::Place;
use crate::support::world::World;

/// Finalizer, plan, StatefulSet, Service, PVC, final status, and one to spare.
pub(super) const WRITES_MAX: usize = 7;
const CALLS_MAX: usize = 10;
const EVENTS_MAX: usize = 2;
/// Enough that nodes wait for each other's reconciles.
const FLEET: usize = 100;
const SMALL_FLEET: usize = 30;
const LARGE_FLEETS: [usize; 2] = [100, 500];
/// From the first create until the last node runs: of all fleets beside played controllers, and of the first one beside the real ones,
/// which take as much again of the same cores.
const TIME_MAX: Duration = Duration::from_secs(15);
const PEAK_RSS_KIB_MAX: u64 = 32_000_000 / 1024;
/// Of large fleets: as long as the safety net lets a sidecar alone.
const QUIET_TIME: Duration = Duration::from_secs(300);
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
    come_up(&world, "fleet", &[FLEET]).await;
}

/// The same of fleets that a person would not watch one by one, then five minutes of silence. Time and memory are judged at the
/// end.
pub(crate) async fn large_fleets(world: Arc<World>) {
    world.without_operator().await;
    let fleets = come_up(&world, "large-fleet", &LARGE_FLEETS).await;
    settled_fleets(&world, &fleets).await;
    assert_memory(&world).await;
    assert_time(&fleets[..1]);
}

/// The same, and how long it takes where nothing but the operator, the API server and etcd has much to do.
pub(crate) async fn large_fleets_beside_played_controllers(world: Arc<World>) {
    world.without_operator().await;
    let _controllers = world.play_controllers();
    let fleets = come_up(&world, "timed-fleet", &LARGE_FLEETS).await;
    assert_memory(&world).await;
    assert_time(&fleets);
}

/// The played controllers are good enough for it, whatever the build.
pub(crate) async fn fleet_beside_played_controllers(world: Arc<World>) {
    let _controllers = world.play_controllers();
    come_up(&world, "small-fleet", &[SMALL_FLEET]).await;
}

/// Brings fleets of these sizes up, one beside those before it; with the time from the first create until the status of the last one
/// says that it runs.
async fn come_up(world: &Arc<World>, name: &str, sizes: &[usize]) -> Vec<(Fleet, Duration)> {
    let mut fleets = Vec::new();
    for size in sizes {
        let place = world.served_place(&format!("{name}-of-{size}")).await;
        world.silence().await;
        let fleet = Fleet::new(place, *size);
        let took = comes_up(&fleet).await;
        fleets.push((fleet, took));
    }
    fleets
}

async fn comes_up(fleet: &Fleet) -> Duration {
    let world = &fleet.place.world;
    let (mark, began, began_at) = (world.audit.mark(), Instant::now(), Timestamp::now());
    fleet.create(&specs::from_s3()).await;
    let created = began.elapsed();
    fleet.until_running().await;
    world.silence().await;
    let requests = world.audit.since(mark);
    let last = requests.in_namespace(&fleet.place.namespace).last_status_write().expect("nodes came up");
    let took = last.duration_since(began_at).unsigned_abs();
    let costs = fleet.costs(&requests);
    let (size, usage) = (fleet.names.len(), world.usage().await);
    println!("    {size} nodes, created in {created:.1?}, up in {took:.1?}; the operator: {usage}");
    println!("    per node: {costs}, {} sidecar calls", fleet.sidecar_calls(began));
    fleet.check(|view| view.settled_on(V1)).await;
    let dearest = &costs.dearest;
    assert!(costs.writes.max <= WRITES_MAX, "at most {WRITES_MAX} writes per node:\n{dearest}");
    assert!(costs.requests.max <= CALLS_MAX, "at most {CALLS_MAX} requests per node:\n{dearest}");
    assert!(costs.events.max <= EVENTS_MAX, "at most {EVENTS_MAX} events per node:\n{dearest}");
    took
}

/// Not a request of any kind, and next to no question to a sidecar.
async fn settled_fleets(world: &World, fleets: &[(Fleet, Duration)]) {
    world.silence().await;
    let (mark, began) = (world.audit.mark(), Instant::now());
    tokio::time::sleep(QUIET_TIME).await;
    let heard = world.audit.since(mark);
    let asked: Vec<Cost> = fleets.iter().map(|(fleet, _)| fleet.sidecar_calls(began)).collect();
    println!("    {} requests and {} events in {QUIET_TIME:?}", heard.calls().len(), heard.events().len());
    asked.iter().for_each(|asked| println!("    {asked} sidecar calls per node in {QUIET_TIME:?}"));
    assert_eq!(heard.calls().len() + heard.events().len(), 0, "settled nodes cost nothing:\n{}", heard.calls());
    assert!(asked.iter().all(|asked| asked.max <= SETTLED_SIDECAR_CALLS_MAX), "the safety net asks too often");
}

async fn assert_memory(world: &World) {
    let peak = world.usage().await.peak_rss_kib;
    assert!(peak <= PEAK_RSS_KIB_MAX, "a peak RSS of {peak} KiB is more than {PEAK_RSS_KIB_MAX}");
}

fn assert_time(fleets: &[(Fleet, Duration)]) {
    for (fleet, took) in fleets {
        assert!(*took <= TIME_MAX, "{} nodes took {took:.1?}, at most {TIME_MAX:?}", fleet.names.len());
    }
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
