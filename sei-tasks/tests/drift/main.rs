//! Running nodes follow their spec: every edit alone, in pairs and in heaps, edited again and taken back at every moment, ends
//! with a node that is what its spec says, after one pod cycle at most, in silence.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod edits;
mod keys;
#[path = "../living/mod.rs"]
mod living;
mod middle;
mod pause;
mod refusals;
mod subsets;
mod template;
mod tls;
mod verdict;
