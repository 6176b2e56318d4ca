//! Pure planning for Sei nodes on Kubernetes: (spec, status, facts, now) in; plans, commands, status and manifests out.
//!
//! Nothing here awaits, reads a clock, draws a random number, or touches the environment or a file. The modules stand in
//! the order data flows through them:
//!
//! 1. [`api`]: the kind SeiNode as it stands in the API server; [`platform`]: the settings of the cluster.
//! 2. [`node`]: observe, validate, decide, build, status — the pipeline of one node.
//! 3. [`task`] and [`mod@step`]: what a plan consists of, and how it moves.
//! 4. [`inspect`]: whether Secrets and imported claims, which others provide, can be used.
//! 5. [`mod@manifests`] and [`config`]: what is applied to the cluster, and what is sent to the sidecar.
//!
//! Those who embed it need two calls: [`plan_node`] and [`render_node`] (`examples/embed.rs` is a whole program).
//!
//! ```
//! use sei_planner::{Observed, PlanOutcome, Platform, SeiNode, Time, plan_node};
//!
//! let node: SeiNode = serde_json::from_str(
//!     r#"{"apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "metadata": {"name": "rpc-0", "namespace": "sei"},
//!         "spec": {"chainId": "pacific-1", "image": "seid:v6", "fullNode": {"snapshot": {"stateSync": {}}}}}"#,
//! )?;
//! let now = Time::at(jiff::Timestamp::UNIX_EPOCH);
//! let planned = plan_node(&node, &Platform::demo(), &Observed::default(), now, "6f1c0d2e-3b4a-4c5d-8e6f-7a8b9c0d1e2f");
//! assert_eq!(planned.outcome, PlanOutcome::Plan);
//! assert_eq!(planned.plan.unwrap().tasks[0].kind, "ensure-data-pvc");
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! The crate chooses no Kubernetes version: a program that uses it enables one of k8s-openapi's features.

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

// In the order data flows.
pub use api::{SeiNode, SeiNodeSpec, SeiNodeStatus, TaskPlan, Time};
pub use platform::Platform;

pub use node::{
    Decision, NodePlan, Observed, PlanKind, PlanOutcome, Problem, Refusal, ValidNode, decide, draft, plan_node,
    project_status, render_node, validate,
};
pub use step::{Failure, Outcome, Step, settle, step};
pub use task::Task;

pub use manifests::{Manifest, manifests};
