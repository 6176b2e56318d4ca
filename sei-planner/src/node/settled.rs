//! The status of a node that came up as its spec says: where tests and previews of edits begin.

use super::decide::{Decision, decide};
use super::observed::Observed;
use super::plan::draft;
use super::status::{Ran, Stamp, project_status};
use super::valid::{InitSource, ValidNode};
use crate::api::{DriftKind, PlanPhase, SeiNodeStatus, TaskStatus, Time};
use crate::manifests::key_lease_name;
use crate::task::task_id;

/// The status that the operator leaves once the first plan of this node is complete, at `now`.
#[must_use]
pub fn settled_status(node: &ValidNode, now: Time) -> SeiNodeStatus {
    let (new, seen) = (SeiNodeStatus::default(), Observed::default());
    let decision = decide(node, &new, &seen, now);
    let id = task_id(&node.key.to_string(), "settled", 0);
    let mut plan = draft(node, &new, &seen, &decision, &id);
    let ran = Ran::Decided { node, decision: &decision, plan: plan.as_ref(), stamps: &[] };
    let started = project_status(&new, &ran, &seen, node.generation, now);
    if let Some(plan) = &mut plan {
        plan.phase = PlanPhase::Complete;
        plan.tasks.iter_mut().for_each(|task| task.status = TaskStatus::Complete);
    }
    let tasks = plan.iter().flat_map(|plan| &plan.tasks).map(|task| task.kind.as_str()).collect::<Vec<_>>();
    let stamps = stamps(node, &tasks);
    let ran = Ran::Decided { node, decision: &Decision::Continue, plan: plan.as_ref(), stamps: &stamps };
    project_status(&started, &ran, &seen, node.generation, now)
}

/// What the tasks of a first plan see.
fn stamps(node: &ValidNode, tasks: &[&str]) -> Vec<Stamp> {
    let mut stamps = vec![Stamp::CurrentImage(node.image.clone()), Stamp::SidecarReady];
    if tasks.contains(&"configure-state-sync") {
        stamps.push(Stamp::StateSyncConfigured);
    }
    if let InitSource::S3 { target_height, .. } = node.source {
        stamps.extend(tasks.contains(&"await-bootstrap-complete").then_some(Stamp::Bootstrapped(target_height)));
    }
    // Which key that is nobody knows here; that one is held is what counts.
    let lease = || Stamp::SigningKeyHeld(key_lease_name("settled"));
    stamps.extend(tasks.contains(&"claim-signing-key").then(lease));
    if node.data_volume.imported {
        stamps.push(Stamp::ImportedClaim(node.data_volume.claim.clone()));
    }
    stamps.extend(node.tls_issuer().map(|_| Stamp::Follows(DriftKind::SidecarTls)));
    stamps
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use serde_json::json;

    use super::*;
    use crate::api::{NodePhase, SeiNode};
    use crate::node::{decide, validate};
    use crate::platform::Platform;

    #[test]
    fn a_settled_node_has_nothing_to_do() {
        let now = Time::at(jiff::Timestamp::UNIX_EPOCH);
        let key = |name: &str| json!({"secret": {"secretName": name}});
        for (mode, member) in [
            ("fullNode", json!({})),
            ("fullNode", json!({"snapshot": {"stateSync": {}}})),
            ("fullNode", json!({"snapshot": {"s3": {"targetHeight": 5}}})),
            ("archive", json!({})),
            ("validator", json!({"signingKey": key("a"), "nodeKey": key("b")})),
        ] {
            let node: SeiNode = serde_json::from_value(json!({
                "apiVersion": "sei.io/v1alpha1", "kind": "SeiNode",
                "metadata": {"name": "a", "namespace": "b", "generation": 1},
                "spec": {
                    "chainId": "pacific-1", "image": "seid:v1", mode: member,
                    "overrides": {"evm.http_port": "8545"}, "podLabels": {"team": "sei"},
                    "dataVolume": {"import": {"pvcName": "disk"}},
                },
            }))
            .unwrap();
            let valid = validate(&node, &Platform::demo()).unwrap();
            let status = settled_status(&valid, now);
            assert_eq!(status.phase(), NodePhase::Running);
            assert_eq!(decide(&valid, &status, &Observed::default(), now), Decision::Idle);
            let applied = status.applied.unwrap();
            assert_eq!((applied.overrides, applied.pod_labels), (valid.overrides, valid.pod_labels));
        }
    }
}
