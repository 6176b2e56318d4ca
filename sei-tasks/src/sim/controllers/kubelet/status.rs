//! What the kubelet reports of a pod.

use serde_json::{Value, json};

use super::{Container, ContainerState, PodRun, SEID, SIDECAR};
use crate::sim::json::{list, text};

/// `status` of a pod whose containers did not end.
pub(super) fn status_of(run: &PodRun, pod: &Value) -> Value {
    let statuses = |pointer: &str| -> Vec<Value> {
        list(pod, pointer).iter().map(|container| container_status(run, container)).collect()
    };
    let init = statuses("/spec/initContainers");
    let main = statuses("/spec/containers");
    let initialized = init.iter().all(|s| s.get("started") == Some(&true.into()) || done(s));
    let is_ready = |s: &Value| s.get("ready") == Some(&true.into());
    let running = main.iter().any(|s| s.pointer("/state/running").is_some());
    let ready = running && main.iter().all(is_ready) && init.iter().all(|s| is_ready(s) || done(s));
    json!({
        "phase": if running { "Running" } else { "Pending" },
        "conditions": [
            condition("PodScheduled", true),
            condition("Initialized", initialized),
            condition("ContainersReady", ready),
            condition("Ready", ready),
        ],
        "initContainerStatuses": init,
        "containerStatuses": main,
    })
}

fn done(status: &Value) -> bool {
    status.pointer("/state/terminated").is_some()
}

fn condition(kind: &str, holds: bool) -> Value {
    json!({ "type": kind, "status": if holds { "True" } else { "False" } })
}

fn container_status(run: &PodRun, container: &Value) -> Value {
    let name = text(container, "/name");
    let waiting = Container { state: ContainerState::Waiting("PodInitializing"), restarts: 0 };
    let known = run.containers.get(name).unwrap_or(&waiting);
    let (state, running) = match &known.state {
        ContainerState::Waiting(reason) => (json!({ "waiting": { "reason": reason } }), false),
        ContainerState::Running(since) => (json!({ "running": { "startedAt": since.to_string() } }), true),
        ContainerState::Done => (json!({ "terminated": { "exitCode": 0, "reason": "Completed" } }), false),
    };
    let ready = match name {
        SIDECAR => running && run.process.is_some_and(|process| process.ready),
        SEID => running && run.seid,
        _ => running || known.state == ContainerState::Done,
    };
    json!({
        "name": name,
        "image": text(container, "/image"),
        "imageID": "",
        "ready": ready,
        "started": running,
        "restartCount": known.restarts,
        "state": state,
    })
}
