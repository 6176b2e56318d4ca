//! The cert-manager Certificate of the TLS proxy, where an issuer is asked for it.

use serde::Serialize;

use super::{Manifest, Object};
use crate::api::IssuerKind;
use crate::node::ValidNode;

/// How long a certificate is valid, and how long before its end it is renewed.
const DURATION: &str = "2160h";
const RENEW_BEFORE: &str = "360h";

/// X.509 has no longer common names, and cert-manager refuses them. Nobody looks at it: the DNS names count.
const COMMON_NAME_BYTES_MAX: usize = 64;

/// `spec` of a `cert-manager.io/v1` Certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateSpec {
    secret_name: String,
    duration: &'static str,
    renew_before: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    common_name: Option<String>,
    dns_names: Vec<String>,
    issuer_ref: IssuerRef,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct IssuerRef {
    name: String,
    kind: IssuerKind,
    group: &'static str,
}

/// The Certificate of a node; absent where no issuer is asked.
#[must_use]
pub fn sidecar_certificate(node: &ValidNode) -> Option<Manifest> {
    let issuer = node.tls_issuer()?;
    let name = node.key.sidecar_certificate();
    let spec = CertificateSpec {
        secret_name: name.clone(),
        duration: DURATION,
        renew_before: RENEW_BEFORE,
        common_name: Some(node.key.service_host()).filter(|name| name.len() <= COMMON_NAME_BYTES_MAX),
        dns_names: node.required_dns_names(),
        issuer_ref: IssuerRef { name: issuer.name.clone(), kind: issuer.kind, group: "cert-manager.io" },
    };
    Some(Manifest::Certificate(Object::of(node, "cert-manager.io/v1", "Certificate", &name, spec)))
}
