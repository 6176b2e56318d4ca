//! What a process remembers of the nodes between two looks. Losing it costs one question to each sidecar, nothing else.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use sei_planner::api::Time;
use sei_planner::names::NodeKey;
use sei_planner::node::PodFacts;

use crate::world::Kind;

/// A sidecar whose pod did not change is asked this often (D12).
const HEALTH_SECONDS: i64 = 300;
/// The TLS Secret of a node that runs is looked at this often (D8).
const SECRET_SECONDS: i64 = 600;
/// A height that was seen longer ago says nothing of how the chain moves.
const HEIGHT_SECONDS: i64 = 60;
/// A sidecar that gave no usable answer is asked again this soon.
const HEALTH_RETRY_SECONDS: i64 = 30;

/// A watch may show an object this long after it was applied. Longer than that, and it is asked for.
const WATCH_LAG_SECONDS: i64 = 5;

/// What is remembered of each node; of Secrets nothing but the public certificate.
#[derive(Debug, Default)]
pub struct Memory {
    nodes: Mutex<BTreeMap<NodeKey, Known>>,
}

#[derive(Clone, Debug, Default, Hash)]
struct Known {
    asked: Option<Asked>,
    /// What the node's sidecar presented last.
    certificate: Option<Vec<u8>>,
    /// When its TLS Secret is looked at again.
    secret_again_at: Option<Time>,
    height: Option<(i64, Time)>,
    applied: BTreeMap<Kind, Time>,
    /// What was said last of why the node cannot be read.
    unreadable: Option<String>,
}

/// When the sidecar was asked, when it is to be asked again, and what its pod looked like.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Asked {
    at: Time,
    again_at: Time,
    pod: Option<Looks>,
}

impl Clone for Memory {
    fn clone(&self) -> Self {
        Self { nodes: Mutex::new(self.with(|nodes| nodes.clone())) }
    }
}

impl Hash for Memory {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.with(|nodes| nodes.hash(hasher));
    }
}

impl Memory {
    /// Whether the sidecar should be asked now: its pod restarted or changed readiness, nobody asked for long, or nobody asked since
    /// the retry of a plan is due, whose kind depends on the answer.
    pub(crate) fn health_is_due(&self, key: &NodeKey, pod: Option<&PodFacts>, retry: Option<Time>, now: Time) -> bool {
        self.known(key, |known| match &known.asked {
            Some(last) => {
                let before_the_retry = retry.is_some_and(|due| due <= now && last.at < due);
                before_the_retry || last.pod != looks(pod) || is_due(last.again_at, now, HEALTH_SECONDS)
            }
            None => true,
        })
    }

    /// Remembers that the sidecar was asked, and whether it gave an answer.
    pub(crate) fn health_was_asked(&self, key: &NodeKey, pod: Option<&PodFacts>, answered: bool, now: Time) {
        let pause = if answered { HEALTH_SECONDS } else { HEALTH_RETRY_SECONDS };
        let asked = Asked { at: now, again_at: now.plus_seconds(pause), pod: looks(pod) };
        self.note(key, |known| known.asked = Some(asked));
    }

    /// When the sidecar should be asked next if nothing changes; always later than now, also when a plan keeps it from
    /// being asked (L4).
    pub(crate) fn health_next(&self, key: &NodeKey, now: Time) -> Time {
        let due = self.known(key, |known| known.asked.as_ref().map(|last| last.again_at));
        due.filter(|at| !is_due(*at, now, HEALTH_SECONDS)).unwrap_or_else(|| now.plus_seconds(HEALTH_SECONDS))
    }

    /// Forgets that the sidecar was asked.
    pub(crate) fn forget_health(&self, key: &NodeKey) {
        self.with(|nodes| nodes.get_mut(key).and_then(|known| known.asked.take()));
    }

    /// Whether it is news that the node cannot be read for this reason.
    pub(crate) fn is_unreadable_anew(&self, key: &NodeKey, why: &str) -> bool {
        self.note(key, |known| known.unreadable.replace(why.to_owned())).as_deref() != Some(why)
    }

    /// Remembers that the node could be read.
    pub(crate) fn was_readable(&self, key: &NodeKey) {
        self.with(|nodes| nodes.get_mut(key).and_then(|known| known.unreadable.take()));
    }

    /// Forgets a node that is gone.
    pub(crate) fn forget(&self, key: &NodeKey) {
        self.with(|nodes| nodes.remove(key));
    }

    /// Whether a node's chain is higher than it was at the last look, if that was lately.
    pub(crate) fn height_moved(&self, key: &NodeKey, height: i64, now: Time) -> bool {
        let last = self.note(key, |known| known.height.replace((height, now)));
        last.is_some_and(|(last, at)| last < height && (0..=HEIGHT_SECONDS).contains(&now.seconds_since(at)))
    }

