//! Commands that ask a cluster on its bad days: what is refused, what is not there, and what changes in between.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::played_api::{PlayedApi, Request, refusal};
use super::{root, run};

fn node(version: u32, status: Value) -> Value {
    json!({"apiVersion": "sei.io/v1alpha1", "kind": "SeiNode",
        "metadata": {"name": "rpc-0", "namespace": "sei", "uid": "7d1f", "generation": 1,
            "resourceVersion": version.to_string()},
        "spec": {"chainId": "pacific-1", "image": "registry.example/seid:v2", "fullNode": {}}, "status": status})
}

fn failed() -> Value {
    json!({"phase": "Failed", "plan": {"id": "1", "kind": "Init", "phase": "Failed", "targetGeneration": 1, "tasks": [],
        "retryAt": "2026-01-01T00:05:00Z"}})
}

fn asks(token: &str) -> Value {
    let message = format!("the claim data-rpc-0 is gone: kubectl annotate seinode rpc-0 sei.io/acknowledge={token}");
    json!({"phase": "Running", "conditions": [{"type": "AwaitingAcknowledgement", "status": "True",
        "reason": "DataVolumeLost", "message": message, "lastTransitionTime": "2026-01-01T00:00:00Z"}]})
}

fn pods() -> (u16, Value) {
    (200, json!({"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": []}))
}

fn is_for_pods(request: &Request) -> bool {
    request.path.contains("/pods")
}

#[test]
fn refusals_say_what_to_do() {
    let api = PlayedApi::start(|_, _| refusal(403, "seinodes.sei.io is forbidden: User \"eve\"", ""));
    let (code, told) = api.told(&["status", "-A"]);
    assert_eq!(code, Some(1));
    assert!(told.starts_with("error: cannot list SeiNodes of all namespaces: seinodes.sei.io is forbidden"), "{told}");
    assert!(told.contains("help: ask whoever grants roles"), "{told}");

    let api = PlayedApi::start(|_, _| refusal(401, "Unauthorized", ""));
    assert!(api.told(&["wait", "rpc-0", "--for=phase=Running"]).1.contains("kubectl auth whoami"));

    let api = PlayedApi::start(|_, _| (404, json!("404 page not found\n")));
    for args in [&["status"][..], &["status", "rpc-0"], &["retry", "rpc-0"], &["acknowledge", "rpc-0"]] {
        let (code, told) = api.told(args);
        assert_eq!(code, Some(1), "{args:?}");
        assert!(told.contains("the cluster does not know the kind SeiNode"), "{args:?}: {told}");
        assert!(told.contains("sei-operator crds | kubectl apply --server-side -f -"), "{told}");
    }
}

#[test]
fn an_answer_of_somebody_else_is_told_from_none() {
    let api = PlayedApi::start(|_, _| (200, json!("<html>Please log in</html>")));
    let (code, told) = api.told(&["status"]);
    assert_eq!(code, Some(1));
    assert!(told.contains("is not of an API server") && told.contains("a login page"), "{told}");

    let dir = tempfile::tempdir().expect("a directory");
    let kubeconfig = dir.path().join("config");
    let login = json!({"apiVersion": "client.authentication.k8s.io/v1", "command": "/nowhere/login"});
    let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "a",
        "clusters": [{"name": "a", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "a", "user": {"exec": login}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}]});
    std::fs::write(&kubeconfig, config.to_string()).expect("written");
    let output = run(&["status", "--kubeconfig", kubeconfig.to_str().expect("UTF-8")], &[], "");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        told.contains("nobody can log in as this kubeconfig says") && told.contains("login program of the kubeconfig"),
        "{told}"
    );
}

#[test]
fn a_node_that_is_not_there_is_looked_for() {
    let api = PlayedApi::start(|request, _| match request.path.as_str() {
        path if path.ends_with("/namespaces/sei/seinodes/rcp-0?") || path.ends_with("/seinodes/rcp-0") => {
            refusal(404, "seinodes.sei.io \"rcp-0\" not found", "rcp-0")
        }
        _ => {
            let item = |name: &str| json!({"metadata": {"name": name, "namespace": "sei"}});
            let items = json!([item("archive-0"), item("rpc-0")]);
            let kind = "PartialObjectMetadataList";
            (200, json!({"apiVersion": "meta.k8s.io/v1", "kind": kind, "metadata": {}, "items": items}))
        }
    });
    let (code, told) = api.told(&["status", "rcp-0"]);
    assert_eq!(code, Some(1));
    let lines: Vec<&str> = told.lines().collect();
    let help = "  help: `sei-operator status -A` lists every node";
    assert_eq!(lines, ["error: there is no SeiNode sei/rcp-0", "  help: did you mean sei/rpc-0?", help]);
}

#[test]
fn pods_that_may_not_be_seen_hide_nothing_else() {
    let api = PlayedApi::start(|request, _| match is_for_pods(request) {
        true => refusal(403, "pods is forbidden: User \"eve\"", ""),
        false => (200, node(1, failed())),
    });
    let output = api.run(&["status", "rpc-0"]);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("SeiNode sei/rpc-0  Failed"), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains("nothing is said of pods"), "{}", text(&output.stderr));
}

