//! A world as it was recorded elsewhere: objects with their uids, pods that go on running, sidecars that know their tasks.

use sei_planner::api::{NodePhase, PlanPhase, SeiNodeStatus, TaskStatus, Time};
use sei_planner::names::NodeKey;
use sei_planner::task::{Work, codec};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::world::{ClusterError, Kind, ObjectId, TaskState};

use super::Sim;
use super::controllers::kubelet;
use super::controllers::statefulset::{REVISION_LABEL, renamed};
use super::json::{self, list, text};
use super::sidecar;
use super::state::{State, node_label};
use super::user::identify;

impl Sim {
    /// Restores a world that was recorded in another cluster, as `kubectl get -o yaml` shows it.
    ///
    /// * Objects keep uid, generation, owners, the owners of their fields and their status. An owner of the same kind and name
    ///   that has another uid here takes the place of the recorded one; one that is nowhere leaves garbage, as in a cluster. An
    ///   owner of a kind that this world does not have is left out.
    /// * Pods whose seid container ran go on running, of the revision that their template had. Pods that had ended are over,
    ///   all others begin again.
    /// * The volume of each SeiNode holds what the plan in its status says was done there, and the sidecar's database the
    ///   tasks that were completed, failed or submitted; those under way go on.
    /// * The clock goes on to the last moment that the recording tells of.
    ///
    /// Secrets are no part of a recording: apply them before.
    ///
    /// # Errors
    /// `Rejected` when the API server would not have such an object, `Conflict` when there is one of that name.
    pub fn restore(&self, mut recorded: Vec<Value>) -> Result<Vec<ObjectId>, ClusterError> {
        let ids = recorded.iter_mut().map(identify).collect::<Result<Vec<_>, _>>()?;
        self.ask(format!("restore {} recorded objects", ids.len()), |state| {
            // A Certificate tells of its end, which is years ahead.
            let past = ids.iter().zip(&recorded).filter(|(id, _)| id.kind != Kind::Certificate);
            if let Some(last) = past.filter_map(|(_, object)| last_moment(object)).max() {
                state.set_now(state.now.max(last));
            }
            rename_revisions(&ids, &mut recorded);
            for (id, object) in ids.iter().zip(&recorded) {
                state.store.restore(id, object, &mut state.ids)?;
            }
            remap_owners(state, &ids);
            for id in ids.iter().filter(|id| id.kind == Kind::Pod) {
                let gate = gate_is_open(state, id);
                kubelet::restore(state, id, gate);
            }
            for id in ids.iter().filter(|id| id.kind == Kind::SeiNode) {
                fill_volume(state, &NodeKey::new(id.namespace.clone(), id.name.clone()));
            }
            Ok(ids)
        })
    }
}

