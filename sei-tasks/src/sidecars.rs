//! Calls to a node's sidecar. Behind a TLS proxy it must present the certificate of the node's own TLS Secret; what is kept
//! of that Secret is the public certificate.

use sei_planner::inspect::served_certificate;
use sei_planner::node::{PodFacts, ValidNode};

use crate::secrets::read_secret;
use crate::world::{Address, Clock, Cluster, Sidecar, SidecarError, TaskReport, TaskRequest, World};

/// `GET /v0/healthz`.
pub(crate) async fn healthz<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    pod: Option<&PodFacts>,
) -> Result<bool, SidecarError> {
    let at = address(world, node, pod).await?;
    match world.sidecar.healthz(&at).await {
        Err(SidecarError::Untrusted(why)) => world.sidecar.healthz(&renewed(world, node, pod, &at, why).await?).await,
        answer => answer,
    }
}

/// `GET /v0/tasks/{id}`.
pub(crate) async fn task<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    pod: Option<&PodFacts>,
    id: &str,
) -> Result<Option<TaskReport>, SidecarError> {
    let at = address(world, node, pod).await?;
    match world.sidecar.task(&at, id).await {
        Err(SidecarError::Untrusted(why)) => world.sidecar.task(&renewed(world, node, pod, &at, why).await?, id).await,
        answer => answer,
    }
}

/// `POST /v0/tasks`.
pub(crate) async fn submit<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    pod: Option<&PodFacts>,
    request: &TaskRequest,
) -> Result<(), SidecarError> {
    let at = address(world, node, pod).await?;
    match world.sidecar.submit(&at, request).await {
        Err(SidecarError::Untrusted(why)) => {
            world.sidecar.submit(&renewed(world, node, pod, &at, why).await?, request).await
        }
        answer => answer,
    }
}

async fn address<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    pod: Option<&PodFacts>,
) -> Result<Address, SidecarError> {
    let url = node.sidecar_url(pod);
    if !url.starts_with("https://") {
        return Ok(Address::plain(url));
    }
    let pinned = match world.memory.certificate(&node.key) {
        Some(known) => known,
        None => read_certificate(world, node, pod).await?,
    };
    Ok(Address { url, pinned: Some(pinned) })
}

/// The same address with the certificate that the Secret holds now; the error stands when that is the one already known.
async fn renewed<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    pod: Option<&PodFacts>,
    at: &Address,
    why: String,
) -> Result<Address, SidecarError> {
    let pinned = Some(read_certificate(world, node, pod).await?);
    if pinned == at.pinned {
        return Err(SidecarError::Untrusted(why));
    }
    Ok(Address { pinned, ..at.clone() })
}

/// That of the Secret which the pod mounts: the spec may ask for another one, or for none, from the next pod on.
async fn read_certificate<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    pod: Option<&PodFacts>,
) -> Result<Vec<u8>, SidecarError> {
    let unusable =
        |why: String| SidecarError::Unreachable(format!("the certificate of the sidecar is not known: {why}"));
    let Some(name) = pod.and_then(|pod| pod.tls_secret.clone()).or_else(|| node.tls_secret()) else {
        return Err(unusable("the pod has a TLS proxy and the spec names no Secret".to_owned()));
    };
    let secret = read_secret(world, &node.key.namespace, &name).await;
    let secret = secret.map_err(|error| unusable(format!("getting Secret {name:?}: {error}")))?;
    let certificate = secret.as_ref().and_then(served_certificate);
    let certificate = certificate.ok_or_else(|| unusable(format!("Secret {name:?} holds none")))?;
    world.memory.certificate_is(&node.key, certificate.clone());
    Ok(certificate)
}
