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
        let heart = Self { last: Arc::new(Mutex::new(Instant::now())), stale_after: STALE_AFTER };
        tokio::spawn(heart.clone().beat());
        heart
    }

    async fn beat(self) {
        let mut beats = tokio::time::interval(BEAT);
        loop {
            beats.tick().await;
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
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

    /// A heart that does not beat, whose last beat is too long ago whenever it was.
    #[cfg(test)]
    pub(super) fn stopped() -> Self {
        Self { last: Arc::new(Mutex::new(Instant::now())), stale_after: Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first beat comes at the first turn.
    #[tokio::test]
    async fn a_turn_of_the_runtime_is_a_beat() {
        let heart = Heart::stopped();
        let last = || *heart.last.lock().unwrap_or_else(PoisonError::into_inner);
        let before = last();
        tokio::spawn(heart.clone().beat());
        assert_eq!(last(), before, "nothing had its turn yet");
        while last() == before {
            tokio::task::yield_now().await;
        }
    }
}
