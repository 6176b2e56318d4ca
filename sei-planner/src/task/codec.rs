//! Between a [`Task`] and its JSON: `params` as they are stored in a plan, and `params` as they are posted to a sidecar.
//! The only place that knows the casings of the controller this operator replaces.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use thiserror::Error;

use super::{
    BootstrapRef, ConfigIntent, ConfigureStateSync, DiscoverPeers, GenerateGentx, GenerateIdentity, KeyringRef,
    ObserveApplied, ObserveImage, PeerQuery, ReplacePod, SecretRef, SidecarCert, SnapshotRestore, Task,
    observed_setting,
};
use crate::api::IssuerKind;
use crate::names::NodeKey;
use crate::node::Issuer;

/// A stored task that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CodecError {
    /// No task has this type.
    #[error("unknown task type {0:?}")]
    UnknownType(String),
    /// The params do not fit the type.
    #[error("deserializing {kind} params: {why}")]
    Params {
        /// Type of the task.
        kind: String,
        /// What does not fit.
        why: String,
    },
}

/// `params` as they are stored in a plan: lowerCamel keys for tasks of the operator, the capitalised field names of the
/// old controller's client for sidecar tasks, and `config-apply` flat.
#[must_use]
pub fn stored_params(task: &Task) -> Value {
    match task {
        Task::EnsureDataPvc(node)
        | Task::ApplyStatefulSet(node)
        | Task::ApplyService(node)
        | Task::ApplyRbacProxyConfig(node)
        | Task::DeleteRbacProxyConfig(node)
        | Task::DeleteSidecarCert(node) => node_ref(node),
        Task::ObserveApplied(observe) => node_ref(&observe.node),
        Task::ApplySidecarCert(cert) | Task::WaitForSidecarTlsSecret(cert) | Task::ObserveSidecarTls(cert) => {
            certificate(cert)
        }
        Task::ValidateSigningKey(key)
        | Task::ValidateNodeKey(key)
        | Task::ClaimSigningKey(key)
        | Task::AwaitCaughtUp(key) => {
            json!({ "secretName": key.secret_name, "namespace": key.namespace })
        }
        Task::ValidateOperatorKeyring(keyring) => json!({
            "secretName": keyring.secret_name,
            "keyName": keyring.key_name,
            "passphraseSecretName": keyring.passphrase_secret_name,
            "passphraseSecretKey": keyring.passphrase_secret_key,
            "namespace": keyring.namespace,
        }),
        Task::DeployBootstrapService(names)
        | Task::DeployBootstrapJob(names)
        | Task::AwaitBootstrapComplete(names)
        | Task::TeardownBootstrap(names) => {
            let namespace = json!({ "namespace": names.namespace });
            with(with(namespace, "jobName", &names.job_name), "serviceName", &names.service_name)
        }
        Task::GenerateIdentity(identity) => json!({ "ChainID": identity.chain_id, "Moniker": identity.moniker }),
        Task::GenerateGentx(gentx) => json!({
            "ChainID": gentx.chain_id,
            "StakingAmount": gentx.staking_amount,
            "AccountBalance": gentx.account_balance,
            "GenesisParams": gentx.genesis_params,
        }),
        Task::UploadGenesisArtifacts(node) => json!({ "NodeName": node }),
        Task::ReplacePod(replace) => {
            let mut params = with(node_ref(&replace.node), "podUID", &replace.pod_uid);
            if replace.restart {
                params["restart"] = Value::from(true);
            }
            params
        }
        Task::ObserveImage(observe) => with(node_ref(&observe.node), "image", &observe.image),
        Task::SnapshotRestore(restore) => json!({ "TargetHeight": restore.target_height }),
        Task::ConfigApply(intent) => intent_params(intent, false),
        Task::DiscoverPeers(discover) => json!({
            "Sources": discover.sources.iter().map(source_params).collect::<Vec<_>>()
        }),
        Task::ConfigureStateSync(sync) => json!({
            "UseLocalSnapshot": sync.use_local_snapshot,
            "TrustPeriod": sync.trust_period,
            "BackfillBlocks": sync.backfill_blocks,
        }),
        Task::SetGenesisPeers
        | Task::ConfigureGenesis
        | Task::ConfigValidate
        | Task::SnapshotUpload
        | Task::MarkReady => json!({}),
    }
}

