//! Everything that the scenarios stand on: a real control plane, a played sidecar fleet, the operator's process, its
//! audit log, and helpers that wait. Nothing here knows how the operator works inside.

pub(crate) mod audit;
pub(crate) mod binaries;
pub(crate) mod certificates;
pub(crate) mod control_plane;
pub(crate) mod fixtures;
pub(crate) mod fleet;
pub(crate) mod operator;
pub(crate) mod permissions;
pub(crate) mod place;
pub(crate) mod played_controllers;
pub(crate) mod played_sidecar;
pub(crate) mod process_group;
pub(crate) mod random;
pub(crate) mod runbook;
pub(crate) mod runner;
pub(crate) mod sidecar_engine;
pub(crate) mod view;
pub(crate) mod world;
