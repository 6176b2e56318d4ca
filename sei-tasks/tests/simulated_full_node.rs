//! Full nodes from birth to silence in the simulated world: three ways to start, and edits, kills, deletions by hand and
//! restarts on the way. Faults at every single call have a test of their own.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use sei_planner::names::NodeKey;
use sei_planner::platform::Platform;
use sei_tasks::sim::{Driver, NotConverged, Options, SeiOperator, Sim};
use sei_tasks::world::{Kind, ObjectId};
use serde_json::{Value, json};

/// Longest time a change may take, in virtual seconds.
const LIMIT_SECONDS: i64 = 1800;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Source {
    Genesis,
    StateSync,
    S3,
}

const SOURCES: [Source; 3] = [Source::Genesis, Source::StateSync, Source::S3];

fn key() -> NodeKey {
    NodeKey::new("nodes", "rpc-0")
}

fn manifest(source: Source) -> Value {
    let full_node = match source {
        Source::Genesis => json!({}),
        Source::StateSync => json!({ "snapshot": { "stateSync": {} } }),
        Source::S3 => json!({ "snapshot": { "s3": { "targetHeight": 1000 }, "trustPeriod": "9999h0m0s" } }),
    };
    json!({
        "apiVersion": "sei.io/v1alpha1",
        "kind": "SeiNode",
        "metadata": { "name": "rpc-0", "namespace": "nodes" },
        "spec": {
            "chainId": "pacific-1",
            "image": "sei:v1",
            "peers": [{ "static": { "addresses": ["abc@peer.example:26656"] } }],
            "fullNode": full_node,
        },
    })
}

fn live(options: Options, source: Source) -> (Sim, Driver<SeiOperator>) {
    let sim = Sim::new(options);
    sim.user_apply(manifest(source)).unwrap();
    let driver = sim.drive(SeiOperator { platform: Platform::demo() });
    (sim, driver)
}

/// Running, no plan under way, and the pod runs this image and says so.
fn settled(sim: &Sim, image: &str) -> bool {
    let up = sim.inspect(&ObjectId::new(Kind::SeiNode, "nodes", "rpc-0"), |node| {
        let status = &node["status"];
        let idle = status["plan"]["phase"] != "Active";
        idle && status["phase"] == "Running" && status["currentImage"] == image
    });
    let runs = sim
        .inspect(&ObjectId::new(Kind::Pod, "nodes", "rpc-0-0"), |pod| pod["spec"]["containers"][0]["image"] == image);
    up == Some(true) && runs == Some(true)
}

