//! Executes the plans of `sei-planner`: behind traits, on a real cluster or in a simulated world.
//!
//! [`world`] holds the traits, [`reconcile`] the pipeline that runs on them.

mod delete;
mod execute;
mod memory;
mod observe;
pub mod reconcile;
pub mod world;

pub use memory::Memory;
