//! What a process remembers of the nodes between two looks. Losing it costs one question to each sidecar, nothing else.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use sei_planner::api::Time;
use sei_planner::names::NodeKey;
use sei_planner::node::PodFacts;

/// A sidecar whose pod did not change is asked this often (D12).
const HEALTH_SECONDS: i64 = 300;
/// The TLS Secret of a node that runs is looked at this often (D8).
const SECRET_SECONDS: i64 = 600;
/// A height that was seen longer ago says nothing of how the chain moves.
const HEIGHT_SECONDS: i64 = 60;
/// A sidecar that gave no usable answer is asked again this soon.
const HEALTH_RETRY_SECONDS: i64 = 30;

/// When each sidecar is to be asked again, and what its pod looked like when it was asked last; of Secrets nothing but the
/// public certificate.
#[derive(Debug, Default)]
pub struct Memory {
    asked: Mutex<BTreeMap<NodeKey, Asked>>,
    served: Mutex<BTreeMap<NodeKey, Served>>,
    heights: Mutex<BTreeMap<NodeKey, (i64, Time)>>,
}

/// What is known of a node's TLS Secret.
#[derive(Clone, Debug, Default, Hash)]
struct Served {
    certificate: Option<Vec<u8>>,
    again_at: Option<Time>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Asked {
    at: Time,
    again_at: Time,
    pod: Option<Looks>,
}

impl Clone for Memory {
    fn clone(&self) -> Self {
        let (asked, served) = (self.with(|asked| asked.clone()), self.with_served(|served| served.clone()));
        let heights = self.with_heights(|heights| heights.clone());
        Self { asked: Mutex::new(asked), served: Mutex::new(served), heights: Mutex::new(heights) }
    }
}

impl Hash for Memory {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.with(|asked| asked.hash(hasher));
        self.with_served(|served| served.hash(hasher));
        self.with_heights(|heights| heights.hash(hasher));
    }
}

impl Memory {
    /// Whether the sidecar should be asked now: its pod restarted or changed readiness, nobody asked for long, or nobody asked since
    /// the retry of a plan is due, whose kind depends on the answer.
    pub(crate) fn health_is_due(&self, key: &NodeKey, pod: Option<&PodFacts>, retry: Option<Time>, now: Time) -> bool {
        self.with(|asked| match asked.get(key) {
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
        self.with(|all| all.insert(key.clone(), asked));
    }

    /// When the sidecar should be asked next if nothing changes; always later than now, also when a plan keeps it from
    /// being asked (L4).
    pub(crate) fn health_next(&self, key: &NodeKey, now: Time) -> Time {
        let due = self.with(|asked| asked.get(key).map(|last| last.again_at));
        due.filter(|at| !is_due(*at, now, HEALTH_SECONDS)).unwrap_or_else(|| now.plus_seconds(HEALTH_SECONDS))
    }

    /// Forgets that the sidecar was asked.
    pub(crate) fn forget_health(&self, key: &NodeKey) {
        self.with(|asked| asked.remove(key));
    }

    /// Forgets a node that is gone.
    pub(crate) fn forget(&self, key: &NodeKey) {
        self.with(|asked| asked.remove(key));
        self.with_served(|served| served.remove(key));
        self.with_heights(|heights| heights.remove(key));
    }

    /// Whether a node's chain is higher than it was at the last look, if that was lately.
    pub(crate) fn height_moved(&self, key: &NodeKey, height: i64, now: Time) -> bool {
        let last = self.with_heights(|heights| heights.insert(key.clone(), (height, now)));
        last.is_some_and(|(last, at)| last < height && (0..=HEIGHT_SECONDS).contains(&now.seconds_since(at)))
    }

    /// The certificate that the node's sidecar presented last.
    pub(crate) fn certificate(&self, key: &NodeKey) -> Option<Vec<u8>> {
        self.with_served(|served| served.get(key).and_then(|known| known.certificate.clone()))
    }

    /// Remembers the certificate of a node's TLS Secret.
    pub(crate) fn certificate_is(&self, key: &NodeKey, certificate: Vec<u8>) {
        self.with_served(|served| served.entry(key.clone()).or_default().certificate = Some(certificate));
    }

    /// Whether the TLS Secret of a running node should be looked at.
    pub(crate) fn secret_is_due(&self, key: &NodeKey, now: Time) -> bool {
        self.with_served(|served| {
            served.get(key).and_then(|known| known.again_at).is_none_or(|at| is_due(at, now, SECRET_SECONDS))
        })
    }

    /// Remembers that it was.
    pub(crate) fn secret_was_read(&self, key: &NodeKey, now: Time) {
        self.with_served(|served| {
            served.entry(key.clone()).or_default().again_at = Some(now.plus_seconds(SECRET_SECONDS));
        });
    }

    fn with_served<T>(&self, act: impl FnOnce(&mut BTreeMap<NodeKey, Served>) -> T) -> T {
        act(&mut self.served.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn with_heights<T>(&self, act: impl FnOnce(&mut BTreeMap<NodeKey, (i64, Time)>) -> T) -> T {
        act(&mut self.heights.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<NodeKey, Asked>) -> T) -> T {
        act(&mut self.asked.lock().unwrap_or_else(PoisonError::into_inner))
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
