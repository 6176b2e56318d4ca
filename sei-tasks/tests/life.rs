//! What happens to a full node in its life: edits, reverts, deletions by hand, failures, the end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod living;

use living::{LIMIT_SECONDS, Life, V1, V2, V3};
use sei_planner::api::{ConditionStatus, NodePhase, PlanPhase, SeiNodeStatus, conditions};
use sei_planner::names::NodeKey;
use sei_planner::platform::Platform;
use sei_tasks::sim::{Call, Fault, Moment, Options, Point, SeiOperator, Sim, Verb, What};
use sei_tasks::world::Kind;
use serde_json::{Value, json};

#[test]
fn one_s3_node_costs_seven_writes_and_an_image_update_six() {
    let mut life = Life::begins(json!({"snapshot": {"s3": {"targetHeight": 100}}}), Options::default());
    life.rest();
    life.driver.run_for(600).unwrap();
    let init = life.sim().counters();
    assert!(init.writes() <= 7 && init.events() <= 2, "{init:?}");
    life.runs(V1);
    let before = life.sim().counters();
    life.set_image(V2);
    life.rest();
    life.driver.run_for(600).unwrap();
    let update = life.sim().counters().since(&before);
    assert!(update.writes() <= 6, "{update:?}");
    life.runs(V2);
    assert_eq!(life.pods_replaced(), 1);
}

/// D12: nothing polls the API server, and a sidecar is asked every five minutes.
#[test]
fn a_settled_node_costs_next_to_nothing() {
    let mut life = Life::running(json!({}));
    life.driver.run_for(600).unwrap();
    let before = life.sim().counters();
    life.driver.run_for(3600).unwrap();
    let hour = life.sim().counters().since(&before);
    assert_eq!((hour.requests(), hour.events()), (0, 0), "{hour:?}");
    assert!(hour.sidecar() <= 12, "{hour:?}");
}

