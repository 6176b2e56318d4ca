//! The standard lives that every operator lives through here, sound or sick. No life is about one bug.

use std::sync::Arc;

use sei_planner::api::{NodePhase, PlanPhase, SeiNodeStatus, TaskStatus};
use sei_planner::names::NodeKey;
use sei_tasks::sim::{Driver, Fault, Options, Sim};
use sei_tasks::world::{Kind, ObjectId};
use serde_json::{Value, json};

use crate::bug::{Bug, Sick};
use crate::secrets::{
    NAMES, certificate, consensus_keys, founder, keyring, passphrase, validator_with_keyring, validator_with_keys,
};
use crate::verdict::{Catch, Check};
use crate::witness::Witness;

const V1: &str = "registry.example/seid:v1";
const V2: &str = "registry.example/seid:v2";
const V3: &str = "registry.example/seid:v3";
/// Virtual seconds within which every life comes to rest.
const LIMIT_SECONDS: i64 = 4500;
/// Forced looks of a settled operator.
const LOOKS: u32 = 5;

/// How a life went, as far as its story tells.
pub(crate) type Told = Result<(), Catch>;

/// A life: what the world is like, and what happens.
pub(crate) struct Life {
    pub(crate) name: &'static str,
    pub(crate) options: fn() -> Options,
    /// How often it is lived; each time something else goes wrong.
    pub(crate) rounds: u64,
    pub(crate) story: fn(&mut Living) -> Told,
}

const fn life(name: &'static str, options: fn() -> Options, story: fn(&mut Living) -> Told) -> Life {
    Life { name, options, rounds: 1, story }
}

/// Every life, the long ones last.
pub(crate) static LIVES: [Life; 29] = [
    life("edits", fast, edits),
    life("bootstrap on an imported claim", slow, bootstrap_on_import),
    life("bootstrap behind TLS", slow, bootstrap_behind_tls),
    life("bootstrap whose Job is deleted", slow_to_stop, bootstrap_without_its_job),
    life("keyring that comes late", fast, late_keyring),
    life("edits while the kubelet sleeps", fast, edits_while_the_kubelet_sleeps),
    life("lagging watch", lagging, edits),
    life("state sync", slow, state_sync),
    life("snapshot", slow, snapshot),
    life("children deleted by hand", fast, children_deleted),
    life("pods and sidecars that restart", fast, restarts),
    life("failing tasks", fast, failing_tasks),
    life("a task that is refused", fast, refused_task),
    life("silent sidecar", slow, silent_sidecar),
    life("an image that cannot be pulled", fast, broken_image),
    life("a spec that is refused", fast, refused_spec),
    life("somebody else's Service", fast, foreign_service),
    life("somebody else's claim", fast, foreign_claim),
    life("archive without peers", fast, archive),
    life("founder", fast, founding),
    life("a plan of another version", fast, plan_of_another_version),
    life("deleted", fast, deleted),
    life("deleted, volume kept", fast, deleted_and_kept),
    life("deleted, volume kept at the last moment", fast, kept_at_the_last_moment),
    life("a snapshot of hours", hours, snapshot_comes_up),
    life("a task that never ends", endless_task, comes_up_for_hours),
    life("keys and a copy of them", fast, copied_keys),
    Life { rounds: 20, ..life("a request lost in an update", fast, loses_a_request_of_an_update) },
    Life { rounds: 15, ..life("a request lost at the end", fast, loses_a_request_at_the_end) },
];

fn fast() -> Options {
    Options::default()
}

/// Long enough to be polled, short enough that polls do not drown the rest.
fn slow() -> Options {
    let mut options = Options::default().realistic();
    options.durations.seconds.values_mut().for_each(|seconds| *seconds = (*seconds).min(12));
    options
}

fn slow_to_stop() -> Options {
    let mut options = slow();
    options.delays.terminate_seconds = 60;
    options
}

fn lagging() -> Options {
    Options { watch_lag_seconds: 4, ..Options::default() }
}

fn hours() -> Options {
    let mut options = Options::default().realistic();
    options.durations.seconds.insert("snapshot-restore".to_owned(), 3700);
    options
}

