//! What a node that ran cannot become: its disk holds the data of one chain, of one claim, and of one mode.

use super::problem::{Problem, Refusal};
use super::valid::{Mode, ValidNode};
use crate::api::conditions::IMMUTABLE_ONCE_RUNNING;
use crate::api::{NodePhase, SeiNodeStatus};

/// Why the spec cannot be followed by this node, which runs; the API server accepts it, because a node that does not run yet
/// may be corrected.
#[must_use]
pub fn unfollowable(node: &ValidNode, status: &SeiNodeStatus) -> Option<Refusal> {
    if status.phase() != NodePhase::Running {
        return None;
    }
    let problems: Vec<Problem> =
        [chain(node, status), claim(node, status), mode(node, status)].into_iter().flatten().collect();
    (!problems.is_empty()).then_some(Refusal { reason: IMMUTABLE_ONCE_RUNNING, problems })
}

fn chain(node: &ValidNode, status: &SeiNodeStatus) -> Option<Problem> {
    let ran = status.applied.as_ref()?.chain_id.as_ref().filter(|ran| **ran != node.chain_id)?;
    let message = format!(
        "is {:?}, and the volume holds the data of {ran:?}: write {ran:?} again, or make a new node",
        node.chain_id
    );
    Some(problem("SEI0125", "spec.chainId", message))
}

fn claim(node: &ValidNode, status: &SeiNodeStatus) -> Option<Problem> {
    let wanted = &node.data_volume.claim;
    let ran = status.applied.as_ref()?.data_claim.as_ref().filter(|ran| *ran != wanted)?;
    let message = format!(
        "is {wanted:?}, and the node ran on the claim {ran:?}, which it keeps: remove import, or make a new node with it"
    );
    Some(problem("SEI0126", "spec.dataVolume.import.pvcName", message))
}

/// A full node may become a validator; every other switch would need other data.
fn mode(node: &ValidNode, status: &SeiNodeStatus) -> Option<Problem> {
    let ran = status.observed_mode.as_deref().filter(|ran| *ran != node.mode.field())?;
    let field = format!("spec.{}", node.mode.field());
    let becomes_validator = ran == Mode::FullNode.field() && node.mode == Mode::Validator;
    if !becomes_validator {
        let message = format!(
            "cannot be the mode of this node, which runs with {ran}; the only switch is from fullNode to validator: write {ran} again, or make a new node"
        );
        return Some(problem("SEI0127", &field, message));
    }
    node.ceremony.as_ref().map(|_| {
        let message = "founds a chain, and this node has the data of one: remove genesisCeremony".to_owned();
        problem("SEI0127", "spec.validator.genesisCeremony", message)
    })
}

fn problem(code: &'static str, field: &str, message: String) -> Problem {
    Problem { code, message, field: field.to_owned() }
}
