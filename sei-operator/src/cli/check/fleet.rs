//! The operator and its nodes: whether somebody leads, and whether every node runs with a sidecar that is ready.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use sei_planner::api::{ConditionStatus, NodePhase, SeiNode, Time, conditions};
use sei_planner::names::NodeKey;
use sei_tasks::leader::{LEASE_DURATION, LEASE_NAME, RETRY_PERIOD};

use super::asks::failed;
use super::finding::{Finding, Group};
use crate::cli::age::length;
use crate::cli::cluster::{self, Cluster};
use crate::cli::standing::{Standing, standing};

/// Whether an operator leads: its Lease has a holder who renews it.
pub(super) async fn leader(cluster: &Cluster, namespace: &str) -> Finding {
    let leases: Api<Lease> = Api::namespaced(cluster.client.clone(), namespace);
    let doing = format!("read the Lease {namespace}/{LEASE_NAME}");
    let read = async || cluster.ask(&doing, leases.get(LEASE_NAME)).await;
    let pods = format!("`kubectl -n {namespace} get pods -l app.kubernetes.io/name=sei-operator`");
    let lease = match read().await {
        Ok(lease) => lease,
        Err(trouble) if trouble.is_absence => {
            let what = format!("no operator leads: there is no Lease {LEASE_NAME} in namespace {namespace}");
            return Finding::failed(
                Group::Operator,
                what,
                format!("{pods}; --operator-namespace names another namespace"),
            );
        }
        Err(trouble) => return failed(Group::Operator, &trouble),
    };
    let now = cluster::now();
    let stale = match judge(&lease, now) {
        Lead::Held { holder } => {
            return Finding::passed(Group::Operator, format!("{holder} leads, and renews its Lease"));
        }
        Lead::Free => {
            return Finding::failed(
                Group::Operator,
                format!("no operator leads: the Lease {LEASE_NAME} has no holder"),
                pods,
            );
        }
        Lead::Stale { holder, for_seconds } => (holder, for_seconds),
    };
    // The clock of the process that wrote the time may differ from ours: a renewal that is seen to happen counts.
    tokio::time::sleep(RETRY_PERIOD + Duration::from_secs(1)).await;
    if read().await.is_ok_and(|again| renewed_at(&again) != renewed_at(&lease)) {
        let (holder, _) = stale;
        return Finding::passed(
            Group::Operator,
            format!("{holder} leads, and renews its Lease; its clock differs from yours"),
        );
    }
    let (holder, seconds) = stale;
    let what =
        format!("nobody leads: {holder} held the Lease {LEASE_NAME} last, and renewed it {} ago", length(seconds));
    Finding::failed(Group::Operator, what, pods)
}

/// What a Lease says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Lead {
    Free,
    Held { holder: String },
    Stale { holder: String, for_seconds: i64 },
}

fn renewed_at(lease: &Lease) -> Option<Time> {
    lease.spec.as_ref()?.renew_time.as_ref().map(|at| Time::at(at.0))
}

fn judge(lease: &Lease, now: Time) -> Lead {
    let holder = lease.spec.as_ref().and_then(|spec| spec.holder_identity.clone()).unwrap_or_default();
    let limit = i64::try_from(LEASE_DURATION.as_secs()).unwrap_or(i64::MAX);
    match renewed_at(lease).map(|at| now.seconds_since(at)) {
        _ if holder.is_empty() => Lead::Free,
        Some(seconds) if seconds <= limit => Lead::Held { holder },
        seconds => Lead::Stale { holder, for_seconds: seconds.unwrap_or_default() },
    }
}

/// Every node that does not run with a ready sidecar, and how many do.
pub(super) async fn nodes(cluster: &Cluster, namespace: Option<&str>) -> Vec<Finding> {
    match cluster.all_nodes(namespace).await {
        Ok(nodes) => judged(&nodes),
        Err(trouble) => vec![failed(Group::Nodes, &trouble)],
    }
}

