//! What the operator says about a node: `status`.
#![allow(unreachable_pub, reason = "the derive of the schema copies each struct, with its visibility, into a function")]

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::api::core::v1::ResourceRequirements;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{IssuerKind, PeerSource, SnapshotGeneration, TaskPlan, Time};

/// Type of a condition, as Kubernetes has it everywhere.
const CONDITION_TYPE_PATTERN: &str =
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$";
/// Reason of a condition, as Kubernetes has it everywhere.
const REASON_PATTERN: &str = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$";

/// The observed state of a node.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct SeiNodeStatus {
    /// Where the node stands in its life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<NodePhase>,
    /// Image of seid that a pod of this node was last seen running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_image: Option<String>,
    /// Conditions, one per type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// When the phase last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase_transition_time: Option<Time>,
    /// The current plan, or the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<TaskPlan>,
    /// Host names of the SeiNodes that `spec.peers[].label` selects, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resolved_peers: Vec<String>,
    /// `host:port` under which peers outside the cluster reach the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_address: Option<String>,
    /// The Secret that a TLS node expects, for those who provision it.
    #[serde(default, rename = "sidecarTLS", skip_serializing_if = "Option::is_none")]
    pub sidecar_tls: Option<SidecarTlsStatus>,
    /// When the certificate in the sidecar's TLS Secret expires, whoever provides the Secret; absent while there is none that
    /// can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sidecar_certificate_not_after: Option<Time>,
    /// Issuer of the certificate that the sidecar's proxy serves.
    #[serde(default, rename = "currentSidecarTLS", skip_serializing_if = "Option::is_none")]
    pub current_sidecar_tls: Option<CurrentSidecarTls>,
    /// Mode that the running pod was configured for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_mode: Option<String>,
    /// Secret of the consensus key that the running pod mounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_key_mounted_secret: Option<String>,
    /// Secret of the node key that the running pod mounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_key_mounted_secret: Option<String>,
    /// Further settings that were really applied to the running node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<AppliedRecords>,
    /// True once the sidecar configured state sync on this data volume: it never does so twice, so a full configuration
    /// afterwards would switch state sync off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_sync_configured: Option<bool>,
    /// Height that the bootstrap Job reached on this data volume; it never runs twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrapped_height: Option<i64>,
    /// Leases of the consensus keys that this node holds, in the operator's namespace; let go when the node is deleted and
    /// its pod is gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signing_key_leases: Vec<String>,
    /// `metadata.generation` of the StatefulSet after the last apply; a later one is somebody else's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stateful_set_generation: Option<i64>,
    /// Digest of the pod template that was applied last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_template: Option<String>,
    /// Value of the annotation `sei.io/refresh` that was followed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refreshed: Option<String>,
    /// Every claim that was ever imported; none of them is deleted, whatever the spec says now.
    #[serde(default, rename = "importedPVCs", skip_serializing_if = "Vec::is_empty")]
    pub imported_pvcs: Vec<String>,
}

/// Settings that were really applied, as they stood in the spec.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct AppliedRecords {
    /// Chain that the data on the volume is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain_id: Option<String>,
    /// Claim that the data is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_claim: Option<String>,
    /// How the node got its first state, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Image of the sidecar; absent when the spec left it to the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sidecar_image: Option<String>,
    /// HTTP port of the sidecar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sidecar_port: Option<i32>,
    /// Resources of the sidecar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sidecar_resources: Option<ResourceRequirements>,
    /// Secret of the operator keyring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator_keyring_secret: Option<String>,
    /// Entry of the operator keyring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator_keyring_key_name: Option<String>,
    /// Data key of the passphrase that opens the operator keyring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator_keyring_passphrase_key: Option<String>,
    /// Labels of the pod.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pod_labels: BTreeMap<String, String>,
    /// Configuration overrides.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub overrides: BTreeMap<String, String>,
    /// Peer sources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<PeerSource>,
    /// Production of snapshots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_generation: Option<SnapshotGeneration>,
}

/// Where a node stands in its life.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NodePhase {
    /// Nothing was started yet.
    Pending,
    /// The first plan runs.
    Initializing,
    /// The node came up.
    Running,
    /// The first plan failed.
    Failed,
    /// The node is being deleted.
    Terminating,
}

impl NodePhase {
    /// Every phase, in the order of a node's life.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Initializing, Self::Running, Self::Failed, Self::Terminating];

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Initializing => "Initializing",
            Self::Running => "Running",
            Self::Failed => "Failed",
            Self::Terminating => "Terminating",
        }
    }
}

impl fmt::Display for NodePhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The contract of a provisioned TLS Secret.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SidecarTlsStatus {
    /// Name the Secret must have.
    pub secret_name: String,
    /// DNS names its certificate must carry.
    #[serde(rename = "requiredDNSNames")]
    pub required_dns_names: Vec<String>,
}

/// An issuer whose certificate is served.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct CurrentSidecarTls {
    /// Name of the issuer.
    pub issuer_name: String,
    /// Kind of the issuer.
    pub issuer_kind: IssuerKind,
}

/// One aspect of the node, as Kubernetes API conventions have it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Aspect, in CamelCase.
    #[serde(rename = "type")]
    #[schemars(length(max = 316), regex(pattern = CONDITION_TYPE_PATTERN))]
    pub kind: String,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// One CamelCase word on why.
    #[schemars(length(min = 1, max = 1024), regex(pattern = REASON_PATTERN))]
    pub reason: String,
    /// A sentence for people.
    #[schemars(length(max = 32768))]
    pub message: String,
    /// When `status` last changed.
    pub last_transition_time: Time,
    /// `metadata.generation` the condition was computed from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
}

/// Whether a condition holds.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// Nobody can tell.
    Unknown,
}

impl ConditionStatus {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

impl SeiNodeStatus {
    /// The condition of a type, if present.
    #[must_use]
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|c| c.kind == kind)
    }

    /// The phase; a node nobody wrote a phase for is `Pending`.
    #[must_use]
    pub fn phase(&self) -> NodePhase {
        self.phase.unwrap_or(NodePhase::Pending)
    }
}