#[test]
fn json_and_yaml_say_the_same() {
    let api =
        PlayedApi::start(|request, _| if is_for_pods(request) { pods() } else { (200, node(1, asks("1a2b3c4d"))) });
    let out = |format: &str| String::from_utf8(api.run(&["status", "rpc-0", "-o", format]).stdout).expect("UTF-8");
    let json: Value = serde_json::from_str(&out("json")).expect("JSON");
    let yaml: Value = serde_saphyr::from_str(&out("yaml")).expect("YAML");
    assert_eq!(json, yaml);
    assert_eq!((&json["nodes"][0]["stuck"], &json["nodes"][0]["name"]), (&json!(true), &json!("rpc-0")));
    let hint = &json["nodes"][0]["hints"][0]["commands"][0];
    assert_eq!(hint, "sei-operator acknowledge sei/rpc-0");
}

/// What is planned hangs on the platform, so that of the operator is taken; and what is gone is seen to be gone.
#[test]
fn a_live_node_is_planned_from_what_is_there() {
    let settings = std::fs::read_to_string(root().join("fixtures/platform/test.env")).expect("the fixture");
    let lines = settings.lines().filter_map(|line| line.split_once('=')).filter(|(name, _)| name.starts_with("SEI_"));
    let data: BTreeMap<String, String> = lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let running = json!({"phase": "Running", "currentImage": "registry.example/seid:v2"});
    let api = PlayedApi::start(move |request, _| match request.path.as_str() {
        path if path.contains("/seinodes/rpc-0") => (200, node(1, running.clone())),
        path if path.contains("/configmaps/sei-operator-platform") => {
            let metadata = json!({"name": "sei-operator-platform", "namespace": "sei-system"});
            (200, json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}))
        }
        path if path.contains("/pods?") => pods(),
        path => refusal(404, "not found", path.rsplit('/').next().expect("a name")),
    });
    let output = api.run(&["plan", "rpc-0", "-o", "json", "--detailed-exitcode"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(
        (output.status.code(), told.as_str()),
        (Some(0), "note: platform settings of ConfigMap sei-system/sei-operator-platform\n")
    );
    let plan: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(plan["results"][0]["outcome"], "waiting");
    let why = plan["results"][0]["why"][0].as_str().expect("a reason");
    assert!(why.contains("the data claim is gone; set sei.io/acknowledge="), "{why}");
    assert!(api.asked("PATCH").is_empty() && api.asked("POST").is_empty(), "nothing is written");
}

/// A spec that the planner refuses says so at its field, as in a file.
#[test]
fn a_live_node_that_is_refused_says_why() {
    let api = PlayedApi::start(|_, _| {
        let mut node = node(1, Value::Null);
        node["spec"]["overrides"] = json!({"no.such.setting": "1"});
        (200, node)
    });
    let output = api.run(&["plan", "rpc-0", "--platform", "fixtures/platform/test.env"]);
    assert_eq!(output.status.code(), Some(1));
    let (out, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(told.starts_with("error[SEI0113]: `spec.overrides[no.such.setting]`"), "{told}");
    assert!(out.contains("SeiNode sei/rpc-0  refused"), "{out}");
}

/// The annotation is written on the version that was looked at; where somebody wrote in between it is looked at again.
#[test]
fn a_retry_is_written_on_the_version_that_was_seen() {
    let api = PlayedApi::start(|request, earlier| match (request.method.as_str(), earlier) {
        ("PATCH", 0) => refusal(409, "the object has been modified", "rpc-0"),
        ("PATCH", _) => (200, json!({"metadata": {"name": "rpc-0", "namespace": "sei"}})),
        (_, earlier) => (200, node(u32::try_from(earlier).expect("few"), failed())),
    });
    let output = api.run(&["retry", "rpc-0"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let written: Vec<Value> = api.asked("PATCH").into_iter().map(|request| request.body).collect();
    let on = |version: &str| json!({"metadata": {"uid": "7d1f", "resourceVersion": version, "annotations": {"sei.io/retry": "1"}}});
    assert_eq!(written, [on("0"), on("1")]);
    assert!(
        String::from_utf8_lossy(&output.stderr)
            .contains("kubectl annotate seinode rpc-0 -n sei --overwrite sei.io/retry=1")
    );
}

#[test]
fn a_retry_that_became_needless_is_refused() {
    let api = PlayedApi::start(|request, earlier| match (request.method.as_str(), earlier) {
        ("PATCH", _) => refusal(409, "the object has been modified", "rpc-0"),
        (_, 0) => (200, node(1, failed())),
        (_, _) => (200, node(2, json!({"phase": "Running"}))),
    });
    let (code, told) = api.told(&["retry", "rpc-0"]);
    assert_eq!(code, Some(1));
    assert!(told.contains("it has no plan yet; there is nothing to try again"), "{told}");
    assert_eq!(api.asked("PATCH").len(), 1);
}

#[test]
fn a_question_that_changes_while_it_is_read_is_not_answered() {
    let api = PlayedApi::start(|_, earlier| (200, node(1, asks(if earlier == 0 { "1a2b3c4d" } else { "5e6f7a8b" }))));
    let (code, told) = api.told(&["acknowledge", "rpc-0", "--token", "1a2b3c4d"]);
    assert_eq!(code, Some(1));
    assert!(told.contains("the question changed while you answered; nothing was answered"), "{told}");
    assert!(api.asked("PATCH").is_empty());
}

#[test]
fn a_slow_cluster_is_waited_for_no_longer_than_asked() {
    let api = PlayedApi::start(|_, _| {
        std::thread::sleep(std::time::Duration::from_secs(20));
        pods()
    });
    let began = std::time::Instant::now();
    let (code, told) = api.told(&["status", "--request-timeout", "1s"]);
    assert_eq!(code, Some(1));
    assert!(told.contains("within 1 s") && told.contains("--request-timeout waits longer"), "{told}");
    assert!(began.elapsed().as_secs() < 15, "{:?}", began.elapsed());
}
