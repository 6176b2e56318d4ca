//! The claim that holds a node's chain data.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PersistentVolumeClaimSpec, VolumeResourceRequirements};

use super::{Manifest, Object, quantity};
use crate::node::{Mode, ValidNode};
use crate::platform::Platform;
use crate::quantity::Quantity;

/// The claim the operator makes for a node that imports none.
#[must_use]
pub fn data_claim(node: &ValidNode, platform: &Platform) -> Manifest {
    let spec = PersistentVolumeClaimSpec {
        access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
        storage_class_name: Some(storage_class(node.mode, platform).to_owned()),
        resources: Some(VolumeResourceRequirements {
            requests: Some(BTreeMap::from([("storage".to_owned(), quantity(storage_size(node.mode, platform)))])),
            limits: None,
        }),
        ..PersistentVolumeClaimSpec::default()
    };
    Manifest::DataClaim(Object::of(node, "v1", "PersistentVolumeClaim", &node.key.generated_claim(), spec))
}

/// The least an imported claim must have: what the node would ask for itself.
#[must_use]
pub fn required_storage<'p>(node: &ValidNode, platform: &'p Platform) -> &'p Quantity {
    storage_size(node.mode, platform)
}

fn storage_size(mode: Mode, platform: &Platform) -> &Quantity {
    match mode {
        Mode::Archive => &platform.storage_size_archive,
        Mode::FullNode | Mode::Replayer | Mode::Validator => &platform.storage_size_default,
    }
}

fn storage_class(mode: Mode, platform: &Platform) -> &str {
    match mode {
        Mode::Archive => &platform.storage_class_archive,
        Mode::FullNode | Mode::Replayer | Mode::Validator => &platform.storage_class_perf,
    }
}
