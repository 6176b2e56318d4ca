//! Lives of nodes whose TLS proxy serves a certificate of an issuer: the operator asks, cert-manager writes the Secret.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod living;

use living::secrets::{NAMES, certificate, founder};
use living::{Life, V1, V2, with_issuers};
use sei_planner::api::{Condition, ConditionStatus, NodePhase, PlanPhase, conditions as c};
use sei_tasks::sim::{CertManager, Options, Verb};
use sei_tasks::world::{Kind, ObjectId};
use serde_json::{Value, json};

const CERTIFICATE: &str = "rpc-0-sidecar-tls";

fn spec(mode: &str, member: Value) -> Value {
    json!({
        mode: member,
        "peers": [{"static": {"addresses": ["aa@peer.example:26656"]}}],
        "sidecar": {"tls": {"issuerName": "ca"}},
    })
}

fn full_node() -> Value {
    spec("fullNode", json!({}))
}

fn begins(options: Options) -> Life {
    Life::on(with_issuers(), full_node(), options)
}

fn up(options: Options) -> Life {
    let mut life = begins(options);
    life.runs(V1);
    life
}

fn condition(life: &Life) -> Condition {
    life.status().condition(c::SIDECAR_TLS_SECRET_READY).expect("a condition").clone()
}

fn is_good(life: &Life) -> bool {
    condition(life).status == ConditionStatus::True
}

fn served(life: &Life) -> Option<String> {
    life.status().current_sidecar_tls.map(|tls| tls.issuer_name)
}

fn certificate_id() -> ObjectId {
    ObjectId::new(Kind::Certificate, "nodes", CERTIFICATE)
}

fn secret_bytes(life: &Life, key: &str) -> String {
    life.child(Kind::Secret, CERTIFICATE).expect("a Secret")["data"][key].as_str().unwrap().to_owned()
}

fn says(life: &Life, status: ConditionStatus, reason: &str, words: &str) {
    let condition = condition(life);
    assert_eq!((condition.status, condition.reason.as_str()), (status, reason), "{}", condition.message);
    assert!(condition.message.contains(words), "{}", condition.message);
}

#[test]
fn a_node_asks_for_its_certificate_and_serves_it() {
    let snapshot = json!({"s3": {"targetHeight": 100}, "bootstrapImage": "registry.example/seid:bootstrap"});
    let bootstrapped = spec("replayer", json!({ "snapshot": snapshot }));
    for spec in [full_node(), bootstrapped, spec("validator", founder()), spec("archive", json!({}))] {
        let mut life = Life::on(with_issuers(), spec, Options::default());
        life.runs(V1);
        assert!(is_good(&life));
        assert_eq!(served(&life).as_deref(), Some("ca"));
        let asked = life.child(Kind::Certificate, CERTIFICATE).unwrap();
        assert_eq!(asked["spec"]["dnsNames"], json!(NAMES));
        assert_eq!(asked["spec"]["issuerRef"]["kind"], "ClusterIssuer");
        assert_eq!(life.status().sidecar_tls, None, "nobody has to provision anything");
        life.set_image(V2);
        life.runs(V2);
    }
}

/// D8: looked at after 5 s at first, then ever more seldom, a minute at most; and what is waited for is told once.
#[test]
fn a_slow_cert_manager_is_waited_for() {
    let slow = Options { cert_manager: CertManager::Issues { after_seconds: 3600 }, ..Options::default() };
    let mut life = begins(slow);
    life.driver.run_for(600).unwrap();
    says(&life, ConditionStatus::False, c::TLS_SECRET_NOT_FOUND, "DoesNotExist: Issuing certificate");
    let plan = life.status().plan.unwrap();
    let blocked = plan.tasks.iter().find(|task| task.waiting_for.is_some()).expect("a task that waits");
    assert_eq!(blocked.kind, "wait-for-sidecar-tls-secret");
    assert!(blocked.waiting_for.as_ref().unwrap().contains(CERTIFICATE), "{blocked:?}");
    assert!(life.child(Kind::StatefulSet, "rpc-0").is_none(), "no pod before its certificate");
    let before = life.sim().counters();
    life.driver.run_for(1800).unwrap();
    let half_an_hour = life.sim().counters().since(&before);
    assert!(half_an_hour.of(Verb::Read) <= 2 * 31 && half_an_hour.writes() == 0, "{half_an_hour:?}");
    life.runs(V1);
}

