//! The planner answers everything (C5): any spec, any status that the schema lets through (also plans that nobody ever
//! built), any facts. It never panics, says the same thing twice, and keeps the promises of plans and tasks.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the size is chosen from outside; times are printed"
)]

mod records;

use std::cell::Cell;
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestRunner;
use records::{unlike_its_pod, unlike_its_records};
use sei_planner::api::{NodePhase, PlanPhase, SeiNode, SeiNodeStatus, TaskPlan, TaskStatus, Time};
use sei_planner::inspect::TlsVerdict;
use sei_planner::node::{
    Decision, NodePlan, Observed, PlanOutcome, PodFacts, Presence, Ran, SidecarHealth, Stamp, TaskProbe, adopt, decide,
    draft, plan_node, project_status, validate,
};
use sei_planner::platform::Platform;
use sei_planner::step::{Failure, Outcome, Step, Waiting, settle, step};
use sei_planner::task::{codec, task_id};
use serde_json::{Value, json};

const FRESH: &str = "00000000-0000-4000-8000-000000000000";
const TASKS: [&str; 37] = [
    "ensure-data-pvc",
    "validate-signing-key",
    "validate-node-key",
    "validate-operator-keyring",
    "claim-signing-key",
    "apply-sidecar-cert",
    "wait-for-sidecar-tls-secret",
    "apply-rbac-proxy-config",
    "observe-sidecar-tls",
    "deploy-bootstrap-service",
    "deploy-bootstrap-job",
    "await-bootstrap-complete",
    "teardown-bootstrap",
    "generate-identity",
    "generate-gentx",
    "upload-genesis-artifacts",
    "set-genesis-peers",
    "apply-statefulset",
    "apply-service",
    "replace-pod",
    "observe-image",
    "snapshot-restore",
    "configure-genesis",
    "config-apply",
    "discover-peers",
    "configure-state-sync",
    "config-validate",
    "snapshot-upload",
    "mark-ready",
    "await-caught-up",
    "observe-overrides",
    "observe-signing-key",
    "delete-rbac-proxy-config",
    "delete-sidecar-cert",
    "await-nodes-running",
    "Mark-Ready",
    "",
];

/// One of these JSON values.
fn one_of<const N: usize>(values: [Value; N]) -> impl Strategy<Value = Value> {
    select(values.to_vec())
}

fn time() -> impl Strategy<Value = Value> {
    one_of([
        json!(null),
        json!("2025-12-31T23:00:00Z"),
        json!("2026-01-01T00:00:00Z"),
        json!("2026-01-01T00:05:00Z"),
        json!("9999-12-30T22:00:00Z"),
        json!("0000-01-01T00:00:00Z"),
    ])
}

fn number() -> impl Strategy<Value = Value> {
    one_of([json!(null), json!(0), json!(1), json!(3), json!(-1), json!(i32::MAX), json!(i32::MIN)])
}

fn params() -> impl Strategy<Value = Value> {
    one_of([
        json!(null),
        json!({}),
        json!([]),
        json!("text"),
        json!(5),
        json!({"nodeName": "rpc-0", "namespace": "sei", "podUID": "pod-1", "image": "seid:v1"}),
        json!({"nodeName": 1}),
        json!({"NODENAME": "a", "nodename": "b"}),
        json!({"TargetHeight": -1}),
        json!({"Sources": [{"type": "static", "addresses": []}, {"type": "odd"}]}),
        json!({"Sources": [{"type": "ec2Tags", "region": "x", "tags": {"a": "b"}}]}),
        json!({"mode": "full", "overrides": {"a": "b"}, "incremental": true}),
        json!({"secretName": "keys", "namespace": "sei", "keyName": "k", "passphraseSecretName": "p"}),
        json!({"nodeName": "rpc-0", "issuerName": "ca", "issuerKind": "Nobody"}),
        json!({"jobName": "rpc-0-bootstrap", "serviceName": "rpc-0", "namespace": "sei"}),
        json!({"ChainID": "c", "STAKINGAMOUNT": "1usei", "accountBalance": "1usei", "NodeName": "rpc-0"}),
    ])
}