fn judged(nodes: &[SeiNode]) -> Vec<Finding> {
    let others: Vec<Finding> = nodes.iter().filter_map(node).collect();
    let well = nodes.len() - others.len();
    let what = match (well, nodes.len()) {
        (_, 0) => "there are no nodes".to_owned(),
        (well, all) => format!("{well} of {all} nodes run with a sidecar that is ready"),
    };
    let summary = (well > 0 || nodes.is_empty()).then(|| Finding::passed(Group::Nodes, what));
    summary.into_iter().chain(others).collect()
}

/// What is to be said of a node, unless it runs with a ready sidecar.
fn node(node: &SeiNode) -> Option<Finding> {
    let key = NodeKey::of(node);
    let hint = format!("sei-operator status {key}");
    let status = node.status.clone().unwrap_or_default();
    let ready = status.condition(conditions::SIDECAR_READY);
    let kept = match standing(Some(node)) {
        Standing::Up | Standing::Gone => String::new(),
        Standing::OnItsWay(hindrance) | Standing::Stuck(hindrance) => format!(": {}", hindrance.brief()),
    };
    match (status.phase(), ready) {
        (NodePhase::Running, Some(ready)) if ready.status == ConditionStatus::True => None,
        (NodePhase::Running, Some(ready)) => {
            let what = format!("{key} runs, and its sidecar is not ready ({}): {}", ready.reason, ready.message);
            Some(Finding::failed(Group::Nodes, what, hint))
        }
        (NodePhase::Running, None) => {
            Some(Finding::warning(Group::Nodes, format!("{key} runs, and nobody asked its sidecar yet"), hint))
        }
        (NodePhase::Failed, _) => Some(Finding::failed(Group::Nodes, format!("{key} failed{kept}"), hint)),
        (phase @ (NodePhase::Pending | NodePhase::Initializing | NodePhase::Terminating), _) => {
            Some(Finding::warning(Group::Nodes, format!("{key} is {phase}{kept}"), hint))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_lease_is_held_only_while_it_is_renewed() {
        let now = Time::deserialize(&json!("2026-01-01T00:01:00Z")).unwrap();
        let lead = |spec: Value| judge(&serde_json::from_value(json!({ "spec": spec })).unwrap(), now);
        let at = |second: u32| format!("2026-01-01T00:00:{second:02}.000000Z");
        assert_eq!(lead(Value::Null), Lead::Free);
        assert_eq!(lead(json!({"holderIdentity": "", "renewTime": at(59)})), Lead::Free);
        let holder = || "a_1".to_owned();
        assert_eq!(lead(json!({"holderIdentity": "a_1", "renewTime": at(50)})), Lead::Held { holder: holder() });
        let stale = lead(json!({"holderIdentity": "a_1", "renewTime": at(30)}));
        assert_eq!(stale, Lead::Stale { holder: holder(), for_seconds: 30 });
    }

    #[test]
    fn nodes_that_are_well_are_counted_and_others_are_named() {
        let node = |name: &str, phase: &str, ready: Option<&str>| -> SeiNode {
            let ready = ready.map(|status| {
                json!({"type": "SidecarReady", "status": status, "reason": "Ready", "message": "healthz",
                    "lastTransitionTime": "2026-01-01T00:00:00Z"})
            });
            serde_json::from_value(json!({"apiVersion": "sei.io/v1alpha1", "kind": "SeiNode",
                "metadata": {"name": name, "namespace": "sei"},
                "spec": {"chainId": "c", "image": "i", "fullNode": {}},
                "status": {"phase": phase, "conditions": Vec::from_iter(ready)}}))
            .unwrap()
        };
        let nodes = [
            node("a", "Running", Some("True")),
            node("b", "Running", Some("False")),
            node("c", "Running", None),
            node("d", "Initializing", None),
            node("e", "Failed", Some("True")),
        ];
        let report = super::super::finding::Report::of([judged(&nodes), judged(&[])].concat());
        insta::assert_snapshot!(super::super::finding::text(&report, crate::output::Paint::PLAIN));
    }
}
