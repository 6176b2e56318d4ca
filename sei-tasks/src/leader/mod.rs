//! Leader election: of several processes of the operator at most one acts. client-go's algorithm over one Lease.
//!
//! [`lease`] decides, and is pure: what was seen of the Lease in, the next write out. [`Elector`] sends those writes and keeps
//! the [`Fence`], which says whether this process may act. [`Fenced`] asks it before every effect. Nothing here knows of nodes.
//!
//! A Lease alone is no fence: a request that left in time may arrive late. What it may still do is bounded by the preconditions
//! that it carries: docs/decisions/0005-leader-election.md.

mod elector;
mod fence;
mod fenced;
pub mod lease;

use std::time::Duration;

pub use self::elector::{Elector, Leases, Lost, SystemTimer, Timer};
pub use self::fence::{Fence, NotLeading};
pub use self::fenced::Fenced;

/// Name of the Lease: that of the controller which this operator replaces, so that the two never act at once.
pub const LEASE_NAME: &str = "bc1f5b0a.sei.io";

/// A Lease whose record did not change for so long is free to take. `LeaseDuration` of client-go and its users, controller-runtime
/// among them; the record says so in `leaseDurationSeconds`.
pub const LEASE_DURATION: Duration = Duration::from_secs(15);

/// A leader acts for so long after it sent the last renewal that was answered (client-go: `RenewDeadline`). The difference to
/// [`LEASE_DURATION`] is what the clocks of two machines may drift apart meanwhile: 15 s of one must not be less than 10 s of the other.
pub const RENEW_DEADLINE: Duration = Duration::from_secs(10);

/// Between two looks at the Lease, and between two renewals (client-go: `RetryPeriod`).
pub const RETRY_PERIOD: Duration = Duration::from_secs(2);

/// No request about the Lease takes longer, so that one that is lost leaves time for another (client-go: half of `RenewDeadline`).
pub const REQUEST_DEADLINE: Duration = Duration::from_secs(5);
