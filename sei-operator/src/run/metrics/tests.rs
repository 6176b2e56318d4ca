//! The whole text of a scrape, for a fleet in every state.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::Event;
use sei_planner::api::{SeiNodeStatus, Time};
use sei_planner::node::transitions;
use serde_json::{Value, from_value, json};

use super::super::watch::node_resource;
use super::*;

/// Nodes as a watch shows them, and the metrics of them.
struct Fleet {
    watch: Writer<DynamicObject>,
    metrics: Metrics,
}

impl Fleet {
    fn new() -> Self {
        let watch = Writer::new(node_resource());
        let metrics = Metrics::new(watch.as_reader());
        metrics.leads();
        Self { watch, metrics }
    }

    fn shows(&mut self, node: &Value) {
        self.watch.apply_watcher_event(&Event::Apply(from_value(node.clone()).unwrap()));
    }

    fn is_without(&mut self, node: &Value) {
        self.watch.apply_watcher_event(&Event::Delete(from_value(node.clone()).unwrap()));
    }

    /// A status write of the operator: recorded, and then seen by the watch.
    fn becomes(&mut self, node: &mut Value, status: Value, at: &str) {
        let before: SeiNode = from_value(node.clone()).unwrap();
        let old = before.status.clone().unwrap_or_default();
        let new: SeiNodeStatus = from_value(status.clone()).unwrap();
        self.metrics.changed(&before, &before, &transitions(&old, &new, time(at)));
        node["status"] = status;
        self.shows(node);
    }

    fn text(&self) -> String {
        self.metrics.text().unwrap()
    }
}

fn time(at: &str) -> Time {
    from_value(json!(format!("2026-01-01T{at}Z"))).unwrap()
}

fn node(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "metadata": {"namespace": namespace, "name": name},
        "spec": {"chainId": "pacific-1", "image": "seid:v6", "fullNode": {}},
    })
}

fn status(phase: &str, since: &str) -> Value {
    json!({"phase": phase, "phaseTransitionTime": format!("2026-01-01T{since}Z")})
}

fn plan(id: &str, kind: Option<&str>, phase: &str, tasks: &Value) -> Value {
    json!({"id": id, "kind": kind, "phase": phase, "startedAt": "2026-01-01T00:00:10Z", "tasks": tasks})
}

fn condition(kind: &str, status: &str, reason: &str) -> Value {
    let since = "2026-01-01T00:00:00Z";
    json!({"type": kind, "status": status, "reason": reason, "message": "", "lastTransitionTime": since})
}

fn task(kind: &str, status: &str, retries: i32, waits: bool) -> Value {
    let mut task = json!({"type": kind, "id": "t", "status": status, "retryCount": retries});
    if waits {
        task["waitingFor"] = "the pod to run".into();
        task["waitingSince"] = "2026-01-01T00:00:20Z".into();
    }
    task
}

/// A node that came up after a failed run of a task.
fn came_up(fleet: &mut Fleet) -> Value {
    let mut node = node("nodes", "rpc-0");
    for (status_word, retries) in [("Running", 0), ("Pending", 1)] {
        let mut initializing = status("Initializing", "00:00:10");
        initializing["plan"] =
            plan("p", Some("Bootstrap"), "Active", &json!([task("config-apply", status_word, retries, false)]));
        fleet.becomes(&mut node, initializing, "00:00:10");
    }
    let mut running = status("Running", "00:01:40");
    running["plan"] = plan("p", Some("Bootstrap"), "Complete", &json!([task("config-apply", "Complete", 1, false)]));
    running["conditions"] = json!([condition("SidecarReady", "True", "Ready")]);
    running["sidecarCertificateNotAfter"] = "2026-04-01T00:00:00Z".into();
    fleet.becomes(&mut node, running, "00:01:40");
    node
}

/// A fleet of five: one runs, one comes up, one failed, one is new, one cannot be read.
fn fleet() -> Fleet {
    let mut fleet = Fleet::new();
    came_up(&mut fleet);

    let mut coming = node("nodes", "rpc-1");
    let mut initializing = status("Initializing", "00:00:10");
    let tasks = json!([task("apply-service", "Complete", 0, false), task("mark-ready", "Pending", 0, true)]);
    initializing["plan"] = plan("q", Some("Init"), "Active", &tasks);
    fleet.becomes(&mut coming, initializing, "00:00:10");

    let mut failed = node("other", "val-0");
    let mut active = status("Initializing", "00:00:10");
    active["plan"] = plan("r", None, "Active", &json!([task("a-task-of-tomorrow", "Pending", 0, false)]));
    fleet.becomes(&mut failed, active, "00:00:10");
    let mut gave_up = status("Failed", "00:00:12");
    gave_up["plan"] = plan("r", None, "Failed", &json!([task("a-task-of-tomorrow", "Failed", 0, false)]));
    gave_up["conditions"] = json!([
        condition("SidecarReady", "Unknown", "Unreachable"),
        condition("SigningKeyReady", "False", "SigningKeyInvalid"),
    ]);
    fleet.becomes(&mut failed, gave_up, "00:00:12");

    fleet.shows(&node("other", "val-1"));
    let mut unreadable = node("other", "val-2");
    unreadable["spec"]["image"] = json!({"tag": "v6"});
    fleet.shows(&unreadable);

    let key = NodeKey::new("nodes", "rpc-0");
    for answer in [Probe::Ready, Probe::Ready, Probe::NotReady, Probe::Unreachable] {
        fleet.metrics.probed(&key, answer);
    }
    fleet.metrics.reconcile_failed(&key, &ClusterError::Conflict(String::new()));
    fleet.metrics.reconcile_failed(&key, &ClusterError::Unavailable(String::new()));
    fleet
}

