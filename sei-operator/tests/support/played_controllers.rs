//! StatefulSet controller, scheduler and kubelet in one, for measurements of the operator and of what it asks of the API server:
//! the real ones ask as much again, on the same cores. They make pods and let them run, with three requests for each, and do
//! nothing else.

use std::future::ready;

use futures::TryStreamExt;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, PodTemplateSpec};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams, PostParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::control_plane::WithoutControllers;

/// Requests under way at the same time.
const HANDS: usize = 16;
/// The machine of every pod.
const MACHINE: &str = "kwok-sei-node";
/// Of every StatefulSet, whatever its template.
const REVISION: &str = "played";

/// At work until it is dropped; then the real ones are back.
pub(crate) struct PlayedControllers<'a> {
    work: JoinHandle<()>,
    _real: WithoutControllers<'a>,
}

impl<'a> PlayedControllers<'a> {
    pub(crate) fn start(cluster: Client, real: WithoutControllers<'a>) -> Self {
        PlayedControllers { work: tokio::spawn(bring_up_all(cluster)), _real: real }
    }
}

impl Drop for PlayedControllers<'_> {
    fn drop(&mut self) {
        self.work.abort();
    }
}

async fn bring_up_all(cluster: Client) {
    let seen = watcher(Api::<StatefulSet>::all(cluster.clone()), watcher::Config::default()).applied_objects();
    let new = seen.try_filter(|set| ready(set.status.as_ref().is_none_or(|status| status.replicas == 0)));
    let done = new.try_for_each_concurrent(HANDS, async |set| {
        bring_up(&cluster, &set).await;
        Ok(())
    });
    done.await.expect("the API server serves StatefulSets");
}

/// A pod that runs on a machine, and a StatefulSet that tells of it.
async fn bring_up(cluster: &Client, set: &StatefulSet) {
    let namespace = set.namespace().expect("it is namespaced");
    let sets: Api<StatefulSet> = Api::namespaced(cluster.clone(), &namespace);
    let pods: Api<Pod> = Api::namespaced(cluster.clone(), &namespace);
    let pod = pods.create(&PostParams::default(), &pod_of(set)).await.expect("a pod of the StatefulSet");
    let status = |status: Value| Patch::Merge(json!({ "status": status }));
    let pod_status = status(running(pod.spec.as_ref().expect("a pod has a spec")));
    pods.patch_status(&pod.name_any(), &PatchParams::default(), &pod_status).await.expect("a pod that runs");
    let set_status = status(up_to_date(set));
    sets.patch_status(&set.name_any(), &PatchParams::default(), &set_status).await.expect("a StatefulSet with a pod");
}

fn pod_of(set: &StatefulSet) -> Pod {
    let spec = set.spec.as_ref().expect("a StatefulSet has a spec");
    let PodTemplateSpec { metadata, spec: pod_spec } = spec.template.clone();
    let mut pod = Pod { metadata: metadata.unwrap_or_default(), spec: pod_spec, status: None };
    let name = format!("{}-0", set.name_any());
    let labels = [("controller-revision-hash", REVISION), ("statefulset.kubernetes.io/pod-name", &name)];
    pod.labels_mut().extend(labels.map(|(key, value)| (key.to_owned(), value.to_owned())));
    pod.metadata.owner_references = set.controller_owner_ref(&()).map(|owner| vec![owner]);
    if let Some(pod_spec) = pod.spec.as_mut() {
        pod_spec.hostname = Some(name.clone());
        pod_spec.subdomain = spec.service_name.clone();
        pod_spec.node_name = Some(MACHINE.to_owned());
    }
    pod.metadata.name = Some(name);
    pod
}

/// Status of a pod all of whose containers run, and whose first ones are done.
fn running(pod: &PodSpec) -> Value {
    let now = Timestamp::now().strftime("%FT%TZ").to_string();
    let holds = |kind| json!({"type": kind, "status": "True", "lastTransitionTime": now});
    let conditions = ["PodScheduled", "Initialized", "ContainersReady", "Ready"].map(holds);
    let container = |one: &Container| {
        let stays = one.restart_policy.as_deref() == Some("Always") || pod.containers.contains(one);
        let state = match stays {
            true => json!({"running": {"startedAt": now}}),
            false => json!({"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now}}),
        };
        json!({"name": one.name, "image": one.image, "imageID": "", "ready": true, "started": stays, "restartCount": 0, "state": state})
    };
    let all = |containers: &[Container]| containers.iter().map(container).collect::<Vec<_>>();
    json!({
        "phase": "Running",
        "startTime": now,
        "conditions": conditions,
        "initContainerStatuses": all(pod.init_containers.as_deref().unwrap_or_default()),
        "containerStatuses": all(&pod.containers),
    })
}

/// Status of a StatefulSet whose only pod is of its newest revision.
fn up_to_date(set: &StatefulSet) -> Value {
    json!({
        "observedGeneration": set.metadata.generation,
        "replicas": 1,
        "readyReplicas": 1,
        "availableReplicas": 1,
        "currentReplicas": 1,
        "updatedReplicas": 1,
        "currentRevision": REVISION,
        "updateRevision": REVISION,
    })
}
