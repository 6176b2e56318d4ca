//! The three ways to install the operator, with the real tools: what the program prints, the kustomize base and the Helm chart.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use kube::api::{DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::fixtures;
use crate::support::operator::{IMAGE, print_crds, print_manifests};
use crate::support::world::{World, install, uninstall};

const NAMESPACE: &str = "install";
const DEFINITION: &str = "seinodes.sei.io";
const RELEASE: &str = "sei-operator";
/// What Helm adds to the labels of its objects, and to what it is not to delete.
const OF_HELM: [&str; 5] = [
    "app.kubernetes.io/instance",
    "app.kubernetes.io/version",
    "app.kubernetes.io/managed-by",
    "helm.sh/chart",
    "helm.sh/resource-policy",
];
/// [`IMAGE`], as values.
const IMAGE_VALUES: [&str; 4] =
    ["--set", "image.repository=registry.test.example/sei-operator", "--set", "image.tag=v1"];
/// Kinds of the Prometheus operator.
const MONITORING: [(&str, &str); 2] = [("ServiceMonitor", "servicemonitors"), ("PrometheusRule", "prometheusrules")];

fn deploy(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(path)
}

/// What a tool printed, or what it said when it failed.
fn output(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output().expect("the tool starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(String::from_utf8(output.stdout).expect("text")) } else { Err(said) }
}

fn done(command: &mut Command) -> String {
    output(command).unwrap_or_else(|said| panic!("{command:?}: {said}"))
}

/// The chart with a file of values beside the settings of the test platform.
struct Chart {
    _dir: TempDir,
    settings: PathBuf,
    values: PathBuf,
}

impl Chart {
    fn with(values: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let settings = dir.path().join("settings.json");
        let lines = fs::read_to_string(fixtures::platform()).expect("settings");
        let lines = lines.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
        let values_of: BTreeMap<&str, &str> = lines.collect();
        fs::write(&settings, json!({ "settings": values_of }).to_string()).expect("our directory");
        Chart { settings, values: deploy("chart/ci").join(values), _dir: dir }
    }

    /// A command of helm on the chart.
    fn helm(&self, world: &World, command: &[&str], more: &[&str]) -> Command {
        let mut helm = world.tool("helm");
        helm.args(command).arg(deploy("chart")).arg("-f").arg(&self.values).arg("-f").arg(&self.settings);
        helm.args(["--namespace", NAMESPACE]).args(IMAGE_VALUES).args(more);
        helm
    }

    fn rendered(&self, world: &World, more: &[&str]) -> String {
        let more = [&["--kube-version", "1.33.0"], more].concat();
        done(&mut self.helm(world, &["template", RELEASE], &more))
    }
}

/// Objects by kind, namespace and name, without what only Helm says.
fn by_name(objects: impl IntoIterator<Item = Value>) -> BTreeMap<String, Value> {
    let named = |mut object: Value| {
        for part in ["labels", "annotations"] {
            if let Some(all) = object["metadata"].get_mut(part).and_then(Value::as_object_mut) {
                all.retain(|name, _| !OF_HELM.contains(&name.as_str()));
            }
        }
        let empty = object["metadata"].get("annotations").is_some_and(|all| *all == json!({}));
        if empty {
            object["metadata"].as_object_mut().expect("an object").remove("annotations");
        }
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        (format!("{} {}/{}", text("/kind"), text("/metadata/namespace"), text("/metadata/name")), object)
    };
    objects.into_iter().map(named).collect()
}

fn documents(yaml: &str) -> Vec<Value> {
    let objects = fixtures::values(yaml);
    assert!(!objects.is_empty(), "nothing was rendered");
    objects
}

pub(crate) async fn chart_is_manifests(world: Arc<World>) {
    let shapes: [(&str, &[&str], &[&str]); 4] = [
        ("whole-cluster-values.yaml", &[], &["--monitoring", "--network-policy"]),
        (
            "whole-cluster-values.yaml",
            &["--set", "replicas=1,watchNamespace=install"],
            &["--monitoring", "--network-policy", "--replicas=1", "--watch-namespace=install"],
        ),
        ("one-namespace-values.yaml", &[], &["--watch-namespace=nodes", "--replicas=1"]),
        ("one-namespace-values.yaml", &["--set", "watchNamespace=,replicas=3"], &["--replicas=3"]),
    ];
    for (values, set, flags) in shapes {
        let chart = Chart::with(values);
        let lint = done(&mut chart.helm(&world, &["lint", "--strict"], &["--kube-version", "1.33.0"]));
        assert!(lint.contains("0 chart(s) failed"), "{lint}");
        let rendered = by_name(documents(&chart.rendered(&world, set)));
        let mut printed = by_name(print_manifests(NAMESPACE, flags)["items"].as_array().expect("a List").clone());
        // Helm makes the namespace, if asked to.
        printed.remove(&format!("Namespace /{NAMESPACE}")).expect("a namespace is printed");
        let names = |all: &BTreeMap<String, Value>| all.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&rendered), names(&printed), "{values} {set:?}");
        for (name, object) in &printed {
            assert_eq!(rendered[name], *object, "{values} {set:?}: {name}");
        }
    }
}

