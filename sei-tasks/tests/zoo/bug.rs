//! What a bug is here: something between the sound operator and the world that changes what the operator sees, sends,
//! stores or asks for. Whatever a bug leaves alone goes through unchanged.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use sei_planner::api::{SeiNode, SeiNodeStatus, TaskPlan, Time};
use sei_planner::names::NodeKey;
use sei_planner::platform::Platform;
use sei_tasks::Memory;
use sei_tasks::reconcile::reconcile_node;
use sei_tasks::record::Unrecorded;
use sei_tasks::sim::{Operator, Sim};
use sei_tasks::world::{
    Address, ChainHead, Clock, Cluster, ClusterError, Created, Event, Kind, LookAgain, ObjectId, Propagation, Sidecar,
    SidecarError, TaskReport, TaskRequest, World,
};
use serde_json::Value;

use crate::witness::Witness;

/// What a call will answer.
pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
/// What a live read answers.
pub(crate) type Read = Result<Option<Value>, ClusterError>;
/// What a question about a task answers.
pub(crate) type Report = Result<Option<TaskReport>, SidecarError>;

/// A bug. Each method stands in the way of one thing that crosses the traits of the operator's world.
pub(crate) trait Bug: Send + Sync {
    /// A process of the operator starts.
    fn boots(&self) {}

    /// The operator is about to look at a node.
    fn before_looking<'a>(&'a self, _world: &'a Witness, _key: &'a NodeKey) -> Answer<'a, ()> {
        Box::pin(async {})
    }

    /// The operator has looked.
    fn looked(&self, _world: &Witness, _key: &NodeKey, answer: LookAgain) -> LookAgain {
        answer
    }

    /// The node as the watch shows it.
    fn sees_node(&self, _node: &mut SeiNode) {}

    /// A live read.
    fn reads(&self, _world: &Witness, _id: &ObjectId, answer: Read) -> Read {
        answer
    }

    /// An object as the watch shows it.
    fn sees(&self, _id: &ObjectId, seen: Option<Value>) -> Option<Value> {
        seen
    }

    /// A live list of pods.
    fn lists_pods(&self, pods: Vec<Value>) -> Vec<Value> {
        pods
    }

    /// Nodes that a selector matches.
    fn finds_peers(&self, peers: Vec<NodeKey>) -> Vec<NodeKey> {
        peers
    }

    /// An object that is about to be applied or created.
    fn sends(&self, _id: &ObjectId, _object: &mut Value) {}

    /// A status that is about to take the place of another.
    fn stores(&self, _before: &SeiNodeStatus, _after: &mut SeiNodeStatus) {}

    /// A task that is about to be posted.
    fn posts(&self, _request: &mut TaskRequest) {}

    fn applies<'a>(
        &'a self,
        world: &'a Witness,
        id: &'a ObjectId,
        object: &'a Value,
    ) -> Answer<'a, Result<Value, ClusterError>> {
        Box::pin(world.apply(id, object))
    }

    fn creates<'a>(
        &'a self,
        world: &'a Witness,
        id: &'a ObjectId,
        object: &'a Value,
    ) -> Answer<'a, Result<Created, ClusterError>> {
        Box::pin(world.create(id, object))
    }

    fn deletes<'a>(
        &'a self,
        world: &'a Witness,
        id: &'a ObjectId,
        uid: &'a str,
        children: Propagation,
    ) -> Answer<'a, Result<(), ClusterError>> {
        Box::pin(world.delete(id, uid, children))
    }

    fn writes_status<'a>(
        &'a self,
        world: &'a Witness,
        node: &'a SeiNode,
        status: &'a SeiNodeStatus,
    ) -> Answer<'a, Result<SeiNode, ClusterError>> {
        Box::pin(world.write_status(node, status))
    }

    fn submits<'a>(
        &'a self,
        world: &'a Witness,
        at: &'a Address,
        request: &'a TaskRequest,
    ) -> Answer<'a, Result<(), SidecarError>> {
        Box::pin(world.submit(at, request))
    }

    fn asks<'a>(&'a self, world: &'a Witness, at: &'a Address, id: &'a str) -> Answer<'a, Report> {
        Box::pin(world.task(at, id))
    }

    /// What a sidecar says of its health.
    fn hears(&self, answer: Result<bool, SidecarError>) -> Result<bool, SidecarError> {
        answer
    }
}

