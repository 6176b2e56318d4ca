//! From the old status and everything that was decided and done to the new status: the only writer of phase and conditions.

use super::build::PlanKind;
use super::decide::{Decision, Wait};
use super::drift::{drift, without_effect};
use super::group::UpdateGroup;
use super::observed::{Observed, SidecarHealth};
use super::problem::Refusal;
use super::records::{note, records};
use super::valid::{TlsSource, ValidNode};
use crate::api::conditions as c;
use crate::api::{
    Condition, ConditionStatus, CurrentSidecarTls, DriftKind, NodePhase, PlanPhase, SeiNodeStatus, SidecarTlsStatus,
    TaskPlan, TaskStatus, Time,
};
use crate::inspect::TlsVerdict;
use crate::step::LOST_GROUND_SECONDS;

/// Most characters of a condition's message, as the schema has it.
const MESSAGE_CHARS_MAX: usize = 32768;

/// Something that a task saw to be true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// A pod of the node runs this image of seid.
    CurrentImage(String),
    /// The sidecar answered that it is ready.
    SidecarReady,
    /// The sidecar configured state sync on the data volume.
    StateSyncConfigured,
    /// This claim is imported, and never deleted.
    ImportedClaim(String),
    /// `metadata.generation` of the StatefulSet after it was applied.
    StatefulSetApplied(i64),
    /// The node holds the consensus key of this Lease.
    SigningKeyHeld(String),
    /// A person must say that a consensus key may move or may sign, or that data may go.
    Ask {
        /// Reason of the condition.
        reason: &'static str,
        /// Why, and what must be true before the answer, in sentences without the last full stop.
        why: String,
        /// Value the annotation `sei.io/acknowledge` must have.
        token: String,
    },
    /// The bootstrap Job reached this height.
    Bootstrapped(i64),
    /// The TLS Secret was looked at.
    TlsSecret(TlsVerdict),
    /// The running pod serves the certificate of this issuer; none, when it has no TLS proxy.
    SidecarTls(Option<CurrentSidecarTls>),
    /// Digest of the pod template that was applied.
    PodTemplate(String),
    /// The node follows its spec in this setting.
    Follows(DriftKind),
    /// Something that a plan needs passed every check, or not.
    Check {
        /// Type of the condition that says so.
        condition: &'static str,
        /// Whether it passed.
        status: ConditionStatus,
        /// Reason of the condition.
        reason: &'static str,
        /// Which check, in words.
        message: String,
    },
}

/// What a reconcile made of a node.
#[derive(Clone, Debug, PartialEq)]
pub enum Ran<'a> {
    /// The spec was refused; nothing was done.
    Refused(&'a Refusal),
    /// A decision was taken.
    Decided {
        /// The node.
        node: &'a ValidNode,
        /// The decision.
        decision: &'a Decision,
        /// The plan as it stands now: a new one, or the stored one after its steps.
        plan: Option<&'a TaskPlan>,
        /// What the steps saw.
        stamps: &'a [Stamp],
    },
}

/// The new status. `generation` is `metadata.generation`.
#[must_use]
pub fn project_status(
    old: &SeiNodeStatus,
    ran: &Ran<'_>,
    seen: &Observed,
    generation: i64,
    now: Time,
) -> SeiNodeStatus {
    let mut next = Projection::of(old, generation, now);
    match ran {
        Ran::Refused(refusal) => next.refuse(refusal),
        Ran::Decided { node, decision, plan, stamps } => {
            next.accept();
            next.status.resolved_peers.clone_from(&seen.peers);
            next.sidecar(&seen.sidecar);
            next.tls(node, seen.tls_secret.as_ref());
            for stamp in *stamps {
                next.stamp(node, stamp);
            }
            next.decision(decision);
            next.question(node, decision, stamps);
            if let Some(plan) = plan {
                next.plan(node, plan);
            }
            next.left_undone(node, seen);
            next.paused(node);
        }
    }
    next.status
}

