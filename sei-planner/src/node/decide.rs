//! What to do next: start a plan, go on with one, replace it, wait, or nothing.

use super::build::PlanKind;
use super::drift::drift;
use super::observed::{Observed, Presence, SidecarHealth, TaskProbe};
use super::validate::ValidNode;
use crate::api::{
    DriftKind, NodePhase, PlanKindName, PlanPhase, PlannedTask, SeiNodeStatus, TaskPlan, TaskStatus, Time,
};
use crate::task::codec;

/// What a reconcile decided, before anything happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Store a new plan; nothing was under way.
    Start(PlanKind, Vec<String>),
    /// Go on with the stored plan.
    Continue,
    /// Bring back the Service that was deleted under the stored plan; without it the sidecar has no name, and nobody can
    /// say what it works on.
    RestoreService,
    /// Store a new plan in place of the active one.
    Supersede(PlanKind, Vec<String>),
    /// Do nothing until then (or until something changes).
    Wait(Wait),
    /// Everything is as it should be.
    Idle,
}

/// Why nothing happens now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The last plan failed; it is planned again by itself at this time, if ever.
    AfterFailure(Option<Time>),
    /// The sidecar works on a task that cannot be cancelled; the edit is followed once it ends.
    ForSidecar {
        /// Type of the task.
        task: String,
    },
    /// The claim of a node that ran is gone; a person must say that an empty one will do.
    DataVolumeLost {
        /// Value the annotation `sei.io/acknowledge` must have.
        token: String,
    },
}

/// Decides from the spec, the stored status and the facts.
#[must_use]
pub fn decide(node: &ValidNode, status: &SeiNodeStatus, seen: &Observed, now: Time) -> Decision {
    if seen.data_volume == Presence::Missing && !node.data_volume.imported {
        return data_volume_lost(node, status);
    }
    match &status.plan {
        Some(plan) if plan.phase == PlanPhase::Active => decide_active(node, status, plan, seen),
        Some(plan) if plan.phase == PlanPhase::Failed => decide_failed(node, status, plan, seen, now),
        Some(_) | None => decide_free(node, status, seen),
    }
}

/// A plan is under way: an edit supersedes it, unless the sidecar works on a task that cannot be cancelled.
fn decide_active(node: &ValidNode, status: &SeiNodeStatus, plan: &TaskPlan, seen: &Observed) -> Decision {
    let edited = plan.target_generation.is_some_and(|target| target != node.generation);
    let lost = statefulset_lost_under(plan, seen);
    let busy = uncancellable(plan, seen).filter(|_| edited || lost.is_some());
    if seen.service == Presence::Missing && (busy.is_some() || completed(plan, "apply-service")) {
        return Decision::RestoreService;
    }
    if status.phase() == NodePhase::Running && misses_more(plan, seen) {
        return in_its_place(node, status, seen);
    }
    if !edited && lost.is_none() {
        return Decision::Continue;
    }
    if let Some(task) = busy {
        return Decision::Wait(Wait::ForSidecar { task });
    }
    let why = lost.unwrap_or_else(|| {
        format!(
            "generation {} of the spec replaces generation {}",
            node.generation,
            plan.target_generation.unwrap_or(0)
        )
    });
    successor(node, status, plan, seen, why)
}

/// What takes the place of an active plan. A node that runs gets an update plan even without drift in the records: the
/// template of the old plan may have been applied, and reverting the edit must roll it back.
fn successor(node: &ValidNode, status: &SeiNodeStatus, plan: &TaskPlan, seen: &Observed, why: String) -> Decision {
    if status.phase() != NodePhase::Running {
        return Decision::Supersede(init(status, Some(plan), seen), vec![why]);
    }
    if plan.tasks.iter().any(|task| task.kind == "apply-statefulset") {
        let drift = drift(node, status).into_iter().map(|(kind, _)| kind).collect();
        return Decision::Supersede(PlanKind::Update(drift), vec![why]);
    }
    in_its_place(node, status, seen)
}

/// What a node that runs needs now, in place of the active plan.
fn in_its_place(node: &ValidNode, status: &SeiNodeStatus, seen: &Observed) -> Decision {
    match decide_free(node, status, seen) {
        Decision::Start(kind, why) => Decision::Supersede(kind, why),
        // Nothing is asked for that the plan stands in the way of.
        Decision::Continue
        | Decision::RestoreService
        | Decision::Supersede(..)
        | Decision::Wait(_)
        | Decision::Idle => Decision::Continue,
    }
}

/// The sidecar task that must end before the plan can be replaced, if there is one.
fn uncancellable(plan: &TaskPlan, seen: &Observed) -> Option<String> {
    let current = next_write(plan, &seen.finished)?;
    let sidecar_may_run = seen.pod.as_ref().is_some_and(|pod| pod.sidecar_running);
    let busy = match seen.in_flight {
        TaskProbe::Running => true,
        // Nobody answers: while the container runs, the task may, too.
        TaskProbe::Unreachable => sidecar_may_run,
        TaskProbe::NotAsked => current.status == TaskStatus::Running,
        TaskProbe::Idle => false,
    };
    busy.then(|| current.kind.clone())
}

