//! The real API server behind [`Cluster`](crate::world::Cluster): requests through `kube::Client`, watched state through [`Views`].

mod cluster;
mod leases;

pub use cluster::{KubeCluster, Views};
pub use leases::KubeLeases;
