//! What an update leaves as it is. In a list that is a map by some keys the order of the elements means nothing.

use serde_json::{Map, Value};

/// Whether the API server takes a value of this schema for the same as before.
pub(super) fn unchanged(schema: &Value, value: &Value, old: &Value) -> bool {
    match (value, old) {
        (Value::Object(fields), Value::Object(old)) => {
            let same = |(name, field): (&String, &Value)| {
                old.get(name).is_some_and(|old| unchanged(schema_of_field(schema, name), field, old))
            };
            fields.len() == old.len() && fields.iter().all(same)
        }
        (Value::Array(items), Value::Array(old)) if items.len() == old.len() => {
            let same = |(item, at_its_place)| {
                let old = if keys_of(schema).is_some() { counterpart(schema, item, old) } else { Some(at_its_place) };
                old.is_some_and(|old| unchanged(&schema["items"], item, old))
            };
            items.iter().zip(old).all(same)
        }
        _ => value == old,
    }
}

/// The schema of a field, null where nothing is known about it.
pub(super) fn schema_of_field<'a>(schema: &'a Value, name: &str) -> &'a Value {
    let property = schema.get("properties").and_then(|properties| properties.get(name));
    property.unwrap_or(&schema["additionalProperties"])
}

/// The element of the old list that an element was before; only lists that are maps can tell.
pub(super) fn counterpart<'a>(schema: &Value, item: &Value, old: &'a [Value]) -> Option<&'a Value> {
    let keys = keys_of(schema)?;
    let key_of = |item: &Value| -> Map<String, Value> {
        let keys = keys.iter().filter_map(Value::as_str);
        keys.map(|key| (key.to_owned(), item.get(key).cloned().unwrap_or_default())).collect()
    };
    let own = key_of(item);
    old.iter().find(|old| key_of(old) == own)
}

fn keys_of(schema: &Value) -> Option<&Vec<Value>> {
    schema.get("x-kubernetes-list-map-keys")?.as_array()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_maps_forget_their_order() {
        let list = json!({"items": {}});
        let map = json!({"items": {}, "x-kubernetes-list-map-keys": ["k"]});
        let (one, other) = (json!([{"k": "a"}, {"k": "b"}]), json!([{"k": "b"}, {"k": "a"}]));
        assert!(unchanged(&list, &one, &one));
        assert!(!unchanged(&list, &one, &other));
        assert!(unchanged(&map, &one, &other));
        assert!(!unchanged(&map, &one, &json!([{"k": "a"}, {"k": "b", "v": 1}])));
        assert!(unchanged(&json!({"properties": {"l": map}}), &json!({"l": one}), &json!({"l": other})));
    }
}
