//! A fleet of the controller before us is taken over as it stands: `fixtures/adoption/` holds nodes with their children as
//! that controller left them, settled, in the middle of a plan, failed or stuck.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "../living/mod.rs"]
mod living;
mod recording;
mod take_over;
mod variations;
