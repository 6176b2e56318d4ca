//! Our CustomResourceDefinition against the one of the controller before us (`fixtures/compat/seinodes.go.yaml`): equal
//! but for the differences in one table, so that what a running fleet stores stays valid.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{env, fs};

use sei_planner::api::crd;
use serde_json::{Value, json};

/// Path, what differs there, why. Nothing else differs, and everything here does.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    (
        "spec",
        "lost rule (!has(oldSelf.sidecar) || !has(oldSelf.sidecar.tls)) ? (!has(self.sidecar) || !has(self.sidecar.tls)) : (has(self.sidecar) && has(self.sidecar.tls) && self.sidecar.tls == oldSelf.sidecar.tls)",
        TLS,
    ),
    (
        "spec",
        "new rule !(has(oldSelf.sidecar) && has(oldSelf.sidecar.tls) && has(oldSelf.sidecar.tls.secretName)) && !(has(self.sidecar) && has(self.sidecar.tls) && has(self.sidecar.tls.secretName)) || has(oldSelf.sidecar) && has(oldSelf.sidecar.tls) && has(self.sidecar) && has(self.sidecar.tls) && self.sidecar.tls == oldSelf.sidecar.tls",
        TLS,
    ),
    ("spec.sidecar.tls", "no longer required: secretName", TLS),
    ("spec.sidecar.tls", "new property issuerName", TLS),
    ("spec.sidecar.tls", "new property issuerKind", TLS),
    ("spec.sidecar.tls", "new rule has(self.secretName) != has(self.issuerName)", TLS),
    ("spec.sidecar.tls", "new rule !has(self.issuerKind) || has(self.issuerName)", TLS),
    ("", "new rule !has(oldSelf.spec) || has(self.spec)", PARENT),
    ("spec", "new rule !has(oldSelf.dataVolume) || !has(oldSelf.dataVolume.import) || has(self.dataVolume)", PARENT),
    (
        "spec",
        "new rule !has(oldSelf.validator) || has(self.validator) || !(has(oldSelf.validator.signingKey) || has(oldSelf.validator.nodeKey) || has(oldSelf.validator.operatorKeyring))",
        PARENT,
    ),
    ("spec.validator", "new rule !has(oldSelf.signingKey) || has(self.signingKey)", PARENT),
    ("spec.validator", "new rule !has(oldSelf.nodeKey) || has(self.nodeKey)", PARENT),
    ("spec.validator", "new rule !has(oldSelf.operatorKeyring) || has(self.operatorKeyring)", PARENT),
    ("spec.dataVolume", "new property retainOnDelete", "a node's volume may outlive the node"),
    ("status", "new property applied", RECORD),
    ("status", "new property bootstrappedHeight", "a bootstrap never runs twice on one volume"),
    ("status", "new property currentSidecarTLS", RECORD),
    ("status", "new property importedPVCs", "a claim that was ever imported is never deleted"),
    ("status", "new property nodeKeyMountedSecret", RECORD),
    ("status", "new property observedMode", RECORD),
    ("status", "new property signingKeyLeases", "a consensus key has one holder, and its record outlives the operator"),
    ("status", "new property signingKeyMountedSecret", RECORD),
    ("status", "new property stateSyncConfigured", RECORD),
    ("status", "new property podTemplate", "a pod that the operator would make differently today is told"),
    ("status", "new property sidecarCertificateNotAfter", "an expiry is told before it comes"),
    ("status", "new property refreshed", "each request for a pod of today's template is followed once"),
    ("status", "new property statefulSetGeneration", "a write of somebody else to the StatefulSet is noticed"),
    ("status.plan", "new property kind", PLAN),
    ("status.plan", "new property drift", PLAN),
    (
        "status.plan",
        "new property startedAt",
        "how long a plan takes, and since when it is active, is measured from status",
    ),
    ("status.plan", "new property targetGeneration", PLAN),
    ("status.plan", "new property failures", RETRY),
    ("status.plan", "new property retryAt", RETRY),
    ("status.plan", "new property retryToken", RETRY),
    ("status.plan", "new property inDoubt", "what a plan that did not end may have written is not forgotten"),
    ("status.plan", "new property unfinished", "two tasks must not share a disk"),
    ("status.plan.tasks[].status", "new value \"Running\"", "submitted and not finished is told from not begun"),
    ("status.plan.tasks[]", "new property notBefore", RETRY),
    ("status.plan.tasks[]", "new property waitingFor", "every waiting task says what it waits for"),
    ("status.plan.tasks[]", "new property waitingSince", "every waiting task says since when it waits"),
];
const TLS: &str = "certificates may also come from an issuer, and those are free to change";
const PARENT: &str = "what cannot be changed cannot be dropped with its parent either, and set anew";
const RECORD: &str = "what was really applied is recorded, so that an edit is noticed";
const PLAN: &str = "what a plan does is stored, not inferred";
const RETRY: &str = "a failed plan is tried again, later each time";

