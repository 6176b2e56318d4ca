//! Every rule and bound of `spec` has a case in `fixtures/crd/`: an object it refuses, one close to it that it accepts,
//! and what it says. With `old.yaml` the two are updates of that object. A suite on a real API server replays the cases.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]

mod schema;
mod structure;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use kube::core::cel::Validator;
use serde_json::Value;

use schema::{fixture, ours, schema_of, yaml};
use structure::{Violation, bounds_of, check};

struct Case {
    name: String,
    good: Value,
    bad: Value,
    old: Option<Value>,
    message: String,
}

fn cases() -> Vec<Case> {
    let entries = fs::read_dir(fixture("crd")).unwrap();
    let mut folders: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    folders.retain(|f| f.is_dir());
    folders.sort();
    folders.iter().map(|f| case(f)).collect()
}

fn case(folder: &Path) -> Case {
    let old = folder.join("old.yaml");
    let message = fs::read_to_string(folder.join("message.txt")).unwrap();
    Case {
        name: folder.file_name().unwrap().to_str().unwrap().to_owned(),
        good: yaml(&folder.join("good.yaml")),
        bad: yaml(&folder.join("bad.yaml")),
        old: old.exists().then(|| yaml(&old)),
        message: message.trim().to_owned(),
    }
}

/// A field whose name is a word of the rule language can be read by its plain name on an API server. The library knows
/// only the escaped name, takes the plain one for an absent field, and the rule would hold for every object.
const API_SERVER_SPELLING: &str = "elf.import)";
const LIBRARY_SPELLING: &str = "elf.__import__)";

fn spelled_for_library(schema: &Value) -> Value {
    let text = schema.to_string();
    let text = text.replace(API_SERVER_SPELLING, LIBRARY_SPELLING);
    serde_json::from_str(&text).unwrap()
}

/// Everything the API server would refuse an object (or its update from `old`) for.
fn violations(schema: &Value, object: &Value, old: Option<&Value>) -> Vec<Violation> {
    let mut found = Vec::new();
    let properties = &schema["properties"];
    check(&properties["spec"], &object["spec"], "spec", "spec", &mut found);
    let rules = Validator::new().validate(&spelled_for_library(schema), object, old);
    for error in rules.err().into_iter().flatten() {
        let path = schema_path(&error.field_path);
        let rule = error.rule.replace(LIBRARY_SPELLING, API_SERVER_SPELLING);
        found.push(Violation {
            bound: format!("{path} rule {rule}"),
            message: format!("{}: {}", error.field_path, error.message),
        });
    }
    found
}

/// `spec.peers[3].label` -> `spec.peers[].label`
fn schema_path(path: &str) -> String {
    let mut parts = path.split('[');
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |sofar, part| sofar + "[" + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}

#[test]
fn good_objects_are_accepted_and_bad_ones_refused_for_the_stated_reason() {
    let ours = ours();
    let schema = schema_of(&ours);
    for case in cases() {
        let name = &case.name;
        if let Some(old) = &case.old {
            assert_eq!(violations(schema, old, None), [], "{name}/old.yaml");
        }
        let good = violations(schema, &case.good, case.old.as_ref());
        assert_eq!(good, [], "{name}/good.yaml");
        let bad = violations(schema, &case.bad, case.old.as_ref());
        let told = bad.iter().any(|v| v.message.contains(&case.message));
        assert!(told, "{name}/bad.yaml: {bad:#?}");
        assert!(!case.message.is_empty(), "{name}/message.txt");
    }
}

#[test]
fn every_rule_and_bound_of_the_spec_has_a_case() {
    let ours = ours();
    let schema = schema_of(&ours);
    let mut missing = bounds_of("spec", &schema["properties"]["spec"]);
    let total = missing.len();
    assert!(total > 90, "only {total} bounds: did the walk lose its way?");
    for case in cases() {
        let bad = violations(schema, &case.bad, case.old.as_ref());
        for violation in bad.iter().filter(|v| v.message.contains(&case.message)) {
            missing.remove(&violation.bound);
        }
    }
    assert_eq!(missing, BTreeSet::new(), "{} of {total} have no case", missing.len());
}

#[test]
fn the_only_fields_filled_in_are_these_two() {
    fn defaults(path: &str, node: &Value, found: &mut Vec<(String, Value)>) {
        if let Some(value) = node.get("default") {
            found.push((path.to_owned(), value.clone()));
        }
        for (name, property) in node["properties"].as_object().into_iter().flatten() {
            defaults(&format!("{path}.{name}"), property, found);
        }
        if node["items"].is_object() {
            defaults(&format!("{path}[]"), &node["items"], found);
        }
    }
    let mut found = Vec::new();
    defaults("", schema_of(&ours()), &mut found);
    let keyring = ".spec.validator.operatorKeyring.secret.keyName".to_owned();
    let port = ".spec.sidecar.port".to_owned();
    assert_eq!(found, [(port, 7777.into()), (keyring, "node_admin".into())]);
}
