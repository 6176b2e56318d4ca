//! The SeiNode kind: what people write in `spec`.
#![allow(unreachable_pub, reason = "the derive of the schema copies each struct, with its visibility, into a function")]

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ResourceRequirements;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SeiNodeStatus;

/// Name of a Secret or a claim.
const NAME_PATTERN: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// Name of an entry in a keyring.
const KEY_NAME_PATTERN: &str = "^[a-zA-Z0-9_-]+$";
/// A provisioned certificate is a contract with somebody outside, so it never comes, changes or goes under a live node.
/// Certificates of an issuer are the operator's own, and free to change.
const TLS_SECRET_IS_FIXED: &str = "\
    !(has(oldSelf.sidecar) && has(oldSelf.sidecar.tls) && has(oldSelf.sidecar.tls.secretName)) \
    && !(has(self.sidecar) && has(self.sidecar.tls) && has(self.sidecar.tls.secretName)) \
    || has(oldSelf.sidecar) && has(oldSelf.sidecar.tls) && has(self.sidecar) && has(self.sidecar.tls) \
    && self.sidecar.tls == oldSelf.sidecar.tls";
/// Rules about changes are asked only where a value is on both sides, so what must stay needs a rule at every optional
/// parent as well: without this one, dropping `dataVolume` would drop the import (R16).
const IMPORT_STAYS_WITH_ITS_PARENT: &str = "\
    !has(oldSelf.dataVolume) || !has(oldSelf.dataVolume.import) || has(self.dataVolume)";
/// The same for the keys of a validator, which another mode would drop (R16).
const KEYS_STAY_WITH_THEIR_PARENT: &str = "\
    !has(oldSelf.validator) || has(self.validator) || !(has(oldSelf.validator.signingKey) \
    || has(oldSelf.validator.nodeKey) || has(oldSelf.validator.operatorKeyring))";

/// The desired state of one Sei node. Exactly one mode (`fullNode`, `archive`, `replayer`, `validator`) is set.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "sei.io",
    version = "v1alpha1",
    kind = "SeiNode",
    plural = "seinodes",
    singular = "seinode",
    shortname = "snode",
    namespaced,
    status = "SeiNodeStatus",
    derive = "PartialEq",
    doc = "One Sei node: its pod, its data volume and its plan.",
    validation = ("!has(oldSelf.spec) || has(self.spec)", "spec cannot be removed: delete the node instead"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = (
        "(has(self.fullNode) ? 1 : 0) + (has(self.archive) ? 1 : 0) + (has(self.replayer) ? 1 : 0) + (has(self.validator) ? 1 : 0) == 1",
        "set exactly one of fullNode, archive, replayer and validator"
    ),
    validation = (
        "!has(self.replayer) || (has(self.peers) && size(self.peers) > 0)",
        "a replayer needs at least one entry in peers"
    ),
    validation = (
        TLS_SECRET_IS_FIXED,
        "sidecar.tls with a secretName cannot be added, changed or removed after creation; make a new node instead"
    ),
    validation = (
        IMPORT_STAYS_WITH_ITS_PARENT,
        "dataVolume cannot be removed once it imports a volume: the node would get an empty one"
    ),
    validation = (
        KEYS_STAY_WITH_THEIR_PARENT,
        "validator cannot be removed once it names keys: a validator with keys stays one; make a new node instead"
    )
)]
pub struct SeiNodeSpec {
    /// Chain the node follows, for example `pacific-1`. A node that runs cannot change it.
    #[schemars(length(min = 1))]
    pub chain_id: String,
    /// Image of seid, used by the containers `seid-init` and `seid`.
    #[schemars(length(min = 1, max = 512))]
    pub image: String,
    /// Where the node finds its peers. An edit of a running node restarts it once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<PeerSource>,
    /// Deprecated and ignored: the operator owns the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Entrypoint>,
    /// Settings laid over the defaults of the mode: dotted sei-config key to value. An edit of a running node restarts it once.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub overrides: BTreeMap<String, String>,
    /// The sidecar container that configures and watches seid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sidecar: Option<SidecarSpec>,
    /// Labels put on the pod and on everything made for the node; the operator's own labels win.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pod_labels: BTreeMap<String, String>,
    /// Where the chain's data lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_volume: Option<DataVolumeSpec>,
    /// A node that follows the chain and serves its APIs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_node: Option<FullNodeSpec>,
    /// A node that keeps the whole history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<ArchiveSpec>,
    /// A node that replays blocks from a snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayer: Option<ReplayerSpec>,
    /// A node that signs blocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validator: Option<ValidatorSpec>,
}

