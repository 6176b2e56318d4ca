//! The settings of the platform: whether they are complete, and whether what they name is there.

use std::collections::BTreeMap;
use std::path::Path;

use k8s_openapi::api::storage::v1::StorageClass;
use kube::Api;
use sei_planner::platform::Platform;

use super::asks::failed;
use super::finding::{Finding, Group};
use crate::cli::cluster::{Cluster, Trouble, installed_in};
use crate::cli::platform::environment;
use crate::input::sources::text_of;

const GROUP: Group = Group::Platform;

/// Settings, and where they come from.
struct Found {
    origin: String,
    settings: BTreeMap<String, String>,
}

/// Everything about the settings.
pub(super) async fn check(cluster: &Cluster, file: Option<&Path>, namespace: &str, pre: bool) -> Vec<Finding> {
    let found = match found(cluster, file, namespace, pre).await {
        Ok(found) => found,
        Err(findings) => return findings,
    };
    let platform = match Platform::from_map(&found.settings) {
        Ok(platform) => platform,
        Err(errors) => {
            let hint = "docs/reference/settings.md, or `sei-operator explain settings`, says what each is for";
            let wrong = errors.0.iter().map(|error| Finding::failed(GROUP, format!("{}: {error}", found.origin), hint));
            return wrong.collect();
        }
    };
    let mut findings = vec![Finding::passed(GROUP, format!("those of {} are complete", found.origin))];
    findings.extend(storage_classes(cluster, &platform).await);
    findings
}

/// The settings of the file, else of the environment, else of the operator that is installed.
async fn found(cluster: &Cluster, file: Option<&Path>, namespace: &str, pre: bool) -> Result<Found, Vec<Finding>> {
    if let Some(file) = file {
        let settings = from_file(file)?;
        return Ok(Found { origin: file.display().to_string(), settings });
    }
    let settings = environment();
    if !settings.is_empty() {
        return Ok(Found { origin: "the environment".to_owned(), settings });
    }
    let hint = "name them with --settings FILE";
    if pre {
        return Err(vec![Finding::warning(GROUP, "no settings to check: there are none in the environment", hint)]);
    }
    let origin = installed_in(namespace);
    match cluster.installed_settings(namespace).await {
        Ok(settings) => Ok(Found { origin, settings }),
        Err(trouble) if trouble.is_absence => {
            let what = format!("no settings to check: there are none in the environment, and no {origin}");
            Err(vec![Finding::warning(
                GROUP,
                what,
                format!("{hint}, or the operator's namespace with --operator-namespace"),
            )])
        }
        Err(trouble) => Err(vec![could_not(&trouble, hint)]),
    }
}

fn from_file(path: &Path) -> Result<BTreeMap<String, String>, Vec<Finding>> {
    let name = path.display();
    let text = std::fs::File::open(path).and_then(text_of).map_err(|error| {
        vec![Finding::failed(GROUP, format!("cannot read {name}: {error}"), "name a file of KEY=VALUE lines")]
    })?;
    Platform::parse_lines(&text).map_err(|errors| {
        let line = |error: &sei_planner::platform::LineError| {
            Finding::failed(
                GROUP,
                format!("{name}:{}: {}", error.line, error.problem),
                "a line is KEY=VALUE, or a comment",
            )
        };
        errors.iter().map(line).collect()
    })
}

/// The storage classes that the settings name. Without one, claims stay Pending for ever.
async fn storage_classes(cluster: &Cluster, platform: &Platform) -> Vec<Finding> {
    let named = [
        ("SEI_STORAGE_CLASS_PERF", &platform.storage_class_perf, true),
        ("SEI_STORAGE_CLASS_ARCHIVE", &platform.storage_class_archive, true),
        ("SEI_STORAGE_CLASS_DEFAULT", &platform.storage_class_default, false),
    ];
    let classes: Api<StorageClass> = Api::all(cluster.client.clone());
    let mut findings = Vec::new();
    for (variable, name, is_used) in named {
        let what = format!("storage class {name} of {variable}");
        findings.push(match cluster.ask(&format!("look for {what}"), classes.get(name)).await {
            Ok(_) => Finding::passed(GROUP, format!("{what} is there")),
            Err(trouble) if trouble.is_absence && is_used => Finding::failed(
                GROUP,
                format!("{what} is not there: volumes of nodes would wait for it"),
                "make it, or name another: `kubectl get storageclass`",
            ),
            Err(trouble) if trouble.is_absence => Finding::warning(
                GROUP,
                format!("{what} is not there; no mode uses it today"),
                "make it, or name another",
            ),
            Err(trouble) => could_not(&trouble, "ask somebody who may: `kubectl get storageclass`"),
        });
    }
    findings
}

/// What this user may not see is no failure of the cluster.
fn could_not(trouble: &Trouble, hint: &str) -> Finding {
    if trouble.is_forbidden { Finding::warning(GROUP, trouble.what.clone(), hint) } else { failed(GROUP, trouble) }
}