/// Members of `spec` that choose a mode.
fn modes() -> impl Strategy<Value = Value> {
    let bootstrap = json!({"s3": {"targetHeight": 5}, "bootstrapImage": "seid:boot"});
    let key = |name: &str| json!({"secret": {"secretName": name}});
    let keyring = |name: &str| json!({"secret": {"secretName": name, "passphraseSecretRef": {"secretName": "pass", "key": "phrase"}}});
    let ceremony = json!({"chainId": "c", "stakingAmount": "1usei", "accountBalance": "2usei", "index": 0});
    prop_oneof![
        3 => full_node(),
        2 => one_of([
            json!({}),
            json!({"archive": {}}),
            json!({"archive": {"snapshotGeneration": {"tendermint": {"keepRecent": 2, "publish": {}}}}}),
            json!({"archive": {}, "fullNode": {}}),
            json!({"replayer": {"snapshot": bootstrap}}),
            json!({"replayer": {"snapshot": {"stateSync": {}}, "resultExport": {}}}),
            json!({"fullNode": {"snapshot": bootstrap}}),
            json!({"fullNode": {"snapshot": {"stateSync": {}, "bootstrapImage": "seid:boot"}}}),
        ]),
        3 => one_of([
            json!({"validator": {}}),
            json!({"validator": {"snapshot": bootstrap, "signingKey": key("s"), "nodeKey": key("n")}}),
            json!({"validator": {"signingKey": key("s"), "nodeKey": key("s")}}),
            json!({"validator": {"signingKey": key("s"), "nodeKey": key("n"), "operatorKeyring": keyring("k")}}),
            json!({"validator": {"operatorKeyring": keyring("pass")}}),
            json!({"validator": {"operatorKeyring": {}, "nodeKey": {}}}),
            json!({"validator": {"genesisCeremony": ceremony}}),
            json!({"validator": {"genesisCeremony": ceremony, "signingKey": key("s"), "snapshot": bootstrap}}),
        ]),
    ]
}

fn full_node() -> impl Strategy<Value = Value> {
    one_of([
        json!({}),
        json!({"snapshot": {"stateSync": {}}}),
        json!({"snapshot": {"s3": {"targetHeight": 5}, "trustPeriod": "1h"}}),
        json!({"snapshot": {"s3": {"targetHeight": -5}}}),
        json!({"snapshot": {}}),
        json!({"snapshot": {"stateSync": {}}, "snapshotGeneration": {"tendermint": {"keepRecent": 5, "publish": {}}}}),
        json!({"snapshotGeneration": {"tendermint": {"keepRecent": 0}}}),
    ])
    .prop_map(|full_node| json!({"fullNode": full_node}))
}

fn spec() -> impl Strategy<Value = Value> {
    let peer = one_of([
        json!({"static": {"addresses": ["a@b:1"]}}),
        json!({"ec2Tags": {"region": "eu", "tags": {}}}),
        json!({"label": {"selector": {"a": "b"}}}),
        json!({}),
    ]);
    let rest = one_of([
        json!({}),
        json!({"overrides": {"evm.http_port": "1"}}),
        json!({"overrides": {"unknown": ""}}),
        json!({"sidecar": {"port": 70000}}),
        json!({"sidecar": {"image": "", "port": 1}}),
        json!({"dataVolume": {"import": {"pvcName": "mine"}}}),
        json!({"sidecar": {"tls": {"secretName": "tls"}}}),
        json!({"sidecar": {"tls": {"issuerName": "ca"}}}),
        json!({"sidecar": {"tls": {"issuerName": "ca", "issuerKind": "Issuer", "secretName": "tls"}}}),
        json!({"podLabels": {"sei.io/node": "other"}}),
        json!({"podLabels": {"no label": "no value"}}),
    ]);
    let image = one_of([json!("seid:v1"), json!("seid:v2"), json!("")]);
    (modes(), prop::collection::vec(peer, 0..3), rest, image).prop_map(|(mode, peers, rest, image)| {
        let mut spec = json!({"chainId": "pacific-1", "image": image, "peers": peers});
        for (key, value) in mode.as_object().unwrap().iter().chain(rest.as_object().unwrap()) {
            spec[key] = value.clone();
        }
        spec
    })
}

