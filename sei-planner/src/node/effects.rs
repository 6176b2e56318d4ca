//! What an edit of each field of `spec` does to a node that runs: one row a field, so that no edit is a silent no-op.
//!
//! A row speaks for its field and everything below it, unless a longer row does. A test walks the schema: a new field needs
//! a row. Whoever makes a running node follow a field changes its row here.

/// What an edit does to a node that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A plan starts and follows it: a row of [`DRIFT`](super::DRIFT).
    Followed,
    /// It is read when the node is deleted.
    AtDeletion,
    /// It is read once, for the node's first state, and the condition `EditWithoutEffect` says so.
    AtCreation,
    /// The operator refuses it, and the condition `SpecAccepted` says so: the disk holds something else.
    Refused,
    /// The API server refuses to change or remove it; to add it is followed, where the operator does not refuse it.
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
            Self::AtDeletion => "is read when the node is deleted; nothing happens before",
            Self::AtCreation => "is read only once, when the node gets its first state",
            Self::Refused => "is refused by the operator on a node that runs: its disk holds something else",
            Self::Fixed => "cannot be changed or removed later",
            Self::Ignored => "is ignored: nothing reads the field",
        }
    }
}

/// Field and effect, sorted by field.
pub const EFFECTS: [(&str, Effect); 27] = [
    ("spec.archive", Effect::Refused),
    ("spec.archive.snapshotGeneration", Effect::Followed),
    ("spec.chainId", Effect::Refused),
    ("spec.dataVolume.import", Effect::Refused),
    ("spec.dataVolume.retainOnDelete", Effect::AtDeletion),
    ("spec.entrypoint", Effect::Ignored),
    ("spec.fullNode", Effect::Followed),
    ("spec.fullNode.snapshot", Effect::AtCreation),
    ("spec.fullNode.snapshotGeneration", Effect::Followed),
    ("spec.image", Effect::Followed),
    ("spec.overrides", Effect::Followed),
    ("spec.peers", Effect::Followed),
    ("spec.podLabels", Effect::Followed),
    ("spec.replayer", Effect::Refused),
    ("spec.replayer.resultExport", Effect::Ignored),
    ("spec.replayer.snapshot", Effect::AtCreation),
    ("spec.sidecar.image", Effect::Followed),
    ("spec.sidecar.port", Effect::Followed),
    ("spec.sidecar.resources", Effect::Followed),
    ("spec.sidecar.tls", Effect::Followed),
    ("spec.sidecar.tls.secretName", Effect::Fixed),
    ("spec.validator", Effect::Followed),
    ("spec.validator.genesisCeremony", Effect::AtCreation),
    ("spec.validator.nodeKey", Effect::Followed),
    ("spec.validator.operatorKeyring", Effect::Followed),
    ("spec.validator.signingKey", Effect::Followed),
    ("spec.validator.snapshot", Effect::AtCreation),
];

/// The effect of an edit of this field (as `spec.peers[0].static` or `spec.overrides[evm.http_port]`): that of the longest
/// row that is the field or stands above it.
///
/// ```
/// use sei_planner::node::{Effect, effect};
/// assert_eq!(effect("spec.overrides[evm.http_port]"), Some(Effect::Followed));
/// assert_eq!(effect("spec.sidecar.tls.secretName"), Some(Effect::Fixed));
/// assert_eq!(effect("spec.imageX"), None);
/// ```
#[must_use]
pub fn effect(field: &str) -> Option<Effect> {
    let rows = EFFECTS.iter().filter(|(row, _)| is_within(field, row));
    rows.max_by_key(|(row, _)| row.len()).map(|(_, effect)| *effect)
}

/// Whether a field is the one of a row of [`EFFECTS`] or [`DRIFT`](super::DRIFT), or stands below it.
#[must_use]
pub fn is_within(field: &str, row: &str) -> bool {
    field.strip_prefix(row).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "tests")]

    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::{EFFECTS, Effect, effect};
    use crate::api::crd;
    use crate::node::DRIFT;

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
        crd::schema().expect("JSON")["properties"]["spec"].take()
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
    fn what_is_followed_is_in_the_table_of_drift() {
        let rows: Vec<&str> = DRIFT.iter().flat_map(|(_, fields)| fields.iter().copied()).collect();
        let stands_below = |field: &str, row: &str| field == row || field.starts_with(&format!("{row}."));
        for (field, effect) in EFFECTS {
            let compared = rows.iter().any(|row| stands_below(field, row));
            assert!(effect != Effect::Followed || compared, "nothing compares {field} with what was applied");
        }
        for row in rows {
            assert_eq!(effect(row), Some(Effect::Followed), "{row} leads to a plan");
        }
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
