//! The configuration of the TLS proxy: who may call the sidecar.

use std::collections::BTreeMap;

use super::{Manifest, WithData, metadata};
use crate::node::ValidNode;

/// The ConfigMap of the TLS proxy; absent where the node has none. The proxy derives the verb from the HTTP method.
#[must_use]
pub fn proxy_config(node: &ValidNode) -> Option<Manifest> {
    node.tls.as_ref()?;
    let config = format!(
        "authorization:\n  resourceAttributes:\n    apiGroup: sei.io\n    resource: seinodetasks\n    namespace: {}\n    name: {}\n",
        node.key.namespace, node.key.name
    );
    let data = BTreeMap::from([("config.yaml".to_owned(), config)]);
    let metadata = metadata(node, &node.key.proxy_config());
    Some(Manifest::ProxyConfig(Box::new(WithData { api_version: "v1", kind: "ConfigMap", metadata, data })))
}
