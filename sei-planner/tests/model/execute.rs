//! What each task does to the small world; the answers are those of `sei-tasks/src/execute`.

use sei_planner::api::{DriftKind, PlanPhase, PlannedTask, TaskPlan, TaskStatus};
use sei_planner::node::{Stamp, ValidNode};
use sei_planner::step::{Failure, Outcome, Waiting};
use sei_planner::task::{ReplacePod, Task};

use crate::models::Rules;
use crate::names::{Names, pod_uid};
use crate::operator::{Violation, violation};
use crate::world::{Claim, Disk, Job, JobPhase, Pod, Row, RowState, Set, State, View, Work};

/// The hands of one look: they change the world, and are watched.
pub(crate) struct Hands<'a> {
    rules: Rules,
    names: &'a Names,
    pub(crate) state: State,
    pub(crate) violations: Vec<Violation>,
    view: View,
    node: &'a ValidNode,
}

enum Template {
    Not(Outcome),
    Applied(Pod),
    Stale(Pod),
}

impl<'a> Hands<'a> {
    pub(crate) fn new(rules: Rules, names: &'a Names, state: State, view: View, node: &'a ValidNode) -> Self {
        Self { rules, names, state, violations: Vec::new(), view, node }
    }

    pub(crate) fn execute(&mut self, plan: &TaskPlan, index: usize, task: &Task) -> Outcome {
        let before = self.state.clone();
        let outcome = self.outcome(plan, index, task);
        if self.state != before {
            self.must_be_planned(plan, task);
        }
        outcome
    }

    /// S8: an effect belongs to the plan that is stored and active, and to the generation that it was built from.
    fn must_be_planned(&mut self, plan: &TaskPlan, task: &Task) {
        let stored = self.names.status(self.state.node.status).plan.as_ref();
        if !stored.is_some_and(|stored| stored.id == plan.id && stored.phase == PlanPhase::Active) {
            self.violations.push(violation("S8", format!("{} acts for a plan that is not stored", task.kind())));
        }
        let serves = matches!(task, Task::ApplyService(_) | Task::DeployBootstrapService(_));
        if plan.target_generation != Some(i64::from(self.view.generation)) && !serves {
            self.violations.push(violation("S8", format!("{} acts for a plan of another generation", task.kind())));
        }
    }

    fn outcome(&mut self, plan: &TaskPlan, index: usize, task: &Task) -> Outcome {
        match task {
            Task::EnsureDataPvc(_) => self.ensure_claim(),
            Task::ApplyStatefulSet(_) => self.apply_set(),
            Task::ApplyService(_) | Task::DeployBootstrapService(_) => {
                self.state.service = true;
                done()
            }
            Task::ApplyRbacProxyConfig(_) => {
                self.state.proxy_config = true;
                done()
            }
            Task::ReplacePod(replace) => self.replace_pod(replace),
            Task::ObserveImage(observe) => self.observe_image(&observe.image),
            Task::DeployBootstrapJob(_) => self.deploy_job(),
            Task::AwaitBootstrapComplete(_) => self.await_job(),
            Task::TeardownBootstrap(_) => self.tear_down(),
            Task::MarkReady => self.mark_ready(plan, index),
            Task::SnapshotRestore(_)
            | Task::ConfigureGenesis
            | Task::ConfigApply(_)
            | Task::DiscoverPeers(_)
            | Task::ConfigureStateSync(_)
            | Task::ConfigValidate
            | Task::SnapshotUpload
            | Task::GenerateIdentity(_)
            | Task::GenerateGentx(_)
            | Task::UploadGenesisArtifacts(_)
            | Task::SetGenesisPeers => self.run(plan, index, task),
            Task::ValidateSigningKey(_)
            | Task::ValidateNodeKey(_)
            | Task::ValidateOperatorKeyring(_)
            | Task::ClaimSigningKey(_)
            | Task::ApplySidecarCert(_)
            | Task::WaitForSidecarTlsSecret(_)
            | Task::ObserveSidecarTls(_)
            | Task::AwaitCaughtUp(_)
            | Task::DeleteRbacProxyConfig(_)
            | Task::DeleteSidecarCert(_) => done(),
            Task::ObserveApplied(observe) => self.observe_applied(observe.drift),
        }
    }

