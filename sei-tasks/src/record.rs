//! Who is told what happens to nodes: metrics and logs of the operator, or of whoever embeds it.

use std::fmt;
use std::sync::Arc;

use sei_planner::api::SeiNode;
use sei_planner::names::NodeKey;
use sei_planner::node::Transition;

/// Is told of everything that happens to nodes, once, by the process that did it. It must return at once.
///
/// A transition is told after its status write succeeded. Where the answer of a write that was applied is lost, or the
/// process dies right after it, nobody is told: what is counted is at most what happened, and status has the rest.
pub trait Recorder: Send + Sync {
    /// A status write changed this: `before` is the node before it, `after` the node as it was stored.
    fn changed(&self, before: &SeiNode, after: &SeiNode, transitions: &[Transition]);

    /// The sidecar of a running node was asked for its health.
    fn probed(&self, node: &NodeKey, answer: Probe);
}

/// What a sidecar answered when it was asked for its health.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Probe {
    /// 200.
    Ready,
    /// 503.
    NotReady,
    /// Nothing usable.
    Unreachable,
}

impl Probe {
    /// One word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::NotReady => "not_ready",
            Self::Unreachable => "unreachable",
        }
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// All of them are told, one after the other.
impl Recorder for Vec<Arc<dyn Recorder>> {
    fn changed(&self, before: &SeiNode, after: &SeiNode, transitions: &[Transition]) {
        self.iter().for_each(|one| one.changed(before, after, transitions));
    }

    fn probed(&self, node: &NodeKey, answer: Probe) {
        self.iter().for_each(|one| one.probed(node, answer));
    }
}

/// Nobody is told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unrecorded;

impl Recorder for Unrecorded {
    fn changed(&self, _: &SeiNode, _: &SeiNode, _: &[Transition]) {}

    fn probed(&self, _: &NodeKey, _: Probe) {}
}
