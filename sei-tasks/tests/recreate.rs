//! What cannot be edited is changed by a new node on the disk of the old one, as the runbook of `docs/sidecar-tls.md` has it:
//! with the manifests of `fixtures/runbooks/sidecar-tls/`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]

mod living;

use std::fs;

use living::secrets::{certificate_in, secrets_of};
use living::{LIMIT_SECONDS, Life, V1, with_issuers};
use sei_planner::api::{NodePhase, SeiNodeStatus};
use sei_tasks::sim::{Options, SeidStart};
use sei_tasks::world::{Kind, ObjectId};
use serde_json::{Value, json};

const CLAIM: &str = "data-rpc-0";

fn manifest(name: &str) -> Value {
    let path = format!("{}/../fixtures/runbooks/sidecar-tls/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The two manifests, of a node in another mode.
fn manifests(mode: &str, before: &Value, after: &Value) -> [Value; 2] {
    [("rpc-0", before), ("rpc-0-again", after)].map(|(name, member)| {
        let mut node = manifest(name);
        let spec = node["spec"].as_object_mut().unwrap();
        spec.remove("fullNode");
        spec.insert(mode.to_owned(), member.clone());
        node
    })
}

fn object(kind: Kind, name: &str) -> ObjectId {
    ObjectId::new(kind, "nodes", name)
}

/// Comes up, and says what a watcher sees then.
fn runs(life: &mut Life) -> (SeiNodeStatus, SeidStart) {
    life.wait_for("it runs", |status| status.phase() == NodePhase::Running);
    life.rest();
    (life.status(), life.sim().seid_starts(&life.key).pop().unwrap())
}

/// Follows the runbook from one manifest to the other.
fn follow_the_runbook(before: &Value, after: &Value) -> (Life, SeidStart, SeidStart) {
    let mut life = Life::applied(with_issuers(), [before.clone()], Options::default().realistic());
    for secret in secrets_of(&life.key, &before["spec"]) {
        life.sim().user_apply(secret).unwrap();
    }
    let (_, first) = runs(&mut life);
    let sim = life.sim();
    let names = life.status().sidecar_tls;
    assert_eq!(names, None, "an issuer's Secret is no contract");
    sim.user_edit(&life.key, |spec| spec["dataVolume"] = json!({"retainOnDelete": true}));
    sim.user_delete(&object(Kind::SeiNode, "rpc-0"));
    let gone = object(Kind::SeiNode, "rpc-0");
    life.driver.run_until(|sim| sim.object(&gone).is_none(), LIMIT_SECONDS).unwrap();
    let claim = sim.object(&object(Kind::PersistentVolumeClaim, CLAIM)).expect("the claim is kept");
    assert_eq!(claim["metadata"]["ownerReferences"].as_array().map_or(0, Vec::len), 0, "{claim}");

    let (service, pod) = (life.key.service_host(), life.key.pod_host());
    sim.user_apply(certificate_in("nodes", "rpc-0-tls", &[&service, &pod])).unwrap();
    sim.user_apply(after.clone()).unwrap();
    let (status, second) = runs(&mut life);
    let names = status.sidecar_tls.unwrap();
    assert_eq!((names.secret_name.as_str(), names.required_dns_names), ("rpc-0-tls", vec![service, pod]));
    assert_eq!(second.volume, claim["metadata"]["uid"].as_str().unwrap());
    (life, first, second)
}

/// The same volume, with all there was on it; nothing is restored or bootstrapped again.
#[test]
fn tls_is_changed_by_a_new_node_on_the_old_disk() {
    let (life, first, second) = follow_the_runbook(&manifest("rpc-0"), &manifest("rpc-0-again"));
    assert_eq!((first.volume, first.image.as_str()), (second.volume, V1));
    assert_eq!((second.image.as_str(), second.snapshot, second.genesis, second.bootstrap), (V1, true, true, false));
    let bootstraps = life.sim().seid_starts(&life.key).iter().filter(|start| start.bootstrap).count();
    assert_eq!(bootstraps, 1, "of the first node");
    let plan = life.status().plan.unwrap();
    let restored = plan.tasks.iter().any(|task| task.kind == "snapshot-restore");
    assert!(!restored, "{plan:?}");
}

/// The key stays on its disk: nobody is asked, and it signs again.
#[test]
fn a_validator_keeps_its_key_on_its_disk() {
    let keys = json!({
        "signingKey": {"secret": {"secretName": "signing"}}, "nodeKey": {"secret": {"secretName": "identity"}},
    });
    let [before, after] = manifests("validator", &keys, &keys);
    let (life, first, second) = follow_the_runbook(&before, &after);
    assert_eq!(first.volume, second.volume);
    let status = life.status();
    assert_eq!(status.condition("AwaitingAcknowledgement"), None);
    assert_eq!(status.signing_key_mounted_secret.as_deref(), Some("signing"));
}

/// Its snapshot stands in the spec because it must; the disk remembers that it was restored.
#[test]
fn a_replayer_is_not_restored_twice() {
    let snapshot = json!({"s3": {"targetHeight": 100}});
    let bootstrapped =
        json!({"snapshot": {"s3": {"targetHeight": 100}, "bootstrapImage": "registry.example/seid:bootstrap"}});
    let [before, after] = manifests("replayer", &bootstrapped, &json!({ "snapshot": snapshot }));
    let (life, first, second) = follow_the_runbook(&before, &after);
    assert_eq!(first.volume, second.volume);
    assert_eq!(life.sim().seid_starts(&life.key).iter().filter(|start| start.bootstrap).count(), 1);
}

/// The claim was imported: from now on no deletion takes it away.
#[test]
fn the_disk_outlives_the_new_node_too() {
    let (mut life, ..) = follow_the_runbook(&manifest("rpc-0"), &manifest("rpc-0-again"));
    life.sim().user_delete(&object(Kind::SeiNode, "rpc-0"));
    let gone = object(Kind::SeiNode, "rpc-0");
    life.driver.run_until(|sim| sim.object(&gone).is_none(), LIMIT_SECONDS).unwrap();
    assert!(life.sim().object(&object(Kind::PersistentVolumeClaim, CLAIM)).is_some());
}
