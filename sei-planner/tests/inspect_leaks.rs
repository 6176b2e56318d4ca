//! S6: whatever stands in a Secret, no message of a check shows a piece of it — eight bytes in a row of a planted value,
//! raw, escaped, as numbers, in hex or in base64.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use proptest::prelude::*;
use proptest::sample::Index;
use sei_planner::api::Time;
use sei_planner::inspect::{KeyringRefs, Verdict, consensus_key, node_key, operator_keyring, tls_secret};
use serde_json::{Value, json};

/// Bytes in a row that no message may show.
const WINDOW: usize = 8;
/// Base64 digits that eight bytes settle, wherever they begin.
const WINDOW_BASE64: usize = 9;

const CERTIFICATE: &str = include_str!("../../fixtures/inspect/tls/p256.crt");
const CERTIFICATE_DER: &[u8] = include_bytes!("../../fixtures/inspect/tls/der.crt");
const KEY: &str = include_str!("../../fixtures/inspect/tls/p256-pkcs8.key");
const KEY_FILE: &str = include_str!("../../fixtures/inspect/keys/validator.json");

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// Every form in which a message could show a piece of `canary`.
fn pieces(canary: &[u8]) -> BTreeSet<Vec<u8>> {
    let whole = (0..3).flat_map(|shift| base64_pieces(canary, shift));
    whole.chain(canary.windows(WINDOW).flat_map(raw_pieces)).collect()
}

fn raw_pieces(window: &[u8]) -> [Vec<u8>; 6] {
    let numbers = format!("{window:?}");
    [
        window.to_vec(),
        hex(window).into_bytes(),
        hex(window).to_uppercase().into_bytes(),
        window.escape_ascii().to_string().into_bytes(),
        String::from_utf8_lossy(window).escape_debug().to_string().into_bytes(),
        numbers.trim_matches(['[', ']']).as_bytes().to_vec(),
    ]
}

/// Base64 of a text in which the canary has `shift` bytes in front of it.
fn base64_pieces(canary: &[u8], shift: usize) -> Vec<Vec<u8>> {
    let shifted = [&[0; 3][..shift], canary].concat();
    let settled = (shift * 8).div_ceil(6)..shifted.len() * 8 / 6;
    let digits = [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)];
    let windows =
        |digits: &String| digits.as_bytes()[settled.clone()].windows(WINDOW_BASE64).map(<[u8]>::to_vec).collect();
    digits.iter().flat_map::<Vec<_>, _>(windows).collect()
}

/// The piece that a message shows.
fn leak(message: &str, pieces: &BTreeSet<Vec<u8>>) -> Option<String> {
    let found = pieces.iter().find(|piece| contains(message.as_bytes(), piece))?;
    Some(String::from_utf8_lossy(found).into_owned())
}

fn secret(data: &[(&str, &[u8])]) -> Secret {
    let data = data.iter().map(|(key, bytes)| ((*key).to_owned(), ByteString(bytes.to_vec()))).collect();
    Secret { data: Some(data), type_: Some("kubernetes.io/tls".to_owned()), ..Secret::default() }
}

fn message<T>(verdict: Verdict<T>) -> Option<String> {
    match verdict {
        Verdict::Good(_) => None,
        Verdict::NotYet(message) | Verdict::Bad(message) => Some(message),
    }
}

