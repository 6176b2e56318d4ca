//! Requests to the API server, each with a deadline.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event as EventObject;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{
    ApiResource, DeleteParams, DynamicObject, ListParams, ObjectMeta, Patch, PatchParams, PostParams, Preconditions,
};
use kube::core::Status;
use kube::{Api, Client, ResourceExt};
use sei_planner::api::{API_VERSION, FIELD_MANAGER, KIND, SeiNode, SeiNodeStatus};
use sei_planner::names::NodeKey;
use serde_json::{Value, json};

use crate::world::{Cluster, ClusterError, Created, Event, Kind, ObjectId, Propagation};
use crate::{Unreadable, causes, merge_patch, read_seinode};

/// No request to the API server takes longer (E17).
const DEADLINE: Duration = Duration::from_secs(30);

/// What watches show. Answers cost no request and may lag behind.
pub trait Views: Send + Sync {
    /// A SeiNode.
    ///
    /// # Errors
    /// When it cannot be read.
    fn node(&self, key: &NodeKey) -> Result<Option<SeiNode>, Unreadable>;
    /// The resourceVersion of a SeiNode.
    fn version(&self, key: &NodeKey) -> Option<u64> {
        self.node(key).ok().flatten().map(|node| version(&node))
    }
    /// An object: its metadata, and for pods also spec and status.
    fn object(&self, id: &ObjectId) -> Option<Value>;
    /// Pods in `namespace` that carry all labels of `selector`, with spec and status.
    fn pods(&self, namespace: &str, selector: &BTreeMap<String, String>) -> Vec<Value>;
    /// SeiNodes in `namespace` that carry all labels of `selector`.
    fn peers(&self, namespace: &str, selector: &BTreeMap<String, String>) -> Vec<NodeKey>;
}

/// The API server behind a client, with watches beside it.
pub struct KubeCluster<V> {
    client: Client,
    views: V,
    /// Name of this process in events.
    instance: String,
    /// Nodes as our own last write returned them, until the watch has caught up: no effect is taken from a view older
    /// than our own write (S9).
    written: Mutex<BTreeMap<NodeKey, SeiNode>>,
}

impl<V: Views> KubeCluster<V> {
    /// A cluster reached through `client`; `instance` names this process in events.
    pub fn new(client: Client, views: V, instance: impl Into<String>) -> Self {
        Self { client, views, instance: instance.into(), written: Mutex::default() }
    }

