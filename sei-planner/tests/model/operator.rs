//! One look of the operator at the small world: the pipeline of `sei-tasks`, with the real planner in its middle.

use sei_planner::api::{ConditionStatus, NodePhase, PlanPhase, SeiNodeStatus, TaskPlan, TaskStatus, conditions};
use sei_planner::inspect::TlsVerdict;
use sei_planner::node::{
    Decision, Observed, PlanKind, PodFacts, Presence, Ran, SidecarHealth, Stamp, TaskProbe, ValidNode, Wait, decide,
    draft, next_write, project_status, service_task,
};
use sei_planner::step::{Failure, Outcome, Step, close, settle, step};
use sei_planner::task::codec;

use crate::execute::Hands;
use crate::models::{Model, Rules};
use crate::names::{Names, now, plan_id, pod_uid};
use crate::world::{Claim, JobPhase, RowState, State, View};

/// An invariant that did not hold, and how.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) invariant: &'static str,
    pub(crate) what: String,
}

pub(crate) fn violation(invariant: &'static str, what: impl Into<String>) -> Violation {
    Violation { invariant, what: what.into() }
}

/// What a look made of the world.
pub(crate) struct Look {
    pub(crate) next: State,
    /// How many tasks it ran.
    pub(crate) tasks: u8,
    pub(crate) rest: Rest,
    pub(crate) violations: Vec<Violation>,
}

/// What a look says of the node when nothing is left to do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Rest {
    Busy,
    Idle,
    AsksForAnswer(String),
    AsksForSecret,
}

pub(crate) struct Operator<'a> {
    pub(crate) model: &'a Model,
    pub(crate) rules: Rules,
    pub(crate) names: &'a mut Names,
}

struct Progress {
    plan: Option<TaskPlan>,
    stamps: Vec<Stamp>,
    tasks: u8,
}

impl Operator<'_> {
    /// A look that reads `view` and, if it is to die, does so after that many tasks: before it writes status.
    pub(crate) fn look(&mut self, state: &State, view: View, dies_after: Option<u8>) -> Look {
        let node = self.node(view);
        let old = self.names.status(view.status).clone();
        let seen = observe(self.names, state, &node, &old);
        let decision = self.rules.decide(&node, &old, &seen);
        let fresh = plan_id(state.free_plan(self.names));
        let mut hands = Hands::new(self.rules, self.names, state.clone(), view, &node);
        let progress = match draft(&node, &old, &seen, &decision, &fresh) {
            Some(plan) => Progress { plan: Some(plan), stamps: Vec::new(), tasks: 0 },
            None if decision == Decision::RestoreService => restore_service(&mut hands, &old),
            None => run_until_it_waits(&mut hands, &old, &decision, dies_after),
        };
        let (mut next, mut violations) = (hands.state, hands.violations);
        let (plan, stamps) = (progress.plan.as_ref(), &progress.stamps);
        let ran = Ran::Decided { node: &node, decision: &decision, plan, stamps };
        let mut rest = Rest::Busy;
        if dies_after.is_some() || view != state.node {
            next.repeats_attempts_of(state);
        }
        if dies_after.is_none() {
            let status = project_status(&old, &ran, &seen, node.generation, now());
            violations.extend(self.untrue(&next, &old, &status));
            rest = rest_of(&decision, &status);
            if view == state.node && status != old {
                next.node.status = self.names.number(status);
            }
        }
        next.tidy(self.names);
        Look { next, tasks: progress.tasks, rest, violations }
    }

    fn node(&self, view: View) -> ValidNode {
        let node = &self.model.specs[usize::from(view.variant)];
        let acknowledgement = view.answer.map(|answer| self.names.token_text(answer).to_owned());
        ValidNode { generation: i64::from(view.generation), acknowledgement, ..node.clone() }
    }

    /// S11: an image is stamped only while a pod runs it.
    fn untrue(&self, state: &State, old: &SeiNodeStatus, new: &SeiNodeStatus) -> Option<Violation> {
        let stamped = new.current_image.as_ref().filter(|_| new.current_image != old.current_image)?;
        let running = state.pod.filter(|pod| pod.running).map(|pod| &self.model.specs[usize::from(pod.template)].image);
        (running != Some(stamped)).then(|| violation("S11", format!("currentImage {stamped}, but {running:?} runs")))
    }

    /// Whether the node is as its spec says, when nothing is left to do.
    pub(crate) fn is_settled(&self, state: &State, rest: &Rest) -> bool {
        let status = self.names.status(state.node.status);
        let says = |condition, value| status.condition(condition).is_some_and(|known| known.status == value);
        match rest {
            Rest::Busy => false,
            Rest::AsksForAnswer(_) => says(conditions::AWAITING_ACKNOWLEDGEMENT, ConditionStatus::True),
            Rest::AsksForSecret => says(conditions::SIDECAR_TLS_SECRET_READY, ConditionStatus::False),
            Rest::Idle => self.runs_the_spec(state, status),
        }
    }

    fn runs_the_spec(&self, state: &State, status: &SeiNodeStatus) -> bool {
        let wanted = state.node.variant;
        let spec = &self.model.specs[usize::from(wanted)];
        let set = state.set.is_some_and(|set| set.template == wanted && set.observed);
        let pod = state
            .pod
            .is_some_and(|pod| pod.template == wanted && pod.owned && pod.running && pod.ready && !pod.deleting);
        let said = status.phase() == NodePhase::Running && status.current_image.as_ref() == Some(&spec.image);
        let synced = !self.model.state_syncs || state.disk.state_sync_on;
        let whole = state.service && state.claim != Claim::Absent && state.job.is_none();
        set && pod && said && synced && whole && (!self.model.tls() || state.proxy_config)
    }
}

