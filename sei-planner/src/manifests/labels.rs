//! Labels of a node's objects.

use std::collections::BTreeMap;

use crate::node::ValidNode;

/// Label with the node's name; the only one that selects pods, because it never changes (S2).
pub const NODE_LABEL: &str = "sei.io/node";
/// Keeps Karpenter from moving a pod that may hold weeks of data in a cache: an annotation.
pub(super) const DO_NOT_DISRUPT: (&str, &str) = ("karpenter.sh/do-not-disrupt", "true");
const COMPONENT_LABEL: &str = "sei.io/component";
const CHAIN_LABEL: &str = "sei.io/chain";
const ROLE_LABEL: &str = "sei.io/role";

/// Labels of everything made for the node: the user's, overlaid by the operator's.
#[must_use]
pub fn resource_labels(node: &ValidNode) -> BTreeMap<String, String> {
    let mut labels = node.pod_labels.clone();
    labels.extend(selector_labels(node));
    labels.insert(CHAIN_LABEL.to_owned(), node.chain_id.clone());
    labels.insert(ROLE_LABEL.to_owned(), node.mode.role().to_owned());
    labels
}

/// Labels that select the node's pod.
#[must_use]
pub fn selector_labels(node: &ValidNode) -> BTreeMap<String, String> {
    BTreeMap::from([(NODE_LABEL.to_owned(), node.key.name.clone())])
}

/// Labels of Job, pod and Service of a bootstrap; they select its pod.
#[must_use]
pub fn bootstrap_labels(node: &ValidNode) -> BTreeMap<String, String> {
    let mut labels = selector_labels(node);
    labels.insert(COMPONENT_LABEL.to_owned(), "bootstrap".to_owned());
    labels
}
