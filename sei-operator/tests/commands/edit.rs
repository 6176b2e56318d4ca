//! `plan --from --to`: what an edit does to nodes that run.

use std::collections::BTreeSet;

use sei_planner::node::DRIFT;
use sei_planner::platform::Platform;
use serde_json::Value;

use super::{json, root, run, transcript};

const OLD: &str = "fixtures/edits/old";
const NEW: &str = "fixtures/edits/new";

#[test]
fn an_edit_as_people_read_it() {
    insta::assert_snapshot!("edit-table", transcript(&["plan", "--from", OLD, "--to", NEW], &[], ""));
    let nothing = transcript(&["plan", "--from", OLD, "--to", OLD, "--detailed-exitcode"], &[], "");
    insta::assert_snapshot!("edit-of-nothing", nothing);
}

#[test]
fn an_edit_as_programs_read_it() {
    let report = json(&["plan", "--from", OLD, "--to", NEW, "-o", "json"]);
    let schema = std::fs::read_to_string(root().join("docs/schema/plan.schema.json")).expect("the schema");
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).expect("JSON")).expect("a schema");
    let problems: Vec<String> = validator.iter_errors(&report).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert_eq!(problems, [""; 0]);
    let of = |name: &str| {
        let results = report["results"].as_array().expect("results");
        results.iter().find(|result| result["name"] == name).expect("a result").clone()
    };
    assert_eq!(of("same")["edit"]["state"], "unchanged");
    let refused = &of("imported")["edit"];
    assert_eq!((&refused["accepted"], &refused["refusals"][0]["rule"]), (&false.into(), &"self == oldSelf".into()));
    assert_eq!(refused["refusals"][0]["line"], 31);
    let fates = |name: &str| -> Vec<Value> {
        let fields = of(name)["edit"]["fields"].as_array().expect("fields").clone();
        fields.iter().map(|field| field["fate"].clone()).collect()
    };
    assert_eq!(fates("image"), ["followed", "followed"]);
    for fate in ["followed", "waits", "creationOnly", "ignored"] {
        assert!(fates("waits").contains(&fate.into()), "{fate}");
    }
    assert_eq!(of("gone")["outcome"], "removed");
    assert_eq!(report["summary"]["destructive"], 1, "the claim of one node goes with it");
    assert_eq!(of("behind")["changes"][0]["from"], "registry.example/seid:v6.2.0", "its own status is used");
    assert_eq!(of("behind")["plan"]["targetGeneration"], 5);
}

/// Every row of the table of drift, and every edit that is refused: what it costs, in words.
#[test]
fn every_kind_of_edit_is_told_in_words() {
    let [old, new] = ["old", "new"].map(|which| format!("fixtures/edits/drift/{which}.yaml"));
    let mut settings = Platform::demo_map();
    settings.insert("SEI_TLS_ALLOWED_ISSUERS".to_owned(), "ClusterIssuer/ca,ClusterIssuer/other".to_owned());
    let environment: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let plan = ["plan", "--from", &old, "--to", &new];
    insta::assert_snapshot!("edit-drift", transcript(&plan, &environment, ""));
    let output = run(&[&plan[..], &["-o", "json"]].concat(), &environment, "");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let plans = report["results"].as_array().expect("results").iter().filter_map(|result| result["plan"].as_object());
    let told: BTreeSet<String> = plans
        .flat_map(|plan| plan["drift"].as_array().cloned().unwrap_or_default())
        .map(|kind| kind.to_string())
        .collect();
    let known = DRIFT.iter().map(|(kind, _)| serde_json::json!(kind).to_string()).collect();
    assert_eq!(told, known);
}

#[test]
fn exit_codes_of_edits_are_those_of_plans() {
    let code = |args: &[&str]| run(args, &[], "").status.code();
    assert_eq!(code(&["plan", "--from", OLD, "--to", NEW]), Some(1), "some are refused");
    assert_eq!(code(&["plan", "--from", OLD, "--to", OLD]), Some(0));
    assert_eq!(code(&["plan", "--from", OLD, "--to", "fixtures/cli/empty-list", "--detailed-exitcode"]), Some(2));
    assert_eq!(code(&["plan", "--from", OLD]), Some(1), "--to is missing");
    assert_eq!(code(&["plan", "--from", OLD, "--to", NEW, "-f", NEW]), Some(1));
    assert_eq!(code(&["plan", "--from", "fixtures/cli/nowhere", "--to", OLD]), Some(1));
}

#[test]
fn the_readme_shows_real_output() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("the README");
    let block = readme.split("```console\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block");
    let real = String::from_utf8(run(&["plan", "--from", OLD, "--to", NEW], &[], "").stdout).expect("UTF-8");
    for line in block.lines().skip(1).filter(|line| *line != "…") {
        assert!(real.lines().any(|told| told == line), "README shows {line:?}");
    }
}
