//! The rules: each looks at one node that the API server would accept, and says what in it does not mean what it says.

use sei_planner::api::{PeerSource, SeiNode, SnapshotSource};
use sei_planner::names::NodeKey;

use crate::input::Document;
use crate::input::diagnostics::{
    CEREMONY_CHAIN, CEREMONY_SNAPSHOT, Code, Diagnostic, ENTRYPOINT_IGNORED, LABEL_OVERRULED, MALFORMED_PEER,
    MUTABLE_IMAGE, OVERRIDE_WINS, OWN_PEER, RESULT_EXPORT_UNUSED, RETAIN_WITHOUT_EFFECT, SNAPSHOT_WITHOUT_PEERS,
    Severity,
};

/// Labels that the operator sets on everything, whatever a node says.
const SYSTEM_LABELS: [&str; 3] = ["sei.io/node", "sei.io/chain", "sei.io/role"];
/// Settings that `snapshotGeneration` chooses, and an override replaces.
const SNAPSHOT_SETTINGS: [&str; 2] = ["storage.snapshot_interval", "storage.snapshot_keep_recent"];
/// Characters of the id of a Tendermint node.
const NODE_ID_LENGTH: usize = 40;

/// Everything that can be said about a node that can be read.
pub(super) fn findings(document: &Document) -> Vec<Diagnostic> {
    let Some(node) = &document.node else { return Vec::new() };
    let mut lint = Lint { document, node, found: Vec::new() };
    lint.ignored_fields();
    lint.overrides();
    lint.images();
    lint.labels();
    lint.ceremonies();
    lint.snapshots();
    lint.peers();
    lint.found.sort_by_key(|finding| (finding.at.line, finding.at.column));
    lint.found
}

struct Lint<'a> {
    document: &'a Document,
    node: &'a SeiNode,
    found: Vec<Diagnostic>,
}

impl Lint<'_> {
    fn warn(&mut self, code: Code, field: &str, message: &str) {
        let problem = self.document.problem(code.id, field, message);
        self.found.push(Diagnostic { severity: Severity::Warning, ..problem });
    }

    /// The snapshot a node starts from, and its field.
    fn snapshot(&self) -> Option<(&SnapshotSource, &'static str)> {
        let spec = &self.node.spec;
        let full_node = spec.full_node.as_ref().and_then(|mode| mode.snapshot.as_ref());
        let validator = spec.validator.as_ref().and_then(|mode| mode.snapshot.as_ref());
        let replayer = spec.replayer.as_ref().map(|mode| &mode.snapshot);
        full_node
            .map(|snapshot| (snapshot, "spec.fullNode.snapshot"))
            .or(validator.map(|snapshot| (snapshot, "spec.validator.snapshot")))
            .or(replayer.map(|snapshot| (snapshot, "spec.replayer.snapshot")))
    }

    fn ignored_fields(&mut self) {
        let spec = &self.node.spec;
        if spec.entrypoint.is_some() {
            self.warn(ENTRYPOINT_IGNORED, "spec.entrypoint", "is deprecated and ignored: remove it");
        }
        if spec.replayer.as_ref().is_some_and(|replayer| replayer.result_export.is_some()) {
            let field = "spec.replayer.resultExport";
            self.warn(RESULT_EXPORT_UNUSED, field, "is checked and has no effect: remove it until it does something");
        }
        let volume = spec.data_volume.as_ref();
        if volume.is_some_and(|volume| volume.import.is_some() && volume.retain_on_delete.is_some()) {
            let message = "has no effect beside import: an imported claim is never deleted";
            self.warn(RETAIN_WITHOUT_EFFECT, "spec.dataVolume.retainOnDelete", message);
        }
    }

    fn overrides(&mut self) {
        let spec = &self.node.spec;
        let generates = spec.full_node.as_ref().is_some_and(|mode| mode.snapshot_generation.is_some())
            || spec.archive.as_ref().is_some_and(|mode| mode.snapshot_generation.is_some());
        let both = SNAPSHOT_SETTINGS.into_iter().filter(|key| generates && spec.overrides.contains_key(*key));
        for key in both.collect::<Vec<_>>() {
            let message = "replaces what snapshotGeneration sets: say it in one of the two places";
            self.warn(OVERRIDE_WINS, &format!("spec.overrides[{key}]"), message);
        }
    }

    fn images(&mut self) {
        let spec = &self.node.spec;
        let sidecar = spec.sidecar.as_ref().and_then(|sidecar| sidecar.image.as_deref());
        let bootstrap =
            self.snapshot().and_then(|(snapshot, field)| Some((snapshot.bootstrap_image.as_deref()?, field)));
        let mut images = vec![("spec.image".to_owned(), spec.image.as_str())];
        images.extend(sidecar.map(|image| ("spec.sidecar.image".to_owned(), image)));
        images.extend(bootstrap.map(|(image, field)| (format!("{field}.bootstrapImage"), image)));
        let mutable: Vec<_> = images.into_iter().filter_map(|(field, image)| Some((field, mutable(image)?))).collect();
        for (field, why) in mutable {
            let message =
                format!("{why}: two pods of this node may run different programs; write a version or a digest");
            self.warn(MUTABLE_IMAGE, &field, &message);
        }
    }

    fn labels(&mut self) {
        for key in SYSTEM_LABELS.into_iter().filter(|key| self.node.spec.pod_labels.contains_key(*key)) {
            let message = "is set by the operator, whose value wins: remove it";
            self.warn(LABEL_OVERRULED, &format!("spec.podLabels[{key}]"), message);
        }
    }

    fn ceremonies(&mut self) {
        let spec = &self.node.spec;
        let Some(validator) = &spec.validator else { return };
        let Some(ceremony) = &validator.genesis_ceremony else { return };
        let field = "spec.validator.genesisCeremony.chainId";
        if validator.snapshot.is_some() {
            let message = "is ignored: a founder of a chain starts from genesis; remove it";
            self.warn(CEREMONY_SNAPSHOT, "spec.validator.snapshot", message);
        }
        if ceremony.chain_id != spec.chain_id {
            let message =
                format!("is {:?}, and spec.chainId is {:?}: write the same", ceremony.chain_id, spec.chain_id);
            self.warn(CEREMONY_CHAIN, field, &message);
        }
    }

    fn snapshots(&mut self) {
        let founds = self.node.spec.validator.as_ref().is_some_and(|validator| validator.genesis_ceremony.is_some());
        let Some((snapshot, field)) = self.snapshot().filter(|_| !founds) else { return };
        let first = if snapshot.s3.is_some() { "s3" } else { "stateSync" };
        if self.node.spec.peers.is_empty() {
            let message =
                "needs peers: the task configure-state-sync asks them for a height to trust; write spec.peers";
            self.warn(SNAPSHOT_WITHOUT_PEERS, &format!("{field}.{first}"), message);
        }
    }

    fn peers(&mut self) {
        let own = NodeKey::of(self.node);
        let own_host = own.pod_host();
        let mut found = Vec::new();
        for (i, peer) in self.node.spec.peers.iter().enumerate() {
            for (j, address) in addresses(peer).iter().enumerate() {
                let field = format!("spec.peers[{i}].static.addresses[{j}]");
                if names_host(address, &own_host) {
                    found.push((OWN_PEER, field, "names the node itself: a node is no peer of its own".to_owned()));
                } else if !is_peer(address) {
                    let message = format!(
                        "is {address:?}: write nodeId@host:port, with an id of {NODE_ID_LENGTH} hexadecimal digits"
                    );
                    found.push((MALFORMED_PEER, field, message));
                }
            }
            let label = peer.label.as_ref().map(|label| &label.selector);
            if label.and_then(|selector| selector.get("sei.io/node")) == Some(&own.name) {
                let message = "selects the node itself, which is left out: no peer remains".to_owned();
                found.push((OWN_PEER, format!("spec.peers[{i}].label.selector[sei.io/node]"), message));
            }
        }
        found.iter().for_each(|(code, field, message)| self.warn(*code, field, message));
    }
}

