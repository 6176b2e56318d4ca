//! The configuration intent of a node: defaults of its mode, then the user's overrides, then what the operator insists on.

use std::collections::BTreeMap;

use crate::node::ValidNode;
use crate::task::ConfigIntent;

/// seid's log level; a user value is overruled, as the controller this operator replaces does.
const FORCED: (&str, &str) = ("logging.level", "info");

/// Settings of a full node that produces snapshots, beside `storage.snapshot_keep_recent` (node-resources §6.3).
const FULL_SNAPSHOT_SETTINGS: [(&str, &str); 7] = [
    ("storage.snapshot_interval", "2000"),
    ("storage.pruning_keep_recent", "50000"),
    ("storage.pruning_keep_every", "0"),
    ("chain.min_retain_blocks", "50000"),
    ("network.p2p.max_connections", "500"),
    ("network.p2p.send_rate", "20971520"),
    ("network.p2p.recv_rate", "20971520"),
];

/// The whole configuration of a node. `external_address` is `host:port`, from status.
#[must_use]
pub fn config_intent(node: &ValidNode, external_address: Option<&str>) -> ConfigIntent {
    let mut overrides = BTreeMap::new();
    if let Some(address) = external_address.filter(|address| !address.is_empty()) {
        overrides.insert("network.p2p.external_address".to_owned(), address.to_owned());
    }
    if let Some(snapshots) = &node.snapshots {
        overrides.extend(FULL_SNAPSHOT_SETTINGS.map(|(key, value)| (key.to_owned(), value.to_owned())));
        overrides.insert("storage.snapshot_keep_recent".to_owned(), snapshots.keep_recent.to_string());
    }
    overrides.extend(node.overrides.clone());
    overrides.insert(FORCED.0.to_owned(), FORCED.1.to_owned());
    ConfigIntent { mode: node.mode.config_word().to_owned(), overrides, incremental: false, target_version: 0 }
}

/// The same settings laid over the configuration on disk, which keeps what else is there: peers and state sync.
#[must_use]
pub fn incremental_intent(node: &ValidNode, external_address: Option<&str>) -> ConfigIntent {
    ConfigIntent { incremental: true, ..config_intent(node, external_address) }
}
