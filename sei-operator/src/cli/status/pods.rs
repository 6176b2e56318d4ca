//! What there is to say of a pod: whether it runs, on which node, and how its containers are.
#![allow(unreachable_pub, reason = "the derive of the schema copies each struct, with its visibility, into a function")]

use schemars::JsonSchema;
use sei_planner::api::Time;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One pod of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct PodReport {
    /// Name.
    pub(in crate::cli) name: String,
    /// `status.phase`, as Kubernetes has it.
    pub(in crate::cli) phase: String,
    /// Whether all its containers are ready.
    pub(in crate::cli) ready: bool,
    /// Whether it is being deleted.
    pub(in crate::cli) deleting: bool,
    /// Machine it runs on.
    pub(in crate::cli) machine: Option<String>,
    /// When it was made.
    pub(in crate::cli) created_at: Option<Time>,
    /// Why it is not on a machine yet, in the scheduler's words.
    pub(in crate::cli) unscheduled: Option<String>,
    /// Its containers: init containers first, in their order.
    pub(in crate::cli) containers: Vec<ContainerReport>,
}

/// One container of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct ContainerReport {
    /// Name.
    pub(in crate::cli) name: String,
    /// Image in the pod's spec.
    pub(in crate::cli) image: String,
    /// How it is: one of Running, Waiting, Terminated, and Unknown before the kubelet said anything.
    pub(in crate::cli) state: String,
    /// Why it waits or ended, in a word, as `ImagePullBackOff`.
    pub(in crate::cli) reason: Option<String>,
    /// The kubelet's words on that.
    pub(in crate::cli) message: Option<String>,
    /// How often it was started again.
    pub(in crate::cli) restarts: i64,
}

/// Reasons to wait that every start has.
const STARTING: [&str; 2] = ["PodInitializing", "ContainerCreating"];

impl PodReport {
    /// Of a pod as the API server returns it.
    pub(super) fn of(pod: &Value) -> Self {
        let (metadata, status) = (&pod["metadata"], &pod["status"]);
        let condition = |kind: &'static str| list(&status["conditions"]).find(move |c| c["type"] == kind);
        let unscheduled = condition("PodScheduled").filter(|scheduled| scheduled["status"] == "False");
        let names = ["initContainers", "containers"].into_iter().flat_map(|names| list(&pod["spec"][names]));
        Self {
            name: text(&metadata["name"]).unwrap_or_default(),
            phase: text(&status["phase"]).unwrap_or_else(|| "Unknown".to_owned()),
            ready: condition("Ready").is_some_and(|ready| ready["status"] == "True"),
            deleting: metadata["deletionTimestamp"].is_string(),
            machine: text(&pod["spec"]["nodeName"]),
            created_at: Time::deserialize(&metadata["creationTimestamp"]).ok(),
            unscheduled: unscheduled.and_then(|scheduled| text(&scheduled["message"])),
            containers: names.map(|container| ContainerReport::of(container, status)).collect(),
        }
    }
}

impl ContainerReport {
    fn of(container: &Value, pod_status: &Value) -> Self {
        let lists = ["initContainerStatuses", "containerStatuses"];
        let found = lists.into_iter().flat_map(|l| list(&pod_status[l])).find(|s| s["name"] == container["name"]);
        let nothing = Value::Null;
        let known = found.unwrap_or(&nothing);
        let states = [("Running", "running"), ("Waiting", "waiting"), ("Terminated", "terminated")];
        let state = states.into_iter().find(|(_, member)| known["state"][member].is_object());
        let detail = |member: &str| state.and_then(|(_, state)| text(&known["state"][state][member]));
        Self {
            name: text(&container["name"]).unwrap_or_default(),
            image: text(&container["image"]).unwrap_or_default(),
            state: state.map_or("Unknown", |(word, _)| word).to_owned(),
            reason: detail("reason"),
            message: detail("message"),
            restarts: known["restartCount"].as_i64().unwrap_or_default(),
        }
    }

    /// Why it does not start, unless it is only about to.
    pub(super) fn trouble(&self) -> Option<&str> {
        let reason = self.reason.as_deref().filter(|_| self.state == "Waiting")?;
        (!STARTING.contains(&reason)).then_some(reason)
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}