/// Deleted and applied again at once: the garbage collector is not through with what the old one had.
#[test]
fn a_node_of_an_old_name_waits_for_what_the_old_one_had() {
    let owner = json!([{"apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "name": "rpc-0", "uid": "before", "controller": true}]);
    let metadata = |name: &str| json!({"namespace": "nodes", "name": name, "ownerReferences": owner});
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata("data-rpc-0"), "spec": {
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
    let service =
        json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata("rpc-0"), "spec": {"clusterIP": "None"}});
    let node = json!({"apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "metadata": {"namespace": "nodes", "name": "rpc-0"},
        "spec": {"chainId": "pacific-1", "image": V1, "fullNode": {}}});
    let mut life = Life::applied(Platform::demo(), [claim, service, node], Options::default());
    life.wait_for_task("ensure-data-pvc");
    life.wait_for("its way up", |status| status.phase() == NodePhase::Running);
    assert!(life.sim().elapsed_seconds() < 120, "no plan failed on the way, which costs five minutes");
    life.runs(V1);
}

/// Gone back to this version, somebody meets a phase that it does not know: nothing is done by halves, and nothing is forgotten.
#[test]
fn a_node_that_cannot_be_read_is_left_alone_until_it_can() {
    let mut life = Life::running(json!({}));
    let newer = |life: &Life, phase: &str| {
        life.sim().newer_version_writes(&life.key, |node| node["status"]["phase"] = json!(phase))
    };
    let unreadable =
        |moment: &Moment| matches!(&moment.what, What::Event { reason, .. } if reason == conditions::UNREADABLE);
    let told = |life: &Life| life.sim().timeline().iter().filter(|moment| unreadable(moment)).count();
    let before = life.sim().counters();
    newer(&life, "Hibernating");
    life.driver.run_for(60).unwrap();
    life.set_image(V2);
    life.driver.run_for(3600).unwrap();
    let meanwhile = life.sim().counters().since(&before);
    assert_eq!((meanwhile.requests(), meanwhile.sidecar(), meanwhile.events()), (0, 0, 1), "{meanwhile:?}");
    assert_eq!(told(&life), 1);
    newer(&life, "Running");
    life.driver.run_for(60).unwrap();
    life.runs(V2);
    newer(&life, "Hibernating");
    life.driver.run_for(600).unwrap();
    assert_eq!(told(&life), 2, "said again when it comes again");
}

/// A claim that somebody deleted is kept by the pod alone: no edit takes the data away without a word.
#[test]
fn the_pod_that_keeps_a_deleted_claim_is_replaced_only_when_somebody_says_so() {
    let mut life = Life::running(json!({}));
    life.delete(Kind::PersistentVolumeClaim, "data-rpc-0");
    life.set_image(V2);
    let claim = |life: &Life| life.child(Kind::PersistentVolumeClaim, "data-rpc-0");
    life.driver.run_for(3600).unwrap();
    assert!(claim(&life).is_some(), "the data is there an hour later");
    says_yes(&mut life, conditions::DATA_VOLUME_GOES);
    life.driver.run_for(3600).unwrap();
    assert!(claim(&life).is_none(), "the claim goes with its pod");
    says_yes(&mut life, conditions::DATA_VOLUME_LOST);
    life.runs(V2);
}

/// Answers the question of this reason, which comes.
fn says_yes(life: &mut Life, reason: &str) {
    let asked = |status: &SeiNodeStatus| {
        let question = status.condition(conditions::AWAITING_ACKNOWLEDGEMENT);
        question.filter(|asked| asked.status == ConditionStatus::True && asked.reason == reason).cloned()
    };
    life.wait_for(reason, |status| asked(status).is_some());
    life.obeys(&asked(&life.status()).expect("it is asked").message);
}

/// An API server that has just started refuses everybody whose roles it has not read yet.
#[test]
fn a_permission_that_is_missing_for_a_moment_fails_no_plan() {
    let mut refused = 0;
    for call in 1..=60 {
        let mut life = Life::begins(json!({}), Options::default().fault(call, Fault::Forbidden));
        life.wait_for("its way up", |status| status.phase() == NodePhase::Running);
        life.set_image(V2);
        life.wait_for("the update", |status| status.current_image.as_deref() == Some(V2));
        let trace = life.sim().trace();
        let calls: Vec<&Call> = trace.iter().filter_map(|entry| entry.fact.call()).collect();
        refused += calls.iter().filter(|call| call.fault == Some(Fault::Forbidden)).count();
        let failures = calls.iter().filter(|call| call.verb == Verb::Announce && call.detail.contains("Failed"));
        assert_eq!(failures.count(), 0, "call {call} was refused");
    }
    assert!(refused > 20, "{refused} calls were refused");
}

#[test]
fn slow_sidecars_cost_fourteen_writes() {
    let options = Options::default().realistic();
    let mut life = Life::begins(json!({"snapshot": {"s3": {"targetHeight": 100}}}), options);
    life.runs(V1);
    let counters = life.sim().counters();
    assert!(counters.writes() <= 14, "{counters:?}");
}

/// The Go system ends on the wrong pod, or never.
#[test]
fn an_edit_or_a_revert_in_the_middle_of_an_update_ends_on_the_newest_spec() {
    for (second, what) in [(V3, "edit"), (V1, "revert")] {
        for kubelet_paused in [false, true] {
            let mut life = Life::running(json!({}));
            if kubelet_paused {
                life.sim().pause_kubelet();
            }
            life.set_image(V2);
            life.wait_for_task("replace-pod");
            life.set_image(second);
            if kubelet_paused {
                life.driver.run_for(300).unwrap();
                life.driver.kill();
                life.driver.run_for(300).unwrap();
                life.sim().resume_kubelet();
            }
            println!("{what}, kubelet paused: {kubelet_paused}");
            life.runs(second);
        }
    }
}

#[test]
fn a_revert_before_the_pod_is_replaced_restarts_nothing() {
    let mut life = Life::running(json!({}));
    life.set_image(V2);
    life.wait_for("a plan", |status| status.plan.as_ref().is_some_and(|plan| plan.phase == PlanPhase::Active));
    life.set_image(V1);
    life.runs(V1);
    assert_eq!(life.pods_replaced(), 0);
}

#[test]
fn an_image_that_cannot_be_pulled_is_left_by_an_edit() {
    for (source, full_node) in [("genesis", json!({})), ("state sync", json!({"snapshot": {"stateSync": {}}}))] {
        let mut life = Life::begins(full_node, Options::default());
        life.sim().break_image(V1, true);
        life.driver.run_for(1800).unwrap();
        assert_eq!(life.status().phase(), NodePhase::Initializing, "{source}");
        life.set_image(V2);
        life.runs(V2);
        assert_eq!(life.sim().seid_starts(&life.key).last().unwrap().state_sync, source == "state sync");
    }
}

/// The sidecar configures state sync once per volume: whatever happens in between, seid starts with it on.
#[test]
fn an_edit_at_any_moment_of_a_state_sync_keeps_state_sync_on() {
    for snapshot in [json!({"stateSync": {}}), json!({"s3": {"targetHeight": 100}})] {
        for second in (0..150).step_by(3) {
            let mut options = Options::default().realistic();
            options.durations.seconds.values_mut().for_each(|seconds| *seconds = (*seconds).min(12));
            let mut life = Life::begins(json!({"snapshot": snapshot}), options);
            life.driver.run_for(second).unwrap();
            life.set_image(V2);
            life.runs(V2);
            let starts = life.sim().seid_starts(&life.key);
            assert!(starts[0].state_sync, "edited after {second} s: {starts:?}");
        }
    }
}

#[test]
fn objects_deleted_by_hand_come_back() {
    for (kind, name) in [(Kind::StatefulSet, "rpc-0"), (Kind::Service, "rpc-0"), (Kind::Pod, "rpc-0-0")] {
        let mut life = Life::running(json!({}));
        let before = life.child(kind, name).unwrap()["metadata"]["uid"].clone();
        life.delete(kind, name);
        life.driver.run_for(120).unwrap();
        life.runs(V1);
        let after = life.child(kind, name).unwrap_or_else(|| panic!("no {kind:?}"));
        assert_ne!(after["metadata"]["uid"], before, "{kind:?}");
        life.driver.run_for(400).unwrap();
        assert!(life.sim().seid_starts(&life.key).len() <= 2);
    }
}

/// Without its Service a sidecar has no name, and nobody can ask it whether its task is over.
#[test]
fn a_service_deleted_while_the_sidecar_works_comes_back() {
    for edited in [false, true] {
        let mut life = Life::begins(json!({"snapshot": {"s3": {"targetHeight": 100}}}), Options::default().realistic());
        life.wait_for_task("snapshot-restore");
        life.driver.run_for(60).unwrap();
        life.delete(Kind::Service, "rpc-0");
        if edited {
            life.set_image(V2);
        }
        life.driver.run_for(10).unwrap();
        assert!(life.child(Kind::Service, "rpc-0").is_some(), "edited: {edited}");
        life.runs(if edited { V2 } else { V1 });
        assert!(life.sim().seid_starts(&life.key)[0].state_sync);
    }
}

/// A plan that opens the gate has no task that could bring them back.
#[test]
fn a_child_deleted_while_the_gate_is_opened_comes_back() {
    for kind in [Kind::Service, Kind::StatefulSet] {
        let mut options = Options::default();
        options.durations.seconds.insert("mark-ready".to_owned(), 60);
        let mut life = Life::begins(json!({}), options);
        life.runs(V1);
        life.sim().restart_sidecar(&life.key);
        life.wait_for_task("mark-ready");
        life.delete(kind, "rpc-0");
        life.driver.run_for(600).unwrap();
        life.runs(V1);
        assert!(life.child(kind, "rpc-0").is_some(), "{kind:?}");
    }
}

/// The time of the next plan comes while nobody is about to ask the sidecar: no hot loop.
#[test]
fn a_gate_that_could_not_be_opened_is_opened_later() {
    for failures in [1, 3] {
        let mut life = Life::running(json!({}));
        life.sim().fail_task("mark-ready", failures, "it is not possible");
        life.sim().evict(&life.key);
        life.driver.run_for(3 * 3600).unwrap_or_else(|stopped| panic!("{stopped}"));
        life.runs(V1);
        let status = life.status();
        assert_eq!(status.condition(conditions::SIDECAR_READY).unwrap().status, ConditionStatus::True);
    }
}

/// The pod holds the claim, so it stays as long as the pod; a plan that makes no other pod must not wait for its end.
#[test]
fn a_claim_that_is_being_deleted_stops_no_way_up() {
    let mut life = Life::begins(json!({"snapshot": {"s3": {"targetHeight": 100}}}), Options::default().realistic());
    life.wait_for_task("snapshot-restore");
    life.driver.run_for(60).unwrap();
    life.delete(Kind::PersistentVolumeClaim, "data-rpc-0");
    life.sim().user_edit(&life.key, |spec| spec["overrides"] = json!({"evm.http_port": "8545"}));
    life.wait_for("it runs", |status| status.phase() == NodePhase::Running);
    life.set_image(V2);
    for reason in [conditions::DATA_VOLUME_GOES, conditions::DATA_VOLUME_LOST] {
        says_yes(&mut life, reason);
    }
    life.runs(V2);
}

/// A watch that lags behind must not cost anybody a disk (S3).
#[test]
fn a_claim_kept_at_the_last_moment_is_kept() {
    for lag in 0..6 {
        let mut life = Life::begins(json!({}), Options { watch_lag_seconds: lag, ..Options::default() });
        life.rest();
        life.delete(Kind::SeiNode, "rpc-0");
        life.driver.run_until(|sim| sim.objects(Kind::Pod).is_empty(), 600).unwrap();
        life.sim().user_edit(&life.key, |spec| spec["dataVolume"] = json!({"retainOnDelete": true}));
        life.driver.run_for(600).unwrap_or_else(|stopped| panic!("{stopped}"));
        assert!(life.sim().sei_node(&life.key).is_none());
        assert!(life.child(Kind::PersistentVolumeClaim, "data-rpc-0").is_some(), "lag {lag}");
    }
}

/// The upload never ends, so nothing may wait for it.
#[test]
fn an_edit_does_not_wait_for_the_upload_of_snapshots() {
    let full_node = json!({"snapshotGeneration": {"tendermint": {"keepRecent": 5, "publish": {}}}});
    for lost in 1..40 {
        let options = Options::default().fault(lost, Fault::LostAnswer);
        let mut life = Life::begins(full_node.clone(), options);
        life.driver.run_until(|sim| sim.calls() >= lost, LIMIT_SECONDS).unwrap();
        life.set_image(V2);
        life.runs(V2);
    }
}

/// The pod keeps the old port until the next template reaches it.
#[test]
fn an_edit_of_the_sidecars_port_does_not_lose_the_sidecar() {
    let mut life = Life::running(json!({}));
    life.sim().user_edit(&life.key, |spec| spec["sidecar"] = json!({"port": 7999}));
    life.driver.run_for(10).unwrap();
    life.sim().restart_sidecar(&life.key);
    life.driver.run_for(60).unwrap();
    let status = life.status();
    assert_eq!(status.condition(conditions::SIDECAR_READY).unwrap().status, ConditionStatus::True);
    life.set_image(V2);
    life.runs(V2);

    let mut life = Life::begins(json!({"snapshot": {"s3": {"targetHeight": 100}}}), Options::default().realistic());
    life.wait_for_task("snapshot-restore");
    life.sim().user_edit(&life.key, |spec| spec["sidecar"] = json!({"port": 7999}));
    life.runs(V1);
}

/// One reconcile runs many tasks and writes once. When that write is lost, status is behind the sidecar.
#[test]
fn an_edit_after_a_lost_write_overtakes_no_task_and_keeps_state_sync_on() {
    let mut options = Options::default().realistic();
    options.durations.seconds.insert("configure-state-sync".to_owned(), 2);
    for lost in 1..60 {
        for fault in [Fault::Conflict, Fault::Crash(Point::Before)] {
            let mut life = Life::begins(json!({"snapshot": {"stateSync": {}}}), options.clone().fault(lost, fault));
            life.driver.run_until(|sim| sim.calls() >= lost, LIMIT_SECONDS).unwrap();
            life.driver.run_for(3).unwrap();
            life.set_image(V2);
            life.runs(V2);
            let starts = life.sim().seid_starts(&life.key);
            assert!(starts[0].state_sync, "{fault:?} at call {lost}: {starts:?}");
        }
    }
}

#[test]
fn a_statefulset_deleted_in_the_middle_of_an_init_comes_back() {
    let mut life = Life::begins(json!({"snapshot": {"s3": {"targetHeight": 100}}}), Options::default().realistic());
    life.wait_for_task("snapshot-restore");
    life.driver.run_for(60).unwrap();
    life.delete(Kind::StatefulSet, "rpc-0");
    life.runs(V1);
    assert!(life.sim().seid_starts(&life.key)[0].state_sync);
}

#[test]
fn a_sidecar_that_restarts_is_marked_ready_again() {
    let mut life = Life::running(json!({}));
    life.sim().restart_sidecar(&life.key);
    life.driver.run_for(400).unwrap();
    life.runs(V1);
    let ready = life.status();
    assert_eq!(ready.condition(conditions::SIDECAR_READY).unwrap().status, ConditionStatus::True);
}

#[test]
fn failed_runs_are_retried_and_then_the_node_plans_again_by_itself() {
    let mut life = Life::begins(json!({}), Options::default());
    life.sim().fail_task("discover-peers", 30, "no reachable peers");
    life.wait_for("failure", |status| status.phase() == NodePhase::Failed);
    let status = life.status();
    let detail = status.plan.unwrap().failed_task_detail.unwrap();
    assert_eq!(
        (detail.kind.as_str(), detail.retry_count, detail.error.as_str()),
        ("discover-peers", 20, "no reachable peers")
    );
    life.wait_for("recovery", |status| status.phase() == NodePhase::Running);
    life.runs(V1);
}

#[test]
fn a_failed_node_is_planned_again_when_it_is_edited_or_asked_to() {
    for ask in [true, false] {
        let mut life = Life::begins(json!({}), Options::default());
        life.sim().fail_task("config-apply", 1, "config validation failed");
        life.wait_for("failure", |status| status.phase() == NodePhase::Failed);
        let failed_at = life.sim().elapsed_seconds();
        if ask {
            life.sim().user_annotate(&life.key, "sei.io/retry", Some("now"));
        } else {
            life.sim().user_edit(&life.key, |spec| spec["overrides"] = json!({"evm.http_port": "8545"}));
        }
        life.wait_for("recovery", |status| status.phase() == NodePhase::Running);
        assert!(life.sim().elapsed_seconds() - failed_at < 60);
        life.runs(V1);
    }
}

/// Nothing we store looks like this; what others stored must not hold a node for ever.
#[test]
fn an_active_plan_with_nothing_left_to_do_ends() {
    let mut life = Life::running(json!({}));
    let mut node = life.child(Kind::SeiNode, "rpc-0").unwrap();
    node["status"]["plan"]["phase"] = json!("Active");
    life.sim().user_restore(node).unwrap();
    life.wait_for("its end", |status| status.plan.as_ref().is_some_and(|plan| plan.phase == PlanPhase::Complete));
    life.set_image(V2);
    life.runs(V2);
}

#[test]
fn a_refused_spec_is_said_once_and_recovers_when_it_is_mended() {
    let spec = json!({"fullNode": {}, "overrides": {"evm.htp_port": "8545"}});
    let mut life = Life::of(spec, Options::default());
    life.driver.run_for(3600).unwrap();
    let status = life.status();
    let refused = status.condition(conditions::SPEC_ACCEPTED).unwrap();
    assert_eq!((refused.status, refused.reason.as_str()), (ConditionStatus::False, conditions::INVALID_SPEC));
    assert!(life.sim().counters().writes() <= 2);
    life.sim().user_edit(&life.key, |spec| spec["overrides"] = json!({}));
    life.runs(V1);
}

#[test]
fn a_foreign_claim_is_never_taken_over() {
    let sim = Sim::new(Options::default());
    let foreign = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"namespace": "nodes", "name": "data-rpc-0"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    });
    let mut life =
        Life { driver: sim.drive(SeiOperator { platform: Platform::demo() }), key: NodeKey::new("nodes", "rpc-0") };
    sim.user_apply(foreign).unwrap();
    sim.user_apply(json!({
        "apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "metadata": {"namespace": "nodes", "name": "rpc-0"},
        "spec": {"chainId": "pacific-1", "image": V1, "fullNode": {}},
    }))
    .unwrap();
    life.wait_for("failure", |status| status.phase() == NodePhase::Failed);
    life.delete(Kind::SeiNode, "rpc-0");
    life.driver.run_for(600).unwrap();
    assert!(sim.sei_node(&life.key).is_none());
    assert!(life.child(Kind::PersistentVolumeClaim, "data-rpc-0").is_some(), "O1: the claim was never ours");
    assert_eq!(sim.violations(), []);
}

