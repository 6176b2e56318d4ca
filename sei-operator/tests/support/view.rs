//! Everything about one node at one moment, as a person with `kubectl` sees it, and checks on it. A check says why it
//! does not hold yet.

use std::fmt;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, Service};
use kube::ResourceExt;
use kube::api::DynamicObject;
use serde_json::Value;

pub(crate) type Check = Result<(), String>;

/// The node's objects; absent ones do not exist.
pub(crate) struct View {
    pub(crate) node: Option<DynamicObject>,
    pub(crate) stateful_set: Option<StatefulSet>,
    pub(crate) service: Option<Service>,
    pub(crate) claim: Option<PersistentVolumeClaim>,
    pub(crate) pod: Option<Pod>,
    /// Somebody told this pod's sidecar that seid may start.
    pub(crate) sidecar_ready: bool,
}

pub(crate) fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(otherwise()) }
}

impl View {
    pub(crate) fn status(&self, pointer: &str) -> Option<&Value> {
        self.node.as_ref()?.data.get("status")?.pointer(pointer)
    }

    fn status_text(&self, pointer: &str) -> &str {
        self.status(pointer).and_then(Value::as_str).unwrap_or("(absent)")
    }

    pub(crate) fn phase_is(&self, wanted: &str) -> Check {
        let phase = self.status_text("/phase");
        check(phase == wanted, || format!("status.phase is {phase}, not {wanted}"))
    }

    pub(crate) fn current_image_is(&self, wanted: &str) -> Check {
        let image = self.status_text("/currentImage");
        check(image == wanted, || format!("status.currentImage is {image}, not {wanted}"))
    }

    pub(crate) fn no_active_plan(&self) -> Check {
        let phase = self.status_text("/plan/phase");
        check(phase != "Active", || "status.plan is Active".to_owned())
    }

    /// Whether the plan's task of this type waits for something.
    pub(crate) fn waits_for(&self, kind: &str) -> bool {
        let tasks = self.status("/plan/tasks").and_then(Value::as_array);
        tasks.into_iter().flatten().any(|task| task["type"] == kind && task["waitingFor"].is_string())
    }

    pub(crate) fn conditions(&self) -> &[Value] {
        self.status("/conditions").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn condition_is(&self, kind: &str, status: &str, reason: &str) -> Check {
        let found = self.conditions().iter().find(|one| one["type"] == kind);
        let found = found.ok_or_else(|| format!("no condition {kind}"))?;
        check(found["status"] == status && found["reason"] == reason, || {
            format!("condition {kind} is {}/{}, not {status}/{reason}", found["status"], found["reason"])
        })
    }

    fn no_update_in_progress(&self) -> Check {
        let busy = self.conditions().iter().any(|one| one["type"] == "NodeUpdateInProgress" && one["status"] == "True");
        check(!busy, || "condition NodeUpdateInProgress is True".to_owned())
    }

    pub(crate) fn pod_uid(&self) -> Option<String> {
        self.pod.as_ref()?.uid()
    }

    pub(crate) fn pod_is_terminating(&self) -> Check {
        let pod = self.pod.as_ref().ok_or("no pod")?;
        check(pod.metadata.deletion_timestamp.is_some(), || "nobody has deleted the pod".to_owned())
    }

    /// The pod is new, has this image, and waits for the kubelet.
    pub(crate) fn pod_is_pending(&self, image: &str) -> Check {
        let pod = self.pod.as_ref().ok_or("no pod")?;
        check(pod.metadata.deletion_timestamp.is_none(), || "the pod is terminating".to_owned())?;
        check(pod_phase(pod) == "Pending", || format!("the pod is {}", pod_phase(pod)))?;
        check(seid_image(pod) == Some(image), || format!("the pod has {:?}, not {image}", seid_image(pod)))
    }

    /// The pod is there to stay, its containers run, and seid's image is this one.
    pub(crate) fn pod_runs(&self, image: &str) -> Check {
        let pod = self.pod.as_ref().ok_or("no pod")?;
        check(pod.metadata.deletion_timestamp.is_none(), || "the pod is terminating".to_owned())?;
        check(pod_phase(pod) == "Running", || format!("the pod is {}", pod_phase(pod)))?;
        let seid = seid_image(pod).ok_or("the pod has no container seid")?;
        check(seid == image, || format!("the pod runs {seid}, not {image}"))
    }

    pub(crate) fn sidecar_is_ready(&self) -> Check {
        check(self.sidecar_ready, || "the pod's sidecar was not marked ready, so seid does not start".to_owned())
    }

    /// StatefulSet, Service and data PVC exist and belong to this very SeiNode.
    pub(crate) fn objects_are_owned(&self) -> Check {
        let uid = self.node.as_ref().and_then(ResourceExt::uid).ok_or("no SeiNode")?;
        owned("StatefulSet", self.stateful_set.as_ref(), &uid)?;
        owned("Service", self.service.as_ref(), &uid)?;
        owned("data PVC", self.claim.as_ref(), &uid)
    }

    /// What every path has to end in: the pod runs what the spec wants, the status says so, and nothing is under way.
    pub(crate) fn settled_on(&self, image: &str) -> Check {
        self.phase_is("Running")?;
        self.pod_runs(image)?;
        self.current_image_is(image)?;
        self.no_active_plan()?;
        self.no_update_in_progress()?;
        self.sidecar_is_ready()?;
        self.objects_are_owned()
    }
}

fn owned<T: ResourceExt>(what: &str, object: Option<&T>, uid: &str) -> Check {
    let object = object.ok_or_else(|| format!("no {what}"))?;
    check(object.meta().deletion_timestamp.is_none(), || format!("the {what} is being deleted"))?;
    let ours = object.owner_references().iter().any(|owner| owner.uid == uid && owner.controller == Some(true));
    check(ours, || format!("the {what} is not controlled by the SeiNode"))
}

fn pod_phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

pub(crate) fn seid_image(pod: &Pod) -> Option<&str> {
    let containers = &pod.spec.as_ref()?.containers;
    containers.iter().find(|container| container.name == "seid")?.image.as_deref()
}

impl fmt::Display for View {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(node) = &self.node {
            let about = (node.metadata.generation, &node.metadata.finalizers, &node.metadata.deletion_timestamp);
            writeln!(out, "SeiNode (generation, finalizers, deleted at): {about:?}\n{}", yaml(&node.data))?;
        }
        let pod = self
            .pod
            .as_ref()
            .map(|pod| (pod.uid(), pod_phase(pod), pod.metadata.deletion_timestamp.is_some(), seid_image(pod)));
        writeln!(out, "pod (uid, phase, terminating, seid image): {pod:?}")?;
        let stateful_set = self.stateful_set.as_ref().map(|set| (set.metadata.generation, &set.status));
        writeln!(out, "StatefulSet (generation, status): {}", yaml(&stateful_set))?;
        let exists = (self.service.is_some(), self.claim.is_some(), self.sidecar_ready);
        writeln!(out, "Service exists, data PVC exists, sidecar ready: {exists:?}")
    }
}

fn yaml(value: &impl serde::Serialize) -> String {
    serde_yaml::to_string(value).unwrap_or_else(|error| error.to_string())
}
