//! Lives of nodes whose sidecar stands behind a TLS proxy with a certificate that somebody else provisions.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod living;

use living::secrets::{NAMES, certificate, certificate_valid};
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

/// When the certificate expires: in status, and, when there is something to do, in the words of the condition.
fn expiry(life: &Life) -> String {
    let status = life.status();
    let expires = status.sidecar_certificate_not_after.expect("a date").to_string();
    let told = status.condition(c::SIDECAR_TLS_SECRET_READY).expect("a condition");
    let all_is_well = told.reason == c::TLS_SECRET_READY;
    assert_eq!(told.message.contains(&expires), !all_is_well, "{}", told.message);
    expires
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

/// The proxy reloads its certificate by itself: nothing restarts, and the operator accepts the new one and no other.
#[test]
fn a_renewed_certificate_restarts_nothing() {
    let mut life = Life::of(full_node(), Options::default());
    life.sim().user_apply(certificate_valid((2026, 1, 1), (2026, 4, 1))).unwrap();
    life.runs(V1);
    assert_eq!(expiry(&life), "2026-04-01T00:00:00Z");
    life.sim().user_apply(certificate_valid((2026, 1, 1), (2026, 7, 1))).unwrap();
    life.driver.run_for(1500).unwrap();
    assert_eq!((sidecar_ready(&life), verdict(&life).1.as_str()), (ConditionStatus::True, c::TLS_SECRET_READY));
    assert_eq!(expiry(&life), "2026-07-01T00:00:00Z");
    // The gate is opened again by a call over TLS, which the proxy answers with the new certificate only.
    life.sim().restart_sidecar(&life.key);
    life.driver.run_for(60).unwrap();
    assert_eq!(sidecar_ready(&life), ConditionStatus::True);
    assert_eq!(life.pods_replaced(), 0);
    life.set_image(V2);
    life.runs(V2);
}

/// Whatever nobody renews is told of before it is too late, and when it is; what runs goes on.
#[test]
fn a_certificate_that_runs_out_is_told_of_in_time() {
    let mut life = Life::of(full_node(), Options::default());
    life.sim().user_apply(certificate_valid((2025, 10, 15), (2026, 1, 13))).unwrap();
    life.runs(V1);
    let day = 24 * 3600;
    let mut told = Vec::new();
    for days in [1, 3, 7, 2] {
        life.driver.run_for(days * day).unwrap();
        assert_eq!(expiry(&life), "2026-01-13T00:00:00Z");
        told.push(verdict(&life));
    }
    let (yes, no) = (ConditionStatus::True, ConditionStatus::False);
    let wanted = [(yes, c::TLS_SECRET_READY), (yes, c::TLS_SECRET_EXPIRES_SOON)];
    let wanted = wanted.into_iter().chain([(yes, c::TLS_SECRET_EXPIRES_SOON), (no, c::TLS_SECRET_EXPIRED)]);
    assert_eq!(told, wanted.map(|(status, reason)| (status, reason.to_owned())).collect::<Vec<_>>());
    life.sim().user_apply(certificate_valid((2026, 1, 13), (2026, 4, 13))).unwrap();
    life.driver.run_for(900).unwrap();
    assert_eq!(
        (verdict(&life), expiry(&life)),
        ((yes, c::TLS_SECRET_READY.to_owned()), "2026-04-13T00:00:00Z".to_owned())
    );
    assert_eq!(life.pods_replaced(), 0);
}

/// What is not there expires at no time, and neither does what nobody asks for any more.
#[test]
fn an_expiry_is_told_of_a_certificate_that_is_there() {
    let mut life = up(full_node());
    assert!(life.status().sidecar_certificate_not_after.is_some());
    life.delete(Kind::Secret, "rpc-0-tls");
    life.driver.run_for(900).unwrap();
    assert_eq!(life.status().sidecar_certificate_not_after, None);
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
