//! The alerts that come with the operator, from which the rules of Prometheus are made. Each has a chapter of its name in
//! `docs/operate.md`.

use serde_json::{Value, json};

/// Where the runbooks are, seen from the project's root.
const RUNBOOKS: &str = "docs/operate.md";

/// Whom an alert is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Severity {
    /// Somebody must look now.
    Critical,
    /// Somebody must look today.
    Warning,
    /// To be known.
    Info,
}

impl Severity {
    fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// One alert.
#[derive(Debug)]
pub(super) struct Alert {
    name: &'static str,
    severity: Severity,
    /// What must hold, in PromQL.
    expr: &'static str,
    /// For how long.
    lasts: &'static str,
    /// One line, with what the series says of itself.
    summary: &'static str,
}

impl Alert {
    /// What must hold, in PromQL.
    #[cfg(test)]
    pub(super) fn expr(&self) -> &'static str {
        self.expr
    }

    fn rule(&self) -> Value {
        json!({
            "alert": self.name,
            "expr": self.expr,
            "for": self.lasts,
            "labels": {"severity": self.severity.as_str()},
            "annotations": {
                "summary": self.summary,
                "runbook_url": format!("{RUNBOOKS}#{}", self.name.to_lowercase()),
            },
        })
    }
}

/// What is wrong with the operator itself.
pub(super) static OPERATOR: [Alert; 3] = [
    Alert {
        name: "SeiOperatorWithoutLeader",
        severity: Severity::Critical,
        expr: "(sum(sei_controller_leader) or vector(0)) == 0",
        lasts: "5m",
        summary: "No process of the operator reconciles: nodes stay as they are, and nobody looks after them",
    },
    Alert {
        name: "SeiOperatorTwoLeaders",
        severity: Severity::Critical,
        expr: "sum(sei_controller_leader) > 1",
        lasts: "2m",
        summary: "{{ $value }} processes of the operator reconcile at once",
    },
    Alert {
        name: "SeiOperatorReconcileErrors",
        severity: Severity::Warning,
        expr: "sum by (namespace, error) (increase(sei_controller_reconcile_errors_total{error!=\"conflict\"}[15m])) > 10",
        lasts: "15m",
        summary: "The API server refuses or cannot serve what the operator asks of it in {{ $labels.namespace }}: {{ $labels.error }}",
    },
];