    fn ensure_claim(&mut self) -> Outcome {
        if self.state.claim == Claim::Absent {
            self.state.claim = Claim::Present;
            self.state.disk = Disk::default();
        }
        done()
    }

    fn apply_set(&mut self) -> Outcome {
        let template = self.view.variant;
        self.state.set = Some(match self.state.set {
            Some(set) if set.template == template => set,
            Some(set) => Set { template, observed: false, ..set },
            None => Set { template, observed: false, first: template },
        });
        done()
    }

    fn look_at_pod(&self) -> Template {
        let Some(set) = self.state.set else { return Template::Not(lost_ground("the StatefulSet is gone")) };
        let Some(pod) = self.state.pod.filter(|pod| set.observed && pod.owned && !pod.deleting) else {
            return Template::Not(pod_to_run());
        };
        let counters_say_so = !self.rules.pod_revision && set.first == set.template;
        if pod.template == set.template || counters_say_so { Template::Applied(pod) } else { Template::Stale(pod) }
    }

    fn replace_pod(&mut self, replace: &ReplacePod) -> Outcome {
        match self.look_at_pod() {
            Template::Not(outcome) => outcome,
            Template::Applied(pod) if !(replace.restart && pod_uid(pod.number) == replace.pod_uid) => {
                when_running(pod, Vec::new())
            }
            Template::Applied(pod) | Template::Stale(pod) if pod_uid(pod.number) == replace.pod_uid => {
                if !replace.restart && self.state.set.is_none_or(|set| set.template == pod.template) {
                    self.violations.push(violation("S13", "a pod of the applied template is deleted"));
                }
                self.state.pod = Some(Pod { deleting: true, ..pod });
                pod_to_run()
            }
            Template::Applied(_) | Template::Stale(_) => lost_ground("another pod of an older template"),
        }
    }

    fn observe_applied(&self, drift: DriftKind) -> Outcome {
        match self.look_at_pod() {
            Template::Not(outcome) => outcome,
            Template::Stale(_) => lost_ground("the pod is of an older template again"),
            Template::Applied(pod) => when_running(pod, vec![Stamp::Follows(drift)]),
        }
    }

    fn observe_image(&self, image: &str) -> Outcome {
        match self.look_at_pod() {
            Template::Not(outcome) => outcome,
            Template::Stale(_) => lost_ground("the pod is of an older template again"),
            Template::Applied(pod) if !self.rules.pod_revision => {
                when_running(pod, vec![Stamp::CurrentImage(image.to_owned())])
            }
            Template::Applied(pod) if self.image(pod) != image => lost_ground("the pod runs another image"),
            Template::Applied(pod) => when_running(pod, vec![Stamp::CurrentImage(self.image(pod))]),
        }
    }

    fn image(&self, pod: Pod) -> String {
        if pod.template == self.view.variant { self.node.image.clone() } else { "another".to_owned() }
    }

    fn running_image(&self) -> Outcome {
        let Some(pod) = self.state.pod.filter(|pod| !pod.deleting) else { return pod_to_run() };
        if self.image(pod) != self.node.image {
            return lost_ground("the pod runs another image than the spec's");
        }
        when_running(pod, vec![Stamp::CurrentImage(self.image(pod))])
    }

    fn deploy_job(&mut self) -> Outcome {
        if self.state.job.is_some_and(|job| job.deleting) {
            return waiting("the bootstrap Job to go", false);
        }
        let created = Job { phase: JobPhase::Created, ready: false, deleting: false };
        self.state.job = self.state.job.or(Some(created));
        done()
    }

