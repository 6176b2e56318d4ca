//! The catalogue of tasks: every unit of work a node plan can hold. Matched without a wildcard, everywhere.

pub mod codec;
mod ids;
mod payloads;

pub(crate) use ids::digest;
pub use ids::{FanOut, answer_token, fan_out_id, task_id};
pub use payloads::*;

use crate::api::DriftKind;
use crate::names::NodeKey;

/// One unit of work, with the values it will apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Makes the data claim, or checks the imported one.
    EnsureDataPvc(NodeKey),
    /// Checks the Secret with the consensus key.
    ValidateSigningKey(SecretRef),
    /// Waits until a node that runs without a consensus key has caught up with its chain.
    AwaitCaughtUp(SecretRef),
    /// Takes the consensus key for this node, so that no other node signs with it.
    ClaimSigningKey(SecretRef),
    /// Checks the Secret with the P2P identity.
    ValidateNodeKey(SecretRef),
    /// Checks the keyring of the operator account, and that its passphrase is there.
    ValidateOperatorKeyring(KeyringRef),
    /// Asks an issuer for the certificate of the TLS proxy.
    ApplySidecarCert(SidecarCert),
    /// Waits until the certificate is issued.
    WaitForSidecarTlsSecret(SidecarCert),
    /// Applies the configuration of the TLS proxy.
    ApplyRbacProxyConfig(NodeKey),
    /// Applies the StatefulSet.
    ApplyStatefulSet(NodeKey),
    /// Applies the headless Service.
    ApplyService(NodeKey),
    /// Deletes one pod, and waits until a pod of the applied template runs.
    ReplacePod(ReplacePod),
    /// Waits until a pod of the applied template runs the image, and stamps it.
    ObserveImage(ObserveImage),
    /// Waits until a pod of the applied template serves the certificate of this issuer, or has no TLS proxy, and stamps it.
    ObserveSidecarTls(SidecarCert),
    /// Waits until a pod of the applied template runs, and stamps one setting that it was made with.
    ObserveApplied(ObserveApplied),
    /// Deletes the configuration of a TLS proxy that is gone.
    DeleteRbacProxyConfig(NodeKey),
    /// Deletes the Certificate of a TLS proxy that is gone.
    DeleteSidecarCert(NodeKey),
    /// Makes the Service through which the bootstrap pod is reached.
    DeployBootstrapService(BootstrapRef),
    /// Makes the Job that syncs up to a height.
    DeployBootstrapJob(BootstrapRef),
    /// Waits until the Job has reached its height.
    AwaitBootstrapComplete(BootstrapRef),
    /// Deletes Job and Service, and waits until the pod is gone: production needs the disk.
    TeardownBootstrap(BootstrapRef),
    /// Makes the keys of a validator that founds a chain.
    GenerateIdentity(GenerateIdentity),
    /// Makes its first transaction.
    GenerateGentx(GenerateGentx),
    /// Hands transaction and identity to the others.
    UploadGenesisArtifacts(
        /// Name of the node.
        String,
    ),
    /// Writes the other founders as peers into the configuration.
    SetGenesisPeers,
    /// Restores a snapshot from S3.
    SnapshotRestore(SnapshotRestore),
    /// Fetches the genesis file.
    ConfigureGenesis,
    /// Writes seid's configuration.
    ConfigApply(ConfigIntent),
    /// Finds peers and writes them into the configuration.
    DiscoverPeers(DiscoverPeers),
    /// Writes the state-sync section of the configuration.
    ConfigureStateSync(ConfigureStateSync),
    /// Checks the configuration on disk.
    ConfigValidate,
    /// Starts the upload of snapshots, which never ends.
    SnapshotUpload,
    /// Opens the gate that seid waits behind.
    MarkReady,
}

