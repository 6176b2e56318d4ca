//! From an address to the sidecar that answers there: DNS by Service, host name and subdomain, the port, and TLS.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Secret;
use sei_planner::inspect::served_certificate;
use sei_planner::names::NodeKey;
use serde::Deserialize;
use serde_json::Value;

use crate::world::{Address, ChainHead, Kind, ObjectId, SidecarError};

use super::clock;
use super::consensus_keys;
use super::controllers::kubelet::{SEID, SIDECAR};
use super::json::{list, number, text};
use super::state::State;

/// Port on which a proxy in front of a sidecar speaks TLS.
const TLS_PORT: i64 = 8443;
/// Port of seid's RPC.
const RPC_PORT: i64 = 26657;
/// Container of that proxy.
const PROXY: &str = "kube-rbac-proxy";
/// Volume with its certificate.
const CERTIFICATE_VOLUME: &str = "sidecar-tls";

/// A sidecar that answers.
pub(super) struct Endpoint {
    /// Uid of its pod.
    pub(super) pod: String,
    /// Uid of the claim with its data.
    pub(super) disk: String,
    /// Number of its process.
    pub(super) process: u64,
    /// Whether its gate is open.
    pub(super) ready: bool,
}

/// The sidecar behind an address: the name must resolve, the port must be served, a process must answer, and over TLS it
/// must be the one whose certificate the address names.
pub(super) fn reach(state: &State, at: &Address) -> Result<Endpoint, SidecarError> {
    let unreachable = |why: &str| SidecarError::Unreachable(format!("{}: {why}", at.url));
    let (tls, node, port) = parse(&at.url).ok_or_else(|| unreachable("no such host"))?;
    let pod = named_pod(state, &node).ok_or_else(|| unreachable("no such host"))?;
    if !serves(pod, tls, port) {
        return Err(unreachable("connection refused"));
    }
    let uid = text(pod, "/metadata/uid");
    let run = state.kubelet.pods.get(uid);
    let silent = state.sidecars.silent_until.get(&node);
    if silent.is_some_and(|until| *until > state.now) {
        return Err(unreachable("deadline exceeded"));
    }
    let process = run.and_then(|run| run.process);
    let disk = run.and_then(|run| run.disk.clone());
    let (Some(process), Some(disk)) = (process, disk) else { return Err(unreachable("connection refused")) };
    if tls && !presents(state, pod, &node, at.pinned.as_deref()) {
        return Err(SidecarError::Untrusted(format!("{}: another certificate is presented", at.url)));
    }
    Ok(Endpoint { pod: uid.to_owned(), disk, process: process.number, ready: process.ready })
}

/// Blocks that a chain had when the world began.
const FIRST_HEIGHT: i64 = 1_000_000;

/// What the seid behind an address says of its chain, which makes a block every second.
pub(super) fn chain(state: &State, rpc: &str) -> Result<ChainHead, SidecarError> {
    let unreachable = |why: &str| SidecarError::Unreachable(format!("{rpc}: {why}"));
    let (_, node, port) = parse(rpc).ok_or_else(|| unreachable("no such host"))?;
    let pod = named_pod(state, &node).ok_or_else(|| unreachable("no such host"))?;
    let run = state.kubelet.pods.get(text(pod, "/metadata/uid")).filter(|run| run.seid && port == RPC_PORT);
    let since = run.and_then(|run| run.runs_since(SEID)).ok_or_else(|| unreachable("connection refused"))?;
    let behind = (state.options.delays.catch_up_seconds - state.now.seconds_since(since)).max(0);
    let tip = FIRST_HEIGHT + state.now.seconds_since(clock::start());
    Ok(ChainHead { height: tip - 10 * behind, catching_up: behind > 0 })
}

