//! How a running node differs from its spec: each field against the record of what was really applied.

use super::observed::PodFacts;
use super::records::{reachable, records, served, setting, uploads_for_ever};
use super::valid::{Mode, Snapshots, ValidNode};
use crate::api::{AppliedRecords, CurrentSidecarTls, DriftKind, SeiNodeStatus};
use crate::config::config_intent;

/// THE table: every kind of drift that an edit of `spec` leads to, in the order in which plans list them, and the fields it
/// follows. What each kind does to a plan is in `build/update.rs`.
pub const DRIFT: [(DriftKind, &[&str]); 14] = [
    (DriftKind::Image, &["spec.image"]),
    (DriftKind::SidecarImage, &["spec.sidecar.image"]),
    (DriftKind::SidecarPort, &["spec.sidecar.port"]),
    (DriftKind::SidecarResources, &["spec.sidecar.resources"]),
    (DriftKind::SidecarTls, &["spec.sidecar.tls"]),
    (DriftKind::SidecarIssuer, &["spec.sidecar.tls.issuerName", "spec.sidecar.tls.issuerKind"]),
    (DriftKind::SigningKey, &["spec.validator.signingKey"]),
    (DriftKind::NodeKey, &["spec.validator.nodeKey"]),
    (DriftKind::OperatorKeyring, &["spec.validator.operatorKeyring"]),
    (DriftKind::PodLabels, &["spec.podLabels"]),
    (DriftKind::Overrides, &["spec.overrides"]),
    (DriftKind::Peers, &["spec.peers"]),
    (DriftKind::SnapshotGeneration, &["spec.fullNode.snapshotGeneration", "spec.archive.snapshotGeneration"]),
    (DriftKind::Mode, &["spec.fullNode", "spec.validator"]),
];

/// Everything that differs, in the order of [`DRIFT`], with a sentence on each; last, whether a person asked for a pod of
/// today's template.
///
/// A record that is absent is not drift. The controller this operator replaces leaves that of the image empty until its first
/// update plan: then the pod tells, also one that does not run yet, and without a pod nobody knows.
#[must_use]
pub fn drift(node: &ValidNode, status: &SeiNodeStatus, pod: Option<&PodFacts>) -> Vec<(DriftKind, String)> {
    let settings = status.applied.as_ref().map(|applied| (applied, reachable(node, applied)));
    let differs = |kind| differs(kind, node, status, pod, settings.as_ref());
    let kinds = DRIFT.iter().map(|(kind, _)| *kind).chain([DriftKind::Refresh]);
    kinds.filter_map(|kind| Some((kind, differs(kind)?))).collect()
}

/// How the node differs in this, if it does. `settings` are those that were applied, and those that the spec asks for.
fn differs(
    kind: DriftKind,
    node: &ValidNode,
    status: &SeiNodeStatus,
    pod: Option<&PodFacts>,
    settings: Option<&(&AppliedRecords, AppliedRecords)>,
) -> Option<String> {
    // A node without records was not taken over yet.
    let recorded = status.observed_mode.as_deref();
    match kind {
        DriftKind::Image => image(node, status, pod),
        DriftKind::SidecarImage
        | DriftKind::SidecarPort
        | DriftKind::SidecarResources
        | DriftKind::OperatorKeyring
        | DriftKind::PodLabels
        | DriftKind::Overrides
        | DriftKind::Peers
        | DriftKind::SnapshotGeneration => {
            let (applied, wanted) = settings?;
            if kind == DriftKind::SidecarPort && applied.sidecar_port.is_none() {
                return None;
            }
            let (wanted, applied) = (setting(wanted, kind)?, setting(applied, kind)?);
            (wanted != applied).then(|| told(kind, &wanted.to_string(), &applied.to_string()))
        }
        DriftKind::SidecarTls | DriftKind::SidecarIssuer => {
            let (wanted, current) = (served(node), status.current_sidecar_tls.as_ref());
            let swap = wanted.is_some() && current.is_some();
            let asked = recorded.is_some() && wanted.as_ref() != current && swap == (kind == DriftKind::SidecarIssuer);
            asked.then(|| told(DriftKind::SidecarTls, &issuer(wanted.as_ref()), &issuer(current)))
        }
        DriftKind::SigningKey => recorded.and(key(kind, &node.signing_key, &status.signing_key_mounted_secret)),
        DriftKind::NodeKey => recorded.and(key(kind, &node.node_key, &status.node_key_mounted_secret)),
        DriftKind::Mode => {
            let current = recorded.filter(|current| *current != node.mode.field())?;
            Some(told(kind, node.mode.field(), current))
        }
        DriftKind::Refresh => {
            let token = node.refresh_token.as_ref().filter(|token| status.refreshed.as_ref() != Some(*token))?;
            Some(format!("a pod of today's template is asked for: {}={token}", crate::api::REFRESH_ANNOTATION))
        }
        // Objects are there or not.
        DriftKind::StatefulSet
        | DriftKind::Service
        | DriftKind::ProxyConfig
        | DriftKind::Certificate
        | DriftKind::SigningKeyClaim => None,
    }
}