fn task() -> impl Strategy<Value = Value> {
    let status = one_of([json!("Pending"), json!("Running"), json!("Complete"), json!("Failed")]);
    (select(&TASKS[..]), 0..6_u8, status, params(), number(), number(), time(), time()).prop_map(
        |(kind, id, status, params, max, count, not_before, submitted)| {
            without_nulls(json!({
                "type": kind, "id": format!("t{id}"), "status": status, "params": params, "maxRetries": max,
                "retryCount": count, "notBefore": not_before, "submittedAt": submitted,
            }))
        },
    )
}

fn plan() -> impl Strategy<Value = Value> {
    let phase = one_of([json!("Active"), json!("Complete"), json!("Failed")]);
    let kind = one_of([
        json!(null),
        json!("Init"),
        json!("Update"),
        json!("MarkReady"),
        json!("Repair"),
        json!("Genesis"),
        json!("Bootstrap"),
    ]);
    let node_phase = one_of([json!(null), json!("Running"), json!("Failed")]);
    let tasks = prop::collection::vec(task(), 0..8);
    let drift = one_of([
        json!([]),
        json!(["Image"]),
        json!(["SidecarTls", "Overrides", "Mode"]),
        json!(["SidecarIssuer", "Peers", "Refresh", "Service"]),
    ]);
    let kind = (kind, drift);
    (phase, kind, tasks, node_phase, number(), number(), time()).prop_map(
        |(phase, (kind, drift), tasks, ends, failures, generation, retry_at)| {
            without_nulls(json!({
                "id": "stored", "phase": phase, "kind": kind, "drift": drift, "tasks": tasks, "targetPhase": ends,
                "failedPhase": ends, "failures": failures, "targetGeneration": generation, "retryAt": retry_at,
            }))
        },
    )
}

fn status() -> impl Strategy<Value = Value> {
    let phase = one_of([json!(null), json!("Pending"), json!("Initializing"), json!("Running"), json!("Failed")]);
    let image = one_of([json!(null), json!("seid:v1")]);
    let synced = one_of([json!(null), json!(true), json!(false)]);
    let booted = one_of([json!(null), json!(5)]);
    let volume = (synced, booted);
    (phase, image, volume, records(), prop::option::weighted(0.9, plan())).prop_map(
        |(phase, image, (synced, booted), records, plan)| {
            let mut status = json!({
                "phase": phase, "currentImage": image, "stateSyncConfigured": synced, "bootstrappedHeight": booted,
                "plan": plan,
            });
            for (key, value) in records.as_object().unwrap() {
                status[key] = value.clone();
            }
            without_nulls(status)
        },
    )
}

/// What was applied to a node, or what somebody wrote into its status.
fn records() -> impl Strategy<Value = Value> {
    let mode = one_of([json!(null), json!("fullNode"), json!("validator"), json!("archive"), json!("")]);
    let tls = one_of([json!(null), json!({"issuerName": "ca", "issuerKind": "ClusterIssuer"})]);
    let key = one_of([json!(null), json!("s"), json!("")]);
    let applied = one_of([
        json!(null),
        json!({}),
        json!({"chainId": "pacific-1", "dataClaim": "data-rpc-0", "source": "genesis", "sidecarPort": 7777}),
        json!({"chainId": "atlantic-2", "sidecarImage": "sidecar:v1", "sidecarPort": -1}),
        json!({"overrides": {"evm.http_port": "1", "unknown": ""}, "podLabels": {"a": "b"}, "sidecarPort": 1}),
        json!({"peers": [{"static": {"addresses": ["a@b:1"]}}], "operatorKeyringSecret": "k"}),
        json!({"snapshotGeneration": {"tendermint": {"keepRecent": 5, "publish": {}}}}),
        json!({"snapshotGeneration": {}}),
    ]);
    (mode, tls, key, applied).prop_map(|(mode, tls, key, applied)| {
        json!({
            "observedMode": mode, "currentSidecarTLS": tls, "signingKeyMountedSecret": key, "applied": applied,
            "nodeKeyMountedSecret": "n", "podTemplate": "0badf00d",
        })
    })
}

