//! Shared by the tests of the CustomResourceDefinition: its schema, and files of the repository.

use std::fs;
use std::path::{Path, PathBuf};

use sei_planner::api::crd;
use serde_json::Value;

/// A path below `fixtures/` of the repository.
pub(crate) fn fixture(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(path)
}

/// The YAML file at a path.
pub(crate) fn yaml(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Our CustomResourceDefinition as it is written to a file.
pub(crate) fn ours() -> Value {
    crd::manifest(&crd::seinode()).unwrap()
}

/// The schema of a definition's only version.
pub(crate) fn schema_of(definition: &Value) -> &Value {
    &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
}
