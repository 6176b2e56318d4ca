//! Admission of SeiNodes to the storage, as the API server admits them by our definition.

use std::sync::LazyLock;

use serde_json::Value;

use crate::admission::{Admission, Violation};
use crate::world::{ClusterError, ObjectId};

/// Schema and rules are compiled once.
static ADMISSION: LazyLock<Admission> = LazyLock::new(Admission::of_seinodes);

/// A new node in its stored form.
pub(super) fn created(id: &ObjectId, node: Value) -> Result<Value, ClusterError> {
    ADMISSION.admit_new(node).map_err(|violations| refusal(id, &violations))
}

/// Another spec or other metadata of a node, in the stored form.
pub(super) fn updated(id: &ObjectId, old: &Value, node: Value) -> Result<Value, ClusterError> {
    ADMISSION.admit_update(old, node).map_err(|violations| refusal(id, &violations))
}

/// Another status of a node, in the stored form.
pub(super) fn with_status(id: &ObjectId, old: &Value, status: Value) -> Result<Value, ClusterError> {
    ADMISSION.admit_status(old, status).map_err(|violations| refusal(id, &violations))
}

/// In the words of the API server.
fn refusal(id: &ObjectId, violations: &[Violation]) -> ClusterError {
    let told: Vec<String> = violations.iter().map(Violation::to_string).collect();
    let told = if told.len() == 1 { told.concat() } else { format!("[{}]", told.join(", ")) };
    let message = format!("SeiNode.sei.io {:?} is invalid: {told}", id.name);
    ClusterError::Rejected { code: 422, message }
}