#[test]
fn the_whole_text_of_a_small_fleet() {
    insta::assert_snapshot!(fleet().text());
}

/// The names of metrics, and of the labels of each, in a text.
fn exported(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, rest) = line.split_once('{').unwrap();
        let name = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        let labels = rest.split("\",").filter_map(|label| label.split_once("=\"")).map(|(label, _)| label.to_owned());
        let labels = labels.filter(|label| label != "le");
        found.entry(name.to_owned()).or_default().extend(labels);
    }
    found
}

#[test]
fn what_is_exported_is_what_the_catalogue_says() {
    let catalogue = catalogue().map(|row| (row.name(), row.labels.iter().map(|label| (*label).to_owned()).collect()));
    assert_eq!(exported(&fleet().text()), BTreeMap::from(catalogue));
}

/// Prometheus takes these names only, and the unit and the type must end them.
#[test]
fn names_follow_the_rules_of_open_metrics() {
    for row in catalogue() {
        let word = |name: &str| name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        assert!(row.stem.starts_with("sei_controller_") && word(row.stem), "{}", row.stem);
        assert!(row.labels.iter().all(|label| word(label)), "{}", row.stem);
        for reserved in ["_total", "_seconds", "_count", "_sum", "_bucket", "_info"] {
            assert!(!row.stem.ends_with(reserved), "{}", row.stem);
        }
        assert!(row.help.ends_with('.') && !row.help.contains('\n'), "{}", row.stem);
    }
}

#[test]
fn series_go_with_their_node_and_counts_stay() {
    let mut fleet = Fleet::new();
    let mut node = came_up(&mut fleet);
    assert!(fleet.text().contains("rpc-0"));
    fleet.becomes(&mut node, status("Terminating", "00:02:00"), "00:02:00");
    assert!(
        fleet
            .text()
            .contains("sei_controller_seinode_phase{namespace=\"nodes\",name=\"rpc-0\",phase=\"Terminating\"} 1")
    );
    fleet.is_without(&node);
    let text = fleet.text();
    assert!(!text.contains("rpc-0") && !text.contains("# TYPE sei_controller_plan_active"), "{text}");
    let deleted = "{controller=\"seinode\",namespace=\"nodes\",from_phase=\"Running\",to_phase=\"Terminating\"} 1";
    assert!(text.contains(deleted), "{text}");
}

/// O2: +1 for every poll of an active plan, and never back.
#[test]
fn an_active_plan_is_one_however_often_it_is_looked_at() {
    let mut fleet = Fleet::new();
    let mut node = node("nodes", "rpc-0");
    let active = "sei_controller_plan_active{controller=\"seinode\",namespace=\"nodes\"}";
    for _ in 0..100 {
        let mut busy = status("Running", "00:00:00");
        busy["plan"] = plan("p", Some("Update"), "Active", &json!([]));
        fleet.becomes(&mut node, busy, "00:00:10");
        assert!(fleet.text().contains(&format!("{active} 1\n")));
    }
    // A node that is deleted leaves its plan where it is.
    let mut going = status("Terminating", "00:01:00");
    going["plan"] = plan("p", Some("Update"), "Active", &json!([]));
    fleet.becomes(&mut node, going, "00:01:00");
    assert!(fleet.text().contains(&format!("{active} 0\n")));
}

/// Two replicas see the same nodes: the one that stands by exports none of them, or every sum would be doubled.
#[test]
fn a_process_that_stands_by_exports_no_gauges_of_nodes() {
    let mut watch = Writer::new(node_resource());
    watch.apply_watcher_event(&Event::Apply(from_value(node("nodes", "rpc-0")).unwrap()));
    let metrics = Metrics::new(watch.as_reader());
    let text = metrics.text().unwrap();
    assert!(text.contains("sei_controller_leader{} 0\n") && !text.contains("rpc-0"), "{text}");
    metrics.leads();
    let text = metrics.text().unwrap();
    assert!(text.contains("sei_controller_leader{} 1\n") && text.contains("rpc-0"), "{text}");
}

/// A label's text cannot end its quotes, and no text of a status becomes a task label.
#[test]
fn labels_are_escaped() {
    let mut fleet = Fleet::new();
    let mut node = node("nodes", "rpc-0");
    node["spec"]["chainId"] = "a\"b\\c\nd".into();
    fleet.becomes(&mut node, status("Running", "00:00:00"), "00:00:00");
    fleet.becomes(&mut node, status("Failed", "00:00:05"), "00:00:05");
    assert!(fleet.text().contains(r#"chain_id="a\"b\\c\nd""#), "{}", fleet.text());
    assert_eq!(known_task("mark-ready\"} 1"), UNKNOWN);
}
