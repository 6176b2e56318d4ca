//! Makes the data claim of a node, or checks the imported one.

use sei_planner::api::{ConditionStatus, conditions};
use sei_planner::manifests::data_claim;
use sei_planner::node::{Stamp, ValidNode, controller_uid};
use sei_planner::step::Outcome;
use serde_json::Value;

use super::apply::json;
use super::{terminal, waiting};
use crate::world::{Clock, Cluster, ClusterError, Created, Kind, ObjectId, Sidecar, World};

/// Creates the claim, or finds that it is there and ours; an imported one is only looked at.
pub(super) async fn ensure_data_claim<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
) -> Result<Outcome, ClusterError> {
    let id = ObjectId::new(Kind::PersistentVolumeClaim, &node.key.namespace, &node.data_volume.claim);
    if node.data_volume.imported {
        return check_import(world, node, &id).await;
    }
    match world.cluster.create(&id, &json(&data_claim(node, &world.platform))?).await? {
        Created::New(_) => Ok(Outcome::Done(Vec::new())),
        Created::AlreadyExists => Ok(match world.cluster.read(&id).await? {
            None => waiting(format!("claim {:?}, which was there a moment ago", id.name)),
            Some(claim) if controller_uid(&claim).as_deref() != Some(&node.uid) => terminal(format!(
                "data PVC {:?} already exists and is not owned by SeiNode {:?}; set spec.dataVolume.import.pvcName to adopt, or delete the PVC",
                id.name, node.key.name
            )),
            // Also one that is being deleted: the node's own pod holds it, so to wait for its end would be to wait for
            // ever. Once the pod is gone the claim goes, and its loss is asked about.
            Some(_) => Outcome::Done(Vec::new()),
        }),
    }
}

/// The checks of an imported claim, in the order of the reference.
async fn check_import<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    id: &ObjectId,
) -> Result<Outcome, ClusterError> {
    let name = &id.name;
    let Some(claim) = world.cluster.read(id).await? else {
        return Ok(waiting(format!("PVC {name:?} not found in namespace {:?}", id.namespace)));
    };
    let required = sei_planner::manifests::required_storage(node, &world.platform);
    let volume = match claim_verdict(name, &claim, required) {
        Ok(volume) => volume,
        Err(outcome) => return Ok(outcome),
    };
    let Some(pv) = world.cluster.read(&ObjectId::new(Kind::PersistentVolume, "", &volume)).await? else {
        return Ok(waiting(format!("underlying PV {volume:?} for PVC {name:?} not found")));
    };
    if pv["status"]["phase"] == "Failed" {
        return Ok(terminal(format!("underlying PV {volume:?} for PVC {name:?} is in phase Failed")));
    }
    let (of_pv, of_claim) = (&pv["spec"]["capacity"]["storage"], &claim["status"]["capacity"]["storage"]);
    if size(of_pv).is_none() || size(of_pv) != size(of_claim) {
        return Ok(terminal(format!(
            "underlying PV {volume:?} capacity {} does not match PVC {name:?} capacity {}",
            of_pv.as_str().unwrap_or("0"),
            of_claim.as_str().unwrap_or("0")
        )));
    }
    Ok(Outcome::Done(vec![
        Stamp::ImportedClaim(name.clone()),
        Stamp::Check {
            condition: conditions::IMPORT_PVC_READY,
            status: ConditionStatus::True,
            reason: conditions::PVC_VALIDATED,
            message: format!("PVC {name:?} passes all import requirements"),
        },
    ]))
}

/// The claim's own checks; the name of its volume when all pass.
fn claim_verdict(name: &str, claim: &Value, required: &sei_planner::quantity::Quantity) -> Result<String, Outcome> {
    if let Some(since) = claim["metadata"]["deletionTimestamp"].as_str() {
        return Err(waiting(format!("PVC {name:?} is being deleted (deletionTimestamp={since})")));
    }
    match claim["status"]["phase"].as_str().unwrap_or_default() {
        "Bound" => {}
        "Lost" => return Err(terminal(format!("PVC {name:?} phase is Lost; underlying PV is gone"))),
        phase => return Err(waiting(format!("PVC {name:?} phase is {phase:?}, waiting for Bound"))),
    }
    let modes: Vec<&str> =
        claim["spec"]["accessModes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !modes.iter().any(|mode| ["ReadWriteOnce", "ReadWriteOncePod"].contains(mode)) {
        let found = modes.join(" ");
        return Err(terminal(format!(
            "PVC {name:?} accessModes [{found}] must include ReadWriteOnce or ReadWriteOncePod"
        )));
    }
    let capacity = &claim["status"]["capacity"]["storage"];
    match size(capacity) {
        None => return Err(waiting(format!("PVC {name:?} has no status.capacity.storage reported yet"))),
        Some(size) if size < required.nanos() => {
            let found = capacity.as_str().unwrap_or_default();
            return Err(terminal(format!(
                "PVC {name:?} capacity {found} is less than required {}",
                required.canonical()
            )));
        }
        Some(_) => {}
    }
    let volume = claim["spec"]["volumeName"].as_str().filter(|volume| !volume.is_empty());
    volume.map(str::to_owned).ok_or_else(|| waiting(format!("PVC {name:?} is Bound but has no spec.volumeName")))
}

/// A quantity in billionths.
fn size(quantity: &Value) -> Option<i128> {
    quantity.as_str()?.parse::<sei_planner::quantity::Quantity>().ok().map(|quantity| quantity.nanos())
}