/// What holds for every task of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskType {
    /// The word on the wire.
    pub kind: &'static str,
    /// Who does the work, and what it touches.
    pub work: Work,
    /// How many failed runs are retried.
    ///
    /// 180, 20 and 3 are the reference's; tasks that reach over the network and have no budget there get 180, because a
    /// budget of 0 makes one refused connection the end of the node (E6).
    pub max_retries: i32,
    /// Seconds after which a run that the sidecar accepted and never finished counts as failed for good (E15); `None`
    /// where hours are normal and `status` says since when the task runs.
    pub deadline_seconds: Option<i64>,
}

/// Who does the work of a task, and what it touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// The operator, at the API server.
    Operator,
    /// The sidecar, which writes the data volume: no other task may run beside it.
    SidecarWrites,
    /// The sidecar, which changes nothing on disk.
    Sidecar,
}

/// Seconds that a task of the sidecar may take which is done in minutes.
const AN_HOUR: Option<i64> = Some(3600);
/// Budget of tasks that reach over the network.
const NETWORK_RETRIES: i32 = 180;

impl TaskType {
    const fn operator(kind: &'static str) -> Self {
        Self { kind, work: Work::Operator, max_retries: 0, deadline_seconds: None }
    }

    const fn sidecar(kind: &'static str, work: Work, max_retries: i32, deadline_seconds: Option<i64>) -> Self {
        Self { kind, work, max_retries, deadline_seconds }
    }
}

/// Type of [`Task::ObserveApplied`] for kinds that have none.
const OBSERVE_NOTHING: &str = "observe-applied";

/// Whether [`Task::ObserveApplied`] stamps the record of this kind of drift.
pub(crate) fn has_setting_observer(drift: DriftKind) -> bool {
    observer(drift) != OBSERVE_NOTHING
}

/// The kind of drift whose record a task of this type stamps.
fn observed_setting(kind: &str) -> Option<DriftKind> {
    DriftKind::ALL.into_iter().find(|drift| has_setting_observer(*drift) && observer(*drift) == kind)
}

/// Type of the task that observes a setting.
const fn observer(drift: DriftKind) -> &'static str {
    match drift {
        DriftKind::SidecarImage => "observe-sidecar-image",
        DriftKind::SidecarPort => "observe-sidecar-port",
        DriftKind::SidecarResources => "observe-sidecar-resources",
        DriftKind::SigningKey => "observe-signing-key",
        DriftKind::NodeKey => "observe-node-key",
        DriftKind::OperatorKeyring => "observe-operator-keyring",
        DriftKind::PodLabels => "observe-pod-labels",
        DriftKind::Overrides => "observe-overrides",
        DriftKind::Peers => "observe-peers",
        DriftKind::SnapshotGeneration => "observe-snapshot-generation",
        DriftKind::Mode => "observe-mode",
        DriftKind::Refresh => "observe-refresh",
        // These have observers of their own, and objects are there or not.
        DriftKind::Image
        | DriftKind::SidecarTls
        | DriftKind::SidecarIssuer
        | DriftKind::StatefulSet
        | DriftKind::Service
        | DriftKind::ProxyConfig
        | DriftKind::Certificate
        | DriftKind::SigningKeyClaim => OBSERVE_NOTHING,
    }
}

