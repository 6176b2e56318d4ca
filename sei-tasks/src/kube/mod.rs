//! The real API server behind [`Cluster`](crate::world::Cluster): requests through `kube::Client`, watched state through [`Views`].

mod cluster;

pub use cluster::{KubeCluster, Views};
