//! The pods of a node: the one of its StatefulSet, and the one of its bootstrap Job. Both are put together from the same
//! containers, so that they cannot drift apart (B14, B21).

use k8s_openapi::api::core::v1::{
    Affinity, ConfigMapVolumeSource, EmptyDirVolumeSource, KeyToPath, NodeAffinity, NodeSelector,
    NodeSelectorRequirement, NodeSelectorTerm, PersistentVolumeClaimVolumeSource, PodSecurityContext, PodSpec,
    SecretVolumeSource, Toleration, Volume,
};

use super::containers::{
    DATA, KEYRING, NODE_KEY, NODE_KEY_FILE, PROXY_CONFIG, SIDECAR_TLS, SIDECAR_TMP, SIGNING_KEY, SIGNING_KEY_FILE,
    USER, bootstrap_seid, bootstrap_sidecar, exporter, proxy, seid, seid_init, sidecar,
};
use crate::node::{Bootstrap, Mode, ValidNode};
use crate::platform::Platform;

/// Secret files that only their owner and the pod's group read: `0o400`.
const OWNER_READS: i32 = 0o400;
/// The bootstrap pod has no group for its volumes, and its proxy does not run as root: `0o444`.
const EVERYBODY_READS: i32 = 0o444;
/// Seconds that seid of a bootstrap gets to stop.
const BOOTSTRAP_GRACE_SECONDS: i64 = 120;

/// The pod of a node's StatefulSet.
pub(super) fn production_pod(node: &ValidNode, platform: &Platform) -> PodSpec {
    let mut volumes = vec![data_volume(node), temporary_volume()];
    volumes.extend(node.signing_key.as_ref().map(|secret| file_volume(SIGNING_KEY, secret, SIGNING_KEY_FILE)));
    volumes.extend(node.node_key.as_ref().map(|secret| file_volume(NODE_KEY, secret, NODE_KEY_FILE)));
    volumes.extend(node.keyring.as_ref().map(|keyring| secret_volume(KEYRING, &keyring.secret, OWNER_READS)));
    volumes.extend(tls_volumes(node, OWNER_READS));
    let mut init_containers = vec![seid_init(node, &node.image), sidecar(node, platform)];
    init_containers.extend(proxy(node));
    PodSpec {
        automount_service_account_token: Some(true),
        security_context: Some(PodSecurityContext {
            fs_group: Some(USER),
            fs_group_change_policy: Some("OnRootMismatch".to_owned()),
            ..PodSecurityContext::default()
        }),
        volumes: Some(volumes),
        init_containers: Some(init_containers),
        containers: vec![seid(node, platform), exporter(platform)],
        ..placed(node, platform)
    }
}

/// The pod of a node's bootstrap Job. It holds no key, no keyring and no passphrase (S5), and it has the host name of the
/// production pod, so that the sidecar is found under one name.
pub(super) fn bootstrap_pod(node: &ValidNode, platform: &Platform, bootstrap: Bootstrap<'_>) -> PodSpec {
    let mut init = seid_init(node, bootstrap.image);
    init.security_context = None;
    let mut init_containers = vec![init, bootstrap_sidecar(node, platform)];
    init_containers.extend(proxy(node));
    PodSpec {
        hostname: Some(node.key.pod()),
        subdomain: Some(node.key.name.clone()),
        restart_policy: Some("Never".to_owned()),
        termination_grace_period_seconds: Some(BOOTSTRAP_GRACE_SECONDS),
        volumes: Some([data_volume(node)].into_iter().chain(tls_volumes(node, EVERYBODY_READS)).collect()),
        init_containers: Some(init_containers),
        containers: vec![bootstrap_seid(node, platform, bootstrap)],
        ..placed(node, platform)
    }
}

/// What every pod of a node has: who it runs as in the cluster, and where.
fn placed(node: &ValidNode, platform: &Platform) -> PodSpec {
    let pool = match node.mode {
        Mode::Archive => &platform.archive_node_pool,
        Mode::FullNode | Mode::Replayer | Mode::Validator => &platform.node_pool,
    };
    PodSpec {
        service_account_name: Some(platform.service_account.clone()),
        share_process_namespace: Some(true),
        tolerations: Some(vec![Toleration {
            key: Some(platform.toleration_key.clone()),
            value: Some(pool.clone()),
            effect: Some("NoSchedule".to_owned()),
            ..Toleration::default()
        }]),
        affinity: Some(affinity(pool)),
        ..PodSpec::default()
    }
}

fn affinity(pool: &str) -> Affinity {
    let expression = NodeSelectorRequirement {
        key: "karpenter.sh/nodepool".to_owned(),
        operator: "In".to_owned(),
        values: Some(vec![pool.to_owned()]),
    };
    let term = NodeSelectorTerm { match_expressions: Some(vec![expression]), match_fields: None };
    Affinity {
        node_affinity: Some(NodeAffinity {
            required_during_scheduling_ignored_during_execution: Some(NodeSelector { node_selector_terms: vec![term] }),
            ..NodeAffinity::default()
        }),
        ..Affinity::default()
    }
}

fn data_volume(node: &ValidNode) -> Volume {
    Volume {
        name: DATA.to_owned(),
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name: node.data_volume.claim.clone(),
            read_only: None,
        }),
        ..Volume::default()
    }
}

fn temporary_volume() -> Volume {
    Volume { name: SIDECAR_TMP.to_owned(), empty_dir: Some(EmptyDirVolumeSource::default()), ..Volume::default() }
}

fn tls_volumes(node: &ValidNode, mode: i32) -> Vec<Volume> {
    let Some(secret) = node.tls_secret() else { return Vec::new() };
    let config = Volume {
        name: PROXY_CONFIG.to_owned(),
        config_map: Some(ConfigMapVolumeSource { name: node.key.proxy_config(), ..ConfigMapVolumeSource::default() }),
        ..Volume::default()
    };
    vec![config, secret_volume(SIDECAR_TLS, &secret, mode)]
}

fn secret_volume(name: &str, secret: &str, mode: i32) -> Volume {
    Volume {
        name: name.to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(secret.to_owned()),
            default_mode: Some(mode),
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    }
}

/// One file of a Secret and no other.
fn file_volume(name: &str, secret: &str, file: &str) -> Volume {
    let item = KeyToPath { key: file.to_owned(), path: file.to_owned(), ..KeyToPath::default() };
    let mut volume = secret_volume(name, secret, OWNER_READS);
    if let Some(source) = &mut volume.secret {
        source.items = Some(vec![item]);
    }
    volume
}