fn endless_task() -> Options {
    let mut options = Options::default();
    options.durations.seconds.insert("config-apply".to_owned(), 30 * 86_400);
    options
}

/// An operator in a world with one node, or two.
pub(crate) struct Living {
    driver: Driver<Sick>,
    pub(crate) world: Witness,
    key: NodeKey,
    round: u64,
}

impl Living {
    pub(crate) fn new(bug: Arc<dyn Bug>, options: Options, round: u64) -> Self {
        let sim = Sim::new(options);
        let world = Witness::of(sim.clone());
        let driver = sim.drive(Sick { bug, world: world.clone() });
        Self { driver, world, key: NodeKey::new("nodes", "rpc-0"), round }
    }

    fn sim(&self) -> &Sim {
        &self.world.sim
    }

    /// A user applies a node; what `spec` does not say is usual.
    fn apply(&self, name: &str, spec: Value) {
        let mut whole = json!({"chainId": "pacific-1", "image": V1});
        if spec.get("peers").is_none() {
            whole["peers"] = json!([{"static": {"addresses": ["aa@peer.example:26656"]}}]);
        }
        whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        self.provide(json!({
            "apiVersion": "sei.io/v1alpha1", "kind": "SeiNode",
            "metadata": {"namespace": "nodes", "name": name}, "spec": whole,
        }));
    }

    fn provide(&self, object: Value) {
        self.sim().user_apply(object).unwrap();
    }

    fn edit(&self, field: &'static str, value: Value) {
        self.sim().user_edit(&self.key, |spec| spec[field] = value);
    }

    fn delete(&self, kind: Kind, name: &str) {
        self.sim().user_delete(&ObjectId::new(kind, "nodes", name));
    }

    fn pass(&mut self, seconds: i64) -> Told {
        Ok(self.driver.run_for(seconds)?)
    }

    /// Until status is like that, or for as long as anybody would wait.
    fn until(&mut self, reached: impl Fn(&SeiNodeStatus) -> bool) -> Told {
        let key = self.key.clone();
        let reached = |sim: &Sim| sim.sei_node(&key).is_some_and(|node| reached(&node.status.unwrap_or_default()));
        Ok(self.driver.run_until(reached, LIMIT_SECONDS)?)
    }

    fn until_task(&mut self, kind: &str) -> Told {
        self.until(|status| {
            let plan = status.plan.as_ref().filter(|plan| plan.phase == PlanPhase::Active);
            let open = plan.and_then(|plan| plan.tasks.iter().find(|task| task.status != TaskStatus::Complete));
            open.is_some_and(|task| task.kind == kind && task.waiting_for.is_some())
        })
    }

    /// The node runs `image`: status says so and the pod does, which is of the newest template and ready (L1); then there
    /// is silence (L2).
    fn runs(&mut self, image: &str) -> Told {
        self.until(|status| status.phase() == NodePhase::Running)?;
        self.driver.run_until_idle(LIMIT_SECONDS)?;
        let off = |what: &str| Err(Check::NotConverged.says(format!("at rest, but {what}")));
        let status = self.sim().sei_node(&self.key).and_then(|node| node.status).unwrap_or_default();
        let child = |kind, name: &str| self.sim().object(&ObjectId::new(kind, "nodes", name)).unwrap_or_default();
        let (pod, set) = (child(Kind::Pod, "rpc-0-0"), child(Kind::StatefulSet, "rpc-0"));
        let revision = &pod["metadata"]["labels"]["controller-revision-hash"];
        if status.current_image.as_deref() != Some(image) {
            return off("status says another image");
        }
        if seid(&pod) != image {
            return off("the pod runs another image");
        }
        if *revision != set["status"]["updateRevision"] {
            return off("the pod is of an older template");
        }
        if !ready(&pod) {
            return off("the pod is not ready");
        }
        self.rests()
    }

    fn rests(&mut self) -> Told {
        self.pass(320)?;
        self.driver.assert_silent(LOOKS)?;
        Ok(())
    }