fn rest_of(decision: &Decision, status: &SeiNodeStatus) -> Rest {
    let failed = status.condition(conditions::SIDECAR_TLS_SECRET_READY);
    let no_secret = failed.is_some_and(|known| known.status == ConditionStatus::False);
    match decision {
        Decision::Idle | Decision::Continue if no_secret => Rest::AsksForSecret,
        Decision::Idle => Rest::Idle,
        Decision::Wait(Wait::DataVolumeLost { token }) => Rest::AsksForAnswer(token.clone()),
        Decision::Wait(Wait::ForTlsSecret { .. }) => Rest::AsksForSecret,
        Decision::Wait(_)
        | Decision::Continue
        | Decision::RestoreService
        | Decision::Start(..)
        | Decision::Supersede(..) => Rest::Busy,
    }
}

impl Rules {
    /// The planner's decision, or what it would be without one of the rules.
    fn decide(self, node: &ValidNode, status: &SeiNodeStatus, seen: &Observed) -> Decision {
        let decision = decide(node, status, seen, now());
        let plan = status.plan.as_ref();
        let edited = plan.is_some_and(|plan| plan.target_generation != Some(node.generation));
        let active = plan.is_some_and(|plan| plan.phase == PlanPhase::Active);
        let replaces = matches!(decision, Decision::Supersede(..));
        if replaces && edited && active && !self.supersede {
            return Decision::Continue;
        }
        let proves =
            |kind: &PlanKind| matches!(kind, PlanKind::Update(update) if update.drift.is_empty()) && !self.template;
        if matches!(&decision, Decision::Supersede(kind, _) if proves(kind)) {
            return Decision::Supersede(PlanKind::MarkReady, Vec::new());
        }
        let restarts = matches!(&decision, Decision::Start(kind, _) if proves(kind));
        if restarts { Decision::Idle } else { decision }
    }
}

fn run_until_it_waits(
    hands: &mut Hands<'_>,
    old: &SeiNodeStatus,
    decision: &Decision,
    dies_after: Option<u8>,
) -> Progress {
    let mut progress = Progress { plan: None, stamps: Vec::new(), tasks: 0 };
    let (Decision::Continue, Some(mut plan)) = (decision, old.plan.clone()) else { return progress };
    close(&mut plan);
    while dies_after != Some(progress.tasks) {
        let Step::Run { index, task } = step(&plan, now()) else { break };
        progress.tasks += 1;
        let outcome = hands.execute(&plan, index, &task);
        settle(&mut plan, index, &outcome, now());
        match outcome {
            Outcome::Done(seen) => progress.stamps.extend(seen),
            Outcome::Failed(Failure::LostGround { learned, .. }) => {
                progress.stamps.extend(learned);
                break;
            }
            Outcome::Waiting(_) | Outcome::Failed(_) => break,
        }
    }
    progress.plan = Some(plan);
    progress
}

