//! The sidecar's part of bringing a node up. One progression for every plan (B3): the configuration is written before
//! anything lays its own settings over it (B1), and checked last.

use super::PlanRequest;
use crate::config::{config_intent, incremental_intent};
use crate::node::valid::{InitSource, SyncSettings, ValidNode};
use crate::task::{ConfigureStateSync, DiscoverPeers, PeerQuery, SnapshotRestore, Task};

/// From an empty volume to a configuration that was checked.
pub(super) fn progression(node: &ValidNode, request: &PlanRequest<'_>, state_sync_done: bool) -> Vec<Task> {
    let restore = match node.source {
        InitSource::S3 { target_height, .. } => Some(Task::SnapshotRestore(SnapshotRestore { target_height })),
        InitSource::StateSync(_) | InitSource::Genesis => None,
    };
    let sync = if state_sync_done { None } else { state_sync(&node.source).map(Task::ConfigureStateSync) };
    let mut tasks: Vec<Task> = restore.into_iter().collect();
    tasks.push(Task::ConfigureGenesis);
    tasks.push(config(node, request, state_sync_done));
    tasks.extend(peers(node, request));
    tasks.extend(sync);
    tasks.push(Task::ConfigValidate);
    tasks
}

/// The volume holds the chain's data already: a full configuration switches state sync off, as it should.
pub(super) fn after_bootstrap(node: &ValidNode, request: &PlanRequest<'_>) -> Vec<Task> {
    let mut tasks = vec![Task::ConfigureGenesis, config(node, request, false)];
    tasks.extend(peers(node, request));
    tasks.push(Task::ConfigValidate);
    tasks
}

/// Opens the gate of a production pod.
pub(super) fn open(node: &ValidNode) -> Vec<Task> {
    let publish = node.snapshots.is_some_and(|snapshots| snapshots.publish);
    publish.then_some(Task::SnapshotUpload).into_iter().chain([Task::MarkReady]).collect()
}

pub(super) fn config(node: &ValidNode, request: &PlanRequest<'_>, incremental: bool) -> Task {
    Task::ConfigApply(if incremental {
        incremental_intent(node, request.external_address)
    } else {
        config_intent(node, request.external_address)
    })
}

/// Writes peers into the configuration: those of the other founders, or those that the spec's sources tell.
pub(super) fn peers(node: &ValidNode, request: &PlanRequest<'_>) -> Vec<Task> {
    if node.ceremony.is_some() {
        return vec![Task::SetGenesisPeers];
    }
    let asked = (!node.peers.is_empty()).then(|| peer_queries(node, request.peers));
    asked.map(|sources| Task::DiscoverPeers(DiscoverPeers { sources })).into_iter().collect()
}

/// Whether bringing this node up configures state sync on its volume.
pub(in crate::node) fn syncs_state(node: &ValidNode) -> bool {
    state_sync(&node.source).is_some()
}

fn state_sync(source: &InitSource) -> Option<ConfigureStateSync> {
    let settings = |use_local_snapshot, sync: &SyncSettings| ConfigureStateSync {
        use_local_snapshot,
        trust_period: sync.trust_period.clone(),
        backfill_blocks: sync.backfill_blocks,
    };
    match source {
        InitSource::Genesis => None,
        InitSource::StateSync(sync) => Some(settings(false, sync)),
        InitSource::S3 { sync, .. } => Some(settings(true, sync)),
    }
}

/// One query a source, in order; every label source asks all label peers, as the reference does.
fn peer_queries(node: &ValidNode, label_peers: &[String]) -> Vec<PeerQuery> {
    node.peers
        .iter()
        .filter_map(|peer| {
            if let Some(ec2) = &peer.ec2_tags {
                Some(PeerQuery::Ec2Tags { region: ec2.region.clone(), tags: ec2.tags.clone() })
            } else if let Some(fixed) = &peer.fixed {
                Some(PeerQuery::Static { addresses: fixed.addresses.clone() })
            } else {
                peer.label.as_ref().map(|_| PeerQuery::DnsEndpoints { endpoints: label_peers.to_vec() })
            }
        })
        .collect()
}
