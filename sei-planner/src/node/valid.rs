//! A node whose spec can be planned: what a spec means, with every default filled in.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::api::core::v1::ResourceRequirements;

use super::observed::PodFacts;
use crate::api::{DriftKind, IssuerKind, NodePhase, PeerSource, SeiNodeStatus, TendermintSnapshots};
use crate::names::NodeKey;

/// Port of the TLS proxy in front of a sidecar.
pub const TLS_PORT: i32 = 8443;

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
    /// The node's part in founding a chain; then [`Self::source`] is not used.
    pub ceremony: Option<Ceremony>,
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
    /// Whether the spec names [`Self::sidecar_image`]; the platform does otherwise.
    pub names_sidecar_image: bool,
    /// HTTP port of the sidecar.
    pub sidecar_port: i32,
    /// Resources of the sidecar.
    pub sidecar_resources: Option<ResourceRequirements>,
    /// The TLS proxy in front of the sidecar.
    pub tls: Option<Tls>,
    /// Secret with the consensus key.
    pub signing_key: Option<String>,
    /// Secret with the P2P identity.
    pub node_key: Option<String>,
    /// Keyring of the operator account.
    pub keyring: Option<Keyring>,
    /// The data volume.
    pub data_volume: DataVolume,
    /// Value of the annotation `sei.io/retry`.
    pub retry_token: Option<String>,
    /// Value of the annotation `sei.io/acknowledge`.
    pub acknowledgement: Option<String>,
    /// Value of the annotation `sei.io/refresh`.
    pub refresh_token: Option<String>,
    /// Whether the annotation `sei.io/paused` holds the operator off.
    pub paused: bool,
}

impl ValidNode {
    /// Whether a person answered the question with this token.
    #[must_use]
    pub fn is_told(&self, token: &str) -> bool {
        self.acknowledgement.as_deref() == Some(token)
    }

    /// Where the node's sidecar is reached, without a trailing slash: on the port that its pod has, which an edit changes
    /// only with the next pod.
    #[must_use]
    pub fn sidecar_url(&self, pod: Option<&PodFacts>) -> String {
        let host = self.key.pod_host();
        let served_by_proxy = pod.map_or(self.tls.is_some(), |pod| pod.tls_proxy);
        if served_by_proxy {
            return format!("https://{host}:{TLS_PORT}");
        }
        let port = pod.and_then(|pod| pod.sidecar_port).unwrap_or(self.sidecar_port);
        format!("http://{host}:{port}")
    }

    /// The node as a plan of a running node with this drift makes it: only the plan that is for a new key mounts one. Until then
    /// it has those that its pod mounts.
    #[must_use]
    pub fn with_keys_of(&self, drift: &[DriftKind], status: &SeiNodeStatus) -> Cow<'_, Self> {
        let recorded = status.observed_mode.is_some() && status.phase() == NodePhase::Running;
        if !recorded || drift.contains(&DriftKind::SigningKey) || self.signing_key == status.signing_key_mounted_secret
        {
            return Cow::Borrowed(self);
        }
        let (signing_key, node_key) = (&status.signing_key_mounted_secret, &status.node_key_mounted_secret);
        Cow::Owned(Self { signing_key: signing_key.clone(), node_key: node_key.clone(), ..self.clone() })
    }

    /// Image and halt height of the bootstrap Job, when the node comes up through one.
    #[must_use]
    pub fn bootstrap(&self) -> Option<Bootstrap<'_>> {
        match &self.source {
            InitSource::S3 { target_height, bootstrap_image: Some(image), .. } if self.ceremony.is_none() => {
                Some(Bootstrap { image, halt_height: *target_height })
            }
            InitSource::S3 { .. } | InitSource::StateSync(_) | InitSource::Genesis => None,
        }
    }

    /// Secret with the certificate of the TLS proxy, when the node has one.
    #[must_use]
    pub fn tls_secret(&self) -> Option<String> {
        Some(match &self.tls.as_ref()?.source {
            TlsSource::Secret(name) => name.clone(),
            TlsSource::Issuer(_) => self.key.sidecar_certificate(),
        })
    }

    /// The issuer of the certificate of the TLS proxy, when one is asked for it.
    #[must_use]
    pub fn tls_issuer(&self) -> Option<&Issuer> {
        match &self.tls.as_ref()?.source {
            TlsSource::Secret(_) => None,
            TlsSource::Issuer(issuer) => Some(issuer),
        }
    }

    /// Names that the certificate of the node's sidecar must carry.
    #[must_use]
    pub fn required_dns_names(&self) -> Vec<String> {
        vec![self.key.service_host(), self.key.pod_host()]
    }
}

