//! SeiNodes that were written under another version may hold what this one does not know. They are left alone, and that is said.

use sei_planner::api::{SeiNode, conditions};
use sei_planner::names::NodeKey;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::events::publish;
use crate::object::uid;
use crate::world::{Clock, Cluster, Event, LookAgain, Sidecar, World};

/// Until a node that could not be read is looked at again, which costs no request.
const LOOK_AGAIN_SECONDS: i64 = 30;

/// A SeiNode that this version cannot read. To act on the rest of it would be to guess.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{why}")]
pub struct Unreadable {
    /// `metadata.uid`.
    pub uid: String,
    /// Which field, and what is wrong with it.
    pub why: String,
}

/// A SeiNode from its JSON.
///
/// # Errors
/// When a field is missing, or holds what this version does not know.
pub fn read_seinode(object: &Value) -> Result<SeiNode, Unreadable> {
    // To keep account of the path to each field takes time, so that is done when one is to be named.
    SeiNode::deserialize(object).or_else(|_| serde_path_to_error::deserialize(object)).map_err(|error| Unreadable {
        uid: uid(object).to_owned(),
        why: format!("{}: {}", error.path(), error.inner()),
    })
}

/// Says once why nothing is done, and looks at what the watches show from time to time: a status that is corrected wakes nobody.
pub(crate) async fn leave_alone<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    key: &NodeKey,
    Unreadable { uid, why }: &Unreadable,
) -> LookAgain {
    if world.memory.is_unreadable_anew(key, why) {
        tracing::error!(node = %key, why, "unreadable SeiNode is left alone");
        let message = format!(
            "This version of the operator cannot read the node, and leaves it alone, its deletion included: {why}. \
             Run the version that wrote it, or correct the field."
        );
        publish(world, key, uid, &Event { warning: true, reason: conditions::UNREADABLE, message }).await;
    }
    LookAgain { at: Some(world.clock.now().plus_seconds(LOOK_AGAIN_SECONDS)) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use serde_json::json;

    use super::*;

    fn node() -> Value {
        json!({
            "apiVersion": "sei.io/v1alpha1",
            "kind": "SeiNode",
            "metadata": {"name": "rpc-0", "namespace": "nodes", "uid": "u-1"},
            "spec": {"chainId": "pacific-1", "image": "seid:v1", "fullNode": {}},
            "status": {"phase": "Running"},
        })
    }

    #[test]
    fn what_cannot_be_read_is_named_by_its_path() {
        assert!(read_seinode(&node()).is_ok());
        let mut newer = node();
        newer["status"]["phase"] = json!("Hibernating");
        let unreadable = read_seinode(&newer).unwrap_err();
        assert_eq!(unreadable.uid, "u-1");
        assert!(unreadable.why.starts_with("status.phase: unknown variant `Hibernating`"), "{unreadable}");
    }
}
