//! The sidecars: task rows and markers on the data volume, the ready flag of each process, and which task runs when. What
//! a task does is in `handlers.rs`, as far as full nodes need it; any other task simply succeeds.

use std::collections::{BTreeMap, BTreeSet};

use sei_planner::api::Time;
use sei_planner::names::NodeKey;
use serde_json::{Value, json};

use crate::world::{Address, SidecarError, TaskReport, TaskRequest, TaskState};

use super::clock::Due;
use super::controllers::kubelet;
use super::handlers::{SeidConfig, effect};
use super::invariants::Violation;
use super::network::{Endpoint, reach};
use super::state::State;
use super::trace::SeidStart;

/// Types of tasks with a marker file, and what it is called here.
const MARKERS: [(&str, &str); 7] = [
    ("snapshot-restore", "snapshot-done"),
    ("configure-genesis", "genesis-done"),
    ("configure-state-sync", "statesync-done"),
    ("generate-identity", "identity-done"),
    ("generate-gentx", "gentx-done"),
    ("upload-genesis-artifacts", "artifact-upload-done"),
    ("assemble-and-upload-genesis", "assemble-done"),
];
/// Types of tasks without one.
const UNMARKED: [&str; 10] = [
    "config-apply",
    "config-validate",
    "config-patch",
    "config-reload",
    "mark-ready",
    "snapshot-upload",
    "discover-peers",
    "set-genesis-peers",
    "await-condition",
    "result-export",
];

/// What is on the data volumes, and what will go wrong.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Sidecars {
    /// Disks by uid of the claim.
    pub(super) disks: BTreeMap<String, Disk>,
    /// Failures to come, by type of task: how often, and what it says.
    pub(super) failures: BTreeMap<String, (u32, String)>,
    /// Until when a node's sidecar does not answer.
    pub(super) silent_until: BTreeMap<NodeKey, Time>,
    /// Chains whose founders handed in their artifacts, and when the assembler is done with them.
    pub(super) founded: BTreeMap<String, Time>,
}

/// What a sidecar keeps on the data volume.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Disk {
    /// Tasks by id.
    pub(super) rows: BTreeMap<String, Row>,
    /// Marker files.
    pub(super) markers: BTreeSet<&'static str>,
    /// The configuration of seid.
    pub(super) config: SeidConfig,
    /// Whether the sidecar lost its database: what it did before nobody knows.
    pub(super) forgot: bool,
    /// The chain that a founder's identity was made for, empty for none.
    pub(super) chain: String,
    /// Whether the founder's account is in the keyring: it is made first, and never twice.
    account: bool,
}

impl Disk {
    /// Type and state of every task, sorted.
    pub(super) fn summary(&self) -> Vec<String> {
        let rows = self.rows.values();
        let mut lines: Vec<String> = rows.map(|row| format!("{} {:?}", row.kind, row.state)).collect();
        lines.sort();
        lines
    }
}

/// A task in the sidecar's database.
#[derive(Clone, Debug, Hash)]
pub(super) struct Row {
    pub(super) kind: String,
    pub(super) params: Value,
    state: TaskState,
    error: String,
    run: u32,
}

/// `POST /v0/tasks`.
pub(super) fn submit(state: &mut State, at: &Address, request: &TaskRequest) -> Result<(), SidecarError> {
    let endpoint = reach(state, at)?;
    check_request(request)?;
    overtakes(state, &endpoint, request);
    let disk = state.sidecars.disks.entry(endpoint.disk.clone()).or_default();
    let run = match disk.rows.get(&request.id) {
        Some(row) if row.state != TaskState::Failed => return Ok(()),
        Some(row) => row.run + 1,
        None => 1,
    };
    let row = Row {
        kind: request.kind.to_owned(),
        params: request.params.clone().unwrap_or_else(|| json!({})),
        state: TaskState::Running,
        error: String::new(),
        run,
    };
    disk.rows.insert(request.id.clone(), row);
    start(state, &endpoint.pod, endpoint.process, &request.id);
    Ok(())
}

