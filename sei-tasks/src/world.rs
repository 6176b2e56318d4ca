//! The traits behind which all I/O happens. Nothing else in the workspace touches a cluster, a sidecar, a clock or a
//! source of randomness; the real adapters and the simulated world implement the same traits. [`World`] holds one of each.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;

use sei_planner::api::{SeiNode, SeiNodeStatus, Time};
use sei_planner::names::NodeKey;
pub use sei_planner::node::Event;
use sei_planner::platform::Platform;
use serde_json::Value;
use thiserror::Error;

use crate::memory::Memory;
use crate::record::Recorder;
use crate::unreadable::Unreadable;

/// A kind of object that the operator reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `sei.io/v1alpha1` SeiNode.
    SeiNode,
    /// `apps/v1` StatefulSet.
    StatefulSet,
    /// `v1` Service.
    Service,
    /// `v1` PersistentVolumeClaim.
    PersistentVolumeClaim,
    /// `v1` PersistentVolume (cluster-scoped).
    PersistentVolume,
    /// `v1` Pod.
    Pod,
    /// `batch/v1` Job.
    Job,
    /// `v1` ConfigMap.
    ConfigMap,
    /// `v1` Secret: read by name where a check needs it, never cached, listed, watched or written (D8).
    Secret,
    /// `coordination.k8s.io/v1` Lease: who holds a consensus key (D4). Read live, never watched.
    Lease,
    /// `cert-manager.io/v1` Certificate, which an issuer is asked for. Read live, never watched: a cluster without
    /// cert-manager does not know the kind, and a watch of it would fail for ever.
    Certificate,
}

impl Kind {
    /// `apiVersion` on the wire.
    #[must_use]
    pub fn api_version(self) -> &'static str {
        match self {
            Self::SeiNode => sei_planner::api::API_VERSION,
            Self::StatefulSet => "apps/v1",
            Self::Job => "batch/v1",
            Self::Lease => "coordination.k8s.io/v1",
            Self::Certificate => "cert-manager.io/v1",
            Self::Service
            | Self::PersistentVolumeClaim
            | Self::PersistentVolume
            | Self::Pod
            | Self::ConfigMap
            | Self::Secret => "v1",
        }
    }

    /// `kind` on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SeiNode => "SeiNode",
            Self::StatefulSet => "StatefulSet",
            Self::Service => "Service",
            Self::PersistentVolumeClaim => "PersistentVolumeClaim",
            Self::PersistentVolume => "PersistentVolume",
            Self::Pod => "Pod",
            Self::Job => "Job",
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
            Self::Lease => "Lease",
            Self::Certificate => "Certificate",
        }
    }

    /// Resource name in URLs.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::SeiNode => "seinodes",
            Self::StatefulSet => "statefulsets",
            Self::Service => "services",
            Self::PersistentVolumeClaim => "persistentvolumeclaims",
            Self::PersistentVolume => "persistentvolumes",
            Self::Pod => "pods",
            Self::Job => "jobs",
            Self::ConfigMap => "configmaps",
            Self::Secret => "secrets",
            Self::Lease => "leases",
            Self::Certificate => "certificates",
        }
    }

    /// Whether objects of this kind live in a namespace.
    #[must_use]
    pub fn namespaced(self) -> bool {
        match self {
            Self::PersistentVolume => false,
            Self::SeiNode
            | Self::StatefulSet
            | Self::Service
            | Self::PersistentVolumeClaim
            | Self::Pod
            | Self::Job
            | Self::ConfigMap
            | Self::Secret
            | Self::Lease
            | Self::Certificate => true,
        }
    }

    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::SeiNode,
        Self::StatefulSet,
        Self::Service,
        Self::PersistentVolumeClaim,
        Self::PersistentVolume,
        Self::Pod,
        Self::Job,
        Self::ConfigMap,
        Self::Secret,
        Self::Lease,
        Self::Certificate,
    ];
}

/// Which object: kind, namespace (empty for cluster-scoped kinds) and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    /// Kind.
    pub kind: Kind,
    /// Namespace, empty for cluster-scoped kinds.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl ObjectId {
    /// The object `name` of `kind` in `namespace`.
    pub fn new(kind: Kind, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind, namespace: namespace.into(), name: name.into() }
    }
}