/// A path below `fixtures/` of the repository.
fn fixture(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(path)
}

/// The YAML file at a path.
fn yaml(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Our CustomResourceDefinition as it is written to a file.
fn ours() -> Value {
    crd::manifest(&crd::seinode()).unwrap()
}

/// The schema of a definition's only version.
fn schema_of(definition: &Value) -> &Value {
    definition.pointer(crd::SCHEMA).unwrap()
}

#[test]
fn the_schema_differs_only_as_intended() {
    let (theirs, ours) = (yaml(&fixture("compat/seinodes.go.yaml")), ours());
    let mut found = BTreeSet::new();
    compare("", schema_of(&theirs), schema_of(&ours), &mut found);
    let intended = DIFFERENCES.iter().map(|(path, what, _)| format!("{path}: {what}"));
    let intended: BTreeSet<_> = intended.collect();
    let surprises: Vec<_> = found.difference(&intended).collect();
    let vanished: Vec<_> = intended.difference(&found).collect();
    assert!(surprises.is_empty(), "not in the table: {surprises:#?}");
    assert!(vanished.is_empty(), "in the table only: {vanished:#?}");
}

#[test]
fn names_columns_and_subresources_are_equal() {
    let without_schema = |mut definition: Value| {
        definition["spec"]["versions"][0]["schema"].take();
        definition["spec"].take()
    };
    let theirs = yaml(&fixture("compat/seinodes.go.yaml"));
    assert_eq!(theirs["metadata"]["name"], ours()["metadata"]["name"]);
    assert_eq!(without_schema(theirs), without_schema(ours()));
}

#[test]
fn an_absent_field_is_absent_and_integers_are_integers() {
    let text = ours().to_string();
    assert!(!text.contains("nullable"));
    let mut stack = vec![ours()];
    while let Some(value) = stack.pop() {
        match value {
            Value::Number(n) => assert!(n.is_i64(), "{n}"),
            Value::Array(items) => stack.extend(items),
            Value::Object(fields) => stack.extend(fields.into_iter().map(|(_, v)| v)),
            Value::Null => panic!("a null"),
            Value::Bool(_) | Value::String(_) => {}
        }
    }
}

#[test]
fn every_field_is_described_in_a_few_lines() {
    fn walk(path: &str, node: &Value) {
        let text = node["description"].as_str().unwrap_or_default();
        assert!(text.len() < 300, "{path}: {text}");
        for (name, property) in node["properties"].as_object().into_iter().flatten() {
            let inner = format!("{path}.{name}");
            let described = property["description"].is_string() || inner == ".metadata";
            assert!(described, "{inner} has no description");
            walk(&inner, property);
        }
        if node["items"].is_object() {
            walk(&format!("{path}[]"), &node["items"]);
        }
    }
    walk("", schema_of(&ours()));
}

/// The definition as a file, for review and for suites that install it. `UPDATE_FIXTURES=1` writes it anew.
#[test]
fn the_file_is_what_the_types_say() {
    let path = fixture("crd/seinodes.yaml");
    let generated = serde_saphyr::to_string(&ours()).unwrap();
    assert_eq!(serde_saphyr::from_str::<Value>(&generated).unwrap(), ours());
    if env::var_os("UPDATE_FIXTURES").is_some() {
        fs::write(&path, &generated).unwrap();
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == generated,
        "{} is stale; run UPDATE_FIXTURES=1 cargo test -p sei-planner --test crd_compat",
        path.display()
    );
}

/// Notes how `new` differs from `old`, descriptions and messages aside.
fn compare(path: &str, old: &Value, new: &Value, found: &mut BTreeSet<String>) {
    let (old, new) = (old.as_object().unwrap(), new.as_object().unwrap());
    let keywords: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    for keyword in keywords {
        let absent = Value::Null;
        let (a, b) = (old.get(keyword).unwrap_or(&absent), new.get(keyword).unwrap_or(&absent));
        match keyword.as_str() {
            "description" => {}
            "properties" => compare_properties(path, a, b, found),
            "items" if a.is_object() && b.is_object() => compare(&format!("{path}[]"), a, b, found),
            "additionalProperties" if a.is_object() && b.is_object() => {
                compare(&format!("{path}{{}}"), a, b, found);
            }
            "required" => compare_lists(path, ["no longer required:", "newly required:"], a, b, found),
            "enum" => compare_lists(path, ["lost value", "new value"], a, b, found),
            "x-kubernetes-validations" => compare_rules(path, a, b, found),
            _ if a == b => {}
            other => {
                found.insert(format!("{path}: {other} {a} -> {b}"));
            }
        }
    }
}

fn compare_properties(path: &str, old: &Value, new: &Value, found: &mut BTreeSet<String>) {
    let none = serde_json::Map::new();
    let (old, new) = (old.as_object().unwrap_or(&none), new.as_object().unwrap_or(&none));
    for name in old.keys().chain(new.keys()) {
        match (old.get(name), new.get(name)) {
            (Some(a), Some(b)) => {
                let dot = if path.is_empty() { "" } else { "." };
                compare(&format!("{path}{dot}{name}"), a, b, found);
            }
            (Some(_), None) => {
                found.insert(format!("{path}: lost property {name}"));
            }
            (None, _) => {
                found.insert(format!("{path}: new property {name}"));
            }
        }
    }
}

/// The order of required names and of enum values means nothing.
fn compare_lists(path: &str, words: [&str; 2], old: &Value, new: &Value, found: &mut BTreeSet<String>) {
    let set = |list: &Value| -> BTreeMap<String, ()> {
        let items = list.as_array().into_iter().flatten();
        items.map(|i| (bare(i, words[0]), ())).collect()
    };
    let (old, new) = (set(old), set(new));
    let lost = old.keys().filter(|k| !new.contains_key(*k));
    found.extend(lost.map(|k| format!("{path}: {} {k}", words[0])));
    let gained = new.keys().filter(|k| !old.contains_key(*k));
    found.extend(gained.map(|k| format!("{path}: {} {k}", words[1])));
}

/// Names of properties are plain, values are JSON.
fn bare(item: &Value, word: &str) -> String {
    if word == "lost value" {
        return item.to_string();
    }
    item.as_str().unwrap().to_owned()
}

/// Rules are compared by expression; those on both sides must stand in the same order.
fn compare_rules(path: &str, old: &Value, new: &Value, found: &mut BTreeSet<String>) {
    let rules = |list: &Value| -> Vec<String> {
        let rules = list.as_array().into_iter().flatten();
        rules.map(|r| r["rule"].as_str().unwrap().to_owned()).collect()
    };
    for rule in new.as_array().into_iter().flatten() {
        let keys: Vec<_> = rule.as_object().unwrap().keys().collect();
        assert_eq!(json!(keys), json!(["message", "rule"]), "{path}: {rule}");
    }
    let (old, new) = (rules(old), rules(new));
    let lost = old.iter().filter(|r| !new.contains(r));
    found.extend(lost.map(|r| format!("{path}: lost rule {r}")));
    let gained = new.iter().filter(|r| !old.contains(r));
    found.extend(gained.map(|r| format!("{path}: new rule {r}")));
    let kept_old: Vec<_> = old.iter().filter(|r| new.contains(r)).collect();
    let kept_new: Vec<_> = new.iter().filter(|r| old.contains(r)).collect();
    assert_eq!(kept_old, kept_new, "{path}: the order of rules changed");
}
