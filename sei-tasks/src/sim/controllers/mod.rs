//! The parts of Kubernetes that act on stored objects: each has `notice` (a change happened: decide what is due) and
//! acts only when that is due.

pub(super) mod cert_manager;
pub(super) mod gc;
pub(super) mod job;
pub(super) mod kubelet;
mod mounts;
pub(super) mod statefulset;
pub(super) mod volumes;
