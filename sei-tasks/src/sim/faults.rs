//! What can go wrong at a call of the operator: in its process, on the way, in the API server, in a sidecar, or in the
//! world right before it. Names in brackets are those of the reliability design.

use super::random::Random;

/// A crash of the operator's process at one call to the API server or to a sidecar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CrashAt {
    /// Number of the call, counted from 1 over the whole life of the world.
    pub call: u64,
    /// Before or after the call takes effect.
    pub point: Point,
}

/// On which side of a call the process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// The call is not applied.
    Before,
    /// The call is applied and nobody hears the answer.
    After,
}

/// What goes wrong at one call. A fault that a call cannot have leaves it alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The process dies (F1).
    Crash(Point),
    /// The process dies, and its write reaches the API server so many seconds later, when the next process is at work (F12).
    Late(i64),
    /// The request is lost: not applied, answered with `Unavailable` or `Unreachable` (F5, F6).
    LostRequest,
    /// The answer is lost: applied, answered with `Unavailable` or `Unreachable` (F5, F6).
    LostAnswer,
    /// A write with a precondition is refused with a conflict (F2).
    Conflict,
    /// Refused for now: 429 from the API server, 503 from a sidecar (F5, F6).
    Overloaded,
    /// 403 from the API server: a permission that is missing for a moment.
    Forbidden,
    /// The watch answers as it stood so many seconds ago, but never older than the process's own last write (F3).
    Stale(i64),
    /// Something happens in the world right before the call.
    Mishap(Mishap),
}

impl Fault {
    /// Every fault, with times that matter to a node that comes up within minutes.
    pub const ALL: [Self; 23] = [
        Self::Crash(Point::Before),
        Self::Crash(Point::After),
        Self::Late(6),
        Self::Late(30),
        Self::LostRequest,
        Self::LostAnswer,
        Self::Conflict,
        Self::Overloaded,
        Self::Forbidden,
        Self::Stale(20),
        Self::Mishap(Mishap::SidecarRestarts),
        Self::Mishap(Mishap::SidecarForgets),
        Self::Mishap(Mishap::SidecarIsSilent(20)),
        Self::Mishap(Mishap::PodEvicted),
        Self::Mishap(Mishap::PodDeleted),
        Self::Mishap(Mishap::MachineLost(120)),
        Self::Mishap(Mishap::StatefulSetDeleted),
        Self::Mishap(Mishap::ServiceDeleted),
        Self::Mishap(Mishap::ClockJumps(600)),
        Self::Mishap(Mishap::ClockJumps(-600)),
        Self::Mishap(Mishap::WatchStalls(40)),
        Self::Mishap(Mishap::EditedAndReverted),
        Self::Mishap(Mishap::Labelled),
    ];
}

/// Something that happens to the node whose reconcile makes the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mishap {
    /// The sidecar's container restarts: its ready flag is lost, its tasks go on (F6).
    SidecarRestarts,
    /// The sidecar loses its database of tasks; markers and files stay (F6).
    SidecarForgets,
    /// The sidecar answers nothing for so many seconds (F6).
    SidecarIsSilent(i64),
    /// The pod is evicted (F8).
    PodEvicted,
    /// Somebody deletes the pod (F8, F14).
    PodDeleted,
    /// The machine is unreachable for so many seconds, and the pod is told to go: its containers run on (F8).
    MachineLost(i64),
    /// Somebody deletes the StatefulSet; its pod goes with it (F14).
    StatefulSetDeleted,
    /// Somebody deletes the Service (F14).
    ServiceDeleted,
    /// The operator's clock jumps by so many seconds (F11).
    ClockJumps(i64),
    /// The watches show nothing new for so many seconds, and then everything at once (F4).
    WatchStalls(i64),
    /// A user edits the image and takes it back at once (F13).
    EditedAndReverted,
    /// A GitOps tool labels the node and its StatefulSet (F14).
    Labelled,
}

/// Faults drawn from a seed, for a while.
#[derive(Clone, Debug)]
pub struct Weather {
    random: Random,
    /// Second of the world's life from which on nothing goes wrong.
    until_seconds: i64,
}

/// A fault in so many calls.
const CALLS_PER_FAULT: u64 = 12;

impl Weather {
    /// The faults of this seed.
    pub(super) fn of(seed: u64, until_seconds: i64) -> Self {
        Self { random: Random::of(seed), until_seconds }
    }

    /// What goes wrong at the next call, so many seconds after the world began.
    pub(super) fn fault(&mut self, elapsed_seconds: i64) -> Option<Fault> {
        if elapsed_seconds >= self.until_seconds || !self.random.once_in(CALLS_PER_FAULT) {
            return None;
        }
        Some(match *self.random.pick(&Fault::ALL) {
            Fault::Late(_) => Fault::Late(1 + self.random.seconds(60)),
            Fault::Stale(_) => Fault::Stale(1 + self.random.seconds(300)),
            Fault::Mishap(mishap) => Fault::Mishap(self.of_any_length(mishap)),
            other @ (Fault::Crash(_)
            | Fault::LostRequest
            | Fault::LostAnswer
            | Fault::Conflict
            | Fault::Overloaded
            | Fault::Forbidden) => other,
        })
    }

    fn of_any_length(&mut self, mishap: Mishap) -> Mishap {
        match mishap {
            Mishap::SidecarIsSilent(_) => Mishap::SidecarIsSilent(1 + self.random.seconds(600)),
            Mishap::MachineLost(_) => Mishap::MachineLost(1 + self.random.seconds(900)),
            Mishap::ClockJumps(_) => Mishap::ClockJumps(self.random.seconds(1200) - 600),
            Mishap::WatchStalls(_) => Mishap::WatchStalls(1 + self.random.seconds(120)),
            Mishap::SidecarRestarts
            | Mishap::SidecarForgets
            | Mishap::PodEvicted
            | Mishap::PodDeleted
            | Mishap::StatefulSetDeleted
            | Mishap::ServiceDeleted
            | Mishap::EditedAndReverted
            | Mishap::Labelled => mishap,
        }
    }
}
