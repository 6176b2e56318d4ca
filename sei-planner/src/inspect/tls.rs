//! The certificate that a sidecar's proxy serves: a Secret of type `kubernetes.io/tls`.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;

use super::pem::{PemFlaw, first_certificate, first_private_key};
use super::private_key::PublicKey;
use super::secret;
use crate::api::{Time, conditions};
use crate::node::Issuer;

/// The type a TLS Secret must have.
const SECRET_TYPE: &str = "kubernetes.io/tls";
/// Annotations in which cert-manager says who issued what it wrote.
const ISSUER_NAME: &str = "cert-manager.io/issuer-name";
const ISSUER_KIND: &str = "cert-manager.io/issuer-kind";
/// A certificate expires soon when so little of its lifetime is left: one part in ten, and never more than two weeks.
const SOON_PART: i64 = 10;
const SOON_SECONDS_MAX: i64 = 14 * 24 * 3600;
/// Most names of a certificate that a message shows.
const NAMES_SHOWN_MAX: usize = 20;

/// What the check of a TLS Secret found; the fields of the condition `SidecarTLSSecretReady`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsVerdict {
    /// Whether a proxy can serve with the Secret.
    pub ready: bool,
    /// Reason of the condition.
    pub reason: &'static str,
    /// Message of the condition.
    pub message: String,
    /// When the certificate expires, or expired; known as soon as there is a certificate that can be read.
    pub expires: Option<Time>,
}

/// What the checks need of a certificate.
struct Leaf {
    names: Vec<String>,
    not_before: Time,
    not_after: Time,
    public: PublicKey,
}

/// Reason and message of a refusal.
type Refusal = (&'static str, String);

/// Checks a TLS Secret: the first flaw decides.
///
/// Only the first certificate in `tls.crt` is looked at, because it is the one that is served; those behind it are its
/// chain. Its names must hold every one of `required_dns_names`, letter by letter: wildcards, the common name and
/// addresses do not count. Neither the issuer nor the uses that it allows are looked at.
#[must_use]
pub fn tls_secret(
    secret: Option<&Secret>,
    name: &str,
    namespace: &str,
    required_dns_names: &[String],
    now: Time,
) -> TlsVerdict {
    let Some(secret) = secret else {
        return refused((conditions::TLS_SECRET_NOT_FOUND, secret::missing(name, namespace)), None);
    };
    let (leaf, key) = match parts(secret, name).and_then(|(pem, key)| Ok((leaf(pem, name)?, key))) {
        Err(message) => return refused((conditions::TLS_SECRET_MALFORMED, message), None),
        Ok(found) => found,
    };
    let expires = Some(leaf.not_after);
    let checked = covers(&leaf, required_dns_names, name)
        .and_then(|()| belongs(&leaf, key, name))
        .and_then(|()| valid_at(&leaf, now, name));
    match checked {
        Err(refusal) => refused(refusal, expires),
        Ok(()) => usable(&leaf, now, name),
    }
}

/// What is said of a Secret that a proxy can serve with.
fn usable(leaf: &Leaf, now: Time, name: &str) -> TlsVerdict {
    let lifetime = leaf.not_after.seconds_since(leaf.not_before);
    let soon = leaf.not_after.seconds_since(now) <= (lifetime / SOON_PART).min(SOON_SECONDS_MAX);
    let message = format!("secret {name:?} is well-formed and SANs cover required DNS names");
    let (reason, message) = if soon {
        let warning = format!("{message}, but its certificate expires soon: at {}", leaf.not_after);
        (conditions::TLS_SECRET_EXPIRES_SOON, warning)
    } else {
        (conditions::TLS_SECRET_READY, message)
    };
    TlsVerdict { ready: true, reason, message, expires: Some(leaf.not_after) }
}

/// Checks a TLS Secret that cert-manager writes: as any other, and that the certificate in it is of this issuer. After
/// an issuer was swapped, the Secret holds the old one's certificate until the new one has issued.
#[must_use]
pub fn issued_tls_secret(
    secret: Option<&Secret>,
    name: &str,
    namespace: &str,
    required_dns_names: &[String],
    issuer: &Issuer,
    now: Time,
) -> TlsVerdict {
    let verdict = tls_secret(secret, name, namespace, required_dns_names, now);
    match secret.and_then(|secret| other_issuer(secret, issuer)) {
        Some(other) if verdict.ready => {
            let wanted = format!("{:?}/{}", issuer.kind, issuer.name);
            let message = format!("secret {name:?} holds a certificate of {other}, not of {wanted}");
            refused((conditions::TLS_SECRET_OTHER_ISSUER, message), verdict.expires)
        }
        Some(_) | None => verdict,
    }
}

/// Who issued the certificate in a Secret by the annotations of cert-manager, if not this issuer.
fn other_issuer(secret: &Secret, issuer: &Issuer) -> Option<String> {
    let annotation = |what| secret.metadata.annotations.as_ref()?.get(what).map(String::as_str);
    match (annotation(ISSUER_KIND), annotation(ISSUER_NAME)) {
        (Some(kind), Some(name)) if kind == format!("{:?}", issuer.kind) && name == issuer.name => None,
        (Some(kind), Some(name)) => Some(format!("{kind}/{name}")),
        (_, None) | (None, _) => Some(format!("nobody (it has no annotations {ISSUER_KIND} and {ISSUER_NAME})")),
    }
}

/// The certificate (DER) that a server with this TLS Secret presents: the first one in `tls.crt`, if it can be read.
#[must_use]
pub fn served_certificate(secret: &Secret) -> Option<Vec<u8>> {
    first_certificate(secret::filled(secret, "tls.crt")?).ok()
}

fn refused((reason, message): Refusal, expires: Option<Time>) -> TlsVerdict {
    TlsVerdict { ready: false, reason, message, expires }
}

/// Certificate and key of the Secret, as they stand in it.
fn parts<'a>(secret: &'a Secret, name: &str) -> Result<(&'a [u8], &'a [u8]), String> {
    let kind = secret.type_.as_deref().unwrap_or_default();
    if kind != SECRET_TYPE {
        return Err(format!("secret {name:?} has type {kind:?}; want {SECRET_TYPE:?}"));
    }
    let part = |key| secret::filled(secret, key).ok_or_else(|| format!("secret {name:?} has empty {key}"));
    Ok((part("tls.crt")?, part("tls.key")?))
}

