//! What is known of a cluster by asking it: live nodes with the facts around them, and live statuses for nodes of files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kube::ResourceExt;
use kube::api::ListParams;
use sei_planner::api::{ConditionStatus, NodePhase, SeiNode, SeiNodeStatus, Time, conditions};
use sei_planner::manifests::NODE_LABEL;
use sei_planner::names::NodeKey;
use sei_planner::node::{Observed, SidecarHealth, TaskProbe, ValidNode, plan_node, validate};
use sei_planner::platform::Platform;
use sei_tasks::kube::{KubeCluster, Views};
use sei_tasks::look::look;
use sei_tasks::record::Unrecorded;
use sei_tasks::world::{
    Address, ChainHead, Clock, Cluster as _, ClusterError, Kind, ObjectId, Sidecar, SidecarError, TaskReport,
    TaskRequest, World,
};
use sei_tasks::{Memory, Unreadable};
use serde_json::{Value, json};

use super::report::{Outcome, Problem, Word};
use super::{Plans, plan_id, why};
use crate::cli::cluster::{self, Cluster, Trouble};
use crate::input::diagnostics::{Diagnostic, Severity};
use crate::input::sources::Sources;
use crate::input::yaml::Span;
use crate::input::{Document, Input};
use crate::output::{self, Paint};

/// Where the problems of a live object are, in the place of a file.
const CLUSTER: &str = "cluster";

/// Plans a live node as the operator would now, and counts it.
pub(super) async fn add(
    plans: &mut Plans,
    cluster: &Cluster,
    key: &NodeKey,
    platform: &Platform,
) -> Result<(), Trouble> {
    let node = cluster.node(key).await?;
    let mut result = Outcome {
        kind: sei_planner::api::KIND.to_owned(),
        namespace: key.namespace.clone(),
        name: key.name.clone(),
        outcome: Word::Waiting,
        plan: None,
        why: Vec::new(),
        changes: Vec::new(),
        problems: Vec::new(),
        edit: None,
    };
    if node.metadata.deletion_timestamp.is_some() {
        result.why.push("the node is being deleted: no plan is made any more".to_owned());
        plans.results.push(result);
        return Ok(());
    }
    let seen = observed(cluster, &node, platform).await?;
    let planned = plan_node(&node, platform, &seen, cluster::now(), &plan_id(&node)?);
    let said: Vec<Diagnostic> = planned
        .problems
        .iter()
        .map(|problem| Diagnostic {
            severity: Severity::Error,
            code: problem.code,
            field: problem.field.clone(),
            message: problem.message.clone(),
            file: CLUSTER.to_owned(),
            at: Span::default(),
        })
        .collect();
    for diagnostic in &said {
        output::chatter(&format!("{}\n", diagnostic.render(&Sources::default(), Paint::stderr())));
    }
    plans.summary.add(&planned);
    result.outcome = planned.outcome.into();
    result.changes = why::changes(&node, planned.plan.as_ref());
    result.plan = planned.plan;
    result.why = planned.why;
    result.problems = said.iter().map(Problem::of).collect();
    plans.results.push(result);
    Ok(())
}

/// The live objects of these documents, as if they were a file of saved statuses. One that is not there is a new one.
pub(super) async fn saved(cluster: &Cluster, documents: &[Document]) -> Result<Input, Trouble> {
    let mut items = Vec::new();
    for document in documents.iter().filter(|document| document.node.is_some()) {
        let key = NodeKey::new(&document.namespace, &document.name);
        let nodes = cluster.nodes(Some(&key.namespace));
        match cluster.ask(&format!("read SeiNode {key}"), nodes.get(&key.name)).await {
            Ok(mut live) => {
                live.metadata.managed_fields = None;
                items.push(serde_json::to_value(live).map_err(std::io::Error::from)?);
            }
            Err(trouble) if trouble.is_absence => {}
            Err(trouble) => return Err(trouble),
        }
    }
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    Ok(Input::of_text(CLUSTER, list.to_string()))
}

/// What the operator would know of a node.
async fn observed(cluster: &Cluster, node: &SeiNode, platform: &Platform) -> Result<Observed, Trouble> {
    let Ok(valid) = validate(node, platform) else { return Ok(Observed::default()) };
    let status = node.status.clone().unwrap_or_default();
    let snapshot = Snapshot::of(cluster, node, &valid).await?;
    let world = World {
        cluster: KubeCluster::new(cluster.client.clone(), snapshot, "sei-operator plan"),
        sidecar: OutOfReach,
        clock: OnlyTime,
        platform: platform.clone(),
        keys_namespace: String::new(),
        memory: Memory::default(),
        recorder: Arc::new(Unrecorded),
    };
    let seen = look(&world, &valid, &status).await.map_err(|error| unavailable(&valid.key, &error))?;
    Ok(without_guesses(seen, &status, &valid.key))
}

