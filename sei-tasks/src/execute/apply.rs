//! Applies the objects of a node.

use sei_planner::manifests::{Manifest, service as service_of, statefulset as statefulset_of};
use sei_planner::node::{ValidNode, controller_uid};
use sei_planner::step::Outcome;
use serde_json::Value;

use super::terminal;
use crate::world::{Clock, Cluster, ClusterError, Kind, ObjectId, Sidecar, World};

pub(super) async fn statefulset<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
) -> Result<Outcome, ClusterError> {
    apply(world, node, Kind::StatefulSet, &statefulset_of(node, &world.platform)).await
}

pub(super) async fn service<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
) -> Result<Outcome, ClusterError> {
    apply(world, node, Kind::Service, &service_of(node)).await
}

/// A forced apply would take over an object of somebody else, so one that the watch shows is left alone (S4).
async fn apply<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    kind: Kind,
    manifest: &Manifest,
) -> Result<Outcome, ClusterError> {
    let id = ObjectId::new(kind, &node.key.namespace, &node.key.name);
    if world.cluster.cached(&id).is_some_and(|known| controller_uid(&known).as_deref() != Some(&node.uid)) {
        return Ok(terminal(format!(
            "{} {:?} exists and does not belong to SeiNode {:?}; delete it or rename the SeiNode",
            kind.name(),
            id.name,
            node.key.name
        )));
    }
    world.cluster.apply(&id, &json(manifest)?).await?;
    Ok(Outcome::Done(Vec::new()))
}

/// The object as JSON.
pub(super) fn json(manifest: &Manifest) -> Result<Value, ClusterError> {
    serde_json::to_value(manifest)
        .map_err(|error| ClusterError::Rejected { code: 422, message: format!("object cannot be serialized: {error}") })
}
