//! Which tasks a plan has, in which order, with which params: the catalogue of plans-and-tasks §2, and our differences.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]

mod common;

use common::{node, platform};
use sei_planner::api::{PlanKindName, TaskPlan, Time};
use sei_planner::node::{Observed, Presence, plan_node, settled_status, validate};
use sei_planner::platform::Platform;
use sei_planner::task::{Task, codec, task_id};
use serde_json::{Value, json};

const PLAN_ID: &str = "00000000-0000-4000-8000-000000000000";

fn plan(spec: &Value, status: Option<&Value>) -> TaskPlan {
    let mut node = node(spec);
    node.status = status.map(|status| serde_json::from_value(status.clone()).unwrap());
    let trusting = Platform { tls_allowed_issuers: Platform::demo().tls_allowed_issuers, ..platform() };
    let now = Time::at(jiff::Timestamp::UNIX_EPOCH);
    plan_node(&node, &trusting, &Observed::default(), now, PLAN_ID).plan.expect("a plan")
}

fn kinds(plan: &TaskPlan) -> Vec<&str> {
    plan.tasks.iter().map(|task| task.kind.as_str()).collect()
}

/// A spec with chain and image left out; in lines: the tasks.
struct Case {
    name: &'static str,
    kind: PlanKindName,
    spec: Value,
    tasks: &'static str,
}

fn keys() -> Value {
    json!({
        "signingKey": {"secret": {"secretName": "s"}}, "nodeKey": {"secret": {"secretName": "n"}},
        "operatorKeyring": {"secret": {"secretName": "k", "passphraseSecretRef": {"secretName": "p", "key": "phrase"}}},
    })
}

fn with(mut base: Value, more: &Value) -> Value {
    for (key, value) in more.as_object().unwrap() {
        base[key] = value.clone();
    }
    base
}

fn cases() -> Vec<Case> {
    let peers = json!({"peers": [{"static": {"addresses": ["a@b:1"]}}]});
    let s3 = json!({"s3": {"targetHeight": 5}});
    let boot = json!({"s3": {"targetHeight": 5}, "bootstrapImage": "seid:boot"});
    let publish = json!({"tendermint": {"keepRecent": 2, "publish": {}}});
    let tls = json!({"sidecar": {"tls": {"secretName": "tls"}}});
    let ceremony = json!({"chainId": "c", "stakingAmount": "1usei", "accountBalance": "2usei", "index": 0});
    let case = |name, kind, spec: Value, tasks| Case { name, kind, spec, tasks };
    use PlanKindName::{Bootstrap, Genesis, Init};
    vec![
        case(
            "block sync",
            Init,
            json!({"archive": {}}),
            "ensure-data-pvc apply-statefulset apply-service configure-genesis config-apply config-validate mark-ready",
        ),
        case(
            "block sync with peers, publishing",
            Init,
            with(json!({"archive": {"snapshotGeneration": publish}}), &peers),
            "ensure-data-pvc apply-statefulset apply-service configure-genesis config-apply discover-peers config-validate \
             snapshot-upload mark-ready",
        ),
        case(
            "state sync",
            Init,
            json!({"fullNode": {"snapshot": {"stateSync": {}}}}),
            "ensure-data-pvc apply-statefulset apply-service configure-genesis config-apply configure-state-sync \
             config-validate mark-ready",
        ),
        case(
            "S3 with keys",
            Init,
            with(json!({"validator": with(json!({"snapshot": s3}), &keys())}), &peers),
            "ensure-data-pvc validate-signing-key validate-node-key validate-operator-keyring claim-signing-key \
             apply-statefulset apply-service snapshot-restore configure-genesis config-apply discover-peers configure-state-sync \
             config-validate mark-ready",
        ),
        case(
            "TLS by Secret",
            Init,
            with(json!({"fullNode": {}}), &tls),
            "ensure-data-pvc apply-rbac-proxy-config apply-statefulset apply-service configure-genesis config-apply \
             config-validate mark-ready",
        ),
        case(
            "bootstrap",
            Bootstrap,
            with(json!({"replayer": {"snapshot": boot}}), &peers),
            "ensure-data-pvc deploy-bootstrap-service deploy-bootstrap-job snapshot-restore configure-genesis config-apply \
             discover-peers configure-state-sync config-validate mark-ready await-bootstrap-complete teardown-bootstrap \
             apply-statefulset apply-service configure-genesis config-apply discover-peers config-validate mark-ready",
        ),
        case(
            "bootstrap with keys, publishing",
            Bootstrap,
            json!({"fullNode": {"snapshot": boot, "snapshotGeneration": publish}}),
            "ensure-data-pvc deploy-bootstrap-service deploy-bootstrap-job snapshot-restore configure-genesis config-apply \
             configure-state-sync config-validate mark-ready await-bootstrap-complete teardown-bootstrap \
             apply-statefulset apply-service configure-genesis config-apply config-validate snapshot-upload mark-ready",
        ),
        // The bootstrap pod is served as the production pod is: the proxy's configuration comes before it, not after.
        case(
            "bootstrap with keys and TLS",
            Bootstrap,
            with(json!({"validator": with(json!({"snapshot": boot}), &keys())}), &tls),
            "ensure-data-pvc validate-signing-key validate-node-key validate-operator-keyring claim-signing-key \
             apply-rbac-proxy-config deploy-bootstrap-service deploy-bootstrap-job snapshot-restore configure-genesis config-apply \
             configure-state-sync config-validate mark-ready await-bootstrap-complete teardown-bootstrap \
             apply-statefulset apply-service configure-genesis config-apply config-validate mark-ready",
        ),
        // Neither the snapshot nor the peers of the spec count, and the keys are made on the spot.
        case(
            "genesis ceremony",
            Genesis,
            with(with(json!({"validator": {"genesisCeremony": ceremony, "snapshot": boot}}), &peers), &tls),
            "ensure-data-pvc apply-rbac-proxy-config apply-statefulset apply-service generate-identity generate-gentx \
             upload-genesis-artifacts configure-genesis config-apply set-genesis-peers config-validate mark-ready",
        ),
    ]
}

