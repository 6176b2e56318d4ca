//! What to do next: start a plan, go on with one, replace it, wait, or nothing.

use super::build::{Ground, PlanKind, Update};
use super::drift::{ConfigChange, DRIFT, config_change, drift};
use super::observed::{Observed, Presence, SidecarHealth, TaskProbe};
use super::records::publishes;
use super::valid::ValidNode;
use crate::api::{
    DriftKind, NodePhase, PlanKindName, PlanPhase, PlannedTask, SeiNodeStatus, TaskPlan, TaskStatus, Time,
};
use crate::task::{Task, answer_token, codec};

const AWAIT_CAUGHT_UP: &str = "await-caught-up";
/// Where a plan gives a key to a node that runs, these stand before anything is done to the pod.
const BEFORE_THE_KEY: [&str; 2] = [AWAIT_CAUGHT_UP, "claim-signing-key"];

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
    /// Somebody holds the operator off, also in the middle of a plan.
    Paused,
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
    /// The Secret with the certificate of the TLS proxy cannot be used; the condition `SidecarTLSSecretReady` says why.
    ForTlsSecret {
        /// What is wrong with it.
        why: String,
    },
}

/// Decides from the spec, the stored status and the facts.
#[must_use]
pub fn decide(node: &ValidNode, status: &SeiNodeStatus, seen: &Observed, now: Time) -> Decision {
    if node.paused {
        return Decision::Wait(Wait::Paused);
    }
    gate(node, seen, decide_ungated(node, status, seen, now))
}

/// No plan makes or replaces a pod while the Secret with its certificate cannot be used. Where an issuer is asked for it,
/// the plan itself does that, and waits.
fn gate(node: &ValidNode, seen: &Observed, decision: Decision) -> Decision {
    match (&decision, &seen.tls_secret) {
        (Decision::Start(kind, _) | Decision::Supersede(kind, _), Some(secret))
            if !secret.ready && node.tls_issuer().is_none() && kind.touches_the_pod() =>
        {
            Decision::Wait(Wait::ForTlsSecret { why: secret.message.clone() })
        }
        _ => decision,
    }
}

fn decide_ungated(node: &ValidNode, status: &SeiNodeStatus, seen: &Observed, now: Time) -> Decision {
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
    let lost = lost_under(node, plan, seen);
    let busy = uncancellable(plan, seen).filter(|_| edited || lost.is_some());
    if seen.service == Presence::Missing && (busy.is_some() || service_task(plan).is_some()) {
        return Decision::RestoreService;
    }
    if status.phase() == NodePhase::Running && misses_more(node, plan, seen) {
        return in_its_place(node, status, seen).unwrap_or(Decision::Continue);
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
        let (kind, remark) = bring_up(node, status, Some(plan), seen);
        return Decision::Supersede(kind, [why].into_iter().chain(remark).collect());
    }
    let (update, said) = update(node, status, seen, Some(plan));
    if !update.drift.is_empty() || may_apply_the_template(plan) {
        return Decision::Supersede(PlanKind::Update(update), [why].into_iter().chain(said).collect());
    }
    // Without drift, and with nothing missing, only the gate is left, which nobody looked at while the plan ran.
    in_its_place(node, status, seen).unwrap_or_else(|| Decision::Supersede(PlanKind::MarkReady, vec![why]))
}

