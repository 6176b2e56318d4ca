//! From the kind of a plan to its tasks. Infallible: what can be wrong was refused before.

use super::validate::{InitSource, SyncSettings, ValidNode};
use crate::api::{DriftKind, NodePhase, PlanKindName, PlanPhase, PlannedTask, TaskPlan, TaskStatus, UnfinishedTask};
use crate::config::{config_intent, incremental_intent};
use crate::task::{
    ConfigureStateSync, DiscoverPeers, ObserveImage, PeerQuery, ReplacePod, SnapshotRestore, Task, codec, task_id,
};

/// Why a plan exists. Stored with the plan; nothing is ever inferred from its tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanKind {
    /// Brings a node up.
    Init {
        /// The sidecar configured state sync on this volume before. It never does so twice, so the configuration on
        /// disk is patched instead of rewritten.
        state_sync_done: bool,
        /// A pod of an older template may be there: replace it if it is.
        roll: bool,
    },
    /// Makes a running node follow its spec.
    Update(Vec<DriftKind>),
    /// Opens the sidecar's gate again.
    MarkReady,
    /// Brings back deleted objects.
    Repair(Vec<DriftKind>),
}

impl PlanKind {
    /// The word on the wire.
    #[must_use]
    pub fn name(&self) -> PlanKindName {
        match self {
            Self::Init { .. } => PlanKindName::Init,
            Self::Update(_) => PlanKindName::Update,
            Self::MarkReady => PlanKindName::MarkReady,
            Self::Repair(_) => PlanKindName::Repair,
        }
    }

    fn drift(&self) -> Vec<DriftKind> {
        match self {
            Self::Update(drift) | Self::Repair(drift) => drift.clone(),
            Self::Init { .. } | Self::MarkReady => Vec::new(),
        }
    }
}

/// What a plan is built from, beside the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanRequest<'a> {
    /// Why the plan exists.
    pub kind: &'a PlanKind,
    /// UUID v4 that no plan had before.
    pub id: &'a str,
    /// Uid of the node's pod, empty when there is none.
    pub pod_uid: &'a str,
    /// Host names of the label peers.
    pub peers: &'a [String],
    /// `status.externalAddress`.
    pub external_address: Option<&'a str>,
    /// Plans in a row before this one that ran out of retries.
    pub failures: i32,
    /// Tasks of earlier plans that the sidecar may still run.
    pub unfinished: Vec<UnfinishedTask>,
}

/// The plan of that kind for this node.
#[must_use]
pub fn build(node: &ValidNode, request: &PlanRequest<'_>) -> TaskPlan {
    let tasks = match request.kind {
        PlanKind::Init { state_sync_done, roll } => init(node, request, *state_sync_done, *roll),
        PlanKind::Update(_) => update(node, request),
        PlanKind::MarkReady => vec![Task::MarkReady],
        PlanKind::Repair(missing) => repair(node, request, missing),
    };
    let failed_phase = match request.kind {
        PlanKind::Init { .. } => Some(NodePhase::Failed),
        PlanKind::Update(_) | PlanKind::MarkReady | PlanKind::Repair(_) => None,
    };
    TaskPlan {
        id: request.id.to_owned(),
        phase: PlanPhase::Active,
        tasks: tasks.iter().enumerate().map(|(index, task)| planned(request.id, index, task)).collect(),
        target_phase: Some(NodePhase::Running),
        failed_phase,
        failed_task_index: None,
        failed_task_detail: None,
        kind: Some(request.kind.name()),
        drift: request.kind.drift(),
        target_generation: (node.generation > 0).then_some(node.generation),
        failures: (request.failures > 0).then_some(request.failures),
        retry_at: None,
        retry_token: node.retry_token.clone(),
        unfinished: match request.kind {
            PlanKind::Init { .. } => request.unfinished.clone(),
            // Plans of a node that runs write nothing on the volume.
            PlanKind::Update(_) | PlanKind::MarkReady | PlanKind::Repair(_) => Vec::new(),
        },
    }
}

fn planned(plan_id: &str, index: usize, task: &Task) -> PlannedTask {
    PlannedTask {
        kind: task.kind().to_owned(),
        id: task_id(plan_id, task.kind(), index),
        status: TaskStatus::Pending,
        params: codec::stored_params(task),
        submitted_at: None,
        error: String::new(),
        max_retries: task.max_retries(),
        retry_count: 0,
        not_before: None,
        waiting_for: None,
        waiting_since: None,
    }
}

fn init(node: &ValidNode, request: &PlanRequest<'_>, state_sync_done: bool, roll: bool) -> Vec<Task> {
    let mut tasks = vec![
        Task::EnsureDataPvc(node.key.clone()),
        Task::ApplyStatefulSet(node.key.clone()),
        Task::ApplyService(node.key.clone()),
    ];
    if roll {
        tasks.push(replace_pod(node, request));
    }
    tasks.extend(progression(node, request, state_sync_done));
    tasks
}

/// The sidecar's part of bringing a node up.
fn progression(node: &ValidNode, request: &PlanRequest<'_>, state_sync_done: bool) -> Vec<Task> {
    let mut tasks = Vec::new();
    if let InitSource::S3 { target_height, .. } = node.source {
        tasks.push(Task::SnapshotRestore(SnapshotRestore { target_height }));
    }
    tasks.push(Task::ConfigureGenesis);
    tasks.push(Task::ConfigApply(if state_sync_done {
        incremental_intent(node, request.external_address)
    } else {
        config_intent(node, request.external_address)
    }));
    if !node.peers.is_empty() {
        tasks.push(Task::DiscoverPeers(DiscoverPeers { sources: peer_queries(node, request.peers) }));
    }
    if !state_sync_done {
        tasks.extend(state_sync(&node.source).map(Task::ConfigureStateSync));
    }
    tasks.push(Task::ConfigValidate);
    if node.snapshots.is_some_and(|snapshots| snapshots.publish) {
        tasks.push(Task::SnapshotUpload);
    }
    tasks.push(Task::MarkReady);
    tasks
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

fn update(node: &ValidNode, request: &PlanRequest<'_>) -> Vec<Task> {
    vec![
        Task::ApplyStatefulSet(node.key.clone()),
        Task::ApplyService(node.key.clone()),
        replace_pod(node, request),
        Task::ObserveImage(ObserveImage { node: node.key.clone(), image: node.image.clone() }),
        Task::MarkReady,
    ]
}

/// A lost StatefulSet takes its pod along, so the gate of the next pod must be opened.
fn repair(node: &ValidNode, request: &PlanRequest<'_>, missing: &[DriftKind]) -> Vec<Task> {
    if missing.contains(&DriftKind::StatefulSet) {
        return update(node, request);
    }
    vec![Task::ApplyService(node.key.clone())]
}

fn replace_pod(node: &ValidNode, request: &PlanRequest<'_>) -> Task {
    Task::ReplacePod(ReplacePod { node: node.key.clone(), pod_uid: request.pod_uid.to_owned() })
}
