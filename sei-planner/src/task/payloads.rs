//! What each task carries: the values it will apply, fixed when the plan is made.

use std::collections::BTreeMap;

use crate::api::DriftKind;
use crate::names::NodeKey;
use crate::node::Issuer;

/// A Secret of the node's namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretRef {
    /// Name.
    pub secret_name: String,
    /// Namespace.
    pub namespace: String,
}

/// A keyring and what unlocks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyringRef {
    /// Secret with the keyring's files.
    pub secret_name: String,
    /// Entry that must be there.
    pub key_name: String,
    /// Secret with the passphrase.
    pub passphrase_secret_name: String,
    /// Key of the passphrase in that Secret.
    pub passphrase_secret_key: String,
    /// Namespace of both.
    pub namespace: String,
}

/// The certificate of a node's TLS proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SidecarCert {
    /// The node.
    pub node: NodeKey,
    /// Who issues it. Absent in plans of the controller this operator replaces: then the spec's issuer is meant.
    pub issuer: Option<Issuer>,
}

/// The objects of a bootstrap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootstrapRef {
    /// Name of the Job, empty for the task that needs only the Service.
    pub job_name: String,
    /// Name of the Service, empty for the tasks that need only the Job.
    pub service_name: String,
    /// Namespace of both.
    pub namespace: String,
}

/// Which keys a node makes for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerateIdentity {
    /// Chain that is being founded.
    pub chain_id: String,
    /// Name of the node among its peers.
    pub moniker: String,
}

/// The transaction that makes a node one of a chain's first validators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerateGentx {
    /// Chain that is being founded.
    pub chain_id: String,
    /// Self-delegation, for example `10000000usei`.
    pub staking_amount: String,
    /// First balance of the node's account.
    pub account_balance: String,
    /// JSON text of changes to the genesis, empty for none. Sidecars of today ignore it.
    pub genesis_params: String,
}

/// Which pod to delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplacePod {
    /// The node.
    pub node: NodeKey,
    /// Uid of the pod that was there when the plan was made; empty when there was none. Only this pod is deleted (S13).
    pub pod_uid: String,
    /// Delete it even if it is of the applied template: seid is to read its configuration again.
    pub restart: bool,
}

/// Which setting a pod must have been made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObserveApplied {
    /// The node.
    pub node: NodeKey,
    /// The setting: one of those that have an observer.
    pub drift: DriftKind,
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