/// The latest time anywhere in an object.
fn last_moment(object: &Value) -> Option<Time> {
    match object {
        Value::String(text) => text.ends_with('Z').then(|| Time::deserialize(object).ok()).flatten(),
        Value::Array(items) => items.iter().filter_map(last_moment).max(),
        Value::Object(map) => map.values().filter_map(last_moment).max(),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// Two clusters name equal templates differently; a pod of the template that was recorded is one of that template here.
fn rename_revisions(ids: &[ObjectId], recorded: &mut [Value]) {
    let sets = ids.iter().zip(recorded.iter()).filter(|(id, _)| id.kind == Kind::StatefulSet);
    let names: Vec<(String, String)> = sets.filter_map(|(id, set)| renamed(id, set)).collect();
    let places: [&[&str]; 3] =
        [&["status", "updateRevision"], &["status", "currentRevision"], &["metadata", "labels", REVISION_LABEL]];
    for object in recorded {
        for path in places {
            let here = path.iter().try_fold(&*object, |at, step| at.get(step)).and_then(Value::as_str);
            let renamed = here.and_then(|here| names.iter().find(|(there, _)| there == here));
            if let Some((_, name)) = renamed {
                json::set(object, path, json!(name));
            }
        }
    }
}

/// Owners of the same kind and name that have another uid here take the place of the recorded ones. Those of kinds that are
/// unknown here go: nobody would ever find them.
fn remap_owners(state: &mut State, ids: &[ObjectId]) {
    for id in ids {
        let Some(object) = state.store.get(id).cloned() else { continue };
        let owners: Vec<Value> = list(&object, "/metadata/ownerReferences")
            .iter()
            .filter_map(|owner| {
                let kind = Kind::ALL.into_iter().find(|kind| kind.name() == text(owner, "/kind"))?;
                let owner_id = ObjectId::new(kind, id.namespace.clone(), text(owner, "/name"));
                let mut owner = owner.clone();
                if let Some(live) = state.store.get(&owner_id) {
                    json::set(&mut owner, &["uid"], json!(text(live, "/metadata/uid")));
                }
                Some(owner)
            })
            .collect();
        if owners != list(&object, "/metadata/ownerReferences") {
            state.store.update(id, |object| json::set(object, &["metadata", "ownerReferences"], json!(owners)));
        }
    }
}

/// Whether the sidecar of a recorded pod is ready. A bootstrap's is once its plan opened the gate. Of the others the pod tells,
/// unless a plan is still to open the gate of the pod that it made: clusters without machines call every pod ready.
fn gate_is_open(state: &State, pod: &ObjectId) -> bool {
    let Some(object) = state.store.get(pod) else { return false };
    let node = node_label(object).and_then(|name| state.node(&NodeKey::new(pod.namespace.clone(), name)));
    let status = node.and_then(|node| node.status).unwrap_or_default();
    let active = status.plan.as_ref().filter(|plan| plan.phase == PlanPhase::Active);
    let done = |kind: &str| {
        let mut tasks = active.iter().flat_map(|plan| &plan.tasks);
        tasks.any(|task| task.kind == kind && task.status == TaskStatus::Complete)
    };
    if text(object, "/spec/restartPolicy") == "Never" {
        return done("mark-ready");
    }
    let sidecar = list(object, "/status/initContainerStatuses").iter().find(|c| text(c, "/name") == kubelet::SIDECAR);
    let says_ready = sidecar.is_some_and(|sidecar| sidecar.get("ready") == Some(&Value::Bool(true)));
    says_ready && status.phase() == NodePhase::Running && !done("replace-pod")
}

/// What the plan in status did to the node's volume, and what the sidecar's database knows of it.
fn fill_volume(state: &mut State, key: &NodeKey) {
    let Some(node) = state.node(key) else { return };
    let status: SeiNodeStatus = node.status.unwrap_or_default();
    let imported = node.spec.data_volume.and_then(|volume| volume.import).map(|import| import.pvc_name);
    let claim = imported.unwrap_or_else(|| key.generated_claim());
    let claim = state.store.get(&ObjectId::new(Kind::PersistentVolumeClaim, key.namespace.clone(), claim));
    let Some(disk) = claim.map(|claim| text(claim, "/metadata/uid").to_owned()) else { return };
    for planned in status.plan.iter().flat_map(|plan| &plan.tasks) {
        let Ok(task) = codec::decode(&planned.kind, &planned.params) else { continue };
        let end = match planned.status {
            TaskStatus::Complete => Ok(TaskState::Completed),
            TaskStatus::Failed => Err(planned.error.clone()),
            TaskStatus::Running => Ok(TaskState::Running),
            TaskStatus::Pending if planned.submitted_at.is_some() => Ok(TaskState::Running),
            TaskStatus::Pending => continue,
        };
        if task.task_type().work != Work::Operator {
            let params = codec::posted_params(&task).unwrap_or_else(json::empty);
            sidecar::restore(state, &disk, &planned.id, &planned.kind, params, end);
        }
    }
    let served = state.kubelet.pods.iter().filter(|(_, run)| run.disk.as_deref() == Some(&disk));
    let pods: Vec<String> = served.map(|(uid, _)| uid.clone()).collect();
    for pod in pods {
        sidecar::rehydrate(state, &pod);
    }
}
