//! From the kind of a plan to its tasks. Infallible: what can be wrong was refused before.

mod bring_up;
mod guards;
mod sidecar;
mod update;

pub(super) use guards::claim_key;
pub(super) use sidecar::syncs_state;
pub use update::Update;

use super::valid::ValidNode;
use crate::api::{DriftKind, NodePhase, PlanKindName, PlanPhase, PlannedTask, TaskPlan, TaskStatus, UnfinishedTask};
use crate::task::{Task, codec, task_id};

/// Why a plan exists. Stored with the plan; nothing is ever inferred from its tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanKind {
    /// Brings a node up.
    Init(Ground),
    /// Brings a node up through a Job that syncs up to a height.
    Bootstrap(Ground),
    /// Brings up a validator that founds a chain.
    Genesis(Ground),
    /// Makes a running node follow its spec.
    Update(Update),
    /// Opens the sidecar's gate again.
    MarkReady,
    /// Brings back deleted objects.
    Repair(Vec<DriftKind>),
}

/// What earlier plans left behind, for a plan that brings a node up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Ground {
    /// The sidecar configured state sync on this volume before. It never does so twice, so the configuration on disk is
    /// patched instead of rewritten.
    pub state_sync_done: bool,
    /// A pod of an older template may be there: replace it if it is.
    pub roll: bool,
    /// The bootstrap Job reached its height on this volume.
    pub bootstrapped: bool,
    /// Job and Service of a bootstrap may still be there.
    pub bootstrap_left: bool,
}

impl PlanKind {
    /// The word on the wire.
    #[must_use]
    pub fn name(&self) -> PlanKindName {
        match self {
            Self::Init(_) => PlanKindName::Init,
            Self::Bootstrap(_) => PlanKindName::Bootstrap,
            Self::Genesis(_) => PlanKindName::Genesis,
            Self::Update(_) => PlanKindName::Update,
            Self::MarkReady => PlanKindName::MarkReady,
            Self::Repair(_) => PlanKindName::Repair,
        }
    }

    /// What earlier plans left behind, if this one brings a node up.
    #[must_use]
    pub fn ground(&self) -> Option<&Ground> {
        match self {
            Self::Init(ground) | Self::Bootstrap(ground) | Self::Genesis(ground) => Some(ground),
            Self::Update(_) | Self::MarkReady | Self::Repair(_) => None,
        }
    }

    /// Whether the plan makes or replaces the node's pod.
    #[must_use]
    pub fn touches_the_pod(&self) -> bool {
        match self {
            Self::Init(_) | Self::Bootstrap(_) | Self::Genesis(_) => true,
            Self::Update(update) => update.cycles_the_pod(),
            Self::Repair(missing) => missing.contains(&DriftKind::StatefulSet),
            Self::MarkReady => false,
        }
    }

    /// What the plan stores of the differences that it is for.
    pub(super) fn drift(&self) -> Vec<DriftKind> {
        match self {
            Self::Update(update) => update.drift.clone(),
            Self::Repair(missing) => missing.clone(),
            Self::Init(_) | Self::Bootstrap(_) | Self::Genesis(_) | Self::MarkReady => Vec::new(),
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
    /// What earlier plans may have left half done.
    pub in_doubt: Vec<DriftKind>,
    /// Tasks of earlier plans that the sidecar may still run.
    pub unfinished: Vec<UnfinishedTask>,
}

/// The plan of that kind for this node.
#[must_use]
pub fn build(node: &ValidNode, request: &PlanRequest<'_>) -> TaskPlan {
    let tasks = match request.kind {
        PlanKind::Init(ground) => bring_up::init(node, request, ground),
        PlanKind::Bootstrap(ground) => bring_up::bootstrap(node, request, ground),
        PlanKind::Genesis(ground) => bring_up::genesis(node, request, ground),
        PlanKind::Update(update) => update::update(node, request, update),
        PlanKind::MarkReady => vec![Task::MarkReady],
        PlanKind::Repair(missing) => repair(node, request, missing),
    };
    let brings_up = request.kind.ground().is_some();
    TaskPlan {
        id: request.id.to_owned(),
        phase: PlanPhase::Active,
        tasks: tasks.iter().enumerate().map(|(index, task)| planned(request.id, index, task)).collect(),
        target_phase: Some(NodePhase::Running),
        failed_phase: brings_up.then_some(NodePhase::Failed),
        failed_task_index: None,
        failed_task_detail: None,
        kind: Some(request.kind.name()),
        drift: request.kind.drift(),
        in_doubt: if brings_up { Vec::new() } else { request.in_doubt.clone() },
        // Known only when it is stored.
        started_at: None,
        target_generation: (node.generation > 0).then_some(node.generation),
        failures: (request.failures > 0).then_some(request.failures),
        retry_at: None,
        retry_token: node.retry_token.clone(),
        unfinished: request.unfinished.clone(),
    }
}

pub(super) fn planned(plan_id: &str, index: usize, task: &Task) -> PlannedTask {
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

/// A lost StatefulSet takes its pod along, so the gate of the next pod must be opened.
fn repair(node: &ValidNode, request: &PlanRequest<'_>, missing: &[DriftKind]) -> Vec<Task> {
    if missing.contains(&DriftKind::StatefulSet) {
        return update::update(node, request, &Update::default());
    }
    let key = missing.contains(&DriftKind::SigningKeyClaim).then(|| guards::claim_key(node)).flatten();
    let certificate = missing.contains(&DriftKind::Certificate).then(|| guards::certificate(node)).flatten();
    let config = missing.contains(&DriftKind::ProxyConfig).then(|| Task::ApplyRbacProxyConfig(node.key.clone()));
    let service = missing.contains(&DriftKind::Service).then(|| Task::ApplyService(node.key.clone()));
    key.into_iter().chain(certificate).chain(config).chain(service).collect()
}
