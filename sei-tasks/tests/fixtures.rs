//! Every manifest of a SeiNode in `fixtures/` in a fresh world, as a user would apply it: the valid ones come up and are quiet
//! for good, the others are refused in a condition.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod living;

use std::path::{Path, PathBuf};

use living::secrets::secrets_of;
use living::{LIMIT_SECONDS, with_issuers};
use sei_planner::api::{ConditionStatus, NodePhase, SeiNode, SeiNodeStatus, TaskStatus, conditions};
use sei_planner::names::NodeKey;
use sei_planner::node::validate;
use sei_tasks::sim::{Driver, Options, SeiOperator, Sim};
use sei_tasks::world::ClusterError;
use serde_json::{Value, json};

/// A SeiNode of the fixtures, and where it stands.
struct Fixture {
    place: String,
    manifest: Value,
}

fn fixtures() -> Vec<Fixture> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures");
    let mut files = Vec::new();
    for folder in ["nodes", "samples", "reference", "edits"] {
        yaml_files(&root.join(folder), &mut files);
    }
    files.sort();
    files.iter().flat_map(|file| nodes_in(file, &root)).collect()
}

fn yaml_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            yaml_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
}

/// The SeiNodes of a file, without what only the API server writes.
fn nodes_in(file: &Path, root: &Path) -> Vec<Fixture> {
    let text = std::fs::read_to_string(file).unwrap();
    let documents = text.split("\n---").filter_map(|document| serde_saphyr::from_str::<Value>(document).ok());
    let nodes = documents.filter(|object| object["kind"] == "SeiNode");
    nodes
        .map(|mut manifest| {
            let metadata = manifest["metadata"].as_object().expect("metadata");
            let kept = ["name", "namespace", "labels", "annotations"];
            let written = kept.iter().filter_map(|key| Some(((*key).to_owned(), metadata.get(*key)?.clone())));
            let mut metadata: serde_json::Map<String, Value> = written.collect();
            metadata.entry("namespace").or_insert(json!("default"));
            let place = file.strip_prefix(root).unwrap().display();
            let place = format!("{place} ({})", metadata["name"].as_str().unwrap_or("without a name"));
            manifest["metadata"] = Value::Object(metadata);
            manifest.as_object_mut().unwrap().remove("status");
            Fixture { place, manifest }
        })
        .collect()
}

/// What others provide for a node: the Secrets that it names, and the claim that it imports with a disk of any size behind it.
fn provided(key: &NodeKey, spec: &Value) -> Vec<Value> {
    let imported = spec.pointer("/dataVolume/import/pvcName").and_then(Value::as_str);
    let mut objects = secrets_of(key, spec);
    objects.extend(imported.into_iter().flat_map(|claim| bound_claim(key, claim)));
    objects
}

fn bound_claim(key: &NodeKey, name: &str) -> [Value; 2] {
    let (size, volume) = (json!({"storage": "100Ti"}), format!("disk-of-{name}"));
    let modes = json!(["ReadWriteOnce"]);
    [
        json!({
            "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": volume},
            "spec": {"capacity": size, "accessModes": modes, "persistentVolumeReclaimPolicy": "Retain"},
            "status": {"phase": "Bound"},
        }),
        json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"namespace": key.namespace, "name": name},
            "spec": {"accessModes": modes, "resources": {"requests": size}, "volumeName": volume},
            "status": {"phase": "Bound", "accessModes": modes, "capacity": size},
        }),
    ]
}

/// A fresh world with the node in it, or what the API server has against it.
fn world(fixture: &Fixture) -> Result<(Driver<SeiOperator>, NodeKey), ClusterError> {
    let metadata = &fixture.manifest["metadata"];
    let text = |member: &str| metadata[member].as_str().unwrap_or_default().to_owned();
    let key = NodeKey::new(text("namespace"), text("name"));
    let sim = Sim::new(Options::default());
    let driver = sim.drive(SeiOperator { platform: with_issuers() });
    for object in provided(&key, &fixture.manifest["spec"]) {
        sim.user_apply(object).unwrap();
    }
    sim.user_apply(fixture.manifest.clone())?;
    Ok((driver, key))
}

fn status(driver: &Driver<SeiOperator>, key: &NodeKey) -> SeiNodeStatus {
    driver.sim().sei_node(key).and_then(|node| node.status).unwrap_or_default()
}