/// Everything that the checks say of these bytes, wherever they may stand in a Secret.
fn messages(bytes: &[u8]) -> Vec<String> {
    let refs = KeyringRefs {
        namespace: "sei",
        secret_name: "kr",
        key_name: "admin",
        passphrase_secret: "pw",
        passphrase_key: "pass",
    };
    let rings: [&[(&str, &[u8])]; 4] = [
        &[("admin.info", bytes), ("ab.address", bytes)],
        &[("other.info", bytes), ("ab.address", bytes)],
        &[("admin.info", bytes), ("b.info", b"")],
        &[("keyhash", bytes)],
    ];
    let passphrase = secret(&[("other", bytes)]);
    let rings = rings.map(|files| message(operator_keyring(&refs, Some(&secret(files)), Some(&passphrase))));
    let now = Time::at("2026-01-01T00:00:00Z".parse().unwrap());
    let required = ["val-0.sei.svc.cluster.local".to_owned()];
    let tls = [(bytes, bytes), (bytes, KEY.as_bytes()), (CERTIFICATE.as_bytes(), bytes)].map(|(crt, key)| {
        let secret = secret(&[("tls.crt", crt), ("tls.key", key)]);
        Some(tls_secret(Some(&secret), "tls", "sei", &required, now).message)
    });
    let keys = secret(&[("priv_validator_key.json", bytes), ("node_key.json", bytes)]);
    let keys = [message(consensus_key(Some(&keys), "sk", "sei")), message(node_key(Some(&keys), "nk", "sei"))];
    rings.into_iter().chain(tls).chain(keys).flatten().collect()
}

/// A DER element with a short or a two-byte length.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let head = if content.len() < 128 { vec![tag, length[1]] } else { vec![tag, 0x82, length[0], length[1]] };
    [head, content.to_vec()].concat()
}

fn pem(label: &str, body: &[u8]) -> Vec<u8> {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(body)).into_bytes()
}

/// The canary as the text of a JSON string.
fn texts(canary: &[u8]) -> [String; 4] {
    let lossy = String::from_utf8_lossy(canary).into_owned();
    [lossy, hex(canary), STANDARD.encode(canary), URL_SAFE_NO_PAD.encode(canary)]
}

/// Key files around a canary: as a value, as a name, in the place of an object, as a seed.
fn key_files(canary: &[u8]) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for text in texts(canary) {
        for path in ["/address", "/pub_key", "/pub_key/type", "/pub_key/value", "/priv_key/type", "/priv_key/value"] {
            let mut file: Value = serde_json::from_str(KEY_FILE).unwrap();
            for value in [json!(text), json!([text]), json!({ text.as_str(): text })] {
                *file.pointer_mut(path).unwrap() = value;
                files.push(file.to_string().into_bytes());
            }
        }
        files.extend([json!(text), json!([text]), json!({ text.as_str(): 1 })].map(|v| v.to_string().into_bytes()));
        files.push(format!("{{\"address\": {text}}}").into_bytes());
    }
    let mut file: Value = serde_json::from_str(KEY_FILE).unwrap();
    let seed: Vec<u8> = canary.iter().copied().cycle().take(64).collect();
    file["priv_key"]["value"] = json!(STANDARD.encode(seed));
    files.push(file.to_string().into_bytes());
    files
}

/// DER in the shapes of private keys and certificates, with the canary as their numbers, keys and object ids.
fn ders(canary: &[u8]) -> Vec<Vec<u8>> {
    let (number, octets) = (der(0x02, canary), der(0x04, canary));
    let version = der(0x02, &[0]);
    let p256 = der(0x06, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]);
    let ec = [der(0x06, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01]), p256.clone()].concat();
    let sec1 = der(0x30, &[der(0x02, &[1]), octets.clone(), der(0xa0, &p256)].concat());
    let ed25519 = der(0x06, &[0x2b, 0x65, 0x70]);
    let pkcs8 =
        |algorithm: &[u8], key: &[u8]| der(0x30, &[version.clone(), der(0x30, algorithm), der(0x04, key)].concat());
    vec![
        canary.to_vec(),
        der(0x30, canary),
        der(0x30, &[&version[..], &number.repeat(8)].concat()),
        pkcs8(&ec, &sec1),
        pkcs8(&ec, canary),
        pkcs8(&ed25519, &octets),
        pkcs8(&der(0x06, canary), &octets),
        sec1,
        der(0x30, &[der(0x30, &[number, octets].concat()), der(0x30, &ed25519), der(0x03, canary)].concat()),
    ]
}

/// PEM around a canary: as DER, as body, as label, as a line that should be a label.
fn pems(canary: &[u8]) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for label in ["CERTIFICATE", "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"] {
        files.extend(ders(canary).iter().map(|der| pem(label, der)));
        files.extend(
            texts(canary).map(|text| format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n").into_bytes()),
        );
        files.push([b"-----BEGIN ", canary, b" PRIVATE KEY-----\nAAAA\n"].concat());
    }
    for text in texts(canary) {
        files.extend([pem(&text, canary), format!("-----BEGIN {text}").into_bytes(), text.into_bytes()]);
    }
    files
}