/// The status of a node that is being deleted.
#[must_use]
pub fn terminating(old: &SeiNodeStatus, now: Time) -> SeiNodeStatus {
    let mut next = Projection::of(old, 0, now);
    next.phase(NodePhase::Terminating);
    next.status
}

/// A status on its way from the stored one to the next.
pub(super) struct Projection<'a> {
    old: &'a SeiNodeStatus,
    pub(super) status: SeiNodeStatus,
    generation: i64,
    pub(super) now: Time,
}

impl<'a> Projection<'a> {
    pub(super) fn of(old: &'a SeiNodeStatus, generation: i64, now: Time) -> Self {
        Self { old, status: old.clone(), generation, now }
    }

    pub(super) fn into_status(self) -> SeiNodeStatus {
        self.status
    }

    fn refuse(&mut self, refusal: &Refusal) {
        if self.status.phase.is_none() {
            self.phase(NodePhase::Pending);
        }
        self.condition(c::SPEC_ACCEPTED, ConditionStatus::False, refusal.reason, &refusal.message());
    }

    fn accept(&mut self) {
        if self.status.condition(c::SPEC_ACCEPTED).is_some() {
            self.condition(c::SPEC_ACCEPTED, ConditionStatus::True, c::ACCEPTED, "the spec is followed");
        }
    }

    fn sidecar(&mut self, health: &SidecarHealth) {
        match health {
            SidecarHealth::NotAsked => {}
            SidecarHealth::Ready => {
                self.condition(c::SIDECAR_READY, ConditionStatus::True, c::READY, "sidecar returned 200");
            }
            SidecarHealth::NotReady => {
                let message = "sidecar returned 503, re-issuing mark-ready";
                self.condition(c::SIDECAR_READY, ConditionStatus::False, c::NOT_READY, message);
            }
            SidecarHealth::Unreachable(error) => {
                let known = self.status.condition(c::SIDECAR_READY).is_some_and(|old| old.reason == c::UNREACHABLE);
                if !known {
                    let message = format!("sidecar Healthz error: {error}");
                    self.condition(c::SIDECAR_READY, ConditionStatus::Unknown, c::UNREACHABLE, &message);
                }
            }
        }
    }

    /// Publishes what a provisioned Secret must be like, and what is to be said of the Secret, whoever made it.
    fn tls(&mut self, node: &ValidNode, verdict: Option<&TlsVerdict>) {
        self.status.sidecar_tls = match node.tls.as_ref().map(|tls| &tls.source) {
            Some(TlsSource::Secret(secret_name)) => Some(SidecarTlsStatus {
                secret_name: secret_name.clone(),
                required_dns_names: node.required_dns_names(),
            }),
            Some(TlsSource::Issuer(_)) | None => None,
        };
        if node.tls.is_none() {
            self.status.conditions.retain(|condition| condition.kind != c::SIDECAR_TLS_SECRET_READY);
            self.status.sidecar_certificate_not_after = None;
        } else if let Some(verdict) = verdict {
            self.tls_secret(verdict);
        }
    }

    fn tls_secret(&mut self, verdict: &TlsVerdict) {
        let status = if verdict.ready { ConditionStatus::True } else { ConditionStatus::False };
        self.condition(c::SIDECAR_TLS_SECRET_READY, status, verdict.reason, &verdict.message);
        self.status.sidecar_certificate_not_after = verdict.expires;
    }

