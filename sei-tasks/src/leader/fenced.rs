//! A cluster and its sidecars behind the fence: reads pass, effects only while this process leads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sei_planner::api::{SeiNode, SeiNodeStatus};
use sei_planner::names::NodeKey;
use serde_json::Value;

use super::fence::{Fence, NotLeading};
use crate::world::{
    Address, ChainHead, Cluster, ClusterError, Created, Event, ObjectId, Propagation, Sidecar, SidecarError,
    TaskReport, TaskRequest,
};

/// What stands behind a fence.
#[derive(Clone, Debug)]
pub struct Fenced<T> {
    behind: T,
    fence: Fence,
}

impl<T> Fenced<T> {
    /// `behind`, as far as `fence` lets effects through.
    pub fn new(behind: T, fence: Fence) -> Self {
        Self { behind, fence }
    }

    /// What stands behind the fence.
    pub fn behind(&self) -> &T {
        &self.behind
    }
}

impl From<NotLeading> for ClusterError {
    fn from(_: NotLeading) -> Self {
        Self::NotLeading
    }
}

impl From<NotLeading> for SidecarError {
    fn from(_: NotLeading) -> Self {
        Self::NotLeading
    }
}

// Every effect asks right before its request. An effect that is added to the trait has to be added here, or nothing compiles.
impl<C: Cluster> Cluster for Fenced<C> {
    async fn node(&self, key: &NodeKey) -> Result<Option<SeiNode>, ClusterError> {
        self.behind.node(key).await
    }

    fn cached(&self, id: &ObjectId) -> Option<Arc<Value>> {
        self.behind.cached(id)
    }

    fn cached_pods(&self, namespace: &str, selector: &BTreeMap<String, String>) -> Vec<Arc<Value>> {
        self.behind.cached_pods(namespace, selector)
    }

    async fn pods(&self, namespace: &str, selector: &BTreeMap<String, String>) -> Result<Vec<Value>, ClusterError> {
        self.behind.pods(namespace, selector).await
    }

    fn peers(&self, namespace: &str, selector: &BTreeMap<String, String>) -> Vec<NodeKey> {
        self.behind.peers(namespace, selector)
    }

    async fn read(&self, id: &ObjectId) -> Result<Option<Value>, ClusterError> {
        self.behind.read(id).await
    }

    async fn create(&self, id: &ObjectId, object: &Value) -> Result<Created, ClusterError> {
        self.fence.check()?;
        self.behind.create(id, object).await
    }

    async fn apply(&self, id: &ObjectId, object: &Value) -> Result<Value, ClusterError> {
        self.fence.check()?;
        self.behind.apply(id, object).await
    }

    async fn delete(&self, id: &ObjectId, uid: &str, children: Propagation) -> Result<(), ClusterError> {
        self.fence.check()?;
        self.behind.delete(id, uid, children).await
    }

    async fn patch_metadata(
        &self,
        id: &ObjectId,
        uid: &str,
        resource_version: &str,
        metadata: &Value,
    ) -> Result<Value, ClusterError> {
        self.fence.check()?;
        self.behind.patch_metadata(id, uid, resource_version, metadata).await
    }

    async fn write_status(&self, node: &SeiNode, status: &SeiNodeStatus) -> Result<SeiNode, ClusterError> {
        self.fence.check()?;
        self.behind.write_status(node, status).await
    }

    async fn announce(&self, key: &NodeKey, uid: &str, event: &Event) -> Result<(), ClusterError> {
        self.fence.check()?;
        self.behind.announce(key, uid, event).await
    }
}

impl<S: Sidecar> Sidecar for Fenced<S> {
    async fn submit(&self, at: &Address, request: &TaskRequest) -> Result<(), SidecarError> {
        self.fence.check()?;
        self.behind.submit(at, request).await
    }

    async fn task(&self, at: &Address, id: &str) -> Result<Option<TaskReport>, SidecarError> {
        self.behind.task(at, id).await
    }

    async fn healthz(&self, at: &Address) -> Result<bool, SidecarError> {
        self.behind.healthz(at).await
    }

    async fn chain(&self, rpc: &str) -> Result<ChainHead, SidecarError> {
        self.behind.chain(rpc).await
    }

    async fn signers(&self, rpc: &str, height: i64) -> Result<BTreeSet<String>, SidecarError> {
        self.behind.signers(rpc, height).await
    }
}
