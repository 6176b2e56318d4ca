//! What the rows of the table are about: objects of every kind, and the first steps of many rows.

use sei_tasks::world::Kind;
use serde_json::{Value, json};

use super::steps::Act::{Apply, ApplyAs, Create};
use super::steps::Expect::Generation;
use super::steps::{Act, Expect, Place, Semantic, Step};

pub(crate) fn semantic(says: &'static str, steps: fn(&Place) -> Vec<Step>) -> Semantic {
    Semantic { says, steps }
}

pub(crate) fn map(at: &Place, data: Value) -> Value {
    at.object(Kind::ConfigMap, json!({ "data": data }))
}

pub(crate) fn node(at: &Place, spec: Value) -> Value {
    let mut whole = json!({ "chainId": "pacific-1", "image": "sei:v1", "fullNode": {} });
    whole.as_object_mut().unwrap().extend(spec.as_object().cloned().unwrap());
    at.object(Kind::SeiNode, json!({ "spec": whole }))
}

pub(crate) fn new_node(at: &Place) -> Step {
    Step(Create(Kind::SeiNode, node(at, json!({}))), vec![Generation(1)])
}

pub(crate) fn set(at: &Place, containers: Value) -> Value {
    let labels = json!({ "app": at.name });
    at.object(
        Kind::StatefulSet,
        json!({ "spec": {
            "replicas": 0, "serviceName": at.name, "selector": { "matchLabels": labels },
            "updateStrategy": { "type": "OnDelete" },
            "template": { "metadata": { "labels": labels }, "spec": { "containers": containers } },
        }}),
    )
}

pub(crate) fn service(at: &Place, ports: Value) -> Value {
    let selector = json!({ "app": at.name });
    at.object(Kind::Service, json!({ "spec": { "clusterIP": "None", "selector": selector, "ports": ports } }))
}

pub(crate) fn claim(at: &Place, size: &str) -> Value {
    let spec = json!({ "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": size } } });
    at.object(Kind::PersistentVolumeClaim, json!({ "spec": spec }))
}

pub(crate) fn lease(at: &Place, holder: &str) -> Value {
    at.object(Kind::Lease, json!({ "spec": { "holderIdentity": holder } }))
}

pub(crate) fn job(at: &Place) -> Value {
    let pod = json!({ "restartPolicy": "Never", "containers": [{ "name": "seid", "image": "sei:v1" }] });
    at.object(Kind::Job, json!({ "spec": { "suspend": true, "template": { "spec": pod } } }))
}

pub(crate) fn created(at: &Place, data: Value) -> Step {
    Step(Create(Kind::ConfigMap, map(at, data)), vec![])
}

pub(crate) fn applied(at: &Place, data: Value, expected: Vec<Expect>) -> Step {
    Step(Apply(Kind::ConfigMap, map(at, data)), expected)
}

pub(crate) fn by_mesh(object: Value, kind: Kind, force: bool) -> Act {
    ApplyAs { manager: "mesh", kind, object, force }
}
