//! Pure planning for Sei nodes on Kubernetes: (spec, status, facts, now) in; plans, commands, status and manifests out.
//!
//! Nothing here awaits, reads a clock, draws a random number, or touches the environment or a file. The modules stand in
//! the order data flows through them:
//!
//! 1. [`api`]: the kind SeiNode as it stands in the API server; [`platform`]: the settings of the cluster.
//! 2. [`node`]: observe, validate, decide, build, status — the pipeline of one node.
//! 3. [`task`] and [`step`]: what a plan consists of, and how it moves.
//! 4. [`inspect`]: whether Secrets and imported claims, which others provide, can be used.
//! 5. [`manifests`] and [`config`]: what is applied to the cluster, and what is sent to the sidecar.

pub mod api;
pub mod config;
pub mod inspect;
pub mod manifests;
pub mod names;
pub mod node;
pub mod platform;
pub mod quantity;
pub mod step;
pub mod task;
pub mod words;
