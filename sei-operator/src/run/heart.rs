//! Whether the process gets anything done: a task of the runtime that reconciles notes every second that it had its turn.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Time between two beats.
const BEAT: Duration = Duration::from_secs(1);
/// Without a beat for so long, nothing gets its turn any more: far beyond any pause of a busy machine.
const STALE_AFTER: Duration = Duration::from_secs(30);

/// When the runtime last got anything done.
#[derive(Clone, Debug)]
pub(super) struct Heart {
    last: Arc<Mutex<Instant>>,
    stale_after: Duration,
}

impl Heart {
    /// A heart that beats on the current runtime as long as that lives.
    pub(super) fn beating() -> Self {
        let heart = Self::resting(STALE_AFTER);
        let beating = heart.clone();
        tokio::spawn(async move {
            let mut beats = tokio::time::interval(BEAT);
            loop {
                beats.tick().await;
                *beating.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            }
        });
        heart
    }

    /// A heart that beat just now, and never again.
    fn resting(stale_after: Duration) -> Self {
        Self { last: Arc::new(Mutex::new(Instant::now())), stale_after }
    }

    /// A heart that stood still for too long already.
    #[cfg(test)]
    pub(super) fn stopped() -> Self {
        Self::resting(Duration::ZERO)
    }

    /// Whether the event loop moves.
    ///
    /// # Errors
    /// Since when it does not, in words.
    pub(super) fn check(&self) -> Result<(), String> {
        let since = self.last.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
        if since < self.stale_after {
            return Ok(());
        }
        let (seconds, limit) = (since.as_secs(), self.stale_after.as_secs());
        Err(format!("the event loop has not moved for {seconds} s (limit: {limit} s)"))
    }
}