/// `params` as they are posted to a sidecar; `None` when there are none, or when the task is not the sidecar's.
#[must_use]
pub fn posted_params(task: &Task) -> Option<Value> {
    match task {
        Task::EnsureDataPvc(_)
        | Task::ValidateSigningKey(_)
        | Task::ValidateNodeKey(_)
        | Task::ClaimSigningKey(_)
        | Task::ValidateOperatorKeyring(_)
        | Task::ApplySidecarCert(_)
        | Task::WaitForSidecarTlsSecret(_)
        | Task::ApplyRbacProxyConfig(_)
        | Task::ApplyStatefulSet(_)
        | Task::ApplyService(_)
        | Task::ReplacePod(_)
        | Task::ObserveImage(_)
        | Task::ObserveSidecarTls(_)
        | Task::ObserveApplied(_)
        | Task::DeleteRbacProxyConfig(_)
        | Task::DeleteSidecarCert(_)
        | Task::AwaitCaughtUp(_)
        | Task::DeployBootstrapService(_)
        | Task::DeployBootstrapJob(_)
        | Task::AwaitBootstrapComplete(_)
        | Task::TeardownBootstrap(_)
        | Task::SetGenesisPeers
        | Task::ConfigureGenesis
        | Task::ConfigValidate
        | Task::SnapshotUpload
        | Task::MarkReady => None,
        Task::GenerateIdentity(identity) => Some(json!({ "chainId": identity.chain_id, "moniker": identity.moniker })),
        Task::GenerateGentx(gentx) => {
            let params = json!({
                "chainId": gentx.chain_id,
                "stakingAmount": gentx.staking_amount,
                "accountBalance": gentx.account_balance,
            });
            Some(with(params, "genesisParams", &gentx.genesis_params))
        }
        Task::UploadGenesisArtifacts(node) => Some(json!({ "nodeName": node })),
        Task::SnapshotRestore(restore) => {
            (restore.target_height > 0).then(|| json!({ "targetHeight": restore.target_height }))
        }
        Task::ConfigApply(intent) => Some(intent_params(intent, true)),
        Task::DiscoverPeers(discover) => {
            let sources: Vec<Value> =
                discover.sources.iter().filter(|s| s.asks_somebody()).map(source_params).collect();
            Some(json!({ "sources": sources }))
        }
        Task::ConfigureStateSync(sync) => state_sync_params(sync),
    }
}

/// Whether tasks that are stored under this type may restart the node's pod.
#[must_use]
pub fn is_disruptive(kind: &str) -> bool {
    kind == "replace-pod"
}

/// The task that a plan stores as `kind` and `params`, whatever the letter case of the keys.
///
/// # Errors
/// When no task has that type, or the params do not fit it.
pub fn decode(kind: &str, params: &Value) -> Result<Task, CodecError> {
    Ok(match kind {
        "ensure-data-pvc" => Task::EnsureDataPvc(read::<StoredNode>(kind, params)?.key()),
        "apply-statefulset" => Task::ApplyStatefulSet(read::<StoredNode>(kind, params)?.key()),
        "apply-service" => Task::ApplyService(read::<StoredNode>(kind, params)?.key()),
        "apply-rbac-proxy-config" => Task::ApplyRbacProxyConfig(read::<StoredNode>(kind, params)?.key()),
        "apply-sidecar-cert" => Task::ApplySidecarCert(read::<StoredNode>(kind, params)?.certificate()),
        "wait-for-sidecar-tls-secret" => Task::WaitForSidecarTlsSecret(read::<StoredNode>(kind, params)?.certificate()),
        "observe-sidecar-tls" => Task::ObserveSidecarTls(read::<StoredNode>(kind, params)?.certificate()),
        "delete-rbac-proxy-config" => Task::DeleteRbacProxyConfig(read::<StoredNode>(kind, params)?.key()),
        "delete-sidecar-cert" => Task::DeleteSidecarCert(read::<StoredNode>(kind, params)?.key()),
        "await-caught-up" => Task::AwaitCaughtUp(read::<StoredSecrets>(kind, params)?.secret()),
        "validate-signing-key" => Task::ValidateSigningKey(read::<StoredSecrets>(kind, params)?.secret()),
        "claim-signing-key" => Task::ClaimSigningKey(read::<StoredSecrets>(kind, params)?.secret()),
        "validate-node-key" => Task::ValidateNodeKey(read::<StoredSecrets>(kind, params)?.secret()),
        "validate-operator-keyring" => Task::ValidateOperatorKeyring(read::<StoredSecrets>(kind, params)?.keyring()),
        "deploy-bootstrap-service" => Task::DeployBootstrapService(read::<StoredBootstrap>(kind, params)?.names()),
        "deploy-bootstrap-job" => Task::DeployBootstrapJob(read::<StoredBootstrap>(kind, params)?.names()),
        "await-bootstrap-complete" => Task::AwaitBootstrapComplete(read::<StoredBootstrap>(kind, params)?.names()),
        "teardown-bootstrap" => Task::TeardownBootstrap(read::<StoredBootstrap>(kind, params)?.names()),
        "generate-identity" => Task::GenerateIdentity(read::<StoredGenesis>(kind, params)?.identity()),
        "generate-gentx" => Task::GenerateGentx(read::<StoredGenesis>(kind, params)?.gentx()),
        "upload-genesis-artifacts" => Task::UploadGenesisArtifacts(read::<StoredGenesis>(kind, params)?.nodename),
        "set-genesis-peers" => Task::SetGenesisPeers,
        "replace-pod" => {
            let stored: StoredNode = read(kind, params)?;
            Task::ReplacePod(ReplacePod { node: stored.key(), restart: stored.restart, pod_uid: stored.poduid })
        }
        "observe-image" => {
            let stored: StoredNode = read(kind, params)?;
            Task::ObserveImage(ObserveImage { node: stored.key(), image: stored.image })
        }
        "snapshot-restore" => {
            let stored: StoredRestore = read(kind, params)?;
            Task::SnapshotRestore(SnapshotRestore { target_height: stored.targetheight })
        }
        "configure-genesis" => Task::ConfigureGenesis,
        "config-apply" => Task::ConfigApply(read::<StoredIntent>(kind, params)?.intent()),
        "discover-peers" => {
            let stored: StoredDiscover = read(kind, params)?;
            let sources = stored.sources.unwrap_or_default();
            let sources = sources.iter().map(|one| source(kind, one)).collect::<Result<_, _>>()?;
            Task::DiscoverPeers(DiscoverPeers { sources })
        }
        "configure-state-sync" => Task::ConfigureStateSync(read::<StoredStateSync>(kind, params)?.settings()),
        "config-validate" => Task::ConfigValidate,
        "snapshot-upload" => Task::SnapshotUpload,
        "mark-ready" => Task::MarkReady,
        other => {
            let drift = observed_setting(other).ok_or_else(|| CodecError::UnknownType(other.to_owned()))?;
            Task::ObserveApplied(ObserveApplied { node: read::<StoredNode>(kind, params)?.key(), drift })
        }
    })
}

