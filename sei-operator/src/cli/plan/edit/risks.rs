//! What an edit may cost, by name.
#![allow(unreachable_pub, reason = "the derive of the schema copies each struct, with its visibility, into a function")]

use schemars::JsonSchema;
use sei_planner::api::SeiNode;
use sei_planner::names::NodeKey;
use serde::Serialize;

/// Something to think about before the edit is applied.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(in crate::cli) struct Risk {
    /// Which kind of risk.
    pub(in crate::cli) kind: RiskKind,
    /// What may happen.
    pub(in crate::cli) message: String,
}

/// Kinds of risks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) enum RiskKind {
    /// The pod restarts.
    PodRestart,
    /// A validator may be punished by its chain.
    Slashing,
    /// The chain's data may be lost, or be that of something else.
    Data,
    /// Others or fewer can call the sidecar.
    Access,
    /// A later edit cannot take it back.
    NoWayBack,
}

impl RiskKind {
    /// For people.
    pub(in crate::cli) fn as_str(self) -> &'static str {
        match self {
            Self::PodRestart => "pod restart",
            Self::Slashing => "slashing",
            Self::Data => "data",
            Self::Access => "access",
            Self::NoWayBack => "no way back",
        }
    }
}

/// The risks of an edit that takes place, of a node that runs, and which replaces the pod `restarts` times.
pub(super) fn of_change(old: &SeiNode, new: &SeiNode, restarts: u32) -> Vec<Risk> {
    let restart = (restarts > 0).then(|| restart(&NodeKey::of(new).pod(), restarts));
    let about = [restart, slashing(old, new, restarts), access(old, new)].into_iter().flatten();
    about.chain(no_way_back(old, new)).collect()
}

fn restart(pod: &str, times: u32) -> Risk {
    let times = if times == 1 { "once".to_owned() } else { format!("{times} times") };
    let message = format!("{pod} restarts {times}: the node serves nothing until the new pod has caught up");
    Risk { kind: RiskKind::PodRestart, message }
}

fn slashing(old: &SeiNode, new: &SeiNode, restarts: u32) -> Option<Risk> {
    let message = match (signing_secret(old), signing_secret(new)?) {
        (Some(_), secret) if restarts > 0 => format!(
            "the validator that signs with the key in {secret} restarts: it misses blocks, and is jailed when it misses too many"
        ),
        (Some(_), _) => return None,
        (None, secret) => format!(
            "the node starts to sign with the key in {secret} once it has caught up: make sure that the old validator is stopped and stays so, for signing twice is punished for ever"
        ),
    };
    Some(Risk { kind: RiskKind::Slashing, message })
}

fn access(old: &SeiNode, new: &SeiNode) -> Option<Risk> {
    let message = match (has_tls(old), has_tls(new)) {
        (false, true) => "whoever calls the sidecar must do so over TLS, and show a token that may",
        (true, false) => "the sidecar answers whoever reaches it, without TLS and without a token",
        (true, true) | (false, false) => return None,
    };
    Some(Risk { kind: RiskKind::Access, message: message.to_owned() })
}

fn no_way_back(old: &SeiNode, new: &SeiNode) -> impl Iterator<Item = Risk> {
    let becomes = |has: fn(&SeiNode) -> bool| !has(old) && has(new);
    let about = [
        (
            becomes(|node| node.spec.validator.is_some()),
            "the node stays a validator: no other mode follows it on its disk",
        ),
        (becomes(|node| signing_secret(node).is_some()), "the keys stay: neither Secret is changed or removed later"),
        (becomes(has_keyring), "the operator keyring stays: its Secret is not changed or removed later"),
    ];
    let told = about.into_iter().filter(|(holds, _)| *holds);
    told.map(|(_, message)| Risk { kind: RiskKind::NoWayBack, message: message.to_owned() })
}

fn has_tls(node: &SeiNode) -> bool {
    node.spec.sidecar.as_ref().is_some_and(|sidecar| sidecar.tls.is_some())
}

fn has_keyring(node: &SeiNode) -> bool {
    node.spec.validator.as_ref().is_some_and(|validator| validator.operator_keyring.is_some())
}

/// The risks of a node that was not there before.
pub(super) fn of_new(node: &SeiNode) -> Vec<Risk> {
    let message = |secret| {
        format!(
            "the node starts to sign with the key in {secret}: make sure that the old validator is stopped and stays so, for signing twice is punished for ever"
        )
    };
    signing_secret(node).map(|secret| Risk { kind: RiskKind::Slashing, message: message(secret) }).into_iter().collect()
}

/// The risks of deleting a node, and whether its data goes with it.
pub(super) fn of_removal(node: &SeiNode) -> (Vec<Risk>, bool) {
    let volume = node.spec.data_volume.as_ref();
    let imported = volume.and_then(|volume| volume.import.as_ref());
    let was_imported = node.status.as_ref().and_then(|status| status.imported_pvcs.first());
    let retained = volume.and_then(|volume| volume.retain_on_delete) == Some(true);
    let own = NodeKey::of(node).generated_claim();
    let (message, lost) = if let Some(import) = imported {
        (format!("the imported claim {} stays", import.pvc_name), false)
    } else if let Some(claim) = was_imported.filter(|claim| **claim == own) {
        (format!("the claim {claim} was imported once, and stays"), false)
    } else if retained {
        (format!("the claim {own} stays, without an owner (spec.dataVolume.retainOnDelete)"), false)
    } else {
        (
            format!(
                "the claim {own} is deleted with the chain's data; set spec.dataVolume.retainOnDelete first to keep it"
            ),
            true,
        )
    };
    let mut risks = vec![Risk { kind: RiskKind::Data, message }];
    if signing_secret(node).is_some() {
        let message = "the validator stops: it misses blocks, and is jailed when it misses too many".to_owned();
        risks.push(Risk { kind: RiskKind::Slashing, message });
    }
    (risks, lost)
}

fn signing_secret(node: &SeiNode) -> Option<&str> {
    let key = node.spec.validator.as_ref()?.signing_key.as_ref()?;
    Some(key.secret.as_ref()?.secret_name.as_str())
}
