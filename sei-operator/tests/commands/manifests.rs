//! `manifests`: what installs the operator.

use serde_json::Value;

use super::{run, stdout};

const IMAGE: &str = "registry.example/sei-operator:v1";
const PLATFORM: &str = "fixtures/platform/test.env";

fn printed(more: &[&str]) -> Vec<Value> {
    let args = ["manifests", "--image", IMAGE, "--platform", PLATFORM, "-o", "json"];
    let list: Value = serde_json::from_str(&stdout(&[&args, more].concat())).expect("JSON");
    list["items"].as_array().expect("a List").clone()
}

/// Without the definition, which has files of its own.
fn without_definitions(objects: Vec<Value>) -> Vec<Value> {
    objects.into_iter().filter(|object| object["kind"] != "CustomResourceDefinition").collect()
}

fn kinds_and_places(objects: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    objects.iter().map(|o| format!("{} {}", text(&o["kind"]), text(&o["metadata"]["namespace"]))).collect()
}

#[test]
fn an_installation_for_the_whole_cluster() {
    insta::assert_yaml_snapshot!(without_definitions(printed(&[])));
}

#[test]
fn for_one_namespace_only_volumes_are_seen_cluster_wide() {
    let all = without_definitions(printed(&["--watch-namespace", "nodes", "--replicas", "1"]));
    let expected = [
        "Namespace -",
        "ServiceAccount sei-system",
        "ClusterRole -",
        "ClusterRoleBinding -",
        "Role nodes",
        "RoleBinding nodes",
        "Role sei-system",
        "RoleBinding sei-system",
        "ConfigMap sei-system",
        "Service sei-system",
        "Deployment sei-system",
    ];
    assert_eq!(kinds_and_places(&all), expected);
    let role = all.iter().find(|object| object["kind"] == "ClusterRole").expect("a ClusterRole");
    assert_eq!(role["rules"].as_array().expect("rules").len(), 1);
    assert_eq!(role["rules"][0]["resources"][0], "persistentvolumes");
    let deployment = all.last().expect("a Deployment");
    let arguments = &deployment["spec"]["template"]["spec"]["containers"][0]["args"];
    assert_eq!(*arguments, serde_json::json!(["run", "--namespace=nodes"]));
}

#[test]
fn in_its_own_namespace_it_has_one_role() {
    let all = without_definitions(printed(&["--namespace", "nodes", "--watch-namespace", "nodes"]));
    let roles = all.iter().filter(|object| object["kind"] == "Role").count();
    assert_eq!(roles, 1);
}

#[test]
fn settings_that_make_no_platform_are_refused() {
    let output = run(&["manifests", "--image", IMAGE, "--platform", "-"], &[], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let output = run(&["manifests", "--image", IMAGE, "--platform", "Cargo.toml"], &[], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("Cargo.toml:"), "the file and line are named");
}
