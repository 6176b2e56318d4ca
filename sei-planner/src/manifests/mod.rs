//! The Kubernetes objects of one node: pure functions from a valid node.

mod bootstrap;
mod certificate;
mod containers;
pub mod isolation;
mod labels;
mod lease;
mod pod;
mod proxy;
mod service;
mod statefulset;
mod volume;

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::StatefulSetSpec;
use k8s_openapi::api::batch::v1::JobSpec;
use k8s_openapi::api::core::v1::{PersistentVolumeClaimSpec, ServiceSpec};
use k8s_openapi::apimachinery::pkg::api::resource;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde::Serialize;

pub use bootstrap::{bootstrap_job, bootstrap_service};
pub use certificate::{CertificateSpec, sidecar_certificate};
pub use labels::{NODE_LABEL, bootstrap_labels, resource_labels, selector_labels};
pub use lease::{KEY_ACKNOWLEDGED_ANNOTATION, KEY_VOLUME_ANNOTATION, KeyNotes, key_lease, key_lease_name};
pub use proxy::proxy_config;
pub use service::{RPC_PORT, service};
pub use statefulset::{statefulset, template_digest};
pub use volume::{data_claim, required_storage};

use crate::api;
use crate::node::ValidNode;
use crate::platform::Platform;
use crate::quantity::Quantity;

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
    /// `batch/v1` Job.
    Job(Box<Object<JobSpec>>),
    /// `v1` ConfigMap.
    ProxyConfig(Box<WithData>),
    /// `cert-manager.io/v1` Certificate.
    Certificate(Box<Object<CertificateSpec>>),
}

/// An object with data and no spec.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WithData {
    api_version: &'static str,
    kind: &'static str,
    metadata: ObjectMeta,
    data: BTreeMap<String, String>,
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
        Box::new(Self { api_version, kind, metadata: metadata(node, name), spec })
    }

    fn labelled(
        node: &ValidNode,
        api_version: &'static str,
        kind: &'static str,
        name: &str,
        labels: BTreeMap<String, String>,
        spec: S,
    ) -> Box<Self> {
        Box::new(Self { api_version, kind, metadata: metadata_with(node, name, labels), spec })
    }
}

/// The objects of a node, in the order they are applied. An imported claim is not among them; Service and Job of a
/// bootstrap are deleted before the StatefulSet and the Service of the same name are applied.
#[must_use]
pub fn manifests(node: &ValidNode, platform: &Platform) -> Vec<Manifest> {
    let bootstrap = bootstrap_service(node).into_iter().chain(bootstrap_job(node, platform));
    before_any_pod(node, platform).chain(bootstrap).chain([statefulset(node, platform), service(node)]).collect()
}

/// Those of [`manifests`] that stay: a bootstrap's come and go with it.
#[must_use]
pub fn lasting_manifests(node: &ValidNode, platform: &Platform) -> Vec<Manifest> {
    before_any_pod(node, platform).chain([statefulset(node, platform), service(node)]).collect()
}

fn before_any_pod(node: &ValidNode, platform: &Platform) -> impl Iterator<Item = Manifest> {
    let claim = (!node.data_volume.imported).then(|| data_claim(node, platform));
    claim.into_iter().chain(sidecar_certificate(node)).chain(proxy_config(node))
}

fn metadata(node: &ValidNode, name: &str) -> ObjectMeta {
    metadata_with(node, name, resource_labels(node))
}

fn metadata_with(node: &ValidNode, name: &str, labels: BTreeMap<String, String>) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(node.key.namespace.clone()),
        labels: Some(labels),
        owner_references: owner(node).map(|owner| vec![owner]),
        ..ObjectMeta::default()
    }
}

/// A quantity as Kubernetes writes it.
fn quantity(value: &Quantity) -> resource::Quantity {
    resource::Quantity(value.canonical().to_owned())
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