#[test]
fn a_certificate_that_is_never_ready_says_why_and_recovers() {
    let why = "the ClusterIssuer \"ca\" is not ready".to_owned();
    let mut life = begins(Options { cert_manager: CertManager::Fails { why }, ..Options::default() });
    life.driver.run_for(4 * 3600).unwrap();
    says(&life, ConditionStatus::False, c::TLS_SECRET_NOT_FOUND, "Failed: the ClusterIssuer \"ca\" is not ready");
    assert_eq!(life.status().plan.unwrap().phase, PlanPhase::Active, "nothing failed for good");
    life.sim().set_cert_manager(CertManager::Issues { after_seconds: 5 });
    life.runs(V1);
    assert!(is_good(&life));
}

#[test]
fn a_cluster_without_cert_manager_says_so_until_it_is_installed() {
    let mut life = begins(Options { cert_manager: CertManager::Absent, ..Options::default() });
    life.driver.run_for(3600).unwrap();
    says(&life, ConditionStatus::False, c::CERT_MANAGER_MISSING, "cert-manager.io/v1): install it");
    let before = life.sim().counters();
    life.driver.run_for(3600).unwrap();
    let hour = life.sim().counters().since(&before);
    assert!(hour.of(Verb::Read) <= 61 && hour.writes() == 0, "{hour:?}");
    life.sim().set_cert_manager(CertManager::Issues { after_seconds: 5 });
    life.runs(V1);
}

/// A node that runs needs cert-manager only for renewals.
#[test]
fn cert_manager_may_go_and_the_node_stays() {
    let mut life = up(Options::default());
    life.sim().set_cert_manager(CertManager::Absent);
    life.driver.run_for(3600).unwrap();
    assert!(is_good(&life), "the Secret can be used");
    life.delete(Kind::Secret, CERTIFICATE);
    life.driver.run_for(900).unwrap();
    says(&life, ConditionStatus::False, c::CERT_MANAGER_MISSING, "install it");
    assert_eq!((life.status().phase(), life.pods_replaced()), (NodePhase::Running, 0));
    life.sim().set_cert_manager(CertManager::Issues { after_seconds: 5 });
    life.driver.run_for(900).unwrap();
    assert!(is_good(&life));
}

#[test]
fn a_deleted_secret_is_cert_managers_to_write_again() {
    let mut life = up(Options::default());
    life.delete(Kind::Secret, CERTIFICATE);
    life.driver.run_for(1200).unwrap();
    assert!(is_good(&life));
    assert_eq!(life.pods_replaced(), 0);
    life.set_image(V2);
    life.runs(V2);
}

#[test]
fn a_deleted_certificate_is_asked_for_again_within_ten_minutes() {
    let mut life = up(Options::default());
    life.delete(Kind::Certificate, CERTIFICATE);
    life.driver.run_for(900).unwrap();
    assert!(life.child(Kind::Certificate, CERTIFICATE).is_some());
    life.runs(V1);
    assert_eq!(life.sim().seid_starts(&life.key).len(), 1, "nothing restarted");
}

/// Without the Secret the pod never starts, and without the Certificate nobody writes the Secret.
#[test]
fn certificate_and_secret_deleted_under_a_plan_come_back() {
    for seconds in [0, 1, 2, 4] {
        let mut life = begins(Options::default());
        life.driver.run_until(|sim| !sim.objects(Kind::StatefulSet).is_empty(), 600).unwrap();
        life.driver.run_for(seconds).unwrap();
        life.delete(Kind::Certificate, CERTIFICATE);
        life.delete(Kind::Secret, CERTIFICATE);
        life.runs(V1);
        life.set_image(V2);
        life.wait_for_task("replace-pod");
        life.delete(Kind::Certificate, CERTIFICATE);
        life.delete(Kind::Secret, CERTIFICATE);
        life.runs(V2);
    }
}

