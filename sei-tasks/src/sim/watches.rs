//! What the operator's watches show, and which of their news wake it: as `run/watch.rs` of the operator sets them up. How
//! late they are is the business of the state.

use std::collections::BTreeSet;

use sei_planner::names::NodeKey;
use serde_json::Value;

use crate::world::Kind;

use super::json::{list, number, text};
use super::state::{node_key, node_label};
use super::store::{Change, is_leaving};

/// Whether the operator's watches show an object of this kind.
pub(super) fn shows(kind: Kind, object: &Value) -> bool {
    match kind {
        Kind::StatefulSet | Kind::Service | Kind::PersistentVolumeClaim => true,
        Kind::Job | Kind::ConfigMap | Kind::Pod => node_label(object).is_some(),
        Kind::SeiNode | Kind::PersistentVolume | Kind::Secret | Kind::Lease | Kind::Certificate => false,
    }
}

/// The node that a change is news for. Writes of status are not news.
pub(super) fn woken(change: &Change) -> Option<NodeKey> {
    let (before, after) = (change.before.as_deref(), change.after.as_deref());
    match change.id.kind {
        Kind::SeiNode => (node_signature(before) != node_signature(after)).then(|| node_key(&change.id)),
        Kind::StatefulSet | Kind::Service | Kind::PersistentVolumeClaim | Kind::Job | Kind::ConfigMap => {
            let ended = |job: Option<&Value>| job.map_or(0, |job| list(job, "/status/conditions").len());
            let ends = change.id.kind == Kind::Job && ended(before) != ended(after);
            let news = ends || child_signature(before) != child_signature(after);
            let seen = seen_last(change)?;
            let owner = owner_name(seen, "SeiNode")?;
            news.then(|| NodeKey::new(change.id.namespace.clone(), owner))
        }
        Kind::Pod => {
            let news = pod_signature(before) != pod_signature(after) || after.is_none();
            let node = node_label(seen_last(change)?)?;
            news.then(|| NodeKey::new(change.id.namespace.clone(), node))
        }
        Kind::PersistentVolume | Kind::Secret | Kind::Lease | Kind::Certificate => None,
    }
}

/// What a watch shows of a change. Of what it shows no longer it tells the last that it did.
fn seen_last(change: &Change) -> Option<&Value> {
    let shown = |object: &&Value| shows(change.id.kind, object);
    let after = change.after.as_deref().filter(shown);
    after.or_else(|| change.before.as_deref().filter(shown))
}

fn owner_name(object: &Value, kind: &str) -> Option<String> {
    list(object, "/metadata/ownerReferences")
        .iter()
        .find(|owner| text(owner, "/kind") == kind && owner.get("controller") == Some(&true.into()))
        .map(|owner| text(owner, "/name").to_owned())
}

fn node_signature(node: Option<&Value>) -> Option<(String, i64, Value, Value, bool)> {
    let node = node?;
    let part = |path: &str| node.pointer(path).cloned().unwrap_or_default();
    Some((
        text(node, "/metadata/uid").to_owned(),
        number(node, "/metadata/generation"),
        part("/metadata/annotations"),
        part("/metadata/finalizers"),
        is_leaving(node),
    ))
}

fn child_signature(object: Option<&Value>) -> Option<(String, i64, bool)> {
    let object = object?;
    let uid = text(object, "/metadata/uid").to_owned();
    let generation = number(object, "/metadata/generation");
    Some((uid, generation, is_leaving(object)))
}

/// Which containers run, are ready, and how often they restarted.
fn pod_signature(pod: Option<&Value>) -> BTreeSet<(String, bool, bool, i64)> {
    let Some(pod) = pod else {
        return BTreeSet::new();
    };
    list(pod, "/status/initContainerStatuses")
        .iter()
        .chain(list(pod, "/status/containerStatuses"))
        .map(|status| {
            let running = status.pointer("/state/running").is_some();
            let ready = status.get("ready") == Some(&Value::Bool(true));
            let restarts = number(status, "/restartCount");
            (text(status, "/name").to_owned(), running, ready, restarts)
        })
        .filter(|(_, running, ready, restarts)| *running || *ready || *restarts > 0)
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::collections::BTreeMap;

    use sei_planner::manifests::NODE_LABEL;
    use serde_json::json;

    use super::*;
    use crate::sim::testing::{id, idle, key, manifest, world};
    use crate::sim::{Options, Reconcile, Sim};
    use crate::world::{Cluster, ObjectId};

    const LAG: i64 = 10;

    fn lagging() -> Sim {
        world(Options { watch_lag_seconds: LAG, ..Options::default() })
    }

    fn config_map(labels: &Value) -> Value {
        let metadata = json!({ "name": "map", "namespace": "nodes", "labels": labels });
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {} })
    }

    #[test]
    fn config_maps_are_seen_by_their_label_only_and_everything_late() {
        let sim = lagging();
        let mut driver = sim.drive(Reconcile(idle));
        driver.run_for(2 * LAG).unwrap();
        let at = id(Kind::ConfigMap, "map");
        sim.user_apply(config_map(&json!({}))).unwrap();
        driver.run_for(2 * LAG).unwrap();
        assert!(sim.cached(&at).is_none(), "it has no label");
        sim.user_apply(config_map(&json!({ NODE_LABEL: "rpc-0" }))).unwrap();
        assert!(sim.cached(&at).is_none(), "the watch is late");
        driver.run_for(LAG).unwrap();
        assert!(sim.cached(&at).is_some());
        sim.user_apply(config_map(&json!({}))).unwrap();
        assert!(sim.cached(&at).is_some(), "the watch is late");
        driver.run_for(LAG).unwrap();
        assert!(sim.cached(&at).is_none(), "what loses its label goes out of sight");
    }

    #[test]
    fn what_is_not_watched_is_never_seen() {
        let sim = world(Options::default());
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": { "name": "lease", "namespace": "nodes", "labels": { NODE_LABEL: "rpc-0" } }, "spec": {},
        });
        let at: ObjectId = sim.user_apply(lease).unwrap();
        assert!(sim.cached(&at).is_none());
        assert!(sim.cached(&id(Kind::SeiNode, "rpc-0")).is_none());
    }

    #[test]
    fn peers_come_and_go_late() {
        let sim = lagging();
        let mut driver = sim.drive(Reconcile(idle));
        driver.run_for(2 * LAG).unwrap();
        let selector = BTreeMap::from([("chain".to_owned(), "pacific-1".to_owned())]);
        let peers = |sim: &Sim| sim.peers("nodes", &selector);
        let mut node = manifest();
        node["metadata"]["labels"] = json!({ "chain": "pacific-1" });
        sim.user_apply(node).unwrap();
        assert_eq!(peers(&sim), []);
        driver.run_for(LAG).unwrap();
        assert_eq!(peers(&sim), [key()]);
        sim.user_delete(&id(Kind::SeiNode, "rpc-0"));
        assert_eq!(peers(&sim), [key()], "the watch is late");
        driver.run_for(LAG).unwrap();
        assert_eq!(peers(&sim), []);
    }
}
