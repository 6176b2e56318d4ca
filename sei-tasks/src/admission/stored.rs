//! The form in which the API server stores an object: known fields only, no nulls, defaults filled in.

use serde_json::{Map, Value};

use super::shape::flag;

/// The stored form of an object of the kind that `schema` describes.
pub(super) fn stored(schema: &Value, object: Value) -> Value {
    let Value::Object(fields) = object else { return object };
    // The API server knows these by itself, whatever the schema says about them.
    let is_own = |name: &String| ["apiVersion", "kind", "metadata"].contains(&name.as_str());
    let (own, rest): (Map<String, Value>, Map<String, Value>) = fields.into_iter().partition(|(name, _)| is_own(name));
    let mut stored = known_fields(schema, rest);
    stored.extend(own);
    Value::Object(stored)
}

/// The stored form of what a schema describes.
pub(super) fn known(schema: &Value, value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(known_fields(schema, fields)),
        Value::Array(items) => Value::Array(items.into_iter().map(|item| known(&schema["items"], item)).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

fn known_fields(schema: &Value, fields: Map<String, Value>) -> Map<String, Value> {
    if flag(schema, "x-kubernetes-preserve-unknown-fields") {
        return fields;
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    let others = schema.get("additionalProperties").filter(|s| s.is_object());
    let mut stored = Map::new();
    for (name, value) in fields {
        let inner = properties.and_then(|p| p.get(&name)).or(others);
        if let Some(inner) = inner.filter(|inner| !value.is_null() || flag(inner, "nullable")) {
            stored.insert(name, known(inner, value));
        }
    }
    for (name, property) in properties.into_iter().flatten() {
        if let Some(default) = property.get("default") {
            stored.entry(name.as_str()).or_insert_with(|| default.clone());
        }
    }
    stored
}
