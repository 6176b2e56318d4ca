//! A plan as it stands in `status.plan`.
//!
//! The fields up to `failedTaskDetail` are those of the controller this operator replaces; the ones after it are ours,
//! optional, and absent in plans that the old controller stored.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{NodePhase, Time, crd};

/// An ordered list of tasks with a purpose.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TaskPlan {
    /// UUID of the plan; every plan has its own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Where the plan stands.
    pub phase: PlanPhase,
    /// The tasks, in the order they run.
    pub tasks: Vec<PlannedTask>,
    /// Phase of the node once the plan is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_phase: Option<NodePhase>,
    /// Phase of the node when the plan fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_phase: Option<NodePhase>,
    /// Position of the task that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = crd::plain_integer)]
    pub failed_task_index: Option<i32>,
    /// What failed, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_task_detail: Option<FailedTaskDetail>,
    /// Why the plan exists. Absent in plans stored by the controller this operator replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<PlanKindName>,
    /// The differences that an `Update` plan removes, or what a `Repair` plan brings back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<DriftKind>,
    /// What an earlier plan may have left half done: it counts as different until an update has ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub in_doubt: Vec<DriftKind>,
    /// When the plan was stored; nothing of it happened before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// `metadata.generation` of the spec that the plan was built from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_generation: Option<i64>,
    /// How many plans in a row, this one included, ran out of retries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<i32>,
    /// When the operator plans again by itself after this failure; absent when only a change can help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Time>,
    /// Value of the annotation `sei.io/retry` when the plan was built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_token: Option<String>,
    /// Tasks of earlier plans that the sidecar may still run, or run again when it starts: their end comes first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unfinished: Vec<UnfinishedTask>,
}

impl TaskPlan {
    /// When the plan began; plans of the controller before us do not say when they were stored, but their first task was submitted
    /// right after.
    #[must_use]
    pub fn began_at(&self) -> Option<Time> {
        self.started_at.or_else(|| self.tasks.first().and_then(|task| task.submitted_at))
    }
}

/// A task that an earlier plan left in the sidecar.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct UnfinishedTask {
    /// Type of the task.
    #[serde(rename = "type")]
    pub kind: String,
    /// UUID of the task.
    pub id: String,
}

/// Where a plan stands.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanPhase {
    /// Tasks are left to do.
    Active,
    /// Every task is done.
    Complete,
    /// One task failed for good.
    Failed,
}

/// Why a plan exists.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlanKindName {
    /// Brings a new node up.
    Init,
    /// Brings a new node up through a bootstrap Job.
    Bootstrap,
    /// Brings up a validator that founds a chain.
    Genesis,
    /// Makes a running node follow its spec.
    Update,
    /// Opens the gate of a sidecar that lost its ready flag.
    MarkReady,
    /// Brings back objects that somebody deleted.
    Repair,
}

impl PlanKindName {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Init => "Init",
            Self::Bootstrap => "Bootstrap",
            Self::Genesis => "Genesis",
            Self::Update => "Update",
            Self::MarkReady => "MarkReady",
            Self::Repair => "Repair",
        }
    }
}

/// One way in which a running node differs from its spec, or a thing that is missing.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DriftKind {
    /// `spec.image` is not what runs.
    Image,
    /// The StatefulSet is gone.
    StatefulSet,
    /// The headless Service is gone.
    Service,
    /// The ConfigMap of the TLS proxy is gone.
    ProxyConfig,
    /// The cert-manager Certificate of the TLS proxy is gone.
    Certificate,
    /// Nobody is on record as the holder of the consensus key that the node runs with.
    SigningKeyClaim,
    /// `spec.sidecar.image` is not what the pod was made with.
    SidecarImage,
    /// `spec.sidecar.port` is not what the pod was made with.
    SidecarPort,
    /// `spec.sidecar.resources` is not what the pod was made with.
    SidecarResources,
    /// The TLS proxy is to come or to go.
    SidecarTls,
    /// The certificate of the TLS proxy is to come from another issuer.
    SidecarIssuer,
    /// The pod does not mount the Secret of `spec.validator.signingKey`.
    SigningKey,
    /// The pod does not mount the Secret of `spec.validator.nodeKey`.
    NodeKey,
    /// `spec.validator.operatorKeyring` is not what the pod was made with.
    OperatorKeyring,
    /// `spec.podLabels` is not what the pod was made with.
    PodLabels,
    /// `spec.overrides` is not what seid was configured with.
    Overrides,
    /// `spec.peers` is not what seid was configured with.
    Peers,
    /// `snapshotGeneration` is not what seid was configured with.
    SnapshotGeneration,
    /// The node was configured for another mode.
    Mode,
    /// A person asked for a pod of today's template.
    Refresh,
}

