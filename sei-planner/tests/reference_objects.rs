//! Objects against the reference, field by field, order of lists included. Where we differ is one table.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]

mod common;

use common::{fixture, node, platform, yaml};
use sei_planner::api::SeiNode;
use sei_planner::node::render_node;
use serde_json::{Value, json};

/// What is changed in the reference's object before ours is compared with it.
enum Change {
    /// Appended to the list at the pointer.
    Append(Value),
    /// Written at the pointer.
    Set(Value),
    /// Taken away at the pointer's last step.
    Remove,
}

/// Object, JSON pointer, change, why (docs/decisions/0001-differences.md says more).
fn differences() -> Vec<(&'static str, &'static str, Change, &'static str)> {
    vec![
        (
            "val-0/statefulset",
            "/spec/template/spec/initContainers/1/env",
            Change::Append(json!({"name": "SEI_KEYRING_BACKEND", "value": "file"})),
            "without a backend the sidecar never opens the keyring (O9, N9)",
        ),
        (
            "val-0/statefulset",
            "/spec/template/spec/initContainers/1/env",
            Change::Append(json!({"name": "SEI_KEYRING_DIR", "value": "/.sei"})),
            "the directory that holds keyring-file (N9)",
        ),
        (
            "val-0/statefulset",
            "/spec/template/spec/initContainers/2/args",
            Change::Append(json!("--auth-header-fields-enabled=true")),
            "the sidecar needs the caller's identity (O8, N7)",
        ),
        (
            "val-0/configmap",
            "/data/config.yaml",
            Change::Set(json!(
                "authorization:\n  resourceAttributes:\n    apiGroup: sei.io\n    resource: seinodetasks\n    namespace: nodes\n    name: val-0\n"
            )),
            "the proxy knows the field apiGroup and no other (N7)",
        ),
        (
            "replay-0/job",
            "/spec/ttlSecondsAfterFinished",
            Change::Remove,
            "a Job that a clock deletes looks like one that never ran",
        ),
    ]
}

fn as_intended(name: &str, mut object: Value) -> Value {
    for (_, pointer, change, _) in differences().into_iter().filter(|(object, ..)| *object == name) {
        match change {
            Change::Append(item) => object.pointer_mut(pointer).unwrap().as_array_mut().unwrap().push(item),
            Change::Set(value) => {
                let place = object.pointer_mut(pointer).unwrap();
                assert_ne!(*place, value, "{name}{pointer} is no difference");
                *place = value;
            }
            Change::Remove => {
                let (parent, field) = pointer.rsplit_once('/').unwrap();
                object.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(field).expect(pointer);
            }
        }
    }
    object
}

/// The reference's object with our differences.
fn expected(name: &str) -> Value {
    as_intended(name, yaml(&format!("reference/{name}.yaml")))
}

fn rendered(folder: &str) -> Vec<Value> {
    let node: SeiNode = yaml(&format!("reference/{folder}/node.yaml"));
    let objects = render_node(&node, &platform()).unwrap();
    objects.iter().map(|object| serde_json::to_value(object).unwrap()).collect()
}

fn assert_same(found: &Value, expected: &Value) {
    assert_eq!(
        serde_json::to_string_pretty(found).unwrap(),
        serde_json::to_string_pretty(expected).unwrap(),
        "{}",
        expected["kind"]
    );
}

#[test]
fn a_minimal_full_node() {
    let objects = rendered("rpc-0");
    let expected = ["rpc-0/claim", "rpc-0/statefulset", "rpc-0/service"].map(expected);
    assert_eq!(objects.len(), expected.len());
    for (object, expected) in objects.iter().zip(&expected) {
        assert_same(object, expected);
    }
}

