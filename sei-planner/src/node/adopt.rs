//! Taking a node over from the controller before us, which kept fewer records: what can be seen or is certain is written
//! down, and a stored plan gets what ours have. Nothing is done to the node.

use super::build::{claim_key, planned, syncs_state};
use super::observed::PodFacts;
use super::records::records;
use super::status::{Projection, Stamp};
use super::valid::{InitSource, ValidNode};
use crate::api::conditions as c;
use crate::api::{ConditionStatus, DriftKind, NodePhase, PlanPhase, SeiNodeStatus, TaskPlan, TaskStatus, Time};
use crate::task::codec;

/// Tasks that stand before the claim of a key in plans of ours, too: they make the disk that it is to run on, and look at
/// Secrets.
const BEFORE_THE_CLAIM: [&str; 4] =
    ["ensure-data-pvc", "validate-signing-key", "validate-node-key", "validate-operator-keyring"];

/// Whether the status may lack what only the controller before us leaves out.
#[must_use]
pub fn lacks_records(status: &SeiNodeStatus) -> bool {
    status.plan.as_ref().is_some_and(|plan| plan.kind.is_none()) || came_up_unrecorded(status)
}

fn came_up_unrecorded(status: &SeiNodeStatus) -> bool {
    status.phase() == NodePhase::Running && (status.current_image.is_none() || status.observed_mode.is_none())
}

/// The status with what it lacks, as far as that can be known from the spec and the pod as a live read shows it. `None` when
/// there is nothing to add.
#[must_use]
pub fn adopt(node: &ValidNode, status: &SeiNodeStatus, pod: Option<&PodFacts>, now: Time) -> Option<SeiNodeStatus> {
    let mut next = Projection::of(status, node.generation, now);
    let mut told = Vec::new();
    if came_up_unrecorded(status) {
        told.extend(image(&mut next, node, pod));
        told.extend(settings(&mut next, node, pod));
    }
    told.extend(plan(&mut next, node));
    if told.is_empty() {
        return None;
    }
    let message = format!("taken over from the controller before this one: {}", told.join("; "));
    next.condition(c::ADOPTED, ConditionStatus::True, c::RECORDS_SEEDED, &message);
    Some(next.into_status())
}

/// The image is what the pod runs, whatever the spec says (S11).
fn image(next: &mut Projection<'_>, node: &ValidNode, pod: Option<&PodFacts>) -> Option<String> {
    let pod = pod.filter(|pod| pod.seid_running && !pod.deleting && !pod.seid_image.is_empty())?;
    if next.status.current_image.is_some() {
        return None;
    }
    next.stamp(node, &Stamp::CurrentImage(pod.seid_image.clone()));
    Some(format!("the pod runs {}", pod.seid_image))
}

/// What a plan of ours would have stamped when it brought this node up. Without a pod, the next one mounts what the spec says,
/// as far as anybody knows.
fn settings(next: &mut Projection<'_>, node: &ValidNode, pod: Option<&PodFacts>) -> Option<String> {
    if next.status.observed_mode.is_some() {
        return None;
    }
    next.status.observed_mode = Some(node.mode.field().to_owned());
    next.status.applied.get_or_insert_with(|| records(node));
    let keys = pod.map_or((&node.signing_key, &node.node_key), |pod| (&pod.signing_key_secret, &pod.node_key_secret));
    next.status.signing_key_mounted_secret.clone_from(keys.0);
    next.status.node_key_mounted_secret.clone_from(keys.1);
    if next.status.current_sidecar_tls.is_none() && pod.is_none_or(|pod| pod.tls_proxy) {
        next.stamp(node, &Stamp::Follows(DriftKind::SidecarTls));
    }
    if syncs_state(node) {
        next.stamp(node, &Stamp::StateSyncConfigured);
    }
    if let (InitSource::S3 { target_height, .. }, Some(_)) = (&node.source, node.bootstrap()) {
        next.stamp(node, &Stamp::Bootstrapped(*target_height));
    }
    if node.data_volume.imported {
        next.stamp(node, &Stamp::ImportedClaim(node.data_volume.claim.clone()));
    }
    Some("its settings are recorded as the spec has them".to_owned())
}