/// What a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Follows the chain and serves its APIs.
    FullNode,
    /// Keeps the whole history.
    Archive,
    /// Replays blocks from a snapshot.
    Replayer,
    /// Signs blocks.
    Validator,
}

impl Mode {
    /// Mode word of sei-config.
    #[must_use]
    pub fn config_word(self) -> &'static str {
        match self {
            Self::FullNode | Self::Replayer => "full",
            Self::Archive => "archive",
            Self::Validator => "validator",
        }
    }

    /// Value of the label `sei.io/role`.
    #[must_use]
    pub fn role(self) -> &'static str {
        match self {
            Self::FullNode => "node",
            Self::Archive => "archive",
            Self::Replayer => "replayer",
            Self::Validator => "validator",
        }
    }

    /// The mode that this member of `spec` chooses.
    #[must_use]
    pub fn of_field(field: &str) -> Option<Self> {
        [Self::FullNode, Self::Archive, Self::Replayer, Self::Validator].into_iter().find(|mode| mode.field() == field)
    }

    /// Name of the member of `spec` that chooses the mode.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::FullNode => "fullNode",
            Self::Archive => "archive",
            Self::Replayer => "replayer",
            Self::Validator => "validator",
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
        /// Image of seid for the Job that syncs up to the height before production starts.
        bootstrap_image: Option<String>,
    },
}

impl fmt::Display for InitSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Genesis => f.write_str("genesis"),
            Self::StateSync(sync) => write!(f, "stateSync{sync}"),
            Self::S3 { target_height, sync, bootstrap_image: None } => write!(f, "s3 up to {target_height}{sync}"),
            Self::S3 { target_height, sync, bootstrap_image: Some(image) } => {
                write!(f, "s3 up to {target_height}{sync}, by {image}")
            }
        }
    }
}

/// What a bootstrap Job runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bootstrap<'a> {
    /// Image of seid.
    pub image: &'a str,
    /// Height after which seid stops by itself.
    pub halt_height: i64,
}

/// Settings of state sync.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SyncSettings {
    /// Go duration, empty for the sidecar's default.
    pub trust_period: String,
    /// Blocks to fetch behind the snapshot.
    pub backfill_blocks: i64,
}

impl fmt::Display for SyncSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.trust_period.is_empty() {
            write!(f, ", trusted for {}", self.trust_period)?;
        }
        if self.backfill_blocks != 0 {
            write!(f, ", with {} blocks behind it", self.backfill_blocks)?;
        }
        Ok(())
    }
}

/// One node's part in a genesis ceremony.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ceremony {
    /// Chain that is being founded.
    pub chain_id: String,
    /// Self-delegation of the gentx.
    pub staking_amount: String,
    /// First balance of the node's account.
    pub account_balance: String,
    /// JSON text of changes to the genesis, empty for none.
    pub genesis_params: String,
}

/// Snapshots a node produces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshots {
    /// How many stay on disk.
    pub keep_recent: i64,
    /// Whether the sidecar uploads them.
    pub publish: bool,
}

impl Snapshots {
    /// The settings as they stand in a spec.
    #[must_use]
    pub fn of(tendermint: &TendermintSnapshots) -> Self {
        Self { keep_recent: tendermint.keep_recent, publish: tendermint.publish.is_some() }
    }
}

/// The TLS proxy in front of a sidecar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Image of the proxy.
    pub proxy_image: String,
    /// Where its certificate comes from.
    pub source: TlsSource,
}

/// Where the certificate of a TLS proxy comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsSource {
    /// A Secret that somebody else provisions.
    Secret(String),
    /// A Certificate that the operator asks of an issuer.
    Issuer(Issuer),
}

/// A cert-manager issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// Name.
    pub name: String,
    /// Kind.
    pub kind: IssuerKind,
}

/// Keyring of the operator account: a Secret with a file keyring, and the Secret that unlocks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyring {
    /// Secret whose keys are the keyring's files.
    pub secret: String,
    /// Entry to sign with.
    pub key_name: String,
    /// Secret with the passphrase.
    pub passphrase_secret: String,
    /// Key of the passphrase in that Secret.
    pub passphrase_key: String,
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
