//! L5 and S14: a node leaves last, and what it was to leave behind is still there.

use sei_planner::api::FINALIZER;
use sei_planner::names::NodeKey;
use serde_json::Value;

use crate::sim::json::{list, text};
use crate::sim::state::{State, node_id, node_label};
use crate::sim::store::{controller_uid, is_leaving, show};
use crate::world::{Kind, ObjectId};

use super::Finding;

/// Checks a patch of a node's own metadata that lets it go.
pub(super) fn check(state: &State, key: &NodeKey, metadata: &Value) -> Vec<Finding> {
    let Some(node) = state.store.get(&node_id(key)) else { return Vec::new() };
    let kept = list(metadata, "/finalizers").contains(&Value::from(FINALIZER));
    if !is_leaving(node) || kept {
        return Vec::new();
    }
    vec![pod_runs(state, key, text(node, "/metadata/uid")), claim_left_behind(state, key, node)]
}

/// L5: no pod of the node may run any more.
fn pod_runs(state: &State, key: &NodeKey, uid: &str) -> Finding {
    let mut pods = state.store.list(Kind::Pod).filter(|(id, pod)| {
        id.namespace == key.namespace && node_label(pod) == Some(&key.name) && state.node_uid_over(pod) == uid
    });
    pods.next().map(|(id, _)| ("L5", format!("{key} is let go while {} is there", show(id))))
}

/// S14: a claim that is to outlive its node is no longer owned by it, or the garbage collector takes it along.
fn claim_left_behind(state: &State, key: &NodeKey, node: &Value) -> Finding {
    let retained = node.pointer("/spec/dataVolume/retainOnDelete") == Some(&Value::Bool(true));
    if !retained {
        return None;
    }
    let id = ObjectId::new(Kind::PersistentVolumeClaim, key.namespace.clone(), format!("data-{}", key.name));
    let claim = state.store.get(&id)?;
    let owned = controller_uid(claim) == text(node, "/metadata/uid");
    owned.then(|| ("S14", format!("{} is to be kept, and goes with {key}", show(&id))))
}
