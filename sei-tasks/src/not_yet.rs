//! What the planner plans and this version does not execute yet: it is refused in words, never begun and left half done.

use sei_planner::api::conditions::FEATURE_NOT_AVAILABLE;
use sei_planner::node::{Problem, Refusal, TlsSource, ValidNode};

/// Why a node cannot be run by this version; `None` when it can.
pub(crate) fn not_yet(node: &ValidNode) -> Option<Refusal> {
    let mut problems = Vec::new();
    let mut refuse = |code, field: String, message: &str| {
        problems.push(Problem {
            code,
            field,
            message: format!("{message} is planned and rendered, but not run yet by this version"),
        });
    };
    match node.tls.as_ref().map(|tls| &tls.source) {
        Some(TlsSource::Issuer(_)) => refuse("SEI0110", "spec.sidecar.tls.issuerName".to_owned(), "TLS by issuer"),
        Some(TlsSource::Secret(_)) | None => {}
    }
    (!problems.is_empty()).then_some(Refusal { reason: FEATURE_NOT_AVAILABLE, problems })
}
