//! The StatefulSet of a node: one pod, replaced only by the operator.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{StatefulSetSpec, StatefulSetUpdateStrategy};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use super::labels::{DO_NOT_DISRUPT, resource_labels, selector_labels};
use super::pod::production_pod;
use super::{Manifest, Object};
use crate::node::ValidNode;
use crate::platform::Platform;
use crate::task::digest;

/// The StatefulSet of a node.
#[must_use]
pub fn statefulset(node: &ValidNode, platform: &Platform) -> Manifest {
    let spec = StatefulSetSpec {
        replicas: Some(1),
        selector: LabelSelector { match_labels: Some(selector_labels(node)), ..LabelSelector::default() },
        service_name: Some(node.key.name.clone()),
        template: template(node, platform),
        update_strategy: Some(StatefulSetUpdateStrategy { type_: Some("OnDelete".to_owned()), rolling_update: None }),
        ..StatefulSetSpec::default()
    };
    Manifest::StatefulSet(Object::of(node, "apps/v1", "StatefulSet", &node.key.name, spec))
}

fn template(node: &ValidNode, platform: &Platform) -> PodTemplateSpec {
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(resource_labels(node)),
            annotations: Some(BTreeMap::from([(DO_NOT_DISRUPT.0.to_owned(), DO_NOT_DISRUPT.1.to_owned())])),
            ..ObjectMeta::default()
        }),
        spec: Some(production_pod(node, platform)),
    }
}

/// A short text that is another one when the node's pod would be made differently: eight hexadecimal digits.
///
/// # Errors
/// None for templates: they serialize.
pub fn template_digest(node: &ValidNode, platform: &Platform) -> Result<String, serde_json::Error> {
    let json = serde_json::to_string(&template(node, platform))?;
    Ok(digest(&json))
}
