//! The traits of the operator's world on top of the simulated one: every request is numbered, may meet a fault, is
//! checked against the invariants, served and traced.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::Arc;

use sei_planner::api::{SeiNode, SeiNodeStatus, Time};
use sei_planner::names::NodeKey;
use serde_json::{Value, json};

use crate::world::{
    Address, ChainHead, Clock, Cluster, ClusterError, Created, Event, Kind, ObjectId, Propagation, Sidecar,
    SidecarError, TaskReport, TaskRequest,
};
use crate::{merge_patch, read_seinode};

use super::faults::{Fault, Point};
use super::invariants;
use super::json::text;
use super::network;
use super::sidecar;
use super::state::{State, node_id, node_key};
use super::store::show;
use super::trace::{Call, Fact, Verb, What};
use super::{CertManager, Sim, arrivals, clock, mishaps};

/// A request of the operator.
#[derive(Clone, Copy, Debug)]
pub(super) enum Request<'a> {
    Node(&'a NodeKey),
    Read(&'a ObjectId),
    /// The pods of a namespace.
    Pods(&'a str),
    Create(&'a ObjectId, &'a Value),
    Apply(&'a ObjectId, &'a Value),
    /// Of the object with this uid.
    Delete(&'a ObjectId, &'a str, Propagation),
    /// Of the object with this uid and resourceVersion.
    PatchMetadata(&'a ObjectId, &'a str, &'a str, &'a Value),
    WriteStatus(&'a SeiNode, &'a SeiNodeStatus),
    Announce(&'a NodeKey, &'a Event),
    Submit(&'a Address, &'a TaskRequest),
    Task(&'a Address, &'a str),
    Health(&'a Address),
    Chain(&'a str),
    Signers(&'a str, i64),
}

impl Request<'_> {
    pub(super) fn verb(&self) -> Verb {
        match self {
            Self::Node(_) => Verb::Node,
            Self::Read(_) | Self::Pods(_) => Verb::Read,
            Self::Create(..) => Verb::Create,
            Self::Apply(..) => Verb::Apply,
            Self::Delete(..) => Verb::Delete,
            Self::PatchMetadata(..) => Verb::PatchMetadata,
            Self::WriteStatus(..) => Verb::WriteStatus,
            Self::Announce(..) => Verb::Announce,
            Self::Submit(..) => Verb::Submit,
            Self::Task(..) => Verb::Task,
            Self::Health(_) => Verb::Health,
            Self::Chain(_) => Verb::Chain,
            Self::Signers(..) => Verb::Signers,
        }
    }

    /// The object it is about, if any.
    fn object(&self) -> Option<ObjectId> {
        match self {
            Self::Node(key) => Some(node_id(key)),
            Self::Read(id)
            | Self::Create(id, _)
            | Self::Apply(id, _)
            | Self::Delete(id, ..)
            | Self::PatchMetadata(id, ..) => Some((*id).clone()),
            Self::WriteStatus(node, _) => Some(id_of(node)),
            Self::Announce(key, _) => Some(node_id(key)),
            Self::Pods(_)
            | Self::Submit(..)
            | Self::Task(..)
            | Self::Health(_)
            | Self::Chain(_)
            | Self::Signers(..) => None,
        }
    }

    fn target(&self) -> String {
        match self {
            Self::Submit(at, task) => format!("{} {}", at.url, task.id),
            Self::Task(at, id) => format!("{} {id}", at.url),
            Self::Health(at) => at.url.clone(),
            Self::Chain(rpc) | Self::Signers(rpc, _) => (*rpc).to_owned(),
            Self::Pods(namespace) => format!("Pods {namespace}"),
            Self::Node(_)
            | Self::Read(_)
            | Self::Create(..)
            | Self::Apply(..)
            | Self::Delete(..)
            | Self::PatchMetadata(..)
            | Self::WriteStatus(..)
            | Self::Announce(..) => self.object().map(|id| show(&id)).unwrap_or_default(),
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::Submit(_, task) => task.kind.to_owned(),
            Self::Announce(_, event) => event.reason.to_owned(),
            Self::Delete(_, uid, _) => (*uid).to_owned(),
            Self::Signers(_, height) => height.to_string(),
            Self::Node(_)
            | Self::Read(_)
            | Self::Pods(_)
            | Self::Create(..)
            | Self::Apply(..)
            | Self::PatchMetadata(..)
            | Self::WriteStatus(..)
            | Self::Task(..)
            | Self::Health(_)
            | Self::Chain(_) => String::new(),
        }
    }

    /// Whether it carries a precondition that can fail.
    fn is_conditional(&self) -> bool {
        matches!(self, Self::Apply(..) | Self::Delete(..) | Self::PatchMetadata(..) | Self::WriteStatus(..))
    }
}

/// Errors that faults turn into.
trait Faulty: std::fmt::Display {
    fn lost() -> Self;
    fn conflict() -> Self;
    fn overloaded() -> Self;
    fn forbidden() -> Self;
}

impl Faulty for ClusterError {
    fn lost() -> Self {
        Self::Unavailable("the request timed out".to_owned())
    }

    fn conflict() -> Self {
        Self::Conflict("the object has been modified".to_owned())
    }

    fn overloaded() -> Self {
        Self::Unavailable("429: too many requests, retry after 1 s".to_owned())
    }

    fn forbidden() -> Self {
        Self::Rejected { code: 403, message: "forbidden: the role of the operator lacks this permission".to_owned() }
    }
}

impl Faulty for SidecarError {
    fn lost() -> Self {
        Self::Unreachable("deadline exceeded".to_owned())
    }

    fn conflict() -> Self {
        Self::lost()
    }

    fn overloaded() -> Self {
        Self::Unexpected { code: 503, body: "no healthy upstream".to_owned() }
    }

    fn forbidden() -> Self {
        Self::Unexpected { code: 403, body: "Forbidden".to_owned() }
    }
}

impl Sim {
    /// Serves one request. The future never resolves when the process dies at this call.
    async fn call<T, E: Faulty>(
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

/// What a fault does to a call: whether it is applied, whether its process hears of it, and with which error.
enum Effect<E> {
    /// Applied and answered.
    None,
    /// Not applied; the answer is this.
    Refused(E),
    /// Applied; the answer is this all the same.
    Hidden(E),
    /// The process dies; whether the call is applied before.
    Death { applied: bool },
}

impl<E: Faulty> Effect<E> {
    fn of(fault: Option<Fault>) -> Self {
        match fault {
            Some(Fault::Crash(Point::Before) | Fault::Late(_)) => Self::Death { applied: false },
            Some(Fault::Crash(Point::After)) => Self::Death { applied: true },
            Some(Fault::LostRequest) => Self::Refused(E::lost()),
            Some(Fault::LostAnswer) => Self::Hidden(E::lost()),
            Some(Fault::Conflict) => Self::Refused(E::conflict()),
            Some(Fault::Overloaded) => Self::Refused(E::overloaded()),
            Some(Fault::Forbidden) => Self::Refused(E::forbidden()),
            Some(Fault::Stale(_) | Fault::Mishap(_)) | None => Self::None,
        }
    }
}

/// Whether a call can have a fault.
fn can_have(request: &Request<'_>, fault: Fault) -> bool {
    let from_watch = matches!(request, Request::Node(_));
    match fault {
        Fault::Crash(_) | Fault::LostRequest | Fault::LostAnswer | Fault::Mishap(_) => true,
        Fault::Conflict => request.is_conditional(),
        Fault::Overloaded | Fault::Forbidden => !from_watch,
        Fault::Stale(_) => from_watch,
        Fault::Late(_) => request.verb().is_write(),
    }
}

/// `None` when the process dies at this call.
fn answer<T, E: Faulty>(
    state: &mut State,
    request: Request<'_>,
    serve: impl FnOnce(&mut State) -> Result<T, E>,
) -> Option<Result<T, E>> {
    if state.process.dead {
        return None;
    }
    let elapsed = state.now.seconds_since(clock::start());
    let (number, fault) = state.process.next_call(elapsed);
    let fault = fault.filter(|fault| can_have(&request, *fault));
    match fault {
        Some(Fault::Mishap(mishap)) => mishaps::befall(state, mishap),
        Some(Fault::Stale(seconds)) => answer_stale(state, &request, seconds),
        Some(Fault::Late(seconds)) => arrivals::send(state, &request, seconds),
        Some(
            Fault::Crash(_)
            | Fault::LostRequest
            | Fault::LostAnswer
            | Fault::Conflict
            | Fault::Overloaded
            | Fault::Forbidden,
        )
        | None => {}
    }
    let object = request.object();
    let version_before = version(state, object.as_ref());
    let effect = Effect::of(fault);
    let applied = matches!(effect, Effect::None | Effect::Hidden(_) | Effect::Death { applied: true });
    let result = applied.then(|| {
        invariants::check(state, &request);
        serve(state)
    });
    state.process.stale_seconds = 0;
    let applied = matches!(result, Some(Ok(_)));
    let served = result.as_ref().map(outcome);
    let answer = match effect {
        Effect::None => result,
        Effect::Refused(error) | Effect::Hidden(error) => Some(Err(error)),
        Effect::Death { .. } => None,
    };
    if let (Request::Submit(_, task), Some(Ok(_))) = (&request, &answer) {
        state.process.accepted.insert(task.id.clone());
    }
    let unserved = || answer.as_ref().map_or_else(|| "lost".to_owned(), outcome);
    let call = Call {
        number,
        epoch: state.process.epoch,
        verb: request.verb(),
        target: request.target(),
        detail: request.detail(),
        version_before,
        version_after: version(state, object.as_ref()),
        outcome: served.unwrap_or_else(unserved),
        applied,
        fault,
    };
    state.record(Fact::Call(call));
    state.react();
    state.process.dead = answer.is_none();
    answer
}

/// The watch is late with this answer, and delivers what is missing in it later.
fn answer_stale(state: &mut State, request: &Request<'_>, seconds: i64) {
    state.process.stale_seconds = seconds;
    if let Request::Node(key) = request {
        state.wakes.insert((state.now.plus_seconds(seconds), (*key).clone()));
    }
}

/// `ok`, or the error.
fn outcome<T, E: Faulty>(result: &Result<T, E>) -> String {
    result.as_ref().map_or_else(E::to_string, |_| "ok".to_owned())
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

/// Metadata, and for pods everything: what the operator's watches deliver.
fn watch_part(id: &ObjectId, object: &Arc<Value>) -> Arc<Value> {
    if id.kind == Kind::Pod {
        return Arc::clone(object);
    }
    let (version, kind) = (id.kind.api_version(), id.kind.name());
    Arc::new(json!({ "apiVersion": version, "kind": kind, "metadata": object.get("metadata") }))
}

fn read_node(state: &mut State, key: &NodeKey) -> Result<Option<SeiNode>, ClusterError> {
    let id = node_id(key);
    let Some(live) = state.store.get(&id) else {
        return Ok(None);
    };
    // The process's own last write is always seen: the watch lags behind the writes of others only.
    let shown = state.shown_late(state.process.stale_seconds);
    let Some(watched) = state.store.get_at(&id, shown) else { return Ok(None) };
    let number = text(watched, "/metadata/resourceVersion").parse::<u64>().unwrap_or_default();
    let own = state.process.own_version(key);
    let seen = if number < own { state.store.version(&id, own).unwrap_or(live) } else { watched };
    let node = read_seinode(seen)?;
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
    let stored = patch_status(state, node, status)?;
    wrote_node(state, &node_key(&id_of(node)), &stored);
    Ok(read_seinode(&stored)?)
}

pub(super) fn patch_status(state: &mut State, node: &SeiNode, status: &SeiNodeStatus) -> Result<Value, ClusterError> {
    let before = json!(node.status.clone().unwrap_or_default());
    let patch = merge_patch::between(&before, &json!(status));
    let version = node.metadata.resource_version.clone().unwrap_or_default();
    state.store.patch_status(&id_of(node), &version, &patch)
}

fn wrote_node(state: &mut State, key: &NodeKey, stored: &Value) {
    let version = text(stored, "/metadata/resourceVersion");
    state.process.saw_version(version);
    let number = version.parse().unwrap_or_default();
    state.process.wrote(key, number);
}

pub(super) fn delete(state: &mut State, id: &ObjectId, uid: &str, children: Propagation) -> Result<(), ClusterError> {
    match children {
        Propagation::Background => state.store.delete_of(id, uid),
        Propagation::Foreground => state.store.delete_after_children(id, uid),
    }
}

fn announce(state: &mut State, key: &NodeKey, event: &Event) {
    let what = What::Event { reason: event.reason.to_owned(), message: event.message.clone(), warning: event.warning };
    state.tell(Some(key.clone()), what);
}

impl Cluster for Sim {
    async fn node(&self, key: &NodeKey) -> Result<Option<SeiNode>, ClusterError> {
        self.call(Request::Node(key), |state| read_node(state, key)).await
    }

    fn cached(&self, id: &ObjectId) -> Option<Arc<Value>> {
        self.with(|state| state.watched(id).map(|object| watch_part(id, object)))
    }

    fn cached_pods(&self, namespace: &str, selector: &BTreeMap<String, String>) -> Vec<Arc<Value>> {
        self.with(|state| {
            let seen =
                state.store.ever(Kind::Pod).filter(|id| id.namespace == namespace).filter_map(|id| state.watched(id));
            seen.filter(|pod| carries(pod, selector)).cloned().collect()
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
            let nodes = state.store.ever(Kind::SeiNode).filter(|id| id.namespace == namespace);
            nodes.filter(|id| state.as_shown(id).is_some_and(|node| carries(node, selector))).map(node_key).collect()
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
        self.call(Request::Create(id, object), |state| {
            known(state, id)?;
            state.store.create(id, object, &mut state.ids)
        })
        .await
    }

    async fn apply(&self, id: &ObjectId, object: &Value) -> Result<Value, ClusterError> {
        self.call(Request::Apply(id, object), |state| {
            known(state, id)?;
            state.store.apply(id, object, &mut state.ids)
        })
        .await
    }

    async fn delete(&self, id: &ObjectId, uid: &str, children: Propagation) -> Result<(), ClusterError> {
        self.call(Request::Delete(id, uid, children), |state| delete(state, id, uid, children)).await
    }

    async fn patch_metadata(
        &self,
        id: &ObjectId,
        uid: &str,
        resource_version: &str,
        metadata: &Value,
    ) -> Result<Value, ClusterError> {
        self.call(Request::PatchMetadata(id, uid, resource_version, metadata), |state| {
            patch_metadata(state, id, uid, resource_version, metadata)
        })
        .await
    }

    async fn write_status(&self, node: &SeiNode, status: &SeiNodeStatus) -> Result<SeiNode, ClusterError> {
        self.call(Request::WriteStatus(node, status), |state| write_status(state, node, status)).await
    }

    async fn announce(&self, key: &NodeKey, _: &str, event: &Event) -> Result<(), ClusterError> {
        self.call(Request::Announce(key, event), |state| {
            announce(state, key, event);
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

    async fn chain(&self, rpc: &str) -> Result<ChainHead, SidecarError> {
        self.call(Request::Chain(rpc), |state| network::chain(state, rpc)).await
    }

    async fn signers(&self, rpc: &str, height: i64) -> Result<BTreeSet<String>, SidecarError> {
        self.call(Request::Signers(rpc, height), |state| network::signers(state, rpc, height)).await
    }
}

impl Clock for Sim {
    fn now(&self) -> Time {
        self.with(|state| state.now.plus_seconds(state.skew_seconds))
    }

    fn fresh_plan_id(&self) -> String {
        self.with(|state| state.ids.plan())
    }
}
