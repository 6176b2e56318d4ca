//! The Job that syncs a volume up to a height, and the Service through which its pod is reached.

use std::collections::BTreeMap;

use k8s_openapi::api::batch::v1::JobSpec;
use k8s_openapi::api::core::v1::{PodTemplateSpec, ServiceSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::labels::{DO_NOT_DISRUPT, bootstrap_labels};
use super::pod::bootstrap_pod;
use super::service::{api_port, headless, service_port};
use super::{Manifest, Object};
use crate::node::ValidNode;
use crate::platform::Platform;

/// The Job; absent where the node comes up without one. It is never cleaned up by a clock: an operator that was away must
/// find it.
#[must_use]
pub fn bootstrap_job(node: &ValidNode, platform: &Platform) -> Option<Manifest> {
    let labels = bootstrap_labels(node);
    let template = PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels.clone()),
            annotations: Some(BTreeMap::from([(DO_NOT_DISRUPT.0.to_owned(), DO_NOT_DISRUPT.1.to_owned())])),
            ..ObjectMeta::default()
        }),
        spec: Some(bootstrap_pod(node, platform, node.bootstrap()?)),
    };
    let spec = JobSpec { backoff_limit: Some(0), template, ..JobSpec::default() };
    Some(Manifest::Job(Object::labelled(node, "batch/v1", "Job", &node.key.bootstrap_job(), labels, spec)))
}

/// The Service of the bootstrap pod, under the name of the production one; absent where the node comes up without a Job.
#[must_use]
pub fn bootstrap_service(node: &ValidNode) -> Option<Manifest> {
    node.bootstrap()?;
    let labels = bootstrap_labels(node);
    let ports = [service_port("sidecar", node.sidecar_port, None)].into_iter().chain(api_port(node)).collect();
    let spec = ServiceSpec { ports: Some(ports), ..headless(labels.clone()) };
    Some(Manifest::Service(Object::labelled(node, "v1", "Service", &node.key.name, labels, spec)))
}