#[test]
fn tasks_of_every_way_up() {
    for case in cases() {
        let plan = plan(&case.spec, None);
        assert_eq!(kinds(&plan).join(" "), case.tasks, "{}", case.name);
        assert_eq!(plan.kind, Some(case.kind), "{}", case.name);
        let phases = plan.target_phase.zip(plan.failed_phase).map(|(end, failed)| (end.as_str(), failed.as_str()));
        assert_eq!(phases, Some(("Running", "Failed")), "{}", case.name);
    }
}

/// One progression (B3): a full configuration comes before everything that lays its own settings over it (B1), a snapshot
/// still needs state sync (B2), an archive never does (B7), and the last word is the gate's.
#[test]
fn order_holds_in_every_plan() {
    for case in cases() {
        let plan = plan(&case.spec, None);
        let kinds = kinds(&plan);
        let at = |kind: &str| kinds.iter().position(|task| *task == kind);
        for later in ["discover-peers", "configure-state-sync", "set-genesis-peers", "config-validate"] {
            assert!(at(later).is_none_or(|later| at("config-apply").unwrap() < later), "{}: {later}", case.name);
        }
        assert_eq!(at("snapshot-restore").is_some(), at("snapshot-restore").and(at("configure-state-sync")).is_some());
        assert_eq!(kinds.last(), Some(&"mark-ready"), "{}", case.name);
        if let (Some(teardown), Some(production)) = (at("teardown-bootstrap"), at("apply-statefulset")) {
            assert!(teardown < production, "{}: two pods on one disk", case.name);
        }
    }
}

#[test]
fn an_image_update() {
    let running = json!({"phase": "Running", "currentImage": "registry.example/seid:v0"});
    let plain = plan(&json!({"fullNode": {}}), Some(&running));
    assert_eq!(kinds(&plain).join(" "), "apply-statefulset apply-service replace-pod observe-image mark-ready");
    assert_eq!((plain.kind, plain.failed_phase), (Some(PlanKindName::Update), None));
    // What the new pod will read is looked at before the old one goes (B16: the same guards everywhere).
    let spec = with(json!({"validator": keys()}), &json!({"sidecar": {"tls": {"secretName": "tls"}}}));
    assert_eq!(
        kinds(&plan(&spec, Some(&running))).join(" "),
        "validate-signing-key validate-node-key validate-operator-keyring claim-signing-key apply-rbac-proxy-config \
         apply-statefulset apply-service replace-pod observe-image mark-ready"
    );
}

#[test]
fn an_issuers_certificate_is_waited_for_and_seen() {
    let spec = json!({"fullNode": {}, "sidecar": {"tls": {"issuerName": "demo-ca"}}});
    let mut node = node(&spec);
    node.metadata.generation = Some(1);
    let allowed = sei_planner::platform::AllowedIssuer {
        kind: sei_planner::api::IssuerKind::ClusterIssuer,
        name: "demo-ca".to_owned(),
    };
    let platform = Platform { tls_allowed_issuers: [allowed].into(), ..platform() };
    let now = Time::at(jiff::Timestamp::UNIX_EPOCH);
    let plan = plan_node(&node, &platform, &Observed::default(), now, PLAN_ID).plan.unwrap();
    assert_eq!(
        kinds(&plan).join(" "),
        "ensure-data-pvc apply-sidecar-cert wait-for-sidecar-tls-secret apply-rbac-proxy-config apply-statefulset \
         apply-service configure-genesis config-apply config-validate observe-sidecar-tls mark-ready"
    );
    let issuer =
        json!({"nodeName": "rpc-0", "namespace": "sei", "issuerName": "demo-ca", "issuerKind": "ClusterIssuer"});
    assert_eq!(plan.tasks[1].params, issuer);

    let valid = validate(&node, &platform).unwrap();
    node.status = Some(settled_status(&valid, now));
    let gone = Observed { certificate: Presence::Missing, ..Observed::default() };
    let repair = plan_node(&node, &platform, &gone, now, PLAN_ID).plan.unwrap();
    assert_eq!(kinds(&repair), ["apply-sidecar-cert"]);
    node.spec.image = "seid:next".to_owned();
    let update = plan_node(&node, &platform, &Observed::default(), now, PLAN_ID).plan.unwrap();
    assert_eq!(
        kinds(&update).join(" "),
        "apply-sidecar-cert wait-for-sidecar-tls-secret apply-rbac-proxy-config apply-statefulset apply-service \
         replace-pod observe-image observe-sidecar-tls mark-ready"
    );
}