fn node() -> impl Strategy<Value = SeiNode> {
    let annotations = one_of([
        json!({}),
        json!({"sei.io/retry": "1"}),
        json!({"sei.io/acknowledge": "wrong", "sei.io/retry": ""}),
        json!({"sei.io/refresh": "x"}),
    ]);
    (spec(), prop::option::weighted(0.9, status()), number(), annotations).prop_map(
        |(spec, status, generation, annotations)| {
            let metadata = without_nulls(json!({
                "name": "rpc-0", "namespace": "sei", "uid": "7d1f", "generation": generation,
                "annotations": annotations,
            }));
            let node = without_nulls(json!({
                "apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "metadata": metadata, "spec": spec,
                "status": status,
            }));
            serde_json::from_value(node).unwrap()
        },
    )
}

fn without_nulls(mut object: Value) -> Value {
    object.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    object
}

fn seen() -> impl Strategy<Value = Observed> {
    let presence = || select(vec![Presence::Unknown, Presence::Present, Presence::Altered, Presence::Missing]);
    let sidecar = select(vec![
        SidecarHealth::NotAsked,
        SidecarHealth::Ready,
        SidecarHealth::NotReady,
        SidecarHealth::Unreachable("refused".to_owned()),
    ]);
    let probe = select(vec![TaskProbe::NotAsked, TaskProbe::Idle, TaskProbe::Running, TaskProbe::Unreachable]);
    let pod = one_of([
        json!(null),
        json!({}),
        json!([]),
        json!({"metadata": {"uid": "pod-1"}, "status": {"initContainerStatuses": [
            {"name": "sei-sidecar", "restartCount": -1, "state": {"running": {}}},
        ]}}),
        json!({"metadata": {"uid": 7}, "spec": {"initContainers": [
            {"name": "sei-sidecar", "ports": [{"containerPort": 99_999_999_999_i64}]},
        ]}, "status": {"containerStatuses": {}}}),
    ]);
    let finished = prop::collection::vec((0..6_u8).prop_map(|id| format!("t{id}")), 0..3);
    let peers = select(vec![Vec::new(), vec!["b".to_owned(), "a".to_owned()]]);
    let tls_secret = select(vec![None, Some(true), Some(false)]).prop_map(|ready| {
        ready.map(|ready| TlsVerdict { ready, reason: "Why", message: "because".to_owned(), expires: None })
    });
    let children = (presence(), presence(), presence(), presence(), presence(), tls_secret);
    (children, pod, peers, sidecar, probe, finished).prop_map(|(children, pod, peers, sidecar, in_flight, finished)| {
        let (statefulset, service, data_volume, proxy_config, certificate, tls_secret) = children;
        Observed {
            statefulset,
            service,
            data_volume,
            proxy_config,
            certificate,
            tls_secret,
            pod: (!pod.is_null()).then(|| PodFacts::of(&pod)),
            peers,
            sidecar,
            finished,
            in_flight,
            pod_template: Some("0badcafe".to_owned()),
        }
    })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let why = "it is so".to_owned();
    let waiting = |submitted| {
        let waiting = Waiting { on: "better days".to_owned(), look_again_seconds: 5, submitted, learned: Vec::new() };
        Outcome::Waiting(waiting)
    };
    let retry = Failure::Retry { after_seconds: 5, on: "an answer".to_owned(), why: why.clone() };
    prop_oneof![
        6 => Just(Outcome::Done(vec![Stamp::SidecarReady])),
        2 => Just(waiting(true)),
        1 => Just(waiting(false)),
        1 => Just(Outcome::Failed(retry)),
        3 => Just(Outcome::Failed(Failure::Run { why: why.clone() })),
        1 => Just(Outcome::Failed(Failure::Terminal { why: why.clone() })),
        1 => Just(Outcome::Failed(Failure::LostGround { why, learned: Vec::new() })),
    ]
}

