//! Scheduler and kubelet in one: takes a pod from its volumes to running containers and, when it is deleted, to its
//! end. All pods share one machine, so an image is pulled once. What runs inside the sidecar lives in `sidecar.rs`.

mod restore;
mod status;

use std::collections::{BTreeMap, BTreeSet};

use sei_planner::api::Time;
use sei_planner::names::NodeKey;
use serde_json::{Value, json};

use crate::sim::clock::Due;
use crate::sim::json::{self, list, text};
use crate::sim::state::{State, node_label};
use crate::sim::store::{Change, is_leaving};
use crate::sim::trace::{Fact, SeidStart, What};
use crate::sim::{consensus_keys, invariants, sidecar};
use crate::world::{Kind, ObjectId};

pub(in crate::sim) use self::restore::restore;
use self::status::status_of;
use super::{mounts, volumes};

/// Container of the sidecar.
pub(in crate::sim) const SIDECAR: &str = "sei-sidecar";
/// Container of seid.
pub(in crate::sim) const SEID: &str = "seid";
/// What [`crate::sim::Sim::fail_task`] calls the seid of a bootstrap.
const BOOTSTRAP_SEID: &str = "bootstrap-seid";
/// Volume with the chain's data.
const DATA_VOLUME: &str = "data";

/// The next thing to do with a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::sim) enum PodStep {
    /// Give it a machine and its volumes.
    Schedule,
    /// Run the ordinary init containers.
    Init,
    /// Start the sidecars.
    StartSidecars,
    /// Start the ordinary containers.
    StartMain,
    /// The seid of a bootstrap is at its height.
    Halt,
    /// Stop everything and remove it.
    Remove,
}

/// What the kubelet knows.
#[derive(Clone, Debug, Default, Hash)]
pub(in crate::sim) struct Kubelet {
    /// Pods by uid.
    pub(in crate::sim) pods: BTreeMap<String, PodRun>,
    pulled: BTreeSet<String>,
    paused: bool,
    held: Vec<Due>,
    processes: u64,
}

/// A pod on the machine.
#[derive(Clone, Debug, Hash)]
pub(in crate::sim) struct PodRun {
    /// Which pod.
    pub(in crate::sim) id: ObjectId,
    /// Name of its node.
    pub(in crate::sim) node: String,
    /// The sidecar's process, while it runs.
    pub(in crate::sim) process: Option<SidecarProcess>,
    /// Uid of the claim with the data.
    pub(in crate::sim) disk: Option<String>,
    /// Whether seid itself runs, behind the gate.
    pub(in crate::sim) seid: bool,
    /// Whether the pod has been given to the kubelet.
    scheduling: bool,
    containers: BTreeMap<String, Container>,
}

/// One process of a sidecar.
#[derive(Clone, Copy, Debug, Hash)]
pub(in crate::sim) struct SidecarProcess {
    /// Number, unique in the world.
    pub(in crate::sim) number: u64,
    /// Whether mark-ready completed in this process.
    pub(in crate::sim) ready: bool,
}

#[derive(Clone, Debug, Hash)]
struct Container {
    state: ContainerState,
    restarts: u32,
}

#[derive(Clone, Debug, PartialEq, Hash)]
enum ContainerState {
    Waiting(&'static str),
    Running(Time),
    Done,
}

impl PodRun {
    fn new(id: &ObjectId, pod: &Value) -> Self {
        Self {
            id: id.clone(),
            node: node_label(pod).unwrap_or_else(|| node_name(&id.name)).to_owned(),
            process: None,
            disk: None,
            seid: false,
            scheduling: false,
            containers: BTreeMap::new(),
        }
    }

    fn runs(&self, container: &str) -> bool {
        let found = self.containers.get(container);
        found.is_some_and(|c| matches!(c.state, ContainerState::Running(_)))
    }

    /// Since when a container runs.
    pub(in crate::sim) fn runs_since(&self, container: &str) -> Option<Time> {
        match self.containers.get(container)?.state {
            ContainerState::Running(since) => Some(since),
            ContainerState::Waiting(_) | ContainerState::Done => None,
        }
    }

    /// Whether any container runs.
    pub(in crate::sim) fn runs_anything(&self) -> bool {
        self.containers.values().any(|c| matches!(c.state, ContainerState::Running(_)))
    }