/// Deprecated and ignored.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Entrypoint {
    /// Ignored.
    #[schemars(length(min = 1, max = 16))]
    pub command: Vec<String>,
    /// Ignored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub args: Vec<String>,
}

/// Settings of the sidecar container.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SidecarSpec {
    /// Image of the sidecar; the platform's when empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// HTTP port of the sidecar; 7777 when absent or 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    // Wider than its schema says: the API server holds no number to its format, and what it takes must be readable.
    #[schemars(with = "Option<i32>", extend("default" = 7777))]
    pub port: Option<i64>,
    /// Resources of the sidecar container, copied as they stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    /// Presence puts a TLS proxy in front of the sidecar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<SidecarTlsSpec>,
}

/// Where the certificate of the sidecar's proxy comes from: exactly one of `secretName` and `issuerName`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = (
        "has(self.secretName) != has(self.issuerName)",
        "set exactly one of secretName and issuerName"
    ),
    validation = (
        "!has(self.issuerKind) || has(self.issuerName)",
        "issuerKind needs issuerName"
    )
)]
pub struct SidecarTlsSpec {
    /// A `kubernetes.io/tls` Secret in the node's namespace that somebody else provisions. Cannot be added, changed or
    /// removed after creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub secret_name: Option<String>,
    /// A cert-manager issuer that the operator asks for a certificate. Must be on the operator's allow-list. May be set, swapped
    /// and removed on a running node: setting and removing restart its pod once, a swap does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub issuer_name: Option<String>,
    /// Kind of the issuer; `ClusterIssuer` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer_kind: Option<IssuerKind>,
}

/// Kind of a cert-manager issuer.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IssuerKind {
    /// An issuer of the node's namespace.
    Issuer,
    /// An issuer of the whole cluster.
    ClusterIssuer,
}

impl IssuerKind {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issuer => "Issuer",
            Self::ClusterIssuer => "ClusterIssuer",
        }
    }
}

/// Sourcing and fate of the data volume.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = (
        "(!has(oldSelf.import) || has(self.import))",
        "import cannot be removed: the node would get an empty volume"
    )
)]
pub struct DataVolumeSpec {
    /// Adopt an existing claim instead of making one. Stays once set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import: Option<DataVolumeImport>,
    /// Keep the claim that was made for this node when the node is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retain_on_delete: Option<bool>,
}

/// An existing claim that the node uses and never owns, changes or deletes.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct DataVolumeImport {
    /// Name of a PersistentVolumeClaim in the node's namespace.
    #[schemars(length(min = 1, max = 253), regex(pattern = NAME_PATTERN))]
    #[x_kube(validation = ("self == oldSelf", "pvcName cannot be changed: a node stays with the volume that holds its data"))]
    pub pvc_name: String,
}

/// One source of peers: exactly one member is set.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = (
        "(has(self.ec2Tags) ? 1 : 0) + (has(self.static) ? 1 : 0) + (has(self.label) ? 1 : 0) == 1",
        "set exactly one of ec2Tags, static and label in each entry of peers"
    )
)]
pub struct PeerSource {
    /// Running AWS instances that carry all the tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ec2_tags: Option<Ec2TagsPeers>,
    /// A fixed list.
    #[serde(default, rename = "static", skip_serializing_if = "Option::is_none")]
    pub fixed: Option<StaticPeers>,
    /// Other SeiNodes, by label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<LabelPeers>,
}

/// Peers among AWS instances.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Ec2TagsPeers {
    /// AWS region, for example `eu-central-1`.
    #[schemars(length(min = 1))]
    pub region: String,
    /// Tags an instance must carry, all of them.
    #[schemars(extend("minProperties" = 1))]
    pub tags: BTreeMap<String, String>,
}

/// A fixed list of peers.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct StaticPeers {
    /// Peers as `nodeId@host:port`.
    #[schemars(length(min = 1))]
    pub addresses: Vec<String>,
}

