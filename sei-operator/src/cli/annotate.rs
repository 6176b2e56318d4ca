//! Sets an annotation of a live node, as `kubectl annotate` would, but only on the very version that was looked at: what a
//! person was shown is what the person answers.

use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use sei_planner::api::SeiNode;
use sei_planner::names::NodeKey;
use serde_json::json;

use super::cluster::{Cluster, FIELD_MANAGER, Trouble};
use crate::output::{self, Paint};

/// How often a node is looked at again because somebody wrote in between.
const ATTEMPTS: u32 = 5;

/// What is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Annotation {
    /// Key.
    pub(super) key: &'static str,
    /// Value; none takes it away.
    pub(super) value: Option<String>,
}

/// Asks `decide` what to write on the node, and writes it; asks again where the node changed in between.
///
/// # Errors
/// What `decide` has against it, and when the write fails.
pub(super) async fn annotate(
    cluster: &Cluster,
    key: &NodeKey,
    mut decide: impl FnMut(&SeiNode) -> Result<Annotation, Trouble>,
) -> Result<Annotation, Trouble> {
    let mut left = ATTEMPTS;
    loop {
        let node = cluster.node(key).await?;
        let annotation = decide(&node)?;
        match write(cluster, key, &node, &annotation).await {
            Err(trouble) if trouble.is_conflict && left > 1 => left -= 1,
            Err(trouble) => return Err(trouble),
            Ok(()) => return Ok(annotation),
        }
    }
}

async fn write(cluster: &Cluster, key: &NodeKey, node: &SeiNode, annotation: &Annotation) -> Result<(), Trouble> {
    let patch = Patch::Merge(json!({"metadata": {
        "uid": node.metadata.uid,
        "resourceVersion": node.resource_version(),
        "annotations": {annotation.key: annotation.value},
    }}));
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let nodes = cluster.nodes(Some(&key.namespace));
    let doing = format!("annotate SeiNode {key}");
    cluster.ask(&doing, nodes.patch_metadata(&key.name, &params, &patch)).await.map(drop)
}

/// Tells the command of kubectl that does the same.
pub(super) fn tell_equivalent(key: &NodeKey, annotation: &Annotation) {
    let command = format!("kubectl annotate seinode {} -n {}", key.name, key.namespace);
    let command = match &annotation.value {
        Some(value) => format!("{command} --overwrite {}={value}", annotation.key),
        None => format!("{command} {}-", annotation.key),
    };
    output::chatter(&format!("{}: {command}\n", Paint::stderr().blue("the same with kubectl")));
}
