//! Whether an object in the cluster is what we would make: everything that we say is there, whatever the API server added.

use serde_json::Value;

/// Whether `live` says everything that `wanted` says. Lists must have the same length: nobody adds elements to ours.
pub(super) fn covers(live: &Value, wanted: &Value) -> bool {
    match (live, wanted) {
        (_, Value::Null) => true,
        (Value::Object(live), Value::Object(wanted)) => {
            wanted.iter().all(|(key, value)| covers(live.get(key).unwrap_or(&Value::Null), value))
        }
        (Value::Array(live), Value::Array(wanted)) => {
            live.len() == wanted.len() && live.iter().zip(wanted).all(|(live, wanted)| covers(live, wanted))
        }
        (_, Value::Object(wanted)) => wanted.values().all(Value::is_null),
        (live, wanted) => live == wanted,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::covers;

    #[test]
    fn defaults_are_no_difference_and_other_values_are() {
        let wanted = json!({"backoffLimit": 0, "template": {"containers": [{"name": "a", "env": null}]}});
        let live =
            json!({"backoffLimit": 0, "parallelism": 1, "template": {"containers": [{"name": "a", "tty": false}]}});
        assert!(covers(&live, &wanted));
        for other in [
            json!({"backoffLimit": 1, "template": {"containers": [{"name": "a"}]}}),
            json!({"backoffLimit": 0, "template": {"containers": [{"name": "a"}, {"name": "b"}]}}),
            json!({"backoffLimit": 0}),
        ] {
            assert!(!covers(&other, &wanted), "{other}");
        }
    }
}
