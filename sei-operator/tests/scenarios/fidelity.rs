//! A real API server does what the table says that the simulated one is held to: `sei-tasks/tests/semantics/table.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::{Api, Client};
use sei_planner::api::SeiNode;
use sei_planner::names::NodeKey;
use sei_tasks::Unreadable;
use sei_tasks::kube::{KubeCluster, Views};
use sei_tasks::world::{Cluster, ClusterError, ObjectId};
use serde_json::Value;

use super::semantics::steps::{self, Ground};
use super::semantics::table;
use crate::support::world::World;

const NAMESPACE: &str = "fidelity";

pub(crate) async fn table_holds(world: Arc<World>) {
    world.ensure_crds().await;
    let place = world.place(NAMESPACE).await;
    let cluster = KubeCluster::new(world.admin.clone(), NoViews, NAMESPACE);
    let table = table::semantics();
    let problems = steps::try_all(&Real { cluster, client: world.admin.clone() }, &place.namespace, &table).await;
    println!("    {} semantics tried", table.len());
    assert!(problems.is_empty(), "{} problems in {} semantics:\n{}", problems.len(), table.len(), problems.join("\n"));
}

struct Real {
    cluster: KubeCluster<NoViews>,
    client: Client,
}

impl Real {
    fn api(&self, id: &ObjectId) -> Api<DynamicObject> {
        let (group, version) = id.kind.api_version().rsplit_once('/').unwrap_or(("", id.kind.api_version()));
        let kind = GroupVersionKind::gvk(group, version, id.kind.name());
        let resource = ApiResource::from_gvk_with_plural(&kind, id.kind.plural());
        Api::namespaced_with(self.client.clone(), &id.namespace, &resource)
    }

    async fn patch(&self, id: &ObjectId, params: &PatchParams, patch: &Patch<&Value>) -> Result<(), ClusterError> {
        match self.api(id).patch(&id.name, params, patch).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 409 => Err(ClusterError::Conflict(status.message.clone())),
            Err(kube::Error::Api(status)) => {
                Err(ClusterError::Rejected { code: status.code, message: status.message.clone() })
            }
            Err(other) => Err(ClusterError::Unavailable(other.to_string())),
        }
    }
}

impl Ground for Real {
    fn cluster(&self) -> &impl Cluster {
        &self.cluster
    }

    async fn edit(&self, id: &ObjectId, patch: &Value) -> Result<(), ClusterError> {
        let params = PatchParams { field_manager: Some("kubectl-edit".to_owned()), ..PatchParams::default() };
        self.patch(id, &params, &Patch::Merge(patch)).await
    }

    async fn edit_status(&self, id: &ObjectId, patch: &Value) -> Result<(), ClusterError> {
        let params = PatchParams { field_manager: Some("manager".to_owned()), ..PatchParams::default() };
        match self.api(id).patch_status(&id.name, &params, &Patch::Merge(patch)).await {
            Ok(_) => Ok(()),
            Err(error) => Err(ClusterError::Unavailable(error.to_string())),
        }
    }

    async fn apply_as(&self, manager: &str, id: &ObjectId, object: &Value, force: bool) -> Result<(), ClusterError> {
        let params = PatchParams { force, ..PatchParams::apply(manager) };
        self.patch(id, &params, &Patch::Apply(object)).await
    }

    async fn managers(&self, id: &ObjectId) -> Vec<String> {
        let object = self.cluster.read(id).await.expect("an answer").unwrap_or_default();
        steps::managers_of(object["metadata"]["managedFields"].as_array().map_or(&[], Vec::as_slice))
    }
}

/// Semantics are about requests: nothing is watched.
struct NoViews;

impl Views for NoViews {
    fn node(&self, _: &NodeKey) -> Result<Option<SeiNode>, Unreadable> {
        Ok(None)
    }

    fn object(&self, _: &ObjectId) -> Option<Value> {
        None
    }

    fn pods(&self, _: &str, _: &BTreeMap<String, String>) -> Vec<Value> {
        Vec::new()
    }

    fn peers(&self, _: &str, _: &BTreeMap<String, String>) -> Vec<NodeKey> {
        Vec::new()
    }
}
