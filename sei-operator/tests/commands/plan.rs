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
