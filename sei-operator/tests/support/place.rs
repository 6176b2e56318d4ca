//! One scenario's namespace: create and edit nodes in it, look at them, and wait for what must come.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::played_sidecar::NodeSidecar;
use super::view::{Check, View};
use super::world::{World, seinode};

const POLL: Duration = Duration::from_millis(150);
/// Generous: it bounds a hang, it measures nothing.
const DEADLINE: Duration = Duration::from_secs(120);

pub(crate) struct Place {
    pub(crate) world: Arc<World>,
    pub(crate) namespace: String,
    pub(crate) nodes: Api<DynamicObject>,
}

impl Place {
    pub(crate) fn new(world: Arc<World>, namespace: &str) -> Self {
        let nodes = Api::namespaced_with(world.admin.clone(), namespace, &seinode());
        Place { world, namespace: namespace.to_owned(), nodes }
    }

    /// A kind of the cluster in this namespace.
    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.world.admin.clone(), &self.namespace)
    }

    pub(crate) fn sidecar(&self, name: &str) -> NodeSidecar<'_> {
        self.world.sidecar.node(&self.namespace, name)
    }

    pub(crate) async fn create(&self, name: &str, spec: Value) {
        let node = DynamicObject::new(name, &seinode()).within(&self.namespace).data(json!({"spec": spec}));
        let created = self.nodes.create(&PostParams::default(), &node).await;
        created.unwrap_or_else(|error| panic!("creating SeiNode {name}: {error}"));
    }

    /// A merge patch of the spec, as `kubectl patch` or `kubectl edit` sends it.
    pub(crate) async fn edit(&self, name: &str, spec: Value) {
        let patch = Patch::Merge(json!({"spec": spec}));
        let edited = self.nodes.patch(name, &PatchParams::default(), &patch).await;
        edited.unwrap_or_else(|error| panic!("editing SeiNode {name}: {error}"));
    }

    pub(crate) async fn delete<K>(&self, name: &str)
    where
        K: Resource<Scope = NamespaceResourceScope> + Clone + std::fmt::Debug + DeserializeOwned,
        K::DynamicType: Default,
    {
        let deleted = self.api::<K>().delete(name, &DeleteParams::background()).await;
        deleted.unwrap_or_else(|error| panic!("deleting {name}: {error}"));
    }

    /// Takes a node's pod away at once, as the kubelet would that stands still.
    pub(crate) async fn ends_pod(&self, name: &str) {
        let at_once = DeleteParams::default().grace_period(0);
        let ended = self.api::<Pod>().delete(&format!("{name}-0"), &at_once).await;
        ended.unwrap_or_else(|error| panic!("ending the pod of {name}: {error}"));
    }

    pub(crate) async fn view(&self, name: &str) -> View {
        let (pod_name, claim_name) = (format!("{name}-0"), format!("data-{name}"));
        let (stateful_sets, services, claims, pods) = (self.api(), self.api(), self.api(), self.api());
        let found = tokio::try_join!(
            self.nodes.get_opt(name),
            stateful_sets.get_opt(name),
            services.get_opt(name),
            claims.get_opt(&claim_name),
            pods.get_opt(&pod_name),
        );
        let (node, stateful_set, service, claim, pod) = found.expect("the API server answers");
        let sidecar_ready = self.sidecar(name).is_ready().await;
        View { node, stateful_set, service, claim, pod, sidecar_ready }
    }

    /// Waits until the check holds; otherwise fails with everything that is known about the node.
    pub(crate) async fn until(&self, name: &str, what: &str, check: impl Fn(&View) -> Check) -> View {
        let deadline = Instant::now() + DEADLINE;
        loop {
            self.world.panic_if_a_process_died().await;
            let view = self.view(name).await;
            let Err(why) = check(&view) else { return view };
            if Instant::now() > deadline {
                panic!("{what}: not after {DEADLINE:?}: {why}\n{}", self.report(name, &view));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// The check holds, and goes on to hold for `time`.
    pub(crate) async fn stays(&self, name: &str, time: Duration, check: impl Fn(&View) -> Check) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.world.panic_if_a_process_died().await;
            let view = self.view(name).await;
            if let Err(why) = check(&view) {
                panic!("did not stay: {why}\n{}", self.report(name, &view));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// For failure messages.
    pub(crate) fn report(&self, name: &str, view: &View) -> String {
        let sidecar = self.sidecar(name);
        let calls = sidecar.calls();
        let last = &calls[calls.len().saturating_sub(20)..];
        let last: Vec<String> = last.iter().map(|c| format!("{} {} -> {:?}", c.method, c.path, c.code)).collect();
        format!(
            "{view}sidecar started {:?}\nlast calls of the sidecar: {last:#?}\n{}",
            sidecar.started(),
            self.world.operator_log()
        )
    }
}
