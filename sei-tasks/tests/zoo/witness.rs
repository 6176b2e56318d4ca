//! The simulated world, and a witness of what the operator does to it: every object that is sent is compared with what the
//! planner renders.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use sei_planner::api::{SeiNode, SeiNodeStatus, Time};
use sei_planner::names::NodeKey;
use sei_tasks::sim::Sim;
use sei_tasks::world::{
    Address, ChainHead, Clock, Cluster, ClusterError, Created, Event, ObjectId, Propagation, Sidecar, SidecarError,
    TaskReport, TaskRequest,
};
use serde_json::Value;

use crate::objects;
use crate::verdict::Catch;

/// The world under the operator.
#[derive(Clone)]
pub(crate) struct Witness {
    pub(crate) sim: Sim,
    record: Arc<Mutex<Record>>,
}

#[derive(Default)]
struct Record {
    /// Each node as the operator's watch delivered it last.
    delivered: BTreeMap<NodeKey, SeiNode>,
    catches: Vec<Catch>,
    /// Type of task that every sidecar refuses.
    refused: Option<&'static str>,
}

impl Witness {
    pub(crate) fn of(sim: Sim) -> Self {
        Self { sim, record: Arc::default() }
    }

    /// Lets sidecars refuse a type of task, or none.
    pub(crate) fn refuse(&self, kind: Option<&'static str>) {
        self.with(|record| record.refused = kind);
    }

    /// What was wrong with what was sent.
    pub(crate) fn catches(&self) -> Vec<Catch> {
        self.with(|record| record.catches.clone())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Record) -> T) -> T {
        act(&mut self.record.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn inspect(&self, id: &ObjectId, object: &Value) {
        let nodes: Vec<SeiNode> = self.with(|record| record.delivered.values().cloned().collect());
        let flaws = objects::flaws(&self.sim, &nodes, id, object);
        self.with(|record| record.catches.extend(flaws));
    }
}

impl Cluster for Witness {
    async fn node(&self, key: &NodeKey) -> Result<Option<SeiNode>, ClusterError> {
        let node = self.sim.node(key).await?;
        if let Some(node) = &node {
            self.with(|record| record.delivered.insert(key.clone(), node.clone()));
        }
        Ok(node)
    }

    fn cached(&self, id: &ObjectId) -> Option<Arc<Value>> {
        self.sim.cached(id)
    }

    fn cached_pods(&self, namespace: &str, selector: &BTreeMap<String, String>) -> Vec<Arc<Value>> {
        self.sim.cached_pods(namespace, selector)
    }

    async fn pods(&self, namespace: &str, selector: &BTreeMap<String, String>) -> Result<Vec<Value>, ClusterError> {
        self.sim.pods(namespace, selector).await
    }

    fn peers(&self, namespace: &str, selector: &BTreeMap<String, String>) -> Vec<NodeKey> {
        self.sim.peers(namespace, selector)
    }

    async fn read(&self, id: &ObjectId) -> Result<Option<Value>, ClusterError> {
        self.sim.read(id).await
    }

    async fn create(&self, id: &ObjectId, object: &Value) -> Result<Created, ClusterError> {
        self.inspect(id, object);
        self.sim.create(id, object).await
    }

    async fn apply(&self, id: &ObjectId, object: &Value) -> Result<Value, ClusterError> {
        self.inspect(id, object);
        self.sim.apply(id, object).await
    }

    async fn delete(&self, id: &ObjectId, uid: &str, children: Propagation) -> Result<(), ClusterError> {
        self.sim.delete(id, uid, children).await
    }

    async fn patch_metadata(
        &self,
        id: &ObjectId,
        uid: &str,
        resource_version: &str,
        metadata: &Value,
    ) -> Result<Value, ClusterError> {
        self.sim.patch_metadata(id, uid, resource_version, metadata).await
    }

    async fn write_status(&self, node: &SeiNode, status: &SeiNodeStatus) -> Result<SeiNode, ClusterError> {
        let written = self.sim.write_status(node, status).await?;
        let flaw = objects::refused_status(node, status);
        self.with(|record| record.catches.extend(flaw));
        Ok(written)
    }

    async fn announce(&self, key: &NodeKey, uid: &str, event: &Event) -> Result<(), ClusterError> {
        self.sim.announce(key, uid, event).await
    }
}

impl Sidecar for Witness {
    async fn submit(&self, at: &Address, request: &TaskRequest) -> Result<(), SidecarError> {
        if self.with(|record| record.refused) == Some(request.kind) {
            let why = format!("unknown task type: {}", request.kind);
            return Err(SidecarError::Refused(why));
        }
        self.sim.submit(at, request).await
    }

    async fn task(&self, at: &Address, id: &str) -> Result<Option<TaskReport>, SidecarError> {
        self.sim.task(at, id).await
    }

    async fn healthz(&self, at: &Address) -> Result<bool, SidecarError> {
        self.sim.healthz(at).await
    }

    async fn chain(&self, rpc: &str) -> Result<ChainHead, SidecarError> {
        self.sim.chain(rpc).await
    }

    async fn signers(&self, rpc: &str, height: i64) -> Result<BTreeSet<String>, SidecarError> {
        self.sim.signers(rpc, height).await
    }
}

impl Clock for Witness {
    fn now(&self) -> Time {
        self.sim.now()
    }

    fn fresh_plan_id(&self) -> String {
        self.sim.fresh_plan_id()
    }
}
