//! The API server's checks of an object's shape: everything but rules, which the CEL library evaluates.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::{Map, Value};

/// One reason to refuse an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// The bound: path in the schema and keyword, for example `spec.image maxLength`.
    pub(crate) bound: String,
    /// What the API server says, as far as it is the same in all its versions.
    pub(crate) message: String,
}

/// Keywords that bound values. Whatever else stands in a schema describes, types or shapes it.
const BOUNDS: [&str; 9] = [
    "enum",
    "maxItems",
    "maxLength",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "pattern",
    "x-kubernetes-list-map-keys",
];
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

/// Every bound and rule inside a schema, named as violations name them.
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
            bound if BOUNDS.contains(&bound) => {
                found.insert(format!("{path} {bound}"));
            }
            other => assert!(OTHER_KEYWORDS.contains(&other), "{path}: this test does not know the keyword {other}"),
        }
    }
    found
}

/// Checks a value against a schema, rules aside. `path` is that of the value, `bound` that of the schema.
pub(crate) fn check(schema: &Value, value: &Value, path: &str, bound: &str, out: &mut Vec<Violation>) {
    if !type_fits(schema, value) {
        note(out, format!("{bound} type"), format!("{path}: Invalid value"));
        return;
    }
    check_enum(schema, value, path, bound, out);
    match value {
        Value::Object(fields) => check_object(schema, fields, path, bound, out),
        Value::Array(items) => check_array(schema, items, path, bound, out),
        Value::String(text) => check_text(schema, text, path, bound, out),
        Value::Number(number) => {
            let minimum = schema["minimum"].as_f64().unwrap_or(f64::MIN);
            if number.as_f64().unwrap() < minimum {
                let message = format!("{path} in body should be greater than or equal to {minimum}");
                note(out, format!("{bound} minimum"), message);
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

fn note(out: &mut Vec<Violation>, bound: String, message: String) {
    out.push(Violation { bound, message });
}

fn type_fits(schema: &Value, value: &Value) -> bool {
    if schema["x-kubernetes-int-or-string"] == true {
        return value.is_i64() || value.is_string();
    }
    match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64(),
        Some("boolean") => value.is_boolean(),
        other => panic!("unknown type {other:?}"),
    }
}

fn check_enum(schema: &Value, value: &Value, path: &str, bound: &str, out: &mut Vec<Violation>) {
    if schema["enum"].as_array().is_some_and(|e| !e.contains(value)) {
        note(out, format!("{bound} enum"), format!("{path}: Unsupported value: {value}"));
    }
}

fn check_object(schema: &Value, fields: &Map<String, Value>, path: &str, bound: &str, out: &mut Vec<Violation>) {
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap();
        if !fields.contains_key(name) {
            let message = format!("{path}.{name}: Required value");
            note(out, format!("{bound}.{name} required"), message);
        }
    }
    if (fields.len() as u64) < schema["minProperties"].as_u64().unwrap_or(0) {
        let message = format!("{path} in body should have at least 1 properties");
        note(out, format!("{bound} minProperties"), message);
    }
    for (name, value) in fields {
        let inner = format!("{path}.{name}");
        if let Some(property) = schema["properties"].get(name) {
            check(property, value, &inner, &format!("{bound}.{name}"), out);
        } else if let Some(values) = schema.get("additionalProperties") {
            check(values, value, &inner, &format!("{bound}{{}}"), out);
        } else {
            // The API server drops such a field and goes on; in a fixture it is a slip of the pen.
            note(out, format!("{bound} unknown field"), format!("{inner}: unknown field"));
        }
    }
}

fn check_array(schema: &Value, items: &[Value], path: &str, bound: &str, out: &mut Vec<Violation>) {
    let count = items.len() as u64;
    if count < schema["minItems"].as_u64().unwrap_or(0) {
        let message = format!("{path} in body should have at least 1 items");
        note(out, format!("{bound} minItems"), message);
    }
    if count > schema["maxItems"].as_u64().unwrap_or(u64::MAX) {
        note(out, format!("{bound} maxItems"), format!("{path}: Too many: {count}"));
    }
    let mut keys = BTreeSet::new();
    for (i, item) in items.iter().enumerate() {
        let inner = format!("{path}[{i}]");
        check(&schema["items"], item, &inner, &format!("{bound}[]"), out);
        let Some(names) = schema["x-kubernetes-list-map-keys"].as_array() else {
            continue;
        };
        let key: Vec<_> = names.iter().map(|n| item[n.as_str().unwrap()].to_string()).collect();
        if !keys.insert(key) {
            let message = format!("{inner}: Duplicate value");
            note(out, format!("{bound} x-kubernetes-list-map-keys"), message);
        }
    }
}

fn check_text(schema: &Value, text: &str, path: &str, bound: &str, out: &mut Vec<Violation>) {
    let length = text.chars().count() as u64;
    if length < schema["minLength"].as_u64().unwrap_or(0) {
        let message = format!("{path} in body should be at least 1 chars long");
        note(out, format!("{bound} minLength"), message);
    }
    if length > schema["maxLength"].as_u64().unwrap_or(u64::MAX) {
        note(out, format!("{bound} maxLength"), format!("{path}: Too long"));
    }
    if let Some(pattern) = schema["pattern"].as_str()
        && !Regex::new(pattern).unwrap().is_match(text)
    {
        let message = format!("{path} in body should match '{pattern}'");
        note(out, format!("{bound} pattern"), message);
    }
}
