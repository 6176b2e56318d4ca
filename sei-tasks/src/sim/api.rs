//! The traits of the operator's world on top of the simulated one: every request is numbered, may meet a fault, is
//! checked against the invariants, served and traced.

use std::collections::BTreeMap;
use std::future::pending;

use sei_planner::api::{SeiNode, SeiNodeStatus, Time};
use sei_planner::names::NodeKey;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::merge_patch;
use crate::world::{
    Address, Clock, Cluster, ClusterError, Created, Event, Kind, ObjectId, Propagation, Sidecar, SidecarError,
    TaskReport, TaskRequest,
};

use super::crash::{Fault, Point};
use super::invariants;
use super::json::text;
use super::sidecar;
use super::state::{State, node_id, node_key};
use super::store::show;
use super::trace::{Call, Fact, Verb, What};
use super::{CertManager, Sim};

/// A request of the operator.
#[derive(Clone, Copy, Debug)]
pub(super) enum Request<'a> {
    Node(&'a NodeKey),
    Read(&'a ObjectId),
    /// The pods of a namespace.
    Pods(&'a str),
    Create(&'a ObjectId),
    Apply(&'a ObjectId),
    Delete(&'a ObjectId, &'a str),
    PatchMetadata(&'a ObjectId),
    WriteStatus(&'a SeiNode, &'a SeiNodeStatus),
    Announce(&'a SeiNode, &'a Event),
    Submit(&'a Address, &'a TaskRequest),
    Task(&'a Address, &'a str),
    Health(&'a Address),
}

impl Request<'_> {
    fn verb(&self) -> Verb {
        match self {
            Self::Node(_) => Verb::Node,
            Self::Read(_) | Self::Pods(_) => Verb::Read,
            Self::Create(_) => Verb::Create,
            Self::Apply(_) => Verb::Apply,
            Self::Delete(..) => Verb::Delete,
            Self::PatchMetadata(_) => Verb::PatchMetadata,
            Self::WriteStatus(..) => Verb::WriteStatus,
            Self::Announce(..) => Verb::Announce,
            Self::Submit(..) => Verb::Submit,
            Self::Task(..) => Verb::Task,
            Self::Health(_) => Verb::Health,
        }
    }

    /// The object it is about, if any.
    fn object(&self) -> Option<ObjectId> {
        match self {
            Self::Node(key) => Some(node_id(key)),
            Self::Read(id) | Self::Create(id) | Self::Apply(id) | Self::Delete(id, _) | Self::PatchMetadata(id) => {
                Some((*id).clone())
            }
            Self::WriteStatus(node, _) | Self::Announce(node, _) => Some(id_of(node)),
            Self::Pods(_) | Self::Submit(..) | Self::Task(..) | Self::Health(_) => None,
        }
    }

    fn target(&self) -> String {
        match self {
            Self::Submit(at, task) => format!("{} {}", at.url, task.id),
            Self::Task(at, id) => format!("{} {id}", at.url),
            Self::Health(at) => at.url.clone(),
            Self::Pods(namespace) => format!("Pods {namespace}"),
            Self::Node(_)
            | Self::Read(_)
            | Self::Create(_)
            | Self::Apply(_)
            | Self::Delete(..)
            | Self::PatchMetadata(_)
            | Self::WriteStatus(..)
            | Self::Announce(..) => self.object().map(|id| show(&id)).unwrap_or_default(),
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::Submit(_, task) => task.kind.to_owned(),
            Self::Announce(_, event) => event.reason.to_owned(),
            Self::Delete(_, uid) => (*uid).to_owned(),
            Self::Node(_)
            | Self::Read(_)
            | Self::Pods(_)
            | Self::Create(_)
            | Self::Apply(_)
            | Self::PatchMetadata(_)
            | Self::WriteStatus(..)
            | Self::Task(..)
            | Self::Health(_) => String::new(),
        }
    }

    /// Whether it carries a precondition that can fail.
    fn is_conditional(&self) -> bool {
        matches!(self, Self::Apply(_) | Self::Delete(..) | Self::PatchMetadata(_) | Self::WriteStatus(..))
    }
}

/// Errors that a lost request or a conflict turn into.
trait Lost: std::fmt::Display {
    fn lost() -> Self;
    fn conflict() -> Self;
}

impl Lost for ClusterError {
    fn lost() -> Self {
        Self::Unavailable("the request timed out".to_owned())
    }

    fn conflict() -> Self {
        Self::Conflict("the object has been modified".to_owned())
    }
}

impl Lost for SidecarError {
    fn lost() -> Self {
        Self::Unreachable("deadline exceeded".to_owned())
    }

    fn conflict() -> Self {
        Self::lost()
    }
}

impl Sim {
    /// Serves one request. The future never resolves when the process dies at this call.
    async fn call<T, E: Lost>(
        &self,
        request: Request<'_>,
        serve: impl FnOnce(&mut State) -> Result<T, E> + Send,
    ) -> Result<T, E> {
        let answer = self.with(|state| answer(state, request, serve));
        match answer {
            Some(answer) => answer,
            None => pending().await,
        }
    }
}

/// `None` when the process dies at this call.
fn answer<T, E: Lost>(
    state: &mut State,
    request: Request<'_>,
    serve: impl FnOnce(&mut State) -> Result<T, E>,
) -> Option<Result<T, E>> {
    if state.process.dead {
        return None;
    }
    let (number, fault) = state.process.next_call();
    let fault = fault.filter(|fault| *fault != Fault::Conflict || request.is_conditional());
    let applied = match fault {
        Some(Fault::Crash(Point::Before) | Fault::LostRequest | Fault::Conflict) => false,
        Some(Fault::Crash(Point::After) | Fault::LostAnswer) | None => true,
    };
    let object = request.object();
    let version_before = version(state, object.as_ref());
    let result = if applied {
        invariants::check(state, &request);
        serve(state)
    } else if fault == Some(Fault::Conflict) {
        Err(E::conflict())
    } else {
        Err(E::lost())
    };
    let call = Call {
        number,
        epoch: state.process.epoch,
        verb: request.verb(),
        target: request.target(),
        detail: request.detail(),
        version_before,
        version_after: version(state, object.as_ref()),
        outcome: result.as_ref().map_or_else(E::to_string, |_| "ok".to_owned()),
        applied: applied && result.is_ok(),
        fault,
    };
    state.record(Fact::Call(call));
    state.react();
    match fault {
        Some(Fault::Crash(_)) => {
            state.process.dead = true;
            None
        }
        Some(Fault::LostAnswer) => Some(Err(E::lost())),
        Some(Fault::LostRequest | Fault::Conflict) | None => Some(result),
    }
}

fn version(state: &State, object: Option<&ObjectId>) -> String {
    object
        .and_then(|id| state.store.get(id))
        .map(|value| text(value, "/metadata/resourceVersion").to_owned())
        .unwrap_or_default()
}

fn id_of(node: &SeiNode) -> ObjectId {
    let namespace = node.metadata.namespace.clone().unwrap_or_default();
    let name = node.metadata.name.clone().unwrap_or_default();
    ObjectId::new(Kind::SeiNode, namespace, name)
}

fn decode(value: &Value) -> Result<SeiNode, ClusterError> {
    SeiNode::deserialize(value).map_err(|error| ClusterError::Unavailable(format!("reading a SeiNode: {error}")))
}

/// Metadata, and for pods everything: what the operator's watches deliver.
fn watch_part(id: &ObjectId, object: &Value) -> Value {
    if id.kind == Kind::Pod {
        return object.clone();
    }
    json!({ "apiVersion": id.kind.api_version(), "kind": id.kind.name(), "metadata": object.get("metadata") })
}

fn read_node(state: &mut State, key: &NodeKey) -> Result<Option<SeiNode>, ClusterError> {
    let id = node_id(key);
    let Some(live) = state.store.get(&id) else {
        return Ok(None);
    };
    // The process's own last write is always seen: the watch lags behind the writes of others only.
    let Some(watched) = state.watched(&id) else { return Ok(None) };
    let number = text(watched, "/metadata/resourceVersion").parse::<u64>().unwrap_or_default();
    let seen = if number < state.process.own_version(key) { live } else { watched };
    let node = decode(seen)?;
    state.process.saw_version(node.metadata.resource_version.as_deref().unwrap_or_default());
    Ok(Some(node))
}

fn patch_metadata(
    state: &mut State,
    id: &ObjectId,
    uid: &str,
    resource_version: &str,
    metadata: &Value,
) -> Result<Value, ClusterError> {
    let patched = state.store.patch_metadata(id, uid, resource_version, metadata)?;
    if id.kind == Kind::SeiNode {
        wrote_node(state, &node_key(id), &patched);
    }
    Ok(patched)
}

fn write_status(state: &mut State, node: &SeiNode, status: &SeiNodeStatus) -> Result<SeiNode, ClusterError> {
    let id = id_of(node);
    let before = json!(node.status.clone().unwrap_or_default());
    let patch = merge_patch::between(&before, &json!(status));
    let version = node.metadata.resource_version.clone().unwrap_or_default();
    let stored = state.store.patch_status(&id, &version, &patch)?;
    wrote_node(state, &node_key(&id), &stored);
    decode(&stored)
}

fn wrote_node(state: &mut State, key: &NodeKey, stored: &Value) {
    let version = text(stored, "/metadata/resourceVersion");
    state.process.saw_version(version);
    let number = version.parse().unwrap_or_default();
    state.process.wrote(key, number);
}

fn announce(state: &mut State, node: &SeiNode, event: &Event) {
    let what = What::Event { reason: event.reason.to_owned(), message: event.message.clone(), warning: event.warning };
    let key = node_key(&id_of(node));
    state.tell(Some(key), what);
}

impl Cluster for Sim {
    async fn node(&self, key: &NodeKey) -> Result<Option<SeiNode>, ClusterError> {
        self.call(Request::Node(key), |state| read_node(state, key)).await
    }

    fn cached(&self, id: &ObjectId) -> Option<Value> {
        if id.kind == Kind::Secret {
            return None;
        }
        self.with(|state| state.watched(id).map(|object| watch_part(id, object)))
    }

    fn cached_pods(&self, namespace: &str, selector: &BTreeMap<String, String>) -> Vec<Value> {
        self.with(|state| {
            let seen =
                state.store.ever(Kind::Pod).filter(|id| id.namespace == namespace).filter_map(|id| state.watched(id));
            seen.filter(|pod| carries(pod, selector)).map(|pod| pod.as_ref().clone()).collect()
        })
    }

    async fn pods(&self, namespace: &str, selector: &BTreeMap<String, String>) -> Result<Vec<Value>, ClusterError> {
        self.call(Request::Pods(namespace), |state| {
            let pods =
                state.store.list(Kind::Pod).filter(|(id, pod)| id.namespace == namespace && carries(pod, selector));
            Ok(pods.map(|(_, pod)| pod.as_ref().clone()).collect())
        })
        .await
    }

    fn peers(&self, namespace: &str, selector: &BTreeMap<String, String>) -> Vec<NodeKey> {
        self.with(|state| {
            let nodes = state.store.list(Kind::SeiNode);
            nodes
                .filter(|(id, _)| id.namespace == namespace)
                .filter(|(_, node)| carries(node, selector))
                .map(|(id, _)| node_key(id))
                .collect()
        })
    }

    async fn read(&self, id: &ObjectId) -> Result<Option<Value>, ClusterError> {
        self.call(Request::Read(id), |state| {
            known(state, id)?;
            Ok(state.store.get(id).map(|object| object.as_ref().clone()))
        })
        .await
    }

    async fn create(&self, id: &ObjectId, object: &Value) -> Result<Created, ClusterError> {
        self.call(Request::Create(id), |state| {
            known(state, id)?;
            state.store.create(id, object, &mut state.ids)
        })
        .await
    }

    async fn apply(&self, id: &ObjectId, object: &Value) -> Result<Value, ClusterError> {
        self.call(Request::Apply(id), |state| {
            known(state, id)?;
            state.store.apply(id, object, &mut state.ids)
        })
        .await
    }

    async fn delete(&self, id: &ObjectId, uid: &str, children: Propagation) -> Result<(), ClusterError> {
        self.call(Request::Delete(id, uid), |state| match children {
            Propagation::Background => state.store.delete(id, Some(uid)),
            Propagation::Foreground => state.store.delete_after_children(id, uid),
        })
        .await
    }

    async fn patch_metadata(
        &self,
        id: &ObjectId,
        uid: &str,
        resource_version: &str,
        metadata: &Value,
    ) -> Result<Value, ClusterError> {
        self.call(Request::PatchMetadata(id), |state| patch_metadata(state, id, uid, resource_version, metadata)).await
    }

    async fn write_status(&self, node: &SeiNode, status: &SeiNodeStatus) -> Result<SeiNode, ClusterError> {
        self.call(Request::WriteStatus(node, status), |state| write_status(state, node, status)).await
    }

    async fn announce(&self, node: &SeiNode, event: &Event) -> Result<(), ClusterError> {
        self.call(Request::Announce(node, event), |state| {
            announce(state, node, event);
            Ok(())
        })
        .await
    }
}

/// The API server does not know the kinds of what is not installed.
fn known(state: &State, id: &ObjectId) -> Result<(), ClusterError> {
    let absent = id.kind == Kind::Certificate && state.options.cert_manager == CertManager::Absent;
    if absent { Err(ClusterError::UnknownKind) } else { Ok(()) }
}

fn carries(node: &Value, selector: &BTreeMap<String, String>) -> bool {
    let labels = node.pointer("/metadata/labels");
    selector.iter().all(|(key, value)| {
        let found = labels.and_then(|labels| labels.get(key));
        found.and_then(Value::as_str) == Some(value.as_str())
    })
}

impl Sidecar for Sim {
    async fn submit(&self, at: &Address, request: &TaskRequest) -> Result<(), SidecarError> {
        self.call(Request::Submit(at, request), |state| sidecar::submit(state, at, request)).await
    }

    async fn task(&self, at: &Address, id: &str) -> Result<Option<TaskReport>, SidecarError> {
        self.call(Request::Task(at, id), |state| sidecar::task(state, at, id)).await
    }

    async fn healthz(&self, at: &Address) -> Result<bool, SidecarError> {
        self.call(Request::Health(at), |state| sidecar::healthz(state, at)).await
    }
}

impl Clock for Sim {
    fn now(&self) -> Time {
        self.with(|state| state.now)
    }

    fn fresh_plan_id(&self) -> String {
        self.with(|state| state.ids.plan())
    }
}
