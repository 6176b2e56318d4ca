//! What the tests against the reference share: its fixtures and its platform.
#![allow(dead_code, reason = "not every test needs everything")]

use std::path::PathBuf;

use sei_planner::api::SeiNode;
use sei_planner::platform::Platform;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub(crate) fn fixture(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn yaml<T: DeserializeOwned>(path: &str) -> T {
    serde_saphyr::from_str(&fixture(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(crate) fn platform() -> Platform {
    Platform::from_map(&Platform::parse_lines(&fixture("reference/platform.env")).unwrap()).unwrap()
}

/// A node `rpc-0` in `sei` with this beside chain and image in its spec.
pub(crate) fn node(spec: &Value) -> SeiNode {
    let mut node = json!({
        "apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "metadata": {"name": "rpc-0", "namespace": "sei"},
        "spec": {"chainId": "pacific-1", "image": "registry.example/seid:v1"},
    });
    for (key, value) in spec.as_object().unwrap() {
        node["spec"][key] = value.clone();
    }
    serde_json::from_value(node).unwrap()
}
