//! The plan that makes a running node follow its spec: all that differs at once, with one pod cycle at most, and one observer
//! for each kind of drift.

use super::{PlanRequest, guards, sidecar};
use crate::api::DriftKind;
use crate::node::drift::ConfigChange;
use crate::node::valid::ValidNode;
use crate::task::{ObserveApplied, ObserveImage, ReplacePod, SidecarCert, Task, has_setting_observer};

/// What an update plan removes.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Update {
    /// The differences, in the order of the table, each once. None: a template that was applied is seen to run.
    pub drift: Vec<DriftKind>,
    /// What becomes of seid's configuration.
    pub config: ConfigChange,
    /// Whether the sidecar is told to upload snapshots from now on.
    pub starts_upload: bool,
    /// Whether nobody knows that the pod is of the newest template, or the pod cannot be reached, whatever else differs.
    pub template_in_doubt: bool,
}

impl Update {
    fn has(&self, kind: DriftKind) -> bool {
        self.drift.contains(&kind)
    }

    /// Whether a pod of the newest template must run: everything but another issuer's certificate, which the proxy loads by
    /// itself.
    #[must_use]
    pub fn cycles_the_pod(&self) -> bool {
        let issuer_only = !self.drift.is_empty() && self.drift.iter().all(|kind| *kind == DriftKind::SidecarIssuer);
        self.template_in_doubt || !issuer_only
    }

    /// Whether seid must start again although its template may be the same: it reads its configuration once.
    fn restarts_seid(&self) -> bool {
        self.config != ConfigChange::Keep || self.has(DriftKind::Peers)
    }
}

/// Whatever the new pod reads is checked before the old one goes, and seid of the new one waits until its configuration is
/// written.
pub(super) fn update(node: &ValidNode, request: &PlanRequest<'_>, update: &Update) -> Vec<Task> {
    let mut tasks = guards::keys(node, update.has(DriftKind::SigningKey));
    tasks.extend(guards::tls(node));
    if update.cycles_the_pod() {
        tasks.push(Task::ApplyStatefulSet(node.key.clone()));
        // A node that was asked whether it has caught up got its Service before.
        tasks.extend((!update.has(DriftKind::SigningKey)).then(|| Task::ApplyService(node.key.clone())));
        tasks.push(replace_pod(node, request, update.restarts_seid()));
        tasks.extend(configuration(node, request, update));
    }
    tasks.extend(observers(node, update));
    if node.tls.is_none() && update.has(DriftKind::SidecarTls) {
        tasks.extend(without_proxy(node));
    }
    if update.cycles_the_pod() {
        tasks.extend(update.starts_upload.then_some(Task::SnapshotUpload));
        tasks.push(Task::MarkReady);
    }
    // A mode that was noted cannot be taken back, so it is noted when nothing is left to do.
    tasks.extend(update.has(DriftKind::Mode).then(|| observe(node, DriftKind::Mode)));
    tasks
}

pub(super) fn replace_pod(node: &ValidNode, request: &PlanRequest<'_>, restart: bool) -> Task {
    Task::ReplacePod(ReplacePod { node: node.key.clone(), pod_uid: request.pod_uid.to_owned(), restart })
}

/// A configuration that is written anew has lost its peers.
fn configuration(node: &ValidNode, request: &PlanRequest<'_>, update: &Update) -> Vec<Task> {
    let rewrite = update.config == ConfigChange::Rewrite;
    let config = (update.config != ConfigChange::Keep).then(|| sidecar::config(node, request, !rewrite));
    let peers = if rewrite || update.has(DriftKind::Peers) { sidecar::peers(node, request) } else { Vec::new() };
    let written: Vec<Task> = config.into_iter().chain(peers).collect();
    let checked = (!written.is_empty()).then_some(Task::ConfigValidate);
    written.into_iter().chain(checked).collect()
}

/// Each stamps its own record only.
fn observers(node: &ValidNode, update: &Update) -> Vec<Task> {
    let observe_image = || Task::ObserveImage(ObserveImage { node: node.key.clone(), image: node.image.clone() });
    let image = update.drift.is_empty() || update.has(DriftKind::Image);
    let settings = update.drift.iter().filter(|kind| has_setting_observer(**kind) && **kind != DriftKind::Mode);
    let settings = settings.map(|drift| observe(node, *drift));
    image.then(observe_image).into_iter().chain(settings).chain(guards::observe_tls(node)).collect()
}

fn observe(node: &ValidNode, drift: DriftKind) -> Task {
    Task::ObserveApplied(ObserveApplied { node: node.key.clone(), drift })
}

/// What a TLS proxy leaves behind, once no pod mounts it. Only when nothing of it is left, it counts as gone.
fn without_proxy(node: &ValidNode) -> [Task; 3] {
    [
        Task::DeleteRbacProxyConfig(node.key.clone()),
        Task::DeleteSidecarCert(node.key.clone()),
        Task::ObserveSidecarTls(SidecarCert { node: node.key.clone(), issuer: None }),
    ]
}
