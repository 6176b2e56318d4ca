//! The forms of a plan beside the table: graphs, YAML, and the schema of the JSON.

use serde_json::Value;

use super::{json, root, run, stdout, transcript};

/// Inputs of every outcome and of every kind of problem.
const INPUTS: [&str; 7] = [
    "fixtures/samples",
    "fixtures/cli/bad-in-the-middle",
    "fixtures/cli/kinds",
    "fixtures/cli/refusals",
    "fixtures/cli/status",
    "fixtures/cli/nowhere.yaml",
    "fixtures/nodes/failed-waits/node.yaml",
];

#[test]
fn plans_as_graphs() {
    for format in ["mermaid", "dot"] {
        let args = ["plan", "-o", format, "-f", "fixtures/cli/status", "fixtures/nodes/update-goes-on/node.yaml"];
        insta::assert_snapshot!(format!("graph-{format}"), transcript(&args, &[], ""));
        let args = ["plan", "-o", format, "-f", "fixtures/samples"];
        insta::assert_snapshot!(
            format!("graph-samples-{format}"),
            String::from_utf8_lossy(&run(&args, &[], "").stdout)
        );
        assert_eq!(run(&args, &[], "").stdout, run(&args, &[], "").stdout);
    }
}

#[test]
fn yaml_says_what_json_says() {
    for input in INPUTS {
        let yaml = String::from_utf8(run(&["plan", "-o", "yaml", "-f", input], &[], "").stdout).expect("UTF-8");
        let yaml: Value = serde_saphyr::from_str(&yaml).expect("YAML on stdout");
        assert_eq!(yaml, json(&["plan", "-o", "json", "-f", input]), "{input}");
    }
}

#[test]
fn real_outputs_fit_the_published_schema() {
    let published = std::fs::read_to_string(root().join("docs/schema/plan.schema.json")).expect("the schema");
    assert_eq!(published, stdout(&["plan", "--schema"]), "`just generate` writes it");
    let schema: Value = serde_json::from_str(&published).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    for input in INPUTS {
        let report = json(&["plan", "-o", "json", "-f", input]);
        let problems: Vec<String> =
            validator.iter_errors(&report).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert_eq!(problems, [""; 0], "{input}");
    }
    let mut other = json(&["plan", "-o", "json", "-f", "fixtures/cli/status"]);
    other["results"][0]["outcome"] = "perhaps".into();
    assert!(!validator.is_valid(&other), "the schema tells words apart");
}

#[test]
fn statuses_come_from_a_file() {
    let nodes = "fixtures/cli/saved-status/nodes.yaml";
    let args = ["plan", "-f", nodes, "--status", "fixtures/cli/saved-status/saved.yaml"];
    insta::assert_snapshot!("saved-status", transcript(&args, &[], ""));
    let args = ["plan", "-f", nodes, "--status", "fixtures/cli/saved-status/unreadable.yaml"];
    insta::assert_snapshot!("saved-status-unreadable", transcript(&args, &[], ""));
}

#[test]
fn a_saved_status_brings_the_generation() {
    let saved = "fixtures/cli/saved-status/saved.yaml";
    let report = json(&["plan", "-o", "json", "-f", "fixtures/cli/saved-status/nodes.yaml", "--status", saved]);
    let outcomes: Vec<_> = report["results"].as_array().expect("results").iter().map(|r| &r["outcome"]).collect();
    assert_eq!(outcomes, ["none", "plan", "plan", "refused"]);
    assert_eq!(report["results"][1]["plan"]["targetGeneration"], 8, "applying the edit counts");
    assert_eq!(report["results"][1]["plan"]["kind"], "Update");
    assert_eq!(report["results"][2]["plan"]["kind"], "Init");
    let itself = json(&["plan", "-o", "json", "-f", saved, "--status", saved]);
    let outcomes: Vec<_> = itself["results"].as_array().expect("results").iter().map(|r| &r["outcome"]).collect();
    assert_eq!(outcomes, ["none", "none", "none", "none"]);
}

#[test]
fn nothing_of_a_secret_is_ever_shown() {
    let node = "fixtures/cli/directory/b.yml";
    for name in ["unusable", "unused"] {
        let path = format!("fixtures/cli/secrets/{name}.yaml");
        let told = transcript(&["plan", "-f", node, "--secret", &path], &[], "");
        assert!(!told.contains("hush") && !told.contains("aHVza"), "{told}");
        insta::assert_snapshot!(format!("secrets-{name}"), told);
    }
}

#[test]
fn secrets_are_judged_before_a_pod_mounts_them() {
    let [node, secrets] = ["validator", "will-not-do"].map(|name| format!("fixtures/cli/secrets/{name}.yaml"));
    let told = transcript(&["plan", "-f", &node, "--secret", &secrets], &[], "");
    assert!(!told.contains("hush"), "{told}");
    insta::assert_snapshot!("secrets-will-not-do", told);
    let without = run(&["plan", "-f", &node], &[], "");
    assert_eq!(without.status.code(), Some(0), "a Secret that nobody showed is not looked at");
}