/// The first task that is to write the data volume and is complete neither in the plan nor, by `finished`, in the
/// sidecar. A plan in status may be behind: one reconcile runs many tasks, and its only write may get lost.
#[must_use]
pub fn next_write<'a>(plan: &'a TaskPlan, finished: &[String]) -> Option<&'a PlannedTask> {
    let open = |task: &&PlannedTask| task.status != TaskStatus::Complete && !finished.contains(&task.id);
    let writes = |task: &&PlannedTask| codec::decode(&task.kind, &task.params).is_ok_and(|task| task.writes_volume());
    plan.tasks.iter().filter(open).find(writes)
}

fn completed(plan: &TaskPlan, kind: &str) -> bool {
    plan.tasks.iter().any(|task| task.kind == kind && task.status == TaskStatus::Complete)
}

/// Whether a child is gone that the plan has no task for: without it the plan may never end.
fn misses_more(plan: &TaskPlan, seen: &Observed) -> bool {
    let has = |kind| plan.tasks.iter().any(|task| task.kind == kind);
    (seen.statefulset == Presence::Missing && !has("apply-statefulset"))
        || (seen.service == Presence::Missing && !has("apply-service"))
}

/// Somebody deleted the StatefulSet that the plan had applied.
fn statefulset_lost_under(plan: &TaskPlan, seen: &Observed) -> Option<String> {
    let lost = completed(plan, "apply-statefulset") && seen.statefulset == Presence::Missing;
    lost.then(|| "the StatefulSet was deleted".to_owned())
}

fn decide_failed(node: &ValidNode, status: &SeiNodeStatus, plan: &TaskPlan, seen: &Observed, now: Time) -> Decision {
    let edited = plan.target_generation.is_some_and(|target| target != node.generation);
    let asked = node.retry_token.is_some() && node.retry_token != plan.retry_token;
    let due = plan.retry_at.is_some_and(|at| at <= now);
    if !(edited || asked || due) {
        return Decision::Wait(Wait::AfterFailure(plan.retry_at));
    }
    if status.phase() == NodePhase::Running {
        // The failed update may have applied its template: the next plan compares the pod with it again.
        let decision = decide_free(node, status, seen);
        let unproven = plan.kind == Some(PlanKindName::Update) && decision == Decision::Idle;
        return if unproven {
            Decision::Start(PlanKind::Update(Vec::new()), vec!["the last update failed".to_owned()])
        } else {
            decision
        };
    }
    Decision::Start(init(status, Some(plan), seen), vec!["the last plan failed".to_owned()])
}

/// Nothing is under way.
fn decide_free(node: &ValidNode, status: &SeiNodeStatus, seen: &Observed) -> Decision {
    if status.phase() != NodePhase::Running {
        let plan = init(status, status.plan.as_ref(), seen);
        return Decision::Start(plan, vec!["the node is new".to_owned()]);
    }
    let missing: Vec<DriftKind> = [(DriftKind::StatefulSet, seen.statefulset), (DriftKind::Service, seen.service)]
        .into_iter()
        .filter(|(_, presence)| *presence == Presence::Missing)
        .map(|(kind, _)| kind)
        .collect();
    let drift = drift(node, status);
    if !drift.is_empty() {
        let (kinds, why) = drift.into_iter().unzip();
        return Decision::Start(PlanKind::Update(kinds), why);
    }
    if !missing.is_empty() {
        let why = missing.iter().map(|kind| format!("the {kind:?} is gone")).collect();
        return Decision::Start(PlanKind::Repair(missing), why);
    }
    if seen.sidecar == SidecarHealth::NotReady {
        return Decision::Start(PlanKind::MarkReady, vec!["the sidecar lost its ready flag".to_owned()]);
    }
    Decision::Idle
}

/// A lost claim is never made anew in silence: somebody may still have the disk.
fn data_volume_lost(node: &ValidNode, status: &SeiNodeStatus) -> Decision {
    let token = data_loss_token(node, status);
    if node.acknowledgement.as_deref() != Some(token.as_str()) {
        return Decision::Wait(Wait::DataVolumeLost { token });
    }
    let why = format!("the claim {} is gone and an empty one was accepted", node.data_volume.claim);
    let kind = PlanKind::Init { state_sync_done: false, roll: true };
    match &status.plan {
        Some(plan) if plan.phase == PlanPhase::Active => Decision::Supersede(kind, vec![why]),
        Some(_) | None => Decision::Start(kind, vec![why]),
    }
}

/// Fits this loss only: the plan that follows an answer has another id, so the answer to a second loss is another one.
fn data_loss_token(node: &ValidNode, status: &SeiNodeStatus) -> String {
    let plan = status.plan.as_ref().map_or("", |plan| plan.id.as_str());
    let situation = format!("{}/{}/{plan}", node.uid, node.data_volume.claim);
    crate::task::task_id(&situation, "acknowledge-data-volume-lost", 0).chars().take(8).collect()
}

/// An init plan for a node in this state: what an earlier plan did for good is not done twice.
fn init(status: &SeiNodeStatus, earlier: Option<&TaskPlan>, seen: &Observed) -> PlanKind {
    let state_sync_done = status.state_sync_configured == Some(true)
        || earlier.is_some_and(|plan| state_sync_done_in(plan, &seen.finished));
    PlanKind::Init { state_sync_done, roll: seen.statefulset == Presence::Present || seen.pod.is_some() }
}

fn state_sync_done_in(plan: &TaskPlan, finished: &[String]) -> bool {
    let done = |task: &PlannedTask| task.status == TaskStatus::Complete || finished.contains(&task.id);
    plan.tasks.iter().any(|task| task.kind == "configure-state-sync" && done(task))
}
