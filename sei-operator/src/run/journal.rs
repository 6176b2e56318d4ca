//! The log of what happens to nodes: one line a transition, from the same values as the metrics. A plan is a trace: its lines, also
//! those of another process that goes on with it, have one trace id, which follows from the plan's own.

use clap::ValueEnum;
use sei_planner::api::{PlanKindName, SeiNode};
use sei_planner::names::NodeKey;
use sei_planner::node::{Standing, Transition};
use sei_tasks::record::{Probe, Recorder};

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people
    Text,
    /// One JSON object a line, for programs
    Json,
}

/// Writes the log.
pub(super) struct Journal;

impl Recorder for Journal {
    fn changed(&self, before: &SeiNode, after: &SeiNode, transitions: &[Transition]) {
        let trace = trace_id(before, after);
        for transition in transitions {
            log(&NodeKey::of(before), trace.as_deref(), transition);
        }
    }

    fn probed(&self, node: &NodeKey, answer: Probe) {
        tracing::debug!(%node, %answer, "sidecar asked for its health");
    }
}

/// That of the plan in status, or else of the one before: 32 hex digits, as W3C Trace Context has it.
fn trace_id(before: &SeiNode, after: &SeiNode) -> Option<String> {
    let stored = |node: &SeiNode| Some(node.status.as_ref()?.plan.as_ref()?.id.replace('-', ""));
    stored(after).or_else(|| stored(before))
}

fn log(node: &NodeKey, trace_id: Option<&str>, transition: &Transition) {
    match transition {
        Transition::Phase { from, to, seconds } => {
            tracing::info!(%node, trace_id, %from, %to, seconds, "phase changed")
        }
        Transition::PlanStarted { id, kind, .. } => {
            tracing::info!(%node, trace_id, plan = id, kind = kind.map(PlanKindName::as_str), "plan started");
        }
        Transition::PlanEnded { id, kind, end, seconds, .. } => {
            let kind = kind.map(PlanKindName::as_str);
            tracing::info!(%node, trace_id, plan = id, kind, outcome = end.as_str(), seconds, "plan ended");
        }
        Transition::TaskFailed { task, id, error, ends_plan } => {
            tracing::info!(%node, trace_id, task, id, error, ends_plan, "task failed");
        }
        Transition::Condition { kind, from, to, message } => {
            let status = |standing: &Option<Standing>| standing.as_ref().map(|known| known.status.as_str());
            let reason = to.as_ref().map(|known| known.reason.as_str());
            tracing::info!(%node, trace_id, condition = kind, from = status(from), to = status(to), reason, says = message, "condition changed");
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use sei_planner::api::{ConditionStatus, NodePhase};
    use sei_planner::node::PlanEnd;
    use serde_json::{from_value, json};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is logged at info while a recorder is told of something.
    fn logged(tell: impl FnOnce(&Journal)) -> String {
        let page = Page::default();
        let writer = page.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .without_time()
            .with_target(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || tell(&Journal));
        let bytes = page.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn node(plan: Option<&str>) -> SeiNode {
        let metadata = json!({"namespace": "nodes", "name": "rpc-0"});
        let plan = plan.map(|id| json!({"id": id, "phase": "Active", "tasks": []}));
        from_value(json!({"apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "metadata": metadata,
            "spec": {"chainId": "pacific-1", "image": "seid:v6"}, "status": {"plan": plan}}))
        .unwrap()
    }

    #[test]
    fn every_transition_is_one_line() {
        let (plan, task) = (|| "6f1c0d2e-91a4-4000-8000-000000000bde".to_owned(), || "mark-ready".to_owned());
        let standing = |status| Some(Standing { status, reason: "Ready".to_owned() });
        let transitions = [
            Transition::Phase { from: NodePhase::Initializing, to: NodePhase::Running, seconds: Some(61) },
            Transition::Phase { from: NodePhase::Pending, to: NodePhase::Initializing, seconds: None },
            Transition::PlanStarted { id: plan(), kind: Some(PlanKindName::Init), drift: Vec::new() },
            Transition::PlanEnded {
                id: plan(),
                kind: None,
                drift: Vec::new(),
                end: PlanEnd::Superseded,
                seconds: Some(5),
            },
            Transition::TaskFailed { task: task(), id: "a".to_owned(), error: "no route".to_owned(), ends_plan: false },
            Transition::Condition {
                kind: "SidecarReady".to_owned(),
                from: None,
                to: standing(ConditionStatus::True),
                message: "sidecar returned 200".to_owned(),
            },
        ];
        insta::assert_snapshot!(logged(|journal| journal.changed(&node(None), &node(Some(&plan())), &transitions)));
    }

    #[test]
    fn a_probe_is_no_line() {
        assert_eq!(logged(|journal| journal.probed(&NodeKey::new("nodes", "rpc-0"), Probe::Ready)), "");
    }
}
