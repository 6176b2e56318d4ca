//! Bugs of bootstrap, configuration and peers.

use std::sync::Arc;

use sei_planner::api::{PlanKindName, SeiNode, TaskPlan};
use sei_planner::names::NodeKey;
use sei_tasks::world::{Kind, TaskRequest};
use serde_json::{Value, from_value, json};

use super::{Specimen, container, leave_out, move_before, reword, specimen, unset};
use crate::bug::{Bug, Plans, Pods, Posts, Sees, SeesNode};

pub(super) fn specimens() -> Vec<Specimen> {
    vec![
        specimen(
            "B1",
            "a full configuration came after the tasks that lay their settings over it",
            "config-apply stands after discover-peers",
            || Arc::new(Plans(|plan| move_before(&mut plan.tasks, "discover-peers", "config-apply"))),
        ),
        specimen(
            "B2",
            "a node that restored a snapshot did not state-sync from it",
            "plans have no configure-state-sync",
            || Arc::new(Plans(|plan| leave_out(plan, "configure-state-sync"))),
        ),
        specimen(
            "B3",
            "variants of a plan that were put together by hand missed tasks",
            "a bootstrap plan has no config-validate",
            || {
                Arc::new(Plans(|plan| {
                    if plan.kind == Some(PlanKindName::Bootstrap) {
                        leave_out(plan, "config-validate");
                    }
                }))
            },
        ),
        specimen("B4", "state sync had nobody to ask for a block to trust", "plans have no discover-peers", || {
            Arc::new(Plans(|plan| leave_out(plan, "discover-peers")))
        }),
        specimen(
            "B5",
            "a label that matches nobody failed the first node of a network for ever",
            "a selector that matches nobody matches a node that does not answer",
            || Arc::new(AlwaysFindsAPeer),
        ),
        specimen(
            "B7",
            "an archive state-synced, and its history was lost",
            "an archive is seen as a full node that state-syncs",
            || Arc::new(SeesNode(archives_sync)),
        ),
        specimen(
            "B8",
            "the sidecar of a Job that had ended was polled for ever",
            "what a Job says of its end is not seen",
            || {
                Arc::new(Sees(|id, mut job| {
                    if id.kind == Kind::Job {
                        job["status"] = json!({});
                    }
                    Some(job)
                }))
            },
        ),
        specimen(
            "B9",
            "the exit of a seid that stopped at its height failed the Job",
            "the Job's script knows another exit code",
            || {
                Arc::new(Pods(Kind::Job, |pod| {
                    reword(container(pod, "seid").unwrap(), "-eq 130", "-eq 0");
                }))
            },
        ),
        specimen(
            "B11",
            "the gate opened on a volume without a genesis",
            "mark-ready is the first task of the sidecar",
            || Arc::new(Plans(|plan| move_before(&mut plan.tasks, "mark-ready", "configure-genesis"))),
        ),
        specimen(
            "B12",
            "the script that waits for the gate used tools that the image does not have",
            "the script asks with curl",
            || {
                Arc::new(Pods(Kind::StatefulSet, |pod| {
                    reword(container(pod, "seid").unwrap(), "head -1 <&3", "curl -s localhost");
                }))
            },
        ),
        specimen(
            "B13",
            "the bootstrap pod did not use the imported claim",
            "the Job mounts the claim that the operator would make",
            || {
                Arc::new(Pods(Kind::Job, |pod| {
                    pod["volumes"][0]["persistentVolumeClaim"]["claimName"] = json!("data-rpc-0");
                }))
            },
        ),
        specimen(
            "B14",
            "the bootstrap pod had no TLS proxy, through which its sidecar is called",
            "the Job has no proxy",
            || {
                Arc::new(Pods(Kind::Job, |pod| {
                    let containers = pod["initContainers"].as_array_mut().unwrap();
                    containers.retain(|container| container["name"] != "kube-rbac-proxy");
                }))
            },
        ),
        specimen(
            "B15",
            "a configuration that was applied in full erased what was laid over it",
            "a configuration that should be patched is applied in full",
            || {
                Arc::new(Posts(|request| {
                    if let Some(params) = &mut request.params
                        && params["incremental"] == true
                    {
                        params["incremental"] = json!(false);
                        params["mode"] = json!("full");
                    }
                }))
            },
        ),
        specimen(
            "B16",
            "an update looked for a keyring that the node does not have",
            "update plans begin with a check of a keyring",
            || Arc::new(Plans(look_for_a_keyring)),
        ),
        specimen(
            "B18",
            "a key was spelt as only a lenient fake reads it",
            "config-apply is posted with a Mode",
            || Arc::new(Posts(|request| rename(request, "mode", "Mode"))),
        ),
        specimen(
            "B20",
            "logging.level was forced over the user's",
            "config-apply is posted with logging.level info",
            || {
                Arc::new(Posts(|request| {
                    if let Some(params) = request.params.as_mut().filter(|_| request.kind == "config-apply") {
                        params["overrides"]["logging.level"] = json!("info");
                    }
                }))
            },
        ),
        specimen(
            "B21",
            "a variable was set in one of two pods",
            "the sidecar of the Job does not know the bucket of snapshots",
            || {
                Arc::new(Pods(Kind::Job, |pod| {
                    unset(container(pod, "sei-sidecar").unwrap(), "SEI_SNAPSHOT_BUCKET");
                }))
            },
        ),
    ]
}

fn look_for_a_keyring(plan: &mut TaskPlan) {
    if plan.kind == Some(PlanKindName::Update) {
        let check = json!({
            "type": "validate-operator-keyring", "id": plan.id, "status": "Pending",
            "params": {
                "secretName": "absent", "keyName": "node_admin", "passphraseSecretName": "absent",
                "passphraseSecretKey": "phrase", "namespace": "nodes",
            },
        });
        plan.tasks.insert(0, from_value(check).unwrap());
    }
}

struct AlwaysFindsAPeer;

impl Bug for AlwaysFindsAPeer {
    fn finds_peers(&self, peers: Vec<NodeKey>) -> Vec<NodeKey> {
        if peers.is_empty() { vec![NodeKey::new("nodes", "nobody")] } else { peers }
    }
}

fn archives_sync(node: &mut SeiNode) {
    if node.spec.archive.take().is_some() {
        node.spec.full_node = from_value(json!({"snapshot": {"stateSync": {}}})).unwrap();
    }
}

fn rename(request: &mut TaskRequest, from: &str, to: &str) {
    let params = request.params.as_mut().and_then(Value::as_object_mut);
    if let Some(params) = params
        && let Some(value) = params.remove(from)
    {
        params.insert(to.to_owned(), value);
    }
}