/// What the API server refused or could not do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ClusterError {
    /// 409 on a write with a precondition that no longer holds.
    #[error("conflict: {0}")]
    Conflict(String),
    /// The object is not there (on writes; reads answer `None`).
    #[error("not found: {0}")]
    NotFound(String),
    /// 404 on a kind: the cluster does not have its definition, so nobody can say whether the object is there.
    #[error("the API server does not know this kind")]
    UnknownKind,
    /// 4xx that the same request will get again: invalid, forbidden.
    #[error("rejected by the API server ({code}): {message}")]
    Rejected {
        /// HTTP status.
        code: u16,
        /// The server's words.
        message: String,
    },
    /// Time-out, 5xx, 429: nobody knows whether the request was applied.
    #[error("API server unavailable: {0}")]
    Unavailable(String),
    /// A SeiNode holds what this version does not know; nothing is done to it.
    #[error("this version cannot read the SeiNode: {0}")]
    Unreadable(#[from] Unreadable),
    /// Not sent: this process does not lead, and another one may (S9).
    #[error("not sent: this process does not lead")]
    NotLeading,
}

/// Result of a create.
#[derive(Debug, Clone, PartialEq)]
pub enum Created {
    /// The object was made; as the server returned it.
    New(Value),
    /// An object of that name was there before.
    AlreadyExists,
}

/// What becomes of the children of an object that is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// They go after it.
    Background,
    /// They go before it: while it is there, some of them may be.
    Foreground,
}

/// The API server, as far as the operator uses it.
///
/// `cached`, `cached_pods` and `peers` answer from watches, share what these hold and cost no request; everything else is a
/// request. Objects are JSON values as the API server returns them.
pub trait Cluster: Send + Sync {
    /// The node, at least as new as the last write this process made to it. An error when it cannot be read.
    fn node(&self, key: &NodeKey) -> impl Future<Output = Result<Option<SeiNode>, ClusterError>> + Send;

    /// What the watches last saw of an object: its metadata, and for pods everything. Never a Secret.
    fn cached(&self, id: &ObjectId) -> Option<Arc<Value>>;

    /// Pods of `namespace` that carry all labels of `selector`, from the watch.
    fn cached_pods(&self, namespace: &str, selector: &BTreeMap<String, String>) -> Vec<Arc<Value>>;

    /// Pods of `namespace` that carry all labels of `selector`, live.
    fn pods(
        &self,
        namespace: &str,
        selector: &BTreeMap<String, String>,
    ) -> impl Future<Output = Result<Vec<Value>, ClusterError>> + Send;

    /// SeiNodes in `namespace` that carry all labels of `selector`, from the watch.
    fn peers(&self, namespace: &str, selector: &BTreeMap<String, String>) -> Vec<NodeKey>;

    /// A live read.
    fn read(&self, id: &ObjectId) -> impl Future<Output = Result<Option<Value>, ClusterError>> + Send;

    /// A plain create. `object` has `apiVersion`, `kind`, `metadata.namespace` and `metadata.name`.
    fn create(&self, id: &ObjectId, object: &Value) -> impl Future<Output = Result<Created, ClusterError>> + Send;

    /// A forced server-side apply under [`sei_planner::api::FIELD_MANAGER`]; returns the object as it stands after it.
    fn apply(&self, id: &ObjectId, object: &Value) -> impl Future<Output = Result<Value, ClusterError>> + Send;

    /// A delete that only an object of this uid obeys. `Ok` also when it is gone already.
    fn delete(
        &self,
        id: &ObjectId,
        uid: &str,
        children: Propagation,
    ) -> impl Future<Output = Result<(), ClusterError>> + Send;

    /// A merge patch of metadata (finalizers, owner references) that carries uid and resourceVersion of the version read.
    fn patch_metadata(
        &self,
        id: &ObjectId,
        uid: &str,
        resource_version: &str,
        metadata: &Value,
    ) -> impl Future<Output = Result<Value, ClusterError>> + Send;

    /// Replaces `node.status` by `status` with one merge patch (explicit nulls) that carries the resourceVersion of
    /// `node`; returns the node after the write.
    fn write_status(
        &self,
        node: &SeiNode,
        status: &SeiNodeStatus,
    ) -> impl Future<Output = Result<SeiNode, ClusterError>> + Send;