/// L6: a task that is to write the volume is not submitted while another one does, also one that an earlier process of the
/// sidecar left unfinished: two of them would share the disk. A sidecar that lost its database cannot say what it left.
fn overtakes(state: &mut State, endpoint: &Endpoint, request: &TaskRequest) {
    let disk = state.sidecars.disks.get(&endpoint.disk).filter(|disk| !disk.forgot);
    let rows = disk.into_iter().flat_map(|disk| &disk.rows);
    let mut writing =
        rows.filter(|(id, row)| row.state == TaskState::Running && writes_volume(&row.kind) && **id != request.id);
    let Some((_, row)) = writing.next().filter(|_| writes_volume(request.kind)) else {
        return;
    };
    let what = format!("{} {} is submitted while {} runs", request.kind, request.id, row.kind);
    state.violations.push(Violation { at: state.now, invariant: "L6", what });
}

fn writes_volume(kind: &str) -> bool {
    !["mark-ready", "snapshot-upload", "await-condition", "result-export"].contains(&kind)
}

/// Whether some sidecar has this task, and it did not fail.
pub(super) fn is_known_and_well(state: &State, id: &str) -> bool {
    let rows = state.sidecars.disks.values().filter_map(|disk| disk.rows.get(id));
    rows.into_iter().any(|row| row.state != TaskState::Failed)
}

/// `GET /v0/tasks/{id}`.
pub(super) fn task(state: &State, at: &Address, id: &str) -> Result<Option<TaskReport>, SidecarError> {
    let endpoint = reach(state, at)?;
    let disk = state.sidecars.disks.get(&endpoint.disk);
    Ok(disk.and_then(|disk| disk.rows.get(id)).map(|row| TaskReport { state: row.state, error: row.error.clone() }))
}

/// `GET /v0/healthz`.
pub(super) fn healthz(state: &State, at: &Address) -> Result<bool, SidecarError> {
    reach(state, at).map(|endpoint| endpoint.ready)
}

/// A fresh process runs what its predecessor left running.
pub(super) fn rehydrate(state: &mut State, pod: &str) {
    let Some(run) = state.kubelet.pods.get(pod) else {
        return;
    };
    let (Some(process), Some(disk)) = (run.process, run.disk.clone()) else {
        return;
    };
    let unfinished: Vec<String> = state
        .sidecars
        .disks
        .get(&disk)
        .map(|disk| {
            let rows = disk.rows.iter();
            rows.filter(|(_, row)| row.state == TaskState::Running).map(|(id, _)| id.clone()).collect()
        })
        .unwrap_or_default();
    for id in unfinished {
        start(state, pod, process.number, &id);
    }
}

/// A task that a sidecar had been given before the world was restored: done, with its effect on the volume; failed, with
/// the error; or under way, and then the sidecar goes on with it.
pub(super) fn restore(
    state: &mut State,
    disk: &str,
    id: &str,
    kind: &str,
    params: Value,
    end: Result<TaskState, String>,
) {
    let (row_state, error) = end.map_or_else(|error| (TaskState::Failed, error), |end| (end, String::new()));
    let row = Row { kind: kind.to_owned(), params, state: row_state, error, run: 1 };
    if row_state == TaskState::Completed {
        // Whatever this world lacks for it, the other one had it.
        let _ = effect(state, disk, &row);
    }
    state.sidecars.disks.entry(disk.to_owned()).or_default().rows.insert(id.to_owned(), row);
}

/// Ends a task: its effect on the volume, its row, and the ready flag. Nothing happens when the process is gone.
pub(super) fn finish(state: &mut State, pod: &str, process: u64, id: &str, run: u32) {
    let Some((disk_uid, row)) = running_row(state, pod, process, id) else {
        return;
    };
    if row.run != run {
        return;
    }
    let outcome = match injected_failure(state, &row.kind) {
        Some(error) => Err(error),
        None => effect(state, &disk_uid, &row),
    };
    settle(state, pod, &disk_uid, id, &row.kind, outcome);
}

