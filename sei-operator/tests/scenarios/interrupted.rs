//! Fleets that come up while something goes wrong around them: the operator is killed, the API server is, the history that
//! the watches resume from is gone, somebody else writes all the time. Nothing is lost, and nothing is done twice.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use kube::api::{Patch, PatchParams};
use sei_planner::api::SeiNode;
use serde_json::json;

use super::bring_up::S3_TASKS;
use super::cost::WRITES_MAX;
use super::specs::{self, V1, V2};
use crate::support::audit::{Mark, Requests};
use crate::support::fleet::Fleet;
use crate::support::random::{self, below};
use crate::support::view::{View, check};
use crate::support::world::World;

/// As often the operator is killed; and as many nodes, of which one begins in each of its lives.
const KILLS: usize = 50;
/// Longest life of an operator: some only start, some see a node through.
const LIFE_MAX: Duration = Duration::from_millis(900);
/// Claim, StatefulSet and Service are written before the plan says so: one that is killed in between leaves them to be written again,
/// which changes nothing.
const WRITES_REPEATED_MAX: usize = 3;
/// Every second sidecar takes so long for a task.
const TASK_TIME: Duration = Duration::from_millis(300);
/// Or so long, so that no node is through while an API server starts.
const LONG_TASK_TIME: Duration = Duration::from_secs(2);
/// Nodes that come up while the API server comes and goes.
const FLEET: usize = 20;
const API_SERVER_KILLS: usize = 3;
const STORM: Duration = Duration::from_secs(12);

/// SIGKILL at fifty random moments, each of them in the middle of somebody's way up.
pub(crate) async fn operator_killed_at_random(world: Arc<World>) {
    let fleet = Fleet::new(world.served_place("killed-at-random").await, KILLS);
    let mut random = random::seeded();
    slow_every_second_sidecar(&fleet, TASK_TIME);
    let (mark, began) = (world.audit.mark(), Instant::now());
    let mut interrupted = vec![0; KILLS];
    for life in 0..KILLS {
        fleet.create_one(life, &specs::from_s3()).await;
        tokio::time::sleep(below(LIFE_MAX, &mut random)).await;
        let unfinished = fleet.not_running().await;
        assert!(!unfinished.is_empty(), "the operator is killed in the middle of something");
        unfinished.iter().for_each(|node| interrupted[*node] += 1);
        world.kill_operator().await;
        world.ensure_operator().await;
    }
    println!("    {KILLS} kills, {} of bring-ups, in {:.1} s", interrupted.iter().sum::<usize>(), seconds(began));
    let requests = all_come_up_once(&fleet, mark, began).await;
    for (node, kills) in fleet.names.iter().zip(interrupted) {
        // Besides, a sidecar that takes its time costs a status write for each task.
        let max = WRITES_MAX + S3_TASKS.len() + kills * WRITES_REPEATED_MAX;
        let writes = requests.of_node(node).writes();
        assert!(writes.len() <= max, "{node}, {kills} times interrupted: at most {max} writes\n{writes}");
    }
}

/// The API server is killed and started again, several times, on the same etcd.
pub(crate) async fn api_server_restarted(world: Arc<World>) {
    let fleet = Fleet::new(world.served_place("api-server-restarted").await, FLEET);
    let mut random = random::seeded();
    slow_every_second_sidecar(&fleet, LONG_TASK_TIME);
    let (mark, began) = (world.audit.mark(), Instant::now());
    fleet.create(&specs::from_s3()).await;
    for _ in 0..API_SERVER_KILLS {
        tokio::time::sleep(below(LIFE_MAX, &mut random)).await;
        let unfinished = fleet.not_running().await.len();
        let killed = Instant::now();
        world.restart_api_server().await;
        println!("    {unfinished} nodes on their way; the API server is back after {:.1} s", seconds(killed));
        assert!(unfinished > 0, "the API server goes in the middle of something");
    }
    all_come_up_once(&fleet, mark, began).await;
}