impl Task {
    /// What holds for every task of this type.
    #[must_use]
    pub const fn task_type(&self) -> TaskType {
        use Work::{Sidecar, SidecarWrites};
        match self {
            Self::EnsureDataPvc(_) => TaskType::operator("ensure-data-pvc"),
            Self::ValidateSigningKey(_) => TaskType::operator("validate-signing-key"),
            Self::AwaitCaughtUp(_) => TaskType::operator("await-caught-up"),
            Self::ClaimSigningKey(_) => TaskType::operator("claim-signing-key"),
            Self::ValidateNodeKey(_) => TaskType::operator("validate-node-key"),
            Self::ValidateOperatorKeyring(_) => TaskType::operator("validate-operator-keyring"),
            Self::ApplySidecarCert(_) => TaskType::operator("apply-sidecar-cert"),
            Self::WaitForSidecarTlsSecret(_) => TaskType::operator("wait-for-sidecar-tls-secret"),
            Self::ApplyRbacProxyConfig(_) => TaskType::operator("apply-rbac-proxy-config"),
            Self::ApplyStatefulSet(_) => TaskType::operator("apply-statefulset"),
            Self::ApplyService(_) => TaskType::operator("apply-service"),
            Self::ReplacePod(_) => TaskType { max_retries: 3, ..TaskType::operator("replace-pod") },
            Self::ObserveImage(_) => TaskType::operator("observe-image"),
            Self::ObserveSidecarTls(_) => TaskType::operator("observe-sidecar-tls"),
            Self::ObserveApplied(observe) => TaskType::operator(observer(observe.drift)),
            Self::DeleteRbacProxyConfig(_) => TaskType::operator("delete-rbac-proxy-config"),
            Self::DeleteSidecarCert(_) => TaskType::operator("delete-sidecar-cert"),
            Self::DeployBootstrapService(_) => TaskType::operator("deploy-bootstrap-service"),
            Self::DeployBootstrapJob(_) => TaskType::operator("deploy-bootstrap-job"),
            Self::AwaitBootstrapComplete(_) => TaskType::operator("await-bootstrap-complete"),
            Self::TeardownBootstrap(_) => TaskType::operator("teardown-bootstrap"),
            Self::GenerateIdentity(_) => TaskType::sidecar("generate-identity", SidecarWrites, 0, AN_HOUR),
            Self::GenerateGentx(_) => TaskType::sidecar("generate-gentx", SidecarWrites, 0, AN_HOUR),
            Self::UploadGenesisArtifacts(_) => {
                TaskType::sidecar("upload-genesis-artifacts", SidecarWrites, NETWORK_RETRIES, AN_HOUR)
            }
            Self::SetGenesisPeers => TaskType::sidecar("set-genesis-peers", SidecarWrites, NETWORK_RETRIES, AN_HOUR),
            Self::SnapshotRestore(_) => TaskType::sidecar("snapshot-restore", SidecarWrites, NETWORK_RETRIES, None),
            Self::ConfigureGenesis => TaskType::sidecar("configure-genesis", SidecarWrites, NETWORK_RETRIES, AN_HOUR),
            Self::ConfigApply(_) => TaskType::sidecar("config-apply", SidecarWrites, 0, AN_HOUR),
            Self::DiscoverPeers(_) => TaskType::sidecar("discover-peers", SidecarWrites, 20, AN_HOUR),
            Self::ConfigureStateSync(_) => {
                TaskType::sidecar("configure-state-sync", SidecarWrites, NETWORK_RETRIES, AN_HOUR)
            }
            Self::ConfigValidate => TaskType::sidecar("config-validate", SidecarWrites, 0, AN_HOUR),
            // The upload only reads, and never ends; opening the gate changes nothing on disk.
            Self::SnapshotUpload => TaskType::sidecar("snapshot-upload", Sidecar, 0, None),
            Self::MarkReady => TaskType::sidecar("mark-ready", Sidecar, 0, AN_HOUR),
        }
    }

    /// The type on the wire.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.task_type().kind
    }

    /// How many failed runs are retried.
    #[must_use]
    pub const fn max_retries(&self) -> i32 {
        self.task_type().max_retries
    }

    /// Seconds after which an accepted run that never finished counts as failed.
    #[must_use]
    pub const fn deadline_seconds(&self) -> Option<i64> {
        self.task_type().deadline_seconds
    }

    /// Whether the sidecar writes the data volume for it, so that no other task may run beside it.
    #[must_use]
    pub const fn writes_volume(&self) -> bool {
        matches!(self.task_type().work, Work::SidecarWrites)
    }

    /// Whether the task may restart the node's pod.
    #[must_use]
    pub fn is_disruptive(&self) -> bool {
        codec::is_disruptive(self.kind())
    }
}
