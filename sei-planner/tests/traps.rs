//! Traps that the model check found, each as the one decision that led into it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use sei_planner::api::{NodePhase, PlanPhase, SeiNode, SeiNodeStatus, TaskPlan, TaskStatus, Time};
use sei_planner::node::{
    Decision, Observed, PlanKind, Presence, SidecarHealth, TaskProbe, Update, ValidNode, decide, draft, settled_status,
    validate,
};
use sei_planner::platform::Platform;
use serde_json::{Value, json};

const FIRST: &str = "00000000-0000-4000-8000-000000000001";
const SECOND: &str = "00000000-0000-4000-8000-000000000002";

fn now() -> Time {
    Time::at(jiff::Timestamp::UNIX_EPOCH)
}

fn node(generation: i64, members: &Value) -> ValidNode {
    let mut spec = json!({"chainId": "pacific-1", "image": "seid:v1"});
    spec.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let metadata = json!({"name": "rpc-0", "namespace": "sei", "generation": generation});
    let node = json!({"apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "metadata": metadata, "spec": spec});
    validate(&serde_json::from_value::<SeiNode>(node).unwrap(), &Platform::demo()).unwrap()
}

/// The status of a node with this plan, whose tasks up to `until` are complete.
fn under_way(node: &ValidNode, status: &SeiNodeStatus, kind: PlanKind, until: &str) -> (SeiNodeStatus, TaskPlan) {
    let decision = Decision::Start(kind, Vec::new());
    let mut plan = draft(node, status, &Observed::default(), &decision, FIRST).unwrap();
    let at = plan.tasks.iter().position(|task| task.kind == until).unwrap();
    plan.tasks[..at].iter_mut().for_each(|task| task.status = TaskStatus::Complete);
    (SeiNodeStatus { plan: Some(plan.clone()), ..status.clone() }, plan)
}

fn new_node(node: &ValidNode, until: &str) -> (SeiNodeStatus, TaskPlan) {
    let initializing = SeiNodeStatus { phase: Some(NodePhase::Initializing), ..SeiNodeStatus::default() };
    under_way(node, &initializing, PlanKind::Init(Default::default()), until)
}

/// An update was reverted while its pod was coming up, and the update back failed because of that pod: to open its gate is
/// not enough.
#[test]
fn a_failed_update_is_proven_before_the_gate_is_opened() {
    let node = node(3, &json!({"fullNode": {}}));
    let settled = settled_status(&node, now());
    let (mut status, mut plan) = under_way(&node, &settled, PlanKind::Update(Update::default()), "replace-pod");
    (plan.phase, plan.retry_at) = (PlanPhase::Failed, Some(now()));
    status.plan = Some(plan);
    for sidecar in [SidecarHealth::NotReady, SidecarHealth::Ready] {
        for service in [Presence::Missing, Presence::Present] {
            let seen = Observed { sidecar: sidecar.clone(), service, ..Observed::default() };
            let decision = decide(&node, &status, &seen, now());
            assert!(matches!(decision, Decision::Start(PlanKind::Update(_), _)), "{decision:?}");
        }
    }
}

/// A write of status was lost, so the sidecar is ahead of the plan; then the pod was deleted, so nobody can say how far.
#[test]
fn every_task_that_may_still_write_is_waited_for() {
    let node = node(1, &json!({"fullNode": {"snapshot": {"stateSync": {}}}}));
    let (status, _) = new_node(&node, "configure-genesis");
    let unfinished = |in_flight| {
        let seen = Observed { statefulset: Presence::Missing, in_flight, ..Observed::default() };
        let decision = decide(&node, &status, &seen, now());
        let plan = draft(&node, &status, &seen, &decision, SECOND);
        plan.map(|plan| plan.unfinished.into_iter().map(|task| task.kind).collect::<Vec<_>>())
    };
    let writes = ["configure-genesis", "config-apply", "configure-state-sync", "config-validate"];
    assert_eq!(unfinished(TaskProbe::Unreachable).unwrap(), writes);
    assert_eq!(unfinished(TaskProbe::Idle).unwrap(), [""; 0]);
    assert_eq!(unfinished(TaskProbe::Running), None, "the sidecar is waited for");
}

/// No chain of plans that nobody got an answer under forgets the task that the first one left.
#[test]
fn the_first_of_many_plans_is_remembered() {
    let node = node(
        1,
        &json!({"validator": {"genesisCeremony": {
            "chainId": "devnet-7", "stakingAmount": "1usei", "accountBalance": "2usei", "index": 0,
        }}}),
    );
    let mut status = SeiNodeStatus { phase: Some(NodePhase::Initializing), ..SeiNodeStatus::default() };
    let seen = Observed { in_flight: TaskProbe::Unreachable, ..Observed::default() };
    let mut first = None;
    for number in 1..=8 {
        let id = format!("00000000-0000-4000-8000-{number:012}");
        let decision = Decision::Start(PlanKind::Genesis(Default::default()), Vec::new());
        let plan = draft(&node, &status, &seen, &decision, &id).unwrap();
        let writes = plan.tasks.iter().find(|task| task.kind == "generate-identity").unwrap();
        let first = first.get_or_insert_with(|| writes.id.clone());
        assert!(number == 1 || plan.unfinished.iter().any(|task| task.id == *first), "plan {number}");
        status.plan = Some(plan);
    }
}

/// No pod of a node behind TLS starts without the proxy's ConfigMap.
#[test]
fn a_proxy_configuration_that_was_deleted_under_a_plan_is_made_again() {
    let node = node(1, &json!({"fullNode": {}, "sidecar": {"tls": {"secretName": "tls"}}}));
    let seen = Observed { proxy_config: Presence::Missing, ..Observed::default() };
    let applies_it = |status: &SeiNodeStatus| {
        let decision = decide(&node, status, &seen, now());
        assert!(matches!(decision, Decision::Supersede(..)), "{decision:?}");
        let plan = draft(&node, status, &seen, &decision, SECOND).unwrap();
        assert_eq!(plan.tasks.iter().filter(|task| task.kind == "apply-rbac-proxy-config").count(), 1);
    };
    applies_it(&new_node(&node, "configure-genesis").0);
    let settled = settled_status(&node, now());
    applies_it(&under_way(&node, &settled, PlanKind::Update(Update::default()), "replace-pod").0);
    applies_it(&under_way(&node, &settled, PlanKind::MarkReady, "mark-ready").0);
}
