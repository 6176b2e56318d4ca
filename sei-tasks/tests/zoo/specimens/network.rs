//! Bugs of network, authentication and operations.

use std::sync::Arc;

use sei_tasks::world::Kind;
use serde_json::json;

use super::{Specimen, container, mounts, reword, specimen, unset};
use crate::bug::{Pods, Sends};

pub(super) fn specimens() -> Vec<Specimen> {
    vec![
        specimen("N1", "gRPC was spoken over HTTP/1", "the Service does not say which port speaks h2c", || {
            Arc::new(Sends(|id, object| {
                if id.kind == Kind::Service {
                    for port in object["spec"]["ports"].as_array_mut().unwrap() {
                        port.as_object_mut().unwrap().remove("appProtocol");
                    }
                }
            }))
        }),
        specimen(
            "N7",
            "the proxy's configuration named a field that the proxy does not know",
            "the ConfigMap says group instead of apiGroup",
            || {
                Arc::new(Sends(|id, object| {
                    if id.kind == Kind::ConfigMap {
                        let config = object["data"]["config.yaml"].as_str().unwrap().replace("apiGroup", "group");
                        object["data"]["config.yaml"] = json!(config);
                    }
                }))
            },
        ),
        specimen(
            "N8",
            "the exporter's probe killed it while seid was not there",
            "the exporter is probed through seid's port",
            || {
                Arc::new(Pods(Kind::StatefulSet, |pod| {
                    container(pod, "cosmos-exporter").unwrap()["livenessProbe"] = json!({"tcpSocket": {"port": 9090}});
                }))
            },
        ),
        specimen(
            "N9",
            "the backend of the keyring was not set, so it was never opened",
            "the sidecar does not know the backend",
            || {
                Arc::new(Pods(Kind::StatefulSet, |pod| {
                    unset(container(pod, "sei-sidecar").unwrap(), "SEI_KEYRING_BACKEND");
                }))
            },
        ),
        specimen("N10", "seid looked for its data in a directory inside its own", "seid starts without --home", || {
            Arc::new(Pods(Kind::StatefulSet, |pod| {
                reword(container(pod, "seid").unwrap(), " \"--home\" \"$HOME\"", "");
            }))
        }),
        specimen(
            "N11",
            "the guard against Secrets in the wrong container did not look at env",
            "seid reads the keyring's passphrase in env, after the guard looked",
            || {
                Arc::new(Pods(Kind::StatefulSet, |pod| {
                    if mounts(pod, "operator-keyring") {
                        let source = json!({"secretKeyRef": {"name": "unlock", "key": "passphrase"}});
                        let variable = json!({"name": "PASSPHRASE", "valueFrom": source});
                        container(pod, "seid").unwrap()["env"].as_array_mut().unwrap().push(variable);
                    }
                }))
            },
        ),
    ]
}
