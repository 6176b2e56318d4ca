//! The CustomResourceDefinition, generated from the types and then made to say exactly what the API server should check.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

use super::SeiNode;

/// The CustomResourceDefinition `seinodes.sei.io`.
#[must_use]
pub fn seinode() -> CustomResourceDefinition {
    SeiNode::crd()
}
