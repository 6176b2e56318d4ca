//! Secrets that nodes of tests need, as a user provides them.

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use sei_planner::inspect::{Verdict, consensus_key};
use sei_planner::names::NodeKey;
use serde_json::{Value, json};

/// A passphrase and a file of a keyring, as the API server shows them: no eight bytes of them are anything else.
pub const PASSPHRASE: &str = "dFQ5LXFMNC52WjcteFcyLnJLNQ==";
pub const ENTRY: &str = "aEIzLm5ZOC1jRjYubVExLWRTMA==";
/// The names that the certificate of `nodes/rpc-0` needs.
pub const NAMES: [&str; 2] = ["rpc-0.nodes.svc.cluster.local", "rpc-0-0.rpc-0.nodes.svc.cluster.local"];

pub fn secret(name: &str, data: Value) -> Value {
    secret_in("nodes", name, data)
}

pub fn secret_in(namespace: &str, name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": {"namespace": namespace, "name": name}, "data": data})
}

/// A file of `fixtures/inspect/keys`, as the API server shows it.
pub fn key_file(file: &str) -> Value {
    let path = format!("{}/../fixtures/inspect/keys/{file}", env!("CARGO_MANIFEST_DIR"));
    json!(k8s_openapi::ByteString(std::fs::read(path).unwrap()))
}

pub fn keyring() -> Value {
    secret("operator", json!({"node_admin.info": ENTRY, "ab12.address": ENTRY}))
}

pub fn passphrase() -> Value {
    secret("unlock", json!({"passphrase": PASSPHRASE}))
}

/// `spec.validator` with that keyring.
pub fn validator_with_keyring() -> Value {
    json!({"operatorKeyring": {"secret": {
        "secretName": "operator",
        "keyName": "node_admin",
        "passphraseSecretRef": {"secretName": "unlock", "key": "passphrase"},
    }}})
}

/// `spec.validator` with keys of its own, in the Secrets of [`consensus_keys`] with this copy's name.
pub fn validator_with_keys(copy: &str) -> Value {
    json!({
        "signingKey": {"secret": {"secretName": format!("signing-{copy}")}},
        "nodeKey": {"secret": {"secretName": format!("node-{copy}")}},
    })
}

/// The two Secrets of a validator; every copy holds the same consensus key.
pub fn consensus_keys(copy: &str) -> [Value; 2] {
    [("signing", "priv_validator_key.json", "validator.json"), ("node", "node_key.json", "node.json")]
        .map(|(what, key, file)| secret(&format!("{what}-{copy}"), json!({ key: key_file(file) })))
}

/// The validator that every copy of [`consensus_keys`] is of.
pub fn validator_address() -> String {
    let signing = serde_json::from_value(consensus_keys("a")[0].clone()).unwrap();
    match consensus_key(Some(&signing), "signing-a", "nodes") {
        Verdict::Good(key) => key.address,
        flawed @ (Verdict::NotYet(_) | Verdict::Bad(_)) => panic!("{flawed:?}"),
    }
}

/// `spec.validator` of a founder.
pub fn founder() -> Value {
    json!({"genesisCeremony": {
        "chainId": "test-1",
        "stakingAmount": "10000000usei",
        "accountBalance": "1000000000000000000000usei",
        "index": 0,
    }})
}

/// A fresh self-signed certificate for these names, as the Secret `rpc-0-tls`.
pub fn certificate(names: &[&str]) -> Value {
    certificate_in("nodes", "rpc-0-tls", names)
}

/// One for the names of `nodes/rpc-0`, valid from one date to another.
pub fn certificate_valid(from: (i32, u8, u8), until: (i32, u8, u8)) -> Value {
    let mut params = params(&NAMES);
    (params.not_before, params.not_after) =
        (date_time_ymd(from.0, from.1, from.2), date_time_ymd(until.0, until.1, until.2));
    tls_secret("nodes", "rpc-0-tls", &params)
}

pub fn certificate_in(namespace: &str, name: &str, names: &[&str]) -> Value {
    tls_secret(namespace, name, &params(names))
}

fn params(names: &[&str]) -> CertificateParams {
    CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
}

fn tls_secret(namespace: &str, name: &str, params: &CertificateParams) -> Value {
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let base64 = |text: String| json!(k8s_openapi::ByteString(text.into_bytes()));
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": {"namespace": namespace, "name": name},
        "data": {"tls.crt": base64(certificate.pem()), "tls.key": base64(key.serialize_pem())},
    })
}

/// Every Secret that a node's spec names, good for all that it is asked for.
pub fn secrets_of(key: &NodeKey, spec: &Value) -> Vec<Value> {
    let name = |pointer: &str| spec.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let secret = |name: &str, data: Value| secret_in(&key.namespace, name, data);
    let mut secrets = Vec::new();
    let names = [key.service_host(), key.pod_host()];
    secrets.extend(
        name("/sidecar/tls/secretName").map(|tls| certificate_in(&key.namespace, &tls, &[&names[0], &names[1]])),
    );
    let signing = name("/validator/signingKey/secret/secretName");
    secrets.extend(signing.map(|name| secret(&name, json!({"priv_validator_key.json": key_file("validator.json")}))));
    let identity = name("/validator/nodeKey/secret/secretName");
    secrets.extend(identity.map(|name| secret(&name, json!({"node_key.json": key_file("node.json")}))));
    if let Some(keyring) = name("/validator/operatorKeyring/secret/secretName") {
        let entry = name("/validator/operatorKeyring/secret/keyName").unwrap_or_else(|| "node_admin".to_owned());
        secrets.push(secret(&keyring, json!({format!("{entry}.info"): ENTRY, "ab12.address": ENTRY})));
        let unlock = "/validator/operatorKeyring/secret/passphraseSecretRef";
        let (unlock, field) = (name(&format!("{unlock}/secretName")), name(&format!("{unlock}/key")));
        secrets.push(secret(&unlock.unwrap(), json!({field.unwrap_or_else(|| "passphrase".to_owned()): PASSPHRASE})));
    }
    secrets
}