    fn gone(&mut self) -> Told {
        self.pass(900)?;
        match self.sim().sei_node(&self.key) {
            None => Ok(()),
            Some(_) => Err(Check::NotConverged.says("the deleted node is still there")),
        }
    }
}

fn seid(pod: &Value) -> &str {
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let seid = containers.into_iter().find(|container| container["name"] == "seid");
    seid.and_then(|container| container["image"].as_str()).unwrap_or_default()
}

fn ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

fn full_node() -> Value {
    json!({"fullNode": {}, "overrides": {"logging.level": "debug"}})
}

fn edits(life: &mut Living) -> Told {
    life.apply("rpc-0", full_node());
    life.runs(V1)?;
    life.sim().user_edit_status(&life.key, |status| status["externalAddress"] = json!("198.51.100.7:26656"));
    life.edit("podLabels", json!({"tier": "a"}));
    life.edit("image", json!(V2));
    life.runs(V2)?;
    life.edit("image", json!(V3));
    life.pass(2)?;
    life.edit("image", json!(V2));
    life.runs(V2)?;
    life.edit("podLabels", json!({"tier": "b"}));
    life.edit("image", json!(V3));
    life.until_task("replace-pod")?;
    life.edit("image", json!(V1));
    life.runs(V1)
}

fn edits_while_the_kubelet_sleeps(life: &mut Living) -> Told {
    life.apply("rpc-0", full_node());
    life.runs(V1)?;
    life.sim().pause_kubelet();
    life.edit("image", json!(V2));
    life.until_task("replace-pod")?;
    life.edit("image", json!(V1));
    life.pass(120)?;
    life.driver.kill();
    life.pass(120)?;
    life.sim().resume_kubelet();
    life.runs(V1)
}

fn state_sync(life: &mut Living) -> Told {
    life.apply("rpc-0", json!({"fullNode": {"snapshot": {"stateSync": {}}}}));
    life.until_task("configure-state-sync")?;
    life.edit("image", json!(V2));
    life.runs(V2)
}

fn snapshot(life: &mut Living) -> Told {
    life.apply("rpc-0", json!({"fullNode": {"snapshot": {"s3": {"targetHeight": 100}}}}));
    life.until_task("snapshot-restore")?;
    life.driver.kill();
    life.pass(8)?;
    life.sim().restart_sidecar(&life.key);
    life.runs(V1)?;
    life.edit("image", json!(V2));
    life.runs(V2)
}

fn snapshot_comes_up(life: &mut Living) -> Told {
    life.apply("rpc-0", json!({"fullNode": {"snapshot": {"s3": {"targetHeight": 100}}}}));
    life.runs(V1)
}

fn children_deleted(life: &mut Living) -> Told {
    life.apply("rpc-0", full_node());
    life.runs(V1)?;
    for (kind, name) in [(Kind::StatefulSet, "rpc-0"), (Kind::Service, "rpc-0"), (Kind::Pod, "rpc-0-0")] {
        life.delete(kind, name);
        life.pass(120)?;
        life.runs(V1)?;
    }
    Ok(())
}

fn restarts(life: &mut Living) -> Told {
    life.apply("rpc-0", full_node());
    life.runs(V1)?;
    life.sim().evict(&life.key);
    life.pass(120)?;
    life.runs(V1)?;
    life.sim().restart_sidecar(&life.key);
    life.pass(120)?;
    life.runs(V1)
}

fn failing_tasks(life: &mut Living) -> Told {
    life.sim().fail_task("discover-peers", 3, "no reachable peers");
    life.sim().fail_task("configure-genesis", 2, "S3: SlowDown");
    life.apply("rpc-0", full_node());
    life.runs(V1)?;
    life.sim().fail_task("mark-ready", 1, "it is not possible");
    life.edit("image", json!(V2));
    life.until(|status| status.plan.as_ref().is_some_and(|plan| plan.phase == PlanPhase::Failed))?;
    life.edit("image", json!(V3));
    life.runs(V3)
}

fn refused_task(life: &mut Living) -> Told {
    life.world.refuse(Some("config-apply"));
    life.apply("rpc-0", full_node());
    life.pass(200)?;
    life.world.refuse(None);
    life.edit("image", json!(V2));
    life.runs(V2)
}

