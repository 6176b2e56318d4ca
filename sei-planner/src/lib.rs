//! Pure planning for Sei nodes on Kubernetes.

pub mod api;
pub mod platform;
pub mod quantity;
