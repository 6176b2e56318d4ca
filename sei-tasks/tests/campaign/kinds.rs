//! The kinds of nodes whose whole life the campaign breaks, and the Secrets that they need.

use sei_tasks::sim::Options;
use serde_json::{Value, json};

use crate::living::secrets::{
    NAMES, certificate, consensus_keys, founder, keyring, passphrase, validator_with_keyring, validator_with_keys,
};

/// A node, the Secrets that it needs, and how fast its world is.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) spec: Value,
    pub(crate) secrets: Vec<Value>,
    pub(crate) options: Options,
    /// What is edited once it runs: its image, and for some kinds more.
    pub(crate) edit: fn(&mut Value),
    /// Whether only the edit is broken: it comes up like another kind.
    pub(crate) only_edited: bool,
}

impl Kind {
    fn new(name: &'static str, mode: &str, member: Value) -> Self {
        let spec = json!({
            "chainId": "pacific-1", "image": "registry.example/seid:v1", mode: member,
            "peers": [{"static": {"addresses": ["aa@peer.example:26656"]}}],
        });
        let edit = |spec: &mut Value| spec["image"] = json!("registry.example/seid:v2");
        Self { name, spec, secrets: Vec::new(), options: Options::default(), edit, only_edited: false }
    }

    fn edited(self, name: &'static str, edit: fn(&mut Value)) -> Self {
        Self { name, edit, only_edited: true, ..self }
    }

    fn with(mut self, secrets: Vec<Value>) -> Self {
        self.secrets.extend(secrets);
        self
    }

    fn behind_tls(mut self) -> Self {
        self.spec["sidecar"] = json!({"tls": {"secretName": "rpc-0-tls"}});
        self.with(vec![certificate(&NAMES)])
    }

    fn with_a_certificate_of_an_issuer(mut self) -> Self {
        self.spec["sidecar"] = json!({"tls": {"issuerName": "ca"}});
        self
    }

    /// With sidecars slow enough to be polled, and not so slow that polls drown the rest.
    fn slow(mut self, name: &'static str) -> Self {
        self.options = Options::default().realistic();
        self.options.durations.seconds.values_mut().for_each(|seconds| *seconds = (*seconds).min(12));
        Self { name, ..self }
    }
}

fn genesis() -> Kind {
    Kind::new("genesis", "fullNode", json!({}))
}

fn state_sync() -> Kind {
    Kind::new("state sync", "fullNode", json!({"snapshot": {"stateSync": {}}}))
}

fn s3() -> Kind {
    Kind::new("S3", "fullNode", json!({"snapshot": {"s3": {"targetHeight": 100}}}))
}

fn bootstrap() -> Kind {
    let snapshot = json!({"s3": {"targetHeight": 100}, "bootstrapImage": "registry.example/seid:bootstrap"});
    Kind::new("bootstrap behind TLS", "replayer", json!({"snapshot": snapshot})).behind_tls()
}

/// A full node with settings of every sort.
fn with_settings() -> Kind {
    let mut kind = genesis();
    kind.spec["overrides"] = json!({"evm.http_port": "8545", "evm.ws_port": "8546"});
    kind.spec["podLabels"] = json!({"team": "sei"});
    kind.spec["sidecar"] = json!({"image": "registry.example/sidecar:v1"});
    kind
}

/// An image and whatever else in one edit.
fn image_and(spec: &mut Value, pointer: &str, value: Value) {
    spec["image"] = json!("registry.example/seid:v2");
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    spec.pointer_mut(parent).unwrap()[name] = value;
}

/// Edits of every sort of node that runs.
fn edits() -> [Kind; 6] {
    let keys = || with_settings().with(consensus_keys("a").into());
    let without_keys = Kind::new("", "validator", json!({})).with(consensus_keys("a").into());
    [
        with_settings().edited("settings edited", |spec| {
            spec["overrides"] = json!({"evm.http_port": "9545"});
            spec["peers"] = json!([{"static": {"addresses": ["bb@peer.example:26656"]}}]);
            spec["podLabels"] = json!({"team": "core"});
            spec["sidecar"]["port"] = json!(7800);
            image_and(spec, "/fullNode/snapshotGeneration", json!({"tendermint": {"keepRecent": 5, "publish": {}}}));
        }),
        with_settings().edited("TLS switched on", |spec| image_and(spec, "/sidecar/tls", json!({"issuerName": "ca"}))),
        genesis().with_a_certificate_of_an_issuer().edited("TLS switched off", |spec| {
            image_and(spec, "/overrides", json!({"evm.http_port": "9545"}));
            spec["sidecar"].as_object_mut().unwrap().remove("tls");
        }),
        genesis().with_a_certificate_of_an_issuer().edited("issuer swapped", |spec| {
            image_and(spec, "/sidecar/tls", json!({"issuerName": "other"}));
        }),
        without_keys.edited("keys mounted", |spec| image_and(spec, "/validator", validator_with_keys("a"))),
        keys().edited("full node to validator", |spec| {
            spec.as_object_mut().unwrap().remove("fullNode");
            image_and(spec, "/validator", validator_with_keys("a"));
        }),
    ]
}

/// Every kind, or those that `CAMPAIGN_KIND` is part of the name of; the first two show the most for their time.
pub(crate) fn kinds() -> Vec<Kind> {
    let asked = std::env::var("CAMPAIGN_KIND").unwrap_or_default();
    let every = [
        s3(),
        Kind::new("keys", "validator", validator_with_keys("a")).with(consensus_keys("a").into()),
        genesis(),
        state_sync(),
        genesis().slow("genesis, slow"),
        state_sync().slow("state sync, slow"),
        s3().slow("S3, slow"),
        bootstrap(),
        Kind::new("keyring", "validator", validator_with_keyring()).with(vec![keyring(), passphrase()]),
        Kind::new("founder", "validator", founder()),
        Kind::new("archive", "archive", json!({})),
        Kind::new("issuer", "fullNode", json!({})).with_a_certificate_of_an_issuer(),
    ];
    every.into_iter().chain(edits()).filter(|kind| kind.name.contains(&asked)).collect()
}
