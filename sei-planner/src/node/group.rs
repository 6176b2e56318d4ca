//! Kinds of drift by what people call them: in the reasons of conditions and in the labels of metrics.

use crate::api::DriftKind;

/// A group of kinds of drift, in the order in which they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UpdateGroup {
    /// Images, settings of the pod and of seid; also an update without drift.
    Update,
    /// The TLS proxy comes, goes, or gets another issuer's certificate.
    Tls,
    /// The node gets keys.
    SigningKey,
    /// The node becomes a validator.
    Mode,
}

impl UpdateGroup {
    /// The groups of these kinds, each once.
    #[must_use]
    pub fn of(drift: &[DriftKind]) -> Vec<Self> {
        let mut groups: Vec<Self> = drift.iter().map(|kind| Self::of_kind(*kind)).collect();
        if groups.is_empty() {
            groups.push(Self::Update);
        }
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    fn of_kind(kind: DriftKind) -> Self {
        match kind {
            DriftKind::SidecarTls | DriftKind::SidecarIssuer => Self::Tls,
            DriftKind::SigningKey | DriftKind::NodeKey => Self::SigningKey,
            DriftKind::Mode => Self::Mode,
            DriftKind::Image
            | DriftKind::StatefulSet
            | DriftKind::Service
            | DriftKind::ProxyConfig
            | DriftKind::Certificate
            | DriftKind::SigningKeyClaim
            | DriftKind::SidecarImage
            | DriftKind::SidecarPort
            | DriftKind::SidecarResources
            | DriftKind::OperatorKeyring
            | DriftKind::PodLabels
            | DriftKind::Overrides
            | DriftKind::Peers
            | DriftKind::SnapshotGeneration
            | DriftKind::Refresh => Self::Update,
        }
    }

    /// Its word in the reason of a condition.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Update => "Update",
            Self::Tls => "TLSToggle",
            Self::SigningKey => "SigningKeyMount",
            Self::Mode => "ModeSwitch",
        }
    }

    /// The label `plan_type` of an update with this drift: `node-update`, `tls-toggle`, `node-update+tls`, …
    #[must_use]
    pub fn plan_type(drift: &[DriftKind]) -> String {
        let groups = Self::of(drift);
        match groups.as_slice() {
            [Self::Tls] => "tls-toggle".to_owned(),
            [Self::SigningKey] => "signing-key-mount".to_owned(),
            [Self::Mode] => "mode-switch".to_owned(),
            several => several.iter().fold("node-update".to_owned(), |label, group| label + group.suffix()),
        }
    }

    const fn suffix(self) -> &'static str {
        match self {
            Self::Update => "",
            Self::Tls => "+tls",
            Self::SigningKey => "+signing-key",
            Self::Mode => "+mode",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::UpdateGroup;
    use crate::api::DriftKind::{Image, Mode, NodeKey, Overrides, SidecarIssuer, SidecarTls, SigningKey};

    #[test]
    fn a_label_says_what_an_update_is_for() {
        for (drift, label) in [
            (&[][..], "node-update"),
            (&[Image, Overrides], "node-update"),
            (&[SidecarTls], "tls-toggle"),
            (&[SidecarIssuer], "tls-toggle"),
            (&[Image, SidecarTls], "node-update+tls"),
            (&[SigningKey, NodeKey], "signing-key-mount"),
            (&[Overrides, SidecarTls, SigningKey, NodeKey, Mode], "node-update+tls+signing-key+mode"),
            (&[SidecarTls, Mode], "node-update+tls+mode"),
        ] {
            assert_eq!(UpdateGroup::plan_type(drift), label, "{drift:?}");
        }
    }
}
