//! Reads what lies in the repository's `fixtures/`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use kube::api::DynamicObject;
use serde::Deserialize;
use serde_json::Value;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures")
}

/// The platform whose node pools and storage classes the test control plane has.
pub(crate) fn platform() -> PathBuf {
    directory().join("platform/test.env")
}

/// The files that the commands of a runbook name, and where they are.
pub(crate) fn runbook(name: &str) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(directory().join("runbooks").join(name)).expect("manifests of the runbook");
    let manifests = entries
        .map(|entry| entry.expect("readable"))
        .map(|entry| (entry.file_name().into_string().expect("UTF-8"), entry.path()));
    let inspected =
        [("priv_validator_key.json", "inspect/keys/validator.json"), ("node_key.json", "inspect/keys/node.json")];
    manifests.chain(inspected.map(|(name, path)| (name.to_owned(), directory().join(path)))).collect()
}

/// One rule of admission, as objects.
pub(crate) struct CrdCase {
    pub(crate) name: String,
    /// Present when the rule is about changes: then `good` and `bad` are updates of it.
    pub(crate) old: Option<DynamicObject>,
    pub(crate) good: DynamicObject,
    pub(crate) bad: DynamicObject,
    /// A part of the message with which `bad` is refused.
    pub(crate) message: String,
}

impl CrdCase {
    fn read(dir: &Path) -> Self {
        let file = |name: &str| std::fs::read_to_string(dir.join(name));
        let must = |name: &str| file(name).unwrap_or_else(|error| panic!("{}/{name}: {error}", dir.display()));
        let message = must("message.txt").trim().to_owned();
        assert!(!message.is_empty(), "{}/message.txt is empty: anything would match", dir.display());
        CrdCase {
            name: dir.file_name().expect("a directory").to_string_lossy().into_owned(),
            old: file("old.yaml").ok().map(|text| only_document(&text)),
            good: only_document(&must("good.yaml")),
            bad: only_document(&must("bad.yaml")),
            message,
        }
    }
}

/// All directories below `fixtures/crd`, in the order of their names.
pub(crate) fn crd_cases() -> Vec<CrdCase> {
    let entries = std::fs::read_dir(directory().join("crd")).expect("fixtures/crd exists");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.retain(|path| path.is_dir());
    paths.sort();
    paths.iter().map(|path| CrdCase::read(path)).collect()
}

/// A node whose status has every field with a bound.
pub(crate) fn full_status() -> DynamicObject {
    let text = std::fs::read_to_string(directory().join("crd/status.yaml")).expect("fixtures/crd/status.yaml");
    only_document(&text)
}

/// One generated object, or one object and what it is changed to, and what both definitions say.
#[derive(Deserialize)]
pub(crate) struct GeneratedCase {
    pub(crate) name: String,
    /// `{"spec": …}`; present when the case is about an update.
    pub(crate) old: Option<Value>,
    pub(crate) new: Value,
    /// Step and path of everything that today's definition refuses.
    pub(crate) theirs: BTreeSet<String>,
    /// The same of ours.
    pub(crate) ours: BTreeSet<String>,
}

/// The cases of `fixtures/crd/generated.jsonl`.
pub(crate) fn generated_cases() -> Vec<GeneratedCase> {
    let text = std::fs::read_to_string(directory().join("crd/generated.jsonl")).expect("the generated cases");
    text.lines().map(|line| serde_json::from_str(line).expect("a case")).collect()
}

/// The definition of the controller before us.
pub(crate) fn todays_definition() -> DynamicObject {
    let text = std::fs::read_to_string(directory().join("compat/seinodes.go.yaml")).expect("the definition");
    only_document(&text)
}

/// Every definition of SeiNodes that a cluster may have before it gets today's, with the name of who made it.
pub(crate) fn earlier_definitions() -> Vec<(&'static str, DynamicObject)> {
    let text = std::fs::read_to_string(directory().join("compat/seinodes.previous.yaml")).expect("the definition");
    vec![("go", todays_definition()), ("previous", only_document(&text))]
}

/// SeiNodes with a status, as the controller before us left them, and those that people wrote.
pub(crate) fn stored_nodes() -> Vec<Value> {
    let files = ["adoption", "samples"].iter().flat_map(|place| {
        std::fs::read_dir(directory().join(place)).expect("a directory").map(|entry| entry.expect("readable").path())
    });
    let texts = files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    let objects = texts.flat_map(|path| values(&std::fs::read_to_string(path).expect("a file")));
    let mut nodes: Vec<Value> = objects.filter(|object| object["kind"] == "SeiNode").collect();
    nodes.sort_by_key(|node| node["metadata"]["name"].to_string());
    nodes.dedup_by_key(|node| node["metadata"]["name"].clone());
    nodes
}

fn only_document(text: &str) -> DynamicObject {
    let mut documents = yaml_documents(text);
    assert_eq!(documents.len(), 1, "one document expected:\n{text}");
    documents.remove(0)
}

/// The Kubernetes objects in a stream of YAML documents; empty documents are skipped.
pub(crate) fn yaml_documents(text: &str) -> Vec<DynamicObject> {
    values(text).into_iter().map(|value| serde_json::from_value(value).expect("a Kubernetes object")).collect()
}

/// The same, as JSON.
pub(crate) fn values(text: &str) -> Vec<Value> {
    let documents = serde_yaml::Deserializer::from_str(text);
    let values = documents.map(|one| Value::deserialize(one).unwrap_or_else(|e| panic!("{e}:\n{text}")));
    values.filter(|value| !value.is_null()).collect()
}
