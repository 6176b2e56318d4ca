//! cert-manager, as far as one Certificate and its Secret go: it writes the Secret after a while, and again when somebody
//! deletes it or another issuer is asked. Nothing is renewed by its time: no simulated world lasts that long.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use sei_planner::api::IssuerKind;
use sei_planner::inspect::issued_tls_secret;
use sei_planner::node::Issuer;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::sim::certificates;
use crate::sim::clock::Due;
use crate::sim::json::{self, list, text};
use crate::sim::options::CertManager;
use crate::sim::state::State;
use crate::sim::store::{Change, is_leaving};
use crate::world::{Kind, ObjectId};

/// Certificates are valid from an hour ago, as many authorities do it: clocks differ.
const BACKDATED_SECONDS: i64 = 3600;
/// Seconds of validity when a Certificate does not say.
const VALIDITY_SECONDS: i64 = 90 * 24 * 3600;

/// A Certificate that is new or asks for something else, and a Secret that changed, are looked at.
pub(in crate::sim) fn notice(state: &mut State, change: &Change) {
    let spec = |object: &Option<std::sync::Arc<Value>>| object.as_ref().and_then(|object| object.get("spec").cloned());
    match change.id.kind {
        Kind::Certificate if change.after.is_some() && spec(&change.before) != spec(&change.after) => {
            look(state, &change.id);
        }
        Kind::Secret => {
            let of_secret = |(id, certificate): &(&ObjectId, &std::sync::Arc<Value>)| {
                id.namespace == change.id.namespace && text(certificate, "/spec/secretName") == change.id.name
            };
            let found = state.store.list(Kind::Certificate).find(of_secret).map(|(id, _)| id.clone());
            if let Some(id) = found {
                look(state, &id);
            }
        }
        Kind::SeiNode
        | Kind::StatefulSet
        | Kind::Service
        | Kind::PersistentVolumeClaim
        | Kind::PersistentVolume
        | Kind::Pod
        | Kind::Job
        | Kind::ConfigMap
        | Kind::Lease
        | Kind::Certificate => {}
    }
}

fn look(state: &mut State, id: &ObjectId) {
    state.queue.push_once(state.now, Due::Certificate(id.clone()));
}

/// Looks at every Certificate.
pub(in crate::sim) fn look_at_all(state: &mut State) {
    let all: Vec<ObjectId> = state.store.list(Kind::Certificate).map(|(id, _)| id.clone()).collect();
    for id in all {
        look(state, &id);
    }
}

/// Says how a Certificate stands, and begins to issue where its Secret is not as it asks.
pub(in crate::sim) fn sync(state: &mut State, id: &ObjectId) {
    let Some(certificate) = asking(state, id) else { return };
    if is_issued(state, id, &certificate) {
        return say(state, id, &[("Ready", "True", "Ready", "Certificate is up to date and has not expired")]);
    }
    let missing = ("Ready", "False", "DoesNotExist", "Issuing certificate as Secret does not exist");
    match state.options.cert_manager.clone() {
        CertManager::Absent => {}
        CertManager::Issues { after_seconds } => {
            say(state, id, &[missing]);
            state.queue.push_once(state.now.plus_seconds(after_seconds), Due::Issue(id.clone()));
        }
        CertManager::Fails { why } => say(state, id, &[missing, ("Issuing", "False", "Failed", &why)]),
    }
}

/// Writes the Secret that a Certificate asks for, unless it is as it should be by now.
pub(in crate::sim) fn issue(state: &mut State, id: &ObjectId) {
    let Some(certificate) = asking(state, id) else { return };
    let issues = matches!(state.options.cert_manager, CertManager::Issues { .. });
    if issues && !is_issued(state, id, &certificate) {
        renew(state, id);
    }
}

/// Writes the Secret anew, with another key.
pub(in crate::sim) fn renew(state: &mut State, id: &ObjectId) {
    let Some(certificate) = asking(state, id) else { return };
    let Some(secret) = new_secret(state, id, &certificate) else { return };
    let secret_id = ObjectId::new(Kind::Secret, id.namespace.clone(), text(&certificate, "/spec/secretName"));
    if state.store.get(&secret_id).is_none() {
        // There is no Secret of that name, so this cannot meet one.
        let _ = state.store.create(&secret_id, &secret, &mut state.ids);
        return;
    }
    state.store.update(&secret_id, |live| {
        for path in [&["data"][..], &["metadata", "annotations"]] {
            let new = secret.pointer(&format!("/{}", path.join("/"))).cloned();
            json::set(live, path, new.unwrap_or_default());
        }
    });
}

/// A Certificate that is there and stays.
fn asking(state: &State, id: &ObjectId) -> Option<Value> {
    let certificate = state.store.get(id)?;
    (!is_leaving(certificate)).then(|| Value::clone(certificate))
}

fn is_issued(state: &State, id: &ObjectId, certificate: &Value) -> bool {
    let name = text(certificate, "/spec/secretName");
    let secret = state.store.get(&ObjectId::new(Kind::Secret, id.namespace.clone(), name));
    let secret = secret.and_then(|secret| Secret::deserialize(secret.as_ref()).ok());
    let asked = Issuer {
        name: text(certificate, "/spec/issuerRef/name").to_owned(),
        kind: IssuerKind::deserialize(&certificate["spec"]["issuerRef"]["kind"]).unwrap_or(IssuerKind::Issuer),
    };
    issued_tls_secret(secret.as_ref(), name, &id.namespace, &names(certificate), &asked, state.now).ready
}

fn names(certificate: &Value) -> Vec<String> {
    list(certificate, "/spec/dnsNames").iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn new_secret(state: &mut State, id: &ObjectId, certificate: &Value) -> Option<Value> {
    let hours = text(certificate, "/spec/duration").strip_suffix('h').and_then(|hours| hours.parse::<i64>().ok());
    let not_after = state.now.plus_seconds(hours.map_or(VALIDITY_SECONDS, |hours| hours * 3600));
    let uid = state.ids.uid();
    let seed = *uid.as_bytes().last_chunk::<32>()?;
    let not_before = state.now.plus_seconds(-BACKDATED_SECONDS);
    let pair = certificates::issue(seed, &names(certificate), not_before, not_after)?;
    let issuer = |member: &str| text(certificate, &format!("/spec/issuerRef/{member}")).to_owned();
    Some(json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": {
            "namespace": id.namespace, "name": text(certificate, "/spec/secretName"),
            "annotations": {
                "cert-manager.io/certificate-name": id.name,
                "cert-manager.io/issuer-name": issuer("name"),
                "cert-manager.io/issuer-kind": issuer("kind"),
            },
        },
        "data": {
            "tls.crt": ByteString(pair.certificate.into_bytes()),
            "tls.key": ByteString(pair.key.into_bytes()),
        },
    }))
}

/// Type, status, reason and message of a condition.
type Said<'a> = (&'a str, &'a str, &'a str, &'a str);

fn say(state: &mut State, id: &ObjectId, conditions: &[Said<'_>]) {
    let conditions: Vec<Value> = conditions
        .iter()
        .map(|(kind, status, reason, message)| {
            json!({ "type": kind, "status": status, "reason": reason, "message": message })
        })
        .collect();
    state.store.set_status(id, json!({ "conditions": conditions }));
}
