//! Virtual time: a queue of due things and counted ids. Nothing here knows what is due.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use jiff::Timestamp;
use sei_planner::api::Time;

use crate::world::ObjectId;

use super::controllers::kubelet::PodStep;

/// Where virtual time starts: 2026-01-01T00:00:00Z.
const START_UNIX_SECONDS: i64 = 1_767_225_600;

/// The first instant of every simulated world.
pub(super) fn start() -> Time {
    Time::at(Timestamp::from_second(START_UNIX_SECONDS).unwrap_or(Timestamp::UNIX_EPOCH))
}

/// Something that happens at a known time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Due {
    /// The StatefulSet controller looks at this set.
    StatefulSet(ObjectId),
    /// The Job controller looks at this Job.
    Job(ObjectId),
    /// The kubelet takes the next step with the pod of this uid.
    Pod {
        /// The pod.
        id: ObjectId,
        /// Its uid.
        uid: String,
        /// What is next.
        step: PodStep,
    },
    /// The volume controllers look at this claim.
    Claim(ObjectId),
    /// cert-manager looks at this Certificate.
    Certificate(ObjectId),
    /// cert-manager issues what this Certificate asks for.
    Issue(ObjectId),
    /// The garbage collector looks around.
    Garbage,
    /// A task of a sidecar ends.
    Task {
        /// Uid of the pod whose sidecar runs it.
        pod: String,
        /// Number of the sidecar's process.
        process: u64,
        /// Id of the task.
        task: String,
        /// Run of the task.
        run: u32,
    },
    /// The kubelet of a lost machine is back.
    KubeletBack,
    /// A write of a process that died reaches the API server.
    Arrival,
    /// A scheduled action of the user, by number.
    User(u64),
}

/// Due things by time, first come first served within a second.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    items: BTreeMap<(Time, u64), Due>,
    pushed: u64,
}

impl Queue {
    /// Adds a due thing.
    pub(super) fn push(&mut self, at: Time, due: Due) {
        self.pushed += 1;
        self.items.insert((at, self.pushed), due);
    }

    /// Adds a due thing unless the same one is due already at that time or before.
    pub(super) fn push_once(&mut self, at: Time, due: Due) {
        let known = self.items.iter().any(|((when, _), item)| *when <= at && *item == due);
        if !known {
            self.push(at, due);
        }
    }

    /// When the next thing is due.
    pub(super) fn next(&self) -> Option<Time> {
        self.items.keys().next().map(|(at, _)| *at)
    }

    /// Takes the first thing that is due at `now`.
    pub(super) fn pop(&mut self, now: Time) -> Option<Due> {
        let first = self.items.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }
}

/// In order; the numbers that make the order do not count.
impl Hash for Queue {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        for ((at, _), due) in &self.items {
            (at, due).hash(hasher);
        }
    }
}

/// Counted ids in the shape of UUIDs: reproducible, and readable in a trace.
#[derive(Clone, Debug, Hash)]
pub(super) struct Ids {
    seed: u32,
    uids: u64,
    plans: u64,
}

impl Ids {
    /// Ids of the world with this seed.
    pub(super) fn new(seed: u32) -> Self {
        Self { seed, uids: 0, plans: 0 }
    }

    /// A fresh uid of an object.
    pub(super) fn uid(&mut self) -> String {
        self.uids += 1;
        format!("{:08x}-0b1e-4000-8000-{:012x}", self.seed, self.uids)
    }

    /// A fresh id of a plan.
    pub(super) fn plan(&mut self) -> String {
        self.plans += 1;
        format!("{:08x}-91a4-4000-8000-{:012x}", self.seed, self.plans)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_things_come_in_order_of_time_then_of_arrival() {
        let now = start();
        let mut queue = Queue::default();
        queue.push(now.plus_seconds(2), Due::User(1));
        queue.push(now.plus_seconds(1), Due::User(2));
        queue.push(now.plus_seconds(1), Due::User(3));
        assert_eq!(queue.pop(now), None);
        assert_eq!(queue.next(), Some(now.plus_seconds(1)));
        let late = now.plus_seconds(5);
        assert_eq!(queue.pop(late), Some(Due::User(2)));
        assert_eq!(queue.pop(late), Some(Due::User(3)));
        assert_eq!(queue.pop(late), Some(Due::User(1)));
        assert_eq!(queue.next(), None);
    }

    #[test]
    fn the_same_thing_is_not_due_twice() {
        let now = start();
        let mut queue = Queue::default();
        queue.push_once(now, Due::Garbage);
        queue.push_once(now.plus_seconds(1), Due::Garbage);
        assert_eq!(queue.pop(now), Some(Due::Garbage));
        assert_eq!(queue.next(), None);
    }

    #[test]
    fn ids_are_version_4_uuids_and_never_repeat() {
        let mut ids = Ids::new(7);
        let first = ids.plan();
        assert_eq!(first, "00000007-91a4-4000-8000-000000000001");
        assert_ne!(first, ids.plan());
        let parsed = uuid::Uuid::parse_str(&ids.uid());
        assert_eq!(parsed.map(|id| id.get_version_num()), Ok(4));
    }

    #[test]
    fn time_starts_with_2026() {
        assert_eq!(start().to_string(), "2026-01-01T00:00:00Z");
    }
}