    fn await_job(&self) -> Outcome {
        match self.state.job {
            None => lost_ground("the bootstrap Job is gone"),
            Some(job) if job.phase == JobPhase::Reached => Outcome::Done(vec![Stamp::Bootstrapped(5)]),
            Some(job) if job.phase == JobPhase::Running && self.state.sidecar() == Some(false) => {
                lost_ground("the sidecar of the bootstrap pod lost its ready flag")
            }
            Some(_) => waiting("the bootstrap Job to reach its height", false),
        }
    }

    fn tear_down(&mut self) -> Outcome {
        let Some(job) = self.state.job else {
            self.state.service = false;
            return done();
        };
        self.state.service = false;
        self.state.job = Some(Job { deleting: true, ..job });
        waiting("the bootstrap pod to be gone", false)
    }

    fn mark_ready(&mut self, plan: &TaskPlan, index: usize) -> Outcome {
        if let Some(outcome) = self.bootstrap_pod_is_gone(plan, index) {
            return outcome;
        }
        let posted = self.run(plan, index, &Task::MarkReady);
        let Outcome::Done(_) = posted else { return posted };
        match self.state.sidecar() {
            Some(true) => {}
            Some(false) => return lost_ground("the sidecar restarted after mark-ready"),
            None => return unreachable_sidecar(),
        }
        let last = index + 1 == plan.tasks.len();
        let seen = if plan.brings_up() && last { self.running_image() } else { done() };
        let Outcome::Done(mut stamps) = seen else { return seen };
        stamps.push(Stamp::SidecarReady);
        Outcome::Done(stamps)
    }

    fn run(&mut self, plan: &TaskPlan, index: usize, task: &Task) -> Outcome {
        let planned = &plan.tasks[index];
        if let Some(outcome) = self.bootstrap_pod_is_gone(plan, index) {
            return outcome;
        }
        let fresh = planned.submitted_at.is_none();
        let runs = self.state.job_runs() || self.state.pod.is_some_and(|pod| pod.running);
        if fresh && plan.brings_up() && !runs {
            return pod_to_run();
        }
        if self.state.sidecar().is_none() {
            return unreachable_sidecar();
        }
        if let Some(outcome) = self.earlier_plans(plan, index).filter(|_| fresh) {
            return outcome;
        }
        self.submit(planned, task);
        self.judge(planned, task)
    }

    /// The Job is the truth (B8): what its sidecar had to do is moot once it has reached its height.
    fn bootstrap_pod_is_gone(&self, plan: &TaskPlan, index: usize) -> Option<Outcome> {
        if !bootstraps(plan, index) {
            return None;
        }
        match self.state.job {
            None => Some(lost_ground("the bootstrap Job is gone")),
            Some(job) if job.phase != JobPhase::Reached => None,
            Some(_) if plan.tasks[index].kind == "mark-ready" => Some(done()),
            Some(_) => Some(Outcome::Failed(Failure::LostGround {
                why: "the bootstrap Job reached its height under an earlier plan".to_owned(),
                learned: vec![Stamp::Bootstrapped(5)],
            })),
        }
    }

    fn earlier_plans(&self, plan: &TaskPlan, index: usize) -> Option<Outcome> {
        plan.unfinished.iter().find_map(|earlier| {
            let again = plan.tasks[index..].iter().any(|open| open.kind == earlier.kind);
            match self.state.row(self.names.task(&earlier.id))?.state {
                RowState::Running => Some(waiting("the sidecar to finish a task of an earlier plan", false)),
                RowState::Completed if earlier.kind == "configure-state-sync" && again => {
                    Some(Outcome::Failed(Failure::LostGround {
                        why: "state sync was configured by a task of an earlier plan".to_owned(),
                        learned: vec![Stamp::StateSyncConfigured],
                    }))
                }
                RowState::Completed | RowState::Failed | RowState::Interrupted => None,
            }
        })
    }