    pub(super) fn stamp(&mut self, node: &ValidNode, stamp: &Stamp) {
        match stamp {
            Stamp::CurrentImage(image) => self.status.current_image = Some(image.clone()),
            Stamp::SidecarReady => self.sidecar(&SidecarHealth::Ready),
            Stamp::StateSyncConfigured => self.status.state_sync_configured = Some(true),
            Stamp::ImportedClaim(claim) => {
                if !self.status.imported_pvcs.contains(claim) {
                    self.status.imported_pvcs.push(claim.clone());
                }
            }
            Stamp::SigningKeyHeld(lease) => {
                if !self.status.signing_key_leases.contains(lease) {
                    self.status.signing_key_leases.push(lease.clone());
                }
            }
            // Asked once everything else is settled.
            Stamp::Ask { .. } => {}
            Stamp::StatefulSetApplied(generation) => self.status.stateful_set_generation = Some(*generation),
            Stamp::Bootstrapped(height) => self.status.bootstrapped_height = Some(*height),
            Stamp::TlsSecret(verdict) => self.tls_secret(verdict),
            Stamp::SidecarTls(issuer) => self.status.current_sidecar_tls.clone_from(issuer),
            Stamp::PodTemplate(digest) => self.status.pod_template = Some(digest.clone()),
            Stamp::Follows(kind) => note(&mut self.status, node, *kind),
            Stamp::Check { condition, status, reason, message } => self.condition(condition, *status, reason, message),
        }
    }

    fn decision(&mut self, decision: &Decision) {
        match decision {
            Decision::Start(kind, why) | Decision::Supersede(kind, why) => self.started(kind, why),
            Decision::Wait(Wait::ForSidecar { task }) => self.wait_for_sidecar(task),
            Decision::Wait(Wait::ForTlsSecret { .. }) => {
                if self.status.phase.is_none() {
                    self.phase(NodePhase::Pending);
                }
            }
            Decision::Wait(Wait::Paused | Wait::AfterFailure(_) | Wait::DataVolumeLost { .. })
            | Decision::Continue
            | Decision::RestoreService
            | Decision::Idle => {}
        }
    }

    fn started(&mut self, kind: &PlanKind, why: &[String]) {
        match kind {
            PlanKind::Update(update) => {
                let reason = update_started(&update.drift);
                self.condition(c::NODE_UPDATE_IN_PROGRESS, ConditionStatus::True, &reason, &why.join("; "));
            }
            PlanKind::Init(ground) | PlanKind::Bootstrap(ground) | PlanKind::Genesis(ground) => {
                self.status.state_sync_configured = ground.state_sync_done.then_some(true);
                self.status.bootstrapped_height = self.status.bootstrapped_height.filter(|_| ground.bootstrapped);
                self.phase(NodePhase::Initializing);
            }
            PlanKind::MarkReady | PlanKind::Repair(_) => {}
        }
    }

    fn wait_for_sidecar(&mut self, kind: &str) {
        let text = format!("the sidecar to finish {kind}; then generation {} of the spec is followed", self.generation);
        let now = self.now;
        let current = self
            .status
            .plan
            .as_mut()
            .and_then(|plan| plan.tasks.iter_mut().find(|task| task.status != TaskStatus::Complete));
        if let Some(task) = current.filter(|task| task.waiting_for.as_deref() != Some(text.as_str())) {
            task.waiting_for = Some(text);
            task.waiting_since = Some(now);
        }
    }

