//! What `status` knows of a node, and prints as JSON and YAML; everything else is drawn from it. Pure: the node, its pods and
//! the time go in. Stable: see the schema that `status --schema` prints.
#![allow(unreachable_pub, reason = "the derive of the schema copies each struct, with its visibility, into a function")]

use schemars::JsonSchema;
use sei_planner::api::{
    Condition, NodePhase, PlanKindName, PlanPhase, PlannedTask, SeiNode, SeiNodeSpec, SeiNodeStatus, TaskPlan,
    TaskStatus, Time,
};
use sei_planner::names::NodeKey;
use serde::Serialize;
use serde_json::Value;

use super::hints::{Hint, hints};
use super::pods::PodReport;
use crate::cli::standing::{Hindrance, Standing, standing};

/// Nodes as they stand: the output of `sei-operator status -o json`. Fields may be added; none is removed or changes its
/// meaning without a new `formatVersion`.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct Report {
    /// Version of this format.
    #[schemars(extend("const" = crate::output::FORMAT_VERSION))]
    pub(in crate::cli) format_version: &'static str,
    /// The nodes, by namespace and name.
    pub(in crate::cli) nodes: Vec<NodeReport>,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct NodeReport {
    /// Namespace.
    pub(in crate::cli) namespace: String,
    /// Name.
    pub(in crate::cli) name: String,
    /// Member of `spec` that chooses the mode; empty where there is not exactly one.
    pub(in crate::cli) mode: &'static str,
    /// Chain the node follows.
    pub(in crate::cli) chain_id: String,
    /// Image of seid that the spec asks for.
    pub(in crate::cli) image: String,
    /// Image of seid that a pod was last seen running.
    pub(in crate::cli) current_image: Option<String>,
    /// Where the node stands in its life.
    pub(in crate::cli) phase: NodePhase,
    /// When the phase last changed.
    pub(in crate::cli) phase_since: Option<Time>,
    /// When the node was made.
    pub(in crate::cli) created_at: Option<Time>,
    /// When somebody asked for its deletion.
    pub(in crate::cli) deleted_at: Option<Time>,
    /// Version of the spec.
    pub(in crate::cli) generation: Option<i64>,
    /// The current plan, or the last one.
    pub(in crate::cli) plan: Option<PlanReport>,
    /// What keeps the node from running as its spec says; absent when nothing does.
    pub(in crate::cli) blocked_by: Option<Hindrance>,
    /// Whether what blocks goes only with a change of the spec, or with an answer of a person.
    pub(in crate::cli) stuck: bool,
    /// Conditions, as in the status.
    pub(in crate::cli) conditions: Vec<Condition>,
    /// Leases of the consensus keys that the node holds, in the operator's namespace.
    pub(in crate::cli) key_leases: Vec<String>,
    /// Where the node is reached, and whom it reaches.
    pub(in crate::cli) network: Network,
    /// The node's pods: that of production, and that of a bootstrap.
    pub(in crate::cli) pods: Vec<PodReport>,
    /// What to do next.
    pub(in crate::cli) hints: Vec<Hint>,
}

/// Where a node is reached, and whom it reaches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct Network {
    /// Host name of its pod, inside the cluster.
    pub(in crate::cli) host: String,
    /// `host:port` for peers outside the cluster.
    pub(in crate::cli) external_address: Option<String>,
    /// Entries of `spec.peers`.
    pub(in crate::cli) peer_sources: usize,
    /// Host names of the SeiNodes that these select.
    pub(in crate::cli) resolved_peers: Vec<String>,
}

/// A plan, and how far it is.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct PlanReport {
    /// Id.
    pub(in crate::cli) id: String,
    /// Why the plan exists; absent in plans of the controller that this operator replaces.
    pub(in crate::cli) kind: Option<PlanKindName>,
    /// Where it stands.
    pub(in crate::cli) phase: PlanPhase,
    /// The differences it removes, or what it brings back.
    pub(in crate::cli) drift: Vec<&'static str>,
    /// When it was stored.
    pub(in crate::cli) started_at: Option<Time>,
    /// Version of the spec it was built from.
    pub(in crate::cli) target_generation: Option<i64>,
    /// Plans in a row, this one included, that ran out of retries.
    pub(in crate::cli) failures: i32,
    /// When the operator plans again by itself after a failure.
    pub(in crate::cli) retry_at: Option<Time>,
    /// Tasks that are complete.
    pub(in crate::cli) done: usize,
    /// The tasks, in the order they run.
    pub(in crate::cli) tasks: Vec<TaskReport>,
}