/// The first certificate.
fn leaf(pem: &[u8], name: &str) -> Result<Leaf, String> {
    let der = first_certificate(pem).map_err(|flaw| match flaw {
        PemFlaw::NotPem => format!("secret {name:?} tls.crt is not valid PEM"),
        PemFlaw::NoneOfKind => format!("secret {name:?} tls.crt does not parse: no PEM block is a certificate"),
    })?;
    let fails = |why: &str| format!("secret {name:?} tls.crt does not parse: {why}");
    let certificate = match X509Certificate::from_der(&der) {
        Ok(([], certificate)) => certificate,
        // The error may quote what it could not read.
        Ok(_) | Err(_) => return Err(fails("the first certificate is not valid X.509")),
    };
    let public = PublicKey::of_certificate(certificate.public_key())
        .ok_or_else(|| fails("the certificate's key is no usable RSA, EC or Ed25519 key"))?;
    Ok(Leaf {
        names: dns_names(&certificate)
            .ok_or_else(|| fails("the certificate's subject alternative names are broken"))?,
        not_before: time(&certificate.validity().not_before),
        not_after: time(&certificate.validity().not_after),
        public,
    })
}

/// DNS names among the subject alternative names; `None` when these cannot be read.
fn dns_names(certificate: &X509Certificate<'_>) -> Option<Vec<String>> {
    let Some(extension) = certificate.subject_alternative_name().ok()? else {
        return Some(Vec::new());
    };
    let mut names = Vec::new();
    for general in &extension.value.general_names {
        if let GeneralName::DNSName(name) = general {
            names.push((*name).to_owned());
        }
    }
    Some(names)
}

/// The ends of representable time stand for what lies behind them.
fn time(at: &ASN1Time) -> Time {
    let end = if at.timestamp() < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Time::at(Timestamp::from_second(at.timestamp()).unwrap_or(end))
}

fn covers(leaf: &Leaf, required: &[String], name: &str) -> Result<(), Refusal> {
    let missing: Vec<&str> = required.iter().filter(|name| !leaf.names.contains(name)).map(String::as_str).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!(
        "secret {name:?} cert SANs missing required DNS names: [{}] (cert has: [{}])",
        missing.join(" "),
        shown(&leaf.names)
    );
    Err((conditions::TLS_SECRET_SANS_MISMATCH, message))
}