/// While the operator stands still, nodes change and the API server forgets what it could have resumed its watches from.
/// It is told so (410), lists anew, and misses none of the changes.
pub(crate) async fn watches_expire(world: Arc<World>) {
    let place = world.served_place("watches-expire").await;
    for name in ["edited", "deleted"] {
        place.create(name, specs::from_genesis()).await;
        place.until(name, "the node comes up", |view| view.settled_on(V1)).await;
    }
    world.silence().await;
    let pause = world.pause_operator().await;
    place.edit("edited", json!({"image": V2})).await;
    place.delete::<SeiNode>("deleted").await;
    place.create("created", specs::from_genesis()).await;
    world.restart_api_server().await;
    let mark = world.audit.mark();
    let log_mark = world.operator_log_mark();
    drop(pause);
    place.until("edited", "the edit is followed", |view| view.settled_on(V2)).await;
    place.until("created", "the new node comes up", |view| view.settled_on(V1)).await;
    let gone = |view: &View| check(view.node.is_none(), || "it is still there".to_owned());
    place.until("deleted", "the deleted node goes", gone).await;

    let expired =
        world.operator_log_since(log_mark).lines().filter(|line| line.contains("too old resource version")).count();
    let lists = world.audit.since(mark).lists();
    println!("    {expired} watches were told that their version is too old; {} lists", lists.len());
    assert!(expired > 0, "no watch expired: the scenario shows nothing\n{}", world.operator_log());
    assert!(lists.0.iter().any(|list| list.resource == "seinodes"), "the nodes are listed anew:\n{lists}");
}

/// Somebody writes to every node all the time, so that most writes of the operator meet a newer version.
pub(crate) async fn conflicts(world: Arc<World>) {
    let fleet = Fleet::new(world.served_place("conflict-storm").await, FLEET);
    let (mark, began) = (world.audit.mark(), Instant::now());
    fleet.create(&specs::from_s3()).await;
    let written: usize = join_all(fleet.names.iter().map(|name| storm(&fleet, name))).await.iter().sum();
    println!("    {written} writes of somebody else in {:.1} s", seconds(began));
    let requests = all_come_up_once(&fleet, mark, began).await;
    let conflicts = requests.conflicts().len();
    println!("    {conflicts} writes of the operator met a newer version");
    assert!(conflicts > FLEET, "no storm: {conflicts} conflicts of {FLEET} nodes");
}

/// Writes to a node as fast as the API server answers; how often.
async fn storm(fleet: &Fleet, name: &str) -> usize {
    let began = Instant::now();
    let mut written = 0;
    while began.elapsed() < STORM {
        let patch = Patch::Merge(json!({"metadata": {"labels": {"storm": written.to_string()}}}));
        fleet.place.nodes.patch(name, &PatchParams::default(), &patch).await.expect("a merge patch meets no conflict");
        written += 1;
    }
    written
}

fn slow_every_second_sidecar(fleet: &Fleet, task_time: Duration) {
    fleet.names.iter().step_by(2).for_each(|name| fleet.place.sidecar(name).delay(task_time));
}

/// Every node comes up, each of its objects is made once, each of its tasks runs once, nothing is deleted.
async fn all_come_up_once(fleet: &Fleet, mark: Mark, began: Instant) -> Requests {
    let world = &fleet.place.world;
    fleet.until_running().await;
    println!("    {} nodes up after {:.1} s", fleet.names.len(), seconds(began));
    world.silence().await;
    fleet.check(|view| view.settled_on(V1)).await;
    let requests = world.audit.since(mark).in_namespace(&fleet.place.namespace);
    println!("    per node: {}, {} sidecar calls", fleet.costs(&requests), fleet.sidecar_calls(began));
    assert_eq!(requests.made_again().len(), 0, "made twice:\n{}", requests.made_again());
    assert_eq!(requests.deletes().len(), 0, "nothing is made anew:\n{}", requests.deletes());
    for name in &fleet.names {
        assert_eq!(fleet.place.sidecar(name).started(), S3_TASKS, "{name}: each task runs once");
    }
    requests
}

fn seconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64()
}