    /// Reads all SeiNodes (of one namespace, or of all) live: a process that takes over must not act on a view of a node older than the
    /// last write of the process before it, which its watch may not show yet (S9).
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn catch_up(&self, namespace: Option<&str>) -> Result<(), ClusterError> {
        let kind = resource(Kind::SeiNode);
        let api: Api<DynamicObject> = match namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &kind),
            None => Api::all_with(self.client.clone(), &kind),
        };
        for node in in_time(api.list(&ListParams::default())).await?.items {
            // One that this version cannot read is left alone, as the watch leaves it.
            let _ = encode(node).and_then(|node| self.remember(&node));
        }
        Ok(())
    }

    fn api(&self, id: &ObjectId) -> Api<DynamicObject> {
        let resource = resource(id.kind);
        if id.kind.namespaced() {
            Api::namespaced_with(self.client.clone(), &id.namespace, &resource)
        } else {
            Api::all_with(self.client.clone(), &resource)
        }
    }

    fn remember(&self, written: &Value) -> Result<SeiNode, ClusterError> {
        let node = read_seinode(written)?;
        let key = NodeKey::of(&node);
        let gone = node.metadata.deletion_timestamp.is_some() && node.finalizers().is_empty();
        self.with_written(|all| {
            // A settled node is not asked for any more, and would stay here for ever.
            all.retain(|key, ours| self.views.version(key).is_none_or(|watched| watched < version(ours)));
            if gone { all.remove(&key) } else { all.insert(key, node.clone()) }
        });
        Ok(node)
    }

    fn with_written<T>(&self, act: impl FnOnce(&mut BTreeMap<NodeKey, SeiNode>) -> T) -> T {
        act(&mut self.written.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<V: Views> Cluster for KubeCluster<V> {
    async fn node(&self, key: &NodeKey) -> Result<Option<SeiNode>, ClusterError> {
        let watched = self.views.node(key)?;
        Ok(self.with_written(|all| {
            let Some(watched) = watched else {
                all.remove(key);
                return None;
            };
            match all.get(key) {
                Some(ours) if version(ours) > version(&watched) => Some(ours.clone()),
                Some(_) | None => {
                    all.remove(key);
                    Some(watched)
                }
            }
        }))
    }

    fn cached(&self, id: &ObjectId) -> Option<Arc<Value>> {
        self.views.object(id).map(Arc::new)
    }

    fn peers(&self, namespace: &str, selector: &BTreeMap<String, String>) -> Vec<NodeKey> {
        self.views.peers(namespace, selector)
    }

    fn cached_pods(&self, namespace: &str, selector: &BTreeMap<String, String>) -> Vec<Arc<Value>> {
        self.views.pods(namespace, selector).into_iter().map(Arc::new).collect()
    }

    async fn pods(&self, namespace: &str, selector: &BTreeMap<String, String>) -> Result<Vec<Value>, ClusterError> {
        let labels: Vec<String> = selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let params = ListParams::default().labels(&labels.join(","));
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, &resource(Kind::Pod));
        in_time(api.list(&params)).await?.items.into_iter().map(encode).collect()
    }

    async fn read(&self, id: &ObjectId) -> Result<Option<Value>, ClusterError> {
        match in_time(self.api(id).get(&id.name)).await {
            Ok(object) => encode(object).map(Some),
            Err(ClusterError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn create(&self, id: &ObjectId, object: &Value) -> Result<Created, ClusterError> {
        let object: DynamicObject = decode(object.clone())?;
        created(in_time(self.api(id).create(&post_params(), &object)).await)
    }

    async fn apply(&self, id: &ObjectId, object: &Value) -> Result<Value, ClusterError> {
        let params = patch_params().force();
        encode(in_time(self.api(id).patch(&id.name, &params, &Patch::Apply(object))).await?)
    }

    async fn delete(&self, id: &ObjectId, uid: &str, children: Propagation) -> Result<(), ClusterError> {
        let preconditions = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
        let params = match children {
            Propagation::Background => DeleteParams::background(),
            Propagation::Foreground => DeleteParams::foreground(),
        };
        let params = params.preconditions(preconditions);
        match in_time(self.api(id).delete(&id.name, &params)).await {
            Ok(_) | Err(ClusterError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn patch_metadata(
        &self,
        id: &ObjectId,
        uid: &str,
        resource_version: &str,
        metadata: &Value,
    ) -> Result<Value, ClusterError> {
        let mut metadata = metadata.clone();
        metadata["uid"] = uid.into();
        metadata["resourceVersion"] = resource_version.into();
        let patch = json!({ "metadata": metadata });
        let patched = encode(in_time(self.api(id).patch(&id.name, &patch_params(), &Patch::Merge(&patch))).await?)?;
        if id.kind == Kind::SeiNode {
            self.remember(&patched)?;
        }
        Ok(patched)
    }

    async fn write_status(&self, node: &SeiNode, status: &SeiNodeStatus) -> Result<SeiNode, ClusterError> {
        let old = encode(node.status.clone().unwrap_or_default())?;
        let patch = json!({
            "metadata": { "uid": node.metadata.uid, "resourceVersion": node.metadata.resource_version },
            "status": merge_patch::between(&old, &encode(status)?),
        });
        let id = ObjectId::new(Kind::SeiNode, node.namespace().unwrap_or_default(), node.name_any());
        let api = self.api(&id);
        self.remember(&encode(in_time(api.patch_status(&id.name, &patch_params(), &Patch::Merge(&patch))).await?)?)
    }

    async fn announce(&self, key: &NodeKey, uid: &str, event: &Event) -> Result<(), ClusterError> {
        let api: Api<EventObject> = Api::namespaced(self.client.clone(), &key.namespace);
        in_time(api.create(&PostParams::default(), &event_object(key, uid, event, &self.instance))).await.map(|_| ())
    }
}

/// Of a plain create or replace.
pub(super) fn post_params() -> PostParams {
    PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() }
}

/// Of a merge patch, and of an apply. The API server does not look for fields that it does not know: it would only warn of them in
/// headers, after reading each patch once more.
fn patch_params() -> PatchParams {
    PatchParams::apply(FIELD_MANAGER).validation_ignore()
}

/// What a plain create came to: that the name is taken is an answer, too.
pub(super) fn created(answer: Result<DynamicObject, ClusterError>) -> Result<Created, ClusterError> {
    match answer {
        Ok(object) => Ok(Created::New(encode(object)?)),
        Err(ClusterError::Conflict(_)) => Ok(Created::AlreadyExists),
        Err(error) => Err(error),
    }
}

fn event_object(key: &NodeKey, uid: &str, event: &Event, instance: &str) -> EventObject {
    EventObject {
        metadata: ObjectMeta {
            generate_name: Some(format!("{}-", key.name)),
            namespace: Some(key.namespace.clone()),
            ..ObjectMeta::default()
        },
        action: Some("Reconcile".to_owned()),
        reason: Some(event.reason.to_owned()),
        note: Some(clipped(&event.message)),
        type_: Some(if event.warning { "Warning" } else { "Normal" }.to_owned()),
        event_time: Some(MicroTime(jiff::Timestamp::now())),
        reporting_controller: Some(FIELD_MANAGER.to_owned()),
        reporting_instance: Some(instance.to_owned()),
        regarding: Some(ObjectReference {
            api_version: Some(API_VERSION.to_owned()),
            kind: Some(KIND.to_owned()),
            name: Some(key.name.clone()),
            namespace: Some(key.namespace.clone()),
            uid: Some(uid.to_owned()),
            ..ObjectReference::default()
        }),
        ..EventObject::default()
    }
}

/// The API server refuses notes of more than 1024 bytes.
fn clipped(text: &str) -> String {
    let mut end = text.len().min(1024);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

pub(super) fn resource(kind: Kind) -> ApiResource {
    let (group, version) = kind.api_version().rsplit_once('/').unwrap_or(("", kind.api_version()));
    ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: kind.api_version().to_owned(),
        kind: kind.name().to_owned(),
        plural: kind.plural().to_owned(),
    }
}

/// resourceVersions of one object are decimal numbers that grow.
fn version(node: &SeiNode) -> u64 {
    node.metadata.resource_version.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0)
}

async fn in_time<T>(request: impl Future<Output = kube::Result<T>>) -> Result<T, ClusterError> {
    match tokio::time::timeout(DEADLINE, request).await {
        Ok(answer) => answer.map_err(classified),
        Err(_) => Err(ClusterError::Unavailable(format!("no answer within {} s", DEADLINE.as_secs()))),
    }
}

pub(super) fn classified(error: kube::Error) -> ClusterError {
    let kube::Error::Api(status) = &error else {
        return ClusterError::Unavailable(causes(&error));
    };
    let message = status.message.clone();
    match status.code {
        404 if is_about_a_kind(status) => ClusterError::UnknownKind,
        404 => ClusterError::NotFound(message),
        409 => ClusterError::Conflict(message),
        400 | 401 | 403 | 405 | 406 | 410 | 413 | 415 | 422 => ClusterError::Rejected { code: status.code, message },
        code => ClusterError::Unavailable(format!("{code}: {message}")),
    }
}

/// A 404 about an object names it. Where the kind itself has no definition, the API server answers with a plain text, and so
/// says nothing of any object.
fn is_about_a_kind(status: &Status) -> bool {
    status.details.as_ref().is_none_or(|details| details.name.is_empty())
}

pub(super) fn encode(object: impl serde::Serialize) -> Result<Value, ClusterError> {
    serde_json::to_value(object).map_err(|error| ClusterError::Unavailable(format!("unreadable object: {error}")))
}

pub(super) fn decode<T: serde::de::DeserializeOwned>(object: Value) -> Result<T, ClusterError> {
    serde_json::from_value(object).map_err(|error| ClusterError::Unavailable(format!("unreadable object: {error}")))
}
