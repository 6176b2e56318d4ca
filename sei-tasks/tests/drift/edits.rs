//! Every kind of edit of a node that runs.

use sei_planner::api::DriftKind;
use sei_tasks::sim::{Options, Sim};
use serde_json::{Value, json};

use crate::living::secrets::{consensus_keys, keyring, passphrase, secret, validator_with_keyring};
use crate::living::{Life, V1, V2, with_issuers};

/// An edit, and the kinds of drift that it is.
#[derive(Clone, Copy)]
pub(crate) struct Edit {
    pub(crate) name: &'static str,
    pub(crate) drift: &'static [DriftKind],
    pub(crate) apply: fn(&mut Value),
}

const fn edit(name: &'static str, drift: &'static [DriftKind], apply: fn(&mut Value)) -> Edit {
    Edit { name, drift, apply }
}

/// What can be edited of every node.
const ANY: [Edit; 10] = [
    edit("image", &[DriftKind::Image], |spec| spec["image"] = json!(V2)),
    edit("sidecar image", &[DriftKind::SidecarImage], |spec| {
        spec["sidecar"]["image"] = json!("registry.example/sidecar:v2")
    }),
    edit("sidecar port", &[DriftKind::SidecarPort], |spec| spec["sidecar"]["port"] = json!(7800)),
    edit("sidecar resources", &[DriftKind::SidecarResources], |spec| {
        spec["sidecar"]["resources"] = json!({"requests": {"cpu": "500m"}});
    }),
    edit("pod labels", &[DriftKind::PodLabels], |spec| spec["podLabels"] = json!({"team": "core"})),
    edit("override changed", &[DriftKind::Overrides], |spec| spec["overrides"]["evm.http_port"] = json!("9545")),
    edit("override added", &[DriftKind::Overrides], |spec| spec["overrides"]["logging.level"] = json!("debug")),
    edit("override removed", &[DriftKind::Overrides], |spec| {
        spec["overrides"].as_object_mut().unwrap().remove("evm.ws_port");
    }),
    edit("other peers", &[DriftKind::Peers], |spec| {
        spec["peers"] = json!([{"static": {"addresses": ["bb@peer.example:26656"]}}]);
    }),
    edit("no peers", &[DriftKind::Peers], |spec| {
        spec.as_object_mut().unwrap().remove("peers");
    }),
];
const TLS_ON: Edit =
    edit("TLS on", &[DriftKind::SidecarTls], |spec| spec["sidecar"]["tls"] = json!({"issuerName": "ca"}));
const TLS_OFF: Edit = edit("TLS off", &[DriftKind::SidecarTls], |spec| {
    spec["sidecar"].as_object_mut().unwrap().remove("tls");
});
const TLS_SWAP: Edit = edit("another issuer", &[DriftKind::SidecarIssuer], |spec| {
    if let Some(tls) = spec["sidecar"].get_mut("tls") {
        tls["issuerName"] = json!("other");
    }
});
const SNAPSHOTS: Edit = edit("snapshots", &[DriftKind::SnapshotGeneration], |spec| {
    if let Some(full_node) = spec.get_mut("fullNode") {
        full_node["snapshotGeneration"] = json!({"tendermint": {"keepRecent": 5, "publish": {}}});
    }
});
const VALIDATOR: Edit = edit("a validator", &[DriftKind::Mode], |spec| {
    spec.as_object_mut().unwrap().remove("fullNode");
    if spec.get("validator").is_none() {
        spec["validator"] = json!({});
    }
});
const KEYS: Edit = edit("keys", &[DriftKind::SigningKey, DriftKind::NodeKey], |spec| {
    spec["validator"]["signingKey"] = json!({"secret": {"secretName": "signing-a"}});
    spec["validator"]["nodeKey"] = json!({"secret": {"secretName": "node-a"}});
});
const KEYRING_ENTRY: Edit = edit("keyring entry", &[DriftKind::OperatorKeyring], |spec| {
    spec["validator"]["operatorKeyring"]["secret"]["keyName"] = json!("second");
});

/// A node that runs, and what can be edited of it.
pub(crate) struct Ground {
    pub(crate) name: &'static str,
    spec: fn() -> Value,
    of_it: &'static [Edit],
}

/// The grounds on which edits are made.
pub(crate) const GROUNDS: [Ground; 3] = [
    Ground {
        name: "full node",
        spec: || with_settings(json!({"fullNode": {}})),
        of_it: &[TLS_ON, SNAPSHOTS, VALIDATOR],
    },
    Ground {
        name: "validator",
        spec: || with_settings(json!({"validator": validator_with_keyring()})),
        of_it: &[TLS_ON, KEYS, KEYRING_ENTRY],
    },
    Ground {
        name: "behind an issuer",
        spec: || {
            let mut spec = with_settings(json!({"archive": {}}));
            spec["sidecar"]["tls"] = json!({"issuerName": "ca"});
            spec
        },
        of_it: &[TLS_SWAP, TLS_OFF],
    },
];

fn with_settings(mut spec: Value) -> Value {
    spec["overrides"] = json!({"evm.http_port": "8545", "evm.ws_port": "8546"});
    spec["peers"] = json!([{"static": {"addresses": ["aa@peer.example:26656"]}}]);
    spec["podLabels"] = json!({"team": "sei"});
    spec["sidecar"] = json!({"image": "registry.example/sidecar:v1"});
    spec
}

impl Ground {
    pub(crate) fn edits(&self) -> Vec<Edit> {
        ANY.iter().chain(self.of_it).copied().collect()
    }

    /// The node as it runs and rests, with the Secrets that its edits need; its sidecar is done at once with everything.
    pub(crate) fn running(&self) -> Life {
        self.running_with(Options::default())
    }

    /// With a sidecar that takes its time.
    pub(crate) fn running_slowly(&self) -> Life {
        self.running_with(Options::default().realistic())
    }

    fn running_with(&self, options: Options) -> Life {
        let mut life = Life::on(with_issuers(), (self.spec)(), options);
        for secret in secrets() {
            life.sim().user_apply(secret).unwrap();
        }
        life.runs(V1);
        life.driver.run_for(600).unwrap();
        life
    }
}

fn secrets() -> Vec<Value> {
    let mut keyring = keyring();
    keyring["data"]["second.info"] = keyring["data"]["node_admin.info"].clone();
    let more = secret("signing-b", json!({}));
    consensus_keys("a").into_iter().chain([keyring, passphrase(), more]).collect()
}

/// Makes these edits in one.
pub(crate) fn make(sim: &Sim, life: &Life, edits: &[Edit]) {
    let refused = sim.user_edit(&life.key, |spec| edits.iter().for_each(|edit| (edit.apply)(spec)));
    assert_eq!(refused, None);
}

/// Names of edits, for people.
pub(crate) fn names(edits: &[Edit]) -> String {
    edits.iter().map(|edit| edit.name).collect::<Vec<_>>().join(" + ")
}
