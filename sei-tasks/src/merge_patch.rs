//! JSON merge patches (RFC 7396): the real adapter makes them, the simulated API server applies them.

use serde_json::{Map, Value};

/// The patch that turns `old` into `new`: nulls for what goes, whole lists where anything in one changed.
pub(crate) fn between(old: &Value, new: &Value) -> Value {
    let (Some(old), Some(new)) = (old.as_object(), new.as_object()) else { return new.clone() };
    let mut patch = Map::new();
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    for (key, value) in new {
        match old.get(key) {
            Some(before) if before == value => {}
            Some(before) => {
                patch.insert(key.clone(), between(before, value));
            }
            None => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    Value::Object(patch)
}

/// Applies a patch.
pub(crate) fn apply(target: &mut Value, patch: &Value) {
    let Some(changes) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(map) = target.as_object_mut() else { return };
    for (key, change) in changes {
        if change.is_null() {
            map.remove(key);
        } else {
            apply(map.entry(key.clone()).or_insert(Value::Null), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{apply, between};

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
            let (mut patched, new) = (json!(old), json!(new));
            let patch = between(&patched, &new);
            apply(&mut patched, &patch);
            prop_assert_eq!(patched, new);
        }
    }

    #[test]
    fn a_field_that_goes_becomes_an_explicit_null() {
        let patch = between(&json!({"plan": {"id": "a", "retryAt": "x"}}), &json!({"plan": {"id": "a"}}));
        assert_eq!(patch, json!({"plan": {"retryAt": null}}));
    }
}
