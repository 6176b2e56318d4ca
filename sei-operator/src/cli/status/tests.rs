//! Screens, lists and hints of nodes in every state, from recorded and made-up nodes: no cluster is needed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::path::{Path, PathBuf};

use sei_planner::api::{SeiNode, Time};
use serde::Deserialize;
use serde_json::{Value, json};

use super::report::{NodeReport, Report, schema};
use super::screen;
use crate::output::{FORMAT_VERSION, Paint};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures")
}

fn at(text: &str) -> Time {
    Time::deserialize(&json!(text)).unwrap()
}

/// The objects of a recording: its node, and its pods.
fn recorded(path: &str) -> (SeiNode, Vec<Value>) {
    let text = std::fs::read_to_string(fixtures().join(path)).unwrap();
    let objects: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    let of = |kind: &str| objects.iter().filter(|object| object["kind"] == kind).cloned().collect::<Vec<_>>();
    (serde_json::from_value(of("SeiNode").swap_remove(0)).unwrap(), of("Pod"))
}

fn screen_of(path: &str, now: &str) -> String {
    let (node, pods) = recorded(path);
    let now = at(now);
    screen::node(&NodeReport::of(&node, &pods, now), now, Paint::PLAIN)
}

/// A running node with these changes of its status.
fn node(change: impl FnOnce(&mut Value)) -> SeiNode {
    let mut node = json!({
        "apiVersion": "sei.io/v1alpha1", "kind": "SeiNode",
        "metadata": {"name": "rpc-0", "namespace": "sei", "uid": "7d1f", "generation": 2,
            "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"chainId": "pacific-1", "image": "registry.example/seid:v2", "fullNode": {}},
        "status": {"phase": "Running", "phaseTransitionTime": "2026-01-02T00:00:00Z",
            "currentImage": "registry.example/seid:v2", "conditions": []},
    });
    change(&mut node);
    serde_json::from_value(node).unwrap()
}

fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": message,
        "lastTransitionTime": "2026-01-03T11:50:00Z"})
}

const NOW: &str = "2026-01-03T12:00:00Z";

#[test]
fn recorded_nodes_on_a_screen() {
    let now = "2026-11-21T06:00:00Z";
    for name in [
        "val-badkey.failed.validate-signing-key",
        "full-s3.initializing.snapshot-restore",
        "full-bootstrap.initializing.config-apply",
        "full-s3.running.observe-image",
        "val-keys.running.settled",
        "tls-missing.none.no-plan",
    ] {
        insta::assert_snapshot!(name, screen_of(&format!("adoption/{name}.v1.yaml"), now));
    }
}

#[test]
fn nodes_with_plans_of_ours_on_a_screen() {
    for name in ["update-failed-and-waits", "init-edited-while-the-sidecar-restores", "running-settled"] {
        let now = "2026-01-01T00:02:00Z";
        insta::assert_snapshot!(format!("ours-{name}"), screen_of(&format!("nodes/{name}/node.yaml"), now));
    }
}

