//! The Kubernetes objects of one node: pure functions from a valid node.

mod labels;
mod pod;
mod service;
mod statefulset;
mod volume;

use k8s_openapi::api::apps::v1::StatefulSetSpec;
use k8s_openapi::api::core::v1::{PersistentVolumeClaimSpec, ServiceSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde::Serialize;

pub use labels::{NODE_LABEL, resource_labels, selector_labels};
pub use service::service;
pub use statefulset::statefulset;
pub use volume::{data_claim, required_storage};

use crate::api;
use crate::node::ValidNode;
use crate::platform::Platform;

/// A Kubernetes object as it is applied; serializes to the whole object.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Manifest {
    /// `apps/v1` StatefulSet.
    StatefulSet(Box<Object<StatefulSetSpec>>),
    /// `v1` Service.
    Service(Box<Object<ServiceSpec>>),
    /// `v1` PersistentVolumeClaim.
    DataClaim(Box<Object<PersistentVolumeClaimSpec>>),
}

/// An object with a spec and no status.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Object<S> {
    api_version: &'static str,
    kind: &'static str,
    metadata: ObjectMeta,
    spec: S,
}

impl<S> Object<S> {
    fn of(node: &ValidNode, api_version: &'static str, kind: &'static str, name: &str, spec: S) -> Box<Self> {
        let metadata = ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(node.key.namespace.clone()),
            labels: Some(resource_labels(node)),
            owner_references: owner(node).map(|owner| vec![owner]),
            ..ObjectMeta::default()
        };
        Box::new(Self { api_version, kind, metadata, spec })
    }
}

/// The objects of a node, in the order they are applied. An imported claim is not among them.
#[must_use]
pub fn manifests(node: &ValidNode, platform: &Platform) -> Vec<Manifest> {
    let claim = (!node.data_volume.imported).then(|| data_claim(node, platform));
    claim.into_iter().chain([statefulset(node, platform), service(node)]).collect()
}

/// The node as the controlling owner; absent offline, where the node has no uid yet.
fn owner(node: &ValidNode) -> Option<OwnerReference> {
    (!node.uid.is_empty()).then(|| OwnerReference {
        api_version: api::API_VERSION.to_owned(),
        kind: api::KIND.to_owned(),
        name: node.key.name.clone(),
        uid: node.uid.clone(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    })
}
