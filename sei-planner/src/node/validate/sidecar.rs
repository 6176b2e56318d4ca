//! The sidecar: its port and its TLS proxy.

use super::Check;
use crate::api::conditions::{ISSUER_NOT_ALLOWED, PLATFORM_INCOMPLETE};
use crate::api::{IssuerKind, SeiNodeSpec, SidecarTlsSpec};
use crate::node::valid::{Issuer, Tls, TlsSource};
use crate::platform::Platform;

/// HTTP port of a sidecar that names none.
const DEFAULT_PORT: i32 = 7777;
const TLS: &str = "spec.sidecar.tls";

impl Check {
    pub(super) fn tls(&mut self, spec: &SeiNodeSpec, platform: &Platform) -> Option<Tls> {
        let tls = spec.sidecar.as_ref()?.tls.as_ref()?;
        let source = self.tls_source(tls, platform);
        let image = platform.kube_rbac_proxy_image.clone().filter(|image| !image.is_empty());
        if image.is_none() {
            self.problem(
                PLATFORM_INCOMPLETE,
                "SEI0122",
                TLS,
                "spec.sidecar.tls is set but SEI_KUBE_RBAC_PROXY_IMAGE is not configured on the controller",
            );
        }
        Some(Tls { proxy_image: image?, source: source? })
    }

    fn tls_source(&mut self, tls: &SidecarTlsSpec, platform: &Platform) -> Option<TlsSource> {
        match (&tls.secret_name, &tls.issuer_name) {
            (Some(secret), None) if !secret.is_empty() => Some(TlsSource::Secret(secret.clone())),
            (None, Some(name)) if !name.is_empty() => {
                let kind = tls.issuer_kind.unwrap_or(IssuerKind::ClusterIssuer);
                if !platform.allows_issuer(kind, name) {
                    self.problem(
                        ISSUER_NOT_ALLOWED,
                        "SEI0111",
                        format!("{TLS}.issuerName"),
                        format!("the issuer {kind:?}/{name} is not on the operator's allow-list: ask the platform team to add it to SEI_TLS_ALLOWED_ISSUERS"),
                    );
                }
                Some(TlsSource::Issuer(Issuer { name: name.clone(), kind }))
            }
            (secret, issuer) => {
                let found = if secret.is_some() && issuer.is_some() { "both" } else { "none" };
                let message = format!("names {found} of secretName and issuerName: write exactly one");
                self.invalid("SEI0112", TLS, message);
                None
            }
        }
    }

    pub(super) fn sidecar_port(&mut self, spec: &SeiNodeSpec) -> i32 {
        let asked_for = spec.sidecar.as_ref().and_then(|sidecar| sidecar.port).filter(|port| *port != 0);
        let Some(asked_for) = asked_for else { return DEFAULT_PORT };
        u16::try_from(asked_for).map(i32::from).unwrap_or_else(|_| {
            self.invalid(
                "SEI0114",
                "spec.sidecar.port",
                format!("is {asked_for}: write a port from 1 to 65535, or leave it out for {DEFAULT_PORT}"),
            );
            DEFAULT_PORT
        })
    }
}