/// Every kind of hint, a node each.
#[test]
fn what_blocks_has_a_command() {
    let with = |conditions: Vec<Value>| move |node: &mut Value| node["status"]["conditions"] = Value::Array(conditions);
    let ask = "the claim data-rpc-0 with the chain's data is gone. To start again on an empty one: kubectl annotate \
               seinode rpc-0 -n sei --overwrite sei.io/acknowledge=1a2b3c4d";
    let outdated = "the operator would make the pod differently now; it does so with the next update, or at once: kubectl \
                    annotate seinode rpc-0 -n sei --overwrite sei.io/refresh=9f8e";
    let tls = |source: Value, (status, reason, message): (&'static str, &'static str, &'static str)| {
        move |node: &mut Value| {
            node["spec"]["sidecar"] = json!({"tls": source});
            node["status"]["sidecarTLS"] = json!({"secretName": "s", "requiredDNSNames": ["rpc-0.sei.svc"]});
            node["status"]["conditions"] = json!([condition("SidecarTLSSecretReady", status, reason, message)]);
        }
    };
    let missing = ("False", "TLSSecretNotFound", "there is no Secret \"s\"");
    let expires = ("True", "TLSSecretExpiresSoon", "its certificate expires soon: at 2026-01-08T00:00:00Z");
    let nodes = [
        ("asked", node(with(vec![condition("AwaitingAcknowledgement", "True", "DataVolumeLost", ask)]))),
        ("refused", node(with(vec![condition("SpecAccepted", "False", "InvalidSpec", "spec.image is empty")]))),
        ("key in use", node(with(vec![condition("SigningKeyReady", "False", "SigningKeyInUse", "sei/val-1/u2")]))),
        ("sidecar", node(with(vec![condition("SidecarReady", "False", "Unreachable", "no route to host")]))),
        ("tls by secret", node(tls(json!({"secretName": "s"}), missing))),
        ("tls by issuer", node(tls(json!({"issuerName": "letsencrypt"}), missing))),
        ("certificate by secret", node(tls(json!({"secretName": "s"}), expires))),
        ("certificate by issuer", node(tls(json!({"issuerName": "letsencrypt"}), expires))),
        ("deleted", node(|node| node["metadata"]["deletionTimestamp"] = NOW.into())),
        ("edited", node(|node| node["spec"]["image"] = "registry.example/seid:v3".into())),
        (
            "no effect",
            node(with(vec![condition("EditWithoutEffect", "True", "ReadAtCreation", "spec.x is read once")])),
        ),
        ("outdated", node(with(vec![condition("TemplateOutdated", "True", "PlatformChanged", outdated)]))),
        ("new", node(|node| node["status"] = Value::Null)),
        (
            "import",
            node(|node| {
                node["spec"]["dataVolume"] = json!({"import": {"pvcName": "old-disk"}});
                node["status"]["conditions"] =
                    json!([condition("ImportPVCReady", "False", "PVCNotReady", "it is Pending")]);
            }),
        ),
    ];
    let mut text = String::new();
    for (name, node) in &nodes {
        let pod = json!({"metadata": {"name": "rpc-0-0"}, "status": {"phase": "Running"}});
        let report = NodeReport::of(node, &[pod], at(NOW));
        assert!(!report.hints.is_empty() && report.hints.iter().all(|hint| !hint.commands.is_empty()), "{name}");
        text += &format!("--- {name}\n");
        for hint in &report.hints {
            text += &format!("{}\n  {}\n", hint.text, hint.commands.join("\n  "));
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn pods_that_do_not_start_have_a_command() {
    let pods = [
        json!({"metadata": {"name": "rpc-0-0", "creationTimestamp": "2026-01-03T11:00:00Z"},
            "spec": {"nodeName": "machine-1", "initContainers": [{"name": "sei-sidecar", "image": "sidecar:v1"}],
                "containers": [{"name": "seid", "image": "registry.example/seid:v2"}]},
            "status": {"phase": "Pending",
                "initContainerStatuses": [{"name": "sei-sidecar", "restartCount": 4, "state": {"running": {}}}],
                "containerStatuses": [{"name": "seid", "restartCount": 0,
                    "state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}}]}}),
        json!({"metadata": {"name": "rpc-0-bootstrap-x7k", "deletionTimestamp": NOW},
            "spec": {"containers": [{"name": "seid", "image": "registry.example/seid:v1"}]},
            "status": {"phase": "Pending", "conditions":
                [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available: 3 Insufficient cpu."}]}}),
    ];
    let report = NodeReport::of(&node(|_| {}), &pods, at(NOW));
    insta::assert_snapshot!(screen::node(&report, at(NOW), Paint::PLAIN));
}

/// Recorded nodes, in the order of their files.
fn all_recorded() -> Vec<NodeReport> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(fixtures().join("adoption")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "yaml"));
    files.sort();
    let report = |path: &PathBuf| {
        let (node, pods) = recorded(path.strip_prefix(fixtures()).unwrap().to_str().unwrap());
        NodeReport::of(&node, &pods, at("2026-11-21T06:00:00Z"))
    };
    files.iter().map(report).collect()
}

#[test]
fn nodes_in_a_list() {
    insta::assert_snapshot!(screen::list(&all_recorded(), at("2026-11-21T06:00:00Z")));
}

#[test]
fn documents_fit_the_published_schema() {
    let path = fixtures().join("../docs/schema/status.schema.json");
    let published: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(published, serde_json::to_value(schema()).unwrap(), "`just generate` writes it");
    let validator = jsonschema::validator_for(&published).unwrap();
    let report = serde_json::to_value(Report { format_version: FORMAT_VERSION, nodes: all_recorded() }).unwrap();
    let problems: Vec<String> = validator.iter_errors(&report).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert_eq!(problems, [""; 0]);
    insta::assert_json_snapshot!("json", report["nodes"].as_array().unwrap().last().unwrap());
}
