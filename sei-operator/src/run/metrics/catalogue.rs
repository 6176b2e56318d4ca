//! Every metric that is exported: name, labels, unit and buckets. Nothing is exported that does not stand here, and the reference is
//! written from here.
//!
//! Names, labels and buckets of [`PHASE`], [`PHASE_TRANSITIONS`], [`PHASE_DURATION`], [`PLAN_ACTIVE`], [`PLAN_DURATION`], [`PROBES`],
//! [`SIDECAR_READY`] and [`RECONCILE_ERRORS`] are those of the controller before us, for dashboards and alerts that are there already.

use prometheus_client::metrics::MetricType;

/// Upper bounds of the buckets of [`PHASE_DURATION`], in seconds.
const PHASE_BUCKETS: [f64; 10] = [10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1200.0, 1800.0, 3600.0];
/// Upper bounds of the buckets of [`PLAN_DURATION`], in seconds.
const PLAN_BUCKETS: [f64; 9] = [1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0];

/// What a metric measures, and in which form.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Form {
    /// Read off the nodes at each scrape.
    Gauge,
    /// Unix time of something that stands in a node's status, read at each scrape. In seconds.
    Timestamp,
    /// Counted since the process started.
    Counter,
    /// Seconds that something took, counted in buckets with these upper bounds.
    Durations(&'static [f64]),
}

impl Form {
    /// The type as the text format names it.
    pub(crate) fn metric_type(self) -> MetricType {
        match self {
            Self::Gauge | Self::Timestamp => MetricType::Gauge,
            Self::Counter => MetricType::Counter,
            Self::Durations(_) => MetricType::Histogram,
        }
    }

    /// Whether values are seconds, which the name then ends with.
    pub(crate) fn in_seconds(self) -> bool {
        match self {
            Self::Timestamp | Self::Durations(_) => true,
            Self::Gauge | Self::Counter => false,
        }
    }
}

/// One metric, with as many labels as its type says, so that no series has more or fewer.
#[derive(Debug)]
pub(crate) struct Metric<const LABELS: usize> {
    stem: &'static str,
    form: Form,
    labels: [&'static str; LABELS],
    help: &'static str,
    series: &'static str,
}

impl<const LABELS: usize> Metric<LABELS> {
    /// The metric, whatever its number of labels.
    pub(crate) const fn row(&'static self) -> Row {
        Row { stem: self.stem, form: self.form, labels: &self.labels, help: self.help, series: self.series }
    }

    /// One series of it.
    pub(super) fn labelled(&self, values: [&str; LABELS]) -> Labels {
        self.labels.into_iter().zip(values.map(str::to_owned)).collect()
    }
}

/// The labels of a series, in the order of the catalogue.
pub(super) type Labels = Vec<(&'static str, String)>;

/// A metric of any number of labels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// The name without what the text format appends: the unit, and `_total` of counters.
    pub(crate) stem: &'static str,
    /// What is measured, and how.
    pub(crate) form: Form,
    /// Names of the labels.
    pub(crate) labels: &'static [&'static str],
    /// What it means, in one sentence or two.
    pub(crate) help: &'static str,
    /// How many series there are.
    pub(crate) series: &'static str,
}

impl Row {
    /// The name in queries.
    pub(crate) fn name(&self) -> String {
        let unit = if self.form.in_seconds() { "_seconds" } else { "" };
        let total = if self.form == Form::Counter { "_total" } else { "" };
        format!("{}{unit}{total}", self.stem)
    }
}

/// Whether this process reconciles.
pub(super) static LEADER: Metric<0> = Metric {
    stem: "sei_controller_leader",
    form: Form::Gauge,
    labels: [],
    help: "1 for the process that reconciles, 0 for one that stands by.",
    series: "1 a process",
};

/// Phase of each node.
pub(super) static PHASE: Metric<3> = Metric {
    stem: "sei_controller_seinode_phase",
    form: Form::Gauge,
    labels: ["namespace", "name", "phase"],
    help: "Phase of the node: 1 for the current one, 0 for the others.",
    series: "5 a node",
};

/// Since when.
pub(super) static PHASE_SINCE: Metric<2> = Metric {
    stem: "sei_controller_seinode_phase_transition_timestamp",
    form: Form::Timestamp,
    labels: ["namespace", "name"],
    help: "When the phase of the node last changed.",
    series: "1 a node",
};

/// Conditions of each node.
pub(super) static CONDITION: Metric<5> = Metric {
    stem: "sei_controller_seinode_condition",
    form: Form::Gauge,
    labels: ["namespace", "name", "type", "status", "reason"],
    help: "1 for each condition of the node as it stands; conditions that it never had are absent.",
    series: "1 a condition of a node",
};

/// Whether the sidecar is ready.
pub(super) static SIDECAR_READY: Metric<2> = Metric {
    stem: "sei_controller_seinode_sidecar_ready",
    form: Form::Gauge,
    labels: ["namespace", "name"],
    help: "Condition SidecarReady of the node: 1 when True, 0 when False or Unknown; absent before the sidecar was first asked.",
    series: "1 a node that came up",
};

