//! Secrets: read by name when a check needs them and dropped right after (D8). No error here holds a byte of one (S6).

use k8s_openapi::api::core::v1::Secret;
use serde::Deserialize;

use crate::world::{Clock, Cluster, ClusterError, Kind, ObjectId, Sidecar, World};

/// The Secret as it stands; `None` when there is none.
pub(crate) async fn read_secret<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    namespace: &str,
    name: &str,
) -> Result<Option<Secret>, ClusterError> {
    let Some(object) = world.cluster.read(&ObjectId::new(Kind::Secret, namespace, name)).await? else {
        return Ok(None);
    };
    // The parser's own words quote what it could not read.
    let secret = Secret::deserialize(&object).map_err(|_| ClusterError::Unavailable("unreadable Secret".to_owned()))?;
    Ok(Some(secret))
}
