//! The Lease of the leader election at a real API server. The elector sets the deadlines.

use kube::api::DynamicObject;
use kube::{Api, Client};
use serde_json::Value;

use super::cluster::{classified, created, decode, encode, post_params, resource};
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

impl Leases for KubeLeases {
    async fn read(&self) -> Result<Option<Value>, ClusterError> {
        self.api.get_opt(&self.name).await.map_err(classified)?.map(encode).transpose()
    }

    async fn create(&self, lease: &Value) -> Result<Created, ClusterError> {
        created(self.api.create(&post_params(), &decode(lease.clone())?).await.map_err(classified))
    }

    async fn replace(&self, lease: &Value) -> Result<Value, ClusterError> {
        let replaced = self.api.replace(&self.name, &post_params(), &decode(lease.clone())?).await;
        encode(replaced.map_err(classified)?)
    }
}
