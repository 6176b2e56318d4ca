//! Lives of nodes that come up through a bootstrap Job: whatever happens on the way, the volume is never shared, and
//! production starts on what the Job left.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod living;

use living::{Life, V1, V2};
use sei_planner::api::{NodePhase, SeiNodeStatus, TaskStatus};
use sei_tasks::sim::{Fact, Fault, Options, Point, SeidStart, Verb};
use sei_tasks::world::Kind;
use serde_json::{Value, json};

const BOOTSTRAP: &str = "registry.example/seid:bootstrap";

fn spec() -> Value {
    json!({
        "replayer": {"snapshot": {"s3": {"targetHeight": 100}, "bootstrapImage": BOOTSTRAP}},
        "peers": [{"static": {"addresses": ["aa@peer.example:26656"]}}],
    })
}

fn begins(options: Options) -> Life {
    Life::of(spec(), options)
}

/// Sidecars that take long enough to be interrupted.
fn slow() -> Options {
    let mut options = Options::default().realistic();
    options.durations.seconds.values_mut().for_each(|seconds| *seconds = (*seconds).min(12));
    options
}

fn starts(life: &Life) -> Vec<SeidStart> {
    life.sim().seid_starts(&life.key)
}

fn task_is(status: &SeiNodeStatus, kind: &str, wanted: TaskStatus) -> bool {
    let plan = status.plan.as_ref();
    plan.is_some_and(|plan| plan.tasks.iter().any(|task| task.kind == kind && task.status == wanted))
}

fn waits_in(life: &mut Life, kind: &str) {
    life.wait_for(kind, |status| {
        let open = status.plan.as_ref().and_then(|plan| plan.tasks.iter().find(|t| t.status != TaskStatus::Complete));
        open.is_some_and(|task| task.kind == kind && task.waiting_for.is_some())
    });
}

/// Production runs `image` on the volume that a bootstrap left, and nothing of the bootstrap is left.
fn settled(life: &mut Life, image: &str) {
    life.runs(image);
    assert_eq!(life.status().bootstrapped_height, Some(100));
    for (kind, name) in [(Kind::Job, "rpc-0-bootstrap"), (Kind::Secret, "any")] {
        assert!(life.child(kind, name).is_none(), "{kind:?}");
    }
    assert_eq!(life.sim().objects(Kind::Pod).len(), 1);
    let service = life.child(Kind::Service, "rpc-0").unwrap();
    assert_eq!(service["spec"]["selector"], json!({"sei.io/node": "rpc-0"}));
    let (job, production): (Vec<_>, Vec<_>) = starts(life).into_iter().partition(|start| start.bootstrap);
    assert!(job.iter().all(|start| start.image == BOOTSTRAP && start.snapshot), "{job:?}");
    assert!(job.first().is_some_and(|start| start.state_sync), "{job:?}");
    assert!(production.iter().all(|start| !start.state_sync && start.genesis), "{production:?}");
    assert!(production.iter().all(|start| start.volume == job[0].volume), "{production:?}");
}

#[test]
fn the_job_syncs_and_production_takes_over() {
    for options in [Options::default(), Options::default().realistic()] {
        let mut life = begins(options);
        settled(&mut life, V1);
        assert_eq!(starts(&life).len(), 2);
        life.set_image(V2);
        settled(&mut life, V2);
    }
}

/// Without a Job: three of production, two of the bootstrap, two of its end.
#[test]
fn a_bootstrap_costs_so_many_writes() {
    let mut life = begins(Options::default());
    settled(&mut life, V1);
    let counters = life.sim().counters();
    println!("{counters:?}");
    assert!(counters.writes() <= 16, "{counters:?}");
}

#[test]
fn an_edit_at_any_moment_ends_on_the_new_spec() {
    for second in (0..200).step_by(5) {
        let mut life = begins(slow());
        life.driver.run_for(second).unwrap();
        life.set_image(V2);
        println!("edited after {second} s");
        settled(&mut life, V2);
    }
}

#[test]
fn the_operator_may_die_at_any_moment() {
    for second in (0..200).step_by(7) {
        let mut life = begins(slow());
        life.driver.run_for(second).unwrap();
        life.driver.kill();
        settled(&mut life, V1);
        assert_eq!(starts(&life).len(), 2, "killed after {second} s");
    }
}