fn comes_up_for_hours(life: &mut Living) -> Told {
    life.apply("rpc-0", full_node());
    life.pass(4000)
}

fn silent_sidecar(life: &mut Living) -> Told {
    life.apply("rpc-0", full_node());
    life.until_task("discover-peers")?;
    life.sim().silence_sidecar(&life.key, 90);
    life.runs(V1)
}

fn broken_image(life: &mut Living) -> Told {
    life.sim().break_image(V1, true);
    life.apply("rpc-0", full_node());
    life.pass(600)?;
    life.edit("image", json!(V2));
    life.runs(V2)
}

fn refused_spec(life: &mut Living) -> Told {
    life.apply("rpc-0", json!({"fullNode": {}, "overrides": {"evm.htp_port": "8545"}}));
    life.pass(600)?;
    life.edit("overrides", json!({}));
    life.runs(V1)
}

fn deleted(life: &mut Living) -> Told {
    life.apply("rpc-0", full_node());
    life.runs(V1)?;
    life.delete(Kind::SeiNode, "rpc-0");
    let r = life.gone();
    if std::env::var_os("CALLS").is_some() {
        println!("CALLS {}", life.sim().calls());
    }
    r
}

fn deleted_and_kept(life: &mut Living) -> Told {
    life.apply("rpc-0", json!({"fullNode": {}, "dataVolume": {"retainOnDelete": true}}));
    life.sim().fail_task("config-apply", 1, "config validation failed");
    life.until(|status| status.phase() == NodePhase::Failed)?;
    life.delete(Kind::SeiNode, "rpc-0");
    let r = life.gone();
    if std::env::var_os("CALLS").is_some() {
        println!("CALLS {}", life.sim().calls());
    }
    r
}

fn kept_at_the_last_moment(life: &mut Living) -> Told {
    life.apply("rpc-0", full_node());
    life.runs(V1)?;
    life.delete(Kind::SeiNode, "rpc-0");
    life.driver.run_until(|sim| sim.objects(Kind::Pod).is_empty(), LIMIT_SECONDS)?;
    life.edit("dataVolume", json!({"retainOnDelete": true}));
    life.gone()
}

fn foreign_service(life: &mut Living) -> Told {
    life.provide(json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "nodes", "name": "rpc-0"},
        "spec": {"selector": {"app": "other"}},
    }));
    life.apply("rpc-0", full_node());
    life.pass(400)?;
    life.delete(Kind::Service, "rpc-0");
    life.sim().user_annotate(&life.key, "sei.io/retry", Some("1"));
    life.runs(V1)
}

fn foreign_claim(life: &mut Living) -> Told {
    life.provide(claim("data-rpc-0", "ReadWriteOnce"));
    life.apply("rpc-0", full_node());
    life.pass(200)?;
    life.delete(Kind::SeiNode, "rpc-0");
    let r = life.gone();
    if std::env::var_os("CALLS").is_some() {
        println!("CALLS {}", life.sim().calls());
    }
    r
}

/// A bound claim that somebody else made.
fn claim(name: &str, mode: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"namespace": "nodes", "name": name},
        "spec": {
            "accessModes": [mode], "resources": {"requests": {"storage": "2000Gi"}}, "volumeName": "disk",
        },
        "status": {"phase": "Bound", "capacity": {"storage": "2000Gi"}},
    })
}

fn disk() -> Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "disk"},
        "spec": {"capacity": {"storage": "2000Gi"}, "persistentVolumeReclaimPolicy": "Retain"},
        "status": {"phase": "Bound"},
    })
}

fn archive(life: &mut Living) -> Told {
    life.apply("rpc-0", json!({"archive": {}, "peers": [{"label": {"selector": {"role": "seed"}}}]}));
    life.runs(V1)?;
    life.edit("image", json!(V2));
    life.runs(V2)
}