/// S4: the watch does not show it yet, and a forced apply would take it over.
#[test]
fn an_object_that_somebody_made_a_moment_ago_is_not_taken_over() {
    for (kind, version) in [("Service", "v1"), ("StatefulSet", "apps/v1")] {
        for second in 0..6 {
            let options = Options { watch_lag_seconds: 4, ..Options::default() };
            let mut life = Life::begins(json!({}), options);
            let foreign = json!({
                "apiVersion": version, "kind": kind, "metadata": {"namespace": "nodes", "name": "rpc-0"}, "spec": {"replicas": 0},
            });
            life.sim().schedule(second, "somebody makes it", move |sim| drop(sim.user_apply(foreign.clone())));
            let what = format!("{kind} made after {second} s");
            life.driver.run_for(600).unwrap_or_else(|stopped| panic!("{what}: {stopped}"));
            assert_eq!(life.sim().violations(), [], "{what}");
        }
    }
}

#[test]
fn deletion_leaves_nothing_but_what_should_stay() {
    for retain in [false, true] {
        let mut life = Life::of(json!({"fullNode": {}, "dataVolume": {"retainOnDelete": retain}}), Options::default());
        life.runs(V1);
        life.delete(Kind::SeiNode, "rpc-0");
        life.driver.run_for(600).unwrap();
        assert!(life.sim().sei_node(&life.key).is_none());
        for kind in [Kind::StatefulSet, Kind::Service, Kind::Pod] {
            assert_eq!(life.sim().objects(kind), Vec::<Value>::new(), "{kind:?}");
        }
        let claim = life.child(Kind::PersistentVolumeClaim, "data-rpc-0");
        assert_eq!(claim.is_some(), retain);
        assert!(claim.is_none_or(|claim| claim["metadata"]["ownerReferences"].as_array().is_none_or(Vec::is_empty)));
        assert_eq!(life.sim().violations(), []);
    }
}

