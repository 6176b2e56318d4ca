//! The real API server behind [`Cluster`]: requests through `kube::Client`, watched state through [`Views`].

mod cluster;
mod patch;

pub use cluster::{KubeCluster, Views};