/// The facts without those that only this program lacks: a sidecar that it cannot reach from outside the cluster, and a
/// Secret that its user may not read. Of the sidecar's health status tells what the operator saw last.
fn without_guesses(mut seen: Observed, status: &SeiNodeStatus, key: &NodeKey) -> Observed {
    let unreadable = |reason: &str| reason == conditions::TLS_SECRET_UNAVAILABLE;
    if let Some(secret) = seen.tls_secret.take_if(|secret| unreadable(secret.reason)) {
        let note = Paint::stderr().blue("note");
        let what = format!("{}; it is taken to be in order", secret.message);
        output::chatter(&format!("{note}: SeiNode {key}: {what}\n"));
    }
    if seen.in_flight == TaskProbe::Unreachable {
        seen.in_flight = TaskProbe::NotAsked;
    }
    let ready = status.condition(conditions::SIDECAR_READY);
    let lost =
        ready.is_some_and(|ready| ready.status == ConditionStatus::False && ready.reason == conditions::NOT_READY);
    seen.sidecar =
        if lost && status.phase() == NodePhase::Running { SidecarHealth::NotReady } else { SidecarHealth::NotAsked };
    seen
}

fn unavailable(key: &NodeKey, error: &ClusterError) -> Trouble {
    Trouble::new(format!("cannot look at what belongs to SeiNode {key}: {error}"))
        .help("`kubectl auth can-i --list` shows what you may do; --as acts as another user")
}

/// What belongs to one node, read once.
#[derive(Debug, Default)]
struct Snapshot {
    node: Option<SeiNode>,
    objects: BTreeMap<ObjectId, Value>,
    pods: Vec<Value>,
    peers: BTreeMap<(String, BTreeMap<String, String>), Vec<NodeKey>>,
}

impl Snapshot {
    async fn of(cluster: &Cluster, node: &SeiNode, valid: &ValidNode) -> Result<Self, Trouble> {
        let key = &valid.key;
        let mut snapshot = Self { node: Some(node.clone()), pods: cluster.pods(key).await?, ..Self::default() };
        let reader = KubeCluster::new(cluster.client.clone(), Self::default(), "sei-operator plan");
        for (kind, name) in [
            (Kind::StatefulSet, key.name.clone()),
            (Kind::Service, key.name.clone()),
            (Kind::PersistentVolumeClaim, valid.data_volume.claim.clone()),
            (Kind::ConfigMap, key.proxy_config()),
            (Kind::Job, key.bootstrap_job()),
            (Kind::Pod, key.pod()),
        ] {
            let id = ObjectId::new(kind, &key.namespace, name);
            if let Some(found) = reader.read(&id).await.map_err(|error| unavailable(key, &error))? {
                snapshot.objects.insert(id, found);
            }
        }
        for label in valid.peers.iter().filter_map(|peer| peer.label.as_ref()) {
            let namespace = label.namespace.as_deref().filter(|name| !name.is_empty()).unwrap_or(&key.namespace);
            let selector: Vec<String> = label.selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let params = ListParams::default().labels(&selector.join(","));
            let doing = format!("list the SeiNodes of namespace {namespace} that are peers of {key}");
            let found = cluster.ask(&doing, cluster.nodes(Some(namespace)).list_metadata(&params)).await?;
            let keys = found.items.iter().map(|peer| NodeKey::new(namespace, peer.name_any())).collect();
            snapshot.peers.insert((namespace.to_owned(), label.selector.clone()), keys);
        }
        Ok(snapshot)
    }
}

impl Views for Snapshot {
    fn node(&self, _: &NodeKey) -> Result<Option<SeiNode>, Unreadable> {
        Ok(self.node.clone())
    }

    fn object(&self, id: &ObjectId) -> Option<Value> {
        self.objects.get(id).cloned()
    }

    fn pods(&self, _: &str, selector: &BTreeMap<String, String>) -> Vec<Value> {
        let labels = |pod: &Value| pod["metadata"]["labels"].clone();
        let selected = |pod: &&Value| selector.iter().all(|(key, value)| labels(pod)[key] == value.as_str());
        debug_assert!(selector.contains_key(NODE_LABEL), "only the pods of one node were read");
        self.pods.iter().filter(selected).cloned().collect()
    }

