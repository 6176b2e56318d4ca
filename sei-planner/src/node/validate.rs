//! `SeiNode -> ValidNode`: parse, don't validate. Later stages cannot fail on the shape of a spec.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ResourceRequirements;

use super::observed::PodFacts;
use super::problem::{Problem, Refusal};
use crate::api::conditions::{FEATURE_NOT_AVAILABLE, INVALID_SPEC, ISSUER_NOT_ALLOWED};
use crate::api::{
    ACKNOWLEDGE_ANNOTATION, FullNodeSpec, PeerSource, RETRY_ANNOTATION, SeiNode, SeiNodeSpec, SnapshotGeneration,
    SnapshotSource,
};
use crate::config::{KNOWN_KEYS, is_known_key};
use crate::names::NodeKey;
use crate::platform::Platform;
use crate::words::did_you_mean;

/// HTTP port of a sidecar that names none.
const DEFAULT_SIDECAR_PORT: i32 = 7777;

/// A node whose spec can be planned, with every default filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidNode {
    /// Namespace and name.
    pub key: NodeKey,
    /// `metadata.uid`, empty offline.
    pub uid: String,
    /// `metadata.generation`, 0 offline.
    pub generation: i64,
    /// Chain the node follows.
    pub chain_id: String,
    /// Image of seid.
    pub image: String,
    /// Mode.
    pub mode: Mode,
    /// How the node gets its first state.
    pub source: InitSource,
    /// Snapshots the node produces.
    pub snapshots: Option<Snapshots>,
    /// Peer sources.
    pub peers: Vec<PeerSource>,
    /// Configuration overrides of the user.
    pub overrides: BTreeMap<String, String>,
    /// Labels of the user.
    pub pod_labels: BTreeMap<String, String>,
    /// Image of the sidecar.
    pub sidecar_image: String,
    /// HTTP port of the sidecar.
    pub sidecar_port: i32,
    /// Resources of the sidecar.
    pub sidecar_resources: Option<ResourceRequirements>,
    /// The data volume.
    pub data_volume: DataVolume,
    /// Value of the annotation `sei.io/retry`.
    pub retry_token: Option<String>,
    /// Value of the annotation `sei.io/acknowledge`.
    pub acknowledgement: Option<String>,
}

impl ValidNode {
    /// Where the node's sidecar is reached, without a trailing slash: on the port that its pod has, which an edit changes
    /// only with the next pod.
    #[must_use]
    pub fn sidecar_url(&self, pod: Option<&PodFacts>) -> String {
        let port = pod.and_then(|pod| pod.sidecar_port).unwrap_or(self.sidecar_port);
        format!("http://{}:{port}", self.key.pod_host())
    }
}

/// What a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Follows the chain.
    FullNode,
}

impl Mode {
    /// Mode word of sei-config.
    #[must_use]
    pub fn config_word(self) -> &'static str {
        match self {
            Self::FullNode => "full",
        }
    }

    /// Value of the label `sei.io/role`.
    #[must_use]
    pub fn role(self) -> &'static str {
        match self {
            Self::FullNode => "node",
        }
    }

    /// Name of the member of `spec` that chooses the mode.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::FullNode => "fullNode",
        }
    }
}

/// How a node gets its first state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InitSource {
    /// Block sync from genesis.
    Genesis,
    /// State sync from peers.
    StateSync(SyncSettings),
    /// A snapshot from S3, then state sync from it.
    S3 {
        /// Greatest height to restore.
        target_height: i64,
        /// State sync.
        sync: SyncSettings,
    },
}

/// Settings of state sync.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SyncSettings {
    /// Go duration, empty for the sidecar's default.
    pub trust_period: String,
    /// Blocks to fetch behind the snapshot.
    pub backfill_blocks: i64,
}

/// Snapshots a node produces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshots {
    /// How many stay on disk.
    pub keep_recent: i32,
    /// Whether the sidecar uploads them.
    pub publish: bool,
}

/// The data volume of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataVolume {
    /// Name of the claim.
    pub claim: String,
    /// Whether the claim belongs to somebody else.
    pub imported: bool,
    /// Keep the node's own claim when the node goes.
    pub retain_on_delete: bool,
}

