//! The whole world in one value, and how a change spreads through it. What each part does lives in the part.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use sei_planner::api::{SeiNode, SeiNodeStatus, Time};
use sei_planner::manifests::NODE_LABEL;
use sei_planner::names::NodeKey;
use serde::Deserialize;
use serde_json::Value;

use crate::world::{Kind, ObjectId};

use super::arrivals::{self, Arrival};
use super::clock::{self, Due, Ids, Queue};
use super::consensus_keys::ConsensusKeys;
use super::controllers::{cert_manager, gc, job, kubelet, statefulset, volumes};
use super::invariants::{Canaries, Violation};
use super::options::Options;
use super::process::Process;
use super::sidecar::{self, Sidecars};
use super::store::{Change, Store, controller_uid};
use super::trace::{Fact, Trace, What};
use super::user::Scheduled;
use super::watches;

/// Everything there is.
#[derive(Clone)]
pub(super) struct State {
    pub(super) options: Options,
    pub(super) now: Time,
    pub(super) queue: Queue,
    pub(super) ids: Ids,
    pub(super) store: Store,
    pub(super) kubelet: kubelet::Kubelet,
    pub(super) sidecars: Sidecars,
    pub(super) keys: ConsensusKeys,
    pub(super) process: Process,
    pub(super) trace: Trace,
    pub(super) violations: Vec<Violation>,
    pub(super) canaries: Canaries,
    pub(super) scheduled: BTreeMap<u64, Scheduled>,
    pub(super) arrivals: Vec<Arrival>,
    /// How much the operator's clock is ahead, in seconds.
    pub(super) skew_seconds: i64,
    /// While the watches show nothing new: since when, and until when.
    pub(super) stall: Option<(Time, Time)>,
    pub(super) last_scheduled: u64,
    /// Nodes that the watches report, and when.
    pub(super) wakes: BTreeSet<(Time, NodeKey)>,
}

impl State {
    /// An empty world.
    pub(super) fn new(options: Options) -> Self {
        let now = clock::start();
        Self {
            now,
            queue: Queue::default(),
            ids: Ids::new(options.seed),
            store: Store::new(now),
            kubelet: kubelet::Kubelet::default(),
            sidecars: Sidecars::default(),
            keys: ConsensusKeys::default(),
            process: Process::new(&options),
            trace: Trace::default(),
            violations: Vec::new(),
            canaries: Canaries::default(),
            scheduled: BTreeMap::new(),
            arrivals: Vec::new(),
            skew_seconds: 0,
            stall: None,
            last_scheduled: 0,
            wakes: BTreeSet::new(),
            options,
        }
    }

    /// Lets time pass up to `now`.
    pub(super) fn set_now(&mut self, now: Time) {
        self.now = now;
        self.store.set_now(now);
    }

    /// What may let depend on it what happens next: all but the record of what happened.
    pub(super) fn digest(&self, hasher: &mut impl Hasher) {
        let Self { now, queue, ids, store, kubelet, sidecars, keys, process, .. } = self;
        (now, queue, ids, store.digest(), kubelet, sidecars, keys).hash(hasher);
        process.digest(hasher);
        (self.skew_seconds, self.stall, self.last_scheduled, &self.wakes).hash(hasher);
        let later: Vec<&u64> = self.scheduled.keys().collect();
        (later, format!("{:?}", self.arrivals)).hash(hasher);
    }

    /// Records a fact.
    pub(super) fn record(&mut self, fact: Fact) {
        self.trace.record(self.now, fact);
    }

    /// Adds a line to the timeline.
    pub(super) fn tell(&mut self, node: Option<NodeKey>, what: What) {
        self.trace.tell(self.now, node, what);
    }

    /// What the operator's watches show of an object: see [`watches::shows`]. What they show no longer goes out of sight
    /// like what is deleted.
    pub(super) fn watched(&self, id: &ObjectId) -> Option<&Arc<Value>> {
        self.as_shown(id).filter(|object| watches::shows(id.kind, object))
    }

    /// An object as of the time that the watches show.
    pub(super) fn as_shown(&self, id: &ObjectId) -> Option<&Arc<Value>> {
        match self.shown() {
            shown if shown == self.now => self.store.get(id),
            shown => self.store.get_at(id, shown),
        }
    }

    /// The time as of which the operator's watches show the world.
    pub(super) fn shown(&self) -> Time {
        self.shown_late(0)
    }

    /// The time as of which a watch shows the world that is later than usual by so many seconds.
    pub(super) fn shown_late(&self, seconds: i64) -> Time {
        let lagging = self.now.plus_seconds(-self.options.watch_lag_seconds - seconds);
        let stalled = self.stall.filter(|(_, until)| self.now < *until).map(|(since, _)| since);
        let shown = stalled.map_or(lagging, |since| lagging.min(since));
        self.process.since.map_or(shown, |since| shown.max(since))
    }

