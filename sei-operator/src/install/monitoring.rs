//! What Prometheus and Grafana need to know of the operator.

use serde_json::{Value, json};

use super::{Installation, NAME, alerts, dashboard, labels};

/// Label by which Grafana's sidecar finds dashboards, as its chart has it.
const DASHBOARD_LABEL: &str = "grafana_dashboard";

impl Installation {
    /// Where Prometheus scrapes, what it alerts of, and a dashboard.
    pub(super) fn monitoring(&self) -> [Value; 3] {
        let api_version = "monitoring.coreos.com/v1";
        let mut board = self.object(
            "v1",
            "ConfigMap",
            &json!({"data": {
                "sei-operator.json": format!("{:#}\n", dashboard::dashboard()),
            }}),
        );
        board["metadata"]["name"] = json!(format!("{NAME}-dashboard"));
        board["metadata"]["labels"][DASHBOARD_LABEL] = json!("1");
        [
            self.object(
                api_version,
                "ServiceMonitor",
                &json!({"spec": {
                    "selector": {"matchLabels": labels()},
                    "endpoints": [{"port": "metrics", "interval": "30s"}],
                }}),
            ),
            self.object(api_version, "PrometheusRule", &json!({"spec": alerts::groups()})),
            board,
        ]
    }

    /// Lets in what scrapes metrics and asks the probes, and nothing else.
    pub(super) fn network_policy(&self) -> Value {
        let ports = ["metrics", "probes"].map(|port| json!({"port": port, "protocol": "TCP"}));
        self.object(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            &json!({"spec": {
                "podSelector": {"matchLabels": labels()},
                "policyTypes": ["Ingress"],
                "ingress": [{"ports": ports}],
            }}),
        )
    }
}
