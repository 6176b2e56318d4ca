//! What the checks of keys, certificates, keyrings and claims say of everything in `fixtures/inspect/`, as one table:
//! `verdicts.snap`. It is 2026-01-01T00:00:00Z.

#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Debug, Write as _};
use std::fs;
use std::path::PathBuf;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use sei_planner::api::Time;
use sei_planner::inspect::{
    KeyringRefs, Verdict, consensus_key, imported_claim, imported_volume, node_key, operator_keyring, tls_secret,
};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    tls: Vec<TlsCase>,
    keyrings: Vec<KeyringCase>,
    claims: Vec<ClaimCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsCase {
    case: String,
    #[serde(rename = "type", default = "tls_type")]
    kind: String,
    crt: Option<String>,
    key: Option<String>,
    #[serde(default)]
    missing: bool,
}

fn tls_type() -> String {
    "kubernetes.io/tls".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct KeyringCase {
    case: String,
    #[serde(default = "node_admin")]
    key_name: String,
    files: Option<BTreeMap<String, String>>,
    passphrase: Option<BTreeMap<String, String>>,
}

fn node_admin() -> String {
    "node_admin".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClaimCase {
    case: String,
    claim: Option<Value>,
    volume: Option<Value>,
}

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/inspect")
}

fn cases() -> Cases {
    serde_saphyr::from_str(&fs::read_to_string(fixtures().join("cases.yaml")).unwrap()).unwrap()
}

/// Names of the files in a folder, sorted.
fn names(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(fixtures().join(folder)).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn secret(kind: &str, data: BTreeMap<String, Vec<u8>>) -> Secret {
    let data = data.into_iter().map(|(key, bytes)| (key, ByteString(bytes))).collect();
    Secret { data: Some(data), type_: Some(kind.to_owned()), ..Secret::default() }
}

fn line(table: &mut String, case: &str, verdict: &str, message: &str) {
    writeln!(table, "{case:<34} {verdict:<22} {message}").unwrap();
}

fn judged<T: Debug>(table: &mut String, case: &str, verdict: Verdict<T>) {
    match verdict {
        Verdict::Good(found) => line(table, case, "good", &format!("{found:?}")),
        Verdict::NotYet(message) => line(table, case, "not yet", &message),
        Verdict::Bad(message) => line(table, case, "bad", &message),
    }
}

fn keys(table: &mut String) {
    for file in names("keys") {
        let bytes = fs::read(fixtures().join("keys").join(&file)).unwrap();
        if file.starts_with("node") {
            let secret = secret("Opaque", [("node_key.json".to_owned(), bytes)].into());
            judged(table, &file, node_key(Some(&secret), "nk", "sei"));
        } else {
            let secret = secret("Opaque", [("priv_validator_key.json".to_owned(), bytes)].into());
            judged(table, &file, consensus_key(Some(&secret), "sk", "sei"));
        }
    }
}

fn certificates(table: &mut String, cases: Vec<TlsCase>) {
    let required = ["val-0.sei.svc.cluster.local", "val-0-0.val-0.sei.svc.cluster.local"].map(str::to_owned);
    let now = Time::at("2026-01-01T00:00:00Z".parse().unwrap());
    for TlsCase { case, kind, crt, key, missing } in cases {
        let mut data = BTreeMap::new();
        for (field, file) in [("tls.crt", crt), ("tls.key", key)] {
            if let Some(file) = file {
                data.insert(field.to_owned(), fs::read(fixtures().join("tls").join(file)).unwrap());
            }
        }
        let secret = secret(&kind, data);
        let verdict = tls_secret((!missing).then_some(&secret), "tls", "sei", &required, now);
        assert_eq!(verdict.ready, ["TLSSecretReady", "TLSSecretExpiresSoon"].contains(&verdict.reason), "{case}");
        let expires = verdict.expires.map(|at| format!(" [until {at}]")).unwrap_or_default();
        line(table, &case, verdict.reason, &format!("{}{expires}", verdict.message));
    }
}

fn keyrings(table: &mut String, cases: Vec<KeyringCase>) {
    for KeyringCase { case, key_name, files, passphrase } in cases {
        let refs = KeyringRefs {
            namespace: "sei",
            secret_name: "kr",
            key_name: &key_name,
            passphrase_secret: "pw",
            passphrase_key: "pass",
        };
        let [files, passphrase] = [files, passphrase].map(|data| {
            data.map(|data| secret("Opaque", data.into_iter().map(|(key, text)| (key, text.into_bytes())).collect()))
        });
        judged(table, &case, operator_keyring(&refs, files.as_ref(), passphrase.as_ref()));
    }
}

fn claims(table: &mut String, cases: Vec<ClaimCase>) {
    let required = "500Gi".parse().unwrap();
    for ClaimCase { case, claim, volume } in cases {
        match imported_claim(claim.as_ref(), "data", "sei", &required) {
            Verdict::Good(pv) => {
                let verdict = imported_volume(volume.as_ref(), &pv, &claim.unwrap(), "data");
                judged(table, &case, verdict);
            }
            verdict @ (Verdict::NotYet(_) | Verdict::Bad(_)) => judged(table, &case, verdict),
        }
    }
}

#[test]
fn every_case_is_judged_as_the_table_says() {
    let cases = cases();
    let mut table = String::from("== keys\n");
    keys(&mut table);
    table.push_str("\n== TLS\n");
    certificates(&mut table, cases.tls);
    table.push_str("\n== keyrings\n");
    keyrings(&mut table, cases.keyrings);
    table.push_str("\n== claims\n");
    claims(&mut table, cases.claims);
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(fixtures());
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("verdicts", table));
}

#[test]
fn every_certificate_is_in_a_case() {
    let used: BTreeSet<String> = cases().tls.into_iter().flat_map(|case| [case.crt, case.key]).flatten().collect();
    assert_eq!(names("tls"), used);
}