/// Turns a node into one that every later stage can rely on.
///
/// # Errors
/// Everything that is wrong with the spec, at once.
pub fn validate(node: &SeiNode, platform: &Platform) -> Result<ValidNode, Refusal> {
    let mut check = Check::default();
    let spec = &node.spec;
    let (mode, full_node) = check.mode(spec);
    let source = check.source(full_node.snapshot.as_ref());
    let snapshots = check.snapshots(full_node.snapshot_generation.as_ref());
    check.tls(spec, platform);
    check.overrides(&spec.overrides);
    if spec.image.is_empty() {
        check.invalid("SEI0108", "spec.image", "is empty: write the image of seid");
    }
    if spec.chain_id.is_empty() {
        check.invalid("SEI0109", "spec.chainId", "is empty: write the chain to follow, for example pacific-1");
    }
    let sidecar_port = check.sidecar_port(spec);
    check.finish()?;

    let key = NodeKey::new(
        node.metadata.namespace.clone().unwrap_or_default(),
        node.metadata.name.clone().unwrap_or_default(),
    );
    let annotation = |name: &str| node.metadata.annotations.as_ref().and_then(|all| all.get(name)).cloned();
    let sidecar = spec.sidecar.as_ref();
    Ok(ValidNode {
        uid: node.metadata.uid.clone().unwrap_or_default(),
        generation: node.metadata.generation.unwrap_or_default(),
        chain_id: spec.chain_id.clone(),
        image: spec.image.clone(),
        mode,
        source,
        snapshots,
        peers: spec.peers.clone(),
        overrides: spec.overrides.clone(),
        pod_labels: spec.pod_labels.clone(),
        sidecar_image: sidecar
            .and_then(|s| s.image.clone())
            .filter(|image| !image.is_empty())
            .unwrap_or_else(|| platform.sidecar_image.clone()),
        sidecar_port,
        sidecar_resources: sidecar.and_then(|s| s.resources.clone()),
        data_volume: data_volume(spec, &key),
        retry_token: annotation(RETRY_ANNOTATION),
        acknowledgement: annotation(ACKNOWLEDGE_ANNOTATION),
        key,
    })
}

fn data_volume(spec: &SeiNodeSpec, key: &NodeKey) -> DataVolume {
    let volume = spec.data_volume.as_ref();
    let import = volume.and_then(|v| v.import.as_ref()).map(|i| i.pvc_name.clone()).filter(|name| !name.is_empty());
    DataVolume {
        imported: import.is_some(),
        claim: import.unwrap_or_else(|| key.generated_claim()),
        retain_on_delete: volume.and_then(|v| v.retain_on_delete).unwrap_or(false),
    }
}

/// Collects what is wrong; a refusal for a missing feature or a forbidden issuer gives way to plain mistakes.
#[derive(Default)]
struct Check {
    problems: Vec<Problem>,
    reason: Option<&'static str>,
}

impl Check {
    fn problem(
        &mut self,
        reason: &'static str,
        code: &'static str,
        field: impl Into<String>,
        message: impl Into<String>,
    ) {
        if self.reason != Some(INVALID_SPEC) {
            self.reason = Some(reason);
        }
        self.problems.push(Problem { code, field: field.into(), message: message.into() });
    }

    fn invalid(&mut self, code: &'static str, field: impl Into<String>, message: impl Into<String>) {
        self.problem(INVALID_SPEC, code, field, message);
    }

    fn mode(&mut self, spec: &SeiNodeSpec) -> (Mode, FullNodeSpec) {
        let set = [
            ("fullNode", spec.full_node.is_some()),
            ("archive", spec.archive.is_some()),
            ("replayer", spec.replayer.is_some()),
            ("validator", spec.validator.is_some()),
        ];
        let chosen: Vec<&str> = set.iter().filter(|(_, present)| *present).map(|(name, _)| *name).collect();
        match chosen.as_slice() {
            ["fullNode"] => {}
            [] => self.invalid(
                "SEI0101",
                "spec",
                "names no mode: write exactly one of fullNode, archive, replayer, validator",
            ),
            [other] => self.problem(
                FEATURE_NOT_AVAILABLE,
                "SEI0102",
                format!("spec.{other}"),
                format!("the mode {other} is not there yet in this version: it runs fullNode"),
            ),
            several => self.invalid(
                "SEI0101",
                "spec",
                format!("names {} modes ({}): keep exactly one", several.len(), several.join(", ")),
            ),
        }
        (Mode::FullNode, spec.full_node.clone().unwrap_or_default())
    }

    fn source(&mut self, snapshot: Option<&SnapshotSource>) -> InitSource {
        let field = "spec.fullNode.snapshot";
        let Some(snapshot) = snapshot else { return InitSource::Genesis };
        let sync = SyncSettings {
            trust_period: snapshot.trust_period.clone().unwrap_or_default(),
            backfill_blocks: snapshot.backfill_blocks.unwrap_or_default(),
        };
        let bootstrap = snapshot.bootstrap_image.as_ref().is_some_and(|image| !image.is_empty());
        if bootstrap && snapshot.s3.as_ref().is_none_or(|s3| s3.target_height <= 0) {
            self.invalid("SEI0103", field, "fullNode: bootstrapImage requires s3 with targetHeight > 0");
        } else if bootstrap {
            self.problem(
                FEATURE_NOT_AVAILABLE,
                "SEI0104",
                format!("{field}.bootstrapImage"),
                "bootstrap through a Job is not there yet in this version: leave bootstrapImage out to restore the snapshot directly",
            );
        }
        match (&snapshot.s3, &snapshot.state_sync) {
            (Some(s3), None) if s3.target_height > 0 => InitSource::S3 { target_height: s3.target_height, sync },
            (Some(s3), None) => {
                self.invalid(
                    "SEI0105",
                    format!("{field}.s3.targetHeight"),
                    format!("is {}: write a height of at least 1", s3.target_height),
                );
                InitSource::Genesis
            }
            (None, Some(_)) => InitSource::StateSync(sync),
            (both, _) => {
                let found = if both.is_some() { "both" } else { "none" };
                self.invalid("SEI0105", field, format!("names {found} of s3 and stateSync: write exactly one"));
                InitSource::Genesis
            }
        }
    }