impl PeerQuery {
    /// Whether the source names anybody to ask; a label source nobody matches does not (B5).
    #[must_use]
    pub fn asks_somebody(&self) -> bool {
        match self {
            Self::Ec2Tags { .. } => true,
            Self::Static { addresses } => !addresses.is_empty(),
            Self::DnsEndpoints { endpoints } => !endpoints.is_empty(),
        }
    }
}

fn node_ref(node: &NodeKey) -> Value {
    json!({ "nodeName": node.name, "namespace": node.namespace })
}

fn certificate(cert: &SidecarCert) -> Value {
    let node = node_ref(&cert.node);
    match &cert.issuer {
        None => node,
        Some(issuer) => with(with(node, "issuerName", &issuer.name), "issuerKind", issuer.kind.as_str()),
    }
}

fn with(mut object: Value, key: &str, text: &str) -> Value {
    if !text.is_empty() {
        object[key] = Value::from(text);
    }
    object
}

/// The intent as a flat object; zero values are present only in what is posted.
fn intent_params(intent: &ConfigIntent, posted: bool) -> Value {
    let mut params = json!({ "mode": intent.mode });
    if !intent.overrides.is_empty() {
        params["overrides"] = json!(intent.overrides);
    }
    if posted || intent.incremental {
        params["incremental"] = Value::from(intent.incremental);
    }
    if posted || intent.target_version != 0 {
        params["targetVersion"] = Value::from(intent.target_version);
    }
    params
}

fn source_params(source: &PeerQuery) -> Value {
    match source {
        PeerQuery::Ec2Tags { region, tags } => json!({ "type": "ec2Tags", "region": region, "tags": tags }),
        PeerQuery::Static { addresses } => json!({ "type": "static", "addresses": addresses }),
        PeerQuery::DnsEndpoints { endpoints } => {
            without_empty(json!({ "type": "dnsEndpoints", "endpoints": endpoints }))
        }
    }
}

/// The old controller omits empty lists.
fn without_empty(mut object: Value) -> Value {
    if let Some(map) = object.as_object_mut() {
        map.retain(|_, value| value.as_array().is_none_or(|list| !list.is_empty()));
    }
    object
}

fn state_sync_params(sync: &ConfigureStateSync) -> Option<Value> {
    let mut params = Map::new();
    if sync.use_local_snapshot {
        params.insert("useLocalSnapshot".into(), true.into());
    }
    if !sync.trust_period.is_empty() {
        params.insert("trustPeriod".into(), sync.trust_period.as_str().into());
    }
    if sync.backfill_blocks > 0 {
        params.insert("backfillBlocks".into(), sync.backfill_blocks.into());
    }
    (!params.is_empty()).then_some(Value::Object(params))
}