    /// Posts the task unless the sidecar knows it, or its failure was not counted.
    fn submit(&mut self, planned: &PlannedTask, task: &Task) {
        let number = self.names.task(&planned.id);
        let known = self.state.row(number).copied();
        let counted = planned.status == TaskStatus::Pending && planned.not_before.is_some();
        let again = match known.map(|row| row.state) {
            None | Some(RowState::Interrupted) => true,
            Some(RowState::Failed) => counted,
            Some(RowState::Running | RowState::Completed) => false,
        };
        if !again {
            return;
        }
        let failures = known.map_or(0, |row| row.failures);
        self.must_be_counted(planned, failures);
        let work = work(task);
        self.must_be_alone(number, work);
        self.state.disk.rows.retain(|row| row.task != number);
        self.state.disk.rows.push(Row { task: number, work, state: RowState::Running, failures });
    }

    /// S10: every failure was stored as counted before the task is posted again.
    fn must_be_counted(&mut self, planned: &PlannedTask, failures: u8) {
        let stored = self.names.status(self.state.node.status).plan.as_ref();
        let task = stored.and_then(|plan| plan.tasks.iter().find(|task| task.id == planned.id));
        if task.is_some_and(|task| task.retry_count < i32::from(failures)) {
            self.violations.push(violation("S10", format!("{} runs again uncounted", planned.kind)));
        }
    }

    /// L6: no two tasks of a sidecar write one disk.
    fn must_be_alone(&mut self, number: u16, work: Work) {
        let other = |row: &Row| row.task != number && row.state == RowState::Running && row.work.writes();
        if work.writes() && self.state.disk.rows.iter().any(other) {
            self.violations.push(violation("L6", "two tasks of the sidecar write one disk"));
        }
    }

    fn judge(&self, planned: &PlannedTask, task: &Task) -> Outcome {
        let Some(row) = self.state.row(self.names.task(&planned.id)) else { return unreachable_sidecar() };
        match row.state {
            RowState::Completed => {
                let configured = matches!(task, Task::ConfigureStateSync(_)).then_some(Stamp::StateSyncConfigured);
                Outcome::Done(configured.into_iter().collect())
            }
            RowState::Running if *task == Task::SnapshotUpload => done(),
            RowState::Running => waiting("the sidecar to finish", true),
            RowState::Interrupted => retry("the sidecar to run the task again"),
            RowState::Failed => Outcome::Failed(Failure::Run { why: "it failed".to_owned() }),
        }
    }
}

/// Whether the sidecar that is meant is that of the bootstrap pod.
fn bootstraps(plan: &TaskPlan, index: usize) -> bool {
    plan.tasks[index..].iter().any(|task| task.kind == "await-bootstrap-complete")
}

fn work(task: &Task) -> Work {
    let rewrites = matches!(task, Task::ConfigApply(intent) if !intent.incremental);
    if rewrites {
        Work::WritesConfig
    } else if matches!(task, Task::ConfigureStateSync(_)) {
        Work::ConfiguresStateSync
    } else if task.writes_volume() {
        Work::WritesOther
    } else if *task == Task::SnapshotUpload {
        Work::NeverEnds
    } else {
        Work::OpensGate
    }
}

fn done() -> Outcome {
    Outcome::Done(Vec::new())
}

fn when_running(pod: Pod, stamps: Vec<Stamp>) -> Outcome {
    if pod.running { Outcome::Done(stamps) } else { pod_to_run() }
}

fn pod_to_run() -> Outcome {
    waiting("the containers of the pod to run", false)
}

fn unreachable_sidecar() -> Outcome {
    retry("the sidecar to answer")
}

fn retry(on: &str) -> Outcome {
    Outcome::Failed(Failure::Retry { after_seconds: 5, on: on.to_owned(), why: "no".to_owned() })
}

fn waiting(on: &str, submitted: bool) -> Outcome {
    Outcome::Waiting(Waiting { on: on.to_owned(), look_again_seconds: 5, submitted, learned: Vec::new() })
}

fn lost_ground(why: &str) -> Outcome {
    Outcome::Failed(Failure::LostGround { why: why.to_owned(), learned: Vec::new() })
}