/// What a node that runs needs now, in place of the active plan; `None` when nothing is asked for that the plan stands in
/// the way of.
fn in_its_place(node: &ValidNode, status: &SeiNodeStatus, seen: &Observed) -> Option<Decision> {
    match decide_free(node, status, seen) {
        Decision::Start(kind, why) => Some(Decision::Supersede(kind, why)),
        Decision::Continue
        | Decision::RestoreService
        | Decision::Supersede(..)
        | Decision::Wait(_)
        | Decision::Idle => None,
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
pub fn next_write<'a>(plan: &'a TaskPlan, finished: &'a [String]) -> Option<&'a PlannedTask> {
    open_writes(plan, finished).next()
}

/// All such tasks, in their order.
pub(super) fn open_writes<'a>(plan: &'a TaskPlan, finished: &'a [String]) -> impl Iterator<Item = &'a PlannedTask> {
    let open = |task: &&PlannedTask| task.status != TaskStatus::Complete && !finished.contains(&task.id);
    plan.tasks.iter().filter(move |task| open(task)).filter(|task| writes_volume(task))
}

/// Whether the sidecar writes the data volume for this task.
#[must_use]
pub fn writes_volume(task: &PlannedTask) -> bool {
    codec::decode(&task.kind, &task.params).is_ok_and(|task| task.writes_volume())
}

/// Tasks of the bootstrap that the sidecar of production may go on with, for the first task that speaks to it: a Job may
/// end under a task, because its seid does not wait for tasks of a plan that took the place of another.
pub fn left_by_the_bootstrap(plan: &TaskPlan, index: usize) -> impl Iterator<Item = &PlannedTask> {
    let before = plan.tasks.get(..index).unwrap_or_default();
    let last = |kind: &str| before.iter().rposition(|task| task.kind == kind);
    let stage = last("deploy-bootstrap-job").zip(last("teardown-bootstrap"));
    let stage = stage.filter(|(_, end)| !before.iter().skip(*end).any(writes_volume));
    let tasks = stage.and_then(|(begin, end)| before.get(begin..end)).unwrap_or_default();
    tasks.iter().filter(|task| writes_volume(task))
}

/// The task that made the Service which should be there now, if the plan made one: the bootstrap's until it is torn down,
/// then production's.
#[must_use]
pub fn service_task(plan: &TaskPlan) -> Option<&PlannedTask> {
    let done = |kind: &str| plan.tasks.iter().find(|task| task.kind == kind && task.status == TaskStatus::Complete);
    let torn_down = plan.tasks.iter().any(|task| {
        task.kind == "teardown-bootstrap" && (task.status != TaskStatus::Pending || task.waiting_since.is_some())
    });
    done("apply-service").or_else(|| done("deploy-bootstrap-service").filter(|_| !torn_down))
}

/// The task that makes the Service which should be there now, also when it did not come to that yet: the pod that an earlier
/// plan left has no name without it.
#[must_use]
pub fn service_task_to_come(plan: &TaskPlan) -> Option<&PlannedTask> {
    let makes = |task: &&PlannedTask| ["deploy-bootstrap-service", "apply-service"].contains(&task.kind.as_str());
    let open = |task: &&PlannedTask| task.status != TaskStatus::Complete;
    service_task(plan).or_else(|| plan.tasks.iter().filter(makes).find(open))
}

/// Whether a plan brings a node up from what is on its volume already: then no other volume will do.
#[must_use]
pub fn builds_on_data(plan: &TaskPlan) -> bool {
    let incremental = |task: &PlannedTask| matches!(codec::decode(&task.kind, &task.params), Ok(Task::ConfigApply(intent)) if intent.incremental);
    let fills = |task: &PlannedTask| ["deploy-bootstrap-job", "snapshot-restore"].contains(&task.kind.as_str());
    let bootstrapped = plan.kind_name() == PlanKindName::Bootstrap && !plan.tasks.iter().any(fills);
    plan.brings_up() && (bootstrapped || plan.tasks.iter().any(incremental))
}

fn completed(plan: &TaskPlan, kind: &str) -> bool {
    plan.tasks.iter().any(|task| task.kind == kind && task.status == TaskStatus::Complete)
}

/// Whether a child is gone that the plan has no task for: without it the plan may never end.
fn misses_more(node: &ValidNode, plan: &TaskPlan, seen: &Observed) -> bool {
    let has = |kind| plan.tasks.iter().any(|task| task.kind == kind);
    (seen.statefulset.is_lost() && !has("apply-statefulset"))
        || (seen.service == Presence::Missing && !has("apply-service"))
        || (proxy_config_gone(node, seen) && !has("apply-rbac-proxy-config"))
}

/// Somebody deleted or changed what the plan had applied, and without which no pod starts.
fn lost_under(node: &ValidNode, plan: &TaskPlan, seen: &Observed) -> Option<String> {
    let applied = |task| completed(plan, task);
    let why = if applied("apply-statefulset") && seen.statefulset == Presence::Altered {
        "the StatefulSet was changed by somebody else"
    } else if applied("apply-statefulset") && seen.statefulset == Presence::Missing {
        "the StatefulSet was deleted"
    } else if applied("apply-rbac-proxy-config") && proxy_config_gone(node, seen) {
        "the ConfigMap of the TLS proxy was deleted"
    } else {
        return None;
    };
    Some(why.to_owned())
}

fn proxy_config_gone(node: &ValidNode, seen: &Observed) -> bool {
    node.tls.is_some() && seen.proxy_config == Presence::Missing
}

fn decide_failed(node: &ValidNode, status: &SeiNodeStatus, plan: &TaskPlan, seen: &Observed, now: Time) -> Decision {
    let edited = plan.target_generation.is_some_and(|target| target != node.generation);
    let asked = node.retry_token.is_some() && node.retry_token != plan.retry_token;
    let due = plan.retry_at.is_some_and(|at| at <= now);
    if !(edited || asked || due) {
        return Decision::Wait(Wait::AfterFailure(plan.retry_at));
    }
    if status.phase() == NodePhase::Running {
        let failed = plan.failed_task_detail.as_ref().map(|failed| failed.kind.as_str());
        let pod_is_untouched = begins_to_sign(plan) && failed.is_some_and(|kind| BEFORE_THE_KEY.contains(&kind));
        if plan.kind_name() != PlanKindName::Update || pod_is_untouched {
            return decide_free(node, status, seen);
        }
        // The failed update may have applied its template: the next plan compares the pod with it again, whatever else is
        // to be done. An update opens the gate and brings back what is missing, too.
        let (update, said) = update(node, status, seen, Some(plan));
        let why = if said.is_empty() { vec!["the last update failed".to_owned()] } else { said };
        return Decision::Start(PlanKind::Update(update), why);
    }
    let (kind, remark) = bring_up(node, status, Some(plan), seen);
    Decision::Start(kind, ["the last plan failed".to_owned()].into_iter().chain(remark).collect())
}

/// Whether the plan gives a consensus key to a node that runs without one.
#[must_use]
pub fn begins_to_sign(plan: &TaskPlan) -> bool {
    plan.tasks.iter().any(|task| task.kind == AWAIT_CAUGHT_UP)
}

/// Nothing is under way.
fn decide_free(node: &ValidNode, status: &SeiNodeStatus, seen: &Observed) -> Decision {
    if status.phase() != NodePhase::Running {
        let (kind, remark) = bring_up(node, status, status.plan.as_ref(), seen);
        return Decision::Start(kind, ["the node is new".to_owned()].into_iter().chain(remark).collect());
    }
    let missing = missing(node, seen);
    let missing = if unclaimed(node, status) { [missing, vec![DriftKind::SigningKeyClaim]].concat() } else { missing };
    let (update, why) = update(node, status, seen, None);
    // Whether a node has caught up only its running seid can tell.
    let stands_still = seen.sidecar == SidecarHealth::NotReady || seen.statefulset.is_lost();
    let too_early = update.drift.contains(&DriftKind::SigningKey) && stands_still;
    if !update.drift.is_empty() && !too_early {
        return Decision::Start(PlanKind::Update(update), why);
    }
    if !missing.is_empty() {
        let why = missing.iter().map(|kind| format!("{} is {}", kind.subject(), fate(*kind, seen))).collect();
        return Decision::Start(PlanKind::Repair(missing), why);
    }
    if seen.sidecar == SidecarHealth::NotReady {
        return Decision::Start(PlanKind::MarkReady, vec!["the sidecar lost its ready flag".to_owned()]);
    }
    Decision::Idle
}

/// What a node that runs needs to follow its spec, with a sentence on each difference. What an earlier plan may have left
/// half done counts as different, too: nobody stamped it, and it may be there.
fn update(
    node: &ValidNode,
    status: &SeiNodeStatus,
    seen: &Observed,
    earlier: Option<&TaskPlan>,
) -> (Update, Vec<String>) {
    let (differs, said): (Vec<_>, Vec<_>) = drift(node, status, seen.pod.as_ref()).into_iter().unzip();
    let doubted = in_doubt(node, status, seen);
    let rewrite = doubted.iter().any(|kind| is_configuration(*kind));
    let config = if rewrite { ConfigChange::Rewrite } else { config_change(node, status) };
    let uploaded = status.applied.as_ref().is_none_or(publishes);
    let starts_upload = !uploaded && node.snapshots.is_some_and(|snapshots| snapshots.publish);
    // A node is asked whether it has caught up before it gets a key, and a plan under way may have stopped its seid: what is
    // under way comes to its end first, without the key.
    let later = |kind: DriftKind| is_key(kind) && earlier.is_some_and(|plan| !plan.drift.contains(&kind));
    let order = DRIFT.iter().map(|(kind, _)| *kind).chain([DriftKind::Refresh]);
    let drift = order.filter(|kind| (differs.contains(kind) && !later(*kind)) || doubted.contains(kind)).collect();
    let template_in_doubt = template_in_doubt(status, seen);
    (Update { drift, config, starts_upload, template_in_doubt }, said)
}

/// Whether an earlier plan may have brought another template, or what a pod needs to be made and to be called is gone.
fn template_in_doubt(status: &SeiNodeStatus, seen: &Observed) -> bool {
    let unended = status.plan.as_ref().filter(|plan| plan.phase != PlanPhase::Complete);
    unended.is_some_and(may_apply_the_template) || seen.statefulset.is_lost() || seen.service == Presence::Missing
}

/// Whether a task of this plan applies the StatefulSet, or one that cannot be read might.
fn may_apply_the_template(plan: &TaskPlan) -> bool {
    let unreadable = |task: &PlannedTask| codec::decode(&task.kind, &task.params).is_err();
    plan.tasks.iter().any(|task| task.kind == "apply-statefulset" || unreadable(task))
}

fn is_key(kind: DriftKind) -> bool {
    matches!(kind, DriftKind::SigningKey | DriftKind::NodeKey)
}

/// What plans that did not end may have changed outside of the StatefulSet, which every update applies anyway: what the last one
/// was in doubt about itself, and what it may have done. Only an update that ended ends the doubt.
pub(super) fn in_doubt(node: &ValidNode, status: &SeiNodeStatus, seen: &Observed) -> Vec<DriftKind> {
    let Some(plan) = status.plan.as_ref().filter(|plan| !plan.brings_up()) else { return Vec::new() };
    let updated = plan.kind_name() == PlanKindName::Update && plan.phase == PlanPhase::Complete;
    let written = plan.phase != PlanPhase::Complete && configuration_was_written(plan, seen);
    let may_have_done = |kind: DriftKind| {
        plan.phase != PlanPhase::Complete
            && ([DriftKind::SidecarTls, DriftKind::SidecarIssuer].contains(&kind)
                || (written && is_configuration(kind)))
    };
    let doubted = |kind: DriftKind| {
        let applies = kind != DriftKind::SidecarIssuer || node.tls_issuer().is_some();
        applies && (plan.in_doubt.contains(&kind) || (plan.drift.contains(&kind) && may_have_done(kind)))
    };
    DRIFT.iter().map(|(kind, _)| *kind).filter(|kind| !updated && doubted(*kind)).collect()
}

/// Whether seid reads it from the files that the sidecar writes.
fn is_configuration(kind: DriftKind) -> bool {
    match kind {
        DriftKind::Overrides | DriftKind::Peers | DriftKind::SnapshotGeneration | DriftKind::Mode => true,
        DriftKind::Image
        | DriftKind::StatefulSet
        | DriftKind::Service
        | DriftKind::ProxyConfig
        | DriftKind::Certificate
        | DriftKind::SigningKeyClaim
        | DriftKind::SidecarImage
        | DriftKind::SidecarPort
        | DriftKind::SidecarResources
        | DriftKind::SidecarTls
        | DriftKind::SidecarIssuer
        | DriftKind::SigningKey
        | DriftKind::NodeKey
        | DriftKind::OperatorKeyring
        | DriftKind::PodLabels
        | DriftKind::Refresh => false,
    }
}

/// Whether an update plan may have written the configuration: not while the pod is there that it replaces first, and not
/// when the sidecar says that it was not asked.
fn configuration_was_written(plan: &TaskPlan, seen: &Observed) -> bool {
    let writes: Vec<&PlannedTask> = plan.tasks.iter().filter(|task| writes_volume(task)).collect();
    let begun = |task: &&PlannedTask| task.status != TaskStatus::Pending || task.retry_count > 0;
    if writes.is_empty() || writes.iter().any(begun) || !seen.finished.is_empty() {
        return !writes.is_empty();
    }
    let replaced = plan.tasks.iter().find_map(|task| match codec::decode(&task.kind, &task.params) {
        Ok(Task::ReplacePod(replace)) => Some(replace.pod_uid),
        Ok(_) | Err(_) => None,
    });
    let old_pod_is_there = seen.pod.as_ref().is_some_and(|pod| replaced.as_deref() == Some(pod.uid.as_str()));
    !old_pod_is_there && seen.in_flight != TaskProbe::Idle
}

/// What happened to a lost object.
fn fate(kind: DriftKind, seen: &Observed) -> &'static str {
    if kind == DriftKind::StatefulSet && seen.statefulset == Presence::Altered {
        "not as it was applied"
    } else {
        "gone"
    }
}

/// Objects of the node that somebody deleted or changed.
fn missing(node: &ValidNode, seen: &Observed) -> Vec<DriftKind> {
    let owned = [
        (DriftKind::StatefulSet, seen.statefulset, true),
        (DriftKind::Service, seen.service, true),
        (DriftKind::ProxyConfig, seen.proxy_config, node.tls.is_some()),
        (DriftKind::Certificate, seen.certificate, node.tls_issuer().is_some()),
    ];
    let gone = |(kind, presence, wanted): (DriftKind, Presence, bool)| (wanted && presence.is_lost()).then_some(kind);
    owned.into_iter().filter_map(gone).collect()
}

/// A node that runs with a consensus key and was taken over from an operator that kept no record of it.
fn unclaimed(node: &ValidNode, status: &SeiNodeStatus) -> bool {
    let mounted = status.observed_mode.is_none() || node.signing_key == status.signing_key_mounted_secret;
    node.signing_key.is_some() && mounted && status.signing_key_leases.is_empty()
}

/// A lost claim is never made anew in silence: somebody may still have the disk.
fn data_volume_lost(node: &ValidNode, status: &SeiNodeStatus) -> Decision {
    let token = data_loss_token(node, status);
    if !node.is_told(&token) {
        return Decision::Wait(Wait::DataVolumeLost { token });
    }
    let why = format!("the claim {} is gone and an empty one was accepted", node.data_volume.claim);
    let kind = anew(node, status);
    match &status.plan {
        Some(plan) if plan.phase == PlanPhase::Active => Decision::Supersede(kind, vec![why]),
        Some(_) | None => Decision::Start(kind, vec![why]),
    }
}

/// Fits this loss only: the plan that follows an answer has another id, so the answer to a second loss is another one.
fn data_loss_token(node: &ValidNode, status: &SeiNodeStatus) -> String {
    let plan = status.plan.as_ref().map_or("", |plan| plan.id.as_str());
    let situation = format!("{}/{}/{plan}", node.uid, node.data_volume.claim);
    answer_token(&situation, "acknowledge-data-volume-lost")
}

/// The plan for an empty volume under a node that ran: nothing of what was done to the old volume counts.
fn anew(node: &ValidNode, status: &SeiNodeStatus) -> PlanKind {
    let bootstrap_left = status.plan.as_ref().is_some_and(leaves_bootstrap);
    let ground = Ground { roll: true, bootstrap_left, ..Ground::default() };
    if node.ceremony.is_some() { PlanKind::Genesis(ground) } else { PlanKind::Init(ground) }
}

/// The plan that brings a node in this state up, and a remark where it is not the one that the spec suggests: what an
/// earlier plan did for good is not done twice.
fn bring_up(
    node: &ValidNode,
    status: &SeiNodeStatus,
    earlier: Option<&TaskPlan>,
    seen: &Observed,
) -> (PlanKind, Option<String>) {
    let did = |kind: &str| earlier.is_some_and(|plan| done_in(plan, kind, &seen.finished));
    let ground = Ground {
        state_sync_done: status.state_sync_configured == Some(true) || did("configure-state-sync"),
        roll: [Presence::Present, Presence::Altered].contains(&seen.statefulset) || seen.pod.is_some(),
        bootstrapped: status.bootstrapped_height.is_some() || did("await-bootstrap-complete"),
        bootstrap_left: earlier.is_some_and(leaves_bootstrap),
    };
    if node.ceremony.is_some() {
        return (PlanKind::Genesis(ground), None);
    }
    if ground.bootstrapped {
        return (PlanKind::Bootstrap(ground), None);
    }
    match node.bootstrap() {
        None => (PlanKind::Init(ground), None),
        Some(_) if !ground.roll => (PlanKind::Bootstrap(ground), None),
        // Two pods must not share the disk.
        Some(_) => {
            let remark =
                "the node has a production pod already: the snapshot is restored there, without a bootstrap Job";
            (PlanKind::Init(ground), Some(remark.to_owned()))
        }
    }
}

fn done_in(plan: &TaskPlan, kind: &str, finished: &[String]) -> bool {
    let done = |task: &PlannedTask| task.status == TaskStatus::Complete || finished.contains(&task.id);
    plan.tasks.iter().any(|task| task.kind == kind && done(task))
}

/// Whether Job and Service of a bootstrap may outlive the plan. Its status may be behind, so a task that was not begun
/// counts, too.
fn leaves_bootstrap(plan: &TaskPlan) -> bool {
    let has = |kind: &str| plan.tasks.iter().any(|task| task.kind == kind);
    (has("deploy-bootstrap-job") || has("teardown-bootstrap")) && !completed(plan, "teardown-bootstrap")
}
