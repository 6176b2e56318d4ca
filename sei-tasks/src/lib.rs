//! Executes the plans of `sei-planner`: behind traits, on a real cluster or in a simulated world.

pub mod reconcile;
pub mod sim;
pub mod world;