    /// The one question that waits for a person, if there is one.
    fn question(&mut self, node: &ValidNode, decision: &Decision, stamps: &[Stamp]) {
        let by_a_task = stamps.iter().find_map(|stamp| match stamp {
            Stamp::Ask { reason, why, token } => Some((*reason, why.clone(), token)),
            Stamp::CurrentImage(_)
            | Stamp::SidecarReady
            | Stamp::StateSyncConfigured
            | Stamp::ImportedClaim(_)
            | Stamp::StatefulSetApplied(_)
            | Stamp::SigningKeyHeld(_)
            | Stamp::Bootstrapped(_)
            | Stamp::TlsSecret(_)
            | Stamp::SidecarTls(_)
            | Stamp::PodTemplate(_)
            | Stamp::Follows(_)
            | Stamp::Check { .. } => None,
        });
        let asked = match decision {
            Decision::Wait(Wait::DataVolumeLost { token }) => {
                let claim = &node.data_volume.claim;
                let what = format!("the claim {claim} with the chain's data is gone. To start again on an empty one");
                Some((c::DATA_VOLUME_LOST, what, token))
            }
            // What was asked before still stands.
            Decision::Wait(Wait::Paused) => return,
            Decision::Wait(Wait::AfterFailure(_) | Wait::ForSidecar { .. } | Wait::ForTlsSecret { .. })
            | Decision::Start(..)
            | Decision::Supersede(..)
            | Decision::Continue
            | Decision::RestoreService
            | Decision::Idle => by_a_task,
        };
        match asked {
            Some((reason, what, token)) => {
                let message = format!("{what}: {}", command(node, crate::api::ACKNOWLEDGE_ANNOTATION, token));
                self.condition(c::AWAITING_ACKNOWLEDGEMENT, ConditionStatus::True, reason, &message);
            }
            None if self.asks() => {
                let message = "nothing waits for an answer";
                self.condition(c::AWAITING_ACKNOWLEDGEMENT, ConditionStatus::False, c::ACKNOWLEDGED, message);
            }
            None => {}
        }
    }

    fn asks(&self) -> bool {
        let condition = self.status.condition(c::AWAITING_ACKNOWLEDGEMENT);
        condition.is_some_and(|condition| condition.status == ConditionStatus::True)
    }

    pub(super) fn plan(&mut self, node: &ValidNode, plan: &TaskPlan) {
        match plan.phase {
            PlanPhase::Active => {}
            PlanPhase::Complete => self.completed(node, plan),
            PlanPhase::Failed => self.failed(plan),
        }
        self.status.plan = Some(plan.clone());
    }

    fn completed(&mut self, node: &ValidNode, plan: &TaskPlan) {
        if let Some(phase) = plan.target_phase {
            self.phase(phase);
        }
        if plan.brings_up() {
            self.status.observed_mode = Some(node.mode.field().to_owned());
            self.status.signing_key_mounted_secret.clone_from(&node.signing_key);
            self.status.node_key_mounted_secret.clone_from(&node.node_key);
            self.status.applied = Some(records(node));
        }
        if self.updating() {
            let message = format!("plan {} completed", plan.id);
            self.condition(c::NODE_UPDATE_IN_PROGRESS, ConditionStatus::False, c::UPDATE_COMPLETE, &message);
        }
    }

    fn failed(&mut self, plan: &TaskPlan) {
        // A plan that only lost its ground is replaced by another one; the node did not fail.
        let replaced = plan.retry_at.is_some_and(|at| at.seconds_since(self.now) <= LOST_GROUND_SECONDS);
        if let Some(phase) = plan.failed_phase.filter(|_| !replaced) {
            self.phase(phase);
        }
        if self.updating() {
            let what = plan
                .failed_task_detail
                .as_ref()
                .map_or_else(|| "unknown".to_owned(), |detail| format!("task {}: {}", detail.kind, detail.error));
            let message = format!("plan {} failed: {what}", plan.id);
            self.condition(c::NODE_UPDATE_IN_PROGRESS, ConditionStatus::False, c::UPDATE_FAILED, &message);
        }
    }

    /// What a node that rests does not follow, and why.
    fn left_undone(&mut self, node: &ValidNode, seen: &Observed) {
        let busy = self.status.plan.as_ref().is_some_and(|plan| plan.phase == PlanPhase::Active);
        if self.status.phase() != NodePhase::Running || busy {
            return;
        }
        let told = without_effect(node, &self.status);
        self.while_it_lasts(
            c::EDIT_WITHOUT_EFFECT,
            c::READ_AT_CREATION,
            told,
            "the spec asks for nothing that cannot be",
        );
        let applied = self.status.pod_template.as_ref().zip(seen.pod_template.as_ref());
        let outdated = applied.filter(|(applied, today)| applied != today).map(|(_, today)| {
            format!(
                "the operator would make the pod differently now; it does so with the next update, or at once: {}",
                command(node, crate::api::REFRESH_ANNOTATION, today)
            )
        });
        let follows = drift(node, &self.status, seen.pod.as_ref()).is_empty();
        if applied.is_some() && follows {
            self.while_it_lasts(
                c::TEMPLATE_OUTDATED,
                c::PLATFORM_CHANGED,
                outdated,
                "the pod is as the operator would make it",
            );
        }
    }

