//! Pods of a recorded world: what ran goes on running, what had ended is over. A pod that was still on its way begins again.

use serde_json::Value;

use super::{ContainerState, PodRun, SEID, SIDECAR, SidecarProcess, data_disk, is_sidecar, open_gate, over};
use crate::sim::consensus_keys;
use crate::sim::json::{list, number, text};
use crate::sim::state::State;
use crate::world::ObjectId;

/// Takes over a pod that is in the store already, with the gate of its sidecar open or shut.
pub(in crate::sim) fn restore(state: &mut State, id: &ObjectId, gate_is_open: bool) {
    let Some(pod) = state.store.get(id).cloned() else { return };
    let uid = text(&pod, "/metadata/uid").to_owned();
    let mut run = PodRun::new(id, &pod);
    run.scheduling = true;
    if over(&pod) {
        state.kubelet.pods.insert(uid, run);
        return;
    }
    if !runs(&pod, "/status/containerStatuses", SEID) {
        return;
    }
    for (containers, statuses) in
        [("/spec/initContainers", "/status/initContainerStatuses"), ("/spec/containers", "/status/containerStatuses")]
    {
        for container in list(&pod, containers) {
            let name = text(container, "/name");
            let stays = containers == "/spec/containers" || is_sidecar(container);
            let now = if stays { ContainerState::Running(state.now) } else { ContainerState::Done };
            run.set(name, now);
            if let Some(known) = run.containers.get_mut(name) {
                known.restarts = restarts(&pod, statuses, name);
            }
            state.kubelet.pulled.insert(text(container, "/image").to_owned());
        }
    }
    run.disk = data_disk(state, id, &pod);
    if run.runs(SIDECAR) {
        state.kubelet.processes += 1;
        run.process = Some(SidecarProcess { number: state.kubelet.processes, ready: gate_is_open });
        // The seid of a bootstrap begins again, so that it reaches its height.
        run.seid = gate_is_open && text(&pod, "/spec/restartPolicy") != "Never";
    }
    state.kubelet.pods.insert(uid.clone(), run);
    consensus_keys::seid_started(state, id, &uid);
    open_gate(state, &uid);
}

fn status<'a>(pod: &'a Value, statuses: &str, name: &str) -> Option<&'a Value> {
    list(pod, statuses).iter().find(|status| text(status, "/name") == name)
}

fn runs(pod: &Value, statuses: &str, name: &str) -> bool {
    status(pod, statuses, name).is_some_and(|status| status.pointer("/state/running").is_some())
}

fn restarts(pod: &Value, statuses: &str, name: &str) -> u32 {
    let known = status(pod, statuses, name).map(|status| number(status, "/restartCount"));
    known.and_then(|count| u32::try_from(count).ok()).unwrap_or_default()
}
