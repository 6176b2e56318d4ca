//! What the watches show, as the planner's JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::FutureExt;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Service};
use kube::ResourceExt;
use kube::core::{ApiResource, DynamicObject, PartialObjectMeta, Resource};
use kube::runtime::reflector::{Lookup, ObjectRef, Store};
use sei_planner::api::SeiNode;
use sei_planner::names::NodeKey;
use sei_tasks::kube::Views;
use sei_tasks::world::{Kind, ObjectId};
use sei_tasks::{Unreadable, read_seinode};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::packed::unpack;
use super::watch::pod_resource;

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
    pub(super) pods: Store<DynamicObject>,
    pub(super) synced: Arc<OnceCell<()>>,
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
    ///
    /// Any number of reconciles may wait. One of them waits for the stores, because a store of kube 5.0 wakes only the last that
    /// asked it (`DelayedInit`), and the others would wait for ever.
    pub(super) async fn synced(&self) {
        self.synced.get_or_init(|| self.stores_ready()).await;
    }

    /// Whether a reconcile has seen that every watch has shown all there is.
    pub(super) fn are_synced(&self) -> bool {
        self.synced.initialized()
    }

    fn watched(&self, key: &NodeKey) -> Option<Arc<DynamicObject>> {
        self.nodes.get(&ObjectRef::new_with(&key.name, self.resource.clone()).within(&key.namespace))
    }

    fn pod(&self, id: &ObjectId) -> Option<Value> {
        unpack(&*self.pods.get(&ObjectRef::new_with(&id.name, pod_resource()).within(&id.namespace))?).ok()
    }

    async fn stores_ready(&self) {
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
    fn node(&self, key: &NodeKey) -> Result<Option<SeiNode>, Unreadable> {
        self.watched(key).map(|packed| read_seinode(&unpack(&packed).unwrap_or_default())).transpose()
    }

    fn version(&self, key: &NodeKey) -> Option<u64> {
        self.watched(key)?.metadata.resource_version.as_ref()?.parse().ok()
    }

    fn object(&self, id: &ObjectId) -> Option<Value> {
        match id.kind {
            Kind::StatefulSet => stored(&self.statefulsets, id),
            Kind::Service => stored(&self.services, id),
            Kind::PersistentVolumeClaim => stored(&self.claims, id),
            Kind::Pod => self.pod(id),
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
        matching.iter().filter_map(|pod| unpack(pod).ok()).collect()
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

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "tests")]

    use std::time::Duration;

    use futures::future::join_all;
    use kube::runtime::reflector::store::{Writer, store};
    use kube::runtime::watcher::Event;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn every_reconcile_that_waits_for_the_watches_goes_on() {
        let resource = pod_resource();
        let mut node_writer: Writer<DynamicObject> = Writer::new(resource.clone());
        let mut six: Writer<DynamicObject> = Writer::new(resource.clone());
        let pods = six.as_reader();
        let ((statefulsets, mut one), (services, mut two), (claims, mut three)) = (store(), store(), store());
        let ((jobs, mut four), (config_maps, mut five)) = (store(), store());
        let nodes = node_writer.as_reader();
        let synced = Arc::default();
        let views = WatchedViews { resource, nodes, statefulsets, services, claims, jobs, config_maps, pods, synced };
        let waiting: Vec<_> = (0..5)
            .map(|_| {
                let views = views.clone();
                tokio::spawn(async move { views.synced().await })
            })
            .collect();
        tokio::task::yield_now().await;
        assert!(!views.are_synced());
        node_writer.apply_watcher_event(&Event::InitDone);
        one.apply_watcher_event(&Event::InitDone);
        two.apply_watcher_event(&Event::InitDone);
        three.apply_watcher_event(&Event::InitDone);
        four.apply_watcher_event(&Event::InitDone);
        five.apply_watcher_event(&Event::InitDone);
        six.apply_watcher_event(&Event::InitDone);
        let all = tokio::time::timeout(Duration::from_secs(1), join_all(waiting)).await;
        assert!(all.expect("nobody waits for ever").iter().all(Result::is_ok));
        assert!(views.are_synced());
    }
}
