//! Whether the SeiNodes that a cluster serves are as new as this version: a field that its schema lacks is dropped from
//! every write in silence, and a value that it lacks has the whole write refused (D13).

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::crd;

/// Members of the root that every object has, whatever its schema says.
const COMMON: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// What this version reads or writes and a cluster's schema lacks, sorted: a field as `status.plan.id`, one of a list as
/// `spec.peers[].label`, a value as `status.phase=Running`. `served` is the schema of SeiNode as a CustomResourceDefinition
/// holds it or as the API server publishes it. Fields and values that only `served` has are those of a newer version, and
/// none of our business.
///
/// # Errors
/// None for the definitions of this crate; the signature is that of the serializer.
pub fn missing_from(served: &Value) -> Result<BTreeSet<String>, serde_json::Error> {
    let mut ours = crd::schema()?;
    if let Some(root) = ours.get_mut("properties").and_then(Value::as_object_mut) {
        root.retain(|name, _| !COMMON.contains(&name.as_str()));
    }
    let mut missing = BTreeSet::new();
    compare("", &ours, served, &mut missing);
    Ok(missing)
}

fn compare(path: &str, ours: &Value, served: &Value, missing: &mut BTreeSet<String>) {
    if served["x-kubernetes-preserve-unknown-fields"] == true {
        return;
    }
    if let (Some(ours), Some(served)) = (ours["enum"].as_array(), served["enum"].as_array()) {
        let lacking = ours.iter().filter(|value| !served.contains(value));
        missing.extend(lacking.map(|value| format!("{path}={}", value.as_str().unwrap_or_default())));
    }
    let none = Map::new();
    let known = served["properties"].as_object().unwrap_or(&none);
    for (name, field) in ours["properties"].as_object().unwrap_or(&none) {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match known.get(name) {
            Some(served) => compare(&path, field, served, missing),
            None => {
                missing.insert(path);
            }
        }
    }
    for (inner, mark) in [("items", "[]"), ("additionalProperties", ".*")] {
        if let (Some(ours), Some(served)) = (ours.get(inner), served.get(inner)) {
            compare(&format!("{path}{mark}"), ours, served, missing);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use serde_json::json;

    use super::*;

    /// What is missing from our own schema after a change.
    fn missing(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut schema = crd::schema().unwrap();
        change(&mut schema);
        missing_from(&schema).unwrap().into_iter().collect()
    }

    fn remove(schema: &mut Value, parent: &str, name: &str) {
        schema.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).unwrap();
    }

    #[test]
    fn our_own_schema_lacks_nothing() {
        assert!(missing(|_| {}).is_empty());
    }

    #[test]
    fn fields_are_named_by_their_path_also_those_of_lists() {
        let lacking = missing(|schema| {
            remove(schema, "/properties/status/properties/plan/properties", "id");
            remove(schema, "/properties/spec/properties/peers/items/properties", "label");
        });
        assert_eq!(lacking, ["spec.peers[].label", "status.plan.id"]);
    }

    #[test]
    fn a_whole_branch_is_one_line() {
        assert_eq!(missing(|schema| remove(schema, "/properties", "status")), ["status"]);
    }

    #[test]
    fn values_are_named_with_their_field() {
        let lacking = missing(|schema| {
            let values = schema.pointer_mut("/properties/status/properties/phase/enum").unwrap();
            values.as_array_mut().unwrap().retain(|value| value != "Running");
        });
        assert_eq!(lacking, ["status.phase=Running"]);
    }

    #[test]
    fn a_newer_cluster_lacks_nothing() {
        let lacking = missing(|schema| {
            schema["properties"]["status"]["properties"]["height"] = json!({"type": "integer"});
            remove(schema, "/properties/status/properties/phase", "enum");
        });
        assert!(lacking.is_empty(), "{lacking:?}");
    }

    #[test]
    fn where_unknown_fields_are_kept_none_is_missing() {
        let lacking = missing(|schema| {
            schema["properties"]["status"] = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        });
        assert!(lacking.is_empty(), "{lacking:?}");
    }
}