pub(crate) async fn chart_refuses(world: Arc<World>) {
    let chart = Chart::with("whole-cluster-values.yaml");
    let refused: [(&[&str], &str); 6] = [
        (&["--set-string", "settings.SEI_NODEPOOL_NAMES=x"], "SEI_NODEPOOL_NAMES"),
        (&["--set", "settings.SEI_RESOURCE_CPU_DEFAULT=4"], "SEI_RESOURCE_CPU_DEFAULT"),
        (&["--set", "settings.SEI_SIDECAR_IMAGE=null"], "SEI_SIDECAR_IMAGE"),
        (&["--set", "image.repository="], "/image/repository"),
        (&["--set", "replica=3"], "replica"),
        (&["--set", "watchnamespace=nodes"], "watchnamespace"),
    ];
    for (set, word) in refused {
        let more = [&["--kube-version", "1.33.0"], set].concat();
        let said = output(&mut chart.helm(&world, &["template", RELEASE], &more)).expect_err("refused");
        assert!(said.contains(word), "{set:?}: {said}");
    }
    let said = output(&mut chart.helm(&world, &["template", RELEASE], &["--kube-version", "1.32.0"]));
    assert!(said.expect_err("too old").contains(">=1.33.0"));
}

pub(crate) async fn alerts_fire(world: Arc<World>) {
    let rules = done(world.tool("promtool").args(["check", "rules"]).arg(deploy("chart/files/alerts.yaml")));
    assert!(rules.contains("17 rules found"), "{rules}");
    done(world.tool("promtool").args(["test", "rules"]).arg(deploy("alerts.test.yaml")));
}

/// Each way on top of the one before, as people change from one to another; each twice, and the second time changes nothing.
pub(crate) async fn applies_twice(world: Arc<World>) {
    world.without_operator().await;
    for (kind, plural) in MONITORING {
        install(&world.admin, &definition(kind, plural)).await;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let flags = ["--monitoring", "--network-policy"];
    let printed = print_manifests(NAMESPACE, &flags);
    let file = dir.path().join("install.json");
    fs::write(&file, printed.to_string()).expect("our directory");
    let apply = || {
        let mut kubectl = world.tool("kubectl");
        kubectl.args(["apply", "--server-side", "--force-conflicts", "-f"]).arg(&file);
        kubectl
    };
    twice("manifests", &world, printed["items"].as_array().expect("a List"), apply);

    let overlay = overlay(dir.path());
    let built = done(world.tool("kubectl").arg("kustomize").arg(&overlay));
    let apply = || {
        let mut kubectl = world.tool("kubectl");
        kubectl.args(["apply", "--server-side", "--force-conflicts", "-k"]).arg(&overlay);
        kubectl
    };
    twice("kustomize", &world, &documents(&built), apply);
    done(world.tool("kubectl").args(["delete", "--ignore-not-found", "-f"]).arg(&file));

    let chart = Chart::with("whole-cluster-values.yaml");
    let upgrade = || chart.helm(&world, &["upgrade", "--install", RELEASE], &["--create-namespace"]);
    twice("helm", &world, &documents(&chart.rendered(&world, &[])), upgrade);
    let notes = done(world.tool("helm").args(["get", "notes", RELEASE, "--namespace", NAMESPACE]));
    assert!(notes.contains("watches every namespace"), "{notes}");
    done(world.tool("helm").args(["uninstall", RELEASE, "--wait", "--namespace", NAMESPACE]));
    let left = done(world.tool("kubectl").args(["get", "crd", DEFINITION, "-o", "name"]));
    assert!(!left.is_empty(), "the definition outlives the release");

    for (_, plural) in MONITORING {
        uninstall(&world.admin, &format!("{plural}.monitoring.coreos.com")).await;
    }
    world.install_roles("default").await;
    println!("    {IMAGE} installed by manifests, kustomize and helm, twice each: the second time changed nothing");
}

/// What is there is the same before and after the second time, but for what controllers say of it.
fn twice(way: &str, world: &World, objects: &[Value], command: impl Fn() -> Command) {
    let there = || {
        let named = |object: &Value| {
            let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
            let mut get = world.tool("kubectl");
            get.args(["get", &text("/kind"), &text("/metadata/name"), "-o", "json"]);
            let namespace = text("/metadata/namespace");
            if !namespace.is_empty() {
                get.args(["--namespace", &namespace]);
            }
            let mut found: Value = serde_json::from_str(&done(&mut get)).expect("JSON");
            found.as_object_mut().expect("an object").remove("status");
            for told in ["resourceVersion", "managedFields"] {
                found["metadata"].as_object_mut().expect("metadata").remove(told);
            }
            found
        };
        by_name(objects.iter().map(named))
    };
    let kinds: Vec<&str> = objects.iter().filter_map(|object| object["kind"].as_str()).collect();
    assert!(kinds.contains(&"Deployment") && kinds.contains(&"PrometheusRule"), "{way}: {kinds:?}");
    done(&mut command());
    let first = there();
    done(&mut command());
    let second = there();
    for (name, object) in &first {
        assert_eq!(second[name], *object, "{way}: {name} changes when it is applied again");
    }
}

/// A kustomization as `docs/install.md` shows it.
fn overlay(dir: &Path) -> PathBuf {
    for part in ["base", "monitoring"] {
        fs::create_dir_all(dir.join("kustomize").join(part)).expect("our directory");
        for file in fs::read_dir(deploy("kustomize").join(part)).expect("a directory") {
            let file = file.expect("a file");
            fs::copy(file.path(), dir.join("kustomize").join(part).join(file.file_name())).expect("a copy");
        }
    }
    let overlay = dir.join("mine");
    fs::create_dir(&overlay).expect("our directory");
    fs::copy(fixtures::platform(), overlay.join("platform.env")).expect("a copy");
    let kustomization = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": NAMESPACE,
        "resources": ["../kustomize/base"],
        "components": ["../kustomize/monitoring"],
        "images": [{"name": "sei-operator", "newName": "registry.test.example/sei-operator", "newTag": "v1"}],
        "configMapGenerator": [{"name": "sei-operator-platform", "envs": ["platform.env"]}],
    });
    fs::write(overlay.join("kustomization.yaml"), kustomization.to_string()).expect("our directory");
    overlay
}