    /// Whether somebody holds the operator off, and what lets it go on.
    fn paused(&mut self, node: &ValidNode) {
        let told = node.paused.then(|| {
            format!(
                "nothing is done for this node, and its plan stands still where it is, until: kubectl annotate seinode {} -n {} {}-",
                node.key.name,
                node.key.namespace,
                crate::api::PAUSE_ANNOTATION
            )
        });
        self.while_it_lasts(c::PAUSED, c::ANNOTATED, told, "the operator goes on");
    }

    /// A condition that is there only since it was true once.
    fn while_it_lasts(&mut self, kind: &str, reason: &str, told: Option<String>, over: &str) {
        let known = self.status.condition(kind).map(|known| known.status);
        match told {
            Some(told) => self.condition(kind, ConditionStatus::True, reason, &told),
            None if known == Some(ConditionStatus::True) => {
                self.condition(kind, ConditionStatus::False, c::NO_LONGER, over);
            }
            None => {}
        }
    }

    fn updating(&self) -> bool {
        self.status.condition(c::NODE_UPDATE_IN_PROGRESS).is_some_and(|known| known.status == ConditionStatus::True)
    }

    fn phase(&mut self, phase: NodePhase) {
        if self.status.phase != Some(phase) {
            self.status.phase = Some(phase);
            self.status.phase_transition_time = Some(self.now);
        }
    }

    /// Sets a condition; its transition time moves only when its status flips (S12).
    pub(super) fn condition(&mut self, kind: &str, status: ConditionStatus, reason: &str, message: &str) {
        // Whatever it was in between: what counts is what the last stored status said.
        let since = match self.old.condition(kind) {
            Some(old) if old.status == status => old.last_transition_time,
            Some(_) | None => self.now,
        };
        let next = Condition {
            kind: kind.to_owned(),
            status,
            reason: reason.to_owned(),
            message: storable(message).to_owned(),
            last_transition_time: since,
            observed_generation: (self.generation > 0).then_some(self.generation),
        };
        match self.status.conditions.iter_mut().find(|condition| condition.kind == kind) {
            Some(known) => *known = next,
            None => self.status.conditions.push(next),
        }
    }
}

/// As much of a message as the API server stores. With one character more it refuses the whole status, and the node stands still:
/// a certificate's names and a sidecar's errors can be longer.
fn storable(message: &str) -> &str {
    message.char_indices().nth(MESSAGE_CHARS_MAX).map_or(message, |(end, _)| &message[..end])
}

/// The whole command that sets an annotation.
fn command(node: &ValidNode, annotation: &str, value: &str) -> String {
    format!("kubectl annotate seinode {} -n {} --overwrite {annotation}={value}", node.key.name, node.key.namespace)
}

/// Why an update is under way: a word for each group of differences, in this order, as in `UpdateAndTLSToggleStarted`.
fn update_started(drift: &[DriftKind]) -> String {
    let words = UpdateGroup::of(drift).into_iter().map(UpdateGroup::word).collect::<Vec<_>>();
    format!("{}Started", words.join("And"))
}

#[cfg(test)]
mod tests {
    use super::{MESSAGE_CHARS_MAX, storable};

    #[test]
    fn a_message_ends_where_the_api_server_would_refuse_it() {
        let endless = "ä".repeat(MESSAGE_CHARS_MAX + 1);
        assert_eq!(storable(&endless), "ä".repeat(MESSAGE_CHARS_MAX));
        assert_eq!(storable("short"), "short");
    }
}
