//! Every rule and bound of `spec` has a case in `fixtures/crd/`: an object it refuses, one close to it that it accepts,
//! and what it says. With `old.yaml` the two are updates of that object. A suite on a real API server replays the cases.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use sei_planner::api::crd;
use sei_tasks::admission::{Admission, Violation};
use serde_json::Value;

mod bounds;

use bounds::{LIST_KEYS, bounds_of, broken};

struct Case {
    name: String,
    good: Value,
    bad: Value,
    old: Option<Value>,
    message: String,
}

impl Case {
    /// What there is to say against an object of the case; with `old`, against the update to it.
    fn violations(&self, admission: &Admission, object: &Value) -> Vec<Violation> {
        match &self.old {
            Some(old) => admission.update(old, object),
            None => admission.create(object),
        }
    }
}

fn yaml(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn cases() -> Vec<Case> {
    let crd = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/crd");
    let entries = fs::read_dir(crd).unwrap();
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

/// The bound that is broken, named by its place in the schema: `spec.peers[].static.addresses minItems`.
fn bound_of(schema: &Value, violation: &Violation) -> String {
    let mut at = schema;
    let mut path = Vec::new();
    for step in violation.path.split('.').filter(|step| !step.is_empty()) {
        let (name, is_element) = step.split_once('[').map_or((step, false), |(name, _)| (name, true));
        let property = &at["properties"][name];
        let named = property.is_object();
        // An absent property is the keyword's own, as in `spec.image required`.
        path.push(if named { name } else { "{}" }.to_owned() + if is_element { "[]" } else { "" });
        at = if named { property } else { &at["additionalProperties"] };
        at = if is_element { &at["items"] } else { at };
    }
    let path = path.join(".").replace(".{}", "{}");
    match &violation.rule {
        Some(rule) => format!("{path} rule {rule}"),
        // Told of an element, asked for by the list.
        None if violation.keyword == LIST_KEYS => format!("{} {LIST_KEYS}", path.trim_end_matches("[]")),
        None => format!("{path} {}", violation.keyword),
    }
}

/// The API server drops an unknown field and goes on; in a fixture it is a slip of the pen.
fn assert_known(name: &str, object: &Value, stored: &Value) {
    for (field, value) in object.as_object().into_iter().flatten() {
        assert!(stored.get(field).is_some(), "{name}: unknown field {field}");
        assert_known(name, value, &stored[field]);
    }
    for (i, value) in object.as_array().into_iter().flatten().enumerate() {
        assert_known(name, value, &stored[i]);
    }
}

#[test]
fn good_objects_are_accepted_and_bad_ones_refused_for_the_stated_reason() {
    let admission = Admission::of_seinodes();
    for case in cases() {
        let name = &case.name;
        for object in [&case.good, &case.bad].into_iter().chain(&case.old) {
            assert_known(name, object, &admission.defaulted(object.clone()));
        }
        if let Some(old) = &case.old {
            assert_eq!(admission.create(old), [], "{name}/old.yaml");
        }
        assert_eq!(case.violations(&admission, &case.good), [], "{name}/good.yaml");
        let bad = case.violations(&admission, &case.bad);
        let told = bad.iter().any(|v| v.to_string().contains(&case.message));
        assert!(told, "{name}/bad.yaml: {bad:#?}");
        assert!(!case.message.is_empty(), "{name}/message.txt");
    }
}

#[test]
fn every_rule_and_bound_of_the_spec_has_a_case() {
    let (admission, schema) = (Admission::of_seinodes(), crd::schema().unwrap());
    let mut missing = bounds_of("spec", &schema["properties"]["spec"]);
    let root = schema["x-kubernetes-validations"].as_array().unwrap();
    missing.extend(root.iter().map(|rule| format!(" rule {}", rule["rule"].as_str().unwrap())));
    let total = missing.len();
    assert!(total > 90, "only {total} bounds: did the walk lose its way?");
    for case in cases() {
        let bad = case.violations(&admission, &case.bad);
        for violation in bad.iter().filter(|v| v.to_string().contains(&case.message)) {
            missing.remove(&bound_of(&schema, violation));
        }
    }
    assert_eq!(missing, BTreeSet::new(), "{} of {total} have no case", missing.len());
}

/// Each of them is broken by itself, and refused for that.
#[test]
fn every_bound_of_the_status_is_held() {
    let (admission, schema) = (Admission::of_seinodes(), crd::schema().unwrap());
    let good = yaml(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/crd/status.yaml"));
    assert_known("status.yaml", &good, &admission.defaulted(good.clone()));
    let old = without(&good, "/status");
    assert_eq!(admission.update_status(&old, &good), [], "status.yaml");
    let status = &schema["properties"]["status"];
    let cases = broken("status", status, &good);
    assert_eq!(cases.keys().cloned().collect::<BTreeSet<_>>(), bounds_of("status", status), "every bound has a case");
    assert!(cases.len() > 40, "only {} bounds: did the walk lose its way?", cases.len());
    for (bound, bad) in &cases {
        let found = admission.update_status(&old, bad);
        let told = found.iter().any(|violation| bound_of(&schema, violation) == *bound);
        assert!(told, "{bound}: {found:#?}");
    }
}

/// Rules about changes are asked only where the value is on both sides: at every parent something else must refuse.
#[test]
fn nothing_that_is_fixed_goes_with_a_parent() {
    let (admission, schema) = (Admission::of_seinodes(), crd::schema().unwrap());
    let mut fixed = Vec::new();
    fixed_paths("", &schema, &mut fixed);
    let mut tried: BTreeMap<String, usize> = fixed.iter().map(|path| (path.clone(), 0)).collect();
    for case in cases() {
        let objects = [&case.good].into_iter().chain(&case.old);
        for (object, path) in objects.flat_map(|object| fixed.iter().map(move |path| (object, path))) {
            let stored = admission.defaulted(object.clone());
            if stored.pointer(path).is_none() {
                continue;
            }
            *tried.entry(path.clone()).or_default() += 1;
            for parent in path.match_indices('/').skip(1).map(|(end, _)| &path[..end]).chain([path.as_str()]) {
                let edited = without(&stored, parent);
                let found = admission.update(&stored, &edited);
                assert_ne!(found, [], "{}: {path} went with {parent}", case.name);
            }
        }
    }
    assert!(tried.len() >= 6 && tried.values().all(|times| *times > 0), "{tried:?}");
}

/// JSON pointers to what may not change: the value itself, or the Secret of TLS, which a rule further up holds fast.
fn fixed_paths(path: &str, schema: &Value, found: &mut Vec<String>) {
    let rules = schema["x-kubernetes-validations"].as_array().into_iter().flatten();
    if rules.into_iter().any(|rule| rule["rule"] == "self == oldSelf") || path.ends_with("/tls/secretName") {
        found.push(path.to_owned());
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        fixed_paths(&format!("{path}/{name}"), property, found);
    }
}

/// The object without what is at a JSON pointer. A node that loses its mode becomes a full node.
fn without(object: &Value, pointer: &str) -> Value {
    let mut edited = object.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    edited.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
    if pointer == "/spec/validator" {
        edited["spec"]["fullNode"] = Value::Object(serde_json::Map::new());
    }
    edited
}

/// There the library and the API server disagree on what an element was before.
#[test]
fn no_rule_about_changes_stands_inside_a_list() {
    fn lists<'a>(schema: &'a Value, found: &mut Vec<&'a Value>) {
        found.extend(schema.get("items"));
        schema["properties"].as_object().into_iter().flatten().for_each(|(_, property)| lists(property, found));
    }
    let schema = crd::schema().unwrap();
    let mut items = Vec::new();
    lists(&schema, &mut items);
    assert!(items.len() > 5);
    assert!(items.iter().all(|item| !item.to_string().contains("oldSelf")));
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
    defaults("", &crd::schema().unwrap(), &mut found);
    let keyring = ".spec.validator.operatorKeyring.secret.keyName".to_owned();
    let port = ".spec.sidecar.port".to_owned();
    assert_eq!(found, [(port, 7777.into()), (keyring, "node_admin".into())]);
}
