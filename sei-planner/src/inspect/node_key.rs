//! The key that a node is known by among its peers: `node_key.json` in a Secret.

use k8s_openapi::api::core::v1::Secret;

use super::ed25519::{PublicKey, Written, parse};
use super::{Flaw, Verdict, bad, secret};

/// The data key that holds the file.
const FILE: &str = "node_key.json";

/// The id by which peers know a node: 40 lower case hex digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeId(pub String);

/// Checks the Secret with a node key.
///
/// A field `id` in the file is not looked at: Tendermint, too, takes the id from the key.
#[must_use]
pub fn node_key(secret: Option<&Secret>, name: &str, namespace: &str) -> Verdict<NodeId> {
    check(secret, name, namespace).into()
}

fn check(found: Option<&Secret>, name: &str, namespace: &str) -> Result<NodeId, Flaw> {
    if name.is_empty() {
        return bad("validate-node-key: secretName is empty");
    }
    let secret = secret::present(found, name, namespace)?;
    let Some(file) = secret::filled(secret, FILE) else {
        return bad(format!("secret {name:?} missing required data key {FILE:?}"));
    };
    let public = public_key(file).map_err(|why| {
        Flaw::Bad(format!("secret {name:?} data key {FILE:?} is not a valid Tendermint node key: {why}"))
    })?;
    Ok(NodeId(public.address()))
}

fn public_key(file: &[u8]) -> Result<PublicKey, String> {
    let file = parse(file)?;
    let private = Written::read(&file, "priv_key")?;
    if private.is_incomplete() {
        return Err("missing priv_key.type or priv_key.value".to_owned());
    }
    private.public_of_private()
}
