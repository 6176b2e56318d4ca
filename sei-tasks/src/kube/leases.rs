//! The Lease of the leader election at a real API server. The elector sets the deadlines.

use kube::api::{DynamicObject, PostParams};
use kube::{Api, Client};
use sei_planner::api::FIELD_MANAGER;
use serde_json::Value;

use super::cluster::{classified, decode, encode, resource};
use crate::leader::Leases;
use crate::world::{ClusterError, Created, Kind, ObjectId};

/// One Lease.
#[derive(Clone, Debug)]
pub struct KubeLeases {
    api: Api<DynamicObject>,
    name: String,
}

impl KubeLeases {
    /// The Lease `id`, reached through `client`.
    #[must_use]
    pub fn new(client: Client, id: &ObjectId) -> Self {
        Self { api: Api::namespaced_with(client, &id.namespace, &resource(Kind::Lease)), name: id.name.clone() }
    }
}

fn params() -> PostParams {
    PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() }
}

impl Leases for KubeLeases {
    async fn read(&self) -> Result<Option<Value>, ClusterError> {
        self.api.get_opt(&self.name).await.map_err(classified)?.map(encode).transpose()
    }

    async fn create(&self, lease: &Value) -> Result<Created, ClusterError> {
        match self.api.create(&params(), &decode(lease.clone())?).await.map_err(classified) {
            Ok(created) => Ok(Created::New(encode(created)?)),
            Err(ClusterError::Conflict(_)) => Ok(Created::AlreadyExists),
            Err(error) => Err(error),
        }
    }

    async fn replace(&self, lease: &Value) -> Result<Value, ClusterError> {
        let replaced = self.api.replace(&self.name, &params(), &decode(lease.clone())?).await;
        encode(replaced.map_err(classified)?)
    }
}
