//! Asks an issuer for the certificate of the TLS proxy, waits for it, and sees that it is served.

use sei_planner::api::{CurrentSidecarTls, conditions};
use sei_planner::node::{Issuer, Presence, Stamp, ValidNode};
use sei_planner::step::Outcome;
use sei_planner::task::SidecarCert;

use super::keys::At;
use super::{apply, lost_ground, pod, sidecar};
use crate::issued::{look, without_cert_manager};
use crate::sidecars;
use crate::world::{Clock, Cluster, ClusterError, Sidecar, World};

/// Applies the Certificate. A cluster without cert-manager may get it later.
pub(super) async fn apply<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    at: At<'_>,
) -> Result<Outcome, ClusterError> {
    match apply::certificate(world, node).await {
        Err(ClusterError::UnknownKind) => {
            let on = "cert-manager to be installed".to_owned();
            Ok(at.waiting(world.clock.now(), on, vec![Stamp::TlsSecret(without_cert_manager())]))
        }
        answer => answer,
    }
}

/// Waits until the Secret holds a certificate that a proxy can serve with. The condition says what is missing: the words of
/// cert-manager may change at every look, and what is waited for does not.
pub(super) async fn wait<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    at: At<'_>,
    asked: &SidecarCert,
) -> Result<Outcome, ClusterError> {
    let Some(issuer) = issuer(node, asked) else { return Ok(Outcome::Done(Vec::new())) };
    let issued = look(world, node, issuer).await?;
    if issued.verdict.ready {
        return Ok(Outcome::Done(vec![Stamp::TlsSecret(issued.verdict)]));
    }
    if issued.certificate == Presence::Missing {
        return Ok(lost_ground("the Certificate of the TLS proxy is gone"));
    }
    let on = format!(
        "cert-manager to issue the certificate in Secret {:?}; the condition {} says what is missing",
        node.key.sidecar_certificate(),
        conditions::SIDECAR_TLS_SECRET_READY
    );
    Ok(at.waiting(world.clock.now(), on, vec![Stamp::TlsSecret(issued.verdict)]))
}

/// Stamps the issuer once a pod of the applied template serves what is in the Secret: its sidecar answers to a client that
/// accepts this one certificate. Of a node without an issuer the pod must have no proxy, unless somebody provisions its
/// certificate.
pub(super) async fn observe<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    at: At<'_>,
    asked: &SidecarCert,
) -> Result<Outcome, ClusterError> {
    let pod = match pod::applied(world, node).await? {
        Ok(pod) => pod,
        Err(outcome) => return Ok(outcome),
    };
    let Some(issuer) = issuer(node, asked) else {
        return Ok(if pod.tls_proxy && node.tls.is_none() {
            lost_ground("the pod has a TLS proxy again")
        } else {
            Outcome::Done(vec![Stamp::SidecarTls(None)])
        });
    };
    if !pod.tls_proxy {
        return Ok(lost_ground("the pod has no TLS proxy"));
    }
    Ok(match sidecars::healthz(world, node, Some(&pod)).await {
        Ok(_) => {
            let served = CurrentSidecarTls { issuer_name: issuer.name.clone(), issuer_kind: issuer.kind };
            Outcome::Done(vec![Stamp::SidecarTls(Some(served))])
        }
        Err(error) => sidecar::of_sidecar_error(&node.sidecar_url(Some(&pod)), &at.plan.tasks[at.index], error),
    })
}

/// Plans of the controller this operator replaces mean the spec's issuer.
fn issuer<'a>(node: &'a ValidNode, asked: &'a SidecarCert) -> Option<&'a Issuer> {
    node.tls_issuer().map(|spec| asked.issuer.as_ref().unwrap_or(spec))
}
