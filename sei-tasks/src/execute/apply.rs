//! Applies the objects of a node.

use std::sync::Arc;

use k8s_openapi::api::core::v1::PodSpec;
use sei_planner::manifests::{
    Manifest, isolation, proxy_config as proxy_config_of, service as service_of, sidecar_certificate,
    statefulset as statefulset_of, template_digest,
};
use sei_planner::node::{Stamp, ValidNode, controller_uid};
use sei_planner::step::Outcome;
use serde::Deserialize;
use serde_json::Value;

use super::{foreign, terminal};
use crate::serving::Stage;
use crate::world::{Clock, Cluster, ClusterError, Kind, ObjectId, Sidecar, World};

pub(super) async fn statefulset<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
) -> Result<Outcome, ClusterError> {
    let object = json(&statefulset_of(node, &world.platform))?;
    if let Some(leak) = leak(node, &object, Stage::Production) {
        return Ok(terminal(leak));
    }
    Ok(match apply(world, node, Kind::StatefulSet, &object).await? {
        Applied::Ours(set) => {
            let generation = set["metadata"]["generation"].as_i64().map(Stamp::StatefulSetApplied);
            let template = template_digest(node, &world.platform).ok().map(Stamp::PodTemplate);
            Outcome::Done(generation.into_iter().chain(template).collect())
        }
        Applied::Foreign(outcome) => outcome,
    })
}

pub(super) async fn service<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
) -> Result<Outcome, ClusterError> {
    apply(world, node, Kind::Service, &json(&service_of(node))?).await.map(Outcome::from)
}

/// The configuration of the TLS proxy; there is nothing to do where the node has none.
pub(super) async fn proxy_config<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
) -> Result<Outcome, ClusterError> {
    match proxy_config_of(node) {
        Some(manifest) => apply(world, node, Kind::ConfigMap, &json(&manifest)?).await.map(Outcome::from),
        None => Ok(Outcome::Done(Vec::new())),
    }
}

/// The Certificate of the TLS proxy; there is nothing to do where no issuer is asked for one.
pub(super) async fn certificate<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
) -> Result<Outcome, ClusterError> {
    match sidecar_certificate(node) {
        Some(manifest) => apply(world, node, Kind::Certificate, &json(&manifest)?).await.map(Outcome::from),
        None => Ok(Outcome::Done(Vec::new())),
    }
}

/// What became of an apply.
enum Applied {
    /// The object as it stands after it.
    Ours(Value),
    /// An object of somebody else is in its place.
    Foreign(Outcome),
}

impl From<Applied> for Outcome {
    fn from(applied: Applied) -> Self {
        match applied {
            Applied::Ours(_) => Self::Done(Vec::new()),
            Applied::Foreign(outcome) => outcome,
        }
    }
}

/// A forced apply would take over an object of somebody else, so what is there is looked at before (S4). Where the watch shows
/// nothing it may be behind, or not meant to show it.
async fn apply<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    kind: Kind,
    object: &Value,
) -> Result<Applied, ClusterError> {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let id = ObjectId::new(kind, &node.key.namespace, name);
    let known = match world.cluster.cached(&id) {
        None => world.cluster.read(&id).await?.map(Arc::new),
        seen => seen,
    };
    if let Some(known) = known.filter(|known| controller_uid(known).as_deref() != Some(&node.uid)) {
        return Ok(Applied::Foreign(foreign(node, &id, &known)));
    }
    let applied = world.cluster.apply(&id, object).await?;
    world.memory.was_applied(&node.key, kind, world.clock.now());
    Ok(Applied::Ours(applied))
}

/// How the pod of a StatefulSet or a Job would hand a Secret to somebody who must not have it (S5); `None` when it does not.
pub(super) fn leak(node: &ValidNode, object: &Value, stage: Stage) -> Option<String> {
    let Ok(pod) = PodSpec::deserialize(&object["spec"]["template"]["spec"]) else {
        return Some(format!("the pod of {} cannot be checked for Secrets", node.key));
    };
    match stage {
        Stage::Production => isolation::keyring_leak(node, &pod),
        Stage::Bootstrap => isolation::bootstrap_leak(node, &pod),
    }
}

/// The object as JSON.
pub(super) fn json(manifest: &Manifest) -> Result<Value, ClusterError> {
    serde_json::to_value(manifest)
        .map_err(|error| ClusterError::Rejected { code: 422, message: format!("object cannot be serialized: {error}") })
}
