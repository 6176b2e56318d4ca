//! The small world: a node object, its children, one disk, and everybody who acts on them but the operator.

use crate::names::{Names, after_pauses};

/// The node object: what a leader reads, and what a status write must still find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct View {
    /// Which of the model's two specs.
    pub(crate) variant: u8,
    pub(crate) generation: u8,
    /// The answer to a lost claim.
    pub(crate) answer: Option<u8>,
    pub(crate) status: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Set {
    pub(crate) template: u8,
    /// Whether the controller has seen the template.
    pub(crate) observed: bool,
    /// `currentRevision`, which OnDelete never moves.
    pub(crate) first: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pod {
    pub(crate) number: u8,
    pub(crate) template: u8,
    /// Whether the StatefulSet that made it is still there.
    pub(crate) owned: bool,
    pub(crate) deleting: bool,
    pub(crate) running: bool,
    /// The ready flag of its sidecar.
    pub(crate) ready: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum JobPhase {
    Created,
    Running,
    Reached,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Job {
    pub(crate) phase: JobPhase,
    pub(crate) ready: bool,
    pub(crate) deleting: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Claim {
    Absent,
    Present,
    /// Deleted by hand while a pod holds it.
    Leaving,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RowState {
    Running,
    Completed,
    Failed,
    /// Ended by the sidecar's own shutdown.
    Interrupted,
}

/// What a task of the sidecar does once it completes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Work {
    WritesConfig,
    ConfiguresStateSync,
    WritesOther,
    OpensGate,
    NeverEnds,
}

impl Work {
    pub(crate) fn writes(self) -> bool {
        matches!(self, Self::WritesConfig | Self::ConfiguresStateSync | Self::WritesOther)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Row {
    pub(crate) task: u16,
    pub(crate) work: Work,
    pub(crate) state: RowState,
    pub(crate) failures: u8,
}

/// What is on the data volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Disk {
    pub(crate) rows: Vec<Row>,
    /// State sync is configured once a volume.
    pub(crate) state_sync_done: bool,
    pub(crate) state_sync_on: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) node: View,
    /// What a second leader read.
    pub(crate) second: Option<View>,
    pub(crate) set: Option<Set>,
    pub(crate) pod: Option<Pod>,
    pub(crate) job: Option<Job>,
    pub(crate) service: bool,
    pub(crate) claim: Claim,
    pub(crate) proxy_config: bool,
    pub(crate) tls_secret: bool,
    pub(crate) disk: Disk,
}

/// What happens between two states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Begins,
    Looks,
    PausesEnd,
    SetIsObserved,
    PodIsCreated,
    PodStarts,
    PodStops,
    PodStopsInTheMiddle,
    OrphanIsCollected,
    ClaimGoes,
    TaskCompletes,
    JobStarts,
    JobReachesItsHeight,
    JobGoes,
    LooksAndDiesAfter(u8),
    SecondLeaderReads,
    SecondLeaderActs,
    TaskFails,
    SidecarDies,
    SidecarIsInterrupted,
    SpecIsEdited,
    SetIsDeleted,
    ServiceIsDeleted,
    PodIsDeleted,
    ClaimIsDeleted,
    JobIsDeleted,
    ProxyConfigIsDeleted,
    SecretIsDeleted,
    SecretIsProvided,
    LossIsAcknowledged,
}

impl Event {
    pub(crate) fn sentence(self) -> String {
        let sentence = match self {
            Self::LooksAndDiesAfter(tasks) => {
                return format!("the operator looks and dies after task {tasks} of this look");
            }
            Self::Begins => "the world begins",
            Self::Looks => "the operator looks",
            Self::PausesEnd => "time passes until every pause is over",
            Self::SetIsObserved => "the StatefulSet controller sees the template",
            Self::PodIsCreated => "the StatefulSet controller creates the pod",
            Self::PodStarts => "the pod starts",
            Self::PodStops => "the pod stops and is gone",
            Self::PodStopsInTheMiddle => "the pod stops, its sidecar interrupts its task, and it is gone",
            Self::OrphanIsCollected => "the garbage collector deletes the orphaned pod",
            Self::ClaimGoes => "the deleted claim is gone, and the disk with it",
            Self::TaskCompletes => "the sidecar completes a task",
            Self::JobStarts => "the bootstrap pod starts",
            Self::JobReachesItsHeight => "the bootstrap Job reaches its height",
            Self::JobGoes => "the bootstrap Job is gone",
            Self::SecondLeaderReads => "a second leader reads the node",
            Self::SecondLeaderActs => "the second leader acts on what it read",
            Self::TaskFails => "a task of the sidecar fails",
            Self::SidecarDies => "the sidecar dies and starts again",
            Self::SidecarIsInterrupted => "the sidecar interrupts its task and starts again",
            Self::SpecIsEdited => "the user edits the spec",
            Self::SetIsDeleted => "the user deletes the StatefulSet",
            Self::ServiceIsDeleted => "the user deletes the Service",
            Self::PodIsDeleted => "the user deletes the pod",
            Self::ClaimIsDeleted => "the user deletes the claim",
            Self::JobIsDeleted => "the user deletes the bootstrap Job",
            Self::ProxyConfigIsDeleted => "the user deletes the proxy's ConfigMap",
            Self::SecretIsDeleted => "the user deletes the TLS Secret",
            Self::SecretIsProvided => "the user provides the TLS Secret",
            Self::LossIsAcknowledged => "the user acknowledges the loss of the claim",
        };
        sentence.to_owned()
    }
}

impl State {
    pub(crate) fn but(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut next = self.clone();
        change(&mut next);
        next
    }

    /// The ready flag of the sidecar that answers under the node's name; `None` when nobody does.
    pub(crate) fn sidecar(&self) -> Option<bool> {
        if !self.service {
            return None;
        }
        let job = self.job.filter(|job| job.phase == JobPhase::Running).map(|job| job.ready);
        job.or_else(|| self.pod.filter(|pod| pod.running).map(|pod| pod.ready))
    }

    /// Whether a sidecar works on the disk, reachable or not.
    fn some_sidecar_runs(&self) -> bool {
        self.job_runs() || self.pod.is_some_and(|pod| pod.running)
    }

    pub(crate) fn job_runs(&self) -> bool {
        self.job.is_some_and(|job| job.phase == JobPhase::Running)
    }

    pub(crate) fn row(&self, task: u16) -> Option<&Row> {
        self.disk.rows.iter().find(|row| row.task == task)
    }

    /// Forgets ended tasks that nobody will ask about.
    pub(crate) fn tidy(&mut self, names: &Names) {
        let asked = |task: u16| {
            let views = [Some(self.node), self.second];
            views.iter().flatten().any(|view| names.references(view.status).open_tasks.contains(&task))
        };
        let rows = self.disk.rows.iter().copied();
        let mut rows: Vec<Row> = rows.filter(|row| row.state == RowState::Running || asked(row.task)).collect();
        rows.sort_by_key(|row| row.task);
        self.disk.rows = rows;
    }

    /// A number that no plan has to which anything refers.
    pub(crate) fn free_plan(&self, names: &Names) -> u8 {
        let views = || [Some(self.node), self.second].into_iter().flatten();
        let of_views = views().flat_map(|view| names.references(view.status).plans.iter().copied());
        let of_rows = self.disk.rows.iter().map(|row| names.maker(row.task));
        let of_answers = views().filter_map(|view| view.answer).map(|answer| names.token_plan(answer));
        let used: Vec<u8> = of_views.chain(of_rows).chain(of_answers).collect();
        first_free(&used)
    }

    fn free_pod(&self, names: &Names) -> u8 {
        let views = [Some(self.node), self.second].into_iter().flatten();
        let used: Vec<u8> = views.flat_map(|view| names.references(view.status).pods.iter().copied()).collect();
        first_free(&used)
    }

    /// Interrupted tasks are reported as such; the others go on in the next process.
    fn interrupt(&mut self) {
        for row in self.disk.rows.iter_mut().filter(|row| row.state == RowState::Running) {
            row.state = RowState::Interrupted;
        }
    }

    fn complete(&mut self, index: usize) {
        let row = &mut self.disk.rows[index];
        row.state = RowState::Completed;
        match row.work {
            Work::WritesConfig => self.disk.state_sync_on = false,
            Work::ConfiguresStateSync => {
                self.disk.state_sync_on |= !self.disk.state_sync_done;
                self.disk.state_sync_done = true;
            }
            Work::OpensGate => self.open_gate(true),
            Work::WritesOther | Work::NeverEnds => {}
        }
    }

    fn open_gate(&mut self, open: bool) {
        match (&mut self.job, &mut self.pod) {
            (Some(job), _) if job.phase == JobPhase::Running => job.ready = open,
            (_, Some(pod)) if pod.running => pod.ready = open,
            (_, _) => {}
        }
    }

    fn running_tasks(&self) -> impl Iterator<Item = usize> {
        let ends = |row: &Row| row.state == RowState::Running && row.work != Work::NeverEnds;
        let busy = self.some_sidecar_runs();
        self.disk.rows.iter().enumerate().filter(move |(_, row)| busy && ends(row)).map(|(index, _)| index)
    }

    /// A task that was posted again by a look that stored nothing is on the same attempt still: nobody can count its next
    /// failure apart from the last.
    pub(crate) fn repeats_attempts_of(&mut self, before: &Self) {
        for row in self.disk.rows.iter_mut().filter(|row| row.state == RowState::Running) {
            if before.row(row.task).is_some_and(|row| row.state == RowState::Failed) {
                row.failures -= 1;
            }
        }
    }

    /// Time passes for everybody.
    fn pauses_end(&mut self, status: u32) {
        let before = self.node.status;
        for view in [Some(&mut self.node), self.second.as_mut()].into_iter().flatten() {
            if view.status == before {
                view.status = status;
            }
        }
    }

    fn interruptible(&self) -> bool {
        self.disk.rows.iter().any(|row| row.state == RowState::Running)
    }
}

fn first_free(used: &[u8]) -> u8 {
    (0..=u8::MAX).find(|number| !used.contains(number)).unwrap()
}

/// Everything that happens by itself, but for the operator.
pub(crate) fn fair_steps(state: &State, names: &mut Names, tls: bool, out: &mut Vec<(Event, State)>) {
    if let Some(status) = after_pauses(names.status(state.node.status)) {
        let status = names.number(status);
        out.push((Event::PausesEnd, state.but(|next| next.pauses_end(status))));
    }
    pod_steps(state, names, tls, out);
    job_steps(state, out);
    for index in state.running_tasks() {
        out.push((Event::TaskCompletes, state.but(|next| next.complete(index))));
    }
    let held = state.pod.is_some_and(|pod| pod.running) || state.job_runs();
    if state.claim == Claim::Leaving && !held {
        let lose = |next: &mut State| (next.claim, next.disk) = (Claim::Absent, Disk::default());
        out.push((Event::ClaimGoes, state.but(lose)));
    }
}

fn pod_steps(state: &State, names: &Names, tls: bool, out: &mut Vec<(Event, State)>) {
    if let Some(set) = state.set {
        if !set.observed {
            out.push((Event::SetIsObserved, state.but(|next| next.set = Some(Set { observed: true, ..set }))));
        } else if state.pod.is_none() {
            let number = state.free_pod(names);
            let template = set.template;
            let pod = Pod { number, template, owned: true, deleting: false, running: false, ready: false };
            out.push((Event::PodIsCreated, state.but(|next| next.pod = Some(pod))));
        }
    }
    let Some(pod) = state.pod else { return };
    let mounts = state.claim == Claim::Present && (!tls || (state.tls_secret && state.proxy_config));
    if pod.deleting {
        out.push((Event::PodStops, state.but(|next| next.pod = None)));
        if pod.running && state.interruptible() {
            let stop = |next: &mut State| {
                next.pod = None;
                next.interrupt();
            };
            out.push((Event::PodStopsInTheMiddle, state.but(stop)));
        }
    } else if !pod.owned {
        out.push((Event::OrphanIsCollected, state.but(|next| next.pod = Some(Pod { deleting: true, ..pod }))));
    } else if !pod.running && mounts {
        out.push((Event::PodStarts, state.but(|next| next.pod = Some(Pod { running: true, ready: false, ..pod }))));
    }
}

fn job_steps(state: &State, out: &mut Vec<(Event, State)>) {
    let Some(job) = state.job else { return };
    if job.deleting {
        out.push((Event::JobGoes, state.but(|next| next.job = None)));
    } else if job.phase == JobPhase::Created && state.claim == Claim::Present {
        let started = Job { phase: JobPhase::Running, ready: false, ..job };
        out.push((Event::JobStarts, state.but(|next| next.job = Some(started))));
    } else if job.phase == JobPhase::Running && job.ready {
        let reached = Job { phase: JobPhase::Reached, ready: false, ..job };
        out.push((Event::JobReachesItsHeight, state.but(|next| next.job = Some(reached))));
    }
}

/// Everything that somebody may do at any time, a bounded number of times.
pub(crate) fn disturbances(state: &State, tls: bool, out: &mut Vec<(Event, State)>) {
    let mut disturb = |event, change: &dyn Fn(&mut State)| {
        out.push((event, state.but(|next| change(next))));
    };
    disturb(Event::SpecIsEdited, &|next| {
        next.node.variant = 1 - next.node.variant;
        next.node.generation += 1;
    });
    if state.second.is_none() {
        disturb(Event::SecondLeaderReads, &|next| next.second = Some(next.node));
    }
    if state.set.is_some() {
        disturb(Event::SetIsDeleted, &|next| {
            next.set = None;
            next.pod = next.pod.map(|pod| Pod { owned: false, ..pod });
        });
    }
    if state.service {
        disturb(Event::ServiceIsDeleted, &|next| next.service = false);
    }
    if state.pod.is_some_and(|pod| !pod.deleting) {
        disturb(Event::PodIsDeleted, &|next| next.pod = next.pod.map(|pod| Pod { deleting: true, ..pod }));
    }
    if state.claim == Claim::Present {
        disturb(Event::ClaimIsDeleted, &|next| next.claim = Claim::Leaving);
    }
    if state.job.is_some_and(|job| !job.deleting) {
        disturb(Event::JobIsDeleted, &|next| next.job = next.job.map(|job| Job { deleting: true, ..job }));
    }
    for index in state.running_tasks() {
        disturb(Event::TaskFails, &|next| {
            let row = &mut next.disk.rows[index];
            (row.state, row.failures) = (RowState::Failed, row.failures + 1);
        });
    }
    if state.some_sidecar_runs() {
        disturb(Event::SidecarDies, &|next| next.open_gate(false));
        if state.interruptible() {
            disturb(Event::SidecarIsInterrupted, &|next| {
                next.open_gate(false);
                next.interrupt();
            });
        }
    }
    if tls {
        let event = if state.tls_secret { Event::SecretIsDeleted } else { Event::SecretIsProvided };
        disturb(event, &|next| next.tls_secret = !next.tls_secret);
        if state.proxy_config {
            disturb(Event::ProxyConfigIsDeleted, &|next| next.proxy_config = false);
        }
    }
}
