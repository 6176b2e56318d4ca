//! Whether the cluster's definition of SeiNodes is as new as this program, asked once before anything is done.
//!
//! The answer comes from the published OpenAPI documents, which every client may read: no permission is needed, also where
//! the operator may see one namespace only.

use std::collections::BTreeSet;
use std::time::Duration;

use http::Request;
use kube::Client;
use sei_planner::api::{API_VERSION, KIND, served};
use serde_json::Value;
use thiserror::Error;

/// Pause between two questions.
const PAUSE: Duration = Duration::from_secs(1);
/// How often a definition may be found missing or old before that is final: the API server publishes a new one within
/// seconds of its installation.
const QUESTIONS: u32 = 10;
/// Fields that an error names.
const SHOWN: usize = 5;

/// Why the operator must not start.
#[derive(Debug, Error)]
pub(crate) enum Unfit {
    /// Nobody installed them.
    #[error("the cluster does not know SeiNodes; install their definition: {INSTALL}")]
    Absent,
    /// Those of an earlier version: what they lack would be dropped from every write.
    #[error("the cluster's definition of SeiNodes is older than this program, it lacks {}; update it: {INSTALL}", list(.0))]
    Old(BTreeSet<String>),
    /// What is published cannot be compared.
    #[error("the definition of SeiNodes cannot be compared: {0}")]
    Unreadable(#[from] serde_json::Error),
}

const INSTALL: &str = "sei-operator crds | kubectl apply --server-side -f -";

fn list(missing: &BTreeSet<String>) -> String {
    let mut shown: Vec<String> = missing.iter().take(SHOWN).cloned().collect();
    if let Some(more @ 1..) = missing.len().checked_sub(SHOWN) {
        shown.push(format!("and {more} more"));
    }
    shown.join(", ")
}

/// Returns once the cluster serves SeiNodes that are as new as this program. An API server that cannot be asked is asked
/// again, for ever.
///
/// # Errors
/// When the definition stays missing or old.
pub(crate) async fn wait_for(client: &Client) -> Result<(), Unfit> {
    let mut left = QUESTIONS;
    loop {
        match published(client).await {
            Ok(document) => match judge(&document) {
                Ok(()) => return Ok(()),
                Err(unfit) if left == 0 => return Err(unfit),
                Err(unfit) => {
                    tracing::info!(%unfit, "waiting for the definition of SeiNodes");
                    left -= 1;
                }
            },
            Err(error) => tracing::warn!(error = sei_tasks::causes(&error), "the API server cannot be asked"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether the cluster serves SeiNodes that are as new as this program, asked once.
///
/// # Errors
/// When the API server cannot be asked.
pub(crate) async fn question(client: &Client) -> Result<Result<(), Unfit>, kube::Error> {
    Ok(judge(&published(client).await?))
}

/// The OpenAPI document of our group and version; `null` where there is none.
async fn published(client: &Client) -> Result<Value, kube::Error> {
    let request = Request::get(format!("/openapi/v3/apis/{API_VERSION}")).body(Vec::new());
    match client.request(request.map_err(kube::Error::HttpError)?).await {
        Err(kube::Error::Api(status)) if status.code == http::StatusCode::NOT_FOUND.as_u16() => Ok(Value::Null),
        answer => answer,
    }
}

fn judge(document: &Value) -> Result<(), Unfit> {
    let schemas = document["components"]["schemas"].as_object();
    let ours = |schema: &&Value| {
        let kinds = schema["x-kubernetes-group-version-kind"].as_array();
        kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"] == KIND))
    };
    let served = schemas.and_then(|schemas| schemas.values().find(ours)).ok_or(Unfit::Absent)?;
    let missing = served::missing_from(served)?;
    if missing.is_empty() { Ok(()) } else { Err(Unfit::Old(missing)) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use sei_planner::api::crd;
    use serde_json::json;

    use super::*;

    /// As the API server publishes our definition.
    fn document(change: impl FnOnce(&mut Value)) -> Value {
        let mut schema = crd::schema().unwrap();
        schema["x-kubernetes-group-version-kind"] = json!([{"group": "sei.io", "kind": KIND, "version": "v1alpha1"}]);
        change(&mut schema);
        json!({"components": {"schemas": {"io.sei.v1alpha1.SeiNode": schema}}})
    }

    #[test]
    fn our_own_definition_fits() {
        assert!(judge(&document(|_| {})).is_ok());
    }

    #[test]
    fn no_definition_and_an_old_one_are_told_apart() {
        assert_eq!(
            judge(&Value::Null).unwrap_err().to_string(),
            "the cluster does not know SeiNodes; install their definition: \
             sei-operator crds | kubectl apply --server-side -f -"
        );
        let old = document(|schema| {
            let status = schema.pointer_mut("/properties/status/properties").unwrap().as_object_mut().unwrap();
            status.retain(|name, _| name == "phase" || name == "plan");
            status["plan"]["properties"].as_object_mut().unwrap().remove("tasks");
        });
        insta::assert_snapshot!(judge(&old).unwrap_err());
    }
}