/// The stored plan goes on, with the key of a validator taken first; one that had failed is planned again at once.
fn plan(next: &mut Projection<'_>, node: &ValidNode) -> Option<String> {
    let mut plan = next.status.plan.clone().filter(|plan| plan.kind.is_none())?;
    plan.kind = Some(plan.kind_name());
    plan.target_phase.get_or_insert(NodePhase::Running);
    if plan.brings_up() {
        plan.failed_phase.get_or_insert(NodePhase::Failed);
    }
    if plan.target_generation.is_none() && node.generation > 0 {
        plan.target_generation = Some(node.generation);
    }
    let told = match plan.phase {
        PlanPhase::Active => {
            on_our_terms(&mut plan, next.now);
            claim_first(node, &next.status.signing_key_leases, &mut plan);
            let at = plan.tasks.iter().find(|task| task.status != TaskStatus::Complete);
            let at = at.map_or("its end", |task| task.kind.as_str());
            format!("plan {} goes on at {at}", plan.id)
        }
        PlanPhase::Complete => format!("plan {} was complete", plan.id),
        PlanPhase::Failed => {
            plan.retry_at.get_or_insert(next.now);
            let at = plan.failed_task_detail.as_ref().map_or("a task", |detail| detail.kind.as_str());
            format!("plan {} had failed at {at}, and another follows it", plan.id)
        }
    };
    next.plan(node, &plan);
    Some(told)
}

/// That controller posts a task that failed again for ever, and knows no deadlines: its tasks get the budgets that ours have, and
/// their time begins now.
fn on_our_terms(plan: &mut TaskPlan, now: Time) {
    for task in plan.tasks.iter_mut().filter(|task| task.status != TaskStatus::Complete) {
        let budget = codec::decode(&task.kind, &task.params).map_or(0, |known| known.max_retries());
        task.max_retries = task.max_retries.max(budget);
        task.submitted_at = task.submitted_at.map(|_| now);
    }
}