fn late_keyring(life: &mut Living) -> Told {
    life.apply("rpc-0", json!({"validator": validator_with_keyring()}));
    life.pass(300)?;
    life.provide(keyring());
    life.pass(120)?;
    life.provide(passphrase());
    life.runs(V1)?;
    life.edit("image", json!(V2));
    life.runs(V2)
}

fn copied_keys(life: &mut Living) -> Told {
    consensus_keys("a").into_iter().chain(consensus_keys("b")).for_each(|secret| life.provide(secret));
    life.apply("rpc-0", json!({"validator": validator_with_keys("a")}));
    life.runs(V1)?;
    life.apply("rpc-1", json!({"validator": validator_with_keys("b")}));
    life.pass(120)?;
    life.edit("image", json!(V2));
    life.pass(60)?;
    life.delete(Kind::SeiNode, "rpc-0");
    let r = life.gone();
    if std::env::var_os("CALLS").is_some() {
        println!("CALLS {}", life.sim().calls());
    }
    r
}

fn founding(life: &mut Living) -> Told {
    life.apply("rpc-0", json!({"chainId": "test-1", "validator": founder()}));
    life.runs(V1)
}

fn bootstrap(more: Value) -> Value {
    let mut spec = json!({"replayer": {"snapshot": {
        "s3": {"targetHeight": 100}, "bootstrapImage": "registry.example/seid:bootstrap",
    }}});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    spec
}

fn bootstrap_behind_tls(life: &mut Living) -> Told {
    life.provide(certificate(&NAMES));
    life.apply("rpc-0", bootstrap(json!({"sidecar": {"tls": {"secretName": "rpc-0-tls"}}})));
    life.runs(V1)?;
    life.edit("image", json!(V2));
    life.runs(V2)
}

fn bootstrap_on_import(life: &mut Living) -> Told {
    life.provide(disk());
    life.provide(claim("old-data", "ReadWriteOncePod"));
    life.apply("rpc-0", bootstrap(json!({"dataVolume": {"import": {"pvcName": "old-data"}}})));
    life.runs(V1)?;
    life.delete(Kind::SeiNode, "rpc-0");
    let r = life.gone();
    if std::env::var_os("CALLS").is_some() {
        println!("CALLS {}", life.sim().calls());
    }
    r
}

/// Its pod goes on for a minute.
fn bootstrap_without_its_job(life: &mut Living) -> Told {
    life.apply("rpc-0", bootstrap(json!({})));
    life.until_task("snapshot-restore")?;
    life.pass(15)?;
    life.delete(Kind::Job, "rpc-0-bootstrap");
    life.runs(V1)
}

/// A task that this version does not know stands in the stored plan, after the bootstrap did its work.
fn plan_of_another_version(life: &mut Living) -> Told {
    life.apply("rpc-0", bootstrap(json!({})));
    life.until(|status| {
        let plan = status.plan.as_ref();
        plan.is_some_and(|plan| {
            plan.tasks.iter().any(|task| task.kind == "teardown-bootstrap" && task.status == TaskStatus::Complete)
        })
    })?;
    life.sim().user_edit_status(&life.key, |status| {
        let tasks = status["plan"]["tasks"].as_array_mut().unwrap();
        let next = tasks.iter_mut().find(|task| task["status"] == "Pending").unwrap();
        next["type"] = json!("a-task-of-old");
    });
    life.runs(V1)
}

/// A node of which the request of this round will be lost.
fn loses_a_request(life: &Living) {
    life.sim().plan_fault(life.sim().calls() + 1 + life.round, Fault::LostRequest);
}

fn loses_a_request_of_an_update(life: &mut Living) -> Told {
    life.apply("rpc-0", full_node());
    life.driver.run_until_idle(LIMIT_SECONDS)?;
    loses_a_request(life);
    life.edit("image", json!(V2));
    life.runs(V2)
}

fn loses_a_request_at_the_end(life: &mut Living) -> Told {
    life.apply("rpc-0", json!({"fullNode": {}, "dataVolume": {"retainOnDelete": true}}));
    life.driver.run_until_idle(LIMIT_SECONDS)?;
    loses_a_request(life);
    life.delete(Kind::SeiNode, "rpc-0");
    life.gone()
}
