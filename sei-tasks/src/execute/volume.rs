//! Makes the data claim of a node, or checks the imported one.

use sei_planner::inspect::{Verdict, imported_claim, imported_volume};
use sei_planner::manifests::data_claim;
use sei_planner::node::{Stamp, ValidNode, builds_on_data, controller_uid};
use sei_planner::step::Outcome;

use super::apply::json;
use super::checks::IMPORTED_CLAIM;
use super::claim::before_a_fresh_disk;
use super::keys::At;
use super::{of_its_predecessor, terminal, waiting};
use crate::world::{Clock, Cluster, ClusterError, Created, Kind, ObjectId, Sidecar, World};

/// Creates the claim, or finds that it is there and ours; an imported one is only looked at.
pub(super) async fn ensure_data_claim<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    at: At<'_>,
) -> Result<Outcome, ClusterError> {
    let id = ObjectId::new(Kind::PersistentVolumeClaim, &node.key.namespace, &node.data_volume.claim);
    if node.data_volume.imported {
        return check_import(world, node, &id).await;
    }
    let may_be_hindered = builds_on_data(at.plan) || node.signing_key.is_some();
    if may_be_hindered && world.cluster.read(&id).await?.is_none() {
        if builds_on_data(at.plan) {
            let on = format!("the watch to show that the claim {:?}, with the data of this plan, is gone", id.name);
            return Ok(waiting(on));
        }
        if let Some(hindered) = before_a_fresh_disk(world, node, at).await? {
            return Ok(hindered);
        }
    }
    match world.cluster.create(&id, &json(&data_claim(node, &world.platform))?).await? {
        Created::New(_) => Ok(Outcome::Done(Vec::new())),
        Created::AlreadyExists => Ok(match world.cluster.read(&id).await? {
            None => waiting(format!("claim {:?}, which was there a moment ago", id.name)),
            Some(claim) if controller_uid(&claim).as_deref() != Some(&node.uid) => {
                of_its_predecessor(node, &id, &claim).unwrap_or_else(|| terminal(format!(
                    "data PVC {:?} already exists and is not owned by SeiNode {:?}; set spec.dataVolume.import.pvcName to adopt, or delete the PVC",
                    id.name, node.key.name
                )))
            }
            // Also one that is being deleted: the node's own pod holds it, so to wait for its end would be to wait for
            // ever. Once the pod is gone the claim goes, and its loss is asked about.
            Some(_) => Outcome::Done(Vec::new()),
        }),
    }
}

/// Looks at an imported claim and at its volume.
async fn check_import<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    id: &ObjectId,
) -> Result<Outcome, ClusterError> {
    let name = &id.name;
    let claim = world.cluster.read(id).await?;
    let required = sei_planner::manifests::required_storage(node, &world.platform);
    let volume = match imported_claim(claim.as_ref(), name, &id.namespace, required) {
        Verdict::Good(volume) => volume,
        Verdict::NotYet(on) => return Ok(waiting(on)),
        Verdict::Bad(why) => return Ok(terminal(why)),
    };
    let pv = world.cluster.read(&ObjectId::new(Kind::PersistentVolume, "", &volume)).await?;
    match imported_volume(pv.as_ref(), &volume, &claim.unwrap_or_default(), name) {
        Verdict::Good(()) => {}
        Verdict::NotYet(on) => return Ok(waiting(on)),
        Verdict::Bad(why) => return Ok(terminal(why)),
    }
    Ok(Outcome::Done(vec![
        Stamp::ImportedClaim(name.clone()),
        IMPORTED_CLAIM.passed(format!("PVC {name:?} passes all import requirements")),
    ]))
}