fn platform() -> &'static Platform {
    static DEMO: LazyLock<Platform> = LazyLock::new(Platform::demo);
    &DEMO
}

fn now() -> Time {
    serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap()
}

fn answer(node: &SeiNode, seen: &Observed) -> NodePlan {
    plan_node(node, platform(), seen, now(), FRESH)
}

/// A plan that was just built.
fn is_sound(plan: &TaskPlan) {
    assert_eq!((plan.id.as_str(), plan.phase), (FRESH, PlanPhase::Active));
    assert!(!plan.tasks.is_empty());
    for (index, task) in plan.tasks.iter().enumerate() {
        assert_eq!(task.id, task_id(FRESH, &task.kind, index));
        assert_eq!((task.status, task.retry_count), (TaskStatus::Pending, 0));
        assert!(plan.tasks.iter().skip(index + 1).all(|other| other.id != task.id));
        let decoded = codec::decode(&task.kind, &task.params).expect("a task that was just built is read back");
        assert_eq!((decoded.kind(), decoded.max_retries()), (task.kind.as_str(), task.max_retries));
    }
    let back: TaskPlan = serde_json::from_str(&serde_json::to_string(plan).unwrap()).unwrap();
    assert_eq!(back, *plan);
}

/// Whether a valid node needs a new plan, told in other words than `decide` tells it: by what is not as it should be.
fn something_to_do(node: &SeiNode, seen: &Observed) -> bool {
    let status = node.status.clone().unwrap_or_default();
    let running = status.phase() == NodePhase::Running;
    let of_pod = seen.pod.as_ref().map(|pod| &pod.seid_image).filter(|image| !image.is_empty());
    let image = status.current_image.as_ref().or(of_pod).is_some_and(|runs| *runs != node.spec.image);
    let tls = node.spec.sidecar.as_ref().is_some_and(|sidecar| sidecar.tls.is_some());
    let gone = [seen.statefulset, seen.service].into_iter().any(Presence::is_lost)
        || (tls && seen.proxy_config.is_lost())
        || (asks_an_issuer(node) && seen.certificate.is_lost());
    let keyed = node.spec.validator.as_ref().is_some_and(|validator| validator.signing_key.is_some());
    let key =
        |node: &SeiNode| Some(node.spec.validator.as_ref()?.signing_key.as_ref()?.secret.as_ref()?.secret_name.clone());
    let mounted = status.observed_mode.is_none() || key(node) == status.signing_key_mounted_secret;
    let unclaimed = keyed && mounted && status.signing_key_leases.is_empty();
    let differs = image || status.applied.as_ref().is_some_and(|applied| unlike_its_records(node, applied));
    let unlike = differs || status.observed_mode.as_deref().is_some_and(|mode| unlike_its_pod(node, &status, mode));
    let asked = annotation(node, "sei.io/refresh").is_some_and(|token| status.refreshed.as_deref() != Some(token));
    !running || unlike || asked || gone || unclaimed || seen.sidecar == SidecarHealth::NotReady
}

fn annotation<'a>(node: &'a SeiNode, name: &str) -> Option<&'a str> {
    node.metadata.annotations.as_ref()?.get(name).map(String::as_str)
}

fn asks_an_issuer(node: &SeiNode) -> bool {
    let tls = node.spec.sidecar.as_ref().and_then(|sidecar| sidecar.tls.as_ref());
    tls.is_some_and(|tls| tls.issuer_name.is_some())
}

/// The node once its records are seeded, if it comes from the controller before us.
fn taken_over(node: &SeiNode, seen: &Observed) -> SeiNode {
    let status = node.status.clone().unwrap_or_default();
    let adopted = validate(node, platform()).ok().and_then(|valid| adopt(&valid, &status, seen.pod.as_ref(), now()));
    SeiNode { status: adopted.or(node.status.clone()), ..node.clone() }
}