#[test]
fn a_lost_claim_is_asked_about_and_an_answer_starts_again() {
    let mut life = Life::running(json!({"snapshot": {"stateSync": {}}}));
    life.delete(Kind::PersistentVolumeClaim, "data-rpc-0");
    life.delete(Kind::StatefulSet, "rpc-0");
    life.driver.run_for(3600).unwrap();
    let status = life.status();
    let question = status.condition(conditions::AWAITING_ACKNOWLEDGEMENT).expect("a question");
    assert_eq!(question.status, ConditionStatus::True);
    assert!(life.child(Kind::PersistentVolumeClaim, "data-rpc-0").is_none());
    let token = question.message.rsplit('=').next().unwrap().to_owned();
    life.sim().user_annotate(&life.key, "sei.io/acknowledge", Some("wrong"));
    life.driver.run_for(60).unwrap();
    assert!(life.child(Kind::PersistentVolumeClaim, "data-rpc-0").is_none());
    life.sim().user_annotate(&life.key, "sei.io/acknowledge", Some(&token));
    life.runs(V1);
    assert!(life.sim().seid_starts(&life.key).last().unwrap().state_sync, "a new volume syncs again");
}

/// The plan that took the place of another did not come to its claim yet: only the records of status tell of the old one.
#[test]
fn a_claim_lost_before_the_next_plan_came_to_it_is_asked_about_too() {
    for record in [json!({"stateSyncConfigured": true}), json!({"bootstrappedHeight": 5})] {
        let mut life = Life::begins(json!({"snapshot": {"stateSync": {}}}), Options::default());
        let mut saved = life.child(Kind::SeiNode, "rpc-0").unwrap();
        saved["status"] = record;
        saved["status"]["phase"] = json!("Initializing");
        life.sim().user_restore(saved).unwrap();
        life.driver.run_for(600).unwrap();
        let status = life.status();
        let question = status.condition(conditions::AWAITING_ACKNOWLEDGEMENT).expect("a question");
        assert_eq!(question.status, ConditionStatus::True);
        assert!(life.child(Kind::PersistentVolumeClaim, "data-rpc-0").is_none());
    }
}