/// One task of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct TaskReport {
    /// Type.
    #[serde(rename = "type")]
    pub(in crate::cli) kind: String,
    /// Where it stands.
    pub(in crate::cli) status: TaskStatus,
    /// When it was first attempted.
    pub(in crate::cli) submitted_at: Option<Time>,
    /// What it waits for.
    pub(in crate::cli) waiting_for: Option<String>,
    /// Since when.
    pub(in crate::cli) waiting_since: Option<Time>,
    /// No attempt before this time.
    pub(in crate::cli) not_before: Option<Time>,
    /// The last failure, also one that is being retried.
    pub(in crate::cli) last_error: Option<String>,
    /// Failures so far.
    pub(in crate::cli) retries: i32,
    /// How many failures are retried.
    pub(in crate::cli) max_retries: i32,
}

impl NodeReport {
    /// What there is to say of a node with these pods, seen at `now`.
    pub(in crate::cli) fn of(node: &SeiNode, pods: &[Value], now: Time) -> Self {
        let nothing = SeiNodeStatus::default();
        let status = node.status.as_ref().unwrap_or(&nothing);
        let key = NodeKey::of(node);
        let pods: Vec<PodReport> = pods.iter().map(PodReport::of).collect();
        let (blocked_by, stuck) = match standing(Some(node)) {
            Standing::Up | Standing::Gone => (None, false),
            Standing::OnItsWay(hindrance) => (Some(hindrance), false),
            Standing::Stuck(hindrance) => (Some(hindrance), true),
        };
        Self {
            mode: mode(&node.spec),
            chain_id: node.spec.chain_id.clone(),
            image: node.spec.image.clone(),
            current_image: status.current_image.clone(),
            phase: status.phase(),
            phase_since: status.phase_transition_time,
            created_at: node.metadata.creation_timestamp.as_ref().map(|at| Time::at(at.0)),
            deleted_at: node.metadata.deletion_timestamp.as_ref().map(|at| Time::at(at.0)),
            generation: node.metadata.generation,
            plan: status.plan.as_ref().map(PlanReport::of),
            blocked_by,
            stuck,
            conditions: status.conditions.clone(),
            key_leases: status.signing_key_leases.clone(),
            network: Network {
                host: key.pod_host(),
                external_address: status.external_address.clone(),
                peer_sources: node.spec.peers.len(),
                resolved_peers: status.resolved_peers.clone(),
            },
            hints: hints(node, &pods, now),
            pods,
            namespace: key.namespace,
            name: key.name,
        }
    }
}

impl PlanReport {
    fn of(plan: &TaskPlan) -> Self {
        Self {
            id: plan.id.clone(),
            kind: plan.kind,
            phase: plan.phase,
            drift: plan.drift.iter().map(|drift| drift.subject()).collect(),
            started_at: plan.started_at,
            target_generation: plan.target_generation,
            failures: plan.failures.unwrap_or_default(),
            retry_at: plan.retry_at,
            done: plan.tasks.iter().filter(|task| task.status == TaskStatus::Complete).count(),
            tasks: plan.tasks.iter().map(TaskReport::of).collect(),
        }
    }

    /// In a few words: its kind, and how far it is.
    pub(super) fn brief(&self) -> String {
        let kind = self.kind.map_or("plan", PlanKindName::as_str);
        match self.phase {
            PlanPhase::Active => format!("{kind} {}/{}", self.done, self.tasks.len()),
            PlanPhase::Complete => format!("{kind} done"),
            PlanPhase::Failed => format!("{kind} failed"),
        }
    }
}

impl TaskReport {
    fn of(task: &PlannedTask) -> Self {
        Self {
            kind: task.kind.clone(),
            status: task.status,
            submitted_at: task.submitted_at,
            waiting_for: task.waiting_for.clone(),
            waiting_since: task.waiting_since,
            not_before: task.not_before,
            last_error: (!task.error.is_empty()).then(|| task.error.clone()),
            retries: task.retry_count,
            max_retries: task.max_retries,
        }
    }
}

/// The member of the spec that chooses the mode; nothing where there is not exactly one.
fn mode(spec: &SeiNodeSpec) -> &'static str {
    let modes = [
        ("fullNode", spec.full_node.is_some()),
        ("archive", spec.archive.is_some()),
        ("replayer", spec.replayer.is_some()),
        ("validator", spec.validator.is_some()),
    ];
    let mut set = modes.iter().filter(|(_, is_set)| *is_set).map(|(mode, _)| *mode);
    match (set.next(), set.next()) {
        (Some(mode), None) => mode,
        (Some(_) | None, _) => "",
    }
}

/// The JSON Schema of [`Report`].
pub(super) fn schema() -> schemars::Schema {
    crate::output::schema_of::<Report>("sei-operator status")
}