    /// From now on the watches show nothing new for so many seconds, also not what is on its way.
    pub(super) fn stall_watches(&mut self, seconds: i64) {
        let earlier = self.stall.map(|(_, until)| until);
        let until = earlier.into_iter().fold(self.now.plus_seconds(seconds), Time::max);
        self.stall = Some((self.shown(), until));
        self.wakes = std::mem::take(&mut self.wakes).into_iter().map(|(at, key)| (at.max(until), key)).collect();
    }

    /// Lets every part notice what changed; called after everything that may have changed the store.
    pub(super) fn react(&mut self) {
        loop {
            let changes = self.store.take_changes();
            if changes.is_empty() {
                return;
            }
            for change in changes {
                statefulset::notice(self, &change);
                job::notice(self, &change);
                kubelet::notice(self, &change);
                volumes::notice(self, &change);
                gc::notice(self, &change);
                cert_manager::notice(self, &change);
                self.learn_secret(&change);
                self.tell_change(&change);
                self.wake(&change);
            }
        }
    }

    /// Does one due thing of the world; the number of a user's action is returned for the driver to run.
    pub(super) fn serve(&mut self, due: Due) -> Option<u64> {
        match due {
            Due::StatefulSet(id) => statefulset::sync(self, &id),
            Due::Job(id) => job::sync(self, &id),
            Due::Pod { id, uid, step } => kubelet::step(self, &id, &uid, step),
            Due::Claim(id) => volumes::sync(self, &id),
            Due::Certificate(id) => cert_manager::sync(self, &id),
            Due::Issue(id) => cert_manager::issue(self, &id),
            Due::Garbage => gc::sync(self),
            Due::Task { pod, process, task, run } => sidecar::finish(self, &pod, process, &task, run),
            Due::KubeletBack => kubelet::pause(self, false),
            Due::Arrival => arrivals::arrive(self),
            Due::User(number) => return Some(number),
        }
        self.react();
        None
    }

    fn learn_secret(&mut self, change: &Change) {
        if let Some(secret) = change.after.as_ref().filter(|_| change.id.kind == Kind::Secret) {
            self.canaries.learn(secret);
        }
    }

    fn tell_change(&mut self, change: &Change) {
        if change.id.kind != Kind::SeiNode {
            return;
        }
        let key = node_key(&change.id);
        let Some(node) = change.after.as_deref() else {
            self.tell(Some(key), What::Gone);
            return;
        };
        let earlier = change.before.as_deref();
        if earlier.and_then(|node| node.get("status")) != node.get("status") {
            let (before, after) = (status_of(earlier), status_of(Some(node)));
            self.trace.tell_status(self.now, &key, &before, &after);
        }
    }

    /// Marks the node whose operator should look again because of this change.
    fn wake(&mut self, change: &Change) {
        if let Some(key) = watches::woken(change) {
            let lagging = self.now.plus_seconds(self.options.watch_lag_seconds);
            let at = self.stall.map_or(lagging, |(_, until)| lagging.max(until));
            self.wakes.insert((at, key));
        }
    }

    /// Takes the first node whose change the watches have shown by now.
    pub(super) fn due_wake(&mut self, now: Time) -> Option<(Time, NodeKey)> {
        let due = self.wakes.first().is_some_and(|(at, _)| *at <= now);
        due.then(|| self.wakes.pop_first()).flatten()
    }

    /// A SeiNode as it stands.
    pub(super) fn node(&self, key: &NodeKey) -> Option<SeiNode> {
        let value = self.store.get(&node_id(key))?;
        SeiNode::deserialize(value.as_ref()).ok()
    }

    /// Keys of all SeiNodes.
    pub(super) fn nodes(&self) -> Vec<NodeKey> {
        let nodes = self.store.list(Kind::SeiNode);
        nodes.map(|(id, _)| node_key(id)).collect()
    }

    /// Uid of the SeiNode that controls an object, directly or through its
    /// StatefulSet or Job, also one that is gone; empty when none does.
    pub(super) fn node_uid_over(&self, object: &Value) -> String {
        let owner = controller_uid(object);
        match self.store.by_uid_ever(owner) {
            Some((id, owner)) if matches!(id.kind, Kind::StatefulSet | Kind::Job) => controller_uid(owner).to_owned(),
            Some(_) | None => owner.to_owned(),
        }
    }
}

/// The object of a node.
pub(super) fn node_id(key: &NodeKey) -> ObjectId {
    ObjectId::new(Kind::SeiNode, key.namespace.clone(), key.name.clone())
}

/// The node of an object of kind SeiNode, or of an object that bears the node's name.
pub(super) fn node_key(id: &ObjectId) -> NodeKey {
    NodeKey::new(id.namespace.clone(), id.name.clone())
}

/// The status of a stored SeiNode; an unreadable one counts as empty.
fn status_of(node: Option<&Value>) -> SeiNodeStatus {
    node.and_then(|node| node.get("status"))
        .and_then(|status| SeiNodeStatus::deserialize(status).ok())
        .unwrap_or_default()
}

/// The node whose pod this is.
pub(super) fn node_label(pod: &Value) -> Option<&str> {
    pod.get("metadata")?.get("labels")?.get(NODE_LABEL)?.as_str()
}
