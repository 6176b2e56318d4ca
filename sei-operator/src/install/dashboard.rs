//! The dashboard for Grafana: panels over the metrics that the operator exports.

use serde_json::{Value, json};

/// Columns of a dashboard.
const WIDTH: u64 = 24;
/// Rows of the grid that a panel is high.
const HEIGHT: u64 = 8;

/// How a panel shows its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// The last value, large.
    Stat,
    /// Over time.
    Lines,
    /// The labels of what there is now, a row each.
    Table,
}

impl Form {
    fn as_str(self) -> &'static str {
        match self {
            Self::Stat => "stat",
            Self::Lines => "timeseries",
            Self::Table => "table",
        }
    }
}

/// One panel.
#[derive(Debug)]
struct Panel {
    title: &'static str,
    form: Form,
    /// A unit of Grafana.
    unit: &'static str,
    /// Columns.
    width: u64,
    /// Each series in PromQL, and how its legend is made.
    series: &'static [(&'static str, &'static str)],
}

const fn panel(
    title: &'static str,
    form: Form,
    unit: &'static str,
    width: u64,
    series: &'static [(&'static str, &'static str)],
) -> Panel {
    Panel { title, form, unit, width, series }
}

/// The panels, from left to right and from top to bottom. `$namespace` is chosen at the top of the dashboard.
static PANELS: [Panel; 12] = [
    panel(
        "Nodes",
        Form::Stat,
        "short",
        12,
        &[("sum by (phase) (sei_controller_seinode_phase{namespace=~\"$namespace\"})", "{{phase}}")],
    ),
    panel("Processes that reconcile", Form::Stat, "short", 4, &[("sum(sei_controller_leader)", "leaders")]),
    panel(
        "Active plans",
        Form::Stat,
        "short",
        4,
        &[("sum(sei_controller_plan_active{namespace=~\"$namespace\"})", "active plans")],
    ),
    panel(
        "Questions to a person",
        Form::Stat,
        "short",
        4,
        &[(
            "count(sei_controller_seinode_condition{namespace=~\"$namespace\",type=\"AwaitingAcknowledgement\",status=\"True\"}) or vector(0)",
            "questions",
        )],
    ),
    panel(
        "Nodes that do not run",
        Form::Table,
        "short",
        12,
        &[(
            "sei_controller_seinode_phase{namespace=~\"$namespace\",phase!=\"Running\"} == 1",
            "{{namespace}}/{{name}} {{phase}}",
        )],
    ),
    panel(
        "Conditions that are False",
        Form::Table,
        "short",
        12,
        &[(
            "sei_controller_seinode_condition{namespace=~\"$namespace\",status=\"False\",type!~\"NodeUpdateInProgress|AwaitingAcknowledgement|EditWithoutEffect|TemplateOutdated|Paused\"} == 1",
            "{{namespace}}/{{name}} {{type}} {{reason}}",
        )],
    ),
    panel(
        "How long plans are under way",
        Form::Lines,
        "s",
        12,
        &[(
            "time() - sei_controller_seinode_plan_start_timestamp_seconds{namespace=~\"$namespace\"}",
            "{{namespace}}/{{name}} {{plan_type}}",
        )],
    ),
    panel(
        "How long tasks wait",
        Form::Lines,
        "s",
        12,
        &[(
            "time() - sei_controller_seinode_task_waiting_timestamp_seconds{namespace=~\"$namespace\"}",
            "{{namespace}}/{{name}} {{task}}",
        )],
    ),
    panel(
        "How long plans took",
        Form::Lines,
        "s",
        12,
        &[
            (
                "histogram_quantile(0.5, sum by (le, plan_type) (rate(sei_controller_plan_duration_seconds_bucket{namespace=~\"$namespace\"}[1h])))",
                "{{plan_type}} median",
            ),
            (
                "histogram_quantile(0.95, sum by (le, plan_type) (rate(sei_controller_plan_duration_seconds_bucket{namespace=~\"$namespace\"}[1h])))",
                "{{plan_type}} 95 %",
            ),
        ],
    ),
    panel(
        "Failed runs of tasks",
        Form::Lines,
        "short",
        12,
        &[(
            "sum by (task, outcome) (increase(sei_controller_task_failures_total{namespace=~\"$namespace\"}[10m]))",
            "{{task}} {{outcome}}",
        )],
    ),
    panel(
        "Sidecars",
        Form::Lines,
        "short",
        12,
        &[(
            "sum by (outcome) (increase(sei_controller_seinode_sidecar_health_probes_total{namespace=~\"$namespace\"}[10m]))",
            "{{outcome}}",
        )],
    ),
    panel(
        "Errors of reconciles",
        Form::Lines,
        "short",
        12,
        &[(
            "sum by (error) (increase(sei_controller_reconcile_errors_total{namespace=~\"$namespace\"}[10m]))",
            "{{error}}",
        )],
    ),
];

/// Every expression of the dashboard, in PromQL.
#[cfg(test)]
pub(super) fn exprs() -> impl Iterator<Item = &'static str> {
    PANELS.iter().flat_map(|panel| panel.series).map(|(expr, _)| *expr)
}

/// The dashboard, as Grafana imports it.
pub(super) fn dashboard() -> Value {
    let mut panels: Vec<Value> = Vec::new();
    let (mut left, mut top) = (0, 0);
    for (id, panel) in (1..).zip(&PANELS) {
        if left + panel.width > WIDTH {
            (left, top) = (0, top + HEIGHT);
        }
        panels.push(panel.json(id, left, top));
        left += panel.width;
    }
    json!({
        "title": "Sei nodes",
        "uid": "sei-operator",
        "schemaVersion": 39,
        "tags": ["sei"],
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [
            {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"},
            {
                "name": "namespace", "type": "query", "label": "Namespace", "datasource": source(),
                "query": "label_values(sei_controller_seinode_phase, namespace)",
                "refresh": 2, "includeAll": true, "multi": true, "allValue": ".*",
            },
        ]},
        "panels": panels,
    })
}

fn source() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

impl Panel {
    fn json(&self, id: u64, left: u64, top: u64) -> Value {
        let targets: Vec<Value> = ('A'..)
            .zip(self.series)
            .map(|(letter, (expr, legend))| {
                json!({
                    "refId": letter.to_string(), "expr": expr, "legendFormat": legend,
                    "instant": self.form != Form::Lines,
                    "format": if self.form == Form::Table { "table" } else { "time_series" },
                })
            })
            .collect();
        json!({
            "id": id, "title": self.title, "type": self.form.as_str(), "datasource": source(),
            "gridPos": {"x": left, "y": top, "w": self.width, "h": HEIGHT},
            "fieldConfig": {"defaults": {"unit": self.unit}, "overrides": []},
            "targets": targets,
        })
    }
}