/// Its claim is imported, so none is made.
#[test]
fn a_validator_with_every_option() {
    let objects = rendered("val-0");
    let kinds: Vec<&str> = objects.iter().map(|object| object["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["ConfigMap", "Service", "Job", "StatefulSet", "Service"]);
    assert_same(&objects[0], &expected("val-0/configmap"));
    assert_same(&objects[3], &expected("val-0/statefulset"));
    assert_same(&objects[4], &expected("val-0/service"));
}

#[test]
fn a_replayer_with_bootstrap() {
    let objects = rendered("replay-0");
    let kinds: Vec<&str> = objects.iter().map(|object| object["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["PersistentVolumeClaim", "Service", "Job", "StatefulSet", "Service"]);
    assert_same(&objects[1], &expected("replay-0/bootstrap-service"));
    assert_same(&objects[2], &expected("replay-0/job"));
}

/// The spec tells the Job of `val-0` as differences from the one of `replay-0`; on top of them come ours: the imported
/// claim (O10, B13), and the proxy, because the sidecar of a TLS node is called through it (O7, B14).
#[test]
fn a_validators_bootstrap_differs_from_a_replayers_by_names_claim_and_proxy() {
    let mut job = expected("replay-0/job").to_string();
    for (from, to) in [
        ("replay-0", "val-0"),
        ("data-val-0", "old-val-data"),
        ("seictl:v1", "seictl:custom"),
        ("7777", "7900"),
        ("200940000", "100"),
    ] {
        job = job.replace(from, to);
    }
    let mut job: Value = serde_json::from_str(&job).unwrap();
    let pod = job.pointer_mut("/spec/template/spec").unwrap();
    pod["initContainers"][1]["resources"] = json!({"requests": {"cpu": "500m", "memory": "512Mi"}});
    let authn = json!({"name": "SEI_SIDECAR_AUTHN_MODE", "value": "trusted-header"});
    pod["initContainers"][1]["env"].as_array_mut().unwrap().push(authn);
    let production = expected("val-0/statefulset");
    let proxy = production.pointer("/spec/template/spec/initContainers/2").unwrap().clone();
    pod["initContainers"].as_array_mut().unwrap().push(proxy);
    let volumes = pod["volumes"].as_array_mut().unwrap();
    volumes.push(json!({"name": "rbac-proxy-config", "configMap": {"name": "val-0-rbac-proxy-config"}}));
    volumes.push(json!({"name": "sidecar-tls", "secret": {"secretName": "val-0-tls", "defaultMode": 0o444}}));
    // The order of keys is no part of the contract.
    let found = rendered("val-0").swap_remove(2);
    assert_eq!(found, job);

    let mut service: Value = expected("replay-0/bootstrap-service");
    service = serde_json::from_str(&service.to_string().replace("replay-0", "val-0").replace("7777", "7900")).unwrap();
    let api = json!({"name": "api", "protocol": "TCP", "port": 8443, "targetPort": 8443});
    service["spec"]["ports"].as_array_mut().unwrap().push(api);
    assert_eq!(rendered("val-0")[1], service);
}

/// Differences of the other modes from the minimal full node, as the spec lists them (node-resources §7.2).
#[test]
fn other_modes_differ_in_role_pool_and_size() {
    for (mode, spec, replaced) in [
        (
            "archive",
            json!({"archive": {}}),
            &[
                ("sei.io/role\":\"node", "sei.io/role\":\"archive"),
                ("pool-default", "pool-archive"),
                ("{\"cpu\":\"4\",\"memory\":\"32Gi\"}", "{\"cpu\":\"48\",\"memory\":\"448Gi\"}"),
                ("sc-perf", "sc-archive"),
                ("2000Gi", "40Ti"),
            ][..],
        ),
        ("validator", json!({"validator": {}}), &[("sei.io/role\":\"node", "sei.io/role\":\"validator")]),
        (
            "replayer",
            json!({
                "replayer": {"snapshot": {"s3": {"targetHeight": 5}}}, "peers": [{"static": {"addresses": ["a@b:1"]}}],
            }),
            &[("sei.io/role\":\"node", "sei.io/role\":\"replayer")],
        ),
    ] {
        let text = |spec: &Value| {
            let objects = render_node(&node(spec), &platform()).unwrap();
            serde_json::to_value(&objects).unwrap().to_string()
        };
        let mut expected = text(&json!({"fullNode": {}}));
        for (from, to) in replaced {
            assert!(expected.contains(from), "{from}");
            expected = expected.replace(from, to);
        }
        assert_eq!(text(&spec), expected, "{mode}");
    }
}

#[test]
fn nothing_but_names_and_images_reaches_the_objects_of_a_full_node() {
    let plain = render_node(&node(&json!({"fullNode": {}})), &platform()).unwrap();
    let rich = node(&json!({
        "fullNode": {"snapshot": {"s3": {"targetHeight": 5}}, "snapshotGeneration": {"tendermint": {"keepRecent": 5}}},
        "peers": [{"static": {"addresses": ["a@b:1"]}}],
        "overrides": {"evm.http_port": "1"},
        "entrypoint": {"command": ["x"]},
    }));
    assert_eq!(render_node(&rich, &platform()).unwrap(), plain);
}

/// plans-and-tasks §6.3.
#[test]
fn a_certificate_is_asked_of_an_allowed_issuer() {
    let mut lines = fixture("reference/platform.env");
    lines.push_str("\nSEI_TLS_ALLOWED_ISSUERS=ClusterIssuer/ca\n");
    let platform = sei_planner::platform::Platform::parse_lines(&lines).unwrap();
    let platform = sei_planner::platform::Platform::from_map(&platform).unwrap();
    let node = node(&json!({"fullNode": {}, "sidecar": {"tls": {"issuerName": "ca"}}}));
    let objects = render_node(&node, &platform).unwrap();
    let certificate = serde_json::to_value(&objects[1]).unwrap();
    let hosts = json!(["rpc-0.sei.svc.cluster.local", "rpc-0-0.rpc-0.sei.svc.cluster.local"]);
    let spec = json!({
        "secretName": "rpc-0-sidecar-tls", "duration": "2160h", "renewBefore": "360h",
        "commonName": "rpc-0.sei.svc.cluster.local", "dnsNames": hosts,
        "issuerRef": {"name": "ca", "kind": "ClusterIssuer", "group": "cert-manager.io"},
    });
    assert_eq!(
        (&certificate["apiVersion"], &certificate["kind"], &certificate["spec"]),
        (&json!("cert-manager.io/v1"), &json!("Certificate"), &spec)
    );
    let pod = serde_json::to_value(&objects[3]).unwrap();
    let volumes = pod.pointer("/spec/template/spec/volumes").unwrap().to_string();
    assert!(volumes.contains("rpc-0-sidecar-tls"), "{volumes}");
}

/// X.509 allows 64 bytes, and cert-manager refuses more.
#[test]
fn a_common_name_that_is_too_long_is_left_out() {
    let settings = std::collections::BTreeMap::from([("SEI_TLS_ALLOWED_ISSUERS".to_owned(), "Issuer/ca".to_owned())]);
    let settings = sei_planner::platform::Platform::demo_map().into_iter().chain(settings).collect();
    let platform = sei_planner::platform::Platform::from_map(&settings).unwrap();
    for (length, named) in [(42, true), (43, false)] {
        let mut node = node(&json!({"fullNode": {}, "sidecar": {"tls": {"issuerName": "ca", "issuerKind": "Issuer"}}}));
        node.metadata.name = Some("n".repeat(length));
        let objects = render_node(&node, &platform).unwrap();
        let spec = serde_json::to_value(&objects[1]).unwrap()["spec"].clone();
        let (name, first) = (spec["commonName"].as_str(), spec["dnsNames"][0].as_str());
        assert_eq!((name, name.is_some()), (first.filter(|name| name.len() <= 64), named));
    }
}

/// Every difference has a row in the decisions, by its object and its words.
#[test]
fn every_difference_is_on_record() {
    let record =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/decisions/0001-differences.md")).unwrap();
    for (object, pointer, _, why) in differences() {
        assert!(record.contains(why), "{object}{pointer}: {why}");
    }
}
