//! What is told of a plan that is over: a trace, as OpenTelemetry has it. Its ids follow from those of the plan and its tasks, which are
//! UUIDs, so that two processes that tell the same tell it of the same trace.

use std::time::{Duration, SystemTime};

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{Array, InstrumentationScope, KeyValue, StringValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use sei_planner::api::{DriftKind, PlanKindName, PlannedTask, TaskPlan, TaskStatus, Time};
use sei_planner::names::NodeKey;
use sei_planner::node::PlanEnd;
use uuid::Uuid;

/// A plan that is over.
pub(super) struct Ended<'a> {
    pub(super) node: &'a NodeKey,
    pub(super) plan: &'a TaskPlan,
    pub(super) end: PlanEnd,
    /// From its start to its end.
    pub(super) seconds: i64,
}

/// The plan's span, and one of each task that was tried; nothing of a plan whose id or start nobody knows.
pub(super) fn of(ended: &Ended<'_>) -> Vec<SpanData> {
    let plan = ended.plan;
    let (Ok(id), Some(began)) = (Uuid::parse_str(&plan.id), plan.began_at()) else { return Vec::new() };
    let over = began.plus_seconds(ended.seconds);
    let root = span_id(id);
    let span = |span_id, parent_span_id, name: String, (start, end): (Time, Time)| SpanData {
        span_context: SpanContext::new(
            TraceId::from_bytes(*id.as_bytes()),
            span_id,
            TraceFlags::SAMPLED,
            false,
            TraceState::default(),
        ),
        parent_span_id,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: name.into(),
        start_time: system_time(start),
        end_time: system_time(end.max(start)),
        attributes: Vec::new(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder("sei-operator")
            .with_version(env!("CARGO_PKG_VERSION"))
            .build(),
    };
    let kind = plan.kind.map_or("plan", PlanKindName::as_str);
    let whole = SpanData {
        attributes: plan_attributes(ended),
        status: plan_status(ended),
        ..span(root, SpanId::INVALID, kind.to_owned(), (began, over))
    };
    let tasks = timed(plan, over).into_iter().filter_map(|(task, times)| {
        let id = span_id(Uuid::parse_str(&task.id).ok()?);
        let (attributes, status) = (task_attributes(task), task_status(task));
        Some(SpanData { attributes, status, ..span(id, root, task.kind.clone(), times) })
    });
    std::iter::once(whole).chain(tasks).collect()
}

/// The tasks that were tried, each with its start and its end: it ends when the next one begins. One that was done at the first look
/// has no time of its own, and stands where the next one begins.
fn timed(plan: &TaskPlan, over: Time) -> Vec<(&PlannedTask, (Time, Time))> {
    let tried = |task: &&PlannedTask| task.submitted_at.is_some() || task.status == TaskStatus::Complete;
    let mut end = over;
    let mut timed = Vec::new();
    for task in plan.tasks.iter().rev().filter(tried) {
        let start = task.submitted_at.unwrap_or(end);
        timed.push((task, (start, end)));
        end = start;
    }
    timed.reverse();
    timed
}

fn plan_attributes(ended: &Ended<'_>) -> Vec<KeyValue> {
    let Ended { node, plan, end, .. } = ended;
    let drift = plan.drift.iter().map(|kind: &DriftKind| StringValue::from(kind.subject())).collect();
    vec![
        KeyValue::new("k8s.namespace.name", node.namespace.clone()),
        KeyValue::new("sei.node.name", node.name.clone()),
        KeyValue::new("sei.plan.id", plan.id.clone()),
        KeyValue::new("sei.plan.outcome", end.as_str()),
        KeyValue::new("sei.plan.drift", Value::Array(Array::String(drift))),
    ]
}

fn task_attributes(task: &PlannedTask) -> Vec<KeyValue> {
    vec![KeyValue::new("sei.task.id", task.id.clone()), KeyValue::new("sei.task.retries", i64::from(task.retry_count))]
}

fn plan_status(ended: &Ended<'_>) -> Status {
    match ended.end {
        PlanEnd::Complete => Status::Ok,
        PlanEnd::Failed => {
            let detail = ended.plan.failed_task_detail.as_ref();
            Status::error(detail.map(|detail| detail.error.clone()).unwrap_or_default())
        }
        PlanEnd::Superseded => Status::Unset,
    }
}

fn task_status(task: &PlannedTask) -> Status {
    match task.status {
        TaskStatus::Complete => Status::Ok,
        TaskStatus::Failed => Status::error(task.error.clone()),
        TaskStatus::Pending | TaskStatus::Running => Status::Unset,
    }
}

/// The last half of a UUID, which no version and no variant make equal: of its 64 bits two are fixed.
fn span_id(id: Uuid) -> SpanId {
    let [.., a, b, c, d, e, f, g, h] = *id.as_bytes();
    SpanId::from_bytes([a, b, c, d, e, f, g, h])
}

/// Nothing is older than the epoch.
fn system_time(at: Time) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(at.unix_seconds().try_into().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "tests")]

    use serde_json::{from_value, json};

    use super::*;

    fn task(kind: &str, number: u8, status: &str, submitted: Option<&str>) -> serde_json::Value {
        let id = format!("00000000-0000-5000-8000-0000000000{number:02}");
        json!({"type": kind, "id": id, "status": status, "submittedAt": submitted})
    }

    /// An update that failed in its third task, which was tried three times; the second was done at the first look, and the last never
    /// tried.
    fn plan() -> TaskPlan {
        let mut replace = task("replace-pod", 3, "Failed", Some("2026-03-01T12:00:07Z"));
        replace["error"] = "the pod does not go".into();
        replace["retryCount"] = 2.into();
        from_value(json!({
            "id": "6f1c0d2e-91a4-4000-8000-000000000bde",
            "phase": "Failed",
            "kind": "Update",
            "drift": ["Image", "PodLabels"],
            "startedAt": "2026-03-01T12:00:00Z",
            "failedTaskDetail": {"type": "replace-pod", "id": "", "error": "the pod does not go", "retryCount": 2, "maxRetries": 2},
            "tasks": [
                task("apply-statefulset", 1, "Complete", Some("2026-03-01T12:00:01Z")),
                task("apply-service", 2, "Complete", None),
                replace,
                task("mark-ready", 4, "Pending", None),
            ],
        }))
        .expect("a plan")
    }

    fn told(plan: &TaskPlan, end: PlanEnd) -> String {
        let lines =
            of(&Ended { node: &NodeKey::new("nodes", "rpc-0"), plan, end, seconds: 60 }).into_iter().map(|span| {
                let since = |at: SystemTime| at.duration_since(SystemTime::UNIX_EPOCH).expect("later").as_secs() % 3600;
                let attributes: Vec<String> =
                    span.attributes.iter().map(|told| format!("\n    {} = {}", told.key, told.value)).collect();
                format!(
                    "{} {}/{} in {}: {} s to {} s, {:?}{}",
                    span.name,
                    span.span_context.trace_id(),
                    span.span_context.span_id(),
                    span.parent_span_id,
                    since(span.start_time),
                    since(span.end_time),
                    span.status,
                    attributes.concat(),
                )
            });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_plan_is_a_trace_and_each_task_that_was_tried_a_span_of_it() {
        insta::assert_snapshot!(told(&plan(), PlanEnd::Failed));
    }

    #[test]
    fn a_plan_that_another_replaced_is_neither_well_nor_in_error() {
        let superseded =
            of(&Ended { node: &NodeKey::new("nodes", "rpc-0"), plan: &plan(), end: PlanEnd::Superseded, seconds: 0 });
        assert_eq!(superseded[0].status, Status::Unset);
        assert!(
            superseded.iter().all(|span| span.end_time >= span.start_time),
            "a clock that was set back makes no time"
        );
    }

    #[test]
    fn nothing_is_told_of_a_plan_without_an_id_or_a_start() {
        assert_eq!(told(&TaskPlan { id: "plan-1".to_owned(), ..plan() }, PlanEnd::Complete), "");
        assert_eq!(told(&TaskPlan { started_at: None, tasks: Vec::new(), ..plan() }, PlanEnd::Complete), "");
    }
}
