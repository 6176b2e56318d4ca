//! Every TLS Secret of `fixtures/inspect/cases.yaml` in the life of a node, as one table: `fixtures/inspect/lives.snap`. What the
//! node's condition says, whether a new node comes up with it, and what becomes of a node that runs when its Secret turns
//! into it and another image is asked for.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]

mod living;

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use k8s_openapi::ByteString;
use living::{Life, V1, V2};
use sei_planner::api::{Condition, NodePhase, conditions as c};
use sei_planner::platform::Platform;
use sei_tasks::sim::{Options, Sim};
use sei_tasks::world::{Kind, ObjectId};
use serde_json::{Value, json};

/// The node that the certificates of the cases are made out to, and its Secret.
const NAMESPACE: &str = "sei";
const NAME: &str = "val-0";
const SECRET: &str = "tls";
/// Seconds in which a node comes up, or is rolled, if it ever is; and in which a Secret is looked at again.
const LONG: i64 = 1800;

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/inspect")
}

fn cases() -> Vec<Value> {
    let cases: Value = serde_saphyr::from_str(&fs::read_to_string(fixtures().join("cases.yaml")).unwrap()).unwrap();
    cases["tls"].as_array().unwrap().clone()
}

/// The Secret of a case; a case of a missing one has none.
fn secret(case: &Value) -> Option<Value> {
    let data = [("tls.crt", &case["crt"]), ("tls.key", &case["key"])].into_iter().filter_map(|(field, file)| {
        let bytes = fs::read(fixtures().join("tls").join(file.as_str()?)).unwrap();
        Some((field.to_owned(), json!(ByteString(bytes))))
    });
    let metadata = json!({"namespace": NAMESPACE, "name": SECRET});
    let kind = case["type"].as_str().unwrap_or("kubernetes.io/tls");
    (case["missing"] != true).then(|| {
        json!({"apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": metadata, "data": data.collect::<Value>()})
    })
}

/// The Secret becomes this one. Its type cannot be edited, so it is made anew.
fn provide(sim: &Sim, secret: Option<Value>) {
    sim.user_delete(&ObjectId::new(Kind::Secret, NAMESPACE, SECRET));
    secret.map(|secret| sim.user_apply(secret).unwrap());
}

fn node_with(secret: Option<Value>) -> Life {
    let spec = json!({
        "chainId": "pacific-1", "image": V1, "validator": {}, "sidecar": {"tls": {"secretName": SECRET}},
        "peers": [{"static": {"addresses": ["aa@peer.example:26656"]}}],
    });
    let metadata = json!({"namespace": NAMESPACE, "name": NAME});
    let node = json!({"apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "metadata": metadata, "spec": spec});
    let mut life = Life::applied(Platform::demo(), secret.into_iter().chain([node]), Options::default());
    life.driver.run_for(LONG).unwrap_or_else(|stopped| panic!("{stopped}"));
    life
}

fn condition(life: &Life) -> Condition {
    life.status().condition(c::SIDECAR_TLS_SECRET_READY).expect("a condition").clone()
}

/// The last image that a seid of the node started with.
fn started(life: &Life) -> (usize, String) {
    let starts = life.sim().seid_starts(&life.key);
    (starts.len(), starts.last().expect("a start").image.clone())
}

/// What becomes of a running node whose Secret turns into this one, and which is then asked for another image.
fn turned(running: &Life, secret: Option<Value>) -> (Condition, &'static str) {
    let mut life = Life { driver: running.driver.fork(), key: running.key.clone() };
    provide(&life.sim(), secret);
    life.driver.run_for(LONG).unwrap();
    assert_eq!(started(&life), (1, V1.to_owned()), "nothing restarts because of a Secret");
    let said = condition(&life);
    life.set_image(V2);
    life.driver.run_for(LONG).unwrap();
    assert_eq!(life.status().phase(), NodePhase::Running);
    let rolled = match started(&life) {
        (2, image) if image == V2 => "rolled",
        (1, image) if image == V1 => "held",
        other => panic!("{other:?}"),
    };
    assert_eq!(life.sim().violations(), []);
    (said, rolled)
}

/// One line: what a new node does, what a running one does, and why.
fn line(table: &mut String, case: &Value, running: &Life) {
    let name = case["case"].as_str().unwrap();
    let life = node_with(secret(case));
    let comes_up = match life.status().phase() {
        NodePhase::Running => "comes up",
        NodePhase::Pending => "waits",
        other @ (NodePhase::Initializing | NodePhase::Failed | NodePhase::Terminating) => panic!("{name}: {other}"),
    };
    let (first, (later, rolled)) = (condition(&life), turned(running, secret(case)));
    let said = |of: &Condition| (of.status, of.reason.clone(), of.message.clone());
    assert_eq!(said(&first), said(&later), "{name}");
    writeln!(table, "{name:<34} {comes_up:<9} {rolled:<7} {:<22} {}", first.reason, first.message).unwrap();
}

#[test]
fn a_node_does_with_every_certificate_what_the_table_says() {
    let cases = cases();
    let running = node_with(secret(&cases[0]));
    assert_eq!(running.status().phase(), NodePhase::Running);
    let mut table = format!("{:<34} {:<9} {:<7} {:<22} message\n", "case", "new node", "image", "reason");
    cases.iter().for_each(|case| line(&mut table, case, &running));
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(fixtures());
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("lives", table));
}
