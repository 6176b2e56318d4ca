//! What each type of sidecar task does to a data volume, and with which words it fails.

use std::collections::{BTreeMap, BTreeSet};

use sei_planner::api::Time;
use sei_planner::config::is_known_key;
use sei_planner::names::NodeKey;
use serde_json::{Value, json};

use super::json::{list, number, text};
use super::sidecar::{Disk, Row, marker};
use super::state::State;

/// Modes that a full configuration may name.
const MODES: [&str; 4] = ["validator", "full", "seed", "archive"];

/// The configuration of seid on a data volume.
#[derive(Clone, Debug, Default, PartialEq, Hash)]
pub struct SeidConfig {
    /// Mode of the last full configuration; absent before it, and then there is no `app.toml`.
    pub mode: Option<String>,
    /// Overrides in force.
    pub overrides: BTreeMap<String, String>,
    /// Persistent peers.
    pub peers: Vec<String>,
    /// The section about state sync, when it was configured.
    pub state_sync: Option<Value>,
}

impl SeidConfig {
    /// The configuration as a JSON value.
    #[must_use]
    pub fn to_value(&self) -> Value {
        json!({
            "mode": self.mode,
            "overrides": self.overrides,
            "peers": self.peers,
            "stateSync": self.state_sync,
        })
    }
}

/// What a task does to the volume.
pub(super) fn effect(state: &mut State, disk: &str, row: &Row) -> Result<(), String> {
    let reachable = reachable_peers(state, &row.params);
    let (now, assembled_at) = (state.now, state.now.plus_seconds(state.options.delays.assemble_seconds));
    let founded = &mut state.sidecars.founded;
    let disk = state.sidecars.disks.entry(disk.to_owned()).or_default();
    let marker = marker(&row.kind);
    if marker.is_some_and(|marker| disk.markers.contains(marker)) {
        return Ok(());
    }
    match row.kind.as_str() {
        "snapshot-restore" if number(&row.params, "/targetHeight") < 0 => {
            return Err("snapshot-restore: targetHeight must not be negative".to_owned());
        }
        "config-apply" => config_apply(&mut disk.config, &row.params)?,
        "config-validate" if disk.config.mode.is_none() => {
            return Err("config-validate: reading config: open app.toml: no such file".to_owned());
        }
        "discover-peers" => disk.config.peers = discover_peers(&row.params, &reachable)?,
        "generate-identity" => disk.chain = required(&row.params, "chainId", "generate-identity")?,
        "generate-gentx" => drop(required(&row.params, "stakingAmount", "generate-gentx")?),
        "upload-genesis-artifacts" => {
            founded.entry(disk.chain.clone()).or_insert(assembled_at);
        }
        "configure-genesis" if !disk.chain.is_empty() => assembled(founded, disk, now, "genesis.json")?,
        "set-genesis-peers" => {
            assembled(founded, disk, now, "peers.json")?;
            disk.config.peers = vec![peer("founder")];
        }
        "configure-state-sync" => configure_state_sync(&mut disk.config, &row.params)?,
        _ => {}
    }
    disk.markers.extend(marker);
    Ok(())
}

fn required(params: &Value, field: &str, task: &str) -> Result<String, String> {
    match text(params, &format!("/{field}")) {
        "" => Err(format!("{task}: missing required param '{field}'")),
        given => Ok(given.to_owned()),
    }
}

/// What the chain's assembler makes of the founders' artifacts is there some time after the first of them.
fn assembled(founded: &BTreeMap<String, Time>, disk: &Disk, now: Time, file: &str) -> Result<(), String> {
    if founded.get(&disk.chain).is_some_and(|at| *at <= now) {
        return Ok(());
    }
    Err(format!("S3: object \"{}/{file}\" not found in s3://genesis", disk.chain))
}

/// A full intent replaces everything; an incremental one changes overrides and keeps the rest.
fn config_apply(config: &mut SeidConfig, params: &Value) -> Result<(), String> {
    let overrides = overrides_of(params);
    let unknown = overrides.keys().find(|key| !is_known_key(key));
    let incremental = params.get("incremental") == Some(&Value::Bool(true));
    if incremental {
        if config.mode.is_none() {
            return Err("config-apply incremental: reading current config: no app.toml".to_owned());
        }
        if let Some(key) = unknown {
            return Err(format!(
                "config-apply incremental: applying incremental overrides: unknown override key {key:?}"
            ));
        }
        config.overrides.extend(overrides);
        return Ok(());
    }
    let mode = text(params, "/mode");
    if mode.is_empty() {
        let error = "config-apply: mode is required for non-incremental config resolution";
        return Err(error.to_owned());
    }
    if !MODES.contains(&mode) {
        return Err(format!("config-apply: invalid mode {mode:?}"));
    }
    if let Some(key) = unknown {
        return Err(format!("config-apply: applying overrides: unknown override key {key:?}"));
    }
    *config = SeidConfig { mode: Some(mode.to_owned()), overrides, ..SeidConfig::default() };
    Ok(())
}

