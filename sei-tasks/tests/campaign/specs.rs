//! What the random lives are of: how fast their worlds are, and specs of nodes.

use sei_tasks::sim::{Durations, Options, Random};
use serde_json::{Value, json};

use crate::lives::{IMAGES, TASKS};
use crate::living::secrets::{founder, validator_with_keyring, validator_with_keys};

/// Controllers, sidecars and watches of any speed.
pub(crate) fn options(random: &mut Random) -> Options {
    let durations = match random.below(3) {
        0 => Durations::fast(),
        1 => Durations::realistic(),
        _ => Durations { seconds: TASKS.map(|kind| (kind.to_owned(), random.seconds(40))).into() },
    };
    let mut options = Options { durations, watch_lag_seconds: random.seconds(6), ..Options::default() };
    if random.once_in(2) {
        options.delays.statefulset_seconds = 1 + random.seconds(10);
        options.delays.terminate_seconds = random.seconds(60);
        options.delays.pull_seconds = random.seconds(20);
        options.delays.garbage_seconds = random.seconds(30);
    }
    options
}

/// `spec` of the node of a run.
pub(crate) fn spec(random: &mut Random) -> Value {
    let mut full_node = match random.below(3) {
        0 => json!({}),
        1 => json!({"snapshot": {"stateSync": {}}}),
        _ => json!({"snapshot": {"s3": {"targetHeight": 100}}}),
    };
    if random.once_in(3) {
        full_node["snapshotGeneration"] = json!({"tendermint": {"keepRecent": 5, "publish": {}}});
    }
    let sources = [
        json!({"static": {"addresses": ["aa@peer.example:26656"]}}),
        json!({"ec2Tags": {"region": "eu-central-1", "tags": {"chain": "pacific-1"}}}),
        json!({"label": {"selector": {"role": "seed"}}}),
    ];
    let mut peers: Vec<Value> = sources.into_iter().filter(|_| random.once_in(2)).collect();
    if peers.is_empty() && (full_node.get("snapshot").is_some() || random.once_in(2)) {
        peers.push(json!({"static": {"addresses": ["bb@peer.example:26656"]}}));
    }
    json!({"chainId": "pacific-1", "image": *random.pick(&IMAGES), "fullNode": full_node, "peers": peers})
}

/// `spec` of a node of any kind.
pub(crate) fn any_spec(random: &mut Random) -> Value {
    let snapshot = match random.below(3) {
        0 => json!({"s3": {"targetHeight": 100}}),
        _ => json!({"s3": {"targetHeight": 100}, "bootstrapImage": "registry.example/seid:bootstrap"}),
    };
    let (mode, member) = match random.below(8) {
        0 => ("archive", json!({})),
        1..=3 => ("replayer", json!({"snapshot": snapshot})),
        4 => ("fullNode", json!({"snapshot": snapshot})),
        5 => ("validator", json!({"snapshot": snapshot})),
        6 => ("validator", validator_with_keyring()),
        _ => ("validator", founder()),
    };
    let mut spec = json!({
        "chainId": "pacific-1", "image": *random.pick(&IMAGES), mode: member,
        "peers": [{"static": {"addresses": ["aa@peer.example:26656"]}}],
    });
    if random.once_in(3) {
        spec["sidecar"] = json!({"tls": {"secretName": "rpc-0-tls"}});
    }
    spec
}

/// `spec` of a node of any kind, validators with keys of their own among them.
pub(crate) fn wild_spec(random: &mut Random) -> Value {
    match random.below(3) {
        0 => spec(random),
        1 => any_spec(random),
        _ => {
            let member = validator_with_keys("a");
            json!({"chainId": "pacific-1", "image": random.pick(&IMAGES), "validator": member})
        }
    }
}
