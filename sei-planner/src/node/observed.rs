//! What was seen of a node's world: facts, without judgement.

use serde_json::Value;

use crate::inspect::TlsVerdict;

/// Facts about one node, gathered before anything is decided. The default knows nothing, as offline.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Observed {
    /// The StatefulSet.
    pub statefulset: Presence,
    /// The headless Service.
    pub service: Presence,
    /// The ConfigMap of the TLS proxy.
    pub proxy_config: Presence,
    /// The cert-manager Certificate of the TLS proxy, if an issuer is asked for one and it was looked at.
    pub certificate: Presence,
    /// The data claim.
    pub data_volume: Presence,
    /// What is to be said of the Secret with the certificate of the TLS proxy, if it was looked at.
    pub tls_secret: Option<TlsVerdict>,
    /// The pod, when there is one.
    pub pod: Option<PodFacts>,
    /// Host names of the SeiNodes that the label sources select: sorted, without the node itself.
    pub peers: Vec<String>,
    /// What the sidecar answered, if it was asked.
    pub sidecar: SidecarHealth,
    /// Digest of the pod template that the operator would apply now, if it was looked at.
    pub pod_template: Option<String>,
    /// Ids of tasks that the sidecar completed and the plan in status does not know of: the write got lost. Asked only
    /// when the plan is about to be replaced.
    pub finished: Vec<String>,
    /// What the sidecar says of the first task that is to write the data volume and is complete neither in the plan nor
    /// in the sidecar; asked when [`Self::finished`] is.
    pub in_flight: TaskProbe,
}

/// Whether an object is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Presence {
    /// Nobody looked.
    #[default]
    Unknown,
    /// It is there and ours.
    Present,
    /// It is there and ours, and somebody else changed it after we applied it: a live read said so.
    Altered,
    /// It is not there: a live read said so.
    Missing,
}

impl Presence {
    /// Whether the object is not as it was applied.
    #[must_use]
    pub fn is_lost(self) -> bool {
        match self {
            Self::Altered | Self::Missing => true,
            Self::Unknown | Self::Present => false,
        }
    }
}

/// What `/v0/healthz` answered.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum SidecarHealth {
    /// It was not asked.
    #[default]
    NotAsked,
    /// 200.
    Ready,
    /// 503: it lost its ready flag, or never had it.
    NotReady,
    /// Anything else, with the error.
    Unreachable(String),
}

/// What a sidecar says of one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TaskProbe {
    /// It was not asked.
    #[default]
    NotAsked,
    /// It does not know the task, or the task failed: nothing runs.
    Idle,
    /// The task runs and cannot be cancelled.
    Running,
    /// It gave no answer.
    Unreachable,
}

/// One pod, as far as plans depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodFacts {
    /// `metadata.uid`.
    pub uid: String,
    /// Uid of the controlling owner.
    pub controller_uid: String,
    /// Label `controller-revision-hash`.
    pub revision: String,
    /// Image of the container `seid` in the pod's spec.
    pub seid_image: String,
    /// Whether the pod is being deleted.
    pub deleting: bool,
    /// Whether the container `seid` runs (not: is ready).
    pub seid_running: bool,
    /// Whether the sidecar container runs.
    pub sidecar_running: bool,
    /// Port the sidecar listens on; absent when the pod has none.
    pub sidecar_port: Option<i32>,
    /// Whether a TLS proxy stands in front of the sidecar.
    pub tls_proxy: bool,
    /// Restarts of the sidecar container.
    pub sidecar_restarts: i64,
    /// Whether the pod is Ready.
    pub ready: bool,
    /// Secret of the consensus key that the pod mounts.
    pub signing_key_secret: Option<String>,
    /// Secret of the node key that the pod mounts.
    pub node_key_secret: Option<String>,
    /// Secret of the certificate that the pod's TLS proxy serves.
    pub tls_secret: Option<String>,
    /// Why a container waits, as `container: Reason`, when one does.
    pub waiting: Option<String>,
}

impl PodFacts {
    /// The facts of a pod as the API server returns it.
    #[must_use]
    pub fn of(pod: &Value) -> Self {
        let status = &pod["status"];
        let statuses =
            || ["initContainerStatuses", "containerStatuses"].into_iter().flat_map(|list| array(&status[list]));
        let container = |name: &'static str| statuses().find(move |c| c["name"] == name);
        let running = |name| container(name).is_some_and(|c| c["state"]["running"].is_object());
        Self {
            uid: text(&pod["metadata"]["uid"]),
            controller_uid: controller_uid(pod).unwrap_or_default(),
            revision: text(&pod["metadata"]["labels"]["controller-revision-hash"]),
            seid_image: container_image(&pod["spec"]).unwrap_or_default(),
            deleting: pod["metadata"]["deletionTimestamp"].is_string(),
            seid_running: running("seid"),
            sidecar_running: running("sei-sidecar"),
            sidecar_port: sidecar_port(&pod["spec"]),
            tls_proxy: array(&pod["spec"]["initContainers"]).any(|c| c["name"] == "kube-rbac-proxy"),
            sidecar_restarts: container("sei-sidecar").and_then(|c| c["restartCount"].as_i64()).unwrap_or_default(),
            ready: array(&status["conditions"]).any(|c| c["type"] == "Ready" && c["status"] == "True"),
            signing_key_secret: mounted_secret(&pod["spec"], "signing-key"),
            node_key_secret: mounted_secret(&pod["spec"], "node-key"),
            tls_secret: mounted_secret(&pod["spec"], "sidecar-tls"),
            waiting: statuses().find_map(|c| {
                let reason = c["state"]["waiting"]["reason"].as_str()?;
                Some(format!("{}: {reason}", text(&c["name"])))
            }),
        }
    }
}

/// The owner that controls an object.
#[must_use]
pub fn controller(object: &Value) -> Option<&Value> {
    array(&object["metadata"]["ownerReferences"]).find(|owner| owner["controller"] == true)
}

/// Its uid.
#[must_use]
pub fn controller_uid(object: &Value) -> Option<String> {
    controller(object).map(|owner| text(&owner["uid"]))
}

/// Image of the container `seid` of a pod spec.
#[must_use]
pub fn container_image(pod_spec: &Value) -> Option<String> {
    array(&pod_spec["containers"]).find(|c| c["name"] == "seid")?["image"].as_str().map(str::to_owned)
}

/// First port of the container `sei-sidecar` of a pod spec.
fn sidecar_port(pod_spec: &Value) -> Option<i32> {
    let sidecar = array(&pod_spec["initContainers"]).find(|c| c["name"] == "sei-sidecar")?;
    let port = array(&sidecar["ports"]).find_map(|port| port["containerPort"].as_i64())?;
    i32::try_from(port).ok()
}

/// Secret behind a volume of a pod spec.
fn mounted_secret(pod_spec: &Value, volume: &str) -> Option<String> {
    let found = array(&pod_spec["volumes"]).find(|found| found["name"] == volume)?;
    found["secret"]["secretName"].as_str().map(str::to_owned)
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