/// Phase, and the task that the plan is at: since when it waits, for what, and the last error.
fn standing(status: &SeiNodeStatus) -> String {
    let plan = status.plan.as_ref();
    let task = plan.and_then(|plan| plan.tasks.iter().find(|task| task.status != TaskStatus::Complete));
    let task = task.map_or_else(
        || "no task left".to_owned(),
        |task| {
            let since = task.waiting_since.map(|since| since.to_string()).unwrap_or_default();
            let on = task.waiting_for.as_deref().unwrap_or_default();
            format!("{} waits since {since} for {on:?}, last error {:?}", task.kind, task.error)
        },
    );
    format!("{}, {task}", status.phase())
}

fn comes_up(fixture: &Fixture) -> Result<(), String> {
    let (mut driver, key) = world(fixture).map_err(|refused| refused.to_string())?;
    let running = |sim: &Sim| {
        sim.sei_node(&key).is_some_and(|node| node.status.is_some_and(|status| status.phase() == NodePhase::Running))
    };
    if needs_peers(fixture) {
        asks_for_peers(&mut driver, &key)?;
    }
    let why = |driver: &Driver<SeiOperator>, why: &str| format!("{why}: {}", standing(&status(driver, &key)));
    driver.run_until(running, LIMIT_SECONDS).map_err(|stopped| why(&driver, &stopped.why))?;
    driver.run_until_idle(LIMIT_SECONDS).map_err(|stopped| why(&driver, &stopped.why))?;
    if let Some(violation) = driver.sim().violations().first() {
        return Err(violation.to_string());
    }
    driver.assert_silent(200).map(|_| ()).map_err(|stopped| why(&driver, &stopped.why))
}

/// State sync asks peers for a height to trust, and a manifest may be valid without any: `lint` says so beforehand.
fn needs_peers(fixture: &Fixture) -> bool {
    let spec = &fixture.manifest["spec"];
    let mode = ["fullNode", "archive", "replayer", "validator"].map(|mode| &spec[mode]["snapshot"]);
    spec["peers"].as_array().is_none_or(Vec::is_empty) && mode.iter().any(|snapshot| snapshot.is_object())
}

/// The node says what it lacks, and its author adds it.
fn asks_for_peers(driver: &mut Driver<SeiOperator>, key: &NodeKey) -> Result<(), String> {
    driver.run_for(300).map_err(|stopped| stopped.why)?;
    let standing = standing(&status(driver, key));
    if !standing.contains("configure-state-sync: no peers") {
        return Err(format!("nothing says that it needs peers: {standing}"));
    }
    let peers = json!([{"static": {"addresses": ["aa@peer.example:26656"]}}]);
    driver.sim().user_edit(key, |spec| spec["peers"] = peers);
    Ok(())
}

/// By the API server, or by the operator that finds it there.
fn is_refused(fixture: &Fixture) -> Result<(), String> {
    let (mut driver, key) = match world(fixture) {
        Ok(lives) => lives,
        Err(ClusterError::Rejected { .. }) => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    driver.run_for(60).map_err(|stopped| stopped.why)?;
    let status = status(&driver, &key);
    let accepted = status.condition(conditions::SPEC_ACCEPTED).map(|condition| condition.status);
    match accepted {
        Some(ConditionStatus::False) => Ok(()),
        Some(ConditionStatus::True | ConditionStatus::Unknown) | None => {
            Err(format!("SpecAccepted is {accepted:?}: {}", standing(&status)))
        }
    }
}

#[test]
fn every_fixture_comes_up_or_is_refused() {
    let fixtures = fixtures();
    let (mut up, mut refused, mut failures) = (0, 0, Vec::new());
    for fixture in &fixtures {
        let node: SeiNode = serde_json::from_value(fixture.manifest.clone()).unwrap();
        let (count, result) = match validate(&node, &with_issuers()) {
            Ok(_) => (&mut up, comes_up(fixture)),
            Err(_) => (&mut refused, is_refused(fixture)),
        };
        *count += 1;
        failures.extend(result.err().map(|why| format!("{}: {}", fixture.place, why.replace('\n', " "))));
    }
    println!("{up} came up, {refused} were refused");
    assert!(failures.is_empty(), "{} of {} failed\n{}", failures.len(), fixtures.len(), failures.join("\n"));
    assert!(up >= 60 && refused >= 9, "{up} came up, {refused} were refused: are all fixtures found?");
}
