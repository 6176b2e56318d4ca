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
    SeiNode::deserialize(object).map_err(|error| {
        let fault = error.to_string();
        let why = match path_to(&fault, object) {
            path if path.is_empty() => fault,
            path => format!("{path}: {fault}"),
        };
        Unreadable { uid: uid(object).to_owned(), why }
    })
}

/// The innermost field without which there is no such fault. Seldom asked for, so it is searched for, and no reader of SeiNodes has to
/// keep account of where it is.
fn path_to(fault: &str, object: &Value) -> String {
    let is_to_blame = |path: &str, n: usize| {
        let rest = SeiNode::deserialize(&without(object, path, n));
        rest.err().is_none_or(|error| error.to_string() != fault)
    };
    let mut path = String::new();
    while let Some((_, name)) = names(object.pointer(&path)).enumerate().find(|(n, _)| is_to_blame(&path, *n)) {
        path = format!("{path}/{name}");
    }
    path.trim_start_matches('/').replace('/', ".")
}

/// Of the members or items of a value, as in a JSON pointer.
fn names(value: Option<&Value>) -> impl Iterator<Item = String> {
    let members = value.and_then(Value::as_object).into_iter().flat_map(|members| members.keys());
    let items = value.and_then(Value::as_array).map_or(0..0, |items| 0..items.len());
    members.map(|name| name.replace('~', "~0").replace('/', "~1")).chain(items.map(|n| n.to_string()))
}

/// The object without the `n`th member or item of the value at a JSON pointer.
fn without(object: &Value, pointer: &str, n: usize) -> Value {
    let mut rest = object.clone();
    match rest.pointer_mut(pointer) {
        Some(Value::Object(members)) => {
            let name = members.keys().nth(n).cloned();
            name.and_then(|name| members.remove(&name));
        }
        Some(Value::Array(items)) => drop(items.remove(n)),
        Some(_) | None => {}
    }
    rest
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
            "metadata": {"name": "rpc-0", "namespace": "nodes", "uid": "u-1", "labels": {}},
            "spec": {"chainId": "pacific-1", "image": "seid:v1", "fullNode": {}, "peers": []},
            "status": {"phase": "Running"},
        })
    }

    #[test]
    fn what_cannot_be_read_is_named_by_its_path() {
        assert!(read_seinode(&node()).is_ok());
        for (place, value, wanted) in [
            ("/status/phase", json!("Hibernating"), "status.phase: unknown variant `Hibernating`"),
            ("/spec/image", json!({"tag": "v1"}), "spec.image: invalid type: map, expected a string"),
            (
                "/spec/peers",
                json!([{"static": {"addresses": []}}, {"static": {"addresses": [7]}}]),
                "spec.peers.1.static.addresses.0: ",
            ),
            ("/metadata/labels", json!({"a": "b", "a/b~c": 7}), "metadata.labels.a~1b~0c: "),
            (
                "/spec/fullNode",
                json!({"snapshot": {"s3": {}}}),
                "spec.fullNode.snapshot.s3: missing field `targetHeight`",
            ),
            ("/spec", json!({}), "spec: missing field "),
        ] {
            let mut newer = node();
            *newer.pointer_mut(place).unwrap() = value;
            let unreadable = read_seinode(&newer).unwrap_err();
            assert_eq!(unreadable.uid, "u-1");
            assert!(unreadable.why.starts_with(wanted), "{unreadable}, not {wanted}");
        }
        assert!(read_seinode(&json!({})).unwrap_err().why.starts_with("missing field"));
    }
}