/// The canary in place of a part of a certificate. Its DNS names are spared: they are public, and messages show them.
fn spliced(canary: &[u8], at: usize) -> Option<Vec<u8>> {
    let (end, names) = (at + canary.len(), b"val-0.sei.svc.cluster.local");
    let first = CERTIFICATE_DER.windows(names.len()).position(|window| window == names)?;
    let names = first.saturating_sub(8)..first + 80;
    let mut der = CERTIFICATE_DER.to_vec();
    der.get_mut(at..end).filter(|_| end <= names.start || at >= names.end)?.copy_from_slice(canary);
    Some(pem("CERTIFICATE", &der))
}

fn canary() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 24..40),
        proptest::collection::vec(any::<u8>(), 32),
        "[a-zA-Z0-9]{24,40}".prop_map(String::into_bytes),
    ]
}

/// Judges all files, and looks at every message once.
fn no_leak(files: impl IntoIterator<Item = Vec<u8>>, canary: &[u8]) -> Result<(), TestCaseError> {
    let pieces = pieces(canary);
    let mut told = BTreeMap::new();
    for file in files {
        told.extend(messages(&file).into_iter().map(|message| (message, file.clone())));
    }
    for (message, file) in told {
        let leaked = leak(&message, &pieces);
        prop_assert!(leaked.is_none(), "{message:?} shows {leaked:?} of {}", String::from_utf8_lossy(&file));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_message_shows_a_piece_of_a_secret(
        canary in canary(),
        breaks in proptest::collection::vec((any::<Index>(), any::<Index>(), any::<u8>()), 16),
    ) {
        let mut files = [key_files(&canary), pems(&canary), ders(&canary)].concat();
        for (which, at, with) in breaks {
            let file = which.get(&files).clone();
            let at = at.index(file.len().max(1)).min(file.len());
            let mut altered = file.clone();
            altered.splice(at..(at + 1).min(file.len()), [with]);
            files.extend([file[..at].to_vec(), altered]);
        }
        no_leak(files, &canary)?;
    }

    #[test]
    fn nor_of_a_certificate_that_is_broken(
        canary in canary(),
        places in proptest::collection::vec(0..CERTIFICATE_DER.len(), 16),
    ) {
        no_leak(places.into_iter().filter_map(|at| spliced(&canary, at)), &canary)?;
    }
}

#[test]
fn the_texts_of_the_parsers_would_leak() {
    let canary = b"Tr0ub4dor-and-three-more-words";
    let quoted = serde_json::from_value::<u8>(json!(String::from_utf8_lossy(canary))).unwrap_err();
    assert!(leak(&quoted.to_string(), &pieces(canary)).is_some(), "{quoted}");
    let line = [b"-----BEGIN ", &canary[..]].concat();
    let quoted = rustls_pemfile::read_one_from_slice(&line).unwrap_err();
    assert!(leak(&format!("{quoted:?}"), &pieces(canary)).is_some(), "{quoted:?}");
}

#[test]
fn every_form_of_a_piece_is_found() {
    let canary: Vec<u8> = (0_u8..30).map(|i| i.wrapping_mul(37).wrapping_add(11)).collect();
    let piece = &canary[5..14];
    let forms = [
        hex(piece),
        hex(piece).to_uppercase(),
        STANDARD.encode(piece),
        URL_SAFE_NO_PAD.encode(&canary),
        STANDARD.encode([b"x", piece].concat()),
        STANDARD.encode([b"xy", piece].concat()),
        format!("{piece:?}"),
        piece.escape_ascii().to_string(),
    ];
    for form in forms {
        assert!(leak(&format!("wrong: {form}!"), &pieces(&canary)).is_some(), "{form}");
    }
    assert_eq!(leak("secret \"s\" is not valid PEM", &pieces(&canary)), None);
}
