//! Secrets: read by name when a check needs them and dropped right after (D8). No error here holds a byte of one (S6).

use k8s_openapi::api::core::v1::Secret;
use sei_planner::api::{Time, conditions};
use sei_planner::inspect::TlsVerdict;
use serde::Deserialize;

use crate::world::{Clock, Cluster, ClusterError, Kind, ObjectId, Sidecar, World};

/// Shortest and longest pause before a Secret that is not ready is looked at again (D8).
const AGAIN_SECONDS: i64 = 5;
const AGAIN_SECONDS_MAX: i64 = 60;

/// Seconds to leave something alone that waits for a Secret: as long as it waits already, within bounds.
pub(crate) fn pause_seconds(since: Option<Time>, now: Time) -> i64 {
    since.map_or(0, |since| now.seconds_since(since)).clamp(AGAIN_SECONDS, AGAIN_SECONDS_MAX)
}

/// What is said of a TLS Secret that the API server does not hand out.
pub(crate) fn unavailable(message: String) -> TlsVerdict {
    TlsVerdict { ready: false, reason: conditions::TLS_SECRET_UNAVAILABLE, message, expires: None }
}

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
