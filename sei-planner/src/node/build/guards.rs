//! Tasks that stand before a pod is made or replaced: what the pod will mount must be there and whole.

use crate::node::valid::ValidNode;
use crate::task::{KeyringRef, SecretRef, SidecarCert, Task};

/// Checks of the Secrets with keys. A node that runs without a consensus key gets one only once it has caught up with its
/// chain: behind it, it would sign what others signed long ago.
pub(super) fn keys(node: &ValidNode, begins_to_sign: bool) -> Vec<Task> {
    let namespace = &node.key.namespace;
    let secret = |name: &String| SecretRef { secret_name: name.clone(), namespace: namespace.clone() };
    let signing_key = signing_key_ref(node).map(Task::ValidateSigningKey);
    let node_key = node.node_key.as_ref().map(|name| Task::ValidateNodeKey(secret(name)));
    let keyring = node.keyring.as_ref().map(|keyring| {
        Task::ValidateOperatorKeyring(KeyringRef {
            secret_name: keyring.secret.clone(),
            key_name: keyring.key_name.clone(),
            passphrase_secret_name: keyring.passphrase_secret.clone(),
            passphrase_secret_key: keyring.passphrase_key.clone(),
            namespace: namespace.clone(),
        })
    });
    let caught_up = signing_key_ref(node).filter(|_| begins_to_sign).map(Task::AwaitCaughtUp);
    let claim = claim_key(node);
    signing_key.into_iter().chain(node_key).chain(keyring).chain(caught_up).chain(claim).collect()
}

/// Takes the consensus key, once everything that the pod reads with it is known to be whole.
pub(in crate::node) fn claim_key(node: &ValidNode) -> Option<Task> {
    signing_key_ref(node).map(Task::ClaimSigningKey)
}

fn signing_key_ref(node: &ValidNode) -> Option<SecretRef> {
    let secret_name = node.signing_key.clone()?;
    Some(SecretRef { secret_name, namespace: node.key.namespace.clone() })
}

/// Certificate and configuration of the TLS proxy.
pub(super) fn tls(node: &ValidNode) -> Vec<Task> {
    if node.tls.is_none() {
        return Vec::new();
    }
    let mut tasks: Vec<Task> = certificate(node).into_iter().collect();
    tasks.extend(node.tls_issuer().map(|_| Task::WaitForSidecarTlsSecret(issued(node))));
    tasks.push(Task::ApplyRbacProxyConfig(node.key.clone()));
    tasks
}

/// Asks the issuer for a certificate; nobody where somebody else provisions it.
pub(super) fn certificate(node: &ValidNode) -> Option<Task> {
    node.tls_issuer().map(|_| Task::ApplySidecarCert(issued(node)))
}

/// Sees that the new pod serves the issuer's certificate.
pub(super) fn observe_tls(node: &ValidNode) -> Option<Task> {
    node.tls_issuer().map(|_| Task::ObserveSidecarTls(issued(node)))
}

fn issued(node: &ValidNode) -> SidecarCert {
    SidecarCert { node: node.key.clone(), issuer: node.tls_issuer().cloned() }
}