/// What is wrong with a node.
pub(super) static NODES: [Alert; 14] = [
    Alert {
        name: "SeiNodeFailed",
        severity: Severity::Critical,
        expr: "sei_controller_seinode_phase{phase=\"Failed\"} == 1",
        lasts: "5m",
        summary: "{{ $labels.namespace }}/{{ $labels.name }} failed; it is planned again by itself, after an hour at most",
    },
    Alert {
        name: "SeiNodeAsks",
        severity: Severity::Critical,
        expr: "sei_controller_seinode_condition{type=\"AwaitingAcknowledgement\",status=\"True\"} == 1",
        lasts: "1m",
        summary: "{{ $labels.namespace }}/{{ $labels.name }} waits for the answer of a person: {{ $labels.reason }}",
    },
    Alert {
        name: "SeiNodeSigningKeyInUse",
        severity: Severity::Critical,
        expr: "sei_controller_seinode_condition{type=\"SigningKeyReady\",reason=\"SigningKeyInUse\"} == 1",
        lasts: "1m",
        summary: "{{ $labels.namespace }}/{{ $labels.name }} wants a consensus key that another node holds",
    },
    Alert {
        name: "SeiNodeSecretUnusable",
        severity: Severity::Warning,
        expr: "sei_controller_seinode_condition{type=~\"SigningKeyReady|NodeKeyReady|OperatorKeyringReady|SidecarTLSSecretReady\",status=\"False\",reason!=\"SigningKeyInUse\"} == 1",
        lasts: "10m",
        summary: "A Secret of {{ $labels.namespace }}/{{ $labels.name }} will not do: {{ $labels.type }} is {{ $labels.reason }}",
    },
    Alert {
        name: "SeiNodeCertificateExpires",
        severity: Severity::Warning,
        expr: "sei_controller_seinode_condition{type=\"SidecarTLSSecretReady\",reason=\"TLSSecretExpiresSoon\"} == 1",
        lasts: "10m",
        summary: "The certificate of the sidecar of {{ $labels.namespace }}/{{ $labels.name }} expires soon, and nobody renewed it",
    },
    Alert {
        name: "SeiNodeVolumeUnusable",
        severity: Severity::Warning,
        expr: "sei_controller_seinode_condition{type=\"ImportPVCReady\",status=\"False\"} == 1",
        lasts: "10m",
        summary: "The claim that {{ $labels.namespace }}/{{ $labels.name }} imports will not do: {{ $labels.reason }}",
    },
    Alert {
        name: "SeiNodeSpecRefused",
        severity: Severity::Warning,
        expr: "sei_controller_seinode_condition{type=\"SpecAccepted\",status=\"False\"} == 1",
        lasts: "1m",
        summary: "The spec of {{ $labels.namespace }}/{{ $labels.name }} is not followed: {{ $labels.reason }}",
    },
    Alert {
        name: "SeiNodeUnreadable",
        severity: Severity::Warning,
        expr: "sei_controller_seinode_unreadable == 1",
        lasts: "5m",
        summary: "This version of the operator cannot read {{ $labels.namespace }}/{{ $labels.name }}, and leaves it alone",
    },
    Alert {
        name: "SeiNodeTaskWaits",
        severity: Severity::Warning,
        expr: "time() - sei_controller_seinode_task_waiting_timestamp_seconds{task!~\"snapshot-restore|await-bootstrap-complete\"} > 1800",
        lasts: "1m",
        summary: "{{ $labels.namespace }}/{{ $labels.name }} waits in task {{ $labels.task }} for {{ $value | humanizeDuration }}",
    },
    Alert {
        name: "SeiNodeSyncTakesLong",
        severity: Severity::Warning,
        expr: "time() - sei_controller_seinode_task_waiting_timestamp_seconds{task=~\"snapshot-restore|await-bootstrap-complete\"} > 86400",
        lasts: "1m",
        summary: "{{ $labels.namespace }}/{{ $labels.name }} is busy with {{ $labels.task }} for {{ $value | humanizeDuration }}",
    },
    Alert {
        name: "SeiNodeTasksFail",
        severity: Severity::Warning,
        expr: "sum by (namespace, task) (increase(sei_controller_task_failures_total[30m])) > 5",
        lasts: "5m",
        summary: "Task {{ $labels.task }} fails again and again in {{ $labels.namespace }}",
    },
    Alert {
        name: "SeiNodeSidecarNotReady",
        severity: Severity::Warning,
        expr: "sei_controller_seinode_sidecar_ready == 0",
        lasts: "10m",
        summary: "The sidecar of {{ $labels.namespace }}/{{ $labels.name }} is not ready",
    },
    Alert {
        name: "SeiNodePaused",
        severity: Severity::Info,
        expr: "sei_controller_seinode_condition{type=\"Paused\",status=\"True\"} == 1",
        lasts: "1d",
        summary: "Somebody holds the operator off {{ $labels.namespace }}/{{ $labels.name }} for more than a day",
    },
    Alert {
        name: "SeiNodeEditWithoutEffect",
        severity: Severity::Info,
        expr: "sei_controller_seinode_condition{type=~\"EditWithoutEffect|TemplateOutdated\",status=\"True\"} == 1",
        lasts: "1h",
        summary: "{{ $labels.namespace }}/{{ $labels.name }} is not as its spec or the platform has it: {{ $labels.reason }}",
    },
];

/// The spec of the PrometheusRule, which is also what `promtool` reads.
pub(super) fn groups() -> Value {
    let group = |name: &str, alerts: &[Alert]| json!({"name": name, "rules": alerts.iter().map(Alert::rule).collect::<Vec<_>>()});
    json!({"groups": [group("sei-operator", &OPERATOR), group("sei-nodes", &NODES)]})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alert_has_a_chapter_with_its_name() {
        let runbooks = include_str!("../../../docs/operate.md");
        for alert in OPERATOR.iter().chain(&NODES) {
            assert!(runbooks.contains(&format!("\n### {}\n", alert.name)), "{}: no chapter", alert.name);
        }
        let chapters = runbooks.lines().filter(|line| line.starts_with("### Sei")).count();
        assert_eq!(chapters, OPERATOR.len() + NODES.len(), "a chapter without its alert");
    }
}
