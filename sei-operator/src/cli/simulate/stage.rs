//! Sets the stage: the world as it is before the operator starts, with the nodes, Secrets and claims it needs.

use std::collections::BTreeSet;
use std::path::PathBuf;

use sei_planner::api::SeiNode;
use sei_planner::manifests::required_storage;
use sei_planner::names::NodeKey;
use sei_planner::node::validate;
use sei_planner::platform::Platform;
use sei_tasks::sim::{Options, Sim};
use serde_json::json;

use super::super::plan::secrets_of;
use super::super::{Given, report};
use crate::input::diagnostics::{Diagnostic, Severity};
use crate::input::secrets::Secrets;
use crate::input::sources::Sources;
use crate::input::{Document, Input};
use crate::output::{self, Paint};

/// A world that is ready to begin.
pub(super) struct Stage {
    /// The world.
    pub(super) sim: Sim,
    /// The nodes that were accepted.
    pub(super) nodes: BTreeSet<NodeKey>,
    /// Whether everything that was given could be used.
    pub(super) complete: bool,
}

impl Stage {
    /// Reads what is given, says what is wrong with it, and applies the rest as a user would.
    pub(super) fn set(given: &Given, secrets: &[PathBuf], options: Options, platform: &Platform) -> Self {
        let input = Input::read(&given.files);
        let refused = |document: &Document| [document.problems.as_slice(), &document.rules].concat();
        let problems: Vec<Diagnostic> = input.documents.iter().flat_map(refused).collect();
        report(&input, &problems);
        let sim = Sim::new(options);
        let secrets = Secrets::read(secrets);
        let mut complete = provide(&sim, &secrets) && problems.is_empty() && !input.documents.is_empty();
        let mut admitted = BTreeSet::new();
        let accepted = input.documents.iter().filter(|document| document.rules.is_empty());
        for node in accepted.filter_map(|document| document.node.as_deref()) {
            let key = NodeKey::of(node);
            let claimed = import(&sim, node, &key, platform);
            match claimed.and_then(|()| admit(&sim, node, &key)) {
                Ok(()) => {
                    miss(&secrets, node, &key);
                    admitted.insert(key);
                }
                Err(error) => {
                    complete = false;
                    output::chatter(&format!("{}: {key}: {error}\n", Paint::stderr().red("error")));
                }
            }
        }
        Self { sim, nodes: admitted, complete }
    }
}

fn note(text: &str) {
    output::chatter(&format!("{}: {text}\n", Paint::stderr().blue("note")));
}

/// Puts the Secrets of files into the world; whether all of them could be used. No line of these files is ever shown.
fn provide(sim: &Sim, secrets: &Secrets) -> bool {
    for diagnostic in &secrets.diagnostics {
        output::chatter(&format!("{}\n", diagnostic.render(&Sources::default(), Paint::stderr())));
    }
    let readable = secrets.diagnostics.iter().all(|diagnostic| diagnostic.severity != Severity::Error);
    let applied = |secret| serde_json::to_value(secret).is_ok_and(|secret| sim.user_apply(secret).is_ok());
    secrets.all().all(applied) && readable
}

/// Says which Secrets a node will wait for, because no file holds them.
fn miss(secrets: &Secrets, node: &SeiNode, key: &NodeKey) {
    for name in secrets_of(&node.spec, &key.name) {
        if name != key.sidecar_certificate() && secrets.get(&key.namespace, &name).is_none() {
            note(&format!("{key} names the Secret {name:?}, which is in no file: give it with --secret FILE"));
        }
    }
}

/// Applies a node as a user would: without its status.
fn admit(sim: &Sim, node: &SeiNode, key: &NodeKey) -> Result<(), String> {
    if node.status.is_some() {
        note(&format!("{key} starts new: the status in its document is not used"));
    }
    let manifest = SeiNode { status: None, ..node.clone() };
    let manifest = serde_json::to_value(&manifest).map_err(|error| error.to_string())?;
    sim.user_apply(manifest).map(|_| ()).map_err(|error| error.to_string())
}

/// Provides the claim that a node imports: bound, and just large enough.
fn import(sim: &Sim, node: &SeiNode, key: &NodeKey, platform: &Platform) -> Result<(), String> {
    let Ok(valid) = validate(node, platform) else { return Ok(()) };
    if !valid.data_volume.imported {
        return Ok(());
    }
    let size = required_storage(&valid, platform).canonical();
    let (claim, volume) = (&valid.data_volume.claim, format!("pv-of-{}", valid.data_volume.claim));
    note(&format!("{key} imports the claim {claim:?}: a bound one of {size} is simulated"));
    let (modes, capacity) = (json!(["ReadWriteOnce"]), json!({ "storage": size }));
    let volume_object = json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": { "name": volume },
        "spec": { "capacity": capacity, "accessModes": modes, "persistentVolumeReclaimPolicy": "Retain" },
        "status": { "phase": "Bound" },
    });
    let claim_object = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": { "namespace": key.namespace, "name": claim },
        "spec": { "accessModes": modes, "resources": { "requests": capacity }, "volumeName": volume },
        "status": { "phase": "Bound", "accessModes": modes, "capacity": capacity },
    });
    for object in [volume_object, claim_object] {
        sim.user_apply(object).map_err(|error| error.to_string())?;
    }
    Ok(())
}
