//! How long the planner takes: `cargo bench -p sei-planner`. Speed is measured here and never in tests.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs, reason = "benchmarks")]

use std::hint::black_box;

use divan::Bencher;
use sei_planner::api::{Condition, ConditionStatus, NodePhase, PlanPhase, SeiNode, SeiNodeStatus, TaskStatus, Time};
use sei_planner::manifests::{data_claim, service, statefulset};
use sei_planner::node::{Observed, PlanOutcome, SidecarHealth, plan_node, validate};
use sei_planner::platform::Platform;

const PLAN_ID: &str = "6f1c0d2e-3b4a-4c5d-8e6f-7a8b9c0d1e2f";

/// Of programs that make many small objects.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

fn fixture(path: &str) -> SeiNode {
    let path = format!("{}/../fixtures/{path}", env!("CARGO_MANIFEST_DIR"));
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn now() -> Time {
    Time::at("2026-01-01T00:00:00Z".parse().unwrap())
}

/// Spec to plan of ten tasks.
#[divan::bench]
fn plan_of_an_s3_full_node(bencher: Bencher<'_, '_>) {
    let (node, platform, seen, now) =
        (fixture("nodes/init-s3/node.yaml"), Platform::demo(), Observed::default(), now());
    bencher.bench_local(|| plan_node(black_box(&node), &platform, &seen, now, PLAN_ID));
}

/// Spec to StatefulSet, Service and claim, as typed objects.
#[divan::bench]
fn objects_of_a_validator_with_every_option(bencher: Bencher<'_, '_>) {
    let (node, platform) = (fixture("reference/val-0/node.yaml"), Platform::demo());
    bencher.bench_local(|| {
        let node = validate(black_box(&node), &platform).unwrap();
        (statefulset(&node, &platform), service(&node), data_claim(&node, &platform))
    });
}

/// A settled node as the API server sends it, read and found to be as it should: as the controller before us leaves it
/// (conditions, no plan), and as we do (with its finished plan of ten tasks).
#[divan::bench(args = [false, true])]
fn json_of_a_settled_node_to_nothing_to_do(bencher: Bencher<'_, '_>, with_finished_plan: bool) {
    let (platform, now) = (Platform::demo(), now());
    let json = serde_json::to_vec(&settled(with_finished_plan, &platform)).unwrap();
    let seen = Observed { sidecar: SidecarHealth::Ready, ..Observed::default() };
    bencher.bench_local(|| {
        let node: SeiNode = serde_json::from_slice(black_box(&json)).unwrap();
        let planned = plan_node(&node, &platform, &seen, now, PLAN_ID);
        assert_eq!(planned.outcome, PlanOutcome::None);
        (node, planned)
    });
}

fn settled(with_finished_plan: bool, platform: &Platform) -> SeiNode {
    let mut node = fixture("nodes/init-s3/node.yaml");
    let mut plan = plan_node(&node, platform, &Observed::default(), now(), PLAN_ID).plan.unwrap();
    plan.phase = PlanPhase::Complete;
    for task in &mut plan.tasks {
        task.status = TaskStatus::Complete;
    }
    let condition = |kind: &str, reason: &str| Condition {
        kind: kind.to_owned(),
        status: ConditionStatus::True,
        reason: reason.to_owned(),
        message: "as it should be".to_owned(),
        last_transition_time: now(),
        observed_generation: Some(1),
    };
    node.status = Some(SeiNodeStatus {
        phase: Some(NodePhase::Running),
        current_image: Some(node.spec.image.clone()),
        conditions: vec![condition("SidecarReady", "Ready"), condition("NodeUpdateInProgress", "UpdateComplete")],
        phase_transition_time: Some(now()),
        plan: with_finished_plan.then_some(plan),
        ..SeiNodeStatus::default()
    });
    node
}