    fn snapshots(&mut self, generation: Option<&SnapshotGeneration>) -> Option<Snapshots> {
        let field = "spec.fullNode.snapshotGeneration";
        let generation = generation?;
        let Some(tendermint) = &generation.tendermint else {
            self.invalid(
                "SEI0106",
                field,
                "fullNode: snapshotGeneration is set but has no sub-struct (e.g., tendermint); omit it to disable snapshot generation",
            );
            return None;
        };
        let publish = tendermint.publish.is_some();
        if publish && tendermint.keep_recent < 2 {
            self.invalid(
                "SEI0107",
                format!("{field}.tendermint.keepRecent"),
                "fullNode: snapshotGeneration.tendermint.keepRecent must be >= 2 when publish is set (upload algorithm requires the second-to-latest snapshot)",
            );
        }
        Some(Snapshots { keep_recent: tendermint.keep_recent, publish })
    }

    fn tls(&mut self, spec: &SeiNodeSpec, platform: &Platform) {
        let Some(tls) = spec.sidecar.as_ref().and_then(|s| s.tls.as_ref()) else { return };
        let field = "spec.sidecar.tls";
        match (&tls.secret_name, &tls.issuer_name) {
            (Some(_), None) => self.problem(
                FEATURE_NOT_AVAILABLE,
                "SEI0110",
                format!("{field}.secretName"),
                "TLS by Secret is not there yet in this version: leave spec.sidecar.tls out",
            ),
            (None, Some(issuer)) => {
                let kind = tls.issuer_kind.unwrap_or(crate::api::IssuerKind::ClusterIssuer);
                if platform.allows_issuer(kind, issuer) {
                    self.problem(
                        FEATURE_NOT_AVAILABLE,
                        "SEI0110",
                        format!("{field}.issuerName"),
                        "TLS by issuer is not there yet in this version: leave spec.sidecar.tls out",
                    );
                } else {
                    self.problem(
                        ISSUER_NOT_ALLOWED,
                        "SEI0111",
                        format!("{field}.issuerName"),
                        format!("the issuer {kind:?}/{issuer} is not on the operator's allow-list: ask the platform team to add it to SEI_TLS_ALLOWED_ISSUERS"),
                    );
                }
            }
            (both, _) => {
                let found = if both.is_some() { "both" } else { "none" };
                self.invalid(
                    "SEI0112",
                    field,
                    format!("names {found} of secretName and issuerName: write exactly one"),
                );
            }
        }
    }

    fn overrides(&mut self, overrides: &BTreeMap<String, String>) {
        for key in overrides.keys().filter(|key| !is_known_key(key)) {
            self.invalid(
                "SEI0113",
                format!("spec.overrides[{key}]"),
                format!("unknown config field {key:?}: {}", nearest_key(key)),
            );
        }
    }

    fn sidecar_port(&mut self, spec: &SeiNodeSpec) -> i32 {
        let port = spec.sidecar.as_ref().and_then(|s| s.port).filter(|port| *port != 0).unwrap_or(DEFAULT_SIDECAR_PORT);
        if !(1..=65_535).contains(&port) {
            self.invalid(
                "SEI0114",
                "spec.sidecar.port",
                format!("is {port}: write a port from 1 to 65535, or leave it out for {DEFAULT_SIDECAR_PORT}"),
            );
        }
        port
    }

    fn finish(self) -> Result<(), Refusal> {
        match self.reason {
            None => Ok(()),
            Some(reason) => Err(Refusal { reason, problems: self.problems }),
        }
    }
}

/// What to write instead of an unknown key: known keys with the same last word, else the one it is most likely a slip of.
fn nearest_key(key: &str) -> String {
    let leaf = key.rsplit('.').next();
    let mut alike: Vec<&str> =
        KNOWN_KEYS.into_iter().filter(|known| known.rsplit('.').next() == leaf).take(3).collect();
    if alike.is_empty() {
        alike.extend(did_you_mean(key, KNOWN_KEYS.into_iter()));
    }
    if alike.is_empty() {
        "sei-config v0.0.14 has nothing like it".to_owned()
    } else {
        format!("did you mean {}?", alike.join(" or "))
    }
}
