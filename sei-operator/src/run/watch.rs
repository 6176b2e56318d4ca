//! The watches: SeiNodes, what they own (as metadata), and their pods.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{BoxStream, StreamExt};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Service};
use kube::core::{ApiResource, DynamicObject, NamespaceResourceScope, PartialObjectMeta, Resource};
use kube::runtime::controller::Controller;
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::utils::{Backoff, predicates};
use kube::runtime::watcher::DefaultBackoff;
use kube::runtime::{Predicate, WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use sei_planner::api::{GROUP, KIND};
use sei_planner::manifests::NODE_LABEL;
use serde::de::DeserializeOwned;

use self::Which::{All, OfNodes};
use super::packed::{pack, pack_pod};
use super::views::WatchedViews;

/// Between two attempts of a watch. A handful of watches burden no API server, and nobody should wait longer once it is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

type Touched<K> = BoxStream<'static, Result<K, watcher::Error>>;

/// The streams that trigger reconciles; they also fill the views.
pub(super) struct Streams {
    resource: ApiResource,
    nodes: (Touched<DynamicObject>, Store<DynamicObject>),
    statefulsets: Touched<PartialObjectMeta<StatefulSet>>,
    services: Touched<PartialObjectMeta<Service>>,
    claims: Touched<PartialObjectMeta<PersistentVolumeClaim>>,
    jobs: Touched<PartialObjectMeta<Job>>,
    config_maps: Touched<PartialObjectMeta<ConfigMap>>,
    pods: Touched<DynamicObject>,
}

impl Streams {
    /// A controller that reconciles a SeiNode when it or something of it changes.
    pub(super) fn controller(self) -> Controller<DynamicObject> {
        let resource = self.resource.clone();
        Controller::for_stream_with(self.nodes.0, self.nodes.1, self.resource)
            .trigger_backoff(NoPause)
            .owns_stream(self.statefulsets)
            .owns_stream(self.services)
            .owns_stream(self.claims)
            .owns_stream(self.jobs)
            .owns_stream(self.config_maps)
            .watches_stream_with(self.pods, move |pod| node_of(&pod, &resource), pod_resource())
    }
}

/// Each watch pauses by itself after an error. The controller's own pause stops all of them after an error of one: when the API server
/// restarts and all of them fail, the operator would see nothing for minutes.
struct NoPause;

impl Iterator for NoPause {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(Duration::ZERO)
    }
}

impl Backoff for NoPause {
    fn reset(&mut self) {}
}

/// Between the attempts of a watch: kube's own pauses, which grow to half a minute, up to [`LONGEST_PAUSE`].
#[derive(Default)]
struct Pauses(DefaultBackoff);

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0.next().map(|pause| pause.min(LONGEST_PAUSE))
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {
        self.0.reset();
    }
}

/// Starts nothing yet: the streams are polled by the controller.
pub(super) fn watches(client: &Client, namespace: Option<&str>) -> (WatchedViews, Streams) {
    let resource = node_resource();
    let nodes = node_stream(client, namespace, &resource);
    let (statefulsets, statefulset_stream) = metadata_stream(client, namespace, All);
    let (services, service_stream) = metadata_stream(client, namespace, All);
    let (claims, claim_stream) = metadata_stream(client, namespace, All);
    let (jobs, job_stream) = metadata_stream(client, namespace, OfNodes);
    let (config_maps, config_map_stream) = metadata_stream(client, namespace, OfNodes);
    let (pods, pod_stream) = pod_stream(client, namespace);
    let views = WatchedViews {
        resource: resource.clone(),
        nodes: nodes.1.clone(),
        statefulsets,
        services,
        claims,
        jobs,
        config_maps,
        pods,
        synced: Arc::default(),
    };
    let streams = Streams {
        resource,
        nodes,
        statefulsets: statefulset_stream,
        services: service_stream,
        claims: claim_stream,
        jobs: job_stream,
        config_maps: config_map_stream,
        pods: pod_stream,
    };
    (views, streams)
}

/// SeiNodes are watched as JSON: an object that this version cannot read must not stop the watch of all others.
pub(super) fn node_resource() -> ApiResource {
    ApiResource {
        group: GROUP.to_owned(),
        version: "v1alpha1".to_owned(),
        api_version: sei_planner::api::API_VERSION.to_owned(),
        kind: KIND.to_owned(),
        plural: "seinodes".to_owned(),
    }
}

/// Our own status writes wake nobody (E5): only the spec, annotations, labels, finalizers and deletion do.
fn node_stream(
    client: &Client,
    namespace: Option<&str>,
    resource: &ApiResource,
) -> (Touched<DynamicObject>, Store<DynamicObject>) {
    let api = dynamic_api(client, namespace, resource);
    let writer = reflector::store::Writer::new(resource.clone());
    let store = writer.as_reader();
    let touched = watcher(api, watcher::Config::default())
        .backoff(Pauses::default())
        .modify(pack)
        .reflect(writer)
        .applied_objects()
        .predicate_filter(
            predicates::generation.combine(predicates::annotations).combine(predicates::finalizers),
            Default::default(),
        );
    (touched.boxed(), store)
}

/// Which objects of a kind are watched. Names of Jobs and ConfigMaps are ours alone, and clusters are full of others'.
#[derive(Clone, Copy)]
enum Which {
    /// Also those of others, that might have a name of ours.
    All,
    /// Those with the label of a node.
    OfNodes,
}

fn metadata_stream<K>(
    client: &Client,
    namespace: Option<&str>,
    which: Which,
) -> (Store<PartialObjectMeta<K>>, Touched<PartialObjectMeta<K>>)
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static,
{
    let (store, writer) = reflector::store();
    let config = match which {
        All => watcher::Config::default(),
        OfNodes => watcher::Config::default().labels(NODE_LABEL),
    };
    let touched = watcher(api::<PartialObjectMeta<K>>(client, namespace), config)
        .backoff(Pauses::default())
        .modify(|object| {
            object.metadata.managed_fields = None;
            object.metadata.annotations = None;
        })
        .reflect(writer)
        .touched_objects();
    (store, touched.boxed())
}

/// Pods of nodes, with their container states: what a plan waits for, and when a sidecar is worth asking.
fn pod_stream(client: &Client, namespace: Option<&str>) -> (Store<DynamicObject>, Touched<DynamicObject>) {
    let resource = pod_resource();
    let api = dynamic_api(client, namespace, &resource);
    let writer = reflector::store::Writer::new(resource);
    let store = writer.as_reader();
    let touched = watcher(api, watcher::Config::default().labels(NODE_LABEL))
        .backoff(Pauses::default())
        .modify(pack_pod)
        .reflect(writer)
        .touched_objects();
    (store, touched.boxed())
}

/// Of pods, which are watched as JSON as well.
pub(super) fn pod_resource() -> ApiResource {
    ApiResource::erase::<Pod>(&())
}

fn dynamic_api(client: &Client, namespace: Option<&str>, resource: &ApiResource) -> Api<DynamicObject> {
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
        None => Api::all_with(client.clone(), resource),
    }
}

fn api<K>(client: &Client, namespace: Option<&str>) -> Api<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

fn node_of(pod: &DynamicObject, resource: &ApiResource) -> Option<ObjectRef<DynamicObject>> {
    let name = pod.labels().get(NODE_LABEL)?;
    let namespace = pod.namespace()?;
    Some(ObjectRef::new_with(name, resource.clone()).within(&namespace))
}