/// Until when the certificate of the sidecar is valid.
pub(super) static CERTIFICATE_NOT_AFTER: Metric<2> = Metric {
    stem: "sei_controller_seinode_sidecar_certificate_not_after_timestamp",
    form: Form::Timestamp,
    labels: ["namespace", "name"],
    help: "When the certificate in the TLS Secret of the sidecar expires, or expired, as the Secret was read last; absent while it holds none that can be read.",
    series: "1 a node with sidecar TLS",
};

/// Active plans.
pub(super) static PLAN_ACTIVE: Metric<2> = Metric {
    stem: "sei_controller_plan_active",
    form: Form::Gauge,
    labels: ["controller", "namespace"],
    help: "How many nodes of the namespace have an active plan.",
    series: "1 a namespace with nodes",
};

/// Since when.
pub(super) static PLAN_SINCE: Metric<3> = Metric {
    stem: "sei_controller_seinode_plan_start_timestamp",
    form: Form::Timestamp,
    labels: ["namespace", "name", "plan_type"],
    help: "When the active plan of the node was stored.",
    series: "1 a node with an active plan",
};

/// What holds a plan up.
pub(super) static TASK_WAITING: Metric<3> = Metric {
    stem: "sei_controller_seinode_task_waiting_timestamp",
    form: Form::Timestamp,
    labels: ["namespace", "name", "task"],
    help: "Since when the current task of the active plan waits for what status.plan.tasks[].waitingFor says.",
    series: "at most 1 a node with an active plan",
};

/// Nodes that this version cannot read.
pub(super) static UNREADABLE: Metric<2> = Metric {
    stem: "sei_controller_seinode_unreadable",
    form: Form::Gauge,
    labels: ["namespace", "name"],
    help: "1 for each node that this version of the operator cannot read and therefore leaves alone.",
    series: "1 such a node",
};

/// Changes of phase.
pub(super) static PHASE_TRANSITIONS: Metric<4> = Metric {
    stem: "sei_controller_seinode_phase_transitions",
    form: Form::Counter,
    labels: ["controller", "namespace", "from_phase", "to_phase"],
    help: "Changes of phase of nodes.",
    series: "1 a pair of phases that happened in a namespace",
};

/// How long nodes were in a phase.
pub(super) static PHASE_DURATION: Metric<3> = Metric {
    stem: "sei_controller_seinode_phase_duration",
    form: Form::Durations(&PHASE_BUCKETS),
    labels: ["namespace", "chain_id", "phase"],
    help: "How long nodes were in the phase that they left; the first phase of a node is not measured.",
    series: "1 a phase, chain and namespace",
};

/// How long plans took.
pub(super) static PLAN_DURATION: Metric<4> = Metric {
    stem: "sei_controller_plan_duration",
    form: Form::Durations(&PLAN_BUCKETS),
    labels: ["controller", "namespace", "plan_type", "outcome"],
    help: "How long plans took, from the moment they were stored to their end; plans that another one replaced are not measured.",
    series: "1 a plan type and outcome in a namespace",
};

/// Failed runs of tasks.
pub(super) static TASK_FAILURES: Metric<4> = Metric {
    stem: "sei_controller_task_failures",
    form: Form::Counter,
    labels: ["controller", "namespace", "task", "outcome"],
    help: "Failed runs of tasks that count: outcome is retry, or plan_failed where the plan ended with it.",
    series: "1 a task type and outcome in a namespace",
};

/// Health probes of sidecars.
pub(super) static PROBES: Metric<3> = Metric {
    stem: "sei_controller_seinode_sidecar_health_probes",
    form: Form::Counter,
    labels: ["controller", "namespace", "outcome"],
    help: "Questions to sidecars of running nodes for their health: outcome is ready, not_ready or unreachable.",
    series: "3 a namespace",
};

/// Failed reconciles.
pub(super) static RECONCILE_ERRORS: Metric<3> = Metric {
    stem: "sei_controller_reconcile_errors",
    form: Form::Counter,
    labels: ["controller", "namespace", "error"],
    help: "Reconciles that the API server refused or could not serve: error is conflict, not_found, unknown_kind, rejected or unavailable.",
    series: "5 a namespace",
};

/// Every metric, gauges first, in the order of the text.
pub(crate) fn catalogue() -> [Row; 16] {
    [
        LEADER.row(),
        PHASE.row(),
        PHASE_SINCE.row(),
        CONDITION.row(),
        SIDECAR_READY.row(),
        CERTIFICATE_NOT_AFTER.row(),
        PLAN_ACTIVE.row(),
        PLAN_SINCE.row(),
        TASK_WAITING.row(),
        UNREADABLE.row(),
        PHASE_TRANSITIONS.row(),
        PHASE_DURATION.row(),
        PLAN_DURATION.row(),
        TASK_FAILURES.row(),
        PROBES.row(),
        RECONCILE_ERRORS.row(),
    ]
}

/// Metrics of the controller before us, and of its specifications, whose subjects this operator does not have yet, and why.
pub(crate) const NOT_YET: [(&str, &str); 4] = [
    ("sei_controller_seinodedeployment_phase", "the kind SeiNodeDeployment is not reconciled yet"),
    ("sei_controller_seinodedeployment_replicas", "the kind SeiNodeDeployment is not reconciled yet"),
    (
        "sei_controller_plan_active{controller=\"seinodedeployment\"}",
        "the kind SeiNodeDeployment is not reconciled yet",
    ),
    ("validation_*", "the kind ValidationRun is not reconciled yet"),
];
