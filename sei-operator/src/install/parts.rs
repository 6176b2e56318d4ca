//! The files of the Helm chart and of the kustomize base that are made from the code, so that there is one source for all three
//! ways to install.

use std::collections::BTreeMap;

use clap::ValueEnum;
use sei_planner::api::crd;
use sei_planner::platform::Platform;
use serde_json::{Value, json};

use super::permissions::{Place, rules};
use super::{Installation, NAME, SETTINGS, Scope, alerts, dashboard};

/// A file that is made from the code, by its path below `sei-operator/deploy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// The definitions of the chart.
    #[value(name = "chart/files/crds.yaml")]
    ChartDefinitions,
    /// The rules of the chart's roles.
    #[value(name = "chart/files/roles.yaml")]
    ChartRoles,
    /// The alerts of the chart, which `promtool` reads too.
    #[value(name = "chart/files/alerts.yaml")]
    ChartAlerts,
    /// The dashboard of the chart.
    #[value(name = "chart/files/dashboard.json")]
    ChartDashboard,
    /// What values of the chart may be.
    #[value(name = "chart/values.schema.json")]
    ChartValues,
    /// Everything of the base but the settings, which the user's own kustomization brings.
    #[value(name = "kustomize/base/install.yaml")]
    Base,
    /// The component for Prometheus and Grafana.
    #[value(name = "kustomize/monitoring/monitoring.yaml")]
    Monitoring,
}

/// What a file holds.
pub(crate) enum Content {
    /// YAML documents.
    Documents(Vec<Value>),
    /// One JSON value.
    Json(Value),
}

impl Part {
    /// The content of the file.
    ///
    /// # Errors
    /// None for the definitions of this crate; the signature is that of the serializer.
    pub(crate) fn content(self) -> Result<Content, serde_json::Error> {
        Ok(match self {
            Self::ChartDefinitions => Content::Documents(vec![crd::manifest(&crd::seinode())?]),
            Self::ChartRoles => Content::Documents(vec![json!({
                "nodes": rules(&[Place::Nodes]), "own": rules(&[Place::Own]), "cluster": rules(&[Place::Cluster]),
            })]),
            Self::ChartAlerts => Content::Documents(vec![alerts::groups()]),
            Self::ChartDashboard => Content::Json(dashboard::dashboard()),
            Self::ChartValues => Content::Json(values_schema()),
            Self::Base => Content::Documents(base()?),
            Self::Monitoring => Content::Documents(unsettled().monitoring().to_vec()),
        })
    }
}

/// An installation whose image and settings somebody else fills in.
fn unsettled() -> Installation {
    Installation {
        namespace: "sei-system".to_owned(),
        image: NAME.to_owned(),
        replicas: 2,
        scope: Scope::Cluster,
        settings: BTreeMap::new(),
        monitoring: false,
        network_policy: false,
    }
}

/// Without the settings and their checksum: a generated ConfigMap has a name of its own for each content.
fn base() -> Result<Vec<Value>, serde_json::Error> {
    let mut all = unsettled().manifests()?;
    all.retain(|object| object["metadata"]["name"] != SETTINGS);
    for deployment in all.iter_mut().filter(|object| object["kind"] == "Deployment") {
        if let Some(metadata) = deployment.pointer_mut("/spec/template/metadata").and_then(Value::as_object_mut) {
            metadata.remove("annotations");
        }
    }
    Ok(all)
}

/// JSON Schema of the chart's values: what is not named is refused, so that nothing misspelt goes unnoticed.
fn values_schema() -> Value {
    let text = || json!({"type": "string"});
    let switch = || json!({"type": "boolean"});
    let texts = || json!({"type": "object", "additionalProperties": {"type": "string"}});
    let list = |of: &str| json!({"type": "array", "items": {"type": of}});
    let object = |members: Value| json!({"type": "object", "additionalProperties": false, "properties": members});
    let monitor = || {
        object(json!({
            "enabled": switch(), "labels": texts(), "interval": {"type": "string", "pattern": "^([0-9]+(ms|[smhdwy]))+$"},
        }))
    };
    let mut image = object(json!({
        "repository": {"type": "string", "minLength": 1},
        "tag": text(),
        "digest": {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"},
        "pullPolicy": {"enum": ["", "Always", "IfNotPresent", "Never"]},
    }));
    image["required"] = json!(["repository"]);
    let mut schema = object(json!({
        "image": image,
        "imagePullSecrets": list("object"),
        "settings": settings_schema(),
        "watchNamespace": text(),
        "replicas": {"type": "integer", "minimum": 1},
        "crds": object(json!({"install": switch(), "keep": switch()})),
        "serviceAccount": object(json!({"annotations": texts()})),
        "resources": {"type": "object"},
        "podAnnotations": texts(),
        "podLabels": texts(),
        "nodeSelector": texts(),
        "tolerations": list("object"),
        "affinity": {"type": "object"},
        "topologySpreadConstraints": list("object"),
        "priorityClassName": text(),
        "extraArgs": list("string"),
        "podDisruptionBudget": object(json!({"enabled": switch()})),
        "networkPolicy": object(json!({"enabled": switch()})),
        "monitoring": object(json!({
            "serviceMonitor": monitor(),
            "podMonitor": monitor(),
            "prometheusRule": object(json!({"enabled": switch(), "labels": texts(), "runbooks": text()})),
            "dashboard": object(json!({"enabled": switch(), "labels": texts()})),
        })),
        // What Helm itself hands to charts that are part of others.
        "global": {"type": "object"},
    }));
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    schema["title"] = json!("Values of the chart sei-operator");
    schema["required"] = json!(["image", "settings"]);
    schema
}

fn settings_schema() -> Value {
    let setting = |purpose: &str| json!({"type": "string", "description": purpose});
    let properties: BTreeMap<&str, Value> =
        Platform::VARIABLES.iter().map(|variable| (variable.name, setting(variable.purpose))).collect();
    let required: Vec<&str> =
        Platform::VARIABLES.iter().filter(|variable| variable.required).map(|variable| variable.name).collect();
    json!({"type": "object", "additionalProperties": false, "properties": properties, "required": required})
}