fn overrides_of(params: &Value) -> BTreeMap<String, String> {
    let Some(members) = params.get("overrides").and_then(Value::as_object) else {
        return BTreeMap::new();
    };
    members.iter().map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

/// Peers that the sources give, in order and without repetition.
fn discover_peers(params: &Value, reachable: &BTreeSet<String>) -> Result<Vec<String>, String> {
    let sources = list(params, "/sources");
    if sources.is_empty() {
        return Err("discover-peers: missing required param 'sources'".to_owned());
    }
    let mut peers: Vec<String> = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        let found = source_peers(index, source, reachable)?;
        for peer in found {
            if !peers.contains(&peer) {
                peers.push(peer);
            }
        }
    }
    Ok(peers)
}

fn source_peers(index: usize, source: &Value, reachable: &BTreeSet<String>) -> Result<Vec<String>, String> {
    let strings = |field: &str| -> Vec<String> {
        let items = list(source, field).iter();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let lacks = |what: &str| Err(format!("discover-peers: source[{index}]: {what}"));
    match text(source, "/type") {
        "ec2Tags" if text(source, "/region").is_empty() => lacks("ec2Tags source missing required field 'region'"),
        "ec2Tags" => Ok(vec![peer("ec2-a"), peer("ec2-b")]),
        "static" if strings("/addresses").is_empty() => lacks("static source has empty addresses"),
        "static" => Ok(strings("/addresses")),
        "dnsEndpoints" => {
            let hosts = strings("/endpoints");
            let found = hosts.iter().filter(|host| reachable.contains(*host));
            let found: Vec<String> = found.map(|host| peer(host)).collect();
            if found.is_empty() {
                let tried = hosts.len();
                return Err(format!("no reachable peers found via dnsEndpoints ({tried} endpoints tried)"));
            }
            Ok(found)
        }
        other => lacks(&format!("unknown type {other:?}")),
    }
}

/// `nodeId@host:26656`, with an id that depends on the host only.
fn peer(host: &str) -> String {
    let id = node_id_of(host);
    format!("{id}@{host}:26656")
}

/// 40 hex digits made from a host name.
fn node_id_of(host: &str) -> String {
    let sum = host.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    format!("{sum:040x}")
}

/// The hosts among the endpoints of a request whose seid runs.
fn reachable_peers(state: &State, params: &Value) -> BTreeSet<String> {
    let running: BTreeSet<String> = state
        .kubelet
        .pods
        .values()
        .filter(|run| run.seid)
        .map(|run| NodeKey::new(run.id.namespace.clone(), run.node.clone()).pod_host())
        .collect();
    list(params, "/sources")
        .iter()
        .flat_map(|source| list(source, "/endpoints"))
        .filter_map(Value::as_str)
        .filter(|host| running.contains(*host))
        .map(str::to_owned)
        .collect()
}

fn configure_state_sync(config: &mut SeidConfig, params: &Value) -> Result<(), String> {
    if config.peers.is_empty() {
        return Err("configure-state-sync: no peers in config.toml".to_owned());
    }
    let hosts: Vec<&str> = config
        .peers
        .iter()
        .filter_map(|peer| peer.split_once('@'))
        .filter_map(|(_, address)| address.rsplit_once(':').map(|(host, _)| host))
        .collect();
    let Some(first) = hosts.first() else {
        let error = "configure-state-sync: could not extract RPC hosts from peers";
        return Err(error.to_owned());
    };
    let second = hosts.get(1).unwrap_or(first);
    config.state_sync = Some(json!({
        "rpcServers": format!("{first}:26657,{second}:26657"),
        "useLocalSnapshot": params.get("useLocalSnapshot") == Some(&Value::Bool(true)),
        "trustPeriod": text(params, "/trustPeriod"),
        "backfillBlocks": number(params, "/backfillBlocks"),
    }));
    Ok(())
}
