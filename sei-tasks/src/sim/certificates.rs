//! Certificates of the simulated cert-manager: X.509, signed by the key that they certify (Ed25519).
//!
//! They are written by hand because they must be the same in every run: a library that makes certificates draws keys at
//! random, and would come along into every build of the operator for the sake of the simulation. The signature is rustls'.

use k8s_openapi::ByteString;
use rustls::SignatureScheme;
use rustls::crypto::ring::sign::any_eddsa_type;
use rustls::pki_types::PrivatePkcs8KeyDer;
use sei_planner::api::Time;
use serde_json::json;

/// PKCS#8 around the 32 bytes of an Ed25519 key (RFC 8410).
const PKCS8_ED25519: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
/// `AlgorithmIdentifier` of Ed25519.
const ED25519: [u8; 7] = [0x30, 5, 6, 3, 0x2b, 0x65, 0x70];
/// `2.5.4.3`, `commonName`.
const COMMON_NAME: [u8; 5] = [6, 3, 0x55, 4, 3];
/// `2.5.29.17`, `subjectAltName`.
const ALTERNATIVE_NAMES: [u8; 5] = [6, 3, 0x55, 0x1d, 0x11];

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const UTF8_STRING: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// `[2]` of `GeneralName`: a DNS name.
const DNS_NAME: u8 = 0x82;
/// `[0]` of `TBSCertificate`: its version.
const VERSION: u8 = 0xa0;
/// `[3]` of `TBSCertificate`: its extensions.
const EXTENSIONS: u8 = 0xa3;

/// A certificate and its private key, in PEM.
pub(super) struct Pair {
    pub(super) certificate: String,
    pub(super) key: String,
}

/// A certificate for these names and this time, with the key that is made of `seed`. It protects nothing.
pub(super) fn issue(seed: [u8; 32], names: &[String], not_before: Time, not_after: Time) -> Option<Pair> {
    let pkcs8 = [PKCS8_ED25519.as_slice(), &seed].concat();
    let key = any_eddsa_type(&PrivatePkcs8KeyDer::from(pkcs8.as_slice())).ok()?;
    let public = key.public_key()?;
    let issuer = name("simulated cert-manager");
    let validity = sequence(&[&utc_time(not_before), &utc_time(not_after)]);
    let tbs = sequence(&[
        &tlv(VERSION, &tlv(INTEGER, &[2])),
        &tlv(INTEGER, &[1]),
        &ED25519,
        &issuer,
        &validity,
        &name(names.first()?),
        public.as_ref(),
        &tlv(EXTENSIONS, &sequence(&[&alternative_names(names)])),
    ]);
    let signature = key.choose_scheme(&[SignatureScheme::ED25519])?.sign(&tbs).ok()?;
    let signature = tlv(BIT_STRING, &[&[0], signature.as_slice()].concat());
    let certificate = sequence(&[&tbs, &ED25519, &signature]);
    Some(Pair { certificate: pem("CERTIFICATE", certificate), key: pem("PRIVATE KEY", pkcs8) })
}

fn name(common_name: &str) -> Vec<u8> {
    let attribute = sequence(&[&COMMON_NAME, &tlv(UTF8_STRING, common_name.as_bytes())]);
    sequence(&[&tlv(SET, &attribute)])
}

fn alternative_names(names: &[String]) -> Vec<u8> {
    let names: Vec<u8> = names.iter().flat_map(|name| tlv(DNS_NAME, name.as_bytes())).collect();
    sequence(&[&ALTERNATIVE_NAMES, &tlv(OCTET_STRING, &sequence(&[&names]))])
}

/// `YYMMDDHHMMSSZ`.
fn utc_time(time: Time) -> Vec<u8> {
    let digits = time.to_string().chars().filter(char::is_ascii_digit).skip(2).collect::<String>();
    tlv(UTC_TIME, format!("{digits}Z").as_bytes())
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(SEQUENCE, &parts.concat())
}

/// Tag, length, value (X.690). Nothing here is as long as 64 KiB.
fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = match u8::try_from(value.len()) {
        Ok(length @ ..0x80) => vec![length],
        Ok(length) => vec![0x81, length],
        Err(_) => [&[0x82], u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes().as_slice()].concat(),
    };
    [&[tag], length.as_slice(), value].concat()
}

fn pem(label: &str, der: Vec<u8>) -> String {
    let base64 = json!(ByteString(der));
    let base64 = base64.as_str().unwrap_or_default();
    let lines: Vec<String> = base64.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use k8s_openapi::api::core::v1::Secret;
    use sei_planner::inspect::tls_secret;

    use super::*;

    #[test]
    fn the_planner_accepts_them_and_every_seed_has_a_key_of_its_own() {
        let names: Vec<String> = (0..40).map(|i| format!("node-{i}.nodes.svc.cluster.local")).collect();
        let now = Time::at("2026-01-01T00:00:00Z".parse().unwrap());
        let pair = |seed| issue([seed; 32], &names, now, now.plus_seconds(3600)).unwrap();
        let secret = |certificate: &str, key: &str| {
            let bytes = |text: &str| ByteString(text.as_bytes().to_vec());
            let data = [("tls.crt", bytes(certificate)), ("tls.key", bytes(key))];
            Secret {
                type_: Some("kubernetes.io/tls".to_owned()),
                data: Some(data.map(|(name, bytes)| (name.to_owned(), bytes)).into()),
                ..Secret::default()
            }
        };
        let judge = |secret: &Secret, at| tls_secret(Some(secret), "s", "ns", &names, at).reason;
        let (first, second) = (pair(1), pair(2));
        let good = secret(&first.certificate, &first.key);
        assert_eq!(judge(&good, now), "TLSSecretReady");
        assert_eq!(judge(&good, now.plus_seconds(3601)), "TLSSecretExpired");
        assert_eq!(judge(&secret(&first.certificate, &second.key), now), "TLSSecretKeyMismatch");
    }
}
