//! Sends what [`lease`](super::lease) decides, in client-go's three parts: acquire, renew, release.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::fence::Fence;
use super::lease::{Decision, Observed, decide, release};
use super::{RENEW_DEADLINE, REQUEST_DEADLINE, RETRY_PERIOD};
use crate::world::{ClusterError, Created, ObjectId};

/// The one Lease, at the API server. A request may be abandoned at any moment and be obeyed all the same.
pub trait Leases: Send + Sync {
    /// A live read.
    fn read(&self) -> impl Future<Output = Result<Option<Value>, ClusterError>> + Send;

    /// A plain create.
    fn create(&self, lease: &Value) -> impl Future<Output = Result<Created, ClusterError>> + Send;

    /// A replace of the version that the Lease carries, and of no other; the Lease as it stands after it.
    fn replace(&self, lease: &Value) -> impl Future<Output = Result<Value, ClusterError>> + Send;
}

/// Time as one process sees it.
pub trait Timer: Send + Sync {
    /// Since some moment of this process; it never goes back.
    fn elapsed(&self) -> Duration;

    /// Ends at or after this time.
    fn sleep_until(&self, elapsed: Duration) -> impl Future<Output = ()> + Send;

    /// The wall clock, which may be wrong: for people.
    fn wall(&self) -> Timestamp;
}

/// Time of the machine.
#[derive(Clone, Copy, Debug)]
pub struct SystemTimer(tokio::time::Instant);

impl SystemTimer {
    /// Counts from now.
    #[must_use]
    pub fn start() -> Self {
        Self(tokio::time::Instant::now())
    }
}

impl Timer for SystemTimer {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    async fn sleep_until(&self, elapsed: Duration) {
        match self.0.checked_add(elapsed) {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    }

    fn wall(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Why a leader leads no more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// No renewal was answered in time.
    #[error("the Lease was not renewed within {} s", RENEW_DEADLINE.as_secs())]
    NotRenewed,
    /// Somebody else holds the Lease.
    #[error("the Lease is held by {0:?} now")]
    To(String),
}

/// A candidate.
#[derive(Debug)]
pub struct Elector<L, T> {
    leases: L,
    timer: T,
    fence: Fence,
    id: ObjectId,
    me: String,
    observed: Observed,
    /// Whether nothing happened since the last answer that could have changed the Lease without our knowing.
    certain: bool,
    /// What was last told of the Lease, so that it is told once.
    told: String,
}

/// What came of one try.
enum Try {
    /// We hold the Lease, and may act until then.
    Held { until: Duration },
    /// Somebody else does, and need not be asked again before then.
    HeldByAnother { until: Duration },
}

impl<L: Leases, T: Timer> Elector<L, T> {
    /// The candidate `me` for the Lease `id`, which `leases` reads and writes. `fence` opens while it leads; its clock is `timer`'s.
    ///
    /// No other process, neither before nor beside this one, may have the same name: who finds its own name in the Lease does
    /// not wait for it to expire.
    pub fn new(leases: L, timer: T, fence: Fence, id: ObjectId, me: impl Into<String>) -> Self {
        let (observed, told) = (Observed::default(), String::new());
        Self { leases, timer, fence, id, me: me.into(), observed, certain: false, told }
    }

    /// Ends when this process leads. A Lease that nobody holds is taken at once, one that is released at the next look.
    pub async fn acquire(&mut self) {
        loop {
            let tried = self.try_once(Duration::MAX).await;
            let next_look = self.timer.elapsed() + RETRY_PERIOD;
            let look_at = match tried {
                Ok(Try::Held { until }) if self.fence.lead_until(until).is_ok() => {
                    tracing::info!(lease = %self.id.name, identity = %self.me, "leader election: this process leads");
                    self.told.clear();
                    return;
                }
                // The answer took so long that nothing is left of the time.
                Ok(Try::Held { .. }) => next_look,
                Ok(Try::HeldByAnother { until }) => {
                    self.tell(format!("another process leads: {}", self.observed.holder()));
                    until.min(next_look)
                }
                Err(error) => {
                    self.tell(format!("the Lease cannot be read or taken: {error}"));
                    next_look
                }
            };
            self.timer.sleep_until(look_at).await;
        }
    }

    /// Renews the Lease until it is lost; the fence is closed then. May be dropped at any moment.
    pub async fn renew(&mut self) -> Lost {
        let lost = self.renew_while_possible().await;
        self.fence.close();
        lost
    }