fn settle(state: &mut State, pod: &str, disk_uid: &str, id: &str, kind: &str, outcome: Result<(), String>) {
    let ready = kind == "mark-ready" && outcome.is_ok();
    let disk = state.sidecars.disks.entry(disk_uid.to_owned()).or_default();
    if let Some(row) = disk.rows.get_mut(id) {
        match outcome {
            Ok(()) => row.state = TaskState::Completed,
            Err(error) => {
                row.state = TaskState::Failed;
                row.error = error;
            }
        }
    }
    if ready {
        kubelet::sidecar_ready(state, pod);
    }
}

/// What seid starts with.
pub(super) fn seid_start(state: &State, node: &NodeKey, volume: &str, image: &str) -> SeidStart {
    let disk = state.sidecars.disks.get(volume).cloned().unwrap_or_default();
    SeidStart {
        node: node.clone(),
        volume: volume.to_owned(),
        image: image.to_owned(),
        mode: disk.config.mode,
        overrides: disk.config.overrides,
        peers: disk.config.peers,
        state_sync: disk.config.state_sync.is_some(),
        snapshot: disk.markers.contains("snapshot-done"),
        genesis: disk.markers.contains("genesis-done"),
        bootstrap: false,
    }
}

fn check_request(request: &TaskRequest) -> Result<(), SidecarError> {
    let kind = request.kind;
    let known = UNMARKED.contains(&kind) || marker(kind).is_some();
    if !known {
        return Err(SidecarError::Refused(format!("unknown task type: {kind}")));
    }
    if uuid::Uuid::parse_str(&request.id).is_err() {
        let id = &request.id;
        return Err(SidecarError::Refused(format!("task ID must be a valid UUID: {id:?}")));
    }
    Ok(())
}

pub(super) fn marker(kind: &str) -> Option<&'static str> {
    let found = MARKERS.iter().find(|(name, _)| *name == kind);
    found.map(|(_, marker)| *marker)
}

/// Begins a task whose row is written. Wrong parameters and marker files end it at once.
fn start(state: &mut State, pod: &str, process: u64, id: &str) {
    let Some((disk, row)) = running_row(state, pod, process, id) else {
        return;
    };
    if row.kind == "snapshot-upload" {
        return;
    }
    let marked = marker(&row.kind).is_some_and(|marker| {
        let disk = state.sidecars.disks.get(&disk);
        disk.is_some_and(|disk| disk.markers.contains(marker))
    });
    if row.kind == "generate-gentx" && !marked {
        let disk_state = state.sidecars.disks.entry(disk.clone()).or_default();
        if std::mem::replace(&mut disk_state.account, true) {
            let error = "generate-gentx: keys add: public key already exists in keybase".to_owned();
            return settle(state, pod, &disk, id, &row.kind, Err(error));
        }
    }
    let seconds = state.options.durations.of(&row.kind);
    if marked || seconds == 0 {
        return finish(state, pod, process, id, row.run);
    }
    let due = Due::Task { pod: pod.to_owned(), process, task: id.to_owned(), run: row.run };
    state.queue.push(state.now.plus_seconds(seconds), due);
}

/// The disk and the row of a task that runs in this process.
fn running_row(state: &State, pod: &str, process: u64, id: &str) -> Option<(String, Row)> {
    let run = state.kubelet.pods.get(pod)?;
    if run.process?.number != process {
        return None;
    }
    let disk = run.disk.clone()?;
    let row = state.sidecars.disks.get(&disk)?.rows.get(id)?;
    (row.state == TaskState::Running).then(|| (disk, row.clone()))
}