/// A definition that takes everything.
fn definition(kind: &str, plural: &str) -> DynamicObject {
    let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let object = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.monitoring.coreos.com")},
        "spec": {
            "group": "monitoring.coreos.com",
            "scope": "Namespaced",
            "names": {"kind": kind, "listKind": format!("{kind}List"), "plural": plural, "singular": kind.to_lowercase()},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": open}}},
            }],
        },
    });
    serde_json::from_value(object).expect("an object")
}

/// What was stored under an earlier definition, of the controller before or of this operator, is there under today's as it was.
pub(crate) async fn upgrade_keeps_nodes(world: Arc<World>) {
    world.ensure_crds().await;
    world.without_operator().await;
    let nodes = fixtures::stored_nodes();
    for (maker, earlier) in fixtures::earlier_definitions() {
        uninstall(&world.admin, DEFINITION).await;
        install(&world.admin, &earlier).await;
        let place = world.place(&format!("upgrade-{maker}")).await;
        for node in &nodes {
            store(&place.nodes, node).await;
        }
        let before = stored(&place.nodes).await;
        assert_eq!(before.len(), nodes.len());
        for today in fixtures::yaml_documents(&print_crds()) {
            install(&world.admin, &today).await;
        }
        let after = stored(&place.nodes).await;
        for (name, node) in &before {
            assert_eq!(after.get(name), Some(node), "{maker}: {name} is another one after the upgrade");
        }
        println!("    {} nodes of the definition of {maker} are kept", before.len());
        world.clean_up().await;
    }
}

async fn store(api: &Api<DynamicObject>, node: &Value) {
    let mut object: DynamicObject = serde_json::from_value(node.clone()).expect("an object");
    let status = object.data.as_object_mut().and_then(|data| data.remove("status"));
    let metadata = std::mem::take(&mut object.metadata);
    object.metadata.name = metadata.name;
    let name = object.name_any();
    api.create(&PostParams::default(), &object).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    if let Some(status) = status {
        let patch = Patch::Merge(json!({ "status": status }));
        let stored = api.patch_status(&name, &PatchParams::default(), &patch).await;
        stored.unwrap_or_else(|error| panic!("status of {name}: {error}"));
    }
}

/// Spec and status of all nodes by name.
async fn stored(api: &Api<DynamicObject>) -> BTreeMap<String, Value> {
    let all = api.list(&ListParams::default()).await.expect("listed");
    all.items.into_iter().map(|node| (node.name_any(), node.data)).collect()
}
