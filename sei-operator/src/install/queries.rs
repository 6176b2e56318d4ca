//! Every query that is shipped asks for metrics and labels that are exported (O3).

use std::collections::BTreeSet;

use super::{alerts, dashboard};
use crate::run::metrics::catalogue::{Form, Row, catalogue};

/// Names of the series of a metric.
fn series_of(row: &Row) -> Vec<String> {
    match row.form {
        Form::Gauge | Form::Timestamp | Form::Counter => vec![row.name()],
        Form::Durations(_) => ["bucket", "sum", "count"].map(|part| format!("{}_{part}", row.name())).to_vec(),
    }
}

/// Names of labels between a metric's braces, and after `by`.
fn labels_in(query: &str) -> BTreeSet<&str> {
    let inside = |from: &'static str, to: &'static str| {
        query.split(from).skip(1).filter_map(move |rest| rest.split_once(to)).map(|(inside, _)| inside)
    };
    let matched = inside("{", "}")
        .flat_map(|matchers| matchers.split("\","))
        .filter_map(|matcher| matcher.split_once(['=', '!']).map(|(label, _)| label));
    let grouped = inside("by (", ")").flat_map(|labels| labels.split(", "));
    matched.chain(grouped).collect()
}

#[test]
fn every_query_asks_for_what_is_exported() {
    let alerts = alerts::OPERATOR.iter().chain(&alerts::NODES).map(alerts::Alert::expr);
    for query in alerts.chain(dashboard::exprs()) {
        let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let names: BTreeSet<&str> = words.filter(|word| word.starts_with("sei_")).collect();
        assert_eq!(names.len(), 1, "{query}");
        for name in names {
            let rows = catalogue();
            let row = rows.iter().find(|row| series_of(row).iter().any(|series| series == name));
            let row = row.unwrap_or_else(|| unreachable!("{name} is not exported: {query}"));
            let known: BTreeSet<&str> = row.labels.iter().copied().chain(["le"]).collect();
            let unknown: Vec<&str> = labels_in(query).difference(&known).copied().collect();
            assert!(unknown.is_empty(), "{name} has no label {unknown:?}: {query}");
        }
    }
}

#[test]
fn labels_are_found_wherever_they_stand() {
    let query = "sum by (le, plan_type) (rate(x_bucket{namespace=~\"a,b\",phase!=\"Running\"}[1h]))";
    assert_eq!(labels_in(query).into_iter().collect::<Vec<_>>(), ["le", "namespace", "phase", "plan_type"]);
}
