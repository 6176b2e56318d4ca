//! Names of things, and the names derived from them.

use std::fmt;

/// Namespace and name of a SeiNode.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeKey {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl NodeKey {
    /// The key of `name` in `namespace`.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    /// Name of the node's only pod.
    #[must_use]
    pub fn pod(&self) -> String {
        format!("{}-0", self.name)
    }

    /// Name of the claim that is made for the node.
    #[must_use]
    pub fn generated_claim(&self) -> String {
        format!("data-{}", self.name)
    }

    /// Host name of the node's pod inside the cluster.
    #[must_use]
    pub fn pod_host(&self) -> String {
        format!("{}-0.{}.{}.svc.cluster.local", self.name, self.name, self.namespace)
    }
}

impl fmt::Display for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}
