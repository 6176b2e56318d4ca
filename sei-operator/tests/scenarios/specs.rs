//! SeiNode specs that the scenarios share.

use serde_json::{Value, json};

pub(crate) const V1: &str = "registry.test.example/sei/sei:v1";
pub(crate) const V2: &str = "registry.test.example/sei/sei:v2";
pub(crate) const V3: &str = "registry.test.example/sei/sei:v3";

/// Block sync from genesis.
pub(crate) fn from_genesis() -> Value {
    json!({"chainId": "test-1", "image": V1, "fullNode": {}})
}

/// Peer-to-peer state sync; somebody has to be asked, so with a peer.
pub(crate) fn from_state_sync() -> Value {
    json!({
        "chainId": "test-1",
        "image": V1,
        "peers": [{"static": {"addresses": ["0123456789abcdef0123456789abcdef01234567@peer.test.example:26656"]}}],
        "fullNode": {"snapshot": {"stateSync": {}}},
    })
}

/// A snapshot from the platform's bucket, without a bootstrap image.
pub(crate) fn from_s3() -> Value {
    json!({"chainId": "test-1", "image": V1, "fullNode": {"snapshot": {"s3": {"targetHeight": 100_000}}}})
}