/// For a while the Secret is ahead of what the proxy presents, also for an operator that has just started.
#[test]
fn a_renewed_certificate_locks_nobody_out() {
    let mut options = Options::default();
    options.delays.reload_seconds = 90;
    let mut life = up(options);
    for wait in [0, 45, 89, 300] {
        let old = secret_bytes(&life, "tls.crt");
        life.sim().renew_certificate(&certificate_id());
        assert_ne!(secret_bytes(&life, "tls.crt"), old);
        life.driver.run_for(wait).unwrap();
        life.driver.kill();
        life.driver.run_for(1200).unwrap();
        assert_eq!(life.status().condition(c::SIDECAR_READY).unwrap().status, ConditionStatus::True, "after {wait} s");
    }
    assert_eq!(life.pods_replaced(), 0);
    life.set_image(V2);
    life.driver.run_for(20).unwrap();
    life.sim().renew_certificate(&certificate_id());
    life.runs(V2);
}

#[test]
fn another_issuer_is_stamped_once_its_certificate_is_served() {
    let mut life = up(Options::default());
    life.sim().user_edit(&life.key, |spec| spec["sidecar"]["tls"]["issuerName"] = json!("other"));
    life.set_image(V2);
    life.runs(V2);
    assert_eq!(served(&life).as_deref(), Some("other"));
    let secret = life.child(Kind::Secret, CERTIFICATE).unwrap();
    assert_eq!(secret["metadata"]["annotations"]["cert-manager.io/issuer-name"], "other");
}

#[test]
fn a_certificate_of_somebody_else_is_left_alone() {
    let theirs = json!({
        "apiVersion": "cert-manager.io/v1", "kind": "Certificate",
        "metadata": {"namespace": "nodes", "name": CERTIFICATE},
        "spec": {"secretName": "theirs"},
    });
    let mut life = begins(Options::default());
    life.sim().user_apply(theirs).unwrap();
    life.wait_for("the plan fails", |status| status.phase() == NodePhase::Failed);
    let failed = life.status().plan.unwrap().failed_task_detail.unwrap();
    assert!(failed.error.contains("Certificate \"rpc-0-sidecar-tls\" exists and does not belong"), "{}", failed.error);
    assert_eq!(life.child(Kind::Certificate, CERTIFICATE).unwrap()["spec"]["secretName"], "theirs");
    life.delete(Kind::Certificate, CERTIFICATE);
    life.runs(V1);
}

/// A Secret of that name that cert-manager did not write, and that would pass every other check.
#[test]
fn a_secret_of_nobody_is_not_served() {
    let mut provisioned = certificate(&NAMES);
    provisioned["metadata"]["name"] = json!(CERTIFICATE);
    let slow = Options { cert_manager: CertManager::Issues { after_seconds: 900 }, ..Options::default() };
    let mut life = begins(slow);
    life.sim().user_apply(provisioned).unwrap();
    life.driver.run_for(300).unwrap();
    says(&life, ConditionStatus::False, c::TLS_SECRET_OTHER_ISSUER, "a certificate of nobody");
    life.runs(V1);
}

#[test]
fn a_deleted_node_takes_its_certificate_along() {
    let mut life = up(Options::default());
    life.delete(Kind::SeiNode, "rpc-0");
    life.driver.run_for(300).unwrap();
    assert!(life.child(Kind::SeiNode, "rpc-0").is_none());
    assert!(life.child(Kind::Certificate, CERTIFICATE).is_none());
}

/// S6: the private key is in the Secret and nowhere else.
#[test]
fn the_private_key_is_told_to_nobody() {
    let mut life = up(Options::default());
    life.delete(Kind::Certificate, CERTIFICATE);
    life.driver.run_for(900).unwrap();
    let key = secret_bytes(&life, "tls.key");
    let told = format!("{:?} {:?} {:?}", life.sim().trace(), life.sim().timeline(), life.status());
    assert!(!told.contains(&key) && !told.contains("PRIVATE KEY"));
}
