//! StatefulSet controller, scheduler and kubelet in one, for measurements of the operator and of what it asks of the API server:
//! the real ones ask as much again, on the same cores. They make pods and let them run, with two requests for each, and do
//! nothing else: a StatefulSet does not hear of its pod.

use std::collections::BTreeSet;
use std::future::ready;

use futures::TryStreamExt;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{
    Container, ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStatus, Pod, PodCondition,
    PodSpec, PodStatus, PodTemplateSpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use tokio::task::JoinHandle;

use super::control_plane::{POOLS, WithoutControllers, machine};
use super::played_sidecar::PlayedSidecar;

/// Requests under way at the same time.
const HANDS: usize = 16;
/// Of every StatefulSet, whatever its template.
const REVISION: &str = "played";

/// At work until it is dropped; then the real ones are back.
pub(crate) struct PlayedControllers<'a> {
    work: JoinHandle<()>,
    _real: WithoutControllers<'a>,
}

impl<'a> PlayedControllers<'a> {
    /// Every pod's sidecar hears from them that its pod runs.
    pub(crate) fn start(cluster: Client, sidecars: PlayedSidecar, real: WithoutControllers<'a>) -> Self {
        PlayedControllers { work: tokio::spawn(bring_up_all(cluster, sidecars)), _real: real }
    }
}

impl Drop for PlayedControllers<'_> {
    fn drop(&mut self) {
        self.work.abort();
    }
}

async fn bring_up_all(cluster: Client, sidecars: PlayedSidecar) {
    let seen = watcher(Api::<StatefulSet>::all(cluster.clone()), watcher::Config::default()).applied_objects();
    let mut served = BTreeSet::new();
    let new = seen.try_filter(|set| ready(served.insert(set.uid())));
    let done = new.try_for_each_concurrent(HANDS, async |set| {
        bring_up(&cluster, &sidecars, &set).await;
        Ok(())
    });
    done.await.expect("the API server serves StatefulSets");
}

/// A pod that runs on a machine.
async fn bring_up(cluster: &Client, sidecars: &PlayedSidecar, set: &StatefulSet) {
    let namespace = set.namespace().expect("it is namespaced");
    let pods: Api<Pod> = Api::namespaced(cluster.clone(), &namespace);
    let params = PostParams::default();
    let mut pod = pods.create(&params, &pod_of(set)).await.expect("a pod of the StatefulSet");
    pod.status = Some(running(pod.spec.as_ref().expect("a pod has a spec")));
    let pod = pods.replace_status(&pod.name_any(), &params, &pod).await.expect("a pod that runs");
    sidecars.node(&namespace, &set.name_any()).runs_in(&pod);
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
        pod_spec.node_name = Some(machine(POOLS[0]));
    }
    pod.metadata.name = Some(name);
    pod
}

/// Status of a pod all of whose containers run, and whose first ones are done.
fn running(pod: &PodSpec) -> PodStatus {
    let now = Time(Timestamp::now());
    let holds = |kind: &str| PodCondition {
        type_: kind.to_owned(),
        status: "True".to_owned(),
        last_transition_time: Some(now.clone()),
        ..PodCondition::default()
    };
    let container = |one: &Container| {
        let stays = one.restart_policy.as_deref() == Some("Always") || pod.containers.contains(one);
        let runs = ContainerStateRunning { started_at: Some(now.clone()) };
        let ended =
            ContainerStateTerminated { reason: Some("Completed".to_owned()), ..ContainerStateTerminated::default() };
        ContainerStatus {
            name: one.name.clone(),
            image: one.image.clone().unwrap_or_default(),
            ready: true,
            started: Some(stays),
            state: Some(ContainerState {
                running: stays.then_some(runs),
                terminated: (!stays).then_some(ended),
                waiting: None,
            }),
            ..ContainerStatus::default()
        }
    };
    PodStatus {
        phase: Some("Running".to_owned()),
        start_time: Some(now.clone()),
        conditions: Some(["PodScheduled", "Initialized", "ContainersReady", "Ready"].map(holds).to_vec()),
        init_container_statuses: pod.init_containers.as_ref().map(|all| all.iter().map(container).collect()),
        container_statuses: Some(pod.containers.iter().map(container).collect()),
        ..PodStatus::default()
    }
}
