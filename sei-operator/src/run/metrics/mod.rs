//! What the operator measures: gauges off the nodes at each scrape, counters and durations as the [`Recorder`] is told of them.

pub(crate) mod catalogue;
mod fleet;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use kube::core::DynamicObject;
use kube::runtime::reflector::Store;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use sei_planner::api::{DriftKind, PlanKindName, SeiNode};
use sei_planner::names::NodeKey;
use sei_planner::node::{PlanEnd, Transition, UpdateGroup};
use sei_planner::task::codec;
use sei_tasks::record::{Probe, Recorder};
use sei_tasks::world::ClusterError;
use serde_json::json;

use self::catalogue::{
    Form, Labels, Metric, PHASE_DURATION, PHASE_TRANSITIONS, PLAN_DURATION, PROBES, RECONCILE_ERRORS, Row,
    TASK_FAILURES, catalogue,
};
use self::fleet::Gauges;

/// Label `controller` of everything here: a constant, never read off an object (O1).
const CONTROLLER: &str = "seinode";
/// Label of what has no name in this version.
const UNKNOWN: &str = "unknown";

/// All metrics of the process.
#[derive(Clone)]
pub(super) struct Metrics {
    recorded: Arc<Recorded>,
    nodes: Store<DynamicObject>,
    /// Whether this process reconciles. One that stands by shows the same nodes, and every sum over both would be wrong.
    leads: Arc<AtomicBool>,
}

/// What happened since the process started.
#[derive(Debug, Default)]
struct Recorded {
    counters: Mutex<BTreeMap<&'static str, BTreeMap<Labels, Counter>>>,
    histograms: Mutex<BTreeMap<&'static str, BTreeMap<Labels, Histogram>>>,
}

impl Metrics {
    /// Metrics of the nodes in this store. It exports no gauges of nodes before [`Metrics::leads`] is called.
    pub(super) fn new(nodes: Store<DynamicObject>) -> Self {
        Self { recorded: Arc::default(), nodes, leads: Arc::default() }
    }

    /// From now on this process reconciles.
    pub(super) fn leads(&self) {
        self.leads.store(true, Ordering::Relaxed);
    }

    /// A reconcile of this node ended with an error.
    pub(super) fn reconcile_failed(&self, node: &NodeKey, error: &ClusterError) {
        let error = match error {
            ClusterError::Conflict(_) => "conflict",
            ClusterError::NotFound(_) => "not_found",
            ClusterError::UnknownKind => "unknown_kind",
            ClusterError::Rejected { .. } => "rejected",
            ClusterError::Unavailable(_) => "unavailable",
            ClusterError::Unreadable(_) => "unreadable",
            // The API server was not asked.
            ClusterError::NotLeading => return,
        };
        self.recorded.count(&RECONCILE_ERRORS, [CONTROLLER, &node.namespace, error]);
    }

    /// Everything, in the OpenMetrics text format.
    ///
    /// # Errors
    /// Never for a reason that is known: writing text into memory does not fail.
    pub(super) fn text(&self) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self.clone()));
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }

    fn gauges(&self) -> Gauges {
        if !self.leads.load(Ordering::Relaxed) {
            return Gauges::of_follower();
        }
        let nodes = self.nodes.state();
        Gauges::of(nodes.iter().map(|node| &**node))
    }
}

impl Recorder for Metrics {
    fn changed(&self, node: &SeiNode, _: &SeiNode, transitions: &[Transition]) {
        let namespace = node.metadata.namespace.as_deref().unwrap_or_default();
        for transition in transitions {
            match transition {
                Transition::Phase { from, to, seconds } => {
                    self.recorded.count(&PHASE_TRANSITIONS, [CONTROLLER, namespace, from.as_str(), to.as_str()]);
                    self.recorded.took(&PHASE_DURATION, [namespace, &node.spec.chain_id, from.as_str()], *seconds);
                }
                Transition::PlanEnded { kind, drift, end, seconds, .. } => match end {
                    PlanEnd::Complete | PlanEnd::Failed => {
                        let plan_type = plan_type(*kind, drift);
                        let labels = [CONTROLLER, namespace, plan_type.as_str(), end.as_str()];
                        self.recorded.took(&PLAN_DURATION, labels, *seconds);
                    }
                    PlanEnd::Superseded => {}
                },
                Transition::TaskFailed { task, ends_plan, .. } => {
                    let outcome = if *ends_plan { "plan_failed" } else { "retry" };
                    self.recorded.count(&TASK_FAILURES, [CONTROLLER, namespace, known_task(task), outcome]);
                }
                // What stands is a gauge.
                Transition::PlanStarted { .. } | Transition::Condition { .. } => {}
            }
        }
    }

