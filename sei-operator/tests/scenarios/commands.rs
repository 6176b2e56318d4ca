//! The commands that ask a live cluster, as processes of their own: what they say of a node on its way, of one that failed, and
//! of one that asks a person.

use std::process::Output;
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Secret, Service};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use rustix::process::{Pid, Signal, kill_process};
use sei_planner::api::SeiNode;
use serde_json::{Value, json};

use super::keys::{provide, validator};
use super::specs::{self, V1, V2};
use crate::support::fixtures;
use crate::support::place::Place;
use crate::support::view::{View, check};
use crate::support::world::World;

const NAMESPACE: &str = "commands";
/// So long each task of a node takes that is looked at on its way.
const SLOW: Duration = Duration::from_secs(20);
/// So long a paused node is looked at.
const PAUSE: Duration = Duration::from_secs(5);
const TOLD_DEADLINE: Duration = Duration::from_secs(60);

/// What a command said.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// It ended with this code, and both its streams hold these words.
    #[track_caller]
    fn is(self, code: i32, words: &[&str]) -> Self {
        let all = format!("exit code {:?}\n--- stdout\n{}--- stderr\n{}", self.code, self.out, self.err);
        assert_eq!(self.code, Some(code), "{all}");
        for word in words {
            assert!(self.out.contains(word) || self.err.contains(word), "{word:?} is missing\n{all}");
        }
        self
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

/// Runs a command to its end.
async fn run(place: &Place, args: &[&str]) -> Said {
    let mut command = place.world.command(args);
    Said::of(tokio::task::spawn_blocking(move || command.output()).await.expect("it runs").expect("it starts"))
}

/// A node on its way, and there: status, wait, plan, and what is refused because nothing is asked and nothing failed.
pub(crate) async fn tell_of_a_live_node(world: Arc<World>) {
    let place = world.served_place(NAMESPACE).await;
    let node = &format!("{NAMESPACE}/rpc-0");
    run(&place, &["status", node]).await.is(1, &["there is no SeiNode commands/rpc-0", "status -A"]);
    place.sidecar("rpc-0").delay(SLOW);
    place.create("rpc-0", specs::from_genesis()).await;
    let begun = |view: &View| {
        view.phase_is("Initializing")?;
        check(!place.sidecar("rpc-0").started().is_empty(), || "no task is under way".to_owned())
    };
    place.until("rpc-0", "the first task is under way", begun).await;
    on_its_way(&place, node).await;

    let waits = tokio::spawn({
        let mut command = world.command(&["wait", node, "--for=phase=Running", "--timeout", "2m"]);
        async move { tokio::task::spawn_blocking(move || command.output()).await.expect("it runs").expect("it starts") }
    });
    place.sidecar("rpc-0").delay(Duration::ZERO);
    Said::of(waits.await.expect("it ends")).is(0, &["SeiNode commands/rpc-0 is Running", "waiting"]);
    place.until("rpc-0", "the node comes up", |view| view.settled_on(V1)).await;
    there(&place, node).await;
    follows_an_edit(&place, node).await;
    differs(&place, node).await;
    held_and_let_go(&place, node).await;
}

/// What the spec makes of the objects is what is there, until somebody changes them by hand or an edit waits; nothing is written.
async fn differs(place: &Place, node: &str) {
    let platform = fixtures::platform();
    let diff = ["diff", node, "--platform", platform.to_str().expect("UTF-8")];
    run(place, &diff).await.is(0, &["SeiNode commands/rpc-0: nothing differs in its 3 objects"]);
    run(place, &["pause", node]).await.is(0, &["nothing is under way"]);
    place.edit("rpc-0", json!({"podLabels": {"team": "b"}})).await;
    place.delete::<Service>("rpc-0").await;
    let told = run(place, &diff).await;
    let told = told.is(
        2,
        &[
            "--- StatefulSet commands/rpc-0 (live)",
            "+++ StatefulSet commands/rpc-0 (wanted)",
            "\n+        team: b\n",
            "--- Service commands/rpc-0 (absent)",
            "\n+  clusterIP: None\n",
            "2 of 3 objects differ",
        ],
    );
    println!("{}", told.out);
    assert!(place.view("rpc-0").await.service.is_none(), "a dry run makes nothing");
    place.edit("rpc-0", json!({"podLabels": null})).await;
    run(place, &["resume", node]).await.is(0, &["the operator goes on with it"]);
    let again = |view: &View| check(view.service.is_some(), || "the Service does not come back".to_owned());
    place.until("rpc-0", "the Service comes back", again).await;
    place.until("rpc-0", "it goes on", |view| view.condition_is("Paused", "False", "NoLonger")).await;
    place.until("rpc-0", "it settles", |view| view.settled_on(V2)).await;
    run(place, &diff).await.is(0, &["nothing differs"]);
}

/// An edit of a paused node is followed once it goes on.
async fn held_and_let_go(place: &Place, node: &str) {
    run(place, &["resume", node]).await.is(1, &["it is not paused"]);
    run(place, &["pause", node]).await.is(0, &["nothing is under way", "sei.io/paused=true"]);
    run(place, &["pause", node]).await.is(1, &["it is paused already"]);
    place.until("rpc-0", "it is paused", |view| view.condition_is("Paused", "True", "Annotated")).await;
    place.edit("rpc-0", json!({"image": V1})).await;
    place.stays("rpc-0", PAUSE, |view| view.settled_on(V2)).await;
    run(place, &["status", node]).await.is(0, &["it is paused", "sei-operator resume commands/rpc-0"]);
    run(place, &["resume", node]).await.is(0, &["the operator goes on with it", "sei.io/paused-"]);
    place.until("rpc-0", "the edit is followed", |view| view.settled_on(V1)).await;
    place.until("rpc-0", "it goes on", |view| view.condition_is("Paused", "False", "NoLonger")).await;
}

async fn on_its_way(place: &Place, node: &str) {
    let status = run(place, &["status", node]).await;
    let status = status.is(0, &["Initializing", "PLAN  Init Active", "configure-genesis", "POD  rpc-0-0"]);
    println!("{}", status.out);
    run(place, &["status", "rpc-9", "-n", NAMESPACE]).await.is(1, &["did you mean commands/rpc-0?"]);
    run(place, &["status", "rpc-0", "-n", "default"]).await.is(1, &["did you mean commands/rpc-0?"]);
    let late = run(place, &["wait", node, "--for=phase=Running", "--timeout", "1s"]).await;
    late.is(1, &["is not phase=Running after 1s", "configure-genesis", "sei-operator status commands/rpc-0"]);
    let platform = fixtures::platform();
    let platform = platform.to_str().expect("UTF-8");
    let plan = ["plan", node, "--platform", platform, "--detailed-exitcode"];
    run(place, &plan).await.is(2, &["the plan in status goes on", "✓ ensure-data-pvc"]);
    run(place, &["retry", node]).await.is(1, &["its plan is under way", "nothing to try again"]);
    run(place, &["acknowledge", node]).await.is(1, &["asks nothing"]);
}

async fn there(place: &Place, node: &str) {
    let status = run(place, &["status", node]).await.is(0, &["PLAN  Init Complete", "nothing to do"]);
    println!("{}", status.out);
    let list = run(place, &["status", "-n", NAMESPACE]).await.is(0, &["NAMESPACE", "rpc-0", "Init done"]);
    println!("{}", list.out);
    let all = run(place, &["status", "-A", "-o", "json"]).await.is(0, &[]).json();
    let found = all["nodes"].as_array().expect("nodes").iter().find(|found| found["namespace"] == NAMESPACE);
    let found = found.expect("the node is among all nodes");
    assert_eq!((&found["phase"], &found["blockedBy"]), (&json!("Running"), &Value::Null), "{found}");
    assert_eq!(found["pods"][0]["containers"].as_array().map(Vec::len), Some(4), "{found}");
    run(place, &["wait", node, "--for=condition=SidecarReady", "--timeout", "5s"]).await.is(0, &["SidecarReady=True"]);
    let platform = fixtures::platform();
    let platform = platform.to_str().expect("UTF-8");
    let plan = ["plan", node, "--platform", platform, "--detailed-exitcode", "-o", "json"];
    let plan = run(place, &plan).await.is(0, &[]).json();
    assert_eq!(plan["results"][0]["outcome"], "none", "{plan}");
}

/// An edit in a file is planned on the live node, applied, and followed by a watch.
async fn follows_an_edit(place: &Place, node: &str) {
    let dir = tempfile::tempdir().expect("a directory");
    let (file, told) = (dir.path().join("node.yaml"), dir.path().join("told"));
    let mut spec = specs::from_genesis();
    spec["image"] = V2.into();
    let edited = json!({"apiVersion": "sei.io/v1alpha1", "kind": "SeiNode",
        "metadata": {"name": "rpc-0", "namespace": NAMESPACE}, "spec": spec});
    std::fs::write(&file, edited.to_string()).expect("written");
    let platform = fixtures::platform();
    let platform = platform.to_str().expect("UTF-8");
    let path = file.to_str().expect("UTF-8");
    let plan = ["plan", "-f", path, "--live", "--platform", platform, "--detailed-exitcode"];
    let plan = run(place, &plan).await.is(2, &["plan Update", "~ replace-pod", "spec.image"]);
    println!("{}", plan.out);

    let out = std::fs::File::create(&told).expect("a file");
    let mut watch = place.world.command(&["status", node, "--watch"]).stdout(out).spawn().expect("it starts");
    let tells = async |words: &str| {
        let deadline = Instant::now() + TOLD_DEADLINE;
        while !std::fs::read_to_string(&told).expect("text").contains(words) {
            assert!(Instant::now() < deadline, "{words}: {}", std::fs::read_to_string(&told).expect("text"));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tells("Init done").await;
    place.edit("rpc-0", json!({"image": V2})).await;
    tells("Update done").await;
    kill_process(Pid::from_child(&watch), Signal::INT).expect("our child");
    let ended = tokio::task::spawn_blocking(move || watch.wait()).await.expect("it ends").expect("our child");
    assert!(ended.success(), "Ctrl-C is how a watch ends: {ended}");
    println!("{}", std::fs::read_to_string(&told).expect("text"));
    run(place, &["wait", node, "--for=plan=Complete"]).await.is(0, &["Update"]);
}

/// A validator whose key is unusable fails, and is tried again once the key is; a copy of its key asks a person, who answers.
pub(crate) async fn retry_and_answer(world: Arc<World>) {
    let place = world.served_place("commands-keys").await;
    let leases: Api<Lease> = Api::namespaced(world.admin.clone(), "default");
    forget_keys(&leases).await;
    provide(&place, "a").await;
    let secrets: Api<Secret> = place.api();
    let good = secrets.get("signing-a").await.expect("provided").data;
    let data = |data: Value| Patch::Merge(json!({ "data": data }));
    let broken = data(json!({"priv_validator_key.json": "e30="}));
    secrets.patch("signing-a", &PatchParams::default(), &broken).await.expect("patched");
    place.create("val-0", validator("a")).await;
    place.until("val-0", "the key is refused", |view| view.phase_is("Failed")).await;
    let node = "commands-keys/val-0";
    let status = run(&place, &["status", node]).await;
    println!("{}", status.is(0, &["Failed", "✗ validate-signing-key", "sei-operator retry commands-keys/val-0"]).out);
    let late = run(&place, &["wait", node, "--for=phase=Running", "--timeout", "1s"]).await;
    late.is(1, &["validate-signing-key failed", "last error"]);
    secrets.patch("signing-a", &PatchParams::default(), &data(json!(good))).await.expect("patched");
    let retry = run(&place, &["retry", node]).await;
    let retry = retry.is(0, &["failed at validate-signing-key", "--overwrite sei.io/retry=1"]);
    println!("{}{}", retry.out, retry.err);
    run(&place, &["wait", node, "--for=phase=Running"]).await.is(0, &["is Running"]);
    run(&place, &["retry", node]).await.is(1, &["its last plan is complete"]);

    place.delete::<SeiNode>("val-0").await;
    place.until("val-0", "the node goes", |view| check(view.node.is_none(), || "it is there".to_owned())).await;
    place.create("val-1", validator("a")).await;
    answered(&place, "commands-keys/val-1").await;
    place.until("val-1", "the node comes up", |view| view.settled_on(V1)).await;
    forget_keys(&leases).await;
}

async fn answered(place: &Place, node: &str) {
    let asks = ["wait", node, "--for=condition=AwaitingAcknowledgement", "--timeout", "1m"];
    run(place, &asks).await.is(0, &["SigningKeyMoves"]);
    let status = run(place, &["status", node]).await;
    println!("{}", status.is(0, &["stuck", "a person is asked", "sei-operator acknowledge commands-keys/val-1"]).out);
    let alone = run(place, &["acknowledge", node]).await;
    println!("{}", alone.is(1, &["another disk", "nobody is at a terminal", "nothing was answered"]).err);
    run(place, &["acknowledge", node, "--token", "00000000"]).await.is(1, &["is not the token of this question"]);
    let asked = place.view("val-1").await;
    asked.condition_is("AwaitingAcknowledgement", "True", "SigningKeyMoves").expect("nothing was answered");
    let question = asked.conditions().iter().find(|one| one["type"] == "AwaitingAcknowledgement").expect("asked");
    let token = question["message"].as_str().and_then(|text| text.rsplit('=').next()).expect("a token").to_owned();
    let answer = run(place, &["acknowledge", node, "--token", &token]).await;
    answer.is(0, &["answered; the operator goes on", &format!("sei.io/acknowledge={token}")]);
    run(place, &["wait", node, "--for=phase=Running"]).await.is(0, &["is Running"]);
}

/// The key of the fixtures is that of other scenarios, too.
pub(super) async fn forget_keys(leases: &Api<Lease>) {
    for lease in leases.list(&ListParams::default()).await.expect("listed") {
        let name = lease.name_any();
        if name.starts_with("sei-signing-key-") {
            leases.delete(&name, &DeleteParams::default()).await.expect("deleted");
        }
    }
}

/// What a cluster lacks is told with a hint each; once it is there, nothing fails.
pub(crate) async fn checks_a_cluster(world: Arc<World>) {
    let place = world.served_place("commands-check").await;
    place.create("rpc-0", specs::from_genesis()).await;
    place.until("rpc-0", "the node comes up", |view| view.settled_on(V1)).await;
    let settings = std::fs::read_to_string(fixtures::platform()).expect("the fixture");
    let dir = tempfile::tempdir().expect("a directory");
    let [good, bad] = ["good.env", "bad.env"].map(|name| dir.path().join(name).display().to_string());
    std::fs::write(&good, &settings).expect("written");
    std::fs::write(&bad, settings.replace("SEI_STORAGE_CLASS_ARCHIVE=", "SEI_STORAGE_CLASS_ARCHIVE=no-such-"))
        .expect("written");
    let flags = ["-n", "commands-check", "--operator-namespace", "commands-check"];
    let check = ["check", "--settings", &bad, "-o", "json"];
    let before = run(&place, &[&check[..], &flags].concat()).await.is(1, &[]).json();
    let of = |verdict: &str| -> Vec<&Value> {
        before["checks"].as_array().expect("checks").iter().filter(|check| check["verdict"] == verdict).collect()
    };
    let failed: Vec<&str> = of("failed").iter().map(|check| check["what"].as_str().expect("a text")).collect();
    assert_eq!(failed.len(), 2, "{before:#}");
    assert!(failed[0].contains("storage class no-such-") && failed[1].contains("no operator leads"), "{failed:#?}");
    assert!([of("failed"), of("warning")].concat().iter().all(|check| check["hint"].is_string()), "{before:#}");

    let leases: Api<Lease> = place.api();
    let lease = json!({"metadata": {"name": "bc1f5b0a.sei.io"}, "spec": {"holderIdentity": "somebody_1",
        "leaseDurationSeconds": 15, "renewTime": jiff::Timestamp::now().to_string()}});
    let lease = serde_json::from_value(lease).expect("a Lease");
    leases.create(&PostParams::default(), &lease).await.expect("created");
    let after = run(&place, &[&["check", "--settings", &good][..], &flags].concat()).await;
    println!("{}", after.is(0, &["somebody_1 leads", "√ 1 of 1 nodes run", "The result is √"]).out);
    // What the roles of an installation grant is all that is needed, and they grant no look at storage classes.
    let pre = ["check", "--pre", "--settings", &good, "--as", "operator", "--operator-namespace", "default"];
    println!("{}", run(&place, &pre).await.is(0, &["cannot look for storage class", "may get secrets"]).out);
}