    fn peers(&self, namespace: &str, selector: &BTreeMap<String, String>) -> Vec<NodeKey> {
        self.peers.get(&(namespace.to_owned(), selector.clone())).cloned().unwrap_or_default()
    }
}

/// A sidecar has a name inside the cluster only.
struct OutOfReach;

impl OutOfReach {
    fn told<T>() -> Result<T, SidecarError> {
        Err(SidecarError::Unreachable("sidecars are not asked from outside the cluster".to_owned()))
    }
}

impl Sidecar for OutOfReach {
    async fn submit(&self, _: &Address, _: &TaskRequest) -> Result<(), SidecarError> {
        Self::told()
    }

    async fn task(&self, _: &Address, _: &str) -> Result<Option<TaskReport>, SidecarError> {
        Self::told()
    }

    async fn healthz(&self, _: &Address) -> Result<bool, SidecarError> {
        Self::told()
    }

    async fn chain(&self, _: &str) -> Result<ChainHead, SidecarError> {
        Self::told()
    }

    async fn signers(&self, _: &str, _: i64) -> Result<BTreeSet<String>, SidecarError> {
        Self::told()
    }
}

/// The time; plans get their ids elsewhere.
struct OnlyTime;

impl Clock for OnlyTime {
    fn now(&self) -> Time {
        cluster::now()
    }

    fn fresh_plan_id(&self) -> String {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use sei_planner::inspect::TlsVerdict;

    use super::*;

    fn seen(reason: &'static str) -> Observed {
        let verdict = TlsVerdict { ready: false, reason, message: "it is forbidden".to_owned(), expires: None };
        let sidecar = SidecarHealth::Unreachable("no such host".to_owned());
        Observed { tls_secret: Some(verdict), in_flight: TaskProbe::Unreachable, sidecar, ..Observed::default() }
    }

    /// The operator is inside the cluster and may read Secrets; that this program is not and may not is no fact about a node.
    #[test]
    fn what_only_this_program_lacks_is_no_fact() {
        let key = NodeKey::new("sei", "rpc-0");
        let running = SeiNodeStatus { phase: Some(NodePhase::Running), ..SeiNodeStatus::default() };
        let bare = without_guesses(seen(conditions::TLS_SECRET_UNAVAILABLE), &running, &key);
        assert_eq!(bare, Observed::default());
        let missing = without_guesses(seen(conditions::TLS_SECRET_NOT_FOUND), &running, &key);
        assert!(missing.tls_secret.is_some(), "a Secret that is not there is a fact");
        let lost: SeiNodeStatus = serde_json::from_value(json!({"phase": "Running", "conditions": [{
            "type": "SidecarReady", "status": "False", "reason": "NotReady", "message": "healthz answered 503",
            "lastTransitionTime": "2026-01-01T00:00:00Z"}]}))
        .unwrap();
        let told = without_guesses(seen(conditions::TLS_SECRET_UNAVAILABLE), &lost, &key);
        assert_eq!(told.sidecar, SidecarHealth::NotReady, "as the operator saw it last");
    }

    #[test]
    fn a_snapshot_answers_from_what_was_read() {
        let labelled = |name: &str, component: &str| json!({"metadata": {"name": name, "labels": {"sei.io/node": "rpc-0", "sei.io/component": component}}});
        let team = || BTreeMap::from([("team".to_owned(), "a".to_owned())]);
        let snapshot = Snapshot {
            pods: vec![labelled("rpc-0-0", "production"), labelled("rpc-0-bootstrap-x", "bootstrap")],
            peers: BTreeMap::from([(("sei".to_owned(), team()), vec![NodeKey::new("sei", "rpc-1")])]),
            ..Snapshot::default()
        };
        let node = || ("sei.io/node".to_owned(), "rpc-0".to_owned());
        assert_eq!(snapshot.pods("sei", &BTreeMap::from([node()])).len(), 2);
        let bootstrap = BTreeMap::from([node(), ("sei.io/component".to_owned(), "bootstrap".to_owned())]);
        assert_eq!(snapshot.pods("sei", &bootstrap)[0]["metadata"]["name"], "rpc-0-bootstrap-x");
        assert_eq!(snapshot.peers("sei", &team()), [NodeKey::new("sei", "rpc-1")]);
        assert!(snapshot.peers("other", &team()).is_empty());
    }
}