pub(super) fn injected_failure(state: &mut State, kind: &str) -> Option<String> {
    let (left, error) = state.sidecars.failures.get_mut(kind)?;
    *left = left.checked_sub(1)?;
    Some(error.clone())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::sim::testing::{URL, address, bare_world, id, idle, key, task_id};
    use crate::sim::{Options, Reconcile, Sim};
    use crate::world::Kind;

    fn up(options: Options) -> Sim {
        let sim = bare_world(options);
        run(&sim, 60);
        sim
    }

    fn run(sim: &Sim, seconds: i64) {
        sim.drive(Reconcile(idle)).run_for(seconds).unwrap();
    }

    fn request(number: u32, kind: &'static str, params: Value) -> TaskRequest {
        TaskRequest { id: task_id(number), kind, params: Some(params) }
    }

    fn post(sim: &Sim, number: u32, kind: &'static str, params: Value) {
        let request = request(number, kind, params);
        sim.with(|state| {
            submit(state, &address(), &request).unwrap();
            state.react();
        });
    }

    fn get(sim: &Sim, number: u32) -> Option<TaskReport> {
        sim.with(|state| task(state, &address(), &task_id(number)).unwrap())
    }

    fn healthy(sim: &Sim) -> Result<bool, SidecarError> {
        sim.with(|state| healthz(state, &address()))
    }

    fn state_of(sim: &Sim, number: u32) -> TaskState {
        get(sim, number).unwrap().state
    }

    #[test]
    fn an_id_runs_once_unless_it_failed() {
        let sim = up(Options::default());
        assert_eq!(get(&sim, 1), None);
        post(&sim, 1, "config-apply", json!({ "mode": "nonsense" }));
        assert_eq!(get(&sim, 1).unwrap().error, "config-apply: invalid mode \"nonsense\"");
        post(&sim, 1, "config-apply", json!({ "mode": "full" }));
        assert_eq!(state_of(&sim, 1), TaskState::Completed);
        post(&sim, 1, "config-apply", json!({ "mode": "archive" }));
        assert_eq!(sim.seid_config(&key()).unwrap().mode.as_deref(), Some("full"));
    }

    #[test]
    fn mark_ready_opens_the_gate_and_a_restart_closes_it() {
        let sim = up(Options::default());
        assert_eq!(healthy(&sim), Ok(false));
        post(&sim, 1, "mark-ready", json!({}));
        assert_eq!(healthy(&sim), Ok(true));
        assert_eq!(sim.seid_starts(&key()).len(), 1);
        sim.restart_sidecar(&key());
        assert_eq!(healthy(&sim), Ok(false));
        post(&sim, 1, "mark-ready", json!({}));
        assert_eq!(healthy(&sim), Ok(false));
        post(&sim, 2, "mark-ready", json!({}));
        assert_eq!(healthy(&sim), Ok(true));
        assert_eq!(sim.seid_starts(&key()).len(), 1);
    }

    #[test]
    fn rows_and_markers_outlive_the_pod_and_readiness_does_not() {
        let sim = up(Options::default());
        post(&sim, 1, "configure-genesis", json!({}));
        post(&sim, 2, "mark-ready", json!({}));
        sim.user_delete(&id(Kind::Pod, "rpc-0-0"));
        run(&sim, 60);
        assert_eq!(state_of(&sim, 1), TaskState::Completed);
        assert_eq!(healthy(&sim), Ok(false));
    }

    #[test]
    fn what_was_running_runs_again_in_the_next_process() {
        let mut options = Options::default();
        options.durations.seconds.insert("mark-ready".to_owned(), 20);
        let sim = up(options);
        post(&sim, 1, "mark-ready", json!({}));
        run(&sim, 10);
        sim.restart_sidecar(&key());
        run(&sim, 15);
        assert_eq!(state_of(&sim, 1), TaskState::Running);
        run(&sim, 10);
        assert_eq!(state_of(&sim, 1), TaskState::Completed);
        assert_eq!(healthy(&sim), Ok(true));
    }

    #[test]
    fn a_full_configuration_wipes_peers_and_state_sync_and_the_marker_stays() {
        let sim = up(Options::default());
        let static_peers = json!({ "sources": [{ "type": "static", "addresses": ["id@host:26656"] }] });
        post(&sim, 1, "config-apply", json!({ "mode": "full", "overrides": { "logging.level": "info" } }));
        post(&sim, 2, "configure-state-sync", json!({}));
        assert_eq!(get(&sim, 2).unwrap().error, "configure-state-sync: no peers in config.toml");
        post(&sim, 3, "discover-peers", static_peers);
        post(&sim, 2, "configure-state-sync", json!({}));
        assert_eq!(state_of(&sim, 2), TaskState::Completed);
        let incremental = json!({ "incremental": true, "overrides": { "evm.http_port": "1" } });
        post(&sim, 4, "config-apply", incremental);
        let config = sim.seid_config(&key()).unwrap();
        assert!(config.state_sync.is_some() && config.overrides.len() == 2);
        post(&sim, 5, "config-apply", json!({ "mode": "full" }));
        post(&sim, 6, "configure-state-sync", json!({}));
        assert_eq!(state_of(&sim, 6), TaskState::Completed);
        let config = sim.seid_config(&key()).unwrap();
        assert!(config.state_sync.is_none() && config.peers.is_empty());
        post(&sim, 7, "mark-ready", json!({}));
        assert!(!sim.seid_starts(&key())[0].state_sync);
    }

    #[test]
    fn wrong_requests_are_refused_or_fail() {
        let sim = up(Options::default());
        let unknown = request(1, "nonsense", json!({}));
        let refused = sim.with(|state| submit(state, &address(), &unknown));
        assert_eq!(refused, Err(SidecarError::Refused("unknown task type: nonsense".to_owned())));
        post(&sim, 2, "config-apply", json!({ "mode": "full", "overrides": { "a.b": "c" } }));
        assert!(get(&sim, 2).unwrap().error.contains("unknown override key \"a.b\""));
        post(&sim, 3, "config-validate", json!({}));
        assert!(get(&sim, 3).unwrap().error.starts_with("config-validate: reading config"));
    }

    #[test]
    fn failures_can_be_ordered_and_run_out() {
        let sim = up(Options::default());
        sim.fail_task("configure-genesis", 2, "S3: slow down");
        for _ in 0..2 {
            post(&sim, 1, "configure-genesis", json!({}));
            assert_eq!(get(&sim, 1).unwrap().error, "S3: slow down");
        }
        post(&sim, 1, "configure-genesis", json!({}));
        assert_eq!(state_of(&sim, 1), TaskState::Completed);
    }

    #[test]
    fn an_upload_never_ends_and_a_restore_takes_its_time() {
        let sim = up(Options::default().realistic());
        post(&sim, 1, "snapshot-upload", json!({}));
        post(&sim, 2, "snapshot-restore", json!({ "targetHeight": 5 }));
        run(&sim, 1799);
        assert_eq!(state_of(&sim, 2), TaskState::Running);
        run(&sim, 1);
        assert_eq!(state_of(&sim, 2), TaskState::Completed);
        assert_eq!(state_of(&sim, 1), TaskState::Running);
        post(&sim, 3, "snapshot-restore", json!({ "targetHeight": 5 }));
        assert_eq!(state_of(&sim, 3), TaskState::Completed);
    }

    #[test]
    fn only_the_right_address_of_a_running_sidecar_answers() {
        let sim = up(Options::default());
        let ask = |url: &str| sim.with(|state| healthz(state, &Address::plain(url)));
        assert_eq!(ask(URL), Ok(false));
        for wrong in [
            "http://rpc-0-0.rpc-0.nodes.svc.cluster.local:7778",
            "https://rpc-0-0.rpc-0.nodes.svc.cluster.local:8443",
            "http://rpc-1-0.rpc-1.nodes.svc.cluster.local:7777",
            "http://rpc-0-0.rpc-0.other.svc.cluster.local:7777",
            "http://rpc-0.nodes:7777",
        ] {
            assert!(matches!(ask(wrong), Err(SidecarError::Unreachable(_))), "{wrong}");
        }
        sim.silence_sidecar(&key(), 30);
        assert!(ask(URL).is_err());
        run(&sim, 30);
        assert_eq!(ask(URL), Ok(false));
        sim.user_delete(&id(Kind::Service, "rpc-0"));
        assert!(ask(URL).is_err());
    }

    #[test]
    fn a_lost_claim_takes_the_tasks_with_it() {
        let sim = up(Options::default());
        post(&sim, 1, "configure-genesis", json!({}));
        let claim_id = id(Kind::PersistentVolumeClaim, "data-rpc-0");
        sim.user_delete(&claim_id);
        sim.user_delete(&id(Kind::Pod, "rpc-0-0"));
        run(&sim, 60);
        assert!(sim.object(&claim_id).is_none());
        sim.user_apply(crate::sim::testing::claim("")).unwrap();
        run(&sim, 60);
        assert_eq!(get(&sim, 1), None);
    }
}
