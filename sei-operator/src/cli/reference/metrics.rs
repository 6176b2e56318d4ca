//! Metrics, as the operator exports them.

use std::fmt::Write as _;

use crate::run::metrics::catalogue::{Form, NOT_YET, Row, catalogue};

const HEAD: &str = "\
# Metrics

Written by `just generate` from `sei-operator explain metrics`. `sei-operator run` serves them at `/metrics` of
`--metrics-bind-address`, in the OpenMetrics text format.

* Gauges and times are read off the nodes, as the watch shows them, at each scrape: a node that is gone has no series. Only the
  process that reconciles exports them; `sei_controller_leader` says which that is.
* Counters and durations start at nothing with each process, and are noted when a status write has succeeded. Where its answer is
  lost, or the process dies right after it, the transition is not counted. Their series stay until the process ends.
* Upper bounds of buckets stand as OpenMetrics has them, and as Prometheus 3 stores those of every exporter: `le=\"10.0\"`.
* Times are Unix times: `time() - sei_controller_seinode_phase_transition_timestamp_seconds` is an age.
* No label holds an error or a message. `task` is a type of the [tasks](tasks.md), or `unknown`; `type` and `reason` are those of the
  [conditions](conditions.md).
* `plan_type` is read off the kind that the plan stores: `init` (Init, Bootstrap, Genesis), `node-update` (Update),
  `mark-ready-reapply` (MarkReady), `repair` (Repair), or `unknown` for plans of the controller before this operator, which store none.

";

pub(super) fn words() -> impl Iterator<Item = String> {
    catalogue().into_iter().map(|row| row.name())
}

pub(super) fn about(word: &str) -> Option<String> {
    let row = catalogue().into_iter().find(|row| row.name() == word)?;
    let buckets = buckets(&row).map(|buckets| format!("Buckets: {buckets}.\n")).unwrap_or_default();
    let (name, labels) = (row.name(), row.labels.join(", "));
    Some(format!(
        "{name}: a metric, {}\n\n{}\nLabels: {labels}.\nUnit: {}. Series: {}.\n{buckets}",
        row.form.metric_type().as_str(),
        row.help,
        unit(&row),
        row.series,
    ))
}

pub(super) fn table() -> String {
    let mut text = String::from(HEAD);
    text += "| metric | type | labels | unit | means | series |\n|---|---|---|---|---|---|\n";
    for row in catalogue() {
        let labels: Vec<String> = row.labels.iter().map(|label| format!("`{label}`")).collect();
        let kind = row.form.metric_type();
        let (name, labels, unit) = (row.name(), labels.join(", "), unit(&row));
        let _ = writeln!(text, "| `{name}` | {} | {labels} | {unit} | {} | {} |", kind.as_str(), row.help, row.series);
    }
    text += "\n| histogram | upper bounds of its buckets, in seconds |\n|---|---|\n";
    for row in catalogue() {
        if let Some(buckets) = buckets(&row) {
            let _ = writeln!(text, "| `{}` | {buckets} |", row.name());
        }
    }
    text += "\nNot exported yet:\n\n";
    for (name, why) in NOT_YET {
        let _ = writeln!(text, "* `{name}`: {why}");
    }
    text
}

fn unit(row: &Row) -> &'static str {
    match row.form {
        Form::Gauge | Form::Counter => "1",
        Form::Timestamp => "seconds since 1970",
        Form::Durations(_) => "seconds",
    }
}

fn buckets(row: &Row) -> Option<String> {
    match row.form {
        Form::Gauge | Form::Timestamp | Form::Counter => None,
        Form::Durations(bounds) => Some(bounds.iter().map(f64::to_string).collect::<Vec<_>>().join(" ") + " +Inf"),
    }
}
