//! Reads nodes and their pods, live, as the planner has them.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::{Api, ResourceExt};
use sei_planner::api::{API_VERSION, GROUP, KIND, SeiNode};
use sei_planner::manifests::NODE_LABEL;
use sei_planner::names::NodeKey;
use sei_planner::words::did_you_mean;
use sei_tasks::read_seinode;
use serde_json::{Value, json};

use super::{Cluster, Trouble};
use crate::install::SETTINGS;
use crate::output::{self, Paint};

/// Our kind, for requests whose answers may hold a node that this version cannot read.
pub(in crate::cli) fn seinode() -> ApiResource {
    let version = API_VERSION.rsplit_once('/').map_or(API_VERSION, |(_, version)| version);
    ApiResource {
        group: GROUP.to_owned(),
        version: version.to_owned(),
        api_version: API_VERSION.to_owned(),
        kind: KIND.to_owned(),
        plural: "seinodes".to_owned(),
    }
}

/// A node as this version reads it.
///
/// # Errors
/// When it was written by a version that knows more.
pub(in crate::cli) fn readable(object: &DynamicObject) -> Result<SeiNode, Trouble> {
    read_seinode(&json!(object)).map_err(|unreadable| {
        let key = NodeKey::of(object);
        Trouble::new(format!("SeiNode {key} cannot be read by this version: {unreadable}"))
            .help("is this program older than the operator? `sei-operator --version`, `sei-operator check`")
    })
}

impl Cluster {
    /// SeiNodes of a namespace, or of all.
    pub(in crate::cli) fn nodes(&self, namespace: Option<&str>) -> Api<DynamicObject> {
        match namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &seinode()),
            None => Api::all_with(self.client.clone(), &seinode()),
        }
    }

    /// Pods of a namespace, or of all.
    pub(in crate::cli) fn pods_in(&self, namespace: Option<&str>) -> Api<Pod> {
        match namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        }
    }

    /// The settings of the platform that the operator in this namespace runs with, where `manifests` installed it.
    ///
    /// # Errors
    /// When it is not there, or may not be read.
    pub(in crate::cli) async fn installed_settings(
        &self,
        namespace: &str,
    ) -> Result<BTreeMap<String, String>, Trouble> {
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), namespace);
        let map = self.ask(&format!("read {}", installed_in(namespace)), maps.get(SETTINGS)).await?;
        Ok(map.data.unwrap_or_default())
    }

    /// One node.
    ///
    /// # Errors
    /// When it is not there, with the name that may have been meant.
    pub(in crate::cli) async fn node(&self, key: &NodeKey) -> Result<SeiNode, Trouble> {
        let doing = format!("read SeiNode {key}");
        match self.ask(&doing, self.nodes(Some(&key.namespace)).get(&key.name)).await {
            Ok(object) => readable(&object),
            Err(trouble) if trouble.is_absence => Err(self.absent(key).await),
            Err(trouble) => Err(trouble),
        }
    }

    /// Every node of a namespace, or of all, in the order of their names. One that cannot be read is told on stderr.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub(in crate::cli) async fn all_nodes(&self, namespace: Option<&str>) -> Result<Vec<SeiNode>, Trouble> {
        let whose = namespace.map_or_else(|| "of all namespaces".to_owned(), |name| format!("of namespace {name}"));
        let doing = format!("list SeiNodes {whose}");
        let found = self.ask(&doing, self.nodes(namespace).list(&ListParams::default())).await?;
        let mut nodes = Vec::new();
        for object in &found.items {
            match readable(object) {
                Ok(node) => nodes.push(node),
                Err(trouble) => output::chatter(&format!("{}: {}\n", Paint::stderr().yellow("warning"), trouble.what)),
            }
        }
        nodes.sort_by_key(|node| (node.namespace(), node.name_any()));
        Ok(nodes)
    }

    /// That there is no such node, and which one may be meant: it stands elsewhere, or its name has a slip.
    async fn absent(&self, key: &NodeKey) -> Trouble {
        let mut trouble = Trouble { is_absence: true, ..Trouble::new(format!("there is no SeiNode {key}")) };
        // A user who may see one namespace only gets help from that one.
        let everywhere = self.nodes(None).list_metadata(&ListParams::default()).await;
        let known = match everywhere {
            Ok(list) => list.items,
            Err(_) => match self.nodes(Some(&key.namespace)).list_metadata(&ListParams::default()).await {
                Ok(list) => list.items,
                Err(_) => return trouble,
            },
        };
        let known: Vec<NodeKey> = known.iter().map(NodeKey::of).collect();
        if let Some(near) = meant(key, &known) {
            trouble = trouble.help(format!("did you mean {near}?"));
        }
        trouble.help("`sei-operator status -A` lists every node")
    }

    /// The pods of a node: production's and the bootstrap's.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub(in crate::cli) async fn pods(&self, key: &NodeKey) -> Result<Vec<Value>, Trouble> {
        let pods = self.pods_in(Some(&key.namespace));
        let params = ListParams::default().labels(&pods_of(key));
        let found = self.ask(&format!("list the pods of {key}"), pods.list(&params)).await?;
        Ok(found.items.iter().filter_map(|pod| serde_json::to_value(pod).ok()).collect())
    }
}

/// Where the settings of an installed operator are.
pub(in crate::cli) fn installed_in(namespace: &str) -> String {
    format!("ConfigMap {namespace}/{SETTINGS}")
}

/// The selector of a node's pods.
pub(in crate::cli) fn pods_of(key: &NodeKey) -> String {
    format!("{NODE_LABEL}={}", key.name)
}

/// The node of that name in another namespace, else the one with a name like it.
fn meant(key: &NodeKey, known: &[NodeKey]) -> Option<NodeKey> {
    let elsewhere = known.iter().find(|other| other.name == key.name);
    let near = || {
        let (here, there): (Vec<&NodeKey>, Vec<&NodeKey>) =
            known.iter().partition(|other| other.namespace == key.namespace);
        let near = |among: &[&NodeKey]| {
            let name = did_you_mean(&key.name, among.iter().map(|other| other.name.as_str()))?;
            among.iter().find(|other| other.name == name).map(|found| (*found).clone())
        };
        near(&here).or_else(|| near(&there))
    };
    elsewhere.cloned().or_else(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_node_that_is_meant_is_in_the_wrong_place_or_has_a_slip() {
        let known = [("sei", "rpc-0"), ("sei", "archive-0"), ("test", "rpcs-0")].map(|(a, b)| NodeKey::new(a, b));
        let meant = |namespace: &str, name: &str| {
            meant(&NodeKey::new(namespace, name), &known).map(|key| key.to_string()).unwrap_or_default()
        };
        assert_eq!(meant("default", "rpc-0"), "sei/rpc-0");
        assert_eq!(meant("sei", "rcp-0"), "sei/rpc-0");
        assert_eq!(meant("test", "rpcs-1"), "test/rpcs-0");
        assert_eq!(meant("sei", "validator"), "");
    }
}