/// No bug: the operator as it is.
pub(crate) struct Sound;

impl Bug for Sound {}

/// Changes what is sent to the API server.
pub(crate) struct Sends(pub(crate) fn(&ObjectId, &mut Value));

impl Bug for Sends {
    fn sends(&self, id: &ObjectId, object: &mut Value) {
        (self.0)(id, object);
    }
}

/// Changes the pod in the objects of a kind that are sent.
pub(crate) struct Pods(pub(crate) Kind, pub(crate) fn(&mut Value));

impl Bug for Pods {
    fn sends(&self, id: &ObjectId, object: &mut Value) {
        let pod = object.pointer_mut("/spec/template/spec");
        if let Some(pod) = pod.filter(|_| id.kind == self.0) {
            (self.1)(pod);
        }
    }
}

/// Changes what is stored as status.
pub(crate) struct Stores(pub(crate) fn(&SeiNodeStatus, &mut SeiNodeStatus));

impl Bug for Stores {
    fn stores(&self, before: &SeiNodeStatus, after: &mut SeiNodeStatus) {
        (self.0)(before, after);
    }
}

/// Changes plans that are about to be stored for the first time.
pub(crate) struct Plans(pub(crate) fn(&mut TaskPlan));

impl Bug for Plans {
    fn stores(&self, before: &SeiNodeStatus, after: &mut SeiNodeStatus) {
        if let Some(plan) = new_plan(before, after) {
            (self.0)(plan);
        }
    }
}

/// The plan that is about to be stored, if it is a new one.
pub(crate) fn new_plan<'a>(before: &SeiNodeStatus, after: &'a mut SeiNodeStatus) -> Option<&'a mut TaskPlan> {
    let known = before.plan.as_ref().map(|plan| plan.id.clone());
    after.plan.as_mut().filter(|plan| Some(&plan.id) != known.as_ref())
}

/// Changes the node that is seen.
pub(crate) struct SeesNode(pub(crate) fn(&mut SeiNode));

impl Bug for SeesNode {
    fn sees_node(&self, node: &mut SeiNode) {
        (self.0)(node);
    }
}

/// Changes what live reads, and the watch, show of objects.
pub(crate) struct Sees(pub(crate) fn(&ObjectId, Value) -> Option<Value>);

impl Bug for Sees {
    fn reads(&self, _: &Witness, id: &ObjectId, answer: Read) -> Read {
        Ok(answer?.and_then(|object| (self.0)(id, object)))
    }

    fn sees(&self, id: &ObjectId, seen: Option<Value>) -> Option<Value> {
        seen.and_then(|object| (self.0)(id, object))
    }
}

/// Changes the parameters of tasks that are posted.
pub(crate) struct Posts(pub(crate) fn(&mut TaskRequest));

impl Bug for Posts {
    fn posts(&self, request: &mut TaskRequest) {
        (self.0)(request);
    }
}

/// The world as the operator sees it through a bug.
#[derive(Clone)]
pub(crate) struct Doctored {
    bug: Arc<dyn Bug>,
    world: Witness,
}

/// The operator with a bug.
pub(crate) struct Sick {
    pub(crate) bug: Arc<dyn Bug>,
    pub(crate) world: Witness,
}

impl Operator for Sick {
    type Process = World<Doctored, Doctored, Doctored>;

    fn boot(&self, _: &Sim) -> Self::Process {
        self.bug.boots();
        let doctored = Doctored { bug: Arc::clone(&self.bug), world: self.world.clone() };
        World {
            cluster: doctored.clone(),
            sidecar: doctored.clone(),
            clock: doctored,
            platform: Platform::demo(),
            keys_namespace: "sei-system".to_owned(),
            memory: Memory::default(),
            recorder: Arc::new(Unrecorded),
        }
    }

    async fn reconcile(&self, process: &Self::Process, key: &NodeKey) -> Result<LookAgain, ClusterError> {
        self.bug.before_looking(&self.world, key).await;
        let answer = reconcile_node(process, key).await?;
        Ok(self.bug.looked(&self.world, key, answer))
    }
}

