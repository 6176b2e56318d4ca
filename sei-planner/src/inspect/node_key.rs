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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::secret::testing;

    const GOOD: &str = include_str!("../../../fixtures/inspect/keys/node.json");

    fn verdict(file: &str) -> Verdict<NodeId> {
        node_key(Some(&testing::secret(&[(FILE, file.as_bytes())])), "s", "ns")
    }

    #[test]
    fn a_good_key_yields_the_id() {
        // Computed with other tools than ours.
        let id = NodeId("3622db915a312c05e872ca3d68c05d58f9eec053".to_owned());
        assert_eq!(verdict(GOOD), Verdict::Good(id));
    }

    #[test]
    fn the_secret_must_be_named_be_there_stay_and_hold_the_file() {
        let good = testing::secret(&[(FILE, GOOD.as_bytes())]);
        let empty = Verdict::Bad("validate-node-key: secretName is empty".to_owned());
        assert_eq!(node_key(Some(&good), "", "ns"), empty);
        let missing = Verdict::NotYet(r#"secret "s" not found in namespace "ns""#.to_owned());
        assert_eq!(node_key(None, "s", "ns"), missing);
        let going = r#"secret "s" is being deleted (deletionTimestamp=2026-05-17T15:09:30Z)"#;
        assert_eq!(node_key(Some(&testing::deleted(good)), "s", "ns"), Verdict::NotYet(going.to_owned()));
        let no_file = Verdict::Bad(r#"secret "s" missing required data key "node_key.json""#.to_owned());
        assert_eq!(verdict(""), no_file);
    }

    #[test]
    fn every_flaw_has_its_message() {
        let cases = [
            ("{", "not valid JSON: line 1 column 1"),
            ("7", "not valid JSON: not an object"),
            (r#"{"priv_key":"x"}"#, "not valid JSON: priv_key is not an object"),
            ("null", "missing priv_key.type or priv_key.value"),
            (r#"{"priv_key":{"type":"x"}}"#, "missing priv_key.type or priv_key.value"),
            (r#"{"priv_key":{"type":"x","value":"x"}}"#, r#"priv_key.type is not "tendermint/PrivKeyEd25519""#),
            (
                r#"{"priv_key":{"type":"tendermint/PrivKeyEd25519","value":"AAAA"}}"#,
                "priv_key.value is not the base64 of 64 bytes",
            ),
            (
                include_str!("../../../fixtures/inspect/keys/node-halves-differ.json"),
                "the last 32 bytes of priv_key.value are not the public key of the first 32",
            ),
        ];
        for (file, why) in cases {
            let message = format!(r#"secret "s" data key "node_key.json" is not a valid Tendermint node key: {why}"#);
            assert_eq!(verdict(file), Verdict::Bad(message));
        }
    }
}