fn image(node: &ValidNode, status: &SeiNodeStatus, pod: Option<&PodFacts>) -> Option<String> {
    let current = status.current_image.as_ref().or(pod.map(|pod| &pod.seid_image).filter(|image| !image.is_empty()))?;
    (*current != node.image).then(|| format!("image drift detected: spec={} current={current}", node.image))
}

fn key(kind: DriftKind, wanted: &Option<String>, mounted: &Option<String>) -> Option<String> {
    let name = |secret: &Option<String>| secret.clone().unwrap_or_else(|| "none".to_owned());
    (wanted.is_some() && wanted != mounted).then(|| told(kind, &name(wanted), &name(mounted)))
}

fn issuer(tls: Option<&CurrentSidecarTls>) -> String {
    tls.map_or_else(
        || "none".to_owned(),
        |tls| format!("{{issuerName={} issuerKind={}}}", tls.issuer_name, tls.issuer_kind.as_str()),
    )
}

fn told(kind: DriftKind, wanted: &str, current: &str) -> String {
    let subject = kind.subject().trim_start_matches("spec.").trim_start_matches("the ");
    format!("{subject} drift detected: spec={wanted} current={current}")
}

/// What becomes of seid's configuration on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum ConfigChange {
    /// It stays.
    #[default]
    Keep,
    /// Keys are added or get other values; what else is there stays.
    Patch,
    /// Keys go, so that both files are written anew. Peers are lost with it.
    Rewrite,
}

/// What the spec asks of the configuration that was applied: a key that must go cannot be patched away.
pub(super) fn config_change(node: &ValidNode, status: &SeiNodeStatus) -> ConfigChange {
    let Some(applied) = &status.applied else { return ConfigChange::Keep };
    let snapshots = applied.snapshot_generation.as_ref().and_then(|generation| generation.tendermint.as_ref());
    let before = ValidNode {
        mode: status.observed_mode.as_deref().and_then(Mode::of_field).unwrap_or(node.mode),
        overrides: applied.overrides.clone(),
        snapshots: snapshots.map(Snapshots::of),
        ..node.clone()
    };
    // The address is not the spec's.
    let (old, new) = (config_intent(&before, None), config_intent(node, None));
    let gone = old.overrides.keys().any(|key| !new.overrides.contains_key(key));
    if old.mode != new.mode || gone || (node.peers.is_empty() && !applied.peers.is_empty()) {
        ConfigChange::Rewrite
    } else if old == new {
        ConfigChange::Keep
    } else {
        ConfigChange::Patch
    }
}

/// What an edit asked for that nothing can be made of any more, in sentences.
pub(super) fn without_effect(node: &ValidNode, status: &SeiNodeStatus) -> Option<String> {
    let applied = status.applied.as_ref()?;
    let told = [undone_beginning(node, status, applied), endless_upload(node, applied)];
    let told: Vec<String> = told.into_iter().flatten().collect();
    (!told.is_empty()).then(|| told.join("; "))
}

fn undone_beginning(node: &ValidNode, status: &SeiNodeStatus, applied: &AppliedRecords) -> Option<String> {
    // A switch of the mode takes its own first state along.
    let same_mode = status.observed_mode.as_deref() == Some(node.mode.field());
    let (wanted, began) = (records(node).source?, applied.source.as_ref()?);
    (same_mode && wanted != *began).then(|| {
        format!(
            "snapshot and genesisCeremony are read only when a node gets its first state: this one began with {began}, and the spec asks for {wanted}"
        )
    })
}

fn endless_upload(node: &ValidNode, applied: &AppliedRecords) -> Option<String> {
    uploads_for_ever(node, applied).then(|| {
        "publish was removed, and a sidecar has no way to end an upload: remove snapshotGeneration, so that there is nothing to upload"
            .to_owned()
    })
}
