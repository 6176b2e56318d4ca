//! What the API server fills into objects of its own kinds when nobody says it, as far as objects of a node go. Who
//! compares what was sent with what is stored sees all of this as a difference.
//!
//! Left out: quantities in their canonical form, and what admission plugins add to pods.

use serde_json::{Map, Value, json};

use crate::sim::json::{self, text};
use crate::world::Kind;

/// What is filled in.
#[derive(Clone, Copy)]
enum Fill {
    /// This JSON.
    Json(&'static str),
    /// What its neighbour of this name says, where it says something.
    Neighbour(&'static str),
    /// A list with nothing but what its neighbour of this name says.
    ListOf(&'static str),
    /// How the image of a container is pulled: it depends on its tag.
    PullPolicy,
}

use Fill::{Json, ListOf, Neighbour, PullPolicy};

type Table = &'static [(&'static str, Fill)];

const STATEFUL_SET: Table = &[
    ("spec.replicas", Json("1")),
    ("spec.podManagementPolicy", Json(r#""OrderedReady""#)),
    ("spec.revisionHistoryLimit", Json("10")),
    ("spec.updateStrategy", Json(r#"{"type":"RollingUpdate","rollingUpdate":{"partition":0}}"#)),
    ("spec.persistentVolumeClaimRetentionPolicy", Json(r#"{"whenDeleted":"Retain","whenScaled":"Retain"}"#)),
    ("spec.template.metadata.creationTimestamp", Json("null")),
];

const JOB: Table = &[
    ("spec.parallelism", Json("1")),
    ("spec.completions", Json("1")),
    ("spec.backoffLimit", Json("6")),
    ("spec.completionMode", Json(r#""NonIndexed""#)),
    ("spec.manualSelector", Json("false")),
    ("spec.podReplacementPolicy", Json(r#""TerminatingOrFailed""#)),
    ("spec.suspend", Json("false")),
    ("spec.template.metadata.creationTimestamp", Json("null")),
];

const SERVICE: Table = &[
    ("spec.type", Json(r#""ClusterIP""#)),
    ("spec.clusterIP", Json(r#""10.96.0.10""#)),
    ("spec.clusterIPs", ListOf("clusterIP")),
    ("spec.internalTrafficPolicy", Json(r#""Cluster""#)),
    ("spec.ipFamilies", Json(r#"["IPv4"]"#)),
    ("spec.ipFamilyPolicy", Json(r#""SingleStack""#)),
    ("spec.sessionAffinity", Json(r#""None""#)),
    ("spec.ports[].protocol", Json(r#""TCP""#)),
    ("spec.ports[].targetPort", Neighbour("port")),
];

const CLAIM: Table = &[("spec.volumeMode", Json(r#""Filesystem""#))];

const VOLUME: Table =
    &[("spec.volumeMode", Json(r#""Filesystem""#)), ("spec.persistentVolumeReclaimPolicy", Json(r#""Retain""#))];

const SECRET: Table = &[("type", Json(r#""Opaque""#))];

/// Of a pod that was made, not of the template of one.
const POD: Table = &[
    ("spec.enableServiceLinks", Json("true")),
    ("spec.preemptionPolicy", Json(r#""PreemptLowerPriority""#)),
    ("spec.priority", Json("0")),
    ("spec.serviceAccountName", Json(r#""default""#)),
];

/// Of a pod's spec, wherever it stands.
const POD_SPEC: Table = &[
    ("dnsPolicy", Json(r#""ClusterFirst""#)),
    ("restartPolicy", Json(r#""Always""#)),
    ("schedulerName", Json(r#""default-scheduler""#)),
    ("securityContext", Json("{}")),
    ("serviceAccount", Neighbour("serviceAccountName")),
    ("terminationGracePeriodSeconds", Json("30")),
    ("volumes[].configMap.defaultMode", Json("420")),
    ("volumes[].secret.defaultMode", Json("420")),
    ("volumes[].projected.defaultMode", Json("420")),
    ("volumes[].projected.sources[].serviceAccountToken.expirationSeconds", Json("3600")),
];

/// Of a container, ordinary or init.
const CONTAINER: Table = &[
    ("imagePullPolicy", PullPolicy),
    ("resources", Json("{}")),
    ("terminationMessagePath", Json(r#""/dev/termination-log""#)),
    ("terminationMessagePolicy", Json(r#""File""#)),
    ("env[].valueFrom.fieldRef.apiVersion", Json(r#""v1""#)),
    ("ports[].protocol", Json(r#""TCP""#)),
];

/// Of a probe of a container.
const PROBE: Table = &[
    ("failureThreshold", Json("3")),
    ("periodSeconds", Json("10")),
    ("successThreshold", Json("1")),
    ("timeoutSeconds", Json("1")),
    ("httpGet.scheme", Json(r#""HTTP""#)),
];

/// Fills in what is missing.
pub(super) fn fill(kind: Kind, object: &mut Value) {
    match kind {
        Kind::StatefulSet => fill_table(object, STATEFUL_SET),
        Kind::Job => fill_table(object, JOB),
        Kind::Service => fill_table(object, SERVICE),
        Kind::PersistentVolumeClaim => fill_table(object, CLAIM),
        Kind::PersistentVolume => fill_table(object, VOLUME),
        Kind::Secret => fill_table(object, SECRET),
        Kind::Pod => fill_table(object, POD),
        Kind::SeiNode | Kind::ConfigMap | Kind::Lease | Kind::Certificate => {}
    }
    let pod_spec = match kind {
        Kind::StatefulSet | Kind::Job => "/spec/template/spec",
        Kind::Pod => "/spec",
        Kind::SeiNode
        | Kind::Service
        | Kind::PersistentVolumeClaim
        | Kind::PersistentVolume
        | Kind::ConfigMap
        | Kind::Secret
        | Kind::Lease
        | Kind::Certificate => return,
    };
    if let Some(spec) = object.pointer_mut(pod_spec) {
        fill_pod(spec);
    }
}

fn fill_pod(spec: &mut Value) {
    fill_table(spec, POD_SPEC);
    for list in ["initContainers", "containers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            fill_table(container, CONTAINER);
            for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
                if let Some(probe) = container.get_mut(probe) {
                    fill_table(probe, PROBE);
                }
            }
        }
    }
}

/// What a new Job's pods are known by.
pub(super) fn name_pods_of_job(job: &mut Value) {
    let (name, uid) = (json!(text(job, "/metadata/name")), json!(text(job, "/metadata/uid")));
    let labels = [
        ("batch.kubernetes.io/controller-uid", &uid),
        ("batch.kubernetes.io/job-name", &name),
        ("controller-uid", &uid),
        ("job-name", &name),
    ];
    for (label, value) in labels {
        json::set(job, &["spec", "template", "metadata", "labels", label], value.clone());
    }
    json::set(job, &["spec", "selector", "matchLabels", "batch.kubernetes.io/controller-uid"], uid);
}

fn fill_table(value: &mut Value, table: Table) {
    for (path, default) in table {
        fill_path(value, path, *default);
    }
}

/// A default is filled in wherever what it belongs to is there.
fn fill_path(value: &mut Value, path: &str, fill: Fill) {
    match path.split_once('.') {
        None => fill_member(value, path, fill),
        Some((step, rest)) => match step.strip_suffix("[]") {
            None => value.get_mut(step).into_iter().for_each(|inner| fill_path(inner, rest, fill)),
            Some(list) => {
                let items = value.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
                items.for_each(|item| fill_path(item, rest, fill));
            }
        },
    }
}

fn fill_member(value: &mut Value, name: &str, fill: Fill) {
    let Some(map) = value.as_object_mut().filter(|map| !map.contains_key(name)) else {
        return;
    };
    let filled = match fill {
        Json(text) => serde_json::from_str(text).ok(),
        Neighbour(other) => map.get(other).cloned(),
        ListOf(other) => map.get(other).map(|value| json!([value])),
        PullPolicy => Some(pull_policy(map)),
    };
    if let Some(filled) = filled {
        map.insert(name.to_owned(), filled);
    }
}

/// An image without a tag is the latest one, and that is always pulled.
fn pull_policy(container: &Map<String, Value>) -> Value {
    let image = container.get("image").and_then(Value::as_str).unwrap_or_default();
    let name = image.rsplit('/').next().unwrap_or_default();
    let latest = !name.contains('@') && name.split_once(':').is_none_or(|(_, tag)| tag == "latest");
    json!(if latest { "Always" } else { "IfNotPresent" })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::sim::testing::{service, stateful_set};

    #[test]
    fn every_default_of_the_tables_can_be_read() {
        for table in [STATEFUL_SET, JOB, SERVICE, CLAIM, VOLUME, SECRET, POD, POD_SPEC, CONTAINER, PROBE] {
            for (path, fill) in table {
                match fill {
                    Json(text) => assert!(serde_json::from_str::<Value>(text).is_ok(), "{path}: {text}"),
                    Neighbour(_) | ListOf(_) | PullPolicy => {}
                }
            }
        }
    }

    #[test]
    fn what_is_said_stays_and_what_is_not_said_comes() {
        let mut set = stateful_set("u", "sei:v1");
        set["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] = json!({"httpGet": {"port": 1}});
        let before = set.clone();
        fill(Kind::StatefulSet, &mut set);
        assert_eq!(set["spec"]["updateStrategy"], before["spec"]["updateStrategy"]);
        assert_eq!(set["spec"]["podManagementPolicy"], "OrderedReady");
        let spec = &set["spec"]["template"]["spec"];
        assert_eq!(spec["dnsPolicy"], "ClusterFirst");
        assert_eq!(spec["initContainers"][1]["restartPolicy"], "Always", "of the sidecar, as it was");
        assert_eq!(spec["initContainers"][1]["ports"][0]["protocol"], "TCP");
        let seid = &spec["containers"][0];
        assert_eq!(seid["imagePullPolicy"], "IfNotPresent");
        assert_eq!(seid["readinessProbe"]["timeoutSeconds"], 1);
        assert_eq!(seid["readinessProbe"]["httpGet"]["scheme"], "HTTP");
        let again = set.clone();
        fill(Kind::StatefulSet, &mut set);
        assert_eq!(set, again);
    }

    #[test]
    fn a_headless_service_has_no_address() {
        let mut headless = service("u");
        headless["spec"]["ports"] = json!([{"port": 26657}]);
        fill(Kind::Service, &mut headless);
        assert_eq!(headless["spec"]["clusterIPs"], json!(["None"]));
        assert_eq!(headless["spec"]["ports"], json!([{"port": 26657, "protocol": "TCP", "targetPort": 26657}]));
    }

    #[test]
    fn only_the_latest_image_is_always_pulled() {
        let policy = |image: &str| pull_policy(json!({"image": image}).as_object().unwrap());
        for (image, expected) in [
            ("registry:5000/seid", "Always"),
            ("registry/seid:latest", "Always"),
            ("registry:5000/seid:v1", "IfNotPresent"),
            ("seid@sha256:ab", "IfNotPresent"),
        ] {
            assert_eq!(policy(image), expected, "{image}");
        }
    }
}
