//! Names of things, and the names derived from them.

use std::fmt;

use kube::ResourceExt;

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

    /// The key of an object that is a SeiNode, whatever of it is known.
    pub fn of(object: &impl ResourceExt) -> Self {
        Self::new(object.namespace().unwrap_or_default(), object.name_any())
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

    /// Host name of the node's Service inside the cluster.
    #[must_use]
    pub fn service_host(&self) -> String {
        format!("{}.{}.svc.cluster.local", self.name, self.namespace)
    }

    /// Name of the Job, if the node comes up through one.
    #[must_use]
    pub fn bootstrap_job(&self) -> String {
        format!("{}-bootstrap", self.name)
    }

    /// Name of the Certificate that is asked of an issuer, and of its Secret.
    #[must_use]
    pub fn sidecar_certificate(&self) -> String {
        format!("{}-sidecar-tls", self.name)
    }

    /// Name of the ConfigMap of the TLS proxy.
    #[must_use]
    pub fn proxy_config(&self) -> String {
        format!("{}-rbac-proxy-config", self.name)
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