    fn set(&mut self, container: &str, state: ContainerState) {
        let entry = self.containers.entry(container.to_owned());
        entry.and_modify(|c| c.state = state.clone()).or_insert(Container { state, restarts: 0 });
    }
}

/// New pods start, deleted pods stop, new claims let waiting pods go on.
pub(in crate::sim) fn notice(state: &mut State, change: &Change) {
    match change.id.kind {
        Kind::Pod => notice_pod(state, change),
        Kind::PersistentVolumeClaim if change.before.is_none() => {
            let waiting: Vec<String> = state.kubelet.pods.keys().cloned().collect();
            for uid in waiting {
                try_schedule(state, &uid);
            }
        }
        Kind::SeiNode
        | Kind::StatefulSet
        | Kind::Service
        | Kind::PersistentVolumeClaim
        | Kind::PersistentVolume
        | Kind::Job
        | Kind::ConfigMap
        | Kind::Secret
        | Kind::Lease
        | Kind::Certificate => {}
    }
}

fn notice_pod(state: &mut State, change: &Change) {
    match (&change.before, &change.after) {
        (None, Some(pod)) if state.kubelet.pods.contains_key(text(pod, "/metadata/uid")) => {}
        (None, Some(pod)) => {
            let uid = text(pod, "/metadata/uid").to_owned();
            state.kubelet.pods.insert(uid.clone(), PodRun::new(&change.id, pod));
            invariants::pod_made(state, &change.id, pod);
            tell(state, &change.id, "created");
            try_schedule(state, &uid);
        }
        (Some(before), Some(pod)) if is_leaving(pod) && !is_leaving(before) => {
            tell(state, &change.id, "terminating");
            let delay = state.options.delays.terminate_seconds;
            let uid = text(pod, "/metadata/uid").to_owned();
            later(state, delay, &change.id, &uid, PodStep::Remove);
        }
        (Some(pod), None) => {
            let uid = text(pod, "/metadata/uid").to_owned();
            stop_containers(state, &uid);
            tell(state, &change.id, "gone");
            state.kubelet.pods.remove(&uid);
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
}

/// Takes one step with a pod, unless the pod of that uid is gone or the kubelet is paused.
pub(in crate::sim) fn step(state: &mut State, id: &ObjectId, uid: &str, step: PodStep) {
    if state.kubelet.paused {
        state.kubelet.held.push(Due::Pod { id: id.clone(), uid: uid.to_owned(), step });
        return;
    }
    let Some(pod) = state.store.get(id).cloned() else {
        return;
    };
    if text(&pod, "/metadata/uid") != uid || (is_leaving(&pod) && step != PodStep::Remove) {
        return;
    }
    match step {
        PodStep::Schedule => schedule(state, id, uid),
        PodStep::Init => init(state, id, uid, &pod),
        PodStep::StartSidecars => start_sidecars(state, id, uid, &pod),
        PodStep::StartMain => start_main(state, id, uid, &pod),
        PodStep::Halt => halt(state, id, uid),
        PodStep::Remove => state.store.remove(id),
    }
}

/// Stops or resumes the kubelet: while it is paused containers go on running and nothing starts, stops or is reported.
pub(in crate::sim) fn pause(state: &mut State, paused: bool) {
    state.kubelet.paused = paused;
    if paused {
        return;
    }
    for due in std::mem::take(&mut state.kubelet.held) {
        state.queue.push(state.now, due);
    }
    let all: Vec<String> = state.kubelet.pods.keys().cloned().collect();
    for uid in all {
        publish(state, &uid);
    }
}

fn later(state: &mut State, seconds: i64, id: &ObjectId, uid: &str, step: PodStep) {
    let due = Due::Pod { id: id.clone(), uid: uid.to_owned(), step };
    state.queue.push(state.now.plus_seconds(seconds), due);
}

fn tell(state: &mut State, id: &ObjectId, what: &str) {
    let run = state.kubelet.pods.values().find(|run| run.id == *id);
    let node = run.map_or_else(|| node_name(&id.name).to_owned(), |run| run.node.clone());
    let node = NodeKey::new(id.namespace.clone(), node);
    let what = What::Pod { pod: id.name.clone(), what: what.to_owned() };
    state.tell(Some(node), what);
}

/// The node of a pod: the pod's name without its ordinal.
fn node_name(pod: &str) -> &str {
    pod.strip_suffix("-0").unwrap_or(pod)
}

/// Schedules a pod once all its claims are there.
fn try_schedule(state: &mut State, uid: &str) {
    let Some(run) = state.kubelet.pods.get(uid) else {
        return;
    };
    let id = run.id.clone();
    if run.scheduling || !claims_usable(state, &id) {
        return;
    }
    if let Some(run) = state.kubelet.pods.get_mut(uid) {
        run.scheduling = true;
    }
    let delay = state.options.delays.schedule_seconds;
    later(state, delay, &id, uid, PodStep::Schedule);
}

fn claims_usable(state: &State, id: &ObjectId) -> bool {
    let Some(pod) = state.store.get(id) else {
        return false;
    };
    volumes::claims_of(id, pod).iter().all(|claim| {
        let found = state.store.get(claim);
        found.is_some_and(|claim| !is_leaving(claim))
    })
}

fn schedule(state: &mut State, id: &ObjectId, uid: &str) {
    if !claims_usable(state, id) {
        if let Some(run) = state.kubelet.pods.get_mut(uid) {
            run.scheduling = false;
        }
        return;
    }
    let Some(pod) = state.store.get(id).cloned() else {
        return;
    };
    for claim in volumes::claims_of(id, &pod) {
        volumes::bind(state, &claim);
    }
    let disk = data_disk(state, id, &pod);
    if let Some(run) = state.kubelet.pods.get_mut(uid) {
        run.disk = disk;
        for name in names(&pod, "/spec/initContainers").chain(names(&pod, "/spec/containers")) {
            run.set(name, ContainerState::Waiting("PodInitializing"));
        }
    }
    state.store.update(id, |pod| {
        json::set(pod, &["spec", "nodeName"], json!("machine-0"));
    });
    publish(state, uid);
    let delay = pull_delay(state, &pod, "/spec/initContainers");
    later(state, delay, id, uid, PodStep::Init);
}

/// Uid of the claim behind the volume with the chain's data.
fn data_disk(state: &State, id: &ObjectId, pod: &Value) -> Option<String> {
    let volume = list(pod, "/spec/volumes").iter().find(|volume| text(volume, "/name") == DATA_VOLUME)?;
    let name = text(volume, "/persistentVolumeClaim/claimName");
    let claim = ObjectId::new(Kind::PersistentVolumeClaim, id.namespace.clone(), name);
    let claim = state.store.get(&claim)?;
    Some(text(claim, "/metadata/uid").to_owned())
}

fn names<'a>(pod: &'a Value, pointer: &str) -> impl Iterator<Item = &'a str> {
    list(pod, pointer).iter().map(|c| text(c, "/name"))
}

fn is_sidecar(container: &Value) -> bool {
    text(container, "/restartPolicy") == "Always"
}

fn pull_delay(state: &State, pod: &Value, pointer: &str) -> i64 {
    let known = &state.kubelet.pulled;
    let pulled = |container: &Value| known.contains(text(container, "/image"));
    if list(pod, pointer).iter().all(pulled) { 0 } else { state.options.delays.pull_seconds }
}

/// Pulls the images of a group of containers; false when one cannot be pulled, and then the step is due again.
fn pull(state: &mut State, id: &ObjectId, uid: &str, pod: &Value, step: PodStep) -> bool {
    let pointer = match step {
        PodStep::StartMain => "/spec/containers",
        PodStep::Schedule | PodStep::Init | PodStep::StartSidecars | PodStep::Halt | PodStep::Remove => {
            "/spec/initContainers"
        }
    };
    let broken = list(pod, pointer).iter().find(|c| state.options.broken_images.contains(text(c, "/image")));
    let Some(broken) = broken else {
        let images = list(pod, pointer).iter().map(|c| text(c, "/image"));
        state.kubelet.pulled.extend(images.map(str::to_owned));
        return true;
    };
    let name = text(broken, "/name").to_owned();
    if let Some(run) = state.kubelet.pods.get_mut(uid) {
        run.set(&name, ContainerState::Waiting("ImagePullBackOff"));
    }
    publish(state, uid);
    let delay = state.options.delays.pull_backoff_seconds;
    later(state, delay, id, uid, step);
    false
}

fn init(state: &mut State, id: &ObjectId, uid: &str, pod: &Value) {
    if !mounts::are_there(state, id, pod) {
        let delay = state.options.delays.pull_backoff_seconds;
        return later(state, delay, id, uid, PodStep::Init);
    }
    if !pull(state, id, uid, pod, PodStep::Init) {
        return;
    }
    let containers = list(pod, "/spec/initContainers");
    for container in containers.iter().filter(|c| !is_sidecar(c)) {
        start_container(state, uid, container);
    }
    publish(state, uid);
    let delay = state.options.delays.init_seconds;
    later(state, delay, id, uid, PodStep::StartSidecars);
}

fn start_sidecars(state: &mut State, id: &ObjectId, uid: &str, pod: &Value) {
    for container in list(pod, "/spec/initContainers") {
        if is_sidecar(container) {
            start_container(state, uid, container);
        } else if let Some(run) = state.kubelet.pods.get_mut(uid) {
            run.set(text(container, "/name"), ContainerState::Done);
        }
    }
    start_process(state, uid);
    let pull = pull_delay(state, pod, "/spec/containers");
    let delay = state.options.delays.start_seconds + pull;
    if delay == 0 {
        return start_main(state, id, uid, pod);
    }
    publish(state, uid);
    later(state, delay, id, uid, PodStep::StartMain);
}

fn start_main(state: &mut State, id: &ObjectId, uid: &str, pod: &Value) {
    if !pull(state, id, uid, pod, PodStep::StartMain) {
        return;
    }
    for container in list(pod, "/spec/containers") {
        start_container(state, uid, container);
    }
    tell(state, id, "containers running");
    open_gate(state, uid);
    publish(state, uid);
}

fn start_container(state: &mut State, uid: &str, container: &Value) {
    let now = state.now;
    let Some(run) = state.kubelet.pods.get_mut(uid) else {
        return;
    };
    run.set(text(container, "/name"), ContainerState::Running(now));
    let id = run.id.clone();
    let fact = container_fact(true, &id, uid, container);
    state.record(fact);
    invariants::container_started(state, uid);
    if text(container, "/name") == SEID {
        consensus_keys::seid_started(state, &id, uid);
    }
}

fn container_fact(started: bool, id: &ObjectId, uid: &str, container: &Value) -> Fact {
    Fact::Container {
        started,
        pod: format!("{}/{}", id.namespace, id.name),
        pod_uid: uid.to_owned(),
        container: text(container, "/name").to_owned(),
        image: text(container, "/image").to_owned(),
    }
}

fn stop_containers(state: &mut State, uid: &str) {
    let Some(run) = state.kubelet.pods.get_mut(uid) else {
        return;
    };
    run.process = None;
    let id = run.id.clone();
    let running: Vec<String> = run.containers.keys().filter(|name| run.runs(name)).cloned().collect();
    for name in running {
        let stopped = json!({ "name": name, "image": image_of(state, &id, &name) });
        state.record(container_fact(false, &id, uid, &stopped));
    }
}

/// A fresh process in the sidecar's container: not ready, and unfinished tasks run again.
fn start_process(state: &mut State, uid: &str) {
    state.kubelet.processes += 1;
    let number = state.kubelet.processes;
    if let Some(run) = state.kubelet.pods.get_mut(uid)
        && run.runs(SIDECAR)
    {
        run.process = Some(SidecarProcess { number, ready: false });
        sidecar::rehydrate(state, uid);
    }
}

/// Restarts one container of a running pod.
pub(in crate::sim) fn restart_container(state: &mut State, pod_id: &ObjectId, container: &str) {
    let Some(pod) = state.store.get(pod_id).cloned() else {
        return;
    };
    let uid = text(&pod, "/metadata/uid").to_owned();
    let now = state.now;
    let Some(run) = state.kubelet.pods.get_mut(&uid) else {
        return;
    };
    if !run.runs(container) {
        return;
    }
    if let Some(found) = run.containers.get_mut(container) {
        found.restarts += 1;
        found.state = ContainerState::Running(now);
    }
    tell(state, pod_id, &format!("{container} restarted"));
    if container == SIDECAR {
        start_process(state, &uid);
    }
    if container == SEID {
        if let Some(run) = state.kubelet.pods.get_mut(&uid) {
            run.seid = false;
        }
        open_gate(state, &uid);
    }
    publish(state, &uid);
}

/// The machine evicts a pod: its containers stop and its phase becomes `Failed`.
pub(in crate::sim) fn evict(state: &mut State, pod_id: &ObjectId) {
    let Some(pod) = state.store.get(pod_id).cloned() else {
        return;
    };
    end(state, pod_id, text(&pod, "/metadata/uid"), json!({ "phase": "Failed", "reason": "Evicted" }));
    tell(state, pod_id, "evicted");
}

/// The seid of a bootstrap stops at its height, or fails on the way; the pod ends with it.
fn halt(state: &mut State, pod_id: &ObjectId, uid: &str) {
    let failed = sidecar::injected_failure(state, BOOTSTRAP_SEID).is_some();
    let (phase, code) = if failed { ("Failed", 1) } else { ("Succeeded", 0) };
    let seid = json!({ "name": SEID, "state": { "terminated": { "exitCode": code } } });
    end(state, pod_id, uid, json!({ "phase": phase, "containerStatuses": [seid] }));
    tell(state, pod_id, phase);
}

/// A pod whose containers will not run again.
fn end(state: &mut State, pod_id: &ObjectId, uid: &str, status: Value) {
    stop_containers(state, uid);
    if let Some(run) = state.kubelet.pods.get_mut(uid) {
        run.containers.clear();
        run.seid = false;
    }
    state.store.update(pod_id, |pod| json::set(pod, &["status"], status));
}

/// The sidecar became ready: seid may start, and the pod is ready.
pub(in crate::sim) fn sidecar_ready(state: &mut State, uid: &str) {
    if let Some(process) = state.kubelet.pods.get_mut(uid).and_then(|run| run.process.as_mut()) {
        process.ready = true;
    }
    open_gate(state, uid);
    publish(state, uid);
}

/// Starts seid when its container waits at the gate and the sidecar is ready.
fn open_gate(state: &mut State, uid: &str) {
    let Some(run) = state.kubelet.pods.get_mut(uid) else {
        return;
    };
    let ready = run.process.is_some_and(|process| process.ready);
    if run.seid || !ready || !run.runs(SEID) {
        return;
    }
    run.seid = true;
    let (id, name) = (run.id.clone(), run.node.clone());
    let disk = run.disk.clone().unwrap_or_default();
    let image = image_of(state, &id, SEID);
    let node = NodeKey::new(id.namespace.clone(), name);
    let bootstrap = state.store.get(&id).is_some_and(|pod| text(pod, "/spec/restartPolicy") == "Never");
    if bootstrap {
        let delay = state.options.delays.bootstrap_seconds;
        later(state, delay, &id, uid, PodStep::Halt);
    }
    let start = SeidStart { bootstrap, ..sidecar::seid_start(state, &node, &disk, &image) };
    let what = What::Seid { image, state_sync: start.state_sync };
    state.record(Fact::Seid(start));
    state.tell(Some(node), what);
}

/// Image of a container in the pod's spec.
pub(in crate::sim) fn image_of(state: &State, pod: &ObjectId, container: &str) -> String {
    let Some(pod) = state.store.get(pod) else {
        return String::new();
    };
    list(pod, "/spec/containers")
        .iter()
        .find(|c| text(c, "/name") == container)
        .map(|c| text(c, "/image").to_owned())
        .unwrap_or_default()
}

/// Whether a container of the pod runs now.
pub(in crate::sim) fn runs(state: &State, uid: &str, container: &str) -> bool {
    let run = state.kubelet.pods.get(uid);
    run.is_some_and(|run| run.runs(container))
}

/// Writes the pod's status, unless the kubelet is paused.
fn publish(state: &mut State, uid: &str) {
    let Some(run) = state.kubelet.pods.get(uid) else {
        return;
    };
    let Some(pod) = state.store.get(&run.id) else {
        return;
    };
    if state.kubelet.paused || text(pod, "/spec/nodeName").is_empty() || over(pod) {
        return;
    }
    let was_ready = super::statefulset::is_ready(pod);
    let status = status_of(run, pod);
    let id = run.id.clone();
    state.store.set_status(&id, status);
    let now_ready = state.store.get(&id).is_some_and(|pod| super::statefulset::is_ready(pod));
    if now_ready && !was_ready {
        tell(state, &id, "ready");
    }
}

fn over(pod: &Value) -> bool {
    matches!(text(pod, "/status/phase"), "Failed" | "Succeeded")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::sim::testing::{bare_world, claim, id, idle, key, stateful_set};
    use crate::sim::{Options, Reconcile, Sim};

    fn pod(sim: &Sim) -> Value {
        sim.object(&id(Kind::Pod, "rpc-0-0")).unwrap_or_default()
    }

    fn run(sim: &Sim, seconds: i64) {
        sim.drive(Reconcile(idle)).run_for(seconds).unwrap();
    }

    fn waiting(sim: &Sim) -> String {
        let pod = pod(sim);
        text(&pod, "/status/initContainerStatuses/0/state/waiting/reason").to_owned()
    }

    #[test]
    fn a_pod_waits_for_its_claim_and_then_binds_it() {
        let sim = Sim::new(Options::default());
        sim.user_apply(stateful_set("", "sei:v1")).unwrap();
        run(&sim, 60);
        assert_eq!(text(&pod(&sim), "/spec/nodeName"), "");
        sim.user_apply(claim("")).unwrap();
        run(&sim, 60);
        let claim = sim.object(&id(Kind::PersistentVolumeClaim, "data-rpc-0")).unwrap();
        assert_eq!(text(&claim, "/status/phase"), "Bound");
        assert_eq!(text(&claim, "/status/capacity/storage"), "2000Gi");
        let volume = id(Kind::PersistentVolume, text(&claim, "/spec/volumeName"));
        let volume = sim.object(&volume).unwrap();
        assert_eq!(volume["spec"]["capacity"], claim["status"]["capacity"]);
    }

    #[test]
    fn containers_run_and_the_pod_is_not_ready_before_its_sidecar() {
        let sim = bare_world(Options::default());
        run(&sim, 60);
        let pod = pod(&sim);
        assert_eq!(text(&pod, "/status/phase"), "Running");
        let seid = pod.pointer("/status/containerStatuses/0").unwrap();
        assert!(seid.pointer("/state/running").is_some());
        assert_eq!(seid["ready"], false);
        assert!(!super::super::statefulset::is_ready(&pod));
        assert!(sim.seid_starts(&key()).is_empty());
    }

    #[test]
    fn a_broken_image_backs_off_until_it_is_mended() {
        let sim = bare_world(Options::default());
        sim.break_image("sei:v1", true);
        run(&sim, 60);
        assert_eq!(waiting(&sim), "ImagePullBackOff");
        sim.break_image("sei:v1", false);
        run(&sim, 60);
        assert_eq!(text(&pod(&sim), "/status/phase"), "Running");
    }

    #[test]
    fn a_deleted_pod_stops_after_its_delay_and_a_paused_kubelet_stops_nothing() {
        let sim = bare_world(Options::default());
        run(&sim, 60);
        let uid = text(&pod(&sim), "/metadata/uid").to_owned();
        sim.pause_kubelet();
        sim.user_delete(&id(Kind::Pod, "rpc-0-0"));
        run(&sim, 120);
        assert_eq!(text(&pod(&sim), "/metadata/uid"), uid);
        assert!(is_leaving(&pod(&sim)));
        sim.resume_kubelet();
        run(&sim, 60);
        assert_ne!(text(&pod(&sim), "/metadata/uid"), uid);
        let stops = sim
            .trace()
            .iter()
            .filter(|entry| matches!(&entry.fact, Fact::Container { started: false, pod_uid, .. } if *pod_uid == uid))
            .count();
        assert_eq!(stops, 3);
    }

    #[test]
    fn a_claim_in_use_is_protected() {
        let sim = bare_world(Options::default());
        run(&sim, 60);
        let claim_id = id(Kind::PersistentVolumeClaim, "data-rpc-0");
        sim.user_delete(&claim_id);
        run(&sim, 60);
        assert!(is_leaving(&sim.object(&claim_id).unwrap()));
        sim.user_delete(&id(Kind::StatefulSet, "rpc-0"));
        run(&sim, 60);
        assert!(sim.object(&claim_id).is_none());
        assert!(sim.objects(Kind::PersistentVolume).is_empty());
    }

    #[test]
    fn children_of_a_gone_owner_are_collected_and_orphans_stay() {
        let sim = bare_world(Options::default());
        run(&sim, 60);
        sim.user_delete(&id(Kind::StatefulSet, "rpc-0"));
        run(&sim, 60);
        assert!(sim.objects(Kind::Pod).is_empty());
        assert_eq!(sim.objects(Kind::Service).len(), 1);
        assert_eq!(sim.objects(Kind::PersistentVolumeClaim).len(), 1);
    }
}
