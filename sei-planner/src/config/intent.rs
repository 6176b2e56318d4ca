//! The configuration intent of a node: what its mode needs, then the user's overrides.

use std::collections::BTreeMap;

use crate::node::{Mode, Snapshots, ValidNode};
use crate::task::ConfigIntent;

/// seid's log level, unless the user writes another one (B20).
const LOG_LEVEL: (&str, &str) = ("logging.level", "info");

const SNAPSHOT_INTERVAL: (&str, &str) = ("storage.snapshot_interval", "2000");
const SNAPSHOT_KEEP_RECENT: &str = "storage.snapshot_keep_recent";

/// Further settings of a full node that produces snapshots (node-resources §6.3).
const FULL_SNAPSHOT_SETTINGS: [(&str, &str); 6] = [
    ("storage.pruning_keep_recent", "50000"),
    ("storage.pruning_keep_every", "0"),
    ("chain.min_retain_blocks", "50000"),
    ("network.p2p.max_connections", "500"),
    ("network.p2p.send_rate", "20971520"),
    ("network.p2p.recv_rate", "20971520"),
];

/// Settings of a replayer (node-resources §6.2).
const REPLAYER_SETTINGS: [(&str, &str); 3] = [
    ("storage.state_commit.async_commit_buffer", "100"),
    ("storage.state_commit.memiavl.snapshot_keep_recent", "2"),
    ("storage.state_commit.memiavl.snapshot_min_time_interval", "3600"),
];

/// The whole configuration of a node. `external_address` is `host:port`, from status.
#[must_use]
pub fn config_intent(node: &ValidNode, external_address: Option<&str>) -> ConfigIntent {
    let mut overrides = owned(&[LOG_LEVEL]);
    if let Some(address) = external_address.filter(|address| !address.is_empty()) {
        overrides.insert("network.p2p.external_address".to_owned(), address.to_owned());
    }
    overrides.extend(settings_of_mode(node));
    overrides.extend(node.overrides.clone());
    ConfigIntent { mode: node.mode.config_word().to_owned(), overrides, incremental: false, target_version: 0 }
}

/// The same settings laid over the configuration on disk, which keeps what else is there: peers and state sync.
#[must_use]
pub fn incremental_intent(node: &ValidNode, external_address: Option<&str>) -> ConfigIntent {
    ConfigIntent { incremental: true, ..config_intent(node, external_address) }
}

fn settings_of_mode(node: &ValidNode) -> BTreeMap<String, String> {
    match (node.mode, &node.snapshots) {
        (Mode::FullNode, Some(snapshots)) => {
            let mut settings = owned(&FULL_SNAPSHOT_SETTINGS);
            settings.extend(snapshot_settings(snapshots));
            settings
        }
        (Mode::Archive, Some(snapshots)) => snapshot_settings(snapshots),
        (Mode::Replayer, _) => owned(&REPLAYER_SETTINGS),
        (Mode::FullNode | Mode::Archive, None) | (Mode::Validator, _) => BTreeMap::new(),
    }
}

fn snapshot_settings(snapshots: &Snapshots) -> BTreeMap<String, String> {
    let mut settings = owned(&[SNAPSHOT_INTERVAL]);
    settings.insert(SNAPSHOT_KEEP_RECENT.to_owned(), snapshots.keep_recent.to_string());
    settings
}

fn owned(settings: &[(&str, &str)]) -> BTreeMap<String, String> {
    settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}
