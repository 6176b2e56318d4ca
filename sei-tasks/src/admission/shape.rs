//! The API server's checks of an object's shape: types, bounds, patterns, required fields. Rules are not in here.

use std::collections::BTreeMap;
use std::slice::from_ref;

use regex::Regex;
use serde_json::{Map, Number, Value};

use super::Violation;
use super::unchanged::{counterpart, schema_of_field, unchanged};

/// After one of these the API server evaluates no rules: it could not trust what they would say.
const BLOCKING: [&str; 6] = ["enum", "maxItems", "maxLength", "maxProperties", "required", "type"];

/// Whether a violation keeps the API server from evaluating rules.
pub(super) fn blocks_rules(violation: &Violation) -> bool {
    BLOCKING.contains(&violation.keyword)
}

/// Whether a schema says `true` to a keyword.
pub(super) fn flag(schema: &Value, keyword: &str) -> bool {
    schema.get(keyword) == Some(&Value::Bool(true))
}

/// What has to be compiled to check shapes: the patterns of a schema.
#[derive(Debug)]
pub(super) struct Shape {
    patterns: BTreeMap<String, Regex>,
}

impl Shape {
    /// A pattern that cannot be read is left to the API server; a test proves that ours can.
    pub(super) fn of(schema: &Value) -> Self {
        let mut patterns = BTreeMap::new();
        for text in patterns_of(schema) {
            if let Ok(regex) = Regex::new(text) {
                patterns.insert(text.to_owned(), regex);
            }
        }
        Self { patterns }
    }

    /// What is wrong with the shape of an object. What is the same in `old` is forgiven.
    pub(super) fn check(&self, schema: &Value, object: &Value, old: Option<&Value>) -> Vec<Violation> {
        let mut walk = Walk { shape: self, found: Vec::new() };
        walk.value(schema, object, old, "");
        walk.found
    }
}

