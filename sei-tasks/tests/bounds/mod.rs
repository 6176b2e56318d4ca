//! The bounds and rules of a schema, by name, and objects that break one of them each. Shared with the suite on a real API server.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// Keywords that bound values. Whatever else stands in a schema describes, types or shapes it.
const BOUNDS: [&str; 9] =
    ["enum", "maxItems", "maxLength", "minItems", "minLength", "minProperties", "minimum", "pattern", LIST_KEYS];
/// Makes a map of a list.
pub(crate) const LIST_KEYS: &str = "x-kubernetes-list-map-keys";
const OTHER_KEYWORDS: [&str; 12] = [
    "additionalProperties",
    "anyOf",
    "default",
    "description",
    "format",
    "items",
    "properties",
    "required",
    "type",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-type",
    "x-kubernetes-validations",
];
/// Keeps what is below it as it stands.
const ANYTHING: &str = "x-kubernetes-preserve-unknown-fields";

/// Every bound and rule inside a schema, named by its place: `spec.peers[].static.addresses minItems`.
pub(crate) fn bounds_of(path: &str, schema: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (keyword, value) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "properties" => {
                for (name, property) in value.as_object().unwrap() {
                    found.extend(bounds_of(&format!("{path}.{name}"), property));
                }
            }
            "items" => found.extend(bounds_of(&format!("{path}[]"), value)),
            "additionalProperties" => found.extend(bounds_of(&format!("{path}{{}}"), value)),
            "required" => {
                let names = value.as_array().unwrap().iter();
                found.extend(names.map(|n| format!("{path}.{} required", n.as_str().unwrap())));
            }
            "x-kubernetes-validations" => {
                let rules = value.as_array().unwrap().iter();
                found.extend(rules.map(|r| format!("{path} rule {}", r["rule"].as_str().unwrap())));
            }
            // The API server holds no number to its format.
            "format" if value == "date-time" => {
                found.insert(format!("{path} format"));
            }
            ANYTHING => {}
            bound if BOUNDS.contains(&bound) => {
                found.insert(format!("{path} {bound}"));
            }
            other => assert!(OTHER_KEYWORDS.contains(&other), "{path}: this test does not know the keyword {other}"),
        }
    }
    found
}

/// Copies of `object`, each with one bound of `schema` broken, by the names of [`bounds_of`]. Bounds of what the object does not have are
/// left out. `path` is where both stand, as in `status`.
pub(crate) fn broken(path: &str, schema: &Value, object: &Value) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    Breaker { whole: object, found: &mut found }.value(path, &format!("/{path}"), schema);
    found
}

struct Breaker<'a> {
    whole: &'a Value,
    found: &'a mut BTreeMap<String, Value>,
}

impl Breaker<'_> {
    fn value(&mut self, path: &str, pointer: &str, schema: &Value) {
        let Some(value) = self.whole.pointer(pointer) else { return };
        for (keyword, bound) in schema.as_object().unwrap() {
            let worse = match keyword.as_str() {
                "enum" | "pattern" => json!("!"),
                "format" if bound == "date-time" => json!("noon"),
                "minLength" => json!(""),
                "maxLength" => json!("a".repeat(usize::try_from(bound.as_u64().unwrap()).unwrap() + 1)),
                "minimum" => json!(bound.as_f64().unwrap() as i64 - 1),
                "minItems" => json!([]),
                "minProperties" => json!({}),
                LIST_KEYS => json!([value[0], value[0]]),
                _ => continue,
            };
            self.found.insert(format!("{path} {keyword}"), self.with(pointer, worse));
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let mut without = self.whole.clone();
            without.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(name);
            self.found.insert(format!("{path}.{name} required"), without);
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            self.value(&format!("{path}.{name}"), &format!("{pointer}/{name}"), property);
        }
        for (number, _) in value.as_array().into_iter().flatten().enumerate() {
            self.value(&format!("{path}[]"), &format!("{pointer}/{number}"), &schema["items"]);
        }
        if let (Some(entries), Some(entry)) = (value.as_object(), schema.get("additionalProperties")) {
            for name in entries.keys() {
                self.value(&format!("{path}{{}}"), &format!("{pointer}/{name}"), entry);
            }
        }
    }

    fn with(&self, pointer: &str, value: Value) -> Value {
        let mut whole = self.whole.clone();
        *whole.pointer_mut(pointer).unwrap() = value;
        whole
    }
}
