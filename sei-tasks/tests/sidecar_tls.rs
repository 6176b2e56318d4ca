//! Lives of nodes whose sidecar stands behind a TLS proxy with a certificate that somebody else provisions.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod living;

use living::secrets::{NAMES, certificate};
use living::{Life, V1, V2};
use sei_planner::api::{ConditionStatus, NodePhase, conditions as c};
use sei_tasks::sim::{Options, Verb};
use sei_tasks::world::Kind;
use serde_json::{Value, json};

fn spec(mode: &str, member: Value) -> Value {
    json!({
        mode: member,
        "peers": [{"static": {"addresses": ["aa@peer.example:26656"]}}],
        "sidecar": {"tls": {"secretName": "rpc-0-tls"}},
    })
}

fn full_node() -> Value {
    spec("fullNode", json!({}))
}

fn bootstrapped() -> Value {
    let snapshot = json!({"s3": {"targetHeight": 100}, "bootstrapImage": "registry.example/seid:bootstrap"});
    spec("replayer", json!({"snapshot": snapshot}))
}

fn verdict(life: &Life) -> (ConditionStatus, String) {
    let status = life.status();
    let found = status.condition(c::SIDECAR_TLS_SECRET_READY).expect("a condition");
    (found.status, found.reason.clone())
}

fn up(spec: Value) -> Life {
    let mut life = Life::of(spec, Options::default());
    life.sim().user_apply(certificate(&NAMES)).unwrap();
    life.runs(V1);
    life
}

fn sidecar_ready(life: &Life) -> ConditionStatus {
    life.status().condition(c::SIDECAR_READY).unwrap().status
}

#[test]
fn a_node_waits_for_its_certificate_and_is_called_over_tls() {
    for spec in [full_node(), bootstrapped()] {
        let mut life = Life::of(spec, Options::default());
        life.driver.run_for(600).unwrap();
        assert_eq!(life.status().phase(), NodePhase::Pending);
        assert_eq!(verdict(&life), (ConditionStatus::False, c::TLS_SECRET_NOT_FOUND.to_owned()));
        assert_eq!(life.status().sidecar_tls.unwrap().required_dns_names, NAMES);
        life.sim().user_apply(certificate(&NAMES[..1])).unwrap();
        life.driver.run_for(120).unwrap();
        assert_eq!(verdict(&life), (ConditionStatus::False, c::TLS_SECRET_SANS_MISMATCH.to_owned()));
        assert!(life.child(Kind::PersistentVolumeClaim, "data-rpc-0").is_none(), "nothing began");
        life.sim().user_apply(certificate(&NAMES)).unwrap();
        life.runs(V1);
        assert_eq!(verdict(&life), (ConditionStatus::True, c::TLS_SECRET_READY.to_owned()));
        assert!(life.child(Kind::ConfigMap, "rpc-0-rbac-proxy-config").is_some());
        life.set_image(V2);
        life.runs(V2);
    }
}

/// D8: a blocked node looks every minute at most; a settled one every ten.
#[test]
fn looks_at_the_secret_are_few() {
    let mut life = Life::of(full_node(), Options::default());
    life.driver.run_for(120).unwrap();
    let before = life.sim().counters();
    life.driver.run_for(3600).unwrap();
    let hour = life.sim().counters().since(&before);
    assert!(hour.of(Verb::Read) <= 61 && hour.writes() == 0, "blocked: {hour:?}");
    let mut life = up(full_node());
    life.driver.run_for(1200).unwrap();
    let before = life.sim().counters();
    life.driver.run_for(3600).unwrap();
    let hour = life.sim().counters().since(&before);
    assert!(hour.of(Verb::Read) <= 6 && hour.writes() == 0, "settled: {hour:?}");
}

/// The proxy reloads its certificate by itself: nothing restarts, and the operator follows.
#[test]
fn a_renewed_certificate_restarts_nothing() {
    let mut life = up(full_node());
    life.sim().user_apply(certificate(&NAMES)).unwrap();
    life.driver.run_for(1500).unwrap();
    assert_eq!(sidecar_ready(&life), ConditionStatus::True);
    assert_eq!(life.pods_replaced(), 0);
    life.set_image(V2);
    life.runs(V2);
}

#[test]
fn a_certificate_that_went_bad_is_said_and_holds_the_pod() {
    let mut life = up(full_node());
    life.sim().user_apply(certificate(&NAMES[1..])).unwrap();
    life.driver.run_for(1000).unwrap();
    assert_eq!(verdict(&life), (ConditionStatus::False, c::TLS_SECRET_SANS_MISMATCH.to_owned()));
    life.set_image(V2);
    life.driver.run_for(300).unwrap();
    assert_eq!((life.pods_replaced(), life.status().current_image.as_deref()), (0, Some(V1)));
    life.sim().user_apply(certificate(&NAMES)).unwrap();
    life.wait_for("the update", |status| status.current_image.as_deref() == Some(V2));
    life.runs(V2);
}

#[test]
fn a_plan_under_way_keeps_running_without_the_secret() {
    let mut life = Life::of(full_node(), Options::default().realistic());
    life.sim().user_apply(certificate(&NAMES)).unwrap();
    life.wait_for_task("discover-peers");
    life.delete(Kind::Secret, "rpc-0-tls");
    life.wait_for("it runs", |status| status.phase() == NodePhase::Running);
}

#[test]
fn a_deleted_proxy_configuration_comes_back() {
    let mut life = up(full_node());
    life.delete(Kind::ConfigMap, "rpc-0-rbac-proxy-config");
    life.driver.run_for(60).unwrap();
    life.runs(V1);
    assert!(life.child(Kind::ConfigMap, "rpc-0-rbac-proxy-config").is_some());
    assert_eq!(life.sim().seid_starts(&life.key).len(), 1, "nothing restarted");
}

/// Without it the pod never starts: the plan that made it gives way to another.
#[test]
fn a_proxy_configuration_deleted_under_a_plan_comes_back() {
    for (spec, second) in [(full_node(), 1), (full_node(), 2), (bootstrapped(), 2), (bootstrapped(), 3)] {
        let mut life = Life::of(spec, Options::default());
        life.sim().user_apply(certificate(&NAMES)).unwrap();
        life.driver.run_until(|sim| !sim.objects(Kind::ConfigMap).is_empty(), 600).unwrap();
        life.delete(Kind::ConfigMap, "rpc-0-rbac-proxy-config");
        life.driver.run_for(second).unwrap();
        life.delete(Kind::ConfigMap, "rpc-0-rbac-proxy-config");
        life.runs(V1);
    }
    let mut life = up(full_node());
    life.set_image(V2);
    life.wait_for_task("replace-pod");
    life.delete(Kind::ConfigMap, "rpc-0-rbac-proxy-config");
    life.runs(V2);
}