/// Names one after the other: control characters escaped, and not more than a message can bear.
fn shown(names: &[String]) -> String {
    let mut words: Vec<String> =
        names.iter().take(NAMES_SHOWN_MAX).map(|name| name.escape_debug().to_string()).collect();
    if names.len() > NAMES_SHOWN_MAX {
        words.push(format!("… {} more", names.len() - NAMES_SHOWN_MAX));
    }
    words.join(" ")
}

fn belongs(leaf: &Leaf, key: &[u8], name: &str) -> Result<(), Refusal> {
    let malformed = |why: &str| (conditions::TLS_SECRET_MALFORMED, format!("secret {name:?} tls.key {why}"));
    let Ok(der) = first_private_key(key) else {
        return Err(malformed("holds no private key in PEM (an encrypted one does not count)"));
    };
    let Some(public) = PublicKey::of_private(&der) else {
        return Err(malformed("does not parse: no sound private key in PKCS#1, PKCS#8 or SEC1 for RSA, EC or Ed25519"));
    };
    if public == leaf.public {
        return Ok(());
    }
    let message = format!("secret {name:?} tls.key is not the private key of the certificate in tls.crt");
    Err((conditions::TLS_SECRET_KEY_MISMATCH, message))
}

/// Both ends belong to the time in which a certificate is valid.
fn valid_at(leaf: &Leaf, now: Time, name: &str) -> Result<(), Refusal> {
    let message = if now < leaf.not_before {
        format!("secret {name:?} certificate is not valid before {}", leaf.not_before)
    } else if now > leaf.not_after {
        format!("secret {name:?} certificate expired at {}", leaf.not_after)
    } else {
        return Ok(());
    };
    Err((conditions::TLS_SECRET_EXPIRED, message))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::inspect::secret::testing;

    const CERTIFICATE: &[u8] = include_bytes!("../../../fixtures/inspect/tls/p256.crt");
    const EXPIRED: &[u8] = include_bytes!("../../../fixtures/inspect/tls/expired.crt");
    const KEY: &[u8] = include_bytes!("../../../fixtures/inspect/tls/p256-pkcs8.key");
    const OTHER_KEY: &[u8] = include_bytes!("../../../fixtures/inspect/tls/p256-other.key");
    const NAME: &str = "val-0.sei.svc.cluster.local";

    fn tls(certificate: &[u8], key: &[u8]) -> Secret {
        let secret = testing::secret(&[("tls.crt", certificate), ("tls.key", key)]);
        Secret { type_: Some(SECRET_TYPE.to_owned()), ..secret }
    }

    /// Reason and message; `at` is a date.
    fn verdict(secret: Option<&Secret>, required: &[&str], at: &str) -> (&'static str, String) {
        let required: Vec<String> = required.iter().map(|name| (*name).to_owned()).collect();
        let now = Time::at(format!("{at}T00:00:00Z").parse().unwrap());
        let verdict = tls_secret(secret, "s", "ns", &required, now);
        let usable = [conditions::TLS_SECRET_READY, conditions::TLS_SECRET_EXPIRES_SOON];
        assert_eq!(verdict.ready, usable.contains(&verdict.reason));
        (verdict.reason, verdict.message)
    }

    #[test]
    fn every_refusal_has_its_reason_and_message() {
        use conditions::*;
        let opaque = Secret { type_: Some("Opaque".to_owned()), ..tls(CERTIFICATE, KEY) };
        let cases = [
            (opaque, TLS_SECRET_MALFORMED, r#"has type "Opaque"; want "kubernetes.io/tls""#),
            (tls(b"", b""), TLS_SECRET_MALFORMED, "has empty tls.crt"),
            (tls(CERTIFICATE, b""), TLS_SECRET_MALFORMED, "has empty tls.key"),
            (tls(b"x", KEY), TLS_SECRET_MALFORMED, "tls.crt is not valid PEM"),
            (tls(KEY, KEY), TLS_SECRET_MALFORMED, "tls.crt does not parse: no PEM block is a certificate"),
            (
                tls(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", KEY),
                TLS_SECRET_MALFORMED,
                "tls.crt does not parse: the first certificate is not valid X.509",
            ),
            (
                tls(include_bytes!("../../../fixtures/inspect/tls/ed448.crt"), KEY),
                TLS_SECRET_MALFORMED,
                "tls.crt does not parse: the certificate's key is no usable RSA, EC or Ed25519 key",
            ),
            (
                tls(CERTIFICATE, b"x"),
                TLS_SECRET_MALFORMED,
                "tls.key holds no private key in PEM (an encrypted one does not count)",
            ),
            (
                tls(CERTIFICATE, b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
                TLS_SECRET_MALFORMED,
                "tls.key does not parse: no sound private key in PKCS#1, PKCS#8 or SEC1 for RSA, EC or Ed25519",
            ),
            (
                tls(CERTIFICATE, OTHER_KEY),
                TLS_SECRET_KEY_MISMATCH,
                "tls.key is not the private key of the certificate in tls.crt",
            ),
            (tls(EXPIRED, KEY), TLS_SECRET_EXPIRED, "certificate expired at 2025-12-31T23:59:59Z"),
            (
                tls(include_bytes!("../../../fixtures/inspect/tls/soon.crt"), KEY),
                TLS_SECRET_EXPIRES_SOON,
                "is well-formed and SANs cover required DNS names, but its certificate expires soon: at 2026-01-08T00:00:00Z",
            ),
            (tls(CERTIFICATE, KEY), TLS_SECRET_READY, "is well-formed and SANs cover required DNS names"),
        ];
        for (secret, reason, message) in cases {
            let expected = (reason, format!("secret \"s\" {message}"));
            assert_eq!(verdict(Some(&secret), &[NAME], "2026-01-01"), expected);
        }
        let missing = (TLS_SECRET_NOT_FOUND, r#"secret "s" not found in namespace "ns""#.to_owned());
        assert_eq!(verdict(None, &[NAME], "2026-01-01"), missing);
        let early =
            (TLS_SECRET_EXPIRED, r#"secret "s" certificate is not valid before 2025-01-01T00:00:00Z"#.to_owned());
        assert_eq!(verdict(Some(&tls(CERTIFICATE, KEY)), &[NAME], "2024-12-31"), early);
    }

    #[test]
    fn an_issued_certificate_is_of_the_issuer_that_was_asked() {
        let wanted = Issuer { name: "ca".to_owned(), kind: crate::api::IssuerKind::ClusterIssuer };
        let now = Time::at("2026-01-01T00:00:00Z".parse().unwrap());
        let judge = |annotations: &[(&str, &str)]| {
            let mut secret = tls(CERTIFICATE, KEY);
            let pairs = annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            secret.metadata.annotations = Some(pairs.collect());
            let found = issued_tls_secret(Some(&secret), "s", "ns", &[NAME.to_owned()], &wanted, now);
            (found.reason, found.message)
        };
        assert_eq!(judge(&[(ISSUER_KIND, "ClusterIssuer"), (ISSUER_NAME, "ca")]).0, conditions::TLS_SECRET_READY);
        let message = r#"secret "s" holds a certificate of Issuer/ca, not of ClusterIssuer/ca"#.to_owned();
        let found = judge(&[(ISSUER_KIND, "Issuer"), (ISSUER_NAME, "ca")]);
        assert_eq!(found, (conditions::TLS_SECRET_OTHER_ISSUER, message));
        assert_eq!(judge(&[(ISSUER_NAME, "ca")]).0, conditions::TLS_SECRET_OTHER_ISSUER);
        let missing = issued_tls_secret(None, "s", "ns", &[NAME.to_owned()], &wanted, now);
        assert_eq!(missing.reason, conditions::TLS_SECRET_NOT_FOUND);
    }

    #[test]
    fn missing_names_come_before_a_key_that_does_not_fit_and_before_the_dates() {
        let has = "val-0.sei.svc.cluster.local val-0-0.val-0.sei.svc.cluster.local";
        let message = format!(r#"secret "s" cert SANs missing required DNS names: [a b] (cert has: [{has}])"#);
        let found = verdict(Some(&tls(EXPIRED, OTHER_KEY)), &["a", NAME, "b"], "2026-01-01");
        assert_eq!(found, (conditions::TLS_SECRET_SANS_MISMATCH, message));
        let found = verdict(Some(&tls(EXPIRED, OTHER_KEY)), &[NAME], "2026-01-01");
        assert_eq!(found.0, conditions::TLS_SECRET_KEY_MISMATCH);
    }

    #[test]
    fn names_of_a_certificate_cannot_garble_a_message() {
        let names = |count: usize| (0..count).map(|i| format!("n{i}\n")).collect::<Vec<_>>();
        assert_eq!(shown(&names(2)), "n0\\n n1\\n");
        assert!(shown(&names(21)).ends_with("n19\\n … 1 more"));
    }
}