/// Peers among SeiNodes.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct LabelPeers {
    /// Labels a SeiNode must carry, all of them.
    #[schemars(extend("minProperties" = 1))]
    pub selector: BTreeMap<String, String>,
    /// Namespace to look in; the node's own when absent or empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// A full node.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct FullNodeSpec {
    /// How the node gets its first state; block sync from genesis when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotSource>,
    /// Makes the node produce state-sync snapshots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_generation: Option<SnapshotGeneration>,
}

/// An archive node.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct ArchiveSpec {
    /// Makes the node produce state-sync snapshots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_generation: Option<SnapshotGeneration>,
}

/// A replayer.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ReplayerSpec {
    /// The state to start from; must be an S3 snapshot.
    pub snapshot: SnapshotSource,
    /// Reserved: checked, and without effect today.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_export: Option<ResultExport>,
}

/// Reserved.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ResultExport {
    /// Compare results with another node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow_result: Option<ShadowResult>,
}

/// Reserved.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ShadowResult {
    /// RPC endpoint to compare with.
    #[schemars(length(min = 1))]
    pub canonical_rpc: String,
}

/// A first state: exactly one of `s3` and `stateSync`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = (
        "(has(self.s3) ? 1 : 0) + (has(self.stateSync) ? 1 : 0) == 1",
        "set exactly one of s3 and stateSync"
    )
)]
pub struct SnapshotSource {
    /// Restore an archive from the platform's bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3Snapshot>,
    /// Tendermint state sync from peers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_sync: Option<StateSyncSnapshot>,
    /// Trust period of state sync as a Go duration, for example `9999h0m0s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust_period: Option<String>,
    /// Blocks to fetch behind the snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backfill_blocks: Option<i64>,
    /// Image of seid for a bootstrap Job that syncs up to `s3.targetHeight` before production starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrap_image: Option<String>,
}

/// A snapshot in the platform's bucket.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct S3Snapshot {
    /// Greatest height to restore, and the halt height of a bootstrap Job.
    #[schemars(range(min = 1))]
    pub target_height: i64,
}

/// State sync has no settings of its own.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
pub struct StateSyncSnapshot {}

/// Production of snapshots.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotGeneration {
    /// Tendermint state-sync snapshots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tendermint: Option<TendermintSnapshots>,
}

/// Tendermint state-sync snapshots.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct TendermintSnapshots {
    /// Snapshots kept on disk; at least 2 when they are published.
    #[schemars(with = "i32", range(min = 1))]
    pub keep_recent: i64,
    /// Presence makes the sidecar upload them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish: Option<SnapshotPublish>,
}

/// Uploading has no settings of its own.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
pub struct SnapshotPublish {}

/// A validator.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = (
        "has(self.signingKey) == has(self.nodeKey)",
        "set both signingKey and nodeKey, or neither"
    ),
    validation = (
        "!has(self.signingKey) || !has(self.nodeKey) || self.signingKey.secret.secretName != self.nodeKey.secret.secretName",
        "signingKey and nodeKey must be in different Secrets"
    ),
    validation = (
        "!has(self.operatorKeyring) || !has(self.signingKey) || self.operatorKeyring.secret.secretName != self.signingKey.secret.secretName",
        "operatorKeyring and signingKey must be in different Secrets"
    ),
    validation = (
        "!has(self.operatorKeyring) || !has(self.nodeKey) || self.operatorKeyring.secret.secretName != self.nodeKey.secret.secretName",
        "operatorKeyring and nodeKey must be in different Secrets"
    ),
    validation = (
        "!has(self.operatorKeyring) || self.operatorKeyring.secret.secretName != self.operatorKeyring.secret.passphraseSecretRef.secretName",
        "operatorKeyring and its passphrase must be in different Secrets"
    ),
    validation = (
        "!has(self.operatorKeyring) || !has(self.signingKey) || self.operatorKeyring.secret.passphraseSecretRef.secretName != self.signingKey.secret.secretName",
        "the passphrase of operatorKeyring and signingKey must be in different Secrets"
    ),
    validation = (
        "!has(self.operatorKeyring) || !has(self.nodeKey) || self.operatorKeyring.secret.passphraseSecretRef.secretName != self.nodeKey.secret.secretName",
        "the passphrase of operatorKeyring and nodeKey must be in different Secrets"
    ),
    validation = (
        "!has(oldSelf.signingKey) || has(self.signingKey)",
        "signingKey cannot be removed: a running node keeps its keys; make a new node instead"
    ),
    validation = (
        "!has(oldSelf.nodeKey) || has(self.nodeKey)",
        "nodeKey cannot be removed: a running node keeps its keys; make a new node instead"
    ),
    validation = (
        "!has(oldSelf.operatorKeyring) || has(self.operatorKeyring)",
        "operatorKeyring cannot be removed; make a new node instead"
    )
)]
pub struct ValidatorSpec {
    /// How the node gets its first state; block sync from genesis when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotSource>,
    /// Set by the operator of a SeiNodeDeployment for the first validators of a chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub genesis_ceremony: Option<GenesisCeremony>,
    /// The consensus key. Needs `nodeKey`. Stays once set. A running node mounts it at the tip of its chain, with one restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_key: Option<SigningKey>,
    /// The P2P identity. Needs `signingKey`. Stays once set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_key: Option<NodeKey>,
    /// The operator account's keyring, for the sidecar only. Stays once set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator_keyring: Option<OperatorKeyring>,
}

