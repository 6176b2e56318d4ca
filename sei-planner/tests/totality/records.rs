//! What a spec asks for against what was recorded, told in other words than the planner's table of drift.

use sei_planner::api::{AppliedRecords, IssuerKind, SeiNode, SeiNodeStatus, SnapshotGeneration};

/// Whether the spec asks for another setting than was applied.
pub(crate) fn unlike_its_records(node: &SeiNode, applied: &AppliedRecords) -> bool {
    let spec = &node.spec;
    let sidecar = spec.sidecar.as_ref();
    let image = sidecar.and_then(|sidecar| sidecar.image.clone()).filter(|image| !image.is_empty());
    let port = sidecar.and_then(|sidecar| sidecar.port).filter(|port| *port != 0).unwrap_or(7777);
    let keyring = spec.validator.as_ref().and_then(|validator| validator.operator_keyring.as_ref()?.secret.clone());
    let keyring = keyring.map(|keyring| {
        let key = keyring.key_name.filter(|name| !name.is_empty()).unwrap_or_else(|| "node_admin".to_owned());
        (keyring.secret_name, Some(key), Some(keyring.passphrase_secret_ref.key))
    });
    let recorded = applied.operator_keyring_secret.clone().map(|secret| {
        (secret, applied.operator_keyring_key_name.clone(), applied.operator_keyring_passphrase_key.clone())
    });
    let of = |generation: Option<SnapshotGeneration>| generation.and_then(|generation| generation.tendermint);
    let full = spec.full_node.as_ref().and_then(|full| full.snapshot_generation.clone());
    let archive = spec.archive.as_ref().and_then(|archive| archive.snapshot_generation.clone());
    let made = applied.snapshot_generation.clone();
    let wanted = of(full.or(archive)).map(|wanted| {
        // An upload that was begun never ends.
        let uploads = of(made.clone()).is_some_and(|made| made.publish.is_some());
        (wanted.keep_recent, wanted.publish.is_some() || uploads)
    });
    let snapshots = match made {
        None => wanted.is_some(),
        // No node is recorded with an empty one: it follows at once.
        Some(made) => {
            made.tendermint.is_none() || wanted != of(Some(made)).map(|made| (made.keep_recent, made.publish.is_some()))
        }
    };
    image != applied.sidecar_image
        || applied.sidecar_port.is_some_and(|applied| i64::from(applied) != port)
        || sidecar.and_then(|sidecar| sidecar.resources.clone()) != applied.sidecar_resources
        || keyring != recorded
        || spec.pod_labels != applied.pod_labels
        || spec.overrides != applied.overrides
        || spec.peers != applied.peers
        || snapshots
}

/// Whether the spec asks for other keys, another certificate or another mode than the pod was made with.
pub(crate) fn unlike_its_pod(node: &SeiNode, status: &SeiNodeStatus, mode: &str) -> bool {
    let spec = &node.spec;
    let issuer = spec.sidecar.as_ref().and_then(|sidecar| sidecar.tls.as_ref());
    let issuer =
        issuer.and_then(|tls| Some((tls.issuer_name.clone()?, tls.issuer_kind.unwrap_or(IssuerKind::ClusterIssuer))));
    let served = status.current_sidecar_tls.as_ref().map(|tls| (tls.issuer_name.clone(), tls.issuer_kind));
    let validator = spec.validator.as_ref();
    let signing =
        validator.and_then(|validator| Some(validator.signing_key.as_ref()?.secret.as_ref()?.secret_name.clone()));
    let identity =
        validator.and_then(|validator| Some(validator.node_key.as_ref()?.secret.as_ref()?.secret_name.clone()));
    let wanted = match (&spec.full_node, &spec.archive, &spec.replayer) {
        (Some(_), ..) => "fullNode",
        (_, Some(_), _) => "archive",
        (.., Some(_)) => "replayer",
        (None, None, None) => "validator",
    };
    issuer != served
        || (signing.is_some() && signing != status.signing_key_mounted_secret)
        || (identity.is_some() && identity != status.node_key_mounted_secret)
        || wanted != mode
}
