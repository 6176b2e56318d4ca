//! The fence: whether this process may have an effect now. It closes by the passing of time, not by somebody who closes it, so it
//! holds for a process that slept through its deadline.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thiserror::Error;

/// This process does not lead: not yet, or no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("this process does not lead")]
pub struct NotLeading;

/// Whether this process may have an effect. Clones are the same fence.
#[derive(Clone)]
pub struct Fence(Option<Arc<Elected>>);

struct Elected {
    /// Time since some moment of this process; it never goes back.
    clock: Box<dyn Fn() -> Duration + Send + Sync>,
    epoch: Mutex<Epoch>,
}

/// A process leads once in its life: what it remembers of the cluster is not to be trusted after somebody else led.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Epoch {
    ToCome,
    Lasts { until: Duration },
    Over,
}

impl Fence {
    /// The fence of a process that is alone by agreement: always open.
    #[must_use]
    pub fn open() -> Self {
        Self(None)
    }

    /// The fence of a candidate: closed until it leads. `clock` tells the time since some moment of this process, and never goes back.
    pub fn closed(clock: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(Elected { clock: Box::new(clock), epoch: Mutex::new(Epoch::ToCome) })))
    }

    /// Whether an effect may begin now.
    ///
    /// # Errors
    /// When this process does not lead.
    pub fn check(&self) -> Result<(), NotLeading> {
        self.leads_until().map(drop)
    }

    /// Until when effects may begin, on the clock of this process; unless the time is extended.
    ///
    /// # Errors
    /// When this process does not lead.
    pub fn leads_until(&self) -> Result<Duration, NotLeading> {
        let Some(elected) = &self.0 else { return Ok(Duration::MAX) };
        let mut epoch = elected.epoch();
        match *epoch {
            Epoch::Lasts { until } if elected.now() < until => Ok(until),
            Epoch::Lasts { .. } | Epoch::Over => {
                *epoch = Epoch::Over;
                Err(NotLeading)
            }
            Epoch::ToCome => Err(NotLeading),
        }
    }

    /// Lets effects begin until then. It comes too late when that time, or the time granted before, has passed.
    ///
    /// # Errors
    /// When it comes too late. A candidate may try again; a process that led does not lead again.
    pub fn lead_until(&self, until: Duration) -> Result<(), NotLeading> {
        let Some(elected) = &self.0 else { return Ok(()) };
        let mut epoch = elected.epoch();
        let now = elected.now();
        match *epoch {
            Epoch::Lasts { until: granted } if now >= granted => *epoch = Epoch::Over,
            Epoch::ToCome | Epoch::Lasts { .. } if now < until => *epoch = Epoch::Lasts { until },
            Epoch::ToCome | Epoch::Lasts { .. } | Epoch::Over => {}
        }
        if *epoch == (Epoch::Lasts { until }) { Ok(()) } else { Err(NotLeading) }
    }

    /// No effect begins any more.
    pub fn close(&self) {
        if let Some(elected) = &self.0 {
            *elected.epoch() = Epoch::Over;
        }
    }
}

impl Elected {
    fn now(&self) -> Duration {
        (self.clock)()
    }

    fn epoch(&self) -> MutexGuard<'_, Epoch> {
        self.epoch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("Fence(open)"),
            Some(elected) => write!(f, "Fence({:?})", *elected.epoch()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// A fence, and the second on its clock.
    fn fence() -> (Fence, Arc<AtomicU64>) {
        let second = Arc::new(AtomicU64::new(0));
        let clock = second.clone();
        (Fence::closed(move || Duration::from_secs(clock.load(Ordering::Relaxed))), second)
    }

    fn lead_until(fence: &Fence, second: u64) -> bool {
        fence.lead_until(Duration::from_secs(second)).is_ok()
    }

    #[test]
    fn time_closes_it_for_good() {
        let (fence, second) = fence();
        assert_eq!(fence.check(), Err(NotLeading));
        assert!(lead_until(&fence, 10));
        second.store(9, Ordering::Relaxed);
        assert_eq!(fence.check(), Ok(()));
        assert!(lead_until(&fence, 19));
        second.store(19, Ordering::Relaxed);
        assert_eq!(fence.check(), Err(NotLeading));
        assert!(!lead_until(&fence, 29));
        assert_eq!(fence.check(), Err(NotLeading));
    }

    #[test]
    fn a_renewal_that_is_answered_too_late_opens_nothing_even_if_nobody_asked_meanwhile() {
        let (fence, second) = fence();
        assert!(lead_until(&fence, 10));
        second.store(11, Ordering::Relaxed);
        assert!(!lead_until(&fence, 19));
        assert_eq!(fence.check(), Err(NotLeading));
    }

    #[test]
    fn a_candidate_that_hears_too_late_of_its_election_may_try_again() {
        let (fence, second) = fence();
        second.store(11, Ordering::Relaxed);
        assert!(!lead_until(&fence, 10));
        assert!(lead_until(&fence, 21));
        assert_eq!(fence.check(), Ok(()));
    }

    #[test]
    fn a_closed_fence_stays_closed_and_that_of_a_process_alone_is_open() {
        let (fence, _) = fence();
        assert!(lead_until(&fence, 10));
        fence.close();
        assert!(!lead_until(&fence, 20));
        let alone = Fence::open();
        alone.close();
        assert_eq!(alone.check(), Ok(()));
    }
}
