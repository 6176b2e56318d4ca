//! The command line as people and programs see it: exit code, stdout and stderr of whole runs.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod commands;

use std::collections::BTreeMap;

use commands::{json, root, run, transcript};
use serde_json::Value;

#[test]
fn plans_of_every_case() {
    let cases = [
        "bad-in-the-middle",
        "bounds",
        "directory",
        "duplicate-keys",
        "empty",
        "empty-list",
        "empty-of-ours",
        "kinds",
        "lists",
        "missing",
        "nulls",
        "refusals",
        "status",
        "syntax",
        "unknown-fields",
        "wrong-types",
    ];
    for case in cases {
        let directory = format!("fixtures/cli/{case}");
        insta::assert_snapshot!(format!("plan-{case}"), transcript(&["plan", "-f", &directory], &[], ""));
    }
    insta::assert_snapshot!("plan-samples", transcript(&["plan", "-f", "fixtures/samples"], &[], ""));
}

#[test]
fn simulations_tell_a_timeline() {
    let sample = |name: &str| format!("fixtures/samples/{name}.yaml");
    for name in ["pacific-1-state-syncer", "pacific-1-full-node", "pacific-1-snapshotter", "genesis-ceremony"] {
        let run = transcript(&["simulate", "-f", &sample(name), "--until", "Idle"], &[], "");
        insta::assert_snapshot!(format!("simulate-{name}"), run);
    }
    let both =
        transcript(&["simulate", "-f", &sample("pacific-1-state-syncer"), &sample("pacific-1-full-node")], &[], "");
    insta::assert_snapshot!("simulate-two-nodes", both);
}

#[test]
fn the_operator_does_not_start_without_settings() {
    insta::assert_snapshot!("run-without-settings", transcript(&["run", "--kubeconfig", "/nowhere"], &[], ""));
}

#[test]
fn plan_as_json() {
    let args = ["plan", "-o", "json", "-f", "fixtures/cli/bad-in-the-middle"];
    insta::assert_snapshot!("plan-json", transcript(&args, &[], ""));
}

#[test]
fn the_json_of_a_plan_has_the_agreed_form() {
    let report = json(&["plan", "-o", "json", "-f", "fixtures/samples"]);
    assert_eq!(keys(&report), ["formatVersion", "results", "summary"]);
    assert_eq!(report["formatVersion"], "1");
    assert_eq!(keys(&report["summary"]), ["destructive", "disruptive", "tasks"]);
    let results = report["results"].as_array().expect("results");
    assert_eq!(results.len(), 4);
    let mut tasks = 0;
    for result in results {
        assert_eq!(keys(result), ["changes", "kind", "name", "namespace", "outcome", "plan", "problems", "why"]);
        assert!(["plan", "none", "waiting", "refused"].contains(&result["outcome"].as_str().expect("a word")));
        tasks += result["plan"]["tasks"].as_array().map_or(0, Vec::len);
        for problem in result["problems"].as_array().expect("problems") {
            assert_eq!(keys(problem), ["code", "field", "file", "line", "message"]);
            assert!(problem["line"].as_u64().is_some_and(|line| line > 0), "{problem}");
        }
    }
    assert_eq!(report["summary"]["tasks"], tasks);
}

#[test]
fn render_of_a_sample() {
    let sample = "fixtures/samples/pacific-1-state-syncer.yaml";
    insta::assert_snapshot!("render-yaml", transcript(&["render", "-o", "yaml", "-f", sample], &[], ""));
    let report = json(&["render", "-o", "json", "-f", sample]);
    assert_eq!(keys(&report), ["formatVersion", "results"]);
    let result = &report["results"][0];
    assert_eq!(keys(result), ["kind", "name", "namespace", "objects"]);
    let yaml = String::from_utf8(run(&["render", "-f", sample], &[], "").stdout).expect("UTF-8");
    let from_yaml: Vec<Value> = serde_saphyr::from_multiple(&yaml).expect("YAML on stdout");
    assert_eq!(result["objects"], Value::Array(from_yaml));
    let kinds: Vec<_> = result["objects"].as_array().expect("objects").iter().map(|o| o["kind"].clone()).collect();
    assert_eq!(kinds, ["PersistentVolumeClaim", "StatefulSet", "Service"]);
}

#[test]
fn one_bad_document_hides_no_rendered_one() {
    let output = run(&["render", "-f", "fixtures/cli/bad-in-the-middle"], &[], "");
    assert_eq!(output.status.code(), Some(1));
    let objects: Vec<Value> =
        serde_saphyr::from_multiple(&String::from_utf8(output.stdout).expect("UTF-8")).expect("YAML on stdout");
    assert_eq!(objects.len(), 6);
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    for args in [["plan", "-o", "json", "-f"], ["render", "-o", "json", "-f"]] {
        let args: Vec<&str> = args.into_iter().chain(["fixtures/samples"]).collect();
        assert_eq!(run(&args, &[], "").stdout, run(&args, &[], "").stdout);
    }
}

