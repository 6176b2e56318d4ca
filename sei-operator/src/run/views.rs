//! What the watches show, as the planner's JSON.

use std::collections::BTreeMap;

use futures::FutureExt;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Service};
use kube::ResourceExt;
use kube::core::{ApiResource, DynamicObject, PartialObjectMeta, Resource};
use kube::runtime::reflector::{Lookup, ObjectRef, Store};
use sei_planner::api::SeiNode;
use sei_planner::names::NodeKey;
use sei_tasks::kube::Views;
use sei_tasks::world::{Kind, ObjectId};
use serde_json::Value;

/// Stores that the watches keep up to date.
#[derive(Clone)]
pub(super) struct WatchedViews {
    pub(super) resource: ApiResource,
    pub(super) nodes: Store<DynamicObject>,
    pub(super) statefulsets: Store<PartialObjectMeta<StatefulSet>>,
    pub(super) services: Store<PartialObjectMeta<Service>>,
    pub(super) claims: Store<PartialObjectMeta<PersistentVolumeClaim>>,
    pub(super) jobs: Store<PartialObjectMeta<Job>>,
    pub(super) config_maps: Store<PartialObjectMeta<ConfigMap>>,
    pub(super) pods: Store<Pod>,
}

impl WatchedViews {
    /// The watches that have not shown all there is.
    pub(super) fn unsynced(&self) -> Vec<&'static str> {
        let watches = [
            ("seinodes", self.nodes.wait_until_ready().now_or_never().is_some()),
            ("statefulsets", self.statefulsets.wait_until_ready().now_or_never().is_some()),
            ("services", self.services.wait_until_ready().now_or_never().is_some()),
            ("persistentvolumeclaims", self.claims.wait_until_ready().now_or_never().is_some()),
            ("jobs", self.jobs.wait_until_ready().now_or_never().is_some()),
            ("configmaps", self.config_maps.wait_until_ready().now_or_never().is_some()),
            ("pods", self.pods.wait_until_ready().now_or_never().is_some()),
        ];
        watches.into_iter().filter(|(_, synced)| !synced).map(|(name, _)| name).collect()
    }

    /// Waits until every watch has shown all there is: before that, "not there" means nothing.
    pub(super) async fn synced(&self) {
        // A dropped writer means that the process is stopping.
        let _ = self.nodes.wait_until_ready().await;
        let _ = self.statefulsets.wait_until_ready().await;
        let _ = self.services.wait_until_ready().await;
        let _ = self.claims.wait_until_ready().await;
        let _ = self.jobs.wait_until_ready().await;
        let _ = self.config_maps.wait_until_ready().await;
        let _ = self.pods.wait_until_ready().await;
    }
}

impl Views for WatchedViews {
    fn node(&self, key: &NodeKey) -> Option<SeiNode> {
        let at = ObjectRef::new_with(&key.name, self.resource.clone()).within(&key.namespace);
        let object = self.nodes.get(&at)?;
        match serde_json::to_value(&*object).and_then(serde_json::from_value) {
            Ok(node) => Some(node),
            Err(error) => {
                // One object that cannot be read must not stop the others.
                tracing::error!(node = %key, %error, "unreadable SeiNode is left alone");
                None
            }
        }
    }

    fn object(&self, id: &ObjectId) -> Option<Value> {
        match id.kind {
            Kind::StatefulSet => stored(&self.statefulsets, id),
            Kind::Service => stored(&self.services, id),
            Kind::PersistentVolumeClaim => stored(&self.claims, id),
            Kind::Pod => stored(&self.pods, id),
            Kind::Job => stored(&self.jobs, id),
            Kind::ConfigMap => stored(&self.config_maps, id),
            Kind::SeiNode | Kind::PersistentVolume | Kind::Secret | Kind::Lease | Kind::Certificate => None,
        }
    }

    fn pods(&self, namespace: &str, selector: &BTreeMap<String, String>) -> Vec<Value> {
        let matching = self.pods.state_filter(|pod| {
            pod.metadata.namespace.as_deref() == Some(namespace)
                && selector.iter().all(|(key, value)| pod.labels().get(key) == Some(value))
        });
        matching.iter().filter_map(|pod| serde_json::to_value(&**pod).ok()).collect()
    }

    fn peers(&self, namespace: &str, selector: &BTreeMap<String, String>) -> Vec<NodeKey> {
        let matching = self.nodes.state_filter(|node| {
            node.metadata.namespace.as_deref() == Some(namespace)
                && selector.iter().all(|(key, value)| node.labels().get(key) == Some(value))
        });
        matching.iter().map(|node| NodeKey::new(namespace, node.name_any())).collect()
    }
}

fn stored<K>(store: &Store<K>, id: &ObjectId) -> Option<Value>
where
    K: Lookup<DynamicType = ()> + Resource<DynamicType = ()> + Clone + serde::Serialize + 'static,
{
    let object = store.get(&ObjectRef::new(&id.name).within(&id.namespace))?;
    serde_json::to_value(&*object).ok()
}
