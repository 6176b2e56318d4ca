//! What status keeps of the settings that were applied to a node, and which record follows which kind of drift.

use serde_json::{Value, json};

use super::valid::ValidNode;
use crate::api::{
    AppliedRecords, CurrentSidecarTls, DriftKind, SeiNodeStatus, SnapshotGeneration, SnapshotPublish,
    TendermintSnapshots,
};

/// The records of a node that follows its spec in everything.
pub(super) fn records(node: &ValidNode) -> AppliedRecords {
    let keyring = node.keyring.as_ref();
    AppliedRecords {
        chain_id: Some(node.chain_id.clone()),
        data_claim: Some(node.data_volume.claim.clone()),
        source: Some(first_state(node)),
        sidecar_image: node.names_sidecar_image.then(|| node.sidecar_image.clone()),
        sidecar_port: Some(node.sidecar_port),
        sidecar_resources: node.sidecar_resources.clone(),
        operator_keyring_secret: keyring.map(|keyring| keyring.secret.clone()),
        operator_keyring_key_name: keyring.map(|keyring| keyring.key_name.clone()),
        operator_keyring_passphrase_key: keyring.map(|keyring| keyring.passphrase_key.clone()),
        pod_labels: node.pod_labels.clone(),
        overrides: node.overrides.clone(),
        peers: node.peers.clone(),
        snapshot_generation: node.snapshots.map(|snapshots| SnapshotGeneration {
            tendermint: Some(TendermintSnapshots {
                keep_recent: snapshots.keep_recent,
                publish: snapshots.publish.then_some(SnapshotPublish {}),
            }),
        }),
    }
}

/// The records of this node once it follows its spec in everything that it can: an upload that was begun never ends.
pub(super) fn reachable(node: &ValidNode, applied: &AppliedRecords) -> AppliedRecords {
    let mut next = records(node);
    let uploads = uploads_for_ever(node, applied);
    let generation = next.snapshot_generation.as_mut().and_then(|generation| generation.tendermint.as_mut());
    if let Some(tendermint) = generation.filter(|_| uploads) {
        tendermint.publish = Some(SnapshotPublish {});
    }
    next
}

/// Whether the sidecar uploads snapshots that the spec wants made and no longer published: it has no way to stop.
pub(super) fn uploads_for_ever(node: &ValidNode, applied: &AppliedRecords) -> bool {
    publishes(applied) && node.snapshots.is_some_and(|snapshots| !snapshots.publish)
}

/// Whether the sidecar was told to upload snapshots.
pub(super) fn publishes(applied: &AppliedRecords) -> bool {
    let tendermint = applied.snapshot_generation.as_ref().and_then(|generation| generation.tendermint.as_ref());
    tendermint.is_some_and(|tendermint| tendermint.publish.is_some())
}

/// How a node of this spec gets its first state, in words.
fn first_state(node: &ValidNode) -> String {
    match &node.ceremony {
        Some(ceremony) => format!("the founding of {}", ceremony.chain_id),
        None => node.source.to_string(),
    }
}

/// What the records hold of one kind of drift; `None` for kinds whose record stands elsewhere in status, or nowhere.
pub(super) fn setting(records: &AppliedRecords, kind: DriftKind) -> Option<Value> {
    Some(match kind {
        DriftKind::SidecarImage => json!(records.sidecar_image),
        DriftKind::SidecarPort => json!(records.sidecar_port),
        DriftKind::SidecarResources => json!(records.sidecar_resources),
        DriftKind::OperatorKeyring => json!(records.operator_keyring_secret.as_ref().map(|secret| json!({
            "secretName": secret,
            "keyName": records.operator_keyring_key_name,
            "passphraseKey": records.operator_keyring_passphrase_key,
        }))),
        DriftKind::PodLabels => json!(records.pod_labels),
        DriftKind::Overrides => json!(records.overrides),
        DriftKind::Peers => json!(records.peers),
        DriftKind::SnapshotGeneration => json!(records.snapshot_generation),
        DriftKind::Image
        | DriftKind::StatefulSet
        | DriftKind::Service
        | DriftKind::ProxyConfig
        | DriftKind::Certificate
        | DriftKind::SigningKeyClaim
        | DriftKind::SidecarTls
        | DriftKind::SidecarIssuer
        | DriftKind::SigningKey
        | DriftKind::NodeKey
        | DriftKind::Mode
        | DriftKind::Refresh => return None,
    })
}

/// Notes that the node follows its spec in this.
pub(super) fn note(status: &mut SeiNodeStatus, node: &ValidNode, kind: DriftKind) {
    let applied = |status: &mut SeiNodeStatus, copy: fn(&mut AppliedRecords, AppliedRecords)| {
        // Of a node without records nobody compares the others either.
        let known = status.applied.get_or_insert_with(|| records(node));
        let fresh = reachable(node, known);
        copy(known, fresh);
    };
    match kind {
        DriftKind::SidecarImage => applied(status, |known, fresh| known.sidecar_image = fresh.sidecar_image),
        DriftKind::SidecarPort => applied(status, |known, fresh| known.sidecar_port = fresh.sidecar_port),
        DriftKind::SidecarResources => {
            applied(status, |known, fresh| known.sidecar_resources = fresh.sidecar_resources);
        }
        DriftKind::OperatorKeyring => applied(status, |known, fresh| {
            known.operator_keyring_secret = fresh.operator_keyring_secret;
            known.operator_keyring_key_name = fresh.operator_keyring_key_name;
            known.operator_keyring_passphrase_key = fresh.operator_keyring_passphrase_key;
        }),
        DriftKind::PodLabels => applied(status, |known, fresh| known.pod_labels = fresh.pod_labels),
        DriftKind::Overrides => applied(status, |known, fresh| known.overrides = fresh.overrides),
        DriftKind::Peers => applied(status, |known, fresh| known.peers = fresh.peers),
        DriftKind::SnapshotGeneration => {
            applied(status, |known, fresh| known.snapshot_generation = fresh.snapshot_generation);
        }
        DriftKind::Mode => {
            status.observed_mode = Some(node.mode.field().to_owned());
            applied(status, |known, fresh| known.source = fresh.source);
        }
        DriftKind::SigningKey => status.signing_key_mounted_secret.clone_from(&node.signing_key),
        DriftKind::NodeKey => status.node_key_mounted_secret.clone_from(&node.node_key),
        DriftKind::SidecarTls | DriftKind::SidecarIssuer => status.current_sidecar_tls = served(node),
        DriftKind::Refresh => status.refreshed.clone_from(&node.refresh_token),
        // Stamped with what the pod runs.
        DriftKind::Image => {}
        // Objects have no record.
        DriftKind::StatefulSet
        | DriftKind::Service
        | DriftKind::ProxyConfig
        | DriftKind::Certificate
        | DriftKind::SigningKeyClaim => {}
    }
}

/// The issuer whose certificate a node of this spec serves.
pub(super) fn served(node: &ValidNode) -> Option<CurrentSidecarTls> {
    let issuer = node.tls_issuer()?;
    Some(CurrentSidecarTls { issuer_name: issuer.name.clone(), issuer_kind: issuer.kind })
}