#[test]
fn params_of_the_operators_tasks() {
    let spec = with(
        json!({"validator": with(json!({"snapshot": {"s3": {"targetHeight": 5}, "bootstrapImage": "b"}}), &keys())}),
        &json!({}),
    );
    let plan = plan(&spec, None);
    let params = |kind: &str| plan.tasks.iter().find(|task| task.kind == kind).unwrap().params.clone();
    let node_ref = json!({"nodeName": "rpc-0", "namespace": "sei"});
    for (kind, expected) in [
        ("ensure-data-pvc", node_ref.clone()),
        ("apply-statefulset", node_ref.clone()),
        ("apply-service", node_ref),
        ("validate-signing-key", json!({"secretName": "s", "namespace": "sei"})),
        ("validate-node-key", json!({"secretName": "n", "namespace": "sei"})),
        ("claim-signing-key", json!({"secretName": "s", "namespace": "sei"})),
        (
            "validate-operator-keyring",
            json!({
                "secretName": "k", "keyName": "node_admin", "passphraseSecretName": "p", "passphraseSecretKey": "phrase",
                "namespace": "sei",
            }),
        ),
        ("deploy-bootstrap-service", json!({"serviceName": "rpc-0", "namespace": "sei"})),
        ("deploy-bootstrap-job", json!({"jobName": "rpc-0-bootstrap", "namespace": "sei"})),
        ("await-bootstrap-complete", json!({"jobName": "rpc-0-bootstrap", "namespace": "sei"})),
        ("teardown-bootstrap", json!({"jobName": "rpc-0-bootstrap", "serviceName": "rpc-0", "namespace": "sei"})),
    ] {
        assert_eq!(params(kind), expected, "{kind}");
    }
}

#[test]
fn params_of_a_ceremony() {
    let ceremony = json!({
        "chainId": "c", "stakingAmount": "1usei", "accountBalance": "2usei", "genesisParams": "{}", "index": 3,
    });
    let plan = plan(&json!({"validator": {"genesisCeremony": ceremony}}), None);
    let params = |kind: &str| plan.tasks.iter().find(|task| task.kind == kind).unwrap().params.clone();
    assert_eq!(params("generate-identity"), json!({"ChainID": "c", "Moniker": "rpc-0"}));
    let gentx = json!({"ChainID": "c", "StakingAmount": "1usei", "AccountBalance": "2usei", "GenesisParams": "{}"});
    assert_eq!(params("generate-gentx"), gentx);
    assert_eq!(params("upload-genesis-artifacts"), json!({"NodeName": "rpc-0"}));
    assert_eq!(params("set-genesis-peers"), json!({}));
}

/// Budgets of the reference, and ours where it has none and the task reaches over the network (E6).
#[test]
fn retry_budgets() {
    let mut found = std::collections::BTreeMap::new();
    let running = json!({"phase": "Running", "currentImage": "registry.example/seid:v0"});
    let updates = plan(&json!({"fullNode": {}}), Some(&running)).tasks;
    for task in cases().iter().flat_map(|case| plan(&case.spec, None).tasks).chain(updates) {
        found.insert(task.kind, task.max_retries);
    }
    found.retain(|_, retries| *retries != 0);
    let expected = [
        ("configure-genesis", 180),
        ("configure-state-sync", 180),
        ("discover-peers", 20),
        ("replace-pod", 3),
        ("set-genesis-peers", 180),
        ("snapshot-restore", 180),
        ("upload-genesis-artifacts", 180),
    ];
    assert_eq!(found, expected.map(|(kind, retries)| (kind.to_owned(), retries)).into());
}

/// E12, E13: every task that is ever planned is read back, in any letter case of its keys, after a journey through JSON.
#[test]
fn every_task_round_trips() {
    for case in cases() {
        let plan = plan(&case.spec, None);
        let back: TaskPlan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
        assert_eq!(back, plan, "{}", case.name);
        for (index, task) in back.tasks.iter().enumerate() {
            assert_eq!(task.id, task_id(PLAN_ID, &task.kind, index));
            let decoded: Task = codec::decode(&task.kind, &task.params).unwrap();
            assert_eq!(decoded.kind(), task.kind);
            assert_eq!(codec::stored_params(&decoded), task.params, "{}", task.kind);
            let keys = task.params.as_object().unwrap();
            let shouted = keys.iter().map(|(key, value)| (key.to_uppercase(), value.clone())).collect();
            assert_eq!(
                codec::decode(&task.kind, &Value::Object(shouted)).unwrap(),
                decoded,
                "{} in capitals",
                task.kind
            );
        }
    }
}
