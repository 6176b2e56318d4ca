//! The difference of two JSON values as a merge patch (RFC 7396).

use serde_json::{Map, Value};

/// The merge patch that turns `old` into `new`: nulls for what goes, whole lists for what changes in one.
pub(super) fn merge_patch(old: &Value, new: &Value) -> Value {
    let (Some(old), Some(new)) = (old.as_object(), new.as_object()) else { return new.clone() };
    let mut patch = Map::new();
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    for (key, value) in new {
        match old.get(key) {
            Some(before) if before == value => {}
            Some(before) => {
                patch.insert(key.clone(), merge_patch(before, value));
            }
            None => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    Value::Object(patch)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::merge_patch;

    /// RFC 7396, as an API server applies it.
    fn apply(target: Value, patch: &Value) -> Value {
        let Some(patch) = patch.as_object() else { return patch.clone() };
        let mut target = target.as_object().cloned().unwrap_or_default();
        for (key, value) in patch {
            if value.is_null() {
                target.remove(key);
            } else {
                let before = target.remove(key).unwrap_or(Value::Null);
                target.insert(key.clone(), apply(before, value));
            }
        }
        Value::Object(target)
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![any::<bool>().prop_map(Value::from), "[a-c]{0,2}".prop_map(Value::from)];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[a-d]", inner, 0..4).prop_map(|map| json!(map)),
            ]
        })
    }

    proptest! {
        #[test]
        fn applying_the_patch_to_the_old_value_gives_the_new_one(
            old in prop::collection::btree_map("[a-d]", json_value(), 0..4),
            new in prop::collection::btree_map("[a-d]", json_value(), 0..4),
        ) {
            let (old, new) = (json!(old), json!(new));
            prop_assert_eq!(apply(old.clone(), &merge_patch(&old, &new)), new);
        }
    }

    #[test]
    fn a_field_that_goes_becomes_an_explicit_null() {
        let patch = merge_patch(&json!({"plan": {"id": "a", "retryAt": "x"}}), &json!({"plan": {"id": "a"}}));
        assert_eq!(patch, json!({"plan": {"retryAt": null}}));
    }
}