    async fn renew_while_possible(&mut self) -> Lost {
        loop {
            let Ok(deadline) = self.fence.leads_until() else { return Lost::NotRenewed };
            let renew_at = self.timer.elapsed() + RETRY_PERIOD;
            self.timer.sleep_until(renew_at.min(deadline)).await;
            let tried = match self.try_once(deadline).await {
                // Somebody wrote in between. Whether we lead still is asked at once.
                Err(ClusterError::Conflict(_)) => self.try_once(deadline).await,
                answer => answer,
            };
            match tried {
                Ok(Try::Held { until }) => {
                    if self.fence.lead_until(until).is_err() {
                        return Lost::NotRenewed;
                    }
                    self.told.clear();
                }
                Ok(Try::HeldByAnother { .. }) => return Lost::To(self.observed.holder()),
                Err(error) => self.tell(format!("the Lease cannot be renewed: {error}")),
            }
        }
    }

    /// Lets go of the Lease, so that another process leads at its next look. Called when the work has ended.
    ///
    /// # Errors
    /// When the API server did not do it: others wait until the Lease expires.
    pub async fn release(&mut self) -> Result<(), ClusterError> {
        self.fence.close();
        // A renewal may have been under way, or somebody edited the Lease: then it is read again.
        match self.release_once().await {
            Err(ClusterError::Conflict(_)) => self.release_once().await,
            answer => answer,
        }
    }

    async fn release_once(&mut self) -> Result<(), ClusterError> {
        self.look_unless_certain(Duration::MAX).await?;
        if let Some(free) = release(&self.observed, &self.id, &self.me, self.timer.wall()) {
            self.certain = false;
            self.in_time(Duration::MAX, self.leases.replace(&free)).await?;
            tracing::info!(lease = %self.id.name, identity = %self.me, "leader election: the Lease is released");
        }
        Ok(())
    }

    /// One look, and one write where it is our turn.
    async fn try_once(&mut self, deadline: Duration) -> Result<Try, ClusterError> {
        self.look_unless_certain(deadline).await?;
        // Before the write is sent: those who see it count from later on.
        let sent = self.timer.elapsed();
        let written = match decide(&self.observed, &self.id, &self.me, sent, self.timer.wall()) {
            Decision::Wait { until } => {
                self.certain = false;
                return Ok(Try::HeldByAnother { until });
            }
            Decision::Create(lease) => {
                self.certain = false;
                match self.in_time(deadline, self.leases.create(&lease)).await? {
                    Created::New(lease) => lease,
                    Created::AlreadyExists => {
                        return Err(ClusterError::Conflict("another process was faster".to_owned()));
                    }
                }
            }
            Decision::Replace(lease) => {
                self.certain = false;
                self.in_time(deadline, self.leases.replace(&lease)).await?
            }
        };
        self.observed.saw(Some(written), self.timer.elapsed());
        self.certain = true;
        Ok(Try::Held { until: sent + RENEW_DEADLINE })
    }

    async fn look_unless_certain(&mut self, deadline: Duration) -> Result<(), ClusterError> {
        if !self.certain {
            let lease = self.in_time(deadline, self.leases.read()).await?;
            self.observed.saw(lease, self.timer.elapsed());
        }
        Ok(())
    }

    /// The answer of a request, unless it takes too long.
    async fn in_time<A>(
        &self,
        deadline: Duration,
        request: impl Future<Output = Result<A, ClusterError>>,
    ) -> Result<A, ClusterError> {
        let end = deadline.min(self.timer.elapsed() + REQUEST_DEADLINE);
        let (mut request, mut end) = (pin!(request), pin!(self.timer.sleep_until(end)));
        poll_fn(|context| match (request.as_mut().poll(context), end.as_mut().poll(context)) {
            (Poll::Ready(answer), _) => Poll::Ready(answer),
            (Poll::Pending, Poll::Ready(())) => {
                Poll::Ready(Err(ClusterError::Unavailable("no answer in time".to_owned())))
            }
            (Poll::Pending, Poll::Pending) => Poll::Pending,
        })
        .await
    }

    fn tell(&mut self, what: String) {
        if self.told != what {
            tracing::info!(lease = %self.id.name, identity = %self.me, "leader election: {what}");
            self.told = what;
        }
    }
}