/// One node's part in a genesis ceremony.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct GenesisCeremony {
    /// Chain that is being founded.
    #[schemars(length(min = 1))]
    pub chain_id: String,
    /// Self-delegation of the gentx, for example `10000000usei`.
    #[schemars(length(min = 1))]
    pub staking_amount: String,
    /// First balance of the node's account.
    #[schemars(length(min = 1))]
    pub account_balance: String,
    /// JSON text of changes to the genesis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub genesis_params: Option<String>,
    /// Ordinal of the node in its group.
    #[schemars(with = "i32", range(min = 0))]
    pub index: i64,
}

/// A consensus key: exactly one source.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = (
        "(has(self.secret) ? 1 : 0) == 1",
        "signingKey needs exactly one source: set secret"
    )
)]
pub struct SigningKey {
    /// A Secret with the data key `priv_validator_key.json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<KeySecret>,
}

/// A P2P identity: exactly one source.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = (
        "(has(self.secret) ? 1 : 0) == 1",
        "nodeKey needs exactly one source: set secret"
    )
)]
pub struct NodeKey {
    /// A Secret with the data key `node_key.json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<KeySecret>,
}

/// A Secret that holds a key; made, changed and deleted by others only.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct KeySecret {
    /// Name of the Secret in the node's namespace.
    #[schemars(length(min = 1, max = 253), regex(pattern = NAME_PATTERN))]
    #[x_kube(validation = ("self == oldSelf", "secretName cannot be changed: a running node keeps its keys; make a new node for new keys"))]
    pub secret_name: String,
}

/// An operator keyring: exactly one source.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = (
        "(has(self.secret) ? 1 : 0) == 1",
        "operatorKeyring needs exactly one source: set secret"
    )
)]
pub struct OperatorKeyring {
    /// A Secret whose data keys are the files of a Cosmos `file` keyring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<KeyringSecret>,
}

/// A keyring and the passphrase that opens it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct KeyringSecret {
    /// Name of the Secret in the node's namespace.
    #[schemars(length(min = 1, max = 253), regex(pattern = NAME_PATTERN))]
    #[x_kube(validation = ("self == oldSelf", "secretName of a keyring cannot be changed; keyName can"))]
    pub secret_name: String,
    /// Entry to sign with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = KEY_NAME_PATTERN), extend("default" = "node_admin"))]
    pub key_name: Option<String>,
    /// Where the passphrase is.
    pub passphrase_secret_ref: PassphraseSecretRef,
}

/// One data key of a Secret.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PassphraseSecretRef {
    /// Name of the Secret in the node's namespace.
    #[schemars(length(min = 1, max = 253), regex(pattern = NAME_PATTERN))]
    #[x_kube(validation = ("self == oldSelf", "secretName of a passphrase cannot be changed; key can"))]
    pub secret_name: String,
    /// Data key inside the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

impl SeiNode {
    /// Whether the annotation `sei.io/paused` holds the operator off: any value but `false` does, the empty one too.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        let annotations = self.metadata.annotations.as_ref();
        annotations.and_then(|all| all.get(super::PAUSE_ANNOTATION)).is_some_and(|value| value != "false")
    }
}