impl Cluster for Doctored {
    async fn node(&self, key: &NodeKey) -> Result<Option<SeiNode>, ClusterError> {
        let mut node = self.world.node(key).await?;
        if let Some(node) = &mut node {
            self.bug.sees_node(node);
        }
        Ok(node)
    }

    fn cached(&self, id: &ObjectId) -> Option<Arc<Value>> {
        self.bug.sees(id, self.world.cached(id).map(Arc::unwrap_or_clone)).map(Arc::new)
    }

    fn cached_pods(&self, namespace: &str, selector: &BTreeMap<String, String>) -> Vec<Arc<Value>> {
        let pods = self.world.cached_pods(namespace, selector).into_iter().map(Arc::unwrap_or_clone);
        pods.filter_map(|pod| {
            let id = ObjectId::new(Kind::Pod, namespace, pod["metadata"]["name"].as_str().unwrap_or_default());
            self.bug.sees(&id, Some(pod)).map(Arc::new)
        })
        .collect()
    }

    async fn pods(&self, namespace: &str, selector: &BTreeMap<String, String>) -> Result<Vec<Value>, ClusterError> {
        Ok(self.bug.lists_pods(self.world.pods(namespace, selector).await?))
    }

    fn peers(&self, namespace: &str, selector: &BTreeMap<String, String>) -> Vec<NodeKey> {
        self.bug.finds_peers(self.world.peers(namespace, selector))
    }

    async fn read(&self, id: &ObjectId) -> Read {
        let answer = self.world.read(id).await;
        self.bug.reads(&self.world, id, answer)
    }

    async fn create(&self, id: &ObjectId, object: &Value) -> Result<Created, ClusterError> {
        let mut object = object.clone();
        self.bug.sends(id, &mut object);
        self.bug.creates(&self.world, id, &object).await
    }

    async fn apply(&self, id: &ObjectId, object: &Value) -> Result<Value, ClusterError> {
        let mut object = object.clone();
        self.bug.sends(id, &mut object);
        self.bug.applies(&self.world, id, &object).await
    }

    async fn delete(&self, id: &ObjectId, uid: &str, children: Propagation) -> Result<(), ClusterError> {
        self.bug.deletes(&self.world, id, uid, children).await
    }

    async fn patch_metadata(
        &self,
        id: &ObjectId,
        uid: &str,
        resource_version: &str,
        metadata: &Value,
    ) -> Result<Value, ClusterError> {
        self.world.patch_metadata(id, uid, resource_version, metadata).await
    }

    async fn write_status(&self, node: &SeiNode, status: &SeiNodeStatus) -> Result<SeiNode, ClusterError> {
        let mut status = status.clone();
        self.bug.stores(&node.status.clone().unwrap_or_default(), &mut status);
        self.bug.writes_status(&self.world, node, &status).await
    }

    async fn announce(&self, key: &NodeKey, uid: &str, event: &Event) -> Result<(), ClusterError> {
        self.world.announce(key, uid, event).await
    }
}

impl Sidecar for Doctored {
    async fn submit(&self, at: &Address, request: &TaskRequest) -> Result<(), SidecarError> {
        let mut request = request.clone();
        self.bug.posts(&mut request);
        self.bug.submits(&self.world, at, &request).await
    }

    async fn task(&self, at: &Address, id: &str) -> Report {
        self.bug.asks(&self.world, at, id).await
    }

    async fn healthz(&self, at: &Address) -> Result<bool, SidecarError> {
        self.bug.hears(self.world.healthz(at).await)
    }

    async fn chain(&self, rpc: &str) -> Result<ChainHead, SidecarError> {
        self.world.chain(rpc).await
    }

    async fn signers(&self, rpc: &str, height: i64) -> Result<BTreeSet<String>, SidecarError> {
        self.world.signers(rpc, height).await
    }
}

impl Clock for Doctored {
    fn now(&self) -> Time {
        self.world.now()
    }

    fn fresh_plan_id(&self) -> String {
        self.world.fresh_plan_id()
    }
}
