//! What a pod needs to be there before its containers can start: Secrets and ConfigMaps.

use serde_json::Value;

use crate::sim::json::{list, text};
use crate::sim::state::State;
use crate::world::{Kind, ObjectId};

/// Whether every Secret and ConfigMap that the pod mounts or reads is there.
pub(super) fn are_there(state: &State, id: &ObjectId, pod: &Value) -> bool {
    let volumes = list(pod, "/spec/volumes").iter();
    let mounted = volumes.flat_map(|volume| {
        [(Kind::Secret, text(volume, "/secret/secretName")), (Kind::ConfigMap, text(volume, "/configMap/name"))]
    });
    let containers = list(pod, "/spec/initContainers").iter().chain(list(pod, "/spec/containers"));
    let variables = containers.flat_map(|container| list(container, "/env"));
    let read = variables.map(|variable| (Kind::Secret, text(variable, "/valueFrom/secretKeyRef/name")));
    mounted
        .chain(read)
        .filter(|(_, name)| !name.is_empty())
        .all(|(kind, name)| state.store.get(&ObjectId::new(kind, id.namespace.clone(), name)).is_some())
}
