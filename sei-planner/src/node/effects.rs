//! What an edit of each field of `spec` does to a node that runs: one row a field, so that no edit is a silent no-op.
//!
//! A row speaks for its field and everything below it, unless a longer row does. A test walks the schema: a new field needs
//! a row. Whoever makes a running node follow a field changes its row here.

/// What an edit does to a node that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A plan starts and follows it.
    Followed,
    /// It stands in objects that every update plan applies, and starts none itself.
    WithNextUpdate,
    /// It stands in what the sidecar is told while a node is initialised, and a node that runs is not.
    AtNextInit,
    /// It is read when the node is deleted.
    AtDeletion,
    /// It is read once, for the node's first state.
    AtCreation,
    /// The API server refuses to change or remove it. Adding it takes effect like [`Self::WithNextUpdate`].
    Fixed,
    /// Nothing reads it.
    Ignored,
}

impl Effect {
    /// What becomes of an edit of such a field on a node that runs, as the end of the sentence "it …".
    #[must_use]
    pub fn says(self) -> &'static str {
        match self {
            Self::Followed => "is followed at once",
            Self::WithNextUpdate => {
                "waits for the next update plan, for example for a new image; it starts none itself"
            }
            Self::AtNextInit => {
                "waits until the node is initialised again; this version does not configure a running node anew"
            }
            Self::AtDeletion => "is read when the node is deleted; nothing happens before",
            Self::AtCreation => "is read only once, when the node gets its first state",
            Self::Fixed => "adds what cannot be changed or removed later; it waits for the next update plan",
            Self::Ignored => "is ignored: nothing reads the field",
        }
    }
}

/// Field and effect, sorted by field.
pub const EFFECTS: [(&str, Effect); 23] = [
    ("spec.archive", Effect::AtNextInit),
    ("spec.archive.snapshotGeneration", Effect::AtNextInit),
    ("spec.chainId", Effect::WithNextUpdate),
    ("spec.dataVolume.import", Effect::Fixed),
    ("spec.dataVolume.retainOnDelete", Effect::AtDeletion),
    ("spec.entrypoint", Effect::Ignored),
    ("spec.fullNode", Effect::AtNextInit),
    ("spec.fullNode.snapshot", Effect::AtCreation),
    ("spec.fullNode.snapshotGeneration", Effect::AtNextInit),
    ("spec.image", Effect::Followed),
    ("spec.overrides", Effect::AtNextInit),
    ("spec.peers", Effect::AtNextInit),
    ("spec.podLabels", Effect::WithNextUpdate),
    ("spec.replayer", Effect::AtNextInit),
    ("spec.replayer.resultExport", Effect::Ignored),
    ("spec.replayer.snapshot", Effect::AtCreation),
    ("spec.sidecar", Effect::WithNextUpdate),
    ("spec.sidecar.tls.secretName", Effect::Fixed),
    ("spec.validator", Effect::AtNextInit),
    ("spec.validator.genesisCeremony", Effect::AtCreation),
    ("spec.validator.nodeKey", Effect::Fixed),
    ("spec.validator.operatorKeyring", Effect::WithNextUpdate),
    ("spec.validator.signingKey", Effect::Fixed),
];

/// The effect of an edit of this field (as `spec.peers[0].static` or `spec.overrides[evm.http_port]`): that of the longest
/// row that is the field or stands above it.
///
/// ```
/// use sei_planner::node::{Effect, effect};
/// assert_eq!(effect("spec.overrides[evm.http_port]"), Some(Effect::AtNextInit));
/// assert_eq!(effect("spec.sidecar.tls.secretName"), Some(Effect::Fixed));
/// assert_eq!(effect("spec.imageX"), None);
/// ```
#[must_use]
pub fn effect(field: &str) -> Option<Effect> {
    let covers = |row: &str| {
        let rest = field.strip_prefix(row)?;
        (rest.is_empty() || rest.starts_with(['.', '['])).then_some(row.len())
    };
    let rows = EFFECTS.iter().filter_map(|(row, effect)| Some((covers(row)?, *effect)));
    rows.max_by_key(|(length, _)| *length).map(|(_, effect)| effect)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "tests")]

    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::{EFFECTS, effect};
    use crate::api::crd;

    /// Every field without fields of its own.
    fn leaves(path: &str, schema: &Value, found: &mut BTreeSet<String>) {
        let properties = schema["properties"].as_object().filter(|properties| !properties.is_empty());
        match properties {
            Some(properties) => {
                for (name, inner) in properties {
                    leaves(&format!("{path}.{name}"), inner, found);
                }
            }
            None => {
                found.insert(path.to_owned());
            }
        }
    }

    fn spec() -> Value {
        let definition = crd::manifest(&crd::seinode()).expect("JSON");
        definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].clone()
    }

    #[test]
    fn every_field_has_an_effect() {
        let mut found = BTreeSet::new();
        leaves("spec", &spec(), &mut found);
        assert!(found.len() > 30, "{found:?}");
        let silent: Vec<_> = found.iter().filter(|leaf| effect(leaf).is_none()).collect();
        assert!(silent.is_empty(), "an edit of these would be a silent no-op: {silent:?}");
    }

    #[test]
    fn every_row_is_a_field() {
        assert!(EFFECTS.is_sorted_by(|a, b| a.0 < b.0));
        for (row, _) in EFFECTS {
            let pointer = row.trim_start_matches("spec").replace('.', "/properties/");
            assert!(spec().pointer(&pointer).is_some(), "{row}");
        }
    }
}
