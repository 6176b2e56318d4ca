//! TLS Secrets. The input is `tls.crt` and `tls.key` with a line `=====` between them; a part that begins as DER does is
//! written as PEM. Where there is one part, it is tried in both places.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sei_planner::api::Time;
use sei_planner::inspect::{TlsVerdict, served_certificate, tls_secret};

use super::{Target, Told, secret};

/// The check of TLS Secrets.
pub const TARGET: Target = Target {
    name: "pem",
    ask,
    words: &[
        "-----BEGIN CERTIFICATE-----\n",
        "-----END CERTIFICATE-----\n",
        "-----BEGIN PRIVATE KEY-----\n",
        "-----END PRIVATE KEY-----\n",
        "-----BEGIN EC PRIVATE KEY-----\n",
        "-----END EC PRIVATE KEY-----\n",
        "-----BEGIN RSA PRIVATE KEY-----\n",
        "-----END RSA PRIVATE KEY-----\n",
        SEPARATOR,
        "-----",
        "\r\n",
        "MII",
        "=",
        "\u{2}\u{1}\u{0}",
        "*\u{6}",
        "val-0.sei.svc.cluster.local",
        "\u{7f}\u{7f}\u{7f}\u{7f}",
    ],
};

const SEPARATOR: &str = "=====\n";
const CERTIFICATE: &[u8] = include_bytes!("../../../../fixtures/inspect/tls/p256.crt");
const KEY: &[u8] = include_bytes!("../../../../fixtures/inspect/tls/p256-pkcs8.key");
const NAME: &str = "val-0.sei.svc.cluster.local";

const VOCABULARY: &[&str] = &[
    include_str!("../../../../sei-planner/src/inspect/tls.rs"),
    include_str!("../../../../sei-planner/src/api/conditions.rs"),
    "TlsVerdict { ready: true, reason: \"TLSSecretReady\", message: \"secret \\\"tls\\\" is well-formed and",
    "TlsVerdict { ready: false, reason: \"TLSSecretMalformed\", message: \"secret \\\"tls\\\" tls.crt is not valid PEM\"",
    "secret \\\"tls\\\" tls.key ",
    "secret \\\"tls\\\" cert SANs ",
    "secret \\\"tls\\\" has empty tls.crt",
    ", expires: None }",
    ", expires: Some(Time(",
];

fn ask(input: &[u8]) -> Told {
    let parts = input.windows(SEPARATOR.len()).position(|window| window == SEPARATOR.as_bytes());
    let Some(at) = parts else {
        let (first, second) = (verdicts(input, KEY), verdicts(CERTIFICATE, input));
        return Told {
            said: [first.said, second.said].concat(),
            secrets: vec![in_pem("CERTIFICATE", input)],
            names: [first.names, second.names].concat(),
            public: [first.public, second.public, vec![CERTIFICATE.to_vec()]].concat(),
            vocabulary: VOCABULARY,
        };
    };
    verdicts(&input[..at], &input[at + SEPARATOR.len()..])
}

fn verdicts(certificate: &[u8], key: &[u8]) -> Told {
    let (certificate, key) = (in_pem("CERTIFICATE", certificate), in_pem("PRIVATE KEY", key));
    let secret = secret("kubernetes.io/tls", &[("tls.crt", &certificate), ("tls.key", &key)]);
    let required: [&[String]; 2] = [&[], &[NAME.to_owned()]];
    let now = Time::at("2026-01-01T00:00:00Z".parse().unwrap_or_default());
    let verdicts = required.map(|names| tls_secret(Some(&secret), "tls", "sei", names, now));
    let [any, named] = &verdicts;
    assert!(any.ready || !named.ready, "more names make it ready: {verdicts:?}");
    let served = served_certificate(&secret);
    assert!(!any.ready || served.is_some());
    // A name that was asked for, or that is served, may stand in the key as well, with the bracket that a message puts behind it.
    let listed = verdicts.iter().filter_map(|verdict| listed(&verdict.message, served.as_deref()?));
    Told {
        names: listed.chain([NAME.to_owned()]).collect(),
        said: verdicts.iter().map(shown).collect(),
        secrets: vec![certificate, key],
        // What is served is shown to everybody who connects.
        public: served.into_iter().collect(),
        vocabulary: VOCABULARY,
    }
}

/// The names that a message says the certificate has, where all of them stand in the one that is served. A message shows
/// control characters escaped.
fn listed(message: &str, served: &[u8]) -> Option<String> {
    let (_, list) = message.split_once(" (cert has: [")?;
    let names = list.strip_suffix("])")?.split(" … ").next()?;
    let served = String::from_utf8_lossy(served).escape_debug().to_string();
    names.split(' ').all(|name| served.contains(name)).then(|| names.to_owned())
}

fn shown(verdict: &TlsVerdict) -> String {
    let expires = verdict.expires.map(|at| at.to_string()).unwrap_or_default();
    format!("{verdict:?} {} {expires}", verdict.message)
}

/// Bytes that begin as DER does, as a PEM block.
fn in_pem(label: &str, part: &[u8]) -> Vec<u8> {
    if part.first() != Some(&0x30) {
        return part.to_vec();
    }
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(part)).into_bytes()
}