fn restore_service(hands: &mut Hands<'_>, old: &SeiNodeStatus) -> Progress {
    let plan = old.plan.clone().unwrap();
    let wanted = service_task(&plan).map_or("apply-service", |task| task.kind.as_str());
    if let Some(index) = plan.tasks.iter().position(|task| task.kind == wanted) {
        let task = codec::decode(&plan.tasks[index].kind, &plan.tasks[index].params).unwrap();
        let _ = hands.execute(&plan, index, &task);
    }
    Progress { plan: Some(plan), stamps: Vec::new(), tasks: 1 }
}

/// The facts as `sei-tasks` gathers them.
fn observe(names: &Names, state: &State, node: &ValidNode, status: &SeiNodeStatus) -> Observed {
    let running = status.phase() == NodePhase::Running;
    let plan = status.plan.as_ref();
    let applied = |kind: &str| running || plan.is_some_and(|plan| completed(plan, kind));
    let statefulset = presence(state.set.is_some(), applied("apply-statefulset"));
    let active = plan.filter(|plan| plan.phase == PlanPhase::Active);
    let edited = active.is_some_and(|plan| plan.target_generation != Some(node.generation));
    let proxy_config = presence(state.proxy_config, applied("apply-rbac-proxy-config"));
    let lost = node.tls.is_some() && proxy_config == Presence::Missing;
    let replaced = active.filter(|_| edited || lost || statefulset == Presence::Missing);
    let (finished, in_flight) = match replaced {
        Some(plan) => progress(names, state, plan),
        None => (Vec::new(), TaskProbe::NotAsked),
    };
    let holds_data = status.state_sync_configured == Some(true) || status.bootstrapped_height.is_some();
    let served = running || plan.is_some_and(|plan| service_task(plan).is_some());
    Observed {
        statefulset,
        service: presence(state.service, served || in_flight == TaskProbe::Unreachable),
        proxy_config,
        certificate: Presence::Unknown,
        data_volume: presence(state.claim != Claim::Absent, applied("ensure-data-pvc") || holds_data),
        tls_secret: node.tls.is_some().then(|| verdict(state.tls_secret)),
        pod: state.pod.map(|pod| PodFacts {
            uid: pod_uid(pod.number),
            deleting: pod.deleting,
            seid_running: pod.running,
            sidecar_running: pod.running,
            tls_proxy: node.tls.is_some(),
            ..PodFacts::of(&serde_json::Value::Null)
        }),
        pod_template: None,
        peers: Vec::new(),
        sidecar: if running && active.is_none() { health(state) } else { SidecarHealth::NotAsked },
        finished,
        in_flight,
    }
}

fn completed(plan: &TaskPlan, kind: &str) -> bool {
    plan.tasks.iter().any(|task| task.kind == kind && task.status == TaskStatus::Complete)
}

fn presence(there: bool, known: bool) -> Presence {
    match (there, known) {
        (true, _) => Presence::Present,
        (false, true) => Presence::Missing,
        (false, false) => Presence::Unknown,
    }
}

fn verdict(ready: bool) -> TlsVerdict {
    let reason = if ready { conditions::TLS_SECRET_READY } else { conditions::TLS_SECRET_NOT_FOUND };
    TlsVerdict { ready, reason, message: String::new(), expires: None }
}

fn health(state: &State) -> SidecarHealth {
    match state.sidecar() {
        Some(true) => SidecarHealth::Ready,
        Some(false) => SidecarHealth::NotReady,
        None => SidecarHealth::Unreachable("refused".to_owned()),
    }
}

fn progress(names: &Names, state: &State, plan: &TaskPlan) -> (Vec<String>, TaskProbe) {
    let mut finished = Vec::new();
    while let Some(task) = next_write(plan, &finished) {
        if state.sidecar().is_none() {
            return (finished, TaskProbe::Unreachable);
        }
        match state.row(names.task(&task.id)).map(|row| row.state) {
            Some(RowState::Completed) => finished.push(task.id.clone()),
            Some(RowState::Running) => return (finished, TaskProbe::Running),
            Some(RowState::Failed | RowState::Interrupted) | None => return (finished, TaskProbe::Idle),
        }
    }
    (finished, TaskProbe::NotAsked)
}

/// S1: two pods with running containers on the claim.
pub(crate) fn shares_the_disk(state: &State) -> Option<Violation> {
    let production = state.pod.is_some_and(|pod| pod.running);
    let bootstrap = state.job.is_some_and(|job| job.phase == JobPhase::Running);
    (production && bootstrap).then(|| violation("S1", "the bootstrap pod and the production pod run on one claim"))
}