/// Without a plan under way, a plan is made exactly when something is to be done (and nothing stands in its way).
fn plans_iff_there_is_something_to_do(node: &SeiNode, seen: &Observed, told: &NodePlan) {
    let node = &taken_over(node, seen);
    let free = node
        .status
        .as_ref()
        .and_then(|status| status.plan.as_ref())
        .is_none_or(|plan| plan.phase == PlanPhase::Complete);
    let lost = seen.data_volume == Presence::Missing;
    if !free || lost || told.outcome == PlanOutcome::Refused {
        return;
    }
    let blocked = !asks_an_issuer(node) && seen.tls_secret.as_ref().is_some_and(|secret| !secret.ready);
    match told.outcome {
        PlanOutcome::Plan => assert!(something_to_do(node, seen)),
        PlanOutcome::None => assert!(!something_to_do(node, seen)),
        PlanOutcome::Waiting => assert!(blocked && something_to_do(node, seen)),
        PlanOutcome::Refused => {}
    }
}

/// Supersession: what was planned for one generation of the spec does not go on under the next.
fn follows_the_edit(node: &SeiNode, seen: &Observed, told: &NodePlan) {
    let node = &taken_over(node, seen);
    let Ok(valid) = validate(node, platform()) else { return };
    let status = node.status.clone().unwrap_or_default();
    let Some(plan) = status.plan.as_ref().filter(|plan| plan.phase == PlanPhase::Active) else { return };
    if plan.target_generation.is_none_or(|target| target == valid.generation) || told.outcome == PlanOutcome::Refused {
        return;
    }
    match decide(&valid, &status, seen, now()) {
        Decision::Supersede(..) => {
            let next = told.plan.as_ref().expect("what supersedes");
            assert_eq!(next.target_generation, (valid.generation > 0).then_some(valid.generation));
        }
        Decision::Start(..) => assert_eq!(seen.data_volume, Presence::Missing),
        Decision::RestoreService | Decision::Wait(_) => {}
        Decision::Continue | Decision::Idle => panic!("the plan survives: {plan:?}"),
    }
}

/// Lets a plan run on these outcomes; `check` sees it before and after each of them.
fn run(plan: &mut TaskPlan, outcomes: &[Outcome], check: impl Fn(&TaskPlan, &TaskPlan)) {
    let mut now = now();
    for outcome in outcomes {
        let before = plan.clone();
        let look_at = match step(plan, now) {
            Step::Finished => break,
            Step::WaitUntil(at) => Some(at),
            Step::Unreadable { index, why } => settle(plan, index, &Outcome::Failed(Failure::Terminal { why }), now),
            Step::Run { index, .. } => settle(plan, index, outcome, now),
        };
        now = look_at.map_or(now, |at| at.max(now));
        check(&before, plan);
    }
}

fn keeps_what_is_complete(before: &TaskPlan, after: &TaskPlan) {
    for (old, new) in before.tasks.iter().zip(&after.tasks) {
        assert!(old.status != TaskStatus::Complete || old == new, "{old:?} became {new:?}");
        assert_eq!((&old.id, &old.kind, &old.params), (&new.id, &new.kind, &new.params));
    }
}

fn keeps_the_books(before: &TaskPlan, after: &TaskPlan) {
    keeps_what_is_complete(before, after);
    assert!(after.tasks.iter().all(|task| (0..=task.max_retries).contains(&task.retry_count)));
    let complete = after.tasks.iter().all(|task| task.status == TaskStatus::Complete);
    let failed = after.tasks.iter().find(|task| task.status == TaskStatus::Failed);
    let phase = match (complete, failed) {
        (true, _) => PlanPhase::Complete,
        (false, Some(_)) => PlanPhase::Failed,
        (false, None) => PlanPhase::Active,
    };
    assert_eq!(after.phase, phase);
    let detail = after.failed_task_detail.as_ref().map(|detail| detail.id.as_str());
    assert_eq!(detail, failed.map(|task| task.id.as_str()));
    assert_eq!(after.retry_at.is_some(), failed.is_some());
}

