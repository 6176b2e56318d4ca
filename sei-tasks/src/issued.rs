//! A certificate that an issuer is asked for: the Certificate is ours, and cert-manager writes the Secret.

use sei_planner::api::conditions;
use sei_planner::inspect::{TlsVerdict, certificate_says, issued_tls_secret};
use sei_planner::node::{Issuer, Presence, ValidNode, controller_uid};
use serde_json::Value;

use crate::secrets::{read_secret, unavailable};
use crate::world::{Clock, Cluster, ClusterError, Kind, ObjectId, Sidecar, World};

/// How far a certificate is.
pub(crate) struct Issued {
    /// Whether our Certificate is there; unknown where the cluster has no cert-manager.
    pub(crate) certificate: Presence,
    /// Whether the Secret can be used, and what is missing.
    pub(crate) verdict: TlsVerdict,
}

/// The Certificate of a node.
pub(crate) fn certificate_id(node: &ValidNode) -> ObjectId {
    ObjectId::new(Kind::Certificate, &node.key.namespace, node.key.sidecar_certificate())
}

/// Looks at Certificate and Secret, live.
pub(crate) async fn look<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    issuer: &Issuer,
) -> Result<Issued, ClusterError> {
    let name = node.key.sidecar_certificate();
    let secret = match read_secret(world, &node.key.namespace, &name).await {
        Err(error @ ClusterError::Rejected { .. }) => {
            let verdict = unavailable(format!("getting Secret {name:?}: {error}"));
            return Ok(Issued { certificate: Presence::Unknown, verdict });
        }
        answer => answer?,
    };
    let (names, now) = (node.required_dns_names(), world.clock.now());
    let verdict = issued_tls_secret(secret.as_ref(), &name, &node.key.namespace, &names, issuer, now);
    Ok(match world.cluster.read(&certificate_id(node)).await {
        Ok(Some(found)) if controller_uid(&found).as_deref() == Some(&node.uid) => {
            Issued { certificate: Presence::Present, verdict: explained(verdict, &name, &found) }
        }
        Ok(_) => Issued { certificate: Presence::Missing, verdict },
        Err(ClusterError::UnknownKind) if !verdict.ready => {
            Issued { certificate: Presence::Unknown, verdict: without_cert_manager() }
        }
        // The Secret can be used without whatever wrote it.
        Err(ClusterError::UnknownKind | ClusterError::Rejected { .. }) => {
            Issued { certificate: Presence::Unknown, verdict }
        }
        Err(error) => return Err(error),
    })
}

/// What is said where nobody can issue anything.
pub(crate) fn without_cert_manager() -> TlsVerdict {
    TlsVerdict {
        ready: false,
        reason: conditions::CERT_MANAGER_MISSING,
        message: "the cluster has no cert-manager (the API server does not know the kind Certificate of \
                  cert-manager.io/v1): install it"
            .to_owned(),
        expires: None,
    }
}

/// What is missing, in the words of cert-manager, which knows why.
fn explained(verdict: TlsVerdict, name: &str, certificate: &Value) -> TlsVerdict {
    if verdict.ready {
        return verdict;
    }
    let message = format!("{}; Certificate {name:?}: {}", verdict.message, certificate_says(certificate));
    TlsVerdict { message, ..verdict }
}
