//! The manifests of the operator itself, made from one place: what has to be in a cluster for it to run there.

mod alerts;
mod dashboard;
mod monitoring;
pub(crate) mod parts;
pub(crate) mod permissions;
#[cfg(test)]
mod queries;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sei_planner::api::crd;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use self::permissions::{Place, cluster_wide, rules};

/// Name of everything that is installed.
const NAME: &str = "sei-operator";
/// Name of the ConfigMap with the settings of the platform.
pub(crate) const SETTINGS: &str = "sei-operator-platform";
/// User of the process in its container: nobody, by the convention of images without a distribution.
const USER: i64 = 65532;
/// Seconds from SIGTERM to SIGKILL: longer than the operator takes at most to finish and to let go of its Lease.
const STOP_SECONDS: i64 = 30;
const METRICS_PORT: i64 = 8080;
const PROBES_PORT: i64 = 8081;

/// Whose SeiNodes the operator runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All of the cluster.
    Cluster,
    /// Those of one namespace.
    Namespace(String),
}

/// An operator to be installed.
#[derive(Clone, Debug)]
pub(crate) struct Installation {
    /// Its namespace.
    pub(crate) namespace: String,
    /// Its image.
    pub(crate) image: String,
    /// How many pods: one leads, the others wait.
    pub(crate) replicas: u8,
    pub(crate) scope: Scope,
    /// The settings of the platform, by name.
    pub(crate) settings: BTreeMap<String, String>,
    /// With what Prometheus and Grafana need.
    pub(crate) monitoring: bool,
    /// With a NetworkPolicy.
    pub(crate) network_policy: bool,
}

impl Installation {
    /// Every object, in the order in which they are applied.
    ///
    /// # Errors
    /// None for the definitions of this crate; the signature is that of the serializer.
    pub(crate) fn manifests(&self) -> Result<Vec<Value>, serde_json::Error> {
        let mut all = vec![json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": self.namespace,
            "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
        }})];
        all.push(crd::manifest(&crd::seinode())?);
        all.push(self.object("v1", "ServiceAccount", &json!({})));
        all.extend(self.roles());
        let settings = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
            "name": SETTINGS, "namespace": self.namespace, "labels": labels(),
        }, "data": self.settings});
        all.extend([settings, self.service(), self.deployment()]);
        if self.replicas > 1 {
            all.push(self.object(
                "policy/v1",
                "PodDisruptionBudget",
                &json!({"spec": {"maxUnavailable": 1, "selector": {"matchLabels": labels()}}}),
            ));
        }
        if self.network_policy {
            all.push(self.network_policy());
        }
        if self.monitoring {
            all.extend(self.monitoring());
        }
        Ok(all)
    }

    /// An object of the operator's namespace, with our name and labels.
    fn object(&self, api_version: &str, kind: &str, rest: &Value) -> Value {
        let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {
            "name": NAME, "namespace": self.namespace, "labels": labels(),
        }});
        for (member, value) in rest.as_object().into_iter().flatten() {
            object[member] = value.clone();
        }
        object
    }

    fn roles(&self) -> Vec<Value> {
        let mut all = self.role(None, &rules(cluster_wide(&self.scope))).to_vec();
        match &self.scope {
            Scope::Cluster => all.extend(self.role(Some(&self.namespace), &rules(&[Place::Own]))),
            Scope::Namespace(watched) if *watched == self.namespace => {
                all.extend(self.role(Some(watched), &rules(&[Place::Nodes, Place::Own])));
            }
            Scope::Namespace(watched) => {
                all.extend(self.role(Some(watched), &rules(&[Place::Nodes])));
                all.extend(self.role(Some(&self.namespace), &rules(&[Place::Own])));
            }
        }
        all
    }

    /// A role, for the whole cluster or for one namespace, and its binding to the operator's account.
    fn role(&self, namespace: Option<&str>, rules: &[Value]) -> [Value; 2] {
        let mut metadata = json!({"name": NAME, "labels": labels()});
        let kind = match (namespace, &self.scope) {
            (Some(namespace), _) => {
                metadata["namespace"] = json!(namespace);
                "Role"
            }
            (None, Scope::Cluster) => "ClusterRole",
            // Others may watch other namespaces from elsewhere.
            (None, Scope::Namespace(_)) => {
                metadata["name"] = json!(format!("{NAME}:{}", self.namespace));
                "ClusterRole"
            }
        };
        let group = "rbac.authorization.k8s.io";
        let api_version = format!("{group}/v1");
        [
            json!({"apiVersion": api_version, "kind": kind, "metadata": metadata, "rules": rules}),
            json!({"apiVersion": api_version, "kind": format!("{kind}Binding"), "metadata": metadata,
                "roleRef": {"apiGroup": group, "kind": kind, "name": metadata["name"]}, "subjects": [self.account()]}),
        ]
    }

    fn account(&self) -> Value {
        json!({"kind": "ServiceAccount", "name": NAME, "namespace": self.namespace})
    }

    fn service(&self) -> Value {
        self.object(
            "v1",
            "Service",
            &json!({"spec": {
                "selector": labels(),
                "ports": [{"name": "metrics", "port": METRICS_PORT, "targetPort": "metrics", "protocol": "TCP"}],
            }}),
        )
    }

    fn deployment(&self) -> Value {
        self.object(
            "apps/v1",
            "Deployment",
            &json!({"spec": {
                "replicas": self.replicas,
                "selector": {"matchLabels": labels()},
                "template": {
                    "metadata": {"labels": labels(), "annotations": {"checksum/settings": self.checksum()}},
                    "spec": self.pod(),
                },
            }}),
        )
    }

    /// Another text for other settings: pods read them when they start.
    fn checksum(&self) -> String {
        let mut lines = String::new();
        for (name, value) in &self.settings {
            let _ = writeln!(lines, "{name}={value}");
        }
        Sha256::digest(lines).iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    fn pod(&self) -> Value {
        let mut arguments = vec!["run".to_owned()];
        match &self.scope {
            Scope::Cluster => {}
            Scope::Namespace(watched) => arguments.push(format!("--namespace={watched}")),
        }
        let of_pod = |name: &str, path: &str| json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}});
        let probe = |path: &str| json!({"httpGet": {"path": path, "port": "probes"}});
        json!({
            "serviceAccountName": NAME,
            "terminationGracePeriodSeconds": STOP_SECONDS,
            "securityContext": {
                "runAsNonRoot": true, "runAsUser": USER, "runAsGroup": USER, "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [{
                "name": NAME,
                "image": self.image,
                "args": arguments,
                "env": [of_pod("POD_NAME", "metadata.name"), of_pod("POD_NAMESPACE", "metadata.namespace")],
                "envFrom": [{"configMapRef": {"name": SETTINGS}}],
                "ports": [
                    {"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"},
                    {"name": "probes", "containerPort": PROBES_PORT, "protocol": "TCP"},
                ],
                "livenessProbe": probe("/livez"),
                "readinessProbe": probe("/readyz"),
                "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
                "securityContext": {
                    "allowPrivilegeEscalation": false,
                    "readOnlyRootFilesystem": true,
                    "capabilities": {"drop": ["ALL"]},
                },
            }],
        })
    }
}

fn labels() -> Value {
    json!({"app.kubernetes.io/name": NAME})
}
