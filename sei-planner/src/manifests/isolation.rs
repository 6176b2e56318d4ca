//! Where Secrets must never be (S5), checked on a finished pod: a second look at what the builders promise.

use k8s_openapi::api::core::v1::{Container, PodSpec};

use super::containers::{KEYRING, SIDECAR};
use crate::node::ValidNode;

/// How the operator's keyring, or its passphrase, reaches a container other than the sidecar; `None` when it does not.
#[must_use]
pub fn keyring_leak(node: &ValidNode, pod: &PodSpec) -> Option<String> {
    let keyring = node.keyring.as_ref()?;
    let passphrase = &keyring.passphrase_secret;
    containers(pod).filter(|container| container.name != SIDECAR).find_map(|container| {
        let place = format!("container {:?} of {}", container.name, node.key);
        if container.volume_mounts.iter().flatten().any(|mount| mount.name == KEYRING) {
            return Some(format!("{place} mounts the volume {KEYRING}"));
        }
        if let Some(variable) = env_from_secret(container, passphrase) {
            return Some(format!("{place} reads the passphrase Secret {passphrase:?} in {variable}"));
        }
        all_env_from_secret(container, passphrase)
            .then(|| format!("{place} reads the passphrase Secret {passphrase:?} by envFrom"))
    })
}

/// How a Secret that signs reaches a bootstrap pod; `None` when none does.
#[must_use]
pub fn bootstrap_leak(node: &ValidNode, pod: &PodSpec) -> Option<String> {
    let keyring = node.keyring.as_ref();
    let forbidden = [
        ("signing-key", node.signing_key.as_ref()),
        ("operator-keyring", keyring.map(|keyring| &keyring.secret)),
        ("operator-keyring-passphrase", keyring.map(|keyring| &keyring.passphrase_secret)),
    ];
    let forbidden = forbidden.into_iter().filter_map(|(kind, secret)| Some((kind, secret?)));
    forbidden.into_iter().find_map(|(kind, secret)| {
        let way = way_in(pod, secret)?;
        Some(format!("the bootstrap pod of {} reaches the {kind} Secret {secret:?} by {way}", node.key))
    })
}

fn way_in(pod: &PodSpec, secret: &str) -> Option<String> {
    let volume = pod.volumes.iter().flatten().find(|volume| mentions(volume, secret));
    if let Some(volume) = volume {
        return Some(format!("volume {:?}", volume.name));
    }
    containers(pod).find_map(|container| {
        if let Some(variable) = env_from_secret(container, secret) {
            return Some(format!("env {variable} of container {:?}", container.name));
        }
        all_env_from_secret(container, secret).then(|| format!("envFrom of container {:?}", container.name))
    })
}

/// Whether a volume holds the Secret, also as one source among others.
fn mentions(volume: &k8s_openapi::api::core::v1::Volume, secret: &str) -> bool {
    let plain = volume.secret.as_ref().and_then(|source| source.secret_name.as_deref()) == Some(secret);
    let sources = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
    plain || sources.filter_map(|source| source.secret.as_ref()).any(|source| source.name == secret)
}

fn containers(pod: &PodSpec) -> impl Iterator<Item = &Container> {
    pod.containers.iter().chain(pod.init_containers.iter().flatten())
}

fn env_from_secret<'a>(container: &'a Container, secret: &str) -> Option<&'a str> {
    let variables = container.env.iter().flatten();
    let reads = |variable: &&k8s_openapi::api::core::v1::EnvVar| {
        let source = variable.value_from.as_ref().and_then(|source| source.secret_key_ref.as_ref());
        source.is_some_and(|source| source.name == secret)
    };
    variables.into_iter().find(reads).map(|variable| variable.name.as_str())
}

fn all_env_from_secret(container: &Container, secret: &str) -> bool {
    let sources = container.env_from.iter().flatten();
    sources.into_iter().any(|source| source.secret_ref.as_ref().is_some_and(|source| source.name == secret))
}
