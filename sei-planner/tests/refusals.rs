//! What the planner refuses beyond the schema, and in which words (plans-and-tasks §2.8, node-resources §1.7).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]

mod common;

use common::{node, platform};
use sei_planner::api::conditions;
use sei_planner::node::validate;
use sei_planner::platform::Platform;
use serde_json::{Value, json};

fn messages(spec: &Value) -> Vec<String> {
    let problems = validate(&node(spec), &platform()).map_err(|refusal| refusal.problems);
    problems.err().into_iter().flatten().map(|problem| problem.message).collect()
}

fn key(name: &str) -> Value {
    json!({"secret": {"secretName": name}})
}

fn keyring(data: &str, passphrase: &str) -> Value {
    json!({"secret": {"secretName": data, "passphraseSecretRef": {"secretName": passphrase, "key": "phrase"}}})
}

#[test]
fn words_of_the_reference() {
    let ceremony = |chain: &str, stake: &str| json!({"chainId": chain, "stakingAmount": stake, "accountBalance": "1usei", "index": 0});
    let no_height = json!({"stateSync": {}, "bootstrapImage": "b"});
    let publish = json!({"tendermint": {"keepRecent": 1, "publish": {}}});
    for (spec, message) in [
        (json!({"fullNode": {"snapshot": no_height}}), "fullNode: bootstrapImage requires s3 with targetHeight > 0"),
        (json!({"validator": {"snapshot": no_height}}), "validator: bootstrapImage requires s3 with targetHeight > 0"),
        (
            json!({"fullNode": {"snapshotGeneration": {}}}),
            "fullNode: snapshotGeneration is set but has no sub-struct (e.g., tendermint); omit it to disable snapshot generation",
        ),
        (
            json!({"archive": {"snapshotGeneration": {}}}),
            "archive: snapshotGeneration is set but has no sub-struct (e.g., tendermint); omit it to disable snapshot generation",
        ),
        (
            json!({"fullNode": {"snapshotGeneration": publish}}),
            "fullNode: snapshotGeneration.tendermint.keepRecent must be >= 2 when publish is set (upload algorithm requires the second-to-latest snapshot)",
        ),
        (
            json!({"archive": {"snapshotGeneration": publish}}),
            "archive: snapshotGeneration.tendermint.keepRecent must be >= 2 when publish is set (upload algorithm requires the second-to-latest snapshot)",
        ),
        (json!({"replayer": {"snapshot": {"stateSync": {}}}}), "replayer requires an S3 snapshot source"),
        (
            json!({"replayer": {"snapshot": {"s3": {"targetHeight": 5}}}}),
            "replayer requires at least one peer source for block sync",
        ),
        (
            json!({"replayer": {"snapshot": {"s3": {"targetHeight": 5}}, "resultExport": {}}}),
            "replayer: resultExport is set but has no sub-struct (e.g., shadowResult); omit it to disable result export",
        ),
        (
            json!({"validator": {"signingKey": key("a"), "nodeKey": key("b"), "genesisCeremony": ceremony("c", "1usei")}}),
            "validator: signingKey is mutually exclusive with genesisCeremony",
        ),
        (json!({"validator": {"signingKey": {}}}), "validator: signingKey.secret.secretName is required"),
        (json!({"validator": {"signingKey": key("a")}}), "validator: nodeKey is required when signingKey is set"),
        (
            json!({"validator": {"signingKey": key("a"), "nodeKey": key("")}}),
            "validator: nodeKey.secret.secretName is required",
        ),
        (
            json!({"validator": {"signingKey": key("a"), "nodeKey": key("a")}}),
            "validator: signingKey and nodeKey must reference distinct Secrets",
        ),
        (json!({"validator": {"nodeKey": key("a")}}), "validator: nodeKey requires signingKey to be set"),
        (
            json!({"validator": {"operatorKeyring": keyring("a", "a")}}),
            "validator: operatorKeyring data Secret \"a\" must differ from its passphrase Secret",
        ),
        (
            json!({"validator": {"signingKey": key("a"), "nodeKey": key("b"), "operatorKeyring": keyring("a", "p")}}),
            "validator: operatorKeyring Secret \"a\" must differ from signingKey Secret",
        ),
        (
            json!({"validator": {"signingKey": key("a"), "nodeKey": key("b"), "operatorKeyring": keyring("k", "a")}}),
            "validator: operatorKeyring passphrase Secret \"a\" must differ from signingKey Secret",
        ),
        (
            json!({"validator": {"signingKey": key("a"), "nodeKey": key("b"), "operatorKeyring": keyring("b", "p")}}),
            "validator: operatorKeyring Secret \"b\" must differ from nodeKey Secret",
        ),
        (
            json!({"validator": {"signingKey": key("a"), "nodeKey": key("b"), "operatorKeyring": keyring("k", "b")}}),
            "validator: operatorKeyring passphrase Secret \"b\" must differ from nodeKey Secret",
        ),
        (
            json!({"validator": {"genesisCeremony": ceremony("", "1usei")}}),
            "validator: genesisCeremony.chainId is required",
        ),
        (
            json!({"validator": {"genesisCeremony": ceremony("c", "")}}),
            "validator: genesisCeremony.stakingAmount is required",
        ),
    ] {
        let found = messages(&spec);
        assert!(found.iter().any(|found| found.starts_with(message)), "{spec}: {found:#?}");
    }
}

/// The reference looks at neither balance nor snapshot of a founder; a balance it cannot do without, a snapshot it can.
#[test]
fn a_founder_needs_a_balance_and_no_snapshot() {
    let ceremony = json!({"chainId": "c", "stakingAmount": "1usei", "accountBalance": "", "index": 0});
    let found = messages(&json!({"validator": {"genesisCeremony": ceremony}}));
    assert_eq!(found, ["validator: genesisCeremony.accountBalance is required"]);
    let ceremony = json!({"chainId": "c", "stakingAmount": "1usei", "accountBalance": "2usei", "index": 0});
    let snapshot = json!({"stateSync": {}, "bootstrapImage": "b"});
    assert!(messages(&json!({"validator": {"genesisCeremony": ceremony, "snapshot": snapshot}})).is_empty());
}

/// What the spec cannot help is told from what it can, by the reason; and a mistake in the spec comes first.
#[test]
fn reasons() {
    let bare = Platform { kube_rbac_proxy_image: None, ..platform() };
    let reason = |spec: &Value| validate(&node(spec), &bare).map_err(|refusal| refusal.reason).unwrap_err();
    let secret = json!({"sidecar": {"tls": {"secretName": "tls"}}, "fullNode": {}});
    assert_eq!(reason(&secret), conditions::PLATFORM_INCOMPLETE);
    let issuer = |mode: &str| json!({"sidecar": {"tls": {"issuerName": "ca"}}, mode: {}});
    let proxied = |spec: &Value| validate(&node(spec), &platform()).map_err(|refusal| refusal.reason).unwrap_err();
    assert_eq!(proxied(&issuer("fullNode")), conditions::ISSUER_NOT_ALLOWED);
    let mut both = issuer("fullNode");
    both["archive"] = json!({});
    assert_eq!(proxied(&both), conditions::INVALID_SPEC);
    let words = validate(&node(&secret), &bare).unwrap_err().message();
    assert!(
        words.contains("spec.sidecar.tls is set but SEI_KUBE_RBAC_PROXY_IMAGE is not configured on the controller")
    );
}
