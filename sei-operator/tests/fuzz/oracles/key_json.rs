//! Files of Tendermint keys: the validator's consensus key and the node's key.

use sei_planner::inspect::{Verdict, consensus_key, node_key};

use super::{Target, Told, secret};

/// The parsers of key files.
pub const TARGET: Target = Target {
    name: "key-json",
    ask,
    words: &[
        "\"address\":",
        "\"pub_key\":",
        "\"priv_key\":",
        "\"type\":",
        "\"value\":",
        "tendermint/PubKeyEd25519",
        "tendermint/PrivKeyEd25519",
        "null",
        "{}",
        "[]",
        "\"\"",
        "\\u0000",
        "AAAA",
        "=",
        "1e999",
    ],
};

const VOCABULARY: &[&str] = &[
    include_str!("../../../../sei-planner/src/inspect/ed25519.rs"),
    include_str!("../../../../sei-planner/src/inspect/consensus_key.rs"),
    include_str!("../../../../sei-planner/src/inspect/node_key.rs"),
    "secret \"signing-key\" data key \"priv_validator_key.json\" is not a valid Tendermint validator key: ",
    "secret \"node-key\" data key \"node_key.json\" is not a valid Tendermint node key: ",
    "NotYet(\"",
    "Bad(\"",
    "Good(ConsensusKey { fingerprint: \"",
    "Good(NodeId(\"",
    ": not valid JSON: line ",
];

fn ask(file: &[u8]) -> Told {
    let secret = secret("Opaque", &[("priv_validator_key.json", file), ("node_key.json", file)]);
    let consensus = consensus_key(Some(&secret), "signing-key", "sei");
    let node = node_key(Some(&secret), "node-key", "sei");
    let mut names = Vec::new();
    if let Verdict::Good(key) = &consensus {
        assert_eq!((key.fingerprint.len(), key.address.len()), (64, 40));
        assert!(key.fingerprint.starts_with(&key.address.to_ascii_lowercase()));
        assert!(matches!(&node, Verdict::Good(id) if id.0 == key.address.to_ascii_lowercase()), "{node:?}");
        names.extend([key.fingerprint.clone(), key.address.clone()]);
    }
    if let Verdict::Good(id) = &node {
        assert_eq!(id.0.len(), 40);
        names.push(id.0.clone());
    }
    Told {
        said: vec![format!("{consensus:?}"), format!("{node:?}")],
        secrets: vec![file.to_vec()],
        names,
        vocabulary: VOCABULARY,
        ..Told::default()
    }
}