#[test]
fn plan_ids_follow_the_document() {
    let id = |report: &Value| report["results"][0]["plan"]["id"].as_str().expect("an id").to_owned();
    let text = std::fs::read_to_string(root().join("fixtures/cli/directory/b.yml")).expect("the fixture");
    let plan = |text: &str| -> Value {
        serde_json::from_slice(&run(&["plan", "-o", "json", "-f", "-"], &[], text).stdout).expect("JSON")
    };
    assert_eq!(id(&plan(&text)), id(&plan(&format!("# A comment changes nothing.\n{text}"))));
    assert_ne!(id(&plan(&text)), id(&plan(&text.replace("v6.3.0", "v6.3.1"))));
    assert_ne!(id(&plan(&text)), id(&plan(&text.replace("name: from-yml", "name: other"))));
}

#[test]
fn standard_input_is_a_file() {
    let text = "apiVersion: sei.io/v1alpha1\nkind: SeiNode\nmetadata: {name: a}\nspec: {chainId: c, image: 5}\n";
    insta::assert_snapshot!("plan-stdin", transcript(&["plan", "-f", "-"], &[], text));
}

#[test]
fn what_cannot_be_read_hides_nothing_else() {
    let args = ["plan", "-f", "fixtures/cli/nowhere.yaml", "fixtures/cli/directory/b.yml"];
    insta::assert_snapshot!("plan-unreadable", transcript(&args, &[], ""));
}

#[test]
fn exit_codes_tell_changes_from_none() {
    let code = |path: &str, more: &[&str]| {
        let args: Vec<&str> = ["plan", "-f", path].into_iter().chain(more.iter().copied()).collect();
        run(&args, &[], "").status.code().expect("an exit code")
    };
    let detailed = ["--detailed-exitcode"];
    assert_eq!(code("fixtures/cli/directory", &[]), 0);
    assert_eq!(code("fixtures/cli/directory", &detailed), 2);
    assert_eq!(code("fixtures/cli/empty-of-ours", &detailed), 1);
    assert_eq!(code("fixtures/cli/empty-list", &detailed), 0);
    assert_eq!(code("fixtures/cli/wrong-types", &detailed), 1);
    assert_eq!(run(&["plan"], &[], "").status.code(), Some(1), "a mistake on the command line is no change");
    assert_eq!(run(&["--help"], &[], "").status.code(), Some(0));
}

#[test]
fn platforms_come_from_a_file_or_the_environment() {
    let node = "fixtures/cli/directory/b.yml";
    let file = |name: &str| format!("fixtures/cli/platform/{name}");
    for name in ["bad-lines.env", "bad-values.env", "nowhere.env"] {
        let args = ["plan", "-f", node, "--platform", &file(name)];
        insta::assert_snapshot!(format!("platform-{name}"), transcript(&args, &[], ""));
    }
    let half = transcript(&["plan", "-f", node], &[("SEI_NODEPOOL_NAME", "pool")], "");
    assert!(half.contains("environment: SEI_NODEPOOL_ARCHIVE is not set"), "{half}");
    let good = run(&["render", "-f", node, "--platform", "fixtures/platform/test.env"], &[], "");
    assert_eq!((good.status.code(), good.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn the_definitions_are_those_of_the_fixtures() {
    let printed = json(&["crds", "-o", "json"]);
    let text = std::fs::read_to_string(root().join("fixtures/crd/seinodes.yaml")).expect("the fixture");
    let kept: Value = serde_saphyr::from_str(&text).expect("YAML");
    assert_eq!(printed["items"], Value::Array(vec![kept.clone()]));
    let yaml = String::from_utf8(run(&["crds"], &[], "").stdout).expect("UTF-8");
    let from_yaml: Vec<Value> = serde_saphyr::from_multiple(&yaml).expect("YAML on stdout");
    assert_eq!(from_yaml, [kept]);
}

/// What the schema accepts passes here too; what it refuses by a bound is refused here, at the field the API server
/// names. Rules in CEL are the API server's and the planner's.
#[test]
fn the_cases_of_the_schema_are_judged_as_by_the_api_server() {
    let crd = root().join("fixtures/crd");
    let cases = std::fs::read_dir(crd).expect("the fixtures").map(|entry| entry.expect("an entry").path());
    for case in cases.filter(|path| path.is_dir()) {
        let problems = |file: &str| -> BTreeMap<String, String> {
            let path = case.join(file).display().to_string();
            let report = json(&["plan", "-o", "json", "-f", &path]);
            let problems = report["results"][0]["problems"].as_array().expect("problems").clone();
            let text = |value: &Value| value.as_str().expect("a text").to_owned();
            let own = problems.iter().filter(|p| text(&p["code"]).as_str() < "SEI0100");
            own.map(|p| (dotted(&text(&p["field"])), text(&p["message"]))).collect()
        };
        assert_eq!(problems("good.yaml"), BTreeMap::new(), "{}", case.display());
        let message = std::fs::read_to_string(case.join("message.txt")).expect("a message");
        let field = dotted(message.trim().split([':', ' ']).next().expect("a word"));
        let by_bound = field.starts_with("spec") && !message.trim().contains(' ') || message.contains("Required value");
        if by_bound {
            assert!(problems("bad.yaml").contains_key(&field), "{}: {:?}", case.display(), problems("bad.yaml"));
        }
    }
}

#[test]
fn every_code_is_explained() {
    insta::assert_snapshot!("explain", transcript(&["explain", "sei0010"], &[], ""));
    assert_eq!(run(&["explain", "SEI9999"], &[], "").status.code(), Some(1));
}

/// `a[b]` as `a.b`: the API server writes keys of mappings so.
fn dotted(path: &str) -> String {
    path.replace('[', ".").replace(']', "")
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}