impl DriftKind {
    /// Every kind.
    pub const ALL: [Self; 20] = [
        Self::Image,
        Self::StatefulSet,
        Self::Service,
        Self::ProxyConfig,
        Self::Certificate,
        Self::SigningKeyClaim,
        Self::SidecarImage,
        Self::SidecarPort,
        Self::SidecarResources,
        Self::SidecarTls,
        Self::SidecarIssuer,
        Self::SigningKey,
        Self::NodeKey,
        Self::OperatorKeyring,
        Self::PodLabels,
        Self::Overrides,
        Self::Peers,
        Self::SnapshotGeneration,
        Self::Mode,
        Self::Refresh,
    ];

    /// What differs or is missing, for a sentence about it.
    #[must_use]
    pub const fn subject(self) -> &'static str {
        match self {
            Self::Image => "spec.image",
            Self::StatefulSet => "the StatefulSet",
            Self::Service => "the Service",
            Self::ProxyConfig => "the ConfigMap of the TLS proxy",
            Self::Certificate => "the Certificate of the TLS proxy",
            Self::SigningKeyClaim => "the record that this node holds its consensus key",
            Self::SidecarImage => "spec.sidecar.image",
            Self::SidecarPort => "spec.sidecar.port",
            Self::SidecarResources => "spec.sidecar.resources",
            Self::SidecarTls | Self::SidecarIssuer => "spec.sidecar.tls",
            Self::SigningKey => "spec.validator.signingKey",
            Self::NodeKey => "spec.validator.nodeKey",
            Self::OperatorKeyring => "spec.validator.operatorKeyring",
            Self::PodLabels => "spec.podLabels",
            Self::Overrides => "spec.overrides",
            Self::Peers => "spec.peers",
            Self::SnapshotGeneration => "snapshotGeneration",
            Self::Mode => "the mode",
            Self::Refresh => "the annotation sei.io/refresh",
        }
    }
}

/// One task of a plan.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PlannedTask {
    /// Type of the task, for example `apply-statefulset`.
    #[serde(rename = "type")]
    pub kind: String,
    /// UUID of the task; also its id in the sidecar.
    pub id: String,
    /// Where the task stands.
    pub status: TaskStatus,
    /// Parameters; their shape depends on the type.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    #[schemars(schema_with = "crd::any_json")]
    pub params: Value,
    /// When the task was first attempted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted_at: Option<Time>,
    /// The last failure, also one that is being retried.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// How many failures are retried.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(transform = crd::plain_integer)]
    pub max_retries: i32,
    /// Failures so far.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(transform = crd::plain_integer)]
    pub retry_count: i32,
    /// No attempt before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Time>,
    /// What the task waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<String>,
    /// Since when it waits for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_since: Option<Time>,
}

/// Where a task stands.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskStatus {
    /// To be done.
    Pending,
    /// Submitted to the sidecar and not finished.
    Running,
    /// Done.
    Complete,
    /// Failed for good.
    Failed,
}

/// The failure that ended a plan.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct FailedTaskDetail {
    /// Type of the task.
    #[serde(rename = "type")]
    pub kind: String,
    /// UUID of the task.
    pub id: String,
    /// Why it failed.
    pub error: String,
    /// Failures that were retried.
    #[schemars(transform = crd::plain_integer)]
    pub retry_count: i32,
    /// How many would have been.
    #[schemars(transform = crd::plain_integer)]
    pub max_retries: i32,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(n: &i32) -> bool {
    *n == 0
}
