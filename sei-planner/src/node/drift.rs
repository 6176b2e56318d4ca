//! How a running node differs from its spec: each compared field against the record of what was really applied.

use super::valid::ValidNode;
use crate::api::{DriftKind, SeiNodeStatus};

/// Everything that differs, in a fixed order, with a sentence on each.
///
/// A record that is absent is not drift, except for the image: the controller this operator replaces leaves it empty
/// until its first update plan, and a plan that finds nothing to change restarts nothing.
#[must_use]
pub fn drift(node: &ValidNode, status: &SeiNodeStatus) -> Vec<(DriftKind, String)> {
    let mut found = Vec::new();
    let current = status.current_image.as_deref().unwrap_or_default();
    if node.image != current {
        found.push((DriftKind::Image, format!("image drift detected: spec={} current={current}", node.image)));
    }
    found
}
