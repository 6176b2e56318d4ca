//! What a request must know of the object it is about: its identity, its uid, its resourceVersion.

use serde_json::Value;

use crate::sim::json::{list, text};
use crate::world::{ClusterError, ObjectId};

use super::{is_leaving, show};

/// An object says what it is, and where.
pub(super) fn check_identity(id: &ObjectId, object: &Value) -> Result<(), ClusterError> {
    let fits = text(object, "/apiVersion") == id.kind.api_version()
        && text(object, "/kind") == id.kind.name()
        && text(object, "/metadata/name") == id.name
        && [id.namespace.as_str(), ""].contains(&text(object, "/metadata/namespace"));
    if fits {
        return Ok(());
    }
    Err(ClusterError::Rejected { code: 400, message: format!("the object does not say that it is {}", show(id)) })
}

pub(super) fn check_uid(id: &ObjectId, live: &Value, uid: &str) -> Result<(), ClusterError> {
    let found = text(live, "/metadata/uid");
    if found == uid {
        return Ok(());
    }
    Err(ClusterError::Conflict(format!("{}: uid in precondition {uid}, uid in object {found}", show(id))))
}

pub(super) fn check_version(id: &ObjectId, live: &Value, version: &str) -> Result<(), ClusterError> {
    if text(live, "/metadata/resourceVersion") == version {
        return Ok(());
    }
    Err(ClusterError::Conflict(format!("{}: the object has been modified", show(id))))
}

/// A uid that is written into an object must be its own: no precondition, but a field that nobody may change.
pub(super) fn check_same_uid(id: &ObjectId, live: &Value, uid: &str) -> Result<(), ClusterError> {
    if uid.is_empty() || text(live, "/metadata/uid") == uid {
        return Ok(());
    }
    let message = format!("{}: invalid: metadata.uid: Invalid value: {uid:?}: field is immutable", show(id));
    Err(ClusterError::Rejected { code: 422, message })
}

/// A version in an applied object is a precondition, and so is a uid where there is no such object.
pub(super) fn check_applied(id: &ObjectId, object: &Value, live: Option<&Value>) -> Result<(), ClusterError> {
    let uid = text(object, "/metadata/uid");
    let version = text(object, "/metadata/resourceVersion");
    match live {
        None if uid.is_empty() => Ok(()),
        None => Err(ClusterError::Conflict(format!("{}: uid {uid} was given and there is no such object", show(id)))),
        Some(live) => {
            if !version.is_empty() {
                check_version(id, live, version)?;
            }
            check_same_uid(id, live, uid)
        }
    }
}

/// What is being deleted only waits for its finalizers to go.
pub(super) fn check_finalizers(id: &ObjectId, live: &Value, next: &Value) -> Result<(), ClusterError> {
    let (had, has) = (list(live, "/metadata/finalizers"), list(next, "/metadata/finalizers"));
    if !is_leaving(live) || has.iter().all(|finalizer| had.contains(finalizer)) {
        return Ok(());
    }
    let why = "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted";
    Err(ClusterError::Rejected { code: 422, message: format!("{}: invalid: {why}", show(id)) })
}

pub(super) fn missing(id: &ObjectId) -> ClusterError {
    ClusterError::NotFound(show(id))
}
