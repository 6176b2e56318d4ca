//! Small helpers on JSON values: paths, merge patches, differences. No Kubernetes in here.

use serde_json::{Map, Value};

/// What is at a path like `/metadata/name`. Unlike a JSON pointer it knows no escapes, and so needs no copies.
pub(super) fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let mut steps = path.split('/').skip(1);
    steps.try_fold(value, |here, step| match here {
        Value::Object(map) => map.get(step),
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    })
}

/// The string at a path, empty when there is none.
pub(super) fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    at(value, path).and_then(Value::as_str).unwrap_or_default()
}

/// The integer at a path, 0 when there is none.
pub(super) fn number(value: &Value, path: &str) -> i64 {
    at(value, path).and_then(Value::as_i64).unwrap_or_default()
}

/// The list at a path, empty when there is none.
pub(super) fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    at(value, path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Puts `new` at a path of keys and makes the objects on the way.
pub(super) fn set(value: &mut Value, path: &[&str], new: Value) {
    let Some((last, parents)) = path.split_last() else {
        *value = new;
        return;
    };
    let mut at = value;
    for key in parents {
        let Some(map) = object(at) else { return };
        at = map.entry(*key).or_insert_with(empty);
    }
    if let Some(map) = object(at) {
        map.insert((*last).to_owned(), new);
    }
}

/// Removes what is at a path of keys.
pub(super) fn remove(value: &mut Value, path: &[&str]) {
    let Some((last, parents)) = path.split_last() else {
        return;
    };
    let mut at = value;
    for key in parents {
        match at.get_mut(*key) {
            Some(next) => at = next,
            None => return,
        }
    }
    if let Some(map) = at.as_object_mut() {
        map.remove(*last);
    }
}

/// The value as an object; anything else becomes an empty one first, so that there always is one.
pub(super) fn object(value: &mut Value) -> Option<&mut Map<String, Value>> {
    if !value.is_object() {
        *value = empty();
    }
    value.as_object_mut()
}

/// `{}`.
pub(super) fn empty() -> Value {
    Value::Object(Map::new())
}

/// Drops members that are `null`, at any depth, as a schema without `nullable` does.
pub(super) fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, member| !member.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The value as text with sorted members: equal values have equal text.
pub(super) fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(value, &mut text);
    text
}

fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(map) => {
            let mut members: Vec<(&String, &Value)> = map.iter().collect();
            members.sort_unstable_by_key(|(key, _)| *key);
            for (key, member) in members {
                text.push_str(key);
                text.push(':');
                write_canonical(member, text);
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                write_canonical(item, text);
                text.push(',');
            }
        }
        Value::String(string) => {
            text.push('"');
            text.push_str(string);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => text.push_str(&value.to_string()),
    }
}

/// Removes members of these names, at any depth.
pub(super) fn drop_members(value: &mut Value, names: &[&str]) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| !names.contains(&key.as_str()));
            map.values_mut().for_each(|member| drop_members(member, names));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| drop_members(item, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nulls_are_dropped_at_any_depth() {
        let mut value = json!({"a": null, "b": [{"c": null, "d": 1}]});
        drop_nulls(&mut value);
        assert_eq!(value, json!({"b": [{"d": 1}]}));
    }

    #[test]
    fn paths_are_made_and_removed() {
        let mut value = json!({});
        set(&mut value, &["a", "b"], json!(1));
        assert_eq!(number(&value, "/a/b"), 1);
        remove(&mut value, &["a", "b"]);
        assert_eq!(value, json!({"a": {}}));
    }
}
