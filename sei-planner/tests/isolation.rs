//! Where Secrets must never be (S5, N11): what the builders make is clean, and every way in is noticed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]

mod common;

use common::{platform, yaml};
use k8s_openapi::api::core::v1::PodSpec;
use sei_planner::api::{SeiNode, SidecarTlsStatus};
use sei_planner::manifests::isolation::{bootstrap_leak, keyring_leak};
use sei_planner::manifests::{bootstrap_job, statefulset};
use sei_planner::node::{Decision, Observed, PodFacts, Ran, ValidNode, project_status, validate};
use serde_json::{Value, json};

fn validator() -> ValidNode {
    validate(&yaml::<SeiNode>("reference/val-0/node.yaml"), &platform()).unwrap()
}

fn pod_of(manifest: impl serde::Serialize) -> Value {
    serde_json::to_value(manifest).unwrap().pointer("/spec/template/spec").unwrap().clone()
}

fn typed(pod: &Value) -> PodSpec {
    serde_json::from_value(pod.clone()).unwrap()
}

#[test]
fn what_we_build_leaks_nothing() {
    let node = validator();
    assert_eq!(keyring_leak(&node, &typed(&pod_of(statefulset(&node, &platform())))), None);
    assert_eq!(bootstrap_leak(&node, &typed(&pod_of(bootstrap_job(&node, &platform()).unwrap()))), None);
}

#[test]
fn the_keyring_is_for_the_sidecar_alone() {
    let node = validator();
    let env = json!({"name": "X", "valueFrom": {"secretKeyRef": {"name": "val-0-opk-pass", "key": "passphrase"}}});
    for (list, index) in [("containers", 0), ("containers", 1), ("initContainers", 0), ("initContainers", 2)] {
        for (field, item, word) in [
            ("volumeMounts", json!({"name": "operator-keyring", "mountPath": "/k"}), "operator-keyring"),
            ("env", env.clone(), "\"val-0-opk-pass\" in X"),
            ("envFrom", json!({"secretRef": {"name": "val-0-opk-pass"}}), "envFrom"),
        ] {
            let mut pod = pod_of(statefulset(&node, &platform()));
            let container = &mut pod[list][index];
            match container[field].as_array_mut() {
                Some(items) => items.push(item),
                None => container[field] = json!([item]),
            }
            let name = container["name"].to_string();
            let leak = keyring_leak(&node, &typed(&pod)).unwrap_or_else(|| panic!("{name} {field}"));
            assert!(leak.contains(word) && leak.contains(&name) && leak.contains("nodes/val-0"), "{leak}");
        }
    }
}

#[test]
fn a_bootstrap_pod_signs_nothing() {
    let node = validator();
    for (secret, kind) in [
        ("val-0-signing", "signing-key"),
        ("val-0-opk", "operator-keyring"),
        ("val-0-opk-pass", "operator-keyring-passphrase"),
    ] {
        let volume = json!({"name": "v", "secret": {"secretName": secret}});
        let projected = json!({"name": "v", "projected": {"sources": [{"secret": {"name": secret}}]}});
        let env = json!([{"name": "X", "valueFrom": {"secretKeyRef": {"name": secret, "key": "k"}}}]);
        let from = json!([{"secretRef": {"name": secret}}]);
        for (way, pointer, item) in [
            ("volume", "/volumes", json!([volume])),
            ("projected volume", "/volumes", json!([projected])),
            ("env", "/containers/0/env", env.clone()),
            ("env of an init container", "/initContainers/1/env", env),
            ("envFrom", "/initContainers/0/envFrom", from),
        ] {
            let mut pod = pod_of(bootstrap_job(&node, &platform()).unwrap());
            let (parent, field) = pointer.rsplit_once('/').unwrap();
            pod.pointer_mut(parent).unwrap()[field] = item;
            let leak = bootstrap_leak(&node, &typed(&pod)).unwrap_or_else(|| panic!("{secret} by {way}"));
            assert!(leak.contains(kind) && leak.contains(secret), "{leak}");
        }
    }
}

/// node-resources §7.3: the URL of a TLS node, and the contract for whoever provisions its Secret.
#[test]
fn where_the_sidecar_is_and_what_its_certificate_must_say() {
    let node = validator();
    assert_eq!(node.sidecar_url(None), "https://val-0-0.val-0.nodes.svc.cluster.local:8443");
    let plain = PodFacts::of(&json!({"spec": {"initContainers": [
        {"name": "sei-sidecar", "ports": [{"containerPort": 7777}]},
    ]}}));
    let url = "http://val-0-0.val-0.nodes.svc.cluster.local:7777";
    assert_eq!(node.sidecar_url(Some(&plain)), url, "the pod that runs decides, not the spec");

    let decided = Ran::Decided { node: &node, decision: &Decision::Idle, plan: None, stamps: &[] };
    let now = sei_planner::Time::at(jiff::Timestamp::UNIX_EPOCH);
    let status = project_status(&Default::default(), &decided, &Observed::default(), 1, now);
    let contract = SidecarTlsStatus {
        secret_name: "val-0-tls".to_owned(),
        required_dns_names: ["val-0.nodes.svc.cluster.local", "val-0-0.val-0.nodes.svc.cluster.local"]
            .map(str::to_owned)
            .into(),
    };
    assert_eq!(status.sidecar_tls, Some(contract));
}
