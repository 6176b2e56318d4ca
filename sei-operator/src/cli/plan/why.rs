//! Why a plan exists, as differences: which field, from which value to which.
#![allow(unreachable_pub, reason = "the derive of the schema copies each struct, with its visibility, into a function")]

use std::fmt;

use schemars::JsonSchema;
use sei_planner::api::{DriftKind, SeiNode, TaskPlan};
use serde::Serialize;
use serde_json::Value;

/// A difference between what runs and what is wanted.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(in crate::cli) struct Change {
    /// JSON path of the field, as `spec.image`.
    pub(in crate::cli) field: String,
    /// What it was; null where it was absent.
    pub(in crate::cli) from: Value,
    /// What it becomes; null where it goes.
    pub(in crate::cli) to: Value,
}

/// Where a kind of drift stands in the spec, and where status records what runs, as JSON pointers.
fn places(kind: DriftKind) -> Option<[&'static str; 2]> {
    match kind {
        DriftKind::Image => Some(["/spec/image", "/status/currentImage"]),
        DriftKind::SidecarImage => Some(["/spec/sidecar/image", "/status/applied/sidecarImage"]),
        DriftKind::SidecarPort => Some(["/spec/sidecar/port", "/status/applied/sidecarPort"]),
        DriftKind::SidecarResources => Some(["/spec/sidecar/resources", "/status/applied/sidecarResources"]),
        DriftKind::SidecarTls | DriftKind::SidecarIssuer => Some(["/spec/sidecar/tls", "/status/currentSidecarTLS"]),
        DriftKind::SigningKey => {
            Some(["/spec/validator/signingKey/secret/secretName", "/status/signingKeyMountedSecret"])
        }
        DriftKind::NodeKey => Some(["/spec/validator/nodeKey/secret/secretName", "/status/nodeKeyMountedSecret"]),
        DriftKind::PodLabels => Some(["/spec/podLabels", "/status/applied/podLabels"]),
        DriftKind::Overrides => Some(["/spec/overrides", "/status/applied/overrides"]),
        DriftKind::Peers => Some(["/spec/peers", "/status/applied/peers"]),
        DriftKind::Refresh => Some(["/metadata/annotations/sei.io~1refresh", "/status/refreshed"]),
        // These stand in more than one place, or are objects.
        DriftKind::OperatorKeyring
        | DriftKind::SnapshotGeneration
        | DriftKind::Mode
        | DriftKind::StatefulSet
        | DriftKind::Service
        | DriftKind::ProxyConfig
        | DriftKind::Certificate
        | DriftKind::SigningKeyClaim => None,
    }
}

/// The differences that a plan removes, as far as the node tells both sides.
pub(in crate::cli) fn changes(node: &SeiNode, plan: Option<&TaskPlan>) -> Vec<Change> {
    let drift = plan.map(|plan| plan.drift.as_slice()).unwrap_or_default();
    let Ok(node) = serde_json::to_value(node) else { return Vec::new() };
    let value = |pointer: &str| node.pointer(pointer).cloned().unwrap_or_default();
    drift
        .iter()
        .filter_map(|kind| places(*kind))
        .map(|[wanted, runs]| Change { field: dotted(wanted), from: value(runs), to: value(wanted) })
        .filter(|change| change.from != change.to)
        .collect()
}

fn dotted(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".")
}

impl Change {
    /// Whether a sentence only tells both values again.
    pub(super) fn is_told_by(&self, sentence: &str) -> bool {
        [&self.from, &self.to].iter().all(|side| side.as_str().is_some_and(|text| sentence.contains(text)))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} -> {}", self.field, shown(&self.from), shown(&self.to))
    }
}

/// A value as people read it: texts bare, and members as `key=value`.
pub(in crate::cli) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "(none)".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(elements) => {
            format!("[{}]", elements.iter().map(shown).collect::<Vec<_>>().join(", "))
        }
        Value::Object(members) => {
            let members = members.iter().map(|(key, value)| format!("{key}={}", shown(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
    }
}