fn pod_is_ready(sim: &Sim) -> bool {
    let pod = sim.object(&ObjectId::new(Kind::Pod, "nodes", "rpc-0-0")).unwrap_or_default();
    let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
    conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

fn must(result: Result<(), NotConverged>, what: &str) {
    if let Err(error) = result {
        panic!("{what}: {error}");
    }
}

fn come_up(options: Options, source: Source) -> (Sim, Driver<SeiOperator>) {
    let (sim, mut driver) = live(options, source);
    must(driver.run_until(|sim| settled(sim, "sei:v1"), LIMIT_SECONDS), &format!("{source:?}"));
    (sim, driver)
}

fn set_image(sim: &Sim, image: &str) {
    let image = json!(image);
    sim.user_edit(&key(), |spec| spec["image"] = image);
}

#[test]
fn every_source_comes_up_and_then_there_is_silence() {
    for source in SOURCES {
        for options in [Options::default(), Options::default().realistic()] {
            let (sim, mut driver) = live(options, source);
            must(driver.run_until(|sim| settled(sim, "sei:v1"), 2 * LIMIT_SECONDS), "up");
            must(driver.run_for(30), "rest");
            let starts = sim.seid_starts(&key());
            assert_eq!(starts.len(), 1, "{source:?}");
            assert_eq!(starts[0].state_sync, source != Source::Genesis, "{source:?}");
            assert_eq!(starts[0].snapshot, source == Source::S3);
            assert_eq!(starts[0].peers, ["abc@peer.example:26656"]);
            driver.assert_silent(200).unwrap();
        }
    }
}

#[test]
fn an_s3_node_costs_seven_writes_ten_requests_two_events() {
    let mut options = Options::default();
    (options.delays.pull_seconds, options.delays.start_seconds) = (0, 0);
    let (sim, mut driver) = come_up(options, Source::S3);
    must(driver.run_for(600), "rest");
    let counters = sim.counters();
    let lines: Vec<String> = sim.timeline().iter().map(|moment| format!("{} {}", moment.at, moment.what)).collect();
    assert!(counters.writes() <= 7, "{counters:?}\n{}", lines.join("\n"));
    assert!(counters.requests() <= 10, "{counters:?}\n{}", lines.join("\n"));
    assert!(counters.events() <= 2, "{counters:?}");
}

#[test]
fn an_edit_and_a_revert_in_the_middle_follow_the_spec() {
    for pause in [0, 1, 2, 5, 8, 12, 15, 20] {
        let (sim, mut driver) = come_up(Options::default(), Source::Genesis);
        set_image(&sim, "sei:v2");
        must(driver.run_for(pause), "edit");
        set_image(&sim, "sei:v3");
        must(driver.run_for(pause), "edit");
        set_image(&sim, "sei:v1");
        must(driver.run_for(200), "revert");
        must(driver.run_until(|sim| settled(sim, "sei:v1"), LIMIT_SECONDS), "revert");
    }
}

#[test]
fn killed_and_reverted_while_the_kubelet_sleeps() {
    let (sim, mut driver) = come_up(Options::default(), Source::Genesis);
    sim.pause_kubelet();
    set_image(&sim, "sei:v2");
    must(driver.run_for(20), "edit");
    driver.kill();
    set_image(&sim, "sei:v1");
    must(driver.run_for(60), "revert");
    sim.resume_kubelet();
    must(driver.run_until(|sim| settled(sim, "sei:v1"), LIMIT_SECONDS), "resume");
    must(driver.run_for(100), "rest");
    assert!(settled(&sim, "sei:v1"));
}

#[test]
fn what_was_deleted_by_hand_comes_back() {
    for (kind, name) in [(Kind::StatefulSet, "rpc-0"), (Kind::Service, "rpc-0"), (Kind::Pod, "rpc-0-0")] {
        let (sim, mut driver) = come_up(Options::default(), Source::S3);
        must(driver.run_for(30), "rest");
        let id = ObjectId::new(kind, "nodes", name);
        let before = sim.object(&id).unwrap();
        sim.user_delete(&id);
        must(driver.run_for(30), name);
        let after = sim.object(&id).unwrap_or_else(|| panic!("{kind:?} stays gone"));
        assert_ne!(after["metadata"]["uid"], before["metadata"]["uid"]);
        must(driver.run_until(|sim| settled(sim, "sei:v1") && pod_is_ready(sim), LIMIT_SECONDS), name);
        must(driver.run_for(400), name);
        driver.assert_silent(20).unwrap();
    }
}

#[test]
fn a_restarted_sidecar_is_marked_ready_again() {
    let (sim, mut driver) = come_up(Options::default(), Source::Genesis);
    must(driver.run_for(30), "rest");
    sim.restart_sidecar(&key());
    must(driver.run_for(60), "restart");
    assert!(pod_is_ready(&sim));
}

#[test]
fn a_lagging_watch_misleads_nobody() {
    for source in SOURCES {
        for lag in [1, 3, 10] {
            let options = Options { watch_lag_seconds: lag, ..Options::default() };
            let (sim, mut driver) = come_up(options, source);
            set_image(&sim, "sei:v2");
            must(driver.run_until(|sim| settled(sim, "sei:v2") && pod_is_ready(sim), LIMIT_SECONDS), "edit");
            must(driver.run_for(400), "rest");
            driver.assert_silent(50).unwrap();
        }
    }
}

#[test]
fn a_deleted_node_leaves_nothing_or_its_claim() {
    for retain in [false, true] {
        let (sim, mut driver) = come_up(Options::default(), Source::Genesis);
        sim.user_edit(&key(), |spec| spec["dataVolume"] = json!({ "retainOnDelete": retain }));
        must(driver.run_for(30), "edit");
        sim.user_delete(&ObjectId::new(Kind::SeiNode, "nodes", "rpc-0"));
        must(driver.run_until_idle(LIMIT_SECONDS), "delete");
        for kind in [Kind::SeiNode, Kind::StatefulSet, Kind::Service, Kind::Pod] {
            assert_eq!(sim.objects(kind), Vec::<Value>::new());
        }
        assert_eq!(sim.objects(Kind::PersistentVolumeClaim).len(), usize::from(retain));
    }
}
