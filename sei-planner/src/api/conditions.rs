//! Condition types, reasons and event reasons: the only place with these strings.

/// Condition: an update plan is under way; its reason has a word for each sort of difference, as in `UpdateAndTLSToggleStarted`.
pub const NODE_UPDATE_IN_PROGRESS: &str = "NodeUpdateInProgress";
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

/// Condition: the Secret with the consensus key can be used.
pub const SIGNING_KEY_READY: &str = "SigningKeyReady";
/// Reason: the consensus key passed every check.
pub const SIGNING_KEY_VALIDATED: &str = "SigningKeyValidated";
/// Reason: the consensus key is not there yet; looked at again.
pub const SIGNING_KEY_NOT_READY: &str = "SigningKeyNotReady";
/// Reason: the consensus key cannot be used until its Secret changes.
pub const SIGNING_KEY_INVALID: &str = "SigningKeyInvalid";

/// Reason: another node holds the consensus key.
pub const SIGNING_KEY_IN_USE: &str = "SigningKeyInUse";

/// Condition: the Secret with the node key can be used.
pub const NODE_KEY_READY: &str = "NodeKeyReady";
/// Reason: the node key passed every check.
pub const NODE_KEY_VALIDATED: &str = "NodeKeyValidated";
/// Reason: the node key is not there yet; looked at again.
pub const NODE_KEY_NOT_READY: &str = "NodeKeyNotReady";
/// Reason: the node key cannot be used until its Secret changes.
pub const NODE_KEY_INVALID: &str = "NodeKeyInvalid";

/// Condition: the operator's keyring and the passphrase for it can be used.
pub const OPERATOR_KEYRING_READY: &str = "OperatorKeyringReady";
/// Reason: keyring and passphrase passed every check.
pub const OPERATOR_KEYRING_VALIDATED: &str = "OperatorKeyringValidated";
/// Reason: one of the two Secrets is not there yet; looked at again.
pub const OPERATOR_KEYRING_NOT_READY: &str = "OperatorKeyringNotReady";
/// Reason: the pair cannot be used until one of the Secrets changes.
pub const OPERATOR_KEYRING_INVALID: &str = "OperatorKeyringInvalid";

/// Condition: the Secret with the sidecar's certificate can be used.
pub const SIDECAR_TLS_SECRET_READY: &str = "SidecarTLSSecretReady";
/// Reason: the TLS Secret passed every check.
pub const TLS_SECRET_READY: &str = "TLSSecretReady";
/// Reason: the TLS Secret passed every check, and a tenth of its certificate's lifetime is left, or two weeks of a long one.
pub const TLS_SECRET_EXPIRES_SOON: &str = "TLSSecretExpiresSoon";
/// Reason: there is no TLS Secret.
pub const TLS_SECRET_NOT_FOUND: &str = "TLSSecretNotFound";
/// Reason: the TLS Secret could not be read.
pub const TLS_SECRET_UNAVAILABLE: &str = "TLSSecretUnavailable";
/// Reason: the Secret holds no certificate, or no private key, in a form that can be read.
pub const TLS_SECRET_MALFORMED: &str = "TLSSecretMalformed";
/// Reason: the certificate is not made out to all names that the node is called by.
pub const TLS_SECRET_SANS_MISMATCH: &str = "TLSSecretSANsMismatch";
/// Reason: the certificate is expired, or not yet valid.
pub const TLS_SECRET_EXPIRED: &str = "TLSSecretExpired";
/// Reason: the private key belongs to another certificate.
pub const TLS_SECRET_KEY_MISMATCH: &str = "TLSSecretKeyMismatch";

/// Reason: the certificate in the TLS Secret is not of the issuer that the spec names.
pub const TLS_SECRET_OTHER_ISSUER: &str = "TLSSecretOtherIssuer";
/// Reason: the cluster has no cert-manager to ask for a certificate.
pub const CERT_MANAGER_MISSING: &str = "CertManagerMissing";

/// Condition: the spec can be planned. Present only while it cannot, or after it once could not.
pub const SPEC_ACCEPTED: &str = "SpecAccepted";
/// Reason: the spec is planned.
pub const ACCEPTED: &str = "Accepted";
/// Reason: the spec contradicts itself.
pub const INVALID_SPEC: &str = "InvalidSpec";
/// Reason: the TLS issuer is not on the operator's allow-list.
pub const ISSUER_NOT_ALLOWED: &str = "IssuerNotAllowed";
/// Reason: the operator lacks a setting that the spec needs.
pub const PLATFORM_INCOMPLETE: &str = "PlatformIncomplete";

/// Reason: the node runs, and its disk holds what the spec no longer asks for.
pub const IMMUTABLE_ONCE_RUNNING: &str = "ImmutableOnceRunning";

/// Condition: an edit asked for something that nothing can be made of on a node that runs.
pub const EDIT_WITHOUT_EFFECT: &str = "EditWithoutEffect";
/// Reason: the field is read when the node gets its first state.
pub const READ_AT_CREATION: &str = "ReadAtCreation";
/// Condition: the operator would make the pod differently now, because its own settings or its version changed.
pub const TEMPLATE_OUTDATED: &str = "TemplateOutdated";
/// Reason: not an edit of the node, but the platform.
pub const PLATFORM_CHANGED: &str = "PlatformChanged";
/// Condition: somebody holds the operator off this node.
pub const PAUSED: &str = "Paused";
/// Reason: the annotation `sei.io/paused` is there.
pub const ANNOTATED: &str = "Annotated";
/// Reason: it was so once.
pub const NO_LONGER: &str = "NoLonger";

/// Condition: a person must answer before the operator goes on.
pub const AWAITING_ACKNOWLEDGEMENT: &str = "AwaitingAcknowledgement";
/// Reason: the data volume of a node that ran is gone.
pub const DATA_VOLUME_LOST: &str = "DataVolumeLost";
/// Reason: somebody deleted the claim of the data, which only the pod keeps that is to be replaced.
pub const DATA_VOLUME_GOES: &str = "DataVolumeGoes";
/// Reason: the consensus key would move to another disk, or away from a holder that vanished.
pub const SIGNING_KEY_MOVES: &str = "SigningKeyMoves";
/// Reason: a node that was never seen to be at the tip of its chain would begin to sign.
pub const NOT_CAUGHT_UP: &str = "NotCaughtUp";
/// Reason: one of the last blocks was signed with the consensus key that a node is to get.
pub const KEY_STILL_SIGNS: &str = "KeyStillSigns";
/// Reason: the question was answered, or is moot.
pub const ACKNOWLEDGED: &str = "Acknowledged";

/// Condition: the node was taken over from the controller before this one. An event of this name tells it, too.
pub const ADOPTED: &str = "Adopted";
/// Reason: what that controller kept no record of was taken from the pod and the spec; its plan goes on.
pub const RECORDS_SEEDED: &str = "Adopted";

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
/// Event: this version of the operator cannot read the node, and leaves it alone.
pub const UNREADABLE: &str = "Unreadable";
/// Event: the TLS Secret cannot be used.
pub const SIDECAR_TLS_SECRET_NOT_READY: &str = "SidecarTLSSecretNotReady";
