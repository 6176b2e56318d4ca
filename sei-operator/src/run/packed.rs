//! Watched objects as their text: parsed, JSON takes ten times the memory, and an object is looked at when it changes, which is
//! seldom.

use kube::core::{DynamicObject, ObjectMeta, TypeMeta};
use serde_json::{Map, Value};

/// What a pod is asked for, and a container of it: `PodFacts`.
const SPEC_FIELDS: [&str; 3] = ["containers", "initContainers", "volumes"];
const CONTAINER_FIELDS: [&str; 3] = ["name", "image", "ports"];

/// Makes one text of all that an object holds beside its metadata.
pub(super) fn pack(object: &mut DynamicObject) {
    object.metadata.managed_fields = None;
    let mut text = object.data.take().to_string();
    text.shrink_to_fit();
    object.data = Value::String(text);
}

/// As [`pack`], without what nobody asks a pod for.
pub(super) fn pack_pod(pod: &mut DynamicObject) {
    if let Some(spec) = pod.data.get_mut("spec") {
        keep(spec, &SPEC_FIELDS);
        for list in ["initContainers", "containers"] {
            let containers = spec.get_mut(list).and_then(Value::as_array_mut);
            containers.into_iter().flatten().for_each(|container| keep(container, &CONTAINER_FIELDS));
        }
    }
    pack(pod);
}

fn keep(object: &mut Value, fields: &[&str]) {
    if let Some(object) = object.as_object_mut() {
        object.retain(|field, _| fields.contains(&field.as_str()));
    }
}

/// The object that was packed.
pub(super) fn unpack(packed: &DynamicObject) -> serde_json::Result<Value> {
    let Value::String(text) = &packed.data else {
        return serde_json::to_value(packed);
    };
    let mut object: Map<String, Value> = serde_json::from_str(text)?;
    if let Some(TypeMeta { api_version, kind }) = packed.types.clone() {
        object.insert("apiVersion".to_owned(), api_version.into());
        object.insert("kind".to_owned(), kind.into());
    }
    object.insert("metadata".to_owned(), serde_json::to_value::<&ObjectMeta>(&packed.metadata)?);
    Ok(Value::Object(object))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "tests")]

    use serde_json::json;

    use super::*;

    fn object(value: &Value) -> DynamicObject {
        serde_json::from_value(value.clone()).expect("an object")
    }

    #[test]
    fn what_is_packed_comes_out_again() {
        let node = json!({
            "apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "metadata": {"name": "rpc-0", "labels": {"a": "b"}},
            "spec": {"chainId": "pacific-1"}, "status": {"phase": "Running"},
        });
        let mut packed = object(&node);
        assert_eq!(unpack(&packed).expect("as it is"), node);
        pack(&mut packed);
        assert_eq!(unpack(&packed).expect("a text of ours"), node);
    }

    #[test]
    fn a_pod_keeps_what_is_asked_of_it() {
        let container =
            json!({"name": "seid", "image": "seid:v6", "ports": [], "env": [{"name": "HOME"}], "args": ["start"]});
        let mut pod = object(&json!({
            "metadata": {"name": "rpc-0-0"},
            "spec": {"containers": [container], "volumes": [], "tolerations": []},
        }));
        pack_pod(&mut pod);
        let kept = unpack(&pod).expect("a text of ours");
        let slim = json!({"containers": [{"name": "seid", "image": "seid:v6", "ports": []}], "volumes": []});
        assert_eq!(kept["spec"], slim);
    }
}
