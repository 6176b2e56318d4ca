//! The catalogue of tasks: every unit of work a node plan can hold. Matched without a wildcard, everywhere.

pub mod codec;
mod ids;

use std::collections::BTreeMap;

pub use ids::task_id;

use crate::names::NodeKey;

/// One unit of work, with the values it will apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Makes the data claim, or checks the imported one.
    EnsureDataPvc(NodeKey),
    /// Applies the StatefulSet.
    ApplyStatefulSet(NodeKey),
    /// Applies the headless Service.
    ApplyService(NodeKey),
    /// Deletes one pod, and waits until a pod of the applied template runs.
    ReplacePod(ReplacePod),
    /// Waits until a pod of the applied template runs the image, and stamps it.
    ObserveImage(ObserveImage),
    /// Restores a snapshot from S3.
    SnapshotRestore(SnapshotRestore),
    /// Fetches the genesis file.
    ConfigureGenesis,
    /// Writes seid's configuration.
    ConfigApply(ConfigIntent),
    /// Finds peers and writes them into the configuration.
    DiscoverPeers(DiscoverPeers),
    /// Writes the state-sync section of the configuration.
    ConfigureStateSync(ConfigureStateSync),
    /// Checks the configuration on disk.
    ConfigValidate,
    /// Starts the upload of snapshots, which never ends.
    SnapshotUpload,
    /// Opens the gate that seid waits behind.
    MarkReady,
}

/// Which pod to delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplacePod {
    /// The node.
    pub node: NodeKey,
    /// Uid of the pod that was there when the plan was made; empty when there was none. Only this pod is deleted (S13).
    pub pod_uid: String,
}

/// Which image must run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObserveImage {
    /// The node.
    pub node: NodeKey,
    /// The image that the plan applied. Empty in plans of the controller this operator replaces: whatever runs is stamped.
    pub image: String,
}

/// Which snapshot to restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotRestore {
    /// Greatest height that may be restored.
    pub target_height: i64,
}

/// What seid's configuration should say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigIntent {
    /// Mode word of sei-config: `full`, `archive`, `validator`, `seed`.
    pub mode: String,
    /// Dotted key to value.
    pub overrides: BTreeMap<String, String>,
    /// Change only these keys of the configuration on disk.
    pub incremental: bool,
    /// Version of the configuration schema; 0 means the newest.
    pub target_version: i64,
}

/// Where to look for peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoverPeers {
    /// Sources, in the order of the spec. Sources without an address to ask are left out when the task is posted.
    pub sources: Vec<PeerQuery>,
}

/// One place to look for peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerQuery {
    /// AWS instances by tag.
    Ec2Tags {
        /// AWS region.
        region: String,
        /// Tags they carry, all of them.
        tags: BTreeMap<String, String>,
    },
    /// A fixed list of `nodeId@host:port`.
    Static {
        /// The peers.
        addresses: Vec<String>,
    },
    /// Hosts whose RPC tells their node id.
    DnsEndpoints {
        /// Host names.
        endpoints: Vec<String>,
    },
}

/// How to state-sync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigureStateSync {
    /// Trust the height of a snapshot on disk.
    pub use_local_snapshot: bool,
    /// Go duration, empty for the sidecar's default.
    pub trust_period: String,
    /// Blocks to fetch behind the snapshot; 0 for none.
    pub backfill_blocks: i64,
}

impl Task {
    /// The type on the wire.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::EnsureDataPvc(_) => "ensure-data-pvc",
            Self::ApplyStatefulSet(_) => "apply-statefulset",
            Self::ApplyService(_) => "apply-service",
            Self::ReplacePod(_) => "replace-pod",
            Self::ObserveImage(_) => "observe-image",
            Self::SnapshotRestore(_) => "snapshot-restore",
            Self::ConfigureGenesis => "configure-genesis",
            Self::ConfigApply(_) => "config-apply",
            Self::DiscoverPeers(_) => "discover-peers",
            Self::ConfigureStateSync(_) => "configure-state-sync",
            Self::ConfigValidate => "config-validate",
            Self::SnapshotUpload => "snapshot-upload",
            Self::MarkReady => "mark-ready",
        }
    }

    /// How many failed runs are retried.
    ///
    /// 180, 20 and 3 are the reference's; tasks that reach over the network and have no budget there get 180, because a
    /// budget of 0 makes one refused connection the end of the node (E6).
    #[must_use]
    pub fn max_retries(&self) -> i32 {
        match self {
            Self::ConfigureGenesis | Self::SnapshotRestore(_) | Self::ConfigureStateSync(_) => 180,
            Self::DiscoverPeers(_) => 20,
            Self::ReplacePod(_) => 3,
            Self::EnsureDataPvc(_)
            | Self::ApplyStatefulSet(_)
            | Self::ApplyService(_)
            | Self::ObserveImage(_)
            | Self::ConfigApply(_)
            | Self::ConfigValidate
            | Self::SnapshotUpload
            | Self::MarkReady => 0,
        }
    }

    /// Seconds after which a run that the sidecar accepted and never finished counts as failed for good (E15); `None`
    /// where hours are normal and `status` says since when the task runs.
    #[must_use]
    pub fn deadline_seconds(&self) -> Option<i64> {
        match self {
            Self::ConfigureGenesis
            | Self::ConfigApply(_)
            | Self::DiscoverPeers(_)
            | Self::ConfigureStateSync(_)
            | Self::ConfigValidate
            | Self::MarkReady => Some(3600),
            Self::EnsureDataPvc(_)
            | Self::ApplyStatefulSet(_)
            | Self::ApplyService(_)
            | Self::ReplacePod(_)
            | Self::ObserveImage(_)
            | Self::SnapshotRestore(_)
            | Self::SnapshotUpload => None,
        }
    }

    /// Whether the sidecar writes the data volume for it, so that no other task may run beside it.
    #[must_use]
    pub fn writes_volume(&self) -> bool {
        match self {
            Self::SnapshotRestore(_)
            | Self::ConfigureGenesis
            | Self::ConfigApply(_)
            | Self::DiscoverPeers(_)
            | Self::ConfigureStateSync(_)
            | Self::ConfigValidate => true,
            // The upload only reads, and never ends; opening the gate changes nothing on disk.
            Self::SnapshotUpload
            | Self::MarkReady
            | Self::EnsureDataPvc(_)
            | Self::ApplyStatefulSet(_)
            | Self::ApplyService(_)
            | Self::ReplacePod(_)
            | Self::ObserveImage(_) => false,
        }
    }

    /// Whether the task may restart the node's pod.
    #[must_use]
    pub fn is_disruptive(&self) -> bool {
        match self {
            Self::ReplacePod(_) => true,
            Self::EnsureDataPvc(_)
            | Self::ApplyStatefulSet(_)
            | Self::ApplyService(_)
            | Self::ObserveImage(_)
            | Self::SnapshotRestore(_)
            | Self::ConfigureGenesis
            | Self::ConfigApply(_)
            | Self::DiscoverPeers(_)
            | Self::ConfigureStateSync(_)
            | Self::ConfigValidate
            | Self::SnapshotUpload
            | Self::MarkReady => false,
        }
    }
}