fn addresses(peer: &PeerSource) -> &[String] {
    peer.fixed.as_ref().map(|fixed| fixed.addresses.as_slice()).unwrap_or_default()
}

/// Why an image may change under its name, if it may.
fn mutable(image: &str) -> Option<String> {
    if image.is_empty() || image.contains('@') {
        return None;
    }
    let name = image.rsplit('/').next().unwrap_or_default();
    match name.split_once(':') {
        None => Some(format!("is {image:?}, which has no tag and means latest")),
        Some((_, "latest")) => Some(format!("is {image:?}, and latest changes without notice")),
        Some(_) => None,
    }
}

/// Whether an address names this host, in its full or a shorter form.
fn names_host(address: &str, own_host: &str) -> bool {
    let host = address.rsplit('@').next().unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    let shorter = |domain: &str| own_host.strip_suffix(domain) == Some(host);
    host == own_host || shorter(".cluster.local") || shorter(".svc.cluster.local")
}

fn is_peer(address: &str) -> bool {
    let Some((id, host)) = address.split_once('@') else { return false };
    let port = host.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port.parse::<u16>());
    id.len() == NODE_ID_LENGTH && id.chars().all(|c| c.is_ascii_hexdigit()) && matches!(port, Some(Ok(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_pinned_by_tag_or_digest() {
        for pinned in ["seid:v6.3.0", "r.example:5000/sei/seid:v1", "seid@sha256:00", "seid:latest@sha256:00"] {
            assert_eq!(mutable(pinned), None, "{pinned}");
        }
        for open in ["seid", "seid:latest", "r.example:5000/seid"] {
            assert!(mutable(open).is_some(), "{open}");
        }
    }

    #[test]
    fn a_peer_is_an_id_at_a_host() {
        let id = "0123456789abcdef0123456789ABCDEF01234567";
        assert!(is_peer(&format!("{id}@host.example:26656")));
        for bad in
            ["host:26656".to_owned(), format!("{id}@host"), format!("{id}@:1"), format!("{id}@h:70000"), "a@b:1".into()]
        {
            assert!(!is_peer(&bad), "{bad}");
        }
        let own = "a-0.a.sei.svc.cluster.local";
        assert!(names_host(&format!("{id}@a-0.a.sei.svc.cluster.local:26656"), own));
        assert!(names_host(&format!("{id}@a-0.a.sei:26656"), own) && names_host("a-0.a.sei.svc", own));
        assert!(!names_host(&format!("{id}@a-0.a.other:26656"), own));
    }
}