/// Reads params with their top-level keys in lower case, which is how the fields of the structs below are spelled.
fn read<T: DeserializeOwned>(kind: &str, params: &Value) -> Result<T, CodecError> {
    let lowered = match params.as_object() {
        Some(map) => Value::Object(map.iter().map(|(k, v)| (k.to_lowercase(), v.clone())).collect()),
        None if params.is_null() => json!({}),
        None => params.clone(),
    };
    serde_json::from_value(lowered).map_err(|error| CodecError::Params { kind: kind.into(), why: error.to_string() })
}

fn source(kind: &str, stored: &Value) -> Result<PeerQuery, CodecError> {
    let stored: StoredSource = read(kind, stored)?;
    match stored.r#type.as_str() {
        "ec2Tags" => Ok(PeerQuery::Ec2Tags { region: stored.region, tags: stored.tags }),
        "static" => Ok(PeerQuery::Static { addresses: stored.addresses }),
        "dnsEndpoints" => Ok(PeerQuery::DnsEndpoints { endpoints: stored.endpoints }),
        unknown => Err(CodecError::Params { kind: kind.into(), why: format!("unknown peer source type {unknown:?}") }),
    }
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct StoredNode {
    nodename: String,
    namespace: String,
    poduid: String,
    restart: bool,
    image: String,
    issuername: String,
    issuerkind: Option<IssuerKind>,
}

impl StoredNode {
    fn key(&self) -> NodeKey {
        NodeKey::new(&self.namespace, &self.nodename)
    }

    fn certificate(&self) -> SidecarCert {
        let issuer = (!self.issuername.is_empty()).then(|| Issuer {
            name: self.issuername.clone(),
            kind: self.issuerkind.unwrap_or(IssuerKind::ClusterIssuer),
        });
        SidecarCert { node: self.key(), issuer }
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct StoredSecrets {
    secretname: String,
    keyname: String,
    passphrasesecretname: String,
    passphrasesecretkey: String,
    namespace: String,
}

impl StoredSecrets {
    fn secret(self) -> SecretRef {
        SecretRef { secret_name: self.secretname, namespace: self.namespace }
    }

    fn keyring(self) -> KeyringRef {
        KeyringRef {
            secret_name: self.secretname,
            key_name: self.keyname,
            passphrase_secret_name: self.passphrasesecretname,
            passphrase_secret_key: self.passphrasesecretkey,
            namespace: self.namespace,
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct StoredBootstrap {
    jobname: String,
    servicename: String,
    namespace: String,
}

impl StoredBootstrap {
    fn names(self) -> BootstrapRef {
        BootstrapRef { job_name: self.jobname, service_name: self.servicename, namespace: self.namespace }
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct StoredGenesis {
    chainid: String,
    moniker: String,
    stakingamount: String,
    accountbalance: String,
    genesisparams: String,
    nodename: String,
}

impl StoredGenesis {
    fn identity(self) -> GenerateIdentity {
        GenerateIdentity { chain_id: self.chainid, moniker: self.moniker }
    }

    fn gentx(self) -> GenerateGentx {
        GenerateGentx {
            chain_id: self.chainid,
            staking_amount: self.stakingamount,
            account_balance: self.accountbalance,
            genesis_params: self.genesisparams,
        }
    }
}

#[derive(Deserialize)]
struct StoredRestore {
    #[serde(default)]
    targetheight: i64,
}

#[derive(Deserialize)]
struct StoredIntent {
    #[serde(default)]
    mode: String,
    #[serde(default)]
    overrides: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    incremental: bool,
    #[serde(default)]
    targetversion: i64,
}

impl StoredIntent {
    fn intent(self) -> ConfigIntent {
        ConfigIntent {
            mode: self.mode,
            overrides: self.overrides,
            incremental: self.incremental,
            target_version: self.targetversion,
        }
    }
}

#[derive(Deserialize)]
struct StoredDiscover {
    /// The old controller stores `null` for an empty list.
    #[serde(default)]
    sources: Option<Vec<Value>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct StoredSource {
    r#type: String,
    region: String,
    tags: std::collections::BTreeMap<String, String>,
    addresses: Vec<String>,
    endpoints: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct StoredStateSync {
    uselocalsnapshot: bool,
    trustperiod: String,
    backfillblocks: i64,
}

impl StoredStateSync {
    fn settings(self) -> ConfigureStateSync {
        ConfigureStateSync {
            use_local_snapshot: self.uselocalsnapshot,
            trust_period: self.trustperiod,
            backfill_blocks: self.backfillblocks,
        }
    }
}