    fn probed(&self, node: &NodeKey, answer: Probe) {
        self.recorded.count(&PROBES, [CONTROLLER, &node.namespace, answer.as_str()]);
    }
}

impl Recorded {
    fn count<const N: usize>(&self, metric: &'static Metric<N>, labels: [&str; N]) {
        let mut all = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(metric.row().stem).or_default().entry(metric.labelled(labels)).or_default().inc();
    }

    /// Notes how long something took; nothing when nobody knows.
    fn took<const N: usize>(&self, metric: &'static Metric<N>, labels: [&str; N], seconds: Option<i64>) {
        let (Some(seconds), Form::Durations(buckets)) = (seconds, metric.row().form) else { return };
        let mut all = self.histograms.lock().unwrap_or_else(PoisonError::into_inner);
        let series = all.entry(metric.row().stem).or_default().entry(metric.labelled(labels));
        #[allow(clippy::cast_precision_loss, reason = "whole seconds below 2^53")]
        series.or_insert_with(|| Histogram::new(buckets.iter().copied())).observe(seconds as f64);
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("recorded", &self.recorded).finish_non_exhaustive()
    }
}

/// Called at each scrape. A metric without series is left out.
impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let gauges = self.gauges();
        let counters = self.recorded.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let histograms = self.recorded.histograms.lock().unwrap_or_else(PoisonError::into_inner);
        for row in catalogue() {
            match row.form {
                Form::Gauge | Form::Timestamp => {
                    let values = gauges.series(row.stem);
                    write_series(&mut encoder, &row, values.map(|(labels, value)| (labels, Value::Gauge(value))))?;
                }
                Form::Counter => {
                    let series = counters.get(row.stem).into_iter().flatten();
                    write_series(&mut encoder, &row, series.map(|(labels, counter)| (labels, Value::Any(counter))))?;
                }
                Form::Durations(_) => {
                    let series = histograms.get(row.stem).into_iter().flatten();
                    let series = series.map(|(labels, histogram)| (labels, Value::Any(histogram)));
                    write_series(&mut encoder, &row, series)?;
                }
            }
        }
        Ok(())
    }
}

/// The value of a series.
enum Value<'a> {
    Gauge(i64),
    Any(&'a dyn EncodeMetric),
}

fn write_series<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    row: &Row,
    series: impl Iterator<Item = (&'a Labels, Value<'a>)>,
) -> fmt::Result {
    let mut series = series.peekable();
    if series.peek().is_none() {
        return Ok(());
    }
    let unit = row.form.in_seconds().then_some(&Unit::Seconds);
    let mut metric = encoder.encode_descriptor(row.stem, row.help, unit, row.form.metric_type())?;
    for (labels, value) in series {
        let mut labelled = metric.encode_family(labels)?;
        match value {
            Value::Gauge(value) => labelled.encode_gauge(&value)?,
            Value::Any(value) => value.encode(labelled)?,
        }
    }
    Ok(())
}

/// Label `plan_type`: the words of the controller before us where it had one, read off the stored kind and drift and never off the
/// tasks.
fn plan_type(kind: Option<PlanKindName>, drift: &[DriftKind]) -> String {
    let word = match kind {
        Some(PlanKindName::Init | PlanKindName::Bootstrap | PlanKindName::Genesis) => "init",
        Some(PlanKindName::Update) => return UpdateGroup::plan_type(drift),
        Some(PlanKindName::MarkReady) => "mark-ready-reapply",
        Some(PlanKindName::Repair) => "repair",
        None => UNKNOWN,
    };
    word.to_owned()
}

/// Label `task`: a type of the catalogue of tasks, so that no text of a status becomes a label.
fn known_task(kind: &str) -> &'static str {
    codec::decode(kind, &json!({})).map_or(UNKNOWN, |task| task.kind())
}
