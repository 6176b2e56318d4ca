//! How a running node differs from its spec: each compared field against the record of what was really applied.

use super::observed::PodFacts;
use super::valid::ValidNode;
use crate::api::{DriftKind, SeiNodeStatus};

/// Everything that differs, in a fixed order, with a sentence on each.
///
/// A record that is absent is not drift. The controller this operator replaces leaves that of the image empty until its first
/// update plan: then the pod tells, also one that does not run yet, and without a pod nobody knows.
#[must_use]
pub fn drift(node: &ValidNode, status: &SeiNodeStatus, pod: Option<&PodFacts>) -> Vec<(DriftKind, String)> {
    let current = status.current_image.as_ref().or(pod.map(|pod| &pod.seid_image).filter(|image| !image.is_empty()));
    let image = current.filter(|current| **current != node.image);
    let told = |current| format!("image drift detected: spec={} current={current}", node.image);
    image.map(|current| (DriftKind::Image, told(current))).into_iter().collect()
}