    /// Publishes an event about the node of this uid.
    fn announce(
        &self,
        key: &NodeKey,
        uid: &str,
        event: &Event,
    ) -> impl Future<Output = Result<(), ClusterError>> + Send;
}

/// A task as it is posted to a sidecar.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskRequest {
    /// UUID; posting a failed id runs it again, any other known id does nothing.
    pub id: String,
    /// Type, for example `config-apply`.
    pub kind: &'static str,
    /// Parameters, absent when there are none.
    pub params: Option<Value>,
}

/// A task as a sidecar reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskReport {
    /// Where it stands.
    pub state: TaskState,
    /// What a failed task says, empty otherwise.
    pub error: String,
}

/// Where a task stands in a sidecar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaskState {
    /// Accepted and not finished.
    Running,
    /// Finished well.
    Completed,
    /// Finished badly.
    Failed,
}

/// Why a sidecar gave no usable answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SidecarError {
    /// No answer: refused, reset, timed out, no such host.
    #[error("{0}")]
    Unreachable(String),
    /// Somebody answered who does not have the certificate of this node.
    #[error("{0}")]
    Untrusted(String),
    /// 400: the same request will be refused again.
    #[error("{0}")]
    Refused(String),
    /// Not sent: this process does not lead, and another one may (S9).
    #[error("not sent: this process does not lead")]
    NotLeading,
    /// Any other answer that the API description does not know.
    #[error("sidecar answered {code}: {body}")]
    Unexpected {
        /// HTTP status.
        code: u16,
        /// The start of the body.
        body: String,
    },
}

/// Where a node stands in its chain, by its own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChainHead {
    /// Height of its newest block.
    pub height: i64,
    /// Whether it still fetches blocks that others have.
    pub catching_up: bool,
}

/// Where a sidecar is reached, and how it proves that it is the one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Scheme, host and port, without a trailing slash.
    pub url: String,
    /// The certificate (DER) that an `https` server must present; nobody else is talked to.
    pub pinned: Option<Vec<u8>>,
}

impl Address {
    /// A sidecar without TLS.
    pub fn plain(url: impl Into<String>) -> Self {
        Self { url: url.into(), pinned: None }
    }
}

/// A node's sidecar, and the seid beside it. Every call has a deadline of its own.
pub trait Sidecar: Send + Sync {
    /// `POST /v0/tasks`.
    fn submit(&self, at: &Address, request: &TaskRequest) -> impl Future<Output = Result<(), SidecarError>> + Send;

    /// `GET /v0/tasks/{id}`; `None` when the sidecar does not know the id.
    fn task(&self, at: &Address, id: &str) -> impl Future<Output = Result<Option<TaskReport>, SidecarError>> + Send;

    /// `GET /v0/healthz`: true for 200, false for 503.
    fn healthz(&self, at: &Address) -> impl Future<Output = Result<bool, SidecarError>> + Send;

    /// `GET /status` of the RPC of the seid beside it, at this URL without a trailing slash.
    fn chain(&self, rpc: &str) -> impl Future<Output = Result<ChainHead, SidecarError>> + Send;

    /// `GET /commit?height=` of the same RPC: addresses of the validators that signed the block, as [`ConsensusKey::address`] spells
    /// them.
    ///
    /// [`ConsensusKey::address`]: sei_planner::inspect::ConsensusKey::address
    fn signers(&self, rpc: &str, height: i64) -> impl Future<Output = Result<BTreeSet<String>, SidecarError>> + Send;
}

/// The two things a pure planner cannot make: the time, and ids that nobody used before.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Time;

    /// A fresh UUID v4 for a plan, lower-case with hyphens.
    fn fresh_plan_id(&self) -> String;
}

/// Everything a reconcile acts on.
pub struct World<C, S, K> {
    /// The API server.
    pub cluster: C,
    /// The sidecars of all nodes.
    pub sidecar: S,
    /// Time and fresh ids.
    pub clock: K,
    /// Settings of the cluster.
    pub platform: Platform,
    /// Namespace of the Leases that say who holds which consensus key: one for all nodes of a cluster.
    pub keys_namespace: String,
    /// What this process remembers between two looks.
    pub memory: Memory,
    /// Is told what happens.
    pub recorder: Arc<dyn Recorder>,
}

/// When to look at the node again, unless something changes before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookAgain {
    /// Not before a change when absent.
    pub at: Option<Time>,
}