fn patterns_of(schema: &Value) -> Vec<&str> {
    match schema {
        Value::Object(fields) => {
            let here = fields.get("pattern").and_then(Value::as_str);
            here.into_iter().chain(fields.values().flat_map(patterns_of)).collect()
        }
        Value::Array(items) => items.iter().flat_map(patterns_of).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

struct Walk<'a> {
    shape: &'a Shape,
    found: Vec<Violation>,
}

impl Walk<'_> {
    fn note(&mut self, path: &str, keyword: &'static str, message: String) {
        self.found.push(Violation { path: path.to_owned(), keyword, rule: None, message });
    }

    fn value(&mut self, schema: &Value, value: &Value, old: Option<&Value>, path: &str) {
        if old.is_some_and(|old| unchanged(schema, value, old)) {
            return;
        }
        if !type_fits(schema, value) {
            self.note(path, "type", format!("Invalid value: {value} is not of type {}", type_of(schema)));
            return;
        }
        if schema.get("enum").and_then(Value::as_array).is_some_and(|words| !words.contains(value)) {
            self.note(path, "enum", format!("Unsupported value: {value}: supported values: {}", schema["enum"]));
        }
        match value {
            Value::Object(fields) => self.object(schema, fields, old, path),
            Value::Array(items) => self.list(schema, items, old, path),
            Value::String(text) => self.text(schema, text, path),
            Value::Number(number) => self.number(schema, number, path),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn object(&mut self, schema: &Value, fields: &Map<String, Value>, old: Option<&Value>, path: &str) {
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        for name in required.filter(|name| !fields.contains_key(*name)) {
            self.note(&dotted(path, name), "required", "Required value".to_owned());
        }
        self.count(schema, fields.len(), ["minProperties", "maxProperties"], "properties", path);
        for (name, value) in fields {
            let old = old.and_then(|old| old.get(name));
            self.value(schema_of_field(schema, name), value, old, &dotted(path, name));
        }
    }

    fn list(&mut self, schema: &Value, items: &[Value], old: Option<&Value>, path: &str) {
        self.count(schema, items.len(), ["minItems", "maxItems"], "items", path);
        let olds = old.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for (i, item) in items.iter().enumerate() {
            let path = format!("{path}[{i}]");
            self.value(&schema["items"], item, counterpart(schema, item, olds), &path);
            let before = items.get(..i).unwrap_or_default().iter();
            // A third of the same key is not told again.
            if before.filter(|other| counterpart(schema, item, from_ref(other)).is_some()).count() == 1 {
                self.note(&path, "x-kubernetes-list-map-keys", "Duplicate value".to_owned());
            }
        }
    }

    fn text(&mut self, schema: &Value, text: &str, path: &str) {
        self.count(schema, text.chars().count(), ["minLength", "maxLength"], "chars", path);
        let pattern = schema.get("pattern").and_then(Value::as_str).and_then(|p| self.shape.patterns.get(p));
        if let Some(regex) = pattern.filter(|regex| !regex.is_match(text)) {
            let message = format!("Invalid value: {text:?}: should match '{regex}'");
            self.note(path, "pattern", message);
        }
        let is_time = schema.get("format").and_then(Value::as_str) == Some("date-time");
        if is_time && text.parse::<jiff::Timestamp>().is_err() {
            self.note(path, "format", format!("Invalid value: {text:?}: must be of type date-time"));
        }
    }

    /// The API server does not hold a number to its `format`: an `int32` of 2^31 is accepted.
    fn number(&mut self, schema: &Value, number: &Number, path: &str) {
        let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
        let value = number.as_f64().unwrap_or(f64::NAN);
        if let Some(least) = bound("minimum").filter(|least| value < *least) {
            let message = format!("Invalid value: {number}: should be greater than or equal to {least}");
            self.note(path, "minimum", message);
        }
        if let Some(greatest) = bound("maximum").filter(|greatest| value > *greatest) {
            let message = format!("Invalid value: {number}: should be less than or equal to {greatest}");
            self.note(path, "maximum", message);
        }
    }

    fn count(&mut self, schema: &Value, count: usize, keywords: [&'static str; 2], what: &str, path: &str) {
        let [least, most] = keywords;
        let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_u64);
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        if let Some(bound) = bound(least).filter(|bound| count < *bound) {
            self.note(path, least, format!("Invalid value: should have at least {bound} {what}"));
        }
        if let Some(bound) = bound(most).filter(|bound| count > *bound) {
            let many = if what == "chars" { "Too long" } else { "Too many" };
            self.note(path, most, format!("{many}: must have at most {bound} {what}"));
        }
    }
}

fn type_of(schema: &Value) -> &str {
    if flag(schema, "x-kubernetes-int-or-string") {
        return "integer or string";
    }
    schema.get("type").and_then(Value::as_str).unwrap_or("anything")
}

fn type_fits(schema: &Value, value: &Value) -> bool {
    match type_of(schema) {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => is_whole(value),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "integer or string" => is_whole(value) || value.is_string(),
        _ => true,
    }
}

/// The API server takes `3.0` for an integer.
fn is_whole(value: &Value) -> bool {
    value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|float| float.fract() == 0.0)
}

fn dotted(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(schema: Value, value: Value) -> Vec<&'static str> {
        let found = Shape::of(&schema).check(&schema, &value, None);
        found.iter().map(|v| v.keyword).collect()
    }

    #[test]
    fn numbers_keep_to_their_bounds() {
        let port = || json!({"type": "integer", "format": "int32", "minimum": 1, "maximum": 9});
        for (value, found) in [(json!(1), vec![]), (json!(9), vec![]), (json!(0), vec!["minimum"])] {
            assert_eq!(check(port(), value), found);
        }
        assert_eq!(check(port(), json!(10)), ["maximum"]);
        assert_eq!(check(json!({"type": "integer", "format": "int32"}), json!(4_000_000_000_i64)), [""; 0]);
        assert_eq!(check(port(), json!(3.0)), [""; 0]);
        assert_eq!(check(port(), json!(3.5)), ["type"]);
        assert_eq!(check(port(), json!("3")), ["type"]);
    }

    #[test]
    fn lists_that_are_maps_have_no_doubles() {
        let items = json!({"type": "object", "properties": {"k": {"type": "string"}, "v": {"type": "string"}}});
        let schema = json!({"type": "array", "maxItems": 2, "x-kubernetes-list-map-keys": ["k"], "items": items});
        assert_eq!(check(schema.clone(), json!([{"k": "a"}, {"k": "b"}])), [""; 0]);
        let doubled = json!([{"k": "a"}, {"k": "b"}, {"k": "a", "v": "x"}, {"k": "a"}]);
        assert_eq!(check(schema, doubled), ["maxItems", "x-kubernetes-list-map-keys"]);
    }

    #[test]
    fn texts_and_times() {
        assert_eq!(check(json!({"type": "string", "pattern": "^a+$", "maxLength": 2}), json!("aaa")), ["maxLength"]);
        assert_eq!(check(json!({"type": "string", "pattern": "^a+$"}), json!("ab")), ["pattern"]);
        let time = json!({"type": "string", "format": "date-time"});
        assert_eq!(check(time.clone(), json!("2026-01-31T12:00:00Z")), [""; 0]);
        assert_eq!(check(time, json!("noon")), ["format"]);
        assert_eq!(check(json!({"x-kubernetes-int-or-string": true, "pattern": "^1$"}), json!(2)), [""; 0]);
    }

    #[test]
    fn every_pattern_of_ours_can_be_read() {
        let schema = sei_planner::api::crd::schema().unwrap_or_default();
        let patterns = patterns_of(&schema);
        assert!(patterns.len() > 10);
        assert!(patterns.iter().all(|pattern| Shape::of(&schema).patterns.contains_key(*pattern)));
    }
}
