//! Several operators, of which one leads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::{Patch, PatchParams};

use super::specs::{self, V1, V2};
use crate::support::operator::Operator;
use crate::support::place::Place;
use crate::support::view::{View, check};
use crate::support::world::World;

/// The name is in the documentation of what users run: `docs/decisions/0005-leader-election.md`.
const LEASE: &str = "bc1f5b0a.sei.io";
/// The Lease's duration, a retry period, and what requests take on a busy machine.
const TAKEOVER_MAX: Duration = Duration::from_secs(15 + 2 + 3);
const HANDOVER_MAX: Duration = Duration::from_secs(3);
const NODES: usize = 3;
const TASKS: [&str; 4] = ["configure-genesis", "config-apply", "config-validate", "mark-ready"];
const POLL: Duration = Duration::from_millis(20);

/// The leader is killed while nodes come up, and the follower sees them through; then the new leader is stopped, and its
/// follower goes on at once. Nothing happens twice. The last one loses its Lease to somebody else, and ends.
pub(crate) async fn killed_and_stopped(world: Arc<World>) {
    world.ensure_crds().await;
    world.without_operator().await;
    let place = world.place("two-operators").await;
    world.install_roles(&place.namespace).await;
    let names: Vec<String> = (0..NODES).map(|number| format!("rpc-{number}")).collect();
    for name in &names {
        place.sidecar(name).delay(Duration::from_secs(2));
    }
    let mark = world.audit.mark();
    let mut candidates = BTreeMap::new();
    let began = Instant::now();
    start(&place, &mut candidates, "operator-a");
    start(&place, &mut candidates, "operator-b");
    let first = leader(&place, "").await;
    println!("    {first} leads {:.1} s after the start of two operators", began.elapsed().as_secs_f64());

    for name in &names {
        place.create(name, specs::from_genesis()).await;
    }
    let begun =
        |_: &View| check(names.iter().all(|name| place.sidecar(name).started().len() >= 2), || "too early".into());
    let middle = place.until("rpc-0", "every node is in the middle of its way", begun).await;
    let killed = Instant::now();
    candidates.remove(&first).expect("it runs").kill();
    let second = leader(&place, &first).await;
    let took_over = killed.elapsed();
    println!("    {second} leads {:.1} s after the leader was killed", took_over.as_secs_f64());
    for name in &names {
        place.until(name, "the node comes up", |view| view.settled_on(V1)).await;
    }
    println!("    {NODES} nodes are up {:.1} s after the leader was killed", killed.elapsed().as_secs_f64());
    assert!(took_over <= TAKEOVER_MAX, "the Lease expires and is taken within {TAKEOVER_MAX:?}");
    assert_eq!(place.view("rpc-0").await.pod_uid(), middle.pod_uid(), "the pod stays");
    for name in &names {
        assert_eq!(place.sidecar(name).started(), TASKS, "{name}: nothing is asked twice");
    }

    start(&place, &mut candidates, "operator-c");
    let follows = format!("another process leads: {second}");
    while !world.operator_log().lines().any(|line| line.contains("operator-c_") && line.contains(&follows)) {
        assert!(killed.elapsed() < 6 * TAKEOVER_MAX, "operator-c does not follow\n{}", world.operator_log());
        tokio::time::sleep(POLL).await;
    }
    let stopped = Instant::now();
    let (status, took) = candidates.remove(&second).expect("it runs").stop().await;
    assert!(status.success(), "SIGTERM ended the leader with {status}\n{}", world.operator_log());
    let third = leader(&place, &second).await;
    let handed_over = stopped.elapsed();
    println!(
        "    {third} leads {:.2} s after the leader was told to stop, which took {:.2} s",
        handed_over.as_secs_f64(),
        took.as_secs_f64()
    );
    assert!(handed_over <= HANDOVER_MAX, "a Lease that is released is taken within {HANDOVER_MAX:?}");
    place.edit("rpc-0", serde_json::json!({"image": V2})).await;
    place.until("rpc-0", "the new leader works", |view| view.settled_on(V2)).await;

    let requests = world.audit.since(mark).in_namespace(&place.namespace);
    let replaced = requests.pods_asked_to_go();
    assert_eq!(replaced.len(), 1, "one pod was replaced, for the edit: {replaced:?}\n{requests}");
    let made = requests.created("statefulsets");
    assert_eq!(made, NODES, "each StatefulSet was made once\n{requests}");
    let robbed = candidates.remove(&third).expect("it runs");
    loses_its_lease(&place, robbed).await;
    // It finishes the deletions with which the scenario is cleaned up.
    world.ensure_operator().await;
}

/// Somebody else's name stands in the Lease: the leader ends by itself, and not as if all were well.
async fn loses_its_lease(place: &Place, mut leader: Operator) {
    let leases: Api<Lease> = place.api();
    let patch = Patch::Merge(serde_json::json!({"spec": {"holderIdentity": "somebody-else"}}));
    leases.patch(LEASE, &PatchParams::default(), &patch).await.expect("patched");
    let robbed = Instant::now();
    let status = loop {
        if let Some(status) = leader.exit_status() {
            break status;
        }
        assert!(robbed.elapsed() < TAKEOVER_MAX, "a leader without a Lease runs on\n{}", place.world.operator_log());
        tokio::time::sleep(POLL).await;
    };
    println!("    a leader that lost its Lease ended after {:.2} s with {status}", robbed.elapsed().as_secs_f64());
    assert_eq!(status.code(), Some(1));
    let log = place.world.operator_log();
    assert!(log.contains("leadership lost"), "the log says why\n{log}");
}

fn start(place: &Place, candidates: &mut BTreeMap<String, Operator>, pod: &str) {
    candidates.insert(pod.to_owned(), place.world.start_candidate(pod, &place.namespace));
}

/// Waits until another process than that of the pod `before` holds the Lease; the name of its pod.
async fn leader(place: &Place, before: &str) -> String {
    let leases: Api<Lease> = place.api();
    let deadline = Instant::now() + 2 * TAKEOVER_MAX;
    loop {
        let lease = leases.get_opt(LEASE).await.expect("the API server answers");
        let holder = lease.and_then(|lease| lease.spec?.holder_identity).unwrap_or_default();
        let pod = holder.split_once('_').map(|(pod, _)| pod).unwrap_or_default();
        if !pod.is_empty() && pod != before {
            return pod.to_owned();
        }
        assert!(Instant::now() < deadline, "nobody takes the Lease of {before:?}\n{}", place.world.operator_log());
        tokio::time::sleep(POLL).await;
    }
}
