//! What the planner makes of each case of `fixtures/nodes/`: `node.yaml`, facts in `facts.yaml`, the answer in `plan.snap`, the
//! objects in `objects.snap`: whole for the plainest node, and for every other what differs from that.
//! All of them are seen at 2026-01-01T00:00:00Z on the platform of `fixtures/reference/platform.env`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sei_planner::api::{SeiNode, Time};
use sei_planner::inspect::TlsVerdict;
use sei_planner::node::{
    NodePlan, Observed, PlanOutcome, PodFacts, Presence, SidecarHealth, TaskProbe, plan_node, render_node,
};
use sei_planner::platform::Platform;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct Facts {
    statefulset: String,
    service: String,
    data_volume: String,
    proxy_config: String,
    certificate: String,
    tls_secret: String,
    sidecar: String,
    finished: Vec<String>,
    in_flight: String,
    peers: Vec<String>,
    pod: Option<PodFact>,
}

#[derive(Deserialize)]
struct PodFact {
    uid: String,
}

impl Facts {
    fn observed(self) -> Observed {
        let presence = |word: &str| match word {
            "" => Presence::Unknown,
            "present" => Presence::Present,
            "altered" => Presence::Altered,
            "missing" => Presence::Missing,
            other => panic!("presence {other}"),
        };
        Observed {
            statefulset: presence(&self.statefulset),
            service: presence(&self.service),
            data_volume: presence(&self.data_volume),
            proxy_config: presence(&self.proxy_config),
            certificate: presence(&self.certificate),
            tls_secret: match self.tls_secret.as_str() {
                "" => None,
                "ready" => Some(verdict(true, "TLSSecretReady", "secret is well-formed")),
                "missing" => Some(verdict(false, "TLSSecretNotFound", "secret \"tls\" not found in namespace \"sei\"")),
                other => panic!("tlsSecret {other}"),
            },
            pod: self.pod.map(|pod| PodFacts { uid: pod.uid, ..PodFacts::of(&serde_json::json!({})) }),
            peers: self.peers,
            sidecar: match self.sidecar.as_str() {
                "" => SidecarHealth::NotAsked,
                "ready" => SidecarHealth::Ready,
                "notReady" => SidecarHealth::NotReady,
                "unreachable" => SidecarHealth::Unreachable("connection refused".to_owned()),
                other => panic!("sidecar {other}"),
            },
            pod_template: None,
            finished: self.finished,
            in_flight: match self.in_flight.as_str() {
                "" | "notAsked" => TaskProbe::NotAsked,
                "idle" => TaskProbe::Idle,
                "running" => TaskProbe::Running,
                "unreachable" => TaskProbe::Unreachable,
                other => panic!("inFlight {other}"),
            },
        }
    }
}

fn verdict(ready: bool, reason: &'static str, message: &str) -> TlsVerdict {
    TlsVerdict { ready, reason, message: message.to_owned(), expires: None }
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> T {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A line a task, and a line for everything that people are told.
fn told(plan: &NodePlan) -> String {
    let mut text = format!("{:?}", plan.outcome).to_lowercase();
    writeln!(text, " (disruptive {}, destructive {})", plan.disruptive, plan.destructive).unwrap();
    for why in &plan.why {
        writeln!(text, "because {why}").unwrap();
    }
    for problem in &plan.problems {
        writeln!(text, "{} {}: {}", problem.code, problem.field, problem.message).unwrap();
    }
    let Some(plan) = &plan.plan else { return text };
    writeln!(text, "{:?} {:?} of generation {:?}", plan.kind, plan.drift, plan.target_generation).unwrap();
    for task in &plan.tasks {
        let retries = if task.max_retries > 0 { format!(" retries {}", task.max_retries) } else { String::new() };
        writeln!(text, "  {:<28}{:?}{retries} {}", task.kind, task.status, task.params).unwrap();
    }
    text
}

/// The case whose objects are told whole.
const PLAINEST: &str = "init-genesis";

/// A line a value: `Kind name path: value`. Elements of lists go by their name where they have one, so that one more of them
/// moves nothing.
fn flattened(node: &SeiNode, platform: &Platform) -> BTreeMap<String, String> {
    let mut lines = BTreeMap::new();
    let objects = render_node(node, platform).unwrap_or_default();
    for object in &objects {
        let object = serde_json::to_value(object).unwrap();
        let bootstrap = object.pointer("/metadata/labels/sei.io~1component").is_some();
        let kind = object["kind"].as_str().unwrap();
        flatten(&format!("{kind}{}", if bootstrap { " of the bootstrap" } else { "" }), &object, &mut lines);
    }
    lines
}

fn flatten(path: &str, value: &Value, lines: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            members.iter().for_each(|(name, member)| flatten(&format!("{path} {name}"), member, lines));
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                let named = item["name"].as_str().filter(|_| !path.ends_with("ownerReferences"));
                let name = named.map_or_else(|| index.to_string(), str::to_owned);
                flatten(&format!("{path} [{name}]"), item, lines);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            lines.insert(path.to_owned(), value.to_string());
        }
    }
}

/// What is there beside the plainest node's objects (`+`), what is not (`-`), and what is otherwise (`~`).
fn differing(found: &BTreeMap<String, String>, plainest: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for (path, value) in found {
        match plainest.get(path) {
            None => writeln!(text, "+ {path}: {value}").unwrap(),
            Some(plain) if plain != value => writeln!(text, "~ {path}: {value}").unwrap(),
            Some(_) => {}
        }
    }
    for path in plainest.keys().filter(|path| !found.contains_key(*path)) {
        writeln!(text, "- {path}").unwrap();
    }
    text
}

#[test]
fn every_case_is_planned_as_its_snapshot_says() {
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures");
    let lines = std::fs::read_to_string(fixtures.join("reference/platform.env")).unwrap();
    let mut settings = Platform::parse_lines(&lines).unwrap();
    settings.insert("SEI_TLS_ALLOWED_ISSUERS".to_owned(), "ClusterIssuer/sei-ca,ClusterIssuer/other-ca".to_owned());
    let platform = Platform::from_map(&settings).unwrap();
    let now = Time::at("2026-01-01T00:00:00Z".parse().unwrap());
    let mut cases: Vec<PathBuf> =
        std::fs::read_dir(fixtures.join("nodes")).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 65, "only {} cases", cases.len());
    let plainest: SeiNode = read(&fixtures.join("nodes").join(PLAINEST).join("node.yaml"));
    let plainest = flattened(&plainest, &platform);
    for case in cases {
        let node: SeiNode = read(&case.join("node.yaml"));
        let facts = case.join("facts.yaml");
        let facts: Facts = if facts.exists() { read(&facts) } else { Facts::default() };
        let plan = plan_node(&node, &platform, &facts.observed(), now, "00000000-0000-4000-8000-000000000000");
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(&case);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!("plan", told(&plan)));
        if plan.outcome == PlanOutcome::Refused {
            continue;
        }
        let found = flattened(&node, &platform);
        let objects = if case.ends_with(PLAINEST) {
            serde_saphyr::to_string(&render_node(&node, &platform).unwrap()).unwrap()
        } else {
            differing(&found, &plainest)
        };
        settings.bind(|| insta::assert_snapshot!("objects", objects));
    }
}
