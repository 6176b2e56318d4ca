//! Gauges, derived from the nodes as the watch shows them: what is not there any more has no series (O2, O5).

use std::collections::BTreeMap;

use kube::core::DynamicObject;
use sei_planner::api::{
    ConditionStatus, NodePhase, PlanPhase, SeiNode, SeiNodeStatus, TaskPlan, TaskStatus, conditions,
};
use sei_planner::names::NodeKey;

use super::catalogue::{
    CERTIFICATE_NOT_AFTER, CONDITION, LEADER, Labels, Metric, PHASE, PHASE_SINCE, PLAN_ACTIVE, PLAN_SINCE,
    SIDECAR_READY, TASK_WAITING, UNREADABLE,
};
use super::{CONTROLLER, known_task, plan_type};
use crate::run::packed::unpack;

/// The series of each gauge, by the stem of its name.
#[derive(Debug, Default)]
pub(super) struct Gauges(BTreeMap<&'static str, BTreeMap<Labels, i64>>);

impl Gauges {
    /// The gauges of a process that stands by.
    pub(super) fn of_follower() -> Self {
        let mut gauges = Self::default();
        gauges.set(&LEADER, [], 0);
        gauges
    }

    /// The gauges of the process that reconciles these nodes.
    pub(super) fn of<'a>(nodes: impl Iterator<Item = &'a DynamicObject>) -> Self {
        let mut gauges = Self::default();
        gauges.set(&LEADER, [], 1);
        for node in nodes {
            let key = NodeKey::of(node);
            match status_of(node) {
                Some(status) => gauges.add(&key, &status),
                None => gauges.set(&UNREADABLE, [&key.namespace, &key.name], 1),
            }
        }
        gauges
    }

    /// The series of a metric, in order.
    pub(super) fn series(&self, stem: &str) -> impl Iterator<Item = (&Labels, i64)> {
        self.0.get(stem).into_iter().flatten().map(|(labels, value)| (labels, *value))
    }

    fn add(&mut self, key: &NodeKey, status: &SeiNodeStatus) {
        let (namespace, name) = (key.namespace.as_str(), key.name.as_str());
        for phase in NodePhase::ALL {
            self.set(&PHASE, [namespace, name, phase.as_str()], i64::from(phase == status.phase()));
        }
        if let Some(since) = status.phase_transition_time {
            self.set(&PHASE_SINCE, [namespace, name], since.unix_seconds());
        }
        for condition in &status.conditions {
            let labels = [namespace, name, &condition.kind, condition.status.as_str(), &condition.reason];
            self.set(&CONDITION, labels, 1);
        }
        if let Some(condition) = status.condition(conditions::SIDECAR_READY) {
            let ready = condition.status == ConditionStatus::True;
            self.set(&SIDECAR_READY, [namespace, name], i64::from(ready));
        }
        if let Some(expires) = status.sidecar_certificate_not_after {
            self.set(&CERTIFICATE_NOT_AFTER, [namespace, name], expires.unix_seconds());
        }
        let plan = active_plan(status);
        *self.value(&PLAN_ACTIVE, [CONTROLLER, namespace]) += i64::from(plan.is_some());
        if let Some(plan) = plan {
            self.add_plan(namespace, name, plan);
        }
    }

    fn add_plan(&mut self, namespace: &str, name: &str, plan: &TaskPlan) {
        if let Some(since) = plan.started_at {
            self.set(&PLAN_SINCE, [namespace, name, plan_type(plan.kind, &plan.drift).as_str()], since.unix_seconds());
        }
        let current = plan.tasks.iter().find(|task| task.status != TaskStatus::Complete);
        if let Some((task, since)) = current.and_then(|task| Some((task, task.waiting_since?))) {
            self.set(&TASK_WAITING, [namespace, name, known_task(&task.kind)], since.unix_seconds());
        }
    }

    fn set<const N: usize>(&mut self, metric: &'static Metric<N>, labels: [&str; N], value: i64) {
        *self.value(metric, labels) = value;
    }

    fn value<const N: usize>(&mut self, metric: &'static Metric<N>, labels: [&str; N]) -> &mut i64 {
        self.0.entry(metric.row().stem).or_default().entry(metric.labelled(labels)).or_default()
    }
}

/// A plan of a node that is being deleted does not move any more, whatever status says.
fn active_plan(status: &SeiNodeStatus) -> Option<&TaskPlan> {
    let ends = status.phase() == NodePhase::Terminating;
    status.plan.as_ref().filter(|plan| plan.phase == PlanPhase::Active && !ends)
}

/// The status of a node, unless this version cannot read the node.
fn status_of(node: &DynamicObject) -> Option<SeiNodeStatus> {
    let node: SeiNode = serde_json::from_value(unpack(node).ok()?).ok()?;
    Some(node.status.unwrap_or_default())
}
