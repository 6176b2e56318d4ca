//! What must hold of every object that is sent to the API server: it is what the planner renders for the node that was
//! seen, the oldest supported Kubernetes knows every field of it, and what its pod mounts is there.

use std::sync::OnceLock;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Service};
use sei_planner::api::{SeiNode, SeiNodeStatus};
use sei_planner::node::render_node;
use sei_planner::platform::Platform;
use sei_tasks::admission::Admission;
use sei_tasks::sim::Sim;
use sei_tasks::world::{Kind, ObjectId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::verdict::{Catch, Check};

/// What is wrong with an object, given the nodes as the operator saw them.
pub(crate) fn flaws(sim: &Sim, nodes: &[SeiNode], id: &ObjectId, object: &Value) -> Vec<Catch> {
    [unknown_field(id, object), unlike_rendered(nodes, id, object), mounts_nothing(sim, id, object)]
        .into_iter()
        .flatten()
        .collect()
}

/// A field that Kubernetes 1.33 does not have, for which this test is built.
fn unknown_field(id: &ObjectId, object: &Value) -> Option<Catch> {
    let known = match id.kind {
        Kind::StatefulSet => through::<StatefulSet>(object),
        Kind::Job => through::<Job>(object),
        Kind::Service => through::<Service>(object),
        Kind::PersistentVolumeClaim => through::<PersistentVolumeClaim>(object),
        Kind::ConfigMap => through::<ConfigMap>(object),
        Kind::SeiNode | Kind::PersistentVolume | Kind::Pod | Kind::Secret | Kind::Lease | Kind::Certificate => {
            return None;
        }
    };
    let difference = known.map_or_else(Some, |known| difference("", object, &known))?;
    Some(Check::Schema.says(format!("{:?} {}: {difference}", id.kind, id.name)))
}

/// Why the API server would refuse a status. The simulated one takes any.
pub(crate) fn refused_status(node: &SeiNode, status: &SeiNodeStatus) -> Option<Catch> {
    static ADMISSION: OnceLock<Admission> = OnceLock::new();
    let before = serde_json::to_value(node).ok()?;
    let after = serde_json::to_value(SeiNode { status: Some(status.clone()), ..node.clone() }).ok()?;
    let refused = ADMISSION.get_or_init(Admission::of_seinodes).update_status(&before, &after);
    refused.first().map(|why| Check::Schema.says(format!("{why:?}")))
}

fn through<T: DeserializeOwned + Serialize>(object: &Value) -> Result<Value, String> {
    let typed: T = serde_json::from_value(object.clone()).map_err(|error| error.to_string())?;
    serde_json::to_value(&typed).map_err(|error| error.to_string())
}

/// The planner renders the objects of a node from its spec alone; nothing else may reach the cluster.
fn unlike_rendered(nodes: &[SeiNode], id: &ObjectId, object: &Value) -> Option<Catch> {
    let rendered: Vec<Value> = nodes
        .iter()
        .filter_map(|node| render_node(node, &Platform::demo()).ok())
        .flatten()
        .filter_map(|manifest| serde_json::to_value(manifest).ok())
        .filter(|manifest| is(manifest, id))
        .collect();
    if rendered.contains(object) {
        return None;
    }
    let difference = difference("", rendered.first()?, object)?;
    Some(Check::Rendered.says(format!("{:?} {}: {difference}", id.kind, id.name)))
}

fn is(manifest: &Value, id: &ObjectId) -> bool {
    let meta = &manifest["metadata"];
    manifest["kind"] == id.kind.name() && meta["name"] == id.name.as_str() && meta["namespace"] == id.namespace.as_str()
}

/// A pod whose claim or ConfigMap is not there yet never starts, or starts with something else of that name.
fn mounts_nothing(sim: &Sim, id: &ObjectId, object: &Value) -> Option<Catch> {
    let volumes = object.pointer("/spec/template/spec/volumes")?.as_array()?;
    let missing = volumes.iter().find_map(|volume| {
        let claim = volume.pointer("/persistentVolumeClaim/claimName").map(|name| (Kind::PersistentVolumeClaim, name));
        let config = volume.pointer("/configMap/name").map(|name| (Kind::ConfigMap, name));
        let (kind, name) = claim.or(config)?;
        let mounted = ObjectId::new(kind, id.namespace.clone(), name.as_str().unwrap_or_default());
        sim.object(&mounted).is_none().then(|| format!("{kind:?} {name}"))
    })?;
    Some(Check::Mounts.says(format!("{:?} {} is sent and {missing} is not there", id.kind, id.name)))
}

/// The first place where two values differ.
pub(crate) fn difference(path: &str, one: &Value, other: &Value) -> Option<String> {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let keys = one.keys().chain(other.keys().filter(|key| !one.contains_key(*key)));
            keys.into_iter().find_map(|key| {
                let absent = Value::Null;
                let (one, other) = (one.get(key).unwrap_or(&absent), other.get(key).unwrap_or(&absent));
                difference(&format!("{path}/{key}"), one, other)
            })
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let pairs = one.iter().zip(other).enumerate();
            pairs.into_iter().find_map(|(index, (one, other))| difference(&format!("{path}/{index}"), one, other))
        }
        (one, other) => (one != other).then(|| format!("{path}: {one} against {other}")),
    }
}
