//! Condition types, reasons and event reasons: the only place with these strings.

/// Condition: an update plan is under way.
pub const NODE_UPDATE_IN_PROGRESS: &str = "NodeUpdateInProgress";
/// Reason: an image update was planned.
pub const UPDATE_STARTED: &str = "UpdateStarted";
/// Reason: the update plan ended well.
pub const UPDATE_COMPLETE: &str = "UpdateComplete";
/// Reason: the update plan failed.
pub const UPDATE_FAILED: &str = "UpdateFailed";

/// Condition: the sidecar answers that it is ready.
pub const SIDECAR_READY: &str = "SidecarReady";
/// Reason: `/v0/healthz` answered 200.
pub const READY: &str = "Ready";
/// Reason: `/v0/healthz` answered 503.
pub const NOT_READY: &str = "NotReady";
/// Reason: `/v0/healthz` gave no usable answer.
pub const UNREACHABLE: &str = "Unreachable";

/// Condition: the imported claim can be used.
pub const IMPORT_PVC_READY: &str = "ImportPVCReady";
/// Reason: every check passed.
pub const PVC_VALIDATED: &str = "PVCValidated";
/// Reason: not yet; looked at again.
pub const PVC_NOT_READY: &str = "PVCNotReady";
/// Reason: never, until the claim or the spec changes.
pub const PVC_INVALID: &str = "PVCInvalid";

/// Condition: the provisioned Secret with the certificate of the TLS proxy can be used.
pub const SIDECAR_TLS_SECRET_READY: &str = "SidecarTLSSecretReady";

/// Condition: the spec can be planned. Present only while it cannot, or after it once could not.
pub const SPEC_ACCEPTED: &str = "SpecAccepted";
/// Reason: the spec is planned.
pub const ACCEPTED: &str = "Accepted";
/// Reason: the spec contradicts itself.
pub const INVALID_SPEC: &str = "InvalidSpec";
/// Reason: the spec asks for something this version cannot do yet.
pub const FEATURE_NOT_AVAILABLE: &str = "FeatureNotAvailable";
/// Reason: the TLS issuer is not on the operator's allow-list.
pub const ISSUER_NOT_ALLOWED: &str = "IssuerNotAllowed";
/// Reason: the operator lacks a setting that the spec needs.
pub const PLATFORM_INCOMPLETE: &str = "PlatformIncomplete";

/// Condition: a person must answer before the operator goes on.
pub const AWAITING_ACKNOWLEDGEMENT: &str = "AwaitingAcknowledgement";
/// Reason: the data volume of a node that ran is gone.
pub const DATA_VOLUME_LOST: &str = "DataVolumeLost";
/// Reason: the question was answered, or is moot.
pub const ACKNOWLEDGED: &str = "Acknowledged";

/// Event: the phase changed.
pub const PHASE_TRANSITION: &str = "PhaseTransition";
/// Event: the node failed.
pub const NODE_FAILED: &str = "NodeFailed";
/// Event: the sidecar lost its ready flag.
pub const SIDECAR_READINESS_LOST: &str = "SidecarReadinessLost";
/// Event: the sidecar is ready again.
pub const SIDECAR_READINESS_RESTORED: &str = "SidecarReadinessRestored";
/// Event: the spec is refused.
pub const SPEC_REFUSED: &str = "SpecRefused";
/// Event: the TLS Secret cannot be used.
pub const SIDECAR_TLS_SECRET_NOT_READY: &str = "SidecarTLSSecretNotReady";