/// Who signed a block, as the seid behind an address knows.
pub(super) fn signers(state: &State, rpc: &str, height: i64) -> Result<BTreeSet<String>, SidecarError> {
    let head = chain(state, rpc)?;
    if height > head.height {
        let body = format!("height {height} must be less than or equal to the current blockchain height");
        return Err(SidecarError::Unexpected { code: 500, body });
    }
    Ok(consensus_keys::signers_at(state, clock::start().plus_seconds(height - FIRST_HEIGHT)))
}

/// The pod that the node's Service selects and that has the host name; the one whose sidecar runs, if there are several.
fn named_pod<'a>(state: &'a State, node: &NodeKey) -> Option<&'a Value> {
    let service = state.store.get(&ObjectId::new(Kind::Service, node.namespace.clone(), node.name.clone()))?;
    let selector = service.pointer("/spec/selector").and_then(Value::as_object);
    let selected = |pod: &Value| {
        let labels = pod.pointer("/metadata/labels");
        let carries = |(key, value): (&String, &Value)| labels.and_then(|labels| labels.get(key)) == Some(value);
        selector.is_none_or(|selector| selector.iter().all(carries))
    };
    let named = state.store.list(Kind::Pod).filter(|(id, pod)| {
        let host = (text(pod, "/spec/hostname"), text(pod, "/spec/subdomain"));
        id.namespace == node.namespace && host == (node.pod().as_str(), node.name.as_str()) && selected(pod)
    });
    let answers =
        |pod: &Value| state.kubelet.pods.get(text(pod, "/metadata/uid")).is_some_and(|run| run.process.is_some());
    named.map(|(_, pod)| pod.as_ref()).max_by_key(|pod| answers(pod))
}

/// Scheme, node and port of `http(s)://<node>-0.<node>.<namespace>.svc.cluster.local:<port>`.
fn parse(base_url: &str) -> Option<(bool, NodeKey, i64)> {
    let (scheme, rest) = base_url.split_once("://")?;
    let (host, port) = rest.rsplit_once(':')?;
    let mut labels = host.splitn(4, '.');
    let (pod, service, namespace) = (labels.next()?, labels.next()?, labels.next()?);
    let node = NodeKey::new(namespace, service);
    let known = labels.next()? == "svc.cluster.local" && pod == node.pod();
    let tls = match scheme {
        "http" => false,
        "https" => true,
        _ => return None,
    };
    known.then_some((tls, node, port.parse().ok()?))
}

/// Whether the pod listens there: without a proxy the sidecar's own port, with one the proxy's and no other, because the
/// sidecar then listens on loopback.
fn serves(pod: &Value, tls: bool, port: i64) -> bool {
    let containers = || list(pod, "/spec/initContainers").iter();
    let behind_a_proxy = containers().any(|container| text(container, "/name") == PROXY);
    let listener = if tls { PROXY } else { SIDECAR };
    let mut ports = containers().filter(|c| text(c, "/name") == listener).flat_map(|c| list(c, "/ports"));
    (tls == behind_a_proxy) && (!tls || port == TLS_PORT) && ports.any(|p| number(p, "/containerPort") == port)
}

/// Whether the pod's proxy presents this certificate. It read its Secret when it started, notices changes after a while,
/// and goes on with the last one when its Secret is gone.
fn presents(state: &State, pod: &Value, node: &NodeKey, pinned: Option<&[u8]>) -> bool {
    let volume = list(pod, "/spec/volumes").iter().find(|volume| text(volume, "/name") == CERTIFICATE_VOLUME);
    let name = volume.map(|volume| text(volume, "/secret/secretName")).unwrap_or_default();
    let run = state.kubelet.pods.get(text(pod, "/metadata/uid"));
    let noticed = state.now.plus_seconds(-state.options.delays.reload_seconds);
    let read = run.and_then(|run| run.runs_since(PROXY)).map_or(noticed, |started| started.max(noticed));
    let secret = state.store.get_at(&ObjectId::new(Kind::Secret, node.namespace.clone(), name), read);
    let Some(secret) = secret else { return pinned.is_some() };
    let served = Secret::deserialize(secret.as_ref()).ok().as_ref().and_then(served_certificate);
    served.as_deref() == pinned
}