/// A plan of the controller before us takes no key: another validator may hold it, and must not meet this one (S1).
fn claim_first(node: &ValidNode, leases: &[String], plan: &mut TaskPlan) {
    let Some(claim) = claim_key(node).filter(|_| leases.is_empty()) else { return };
    let open = |kind: &str, status| status != TaskStatus::Complete && !BEFORE_THE_CLAIM.contains(&kind);
    let at = plan.tasks.iter().position(|task| open(&task.kind, task.status));
    if let Some(at) = at.filter(|_| !plan.tasks.iter().any(|task| task.kind == claim.kind())) {
        plan.tasks.insert(at, planned(&plan.id, at, &claim));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use serde_json::{Value, json};

    use super::*;
    use crate::api::{PlanKindName, SeiNode};
    use crate::node::{Decision, Observed, PlanKind, decide, drift, settled_status, validate};
    use crate::platform::Platform;

    fn now() -> Time {
        Time::at(jiff::Timestamp::UNIX_EPOCH)
    }

    fn node(mode: &str, member: Value) -> ValidNode {
        let mut node = json!({
            "apiVersion": "sei.io/v1alpha1", "kind": "SeiNode",
            "metadata": {"name": "a", "namespace": "b", "uid": "u", "generation": 2},
            "spec": {"chainId": "pacific-1", "image": "seid:v1"},
        });
        node["spec"][mode] = member;
        validate(&serde_json::from_value::<SeiNode>(node).unwrap(), &Platform::demo()).unwrap()
    }

    fn validator() -> ValidNode {
        let key = |name: &str| json!({"secret": {"secretName": name}});
        node("validator", json!({"signingKey": key("sk"), "nodeKey": key("nk")}))
    }

    fn pod(image: &str, running: bool) -> PodFacts {
        let volume = |name: &str, secret: &str| json!({"name": name, "secret": {"secretName": secret}});
        let seid = json!([{"name": "seid", "image": image}]);
        let volumes = json!([volume("signing-key", "sk"), volume("node-key", "nk")]);
        let pod = PodFacts::of(&json!({"spec": {"containers": seid, "volumes": volumes}}));
        PodFacts { seid_running: running, ..pod }
    }

    fn running() -> SeiNodeStatus {
        SeiNodeStatus { phase: Some(NodePhase::Running), ..SeiNodeStatus::default() }
    }

    /// A plan without our fields, the first tasks of which are complete.
    fn plan(phase: &str, complete: usize, tasks: &[&str]) -> TaskPlan {
        let task = |(index, kind): (usize, &&str)| {
            let status = if index < complete { "Complete" } else { "Pending" };
            json!({"type": kind, "id": format!("id-{index}"), "status": status})
        };
        let tasks: Vec<Value> = tasks.iter().enumerate().map(task).collect();
        serde_json::from_value(json!({"id": "p", "phase": phase, "tasks": tasks})).unwrap()
    }

    #[test]
    fn a_node_that_ours_brought_up_lacks_nothing() {
        for node in [validator(), node("fullNode", json!({"snapshot": {"stateSync": {}}}))] {
            let status = settled_status(&node, now());
            assert!(!lacks_records(&status));
            assert_eq!(adopt(&node, &status, Some(&pod("seid:v1", true)), now()), None);
        }
    }

    #[test]
    fn what_a_running_node_lacks_comes_from_its_pod_and_its_spec_once() {
        let validator = validator();
        let pod = pod("seid:v0", true);
        let status = adopt(&validator, &running(), Some(&pod), now()).unwrap();
        assert_eq!(status.current_image.as_deref(), Some("seid:v0"));
        assert_eq!(status.observed_mode.as_deref(), Some("validator"));
        assert_eq!(status.signing_key_mounted_secret.as_deref(), Some("sk"));
        assert_eq!(status.node_key_mounted_secret.as_deref(), Some("nk"));
        assert!(status.applied.is_some());
        assert_eq!(status.condition(c::ADOPTED).unwrap().reason, c::RECORDS_SEEDED);
        assert_eq!(adopt(&validator, &status, Some(&pod), now()), None);
    }

    /// What was done to the volume for good must not be done again.
    #[test]
    fn a_node_that_is_up_has_done_what_its_source_asks_for() {
        let s3 = json!({"snapshot": {"s3": {"targetHeight": 5}, "bootstrapImage": "seid:boot"}});
        let done = |member| adopt(&node("fullNode", member), &running(), None, now()).unwrap();
        let synced = done(s3);
        assert_eq!((synced.state_sync_configured, synced.bootstrapped_height), (Some(true), Some(5)));
        let from_genesis = done(json!({}));
        assert_eq!((from_genesis.state_sync_configured, from_genesis.bootstrapped_height), (None, None));
    }

    #[test]
    fn an_image_that_nobody_saw_run_is_not_recorded_and_is_drift_only_where_a_pod_has_another() {
        let full = node("fullNode", json!({}));
        for seen in [None, Some(pod("seid:v1", false)), Some(PodFacts { deleting: true, ..pod("seid:v1", true) })] {
            let status = adopt(&full, &running(), seen.as_ref(), now()).unwrap();
            assert_eq!(status.current_image, None);
            assert_eq!(drift(&full, &status, seen.as_ref()), []);
            let seen = Observed { pod: seen, ..Observed::default() };
            assert_eq!(decide(&full, &status, &seen, now()), Decision::Idle);
        }
        let other = drift(&full, &running(), Some(&pod("seid:v0", false)));
        assert_eq!(other.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [DriftKind::Image]);
    }

    #[test]
    fn the_plan_of_a_validator_takes_its_key_where_ours_would() {
        let checks = ["ensure-data-pvc", "validate-signing-key", "validate-node-key"];
        let bring_up =
            [&checks[..], &["apply-statefulset", "apply-service", "configure-genesis", "mark-ready"]].concat();
        let update = ["apply-statefulset", "apply-service", "replace-pod", "observe-image", "mark-ready"];
        for (tasks, complete, at) in
            [(&bring_up[..], 0, 3), (&bring_up, 2, 3), (&bring_up, 5, 5), (&update, 0, 0), (&update, 3, 3)]
        {
            let before = SeiNodeStatus { plan: Some(plan("Active", complete, tasks)), ..running() };
            let plan = adopt(&validator(), &before, None, now()).unwrap().plan.unwrap();
            assert_eq!(plan.tasks.iter().position(|task| task.kind == "claim-signing-key"), Some(at));
            assert_eq!(plan.tasks.len(), tasks.len() + 1);
            assert_eq!(plan.target_generation, Some(2));
        }
        let held = vec!["sei-signing-key-a".to_owned()];
        let before = SeiNodeStatus { plan: Some(plan("Active", 0, &update)), signing_key_leases: held, ..running() };
        assert_eq!(adopt(&validator(), &before, None, now()).unwrap().plan.unwrap().tasks.len(), update.len());
    }

    #[test]
    fn tasks_under_way_get_our_budgets_and_our_time() {
        let mut stored = plan("Active", 0, &["snapshot-restore", "config-apply"]);
        stored.tasks[0].submitted_at = Some(now());
        let before = SeiNodeStatus { plan: Some(stored), ..SeiNodeStatus::default() };
        let later = now().plus_seconds(100_000);
        let plan = adopt(&node("fullNode", json!({})), &before, None, later).unwrap().plan.unwrap();
        let terms: Vec<_> = plan.tasks.iter().map(|task| (task.max_retries, task.submitted_at)).collect();
        assert_eq!(terms, [(180, Some(later)), (0, None)]);
    }

    /// With nothing that says when, nobody would ever look at it again.
    #[test]
    fn a_plan_that_had_failed_is_followed_by_another() {
        let mut failed = plan("Failed", 1, &["ensure-data-pvc", "apply-statefulset", "mark-ready"]);
        failed.failed_phase = Some(NodePhase::Failed);
        let before = SeiNodeStatus { phase: Some(NodePhase::Failed), plan: Some(failed), ..SeiNodeStatus::default() };
        let full = node("fullNode", json!({}));
        let status = adopt(&full, &before, None, now()).unwrap();
        assert_eq!(status.plan.as_ref().unwrap().kind, Some(PlanKindName::Init));
        let decision = decide(&full, &status, &Observed::default(), now());
        assert!(matches!(decision, Decision::Start(PlanKind::Init(_), _)), "{decision:?}");
    }

    /// That controller would have said so in its next reconcile.
    #[test]
    fn an_update_that_was_complete_is_no_longer_in_progress() {
        let mut complete = plan("Complete", 2, &["apply-statefulset", "observe-image"]);
        complete.target_phase = Some(NodePhase::Running);
        let condition = json!({
            "type": "NodeUpdateInProgress", "status": "True", "reason": "UpdateStarted", "message": "",
            "lastTransitionTime": "1970-01-01T00:00:00Z",
        });
        let conditions = vec![serde_json::from_value(condition).unwrap()];
        let before = SeiNodeStatus { plan: Some(complete), conditions, ..running() };
        let status = adopt(&node("fullNode", json!({})), &before, None, now()).unwrap();
        let update = status.condition(c::NODE_UPDATE_IN_PROGRESS).unwrap();
        assert_eq!((update.status, update.reason.as_str()), (ConditionStatus::False, c::UPDATE_COMPLETE));
    }
}