/// The status that follows, as a reconcile would store it.
fn next_status(node: &SeiNode, seen: &Observed) -> SeiNodeStatus {
    let old = node.status.clone().unwrap_or_default();
    let generation = node.metadata.generation.unwrap_or_default();
    match validate(node, platform()) {
        Err(refusal) => project_status(&old, &Ran::Refused(&refusal), seen, generation, now()),
        Ok(valid) => {
            let decision = decide(&valid, &old, seen, now());
            let plan = draft(&valid, &old, seen, &decision, FRESH);
            let ran = Ran::Decided { node: &valid, decision: &decision, plan: plan.as_ref(), stamps: &[] };
            project_status(&old, &ran, seen, generation, now())
        }
    }
}

/// Asks the planner, and lets what it answers and what was stored run on these outcomes.
fn ask(node: &SeiNode, seen: &Observed, outcomes: &[Outcome], deleted: Index) {
    let told = answer(node, seen);
    assert_eq!(told, answer(node, seen), "the same question, another answer");
    assert_eq!(told.outcome == PlanOutcome::Refused, !told.problems.is_empty());
    assert_eq!(next_status(node, seen), next_status(node, seen));
    plans_iff_there_is_something_to_do(node, seen, &told);
    follows_the_edit(node, seen, &told);

    let stored = node.status.as_ref().and_then(|status| status.plan.clone());
    let built = told.plan.filter(|plan| plan.id == FRESH);
    if let (Some(_), Some(stored)) = (&built, &stored) {
        let same = stored.target_generation.is_none_or(|target| Some(target) == node.metadata.generation);
        let children = [seen.statefulset, seen.service, seen.proxy_config];
        let lost = children.into_iter().any(Presence::is_lost) || seen.data_volume == Presence::Missing;
        let may_go = stored.phase != PlanPhase::Active || !same || lost;
        assert!(may_go, "an active plan of this very spec was replaced");
    }
    if let Some(mut plan) = built {
        is_sound(&plan);
        run(&mut plan, outcomes, keeps_the_books);
    }
    if let Some(mut plan) = stored {
        run(&mut plan, outcomes, keeps_what_is_complete);
        // A child that goes at any moment confuses nobody.
        if !plan.tasks.is_empty() {
            let index = deleted.index(plan.tasks.len());
            plan.tasks.remove(index);
            run(&mut plan, outcomes, keeps_what_is_complete);
        }
    }
}

/// How many cases there are: `CAMPAIGN=change` is what a change must pass, `nightly` ten times as much.
fn cases() -> u32 {
    match std::env::var("CAMPAIGN").as_deref() {
        Err(_) | Ok("smoke") => 20_000,
        Ok("change") => 100_000,
        Ok("nightly") => 1_000_000,
        Ok(other) => panic!("CAMPAIGN is {other:?}; write smoke, change or nightly"),
    }
}

/// The share of one processor; how long its slowest case took.
fn share(cases: u32) -> Duration {
    let questions = (node(), seen(), prop::collection::vec(outcome(), 0..30), any::<Index>());
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let slowest = Cell::new(Duration::ZERO);
    let answered = TestRunner::new(config).run(&questions, |(node, seen, outcomes, deleted)| {
        let began = Instant::now();
        ask(&node, &seen, &outcomes, deleted);
        slowest.set(slowest.get().max(began.elapsed()));
        Ok(())
    });
    answered.unwrap_or_else(|failure| panic!("{failure}"));
    slowest.get()
}

#[test]
fn c5_every_node_gets_an_answer() {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let (began, share_of_each) = (Instant::now(), cases().div_ceil(u32::try_from(processors).unwrap()));
    let slowest = thread::scope(|scope| {
        let shares: Vec<_> = (0..processors).map(|_| scope.spawn(move || share(share_of_each))).collect();
        shares.into_iter().map(|share| share.join().unwrap()).max().unwrap_or_default()
    });
    let (cases, took) = (usize::try_from(share_of_each).unwrap() * processors, began.elapsed().as_secs_f64());
    println!("C5 properties: {cases} runs, 0 failed, {took:.1} s, slowest {:.4} s", slowest.as_secs_f64());
}
