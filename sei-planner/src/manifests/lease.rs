//! The Lease that says who holds a consensus key. It has no duration and is never renewed: an operator that crashes changes
//! nothing about who signs.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::node::KeyHolder;

/// Annotation: uid of the claim that last ran the key.
pub const KEY_VOLUME_ANNOTATION: &str = "sei.io/signing-key-volume";
/// Annotation: the validator's address, for people.
const ADDRESS_ANNOTATION: &str = "sei.io/signing-key-address";
/// Annotation: the last answer of a person that let the key move.
pub const KEY_ACKNOWLEDGED_ANNOTATION: &str = "sei.io/acknowledged";

/// Name of the Lease of a key: its fingerprint, whatever Secret it stands in.
#[must_use]
pub fn key_lease_name(fingerprint: &str) -> String {
    format!("sei-signing-key-{fingerprint}")
}

/// What a key's Lease is to say. `version` is the one that was read, as (uid, resourceVersion); `None` makes a new Lease.
#[must_use]
pub fn key_lease(
    namespace: &str,
    name: &str,
    holder: Option<&KeyHolder>,
    volume: &str,
    notes: &KeyNotes<'_>,
    version: Option<(&str, &str)>,
) -> Value {
    let mut annotations = BTreeMap::from([(KEY_VOLUME_ANNOTATION, volume)]);
    annotations.extend((!notes.address.is_empty()).then_some((ADDRESS_ANNOTATION, notes.address)));
    annotations.extend(notes.acknowledged.map(|answer| (KEY_ACKNOWLEDGED_ANNOTATION, answer)));
    let mut metadata = json!({ "namespace": namespace, "name": name, "annotations": annotations });
    if let Some((uid, resource_version)) = version {
        metadata["uid"] = uid.into();
        metadata["resourceVersion"] = resource_version.into();
    }
    let holder = holder.map(ToString::to_string).unwrap_or_default();
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata,
        "spec": { "holderIdentity": holder },
    })
}

/// What else a Lease tells.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyNotes<'a> {
    /// The validator's address, empty when unknown.
    pub address: &'a str,
    /// The answer of a person that let the key move.
    pub acknowledged: Option<&'a str>,
}
