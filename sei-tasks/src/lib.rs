//! Executes the plans of `sei-planner`: behind traits, on a real cluster or in a simulated world.
//!
//! [`world`] holds the traits and [`reconcile`] the pipeline that runs on them; [`kube`] and [`http`] are the real world.
//! [`leader`] sees to it that one process acts at a time, and [`record`] is how whoever runs it hears what happens.
//! [`look`] is for those who only want to know.
//! [`admission`] answers for the API server where there is none.

pub mod admission;
mod causes;
mod delete;
mod events;
mod execute;
mod finalizer;
pub mod http;
mod issued;
pub mod kube;
pub mod leader;
pub mod look;
mod memory;
mod merge_patch;
mod object;
mod observe;
pub mod reconcile;
pub mod record;
mod run_plan;
mod secrets;
mod serving;
mod sidecars;
pub mod sim;
mod status;
mod unreadable;
pub mod world;

pub use causes::causes;
pub use memory::Memory;
pub use unreadable::{Unreadable, read_seinode};

/// The programs of `docs/embed.md`.
#[cfg(doctest)]
#[doc = include_str!("../../docs/embed.md")]
pub struct EmbedGuide;