/// Nobody removes a disk under a pod that writes it.
#[test]
fn a_deletion_at_any_moment_stops_the_pods_first_and_leaves_nothing() {
    for second in (0..200).step_by(5) {
        let mut life = begins(slow());
        life.driver.run_for(second).unwrap();
        life.delete(Kind::SeiNode, "rpc-0");
        life.driver.run_for(600).unwrap_or_else(|stopped| panic!("after {second} s: {stopped}"));
        for kind in Kind::ALL {
            assert_eq!(life.sim().objects(kind), Vec::<Value>::new(), "after {second} s: {kind:?}");
        }
    }
}

#[test]
fn what_is_deleted_by_hand_comes_back() {
    let tasks = ["snapshot-restore", "await-bootstrap-complete", "teardown-bootstrap"];
    for task in tasks {
        for (kind, name) in [(Kind::Job, "rpc-0-bootstrap"), (Kind::Service, "rpc-0"), (Kind::Pod, "")] {
            let mut life = begins(slow());
            waits_in(&mut life, task);
            if kind == Kind::Pod {
                let pods = life.sim().objects(Kind::Pod);
                let name = pods.first().map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned());
                life.delete(kind, &name.unwrap_or_default());
            } else {
                life.delete(kind, name);
            }
            println!("{kind:?} deleted in {task}");
            settled(&mut life, V1);
        }
    }
}

#[test]
fn a_sidecar_that_restarts_on_the_way_is_asked_again() {
    for second in (0..120).step_by(3) {
        let mut life = begins(slow());
        life.driver.run_for(second).unwrap();
        life.sim().restart_sidecar(&life.key);
        println!("restarted after {second} s");
        settled(&mut life, V1);
    }
}

#[test]
fn an_evicted_bootstrap_and_a_seid_that_fails_are_tried_again() {
    for evict in [true, false] {
        let mut life = begins(Options::default());
        if evict {
            waits_in(&mut life, "await-bootstrap-complete");
            life.sim().evict(&life.key);
        } else {
            life.sim().fail_task("bootstrap-seid", 1, "");
        }
        life.wait_for("failure", |status| status.phase() == NodePhase::Failed);
        let detail = life.status().plan.unwrap().failed_task_detail.unwrap();
        let why = if evict { "the pod: Evicted" } else { "seid exited with code 1" };
        assert_eq!(detail.kind, "await-bootstrap-complete");
        assert!(detail.error.contains("bootstrap job failed") && detail.error.contains(why), "{}", detail.error);
        settled(&mut life, V1);
    }
}

#[test]
fn objects_of_others_are_left_alone() {
    let foreign = [
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"namespace": "nodes", "name": "rpc-0-bootstrap"}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "nodes", "name": "rpc-0"}}),
    ];
    for object in foreign {
        let mut life = begins(Options::default());
        let id = life.sim().user_apply(object).unwrap();
        life.wait_for("failure", |status| status.phase() == NodePhase::Failed);
        assert!(life.status().plan.unwrap().failed_task_detail.unwrap().error.contains("does not belong to"));
        assert_eq!(life.sim().objects(Kind::Pod), Vec::<Value>::new());
        life.sim().user_delete(&id);
        settled(&mut life, V1);
    }
}

/// P3: production starts when the Job's pod is gone, however long that takes.
#[test]
fn production_waits_for_the_end_of_the_jobs_pod() {
    let mut options = Options::default();
    options.delays.terminate_seconds = 300;
    let mut life = begins(options);
    waits_in(&mut life, "teardown-bootstrap");
    life.driver.run_for(200).unwrap();
    assert!(!task_is(&life.status(), "teardown-bootstrap", TaskStatus::Complete));
    assert!(life.child(Kind::StatefulSet, "rpc-0").is_none());
    settled(&mut life, V1);
}

/// The Job is the only witness of the height: what it says is stored before it is deleted, so that it never runs twice.
#[test]
fn a_bootstrap_that_got_there_never_runs_again() {
    let mut calm = begins(Options::default());
    settled(&mut calm, V1);
    let deletes = calm.sim().trace().into_iter().filter_map(|entry| {
        let Fact::Call(call) = entry.fact else { return None };
        (call.verb == Verb::Delete).then_some(call.number)
    });
    let deletes: Vec<u64> = deletes.collect();
    assert_eq!(deletes.len(), 2, "Job and Service");
    for call in deletes {
        let mut life = begins(Options::default().fault(call, Fault::Crash(Point::After)));
        settled(&mut life, V1);
        assert_eq!(starts(&life).len(), 2, "crash after call {call}");
    }
}