    /// The certificate that the node's sidecar presented last.
    pub(crate) fn certificate(&self, key: &NodeKey) -> Option<Vec<u8>> {
        self.known(key, |known| known.certificate.clone())
    }

    /// Remembers the certificate of a node's TLS Secret.
    pub(crate) fn certificate_is(&self, key: &NodeKey, certificate: Vec<u8>) {
        self.note(key, |known| known.certificate = Some(certificate));
    }

    /// Whether the TLS Secret of a running node should be looked at.
    pub(crate) fn secret_is_due(&self, key: &NodeKey, now: Time) -> bool {
        self.known(key, |known| known.secret_again_at.is_none_or(|at| is_due(at, now, SECRET_SECONDS)))
    }

    /// Remembers that it was.
    pub(crate) fn secret_was_read(&self, key: &NodeKey, now: Time) {
        self.note(key, |known| known.secret_again_at = Some(now.plus_seconds(SECRET_SECONDS)));
    }

    /// Remembers that an object of the node was applied.
    pub(crate) fn was_applied(&self, key: &NodeKey, kind: Kind, now: Time) {
        self.note(key, |known| known.applied.insert(kind, now));
    }

    /// Whether that was lately, and no watch has shown the object since: that none shows it now says nothing.
    pub(crate) fn awaits_watch(&self, key: &NodeKey, kind: Kind, now: Time) -> bool {
        let applied = self.known(key, |known| known.applied.get(&kind).copied());
        applied.is_some_and(|at| (0..=WATCH_LAG_SECONDS).contains(&now.seconds_since(at)))
    }

    /// Remembers that a watch shows the object.
    pub(crate) fn watch_shows(&self, key: &NodeKey, kind: Kind) {
        self.with(|nodes| nodes.get_mut(key).and_then(|known| known.applied.remove(&kind)));
    }

    /// What is known of a node: nothing of one that was never noted.
    fn known<T>(&self, key: &NodeKey, ask: impl FnOnce(&Known) -> T) -> T {
        self.with(|nodes| ask(nodes.get(key).unwrap_or(&Known::default())))
    }

    fn note<T>(&self, key: &NodeKey, act: impl FnOnce(&mut Known) -> T) -> T {
        self.with(|nodes| act(nodes.entry(key.clone()).or_default()))
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<NodeKey, Known>) -> T) -> T {
        act(&mut self.nodes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether a time that was at most `pause_seconds` ahead has come. One that is further ahead is due, too: the clock was
/// set back.
fn is_due(at: Time, now: Time, pause_seconds: i64) -> bool {
    at <= now || at > now.plus_seconds(pause_seconds)
}

/// What about a pod makes a question worth asking: which process its sidecar is, whether it runs, and whether the pod
/// calls itself ready.
type Looks = (String, i64, bool, bool);

fn looks(pod: Option<&PodFacts>) -> Option<Looks> {
    pod.map(|pod| (pod.uid.clone(), pod.sidecar_restarts, pod.sidecar_running, pod.ready))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_has_time_to_show_what_was_applied_and_then_its_word_counts() {
        let (memory, key) = (Memory::default(), NodeKey::new("nodes", "rpc-0"));
        let now = Time::at(jiff::Timestamp::UNIX_EPOCH);
        let awaits = |seconds| memory.awaits_watch(&key, Kind::Service, now.plus_seconds(seconds));
        assert!(!awaits(0));
        memory.was_applied(&key, Kind::Service, now);
        assert!(!memory.awaits_watch(&key, Kind::StatefulSet, now), "the other kind was not");
        assert!(awaits(5) && !awaits(6));
        assert!(!awaits(-1), "the clock was set back");
        memory.watch_shows(&key, Kind::Service);
        assert!(!awaits(0), "shown, and gone: it was deleted");
    }

    /// A gate that is closed when a plan fails is looked at when the plan is tried again, not five minutes after the last look.
    #[test]
    fn a_sidecar_is_asked_again_when_a_retry_is_due() {
        let (memory, key) = (Memory::default(), NodeKey::new("nodes", "rpc-0"));
        let asked = Time::at(jiff::Timestamp::UNIX_EPOCH);
        let (retry, later) = (asked.plus_seconds(14), asked.plus_seconds(20));
        memory.health_was_asked(&key, None, true, asked);
        assert!(!memory.health_is_due(&key, None, None, later));
        assert!(!memory.health_is_due(&key, None, Some(retry), asked.plus_seconds(13)));
        assert!(memory.health_is_due(&key, None, Some(retry), later));
        memory.health_was_asked(&key, None, true, later);
        assert!(!memory.health_is_due(&key, None, Some(retry), later.plus_seconds(60)), "once");
    }
}
