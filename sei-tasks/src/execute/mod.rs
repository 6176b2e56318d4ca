//! Runs one task: one exhaustive match, a file per family. Every task is idempotent, because a crash repeats it.

mod apply;
mod pod;
mod sidecar;
mod volume;

use sei_planner::api::{ConditionStatus, TaskPlan, conditions};
use sei_planner::node::{Stamp, ValidNode};
use sei_planner::step::{Failure, Outcome, Waiting};
use sei_planner::task::Task;

use crate::world::{Clock, Cluster, ClusterError, Sidecar, World};

/// Seconds until something in the cluster is looked at again, should its watch say nothing.
const LOOK_AGAIN_SECONDS: i64 = 5;

/// Runs the task at `index` of the stored plan.
pub(crate) async fn execute<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    plan: &TaskPlan,
    index: usize,
    task: &Task,
) -> Outcome {
    let result = match task {
        Task::EnsureDataPvc(_) => volume::ensure_data_claim(world, node).await,
        Task::ApplyStatefulSet(_) => apply::statefulset(world, node).await,
        Task::ApplyService(_) => apply::service(world, node).await,
        Task::ReplacePod(replace) => pod::replace(world, node, &replace.pod_uid).await,
        Task::ObserveImage(observe) => pod::observe_image(world, node, &observe.image).await,
        Task::MarkReady => sidecar::mark_ready(world, node, plan, index).await,
        Task::SnapshotRestore(_)
        | Task::ConfigureGenesis
        | Task::ConfigApply(_)
        | Task::DiscoverPeers(_)
        | Task::ConfigureStateSync(_)
        | Task::ConfigValidate
        | Task::SnapshotUpload
        | Task::GenerateIdentity(_)
        | Task::GenerateGentx(_)
        | Task::UploadGenesisArtifacts(_)
        | Task::SetGenesisPeers => Ok(sidecar::run(world, node, plan, index, task).await),
        Task::ValidateSigningKey(_)
        | Task::ValidateNodeKey(_)
        | Task::ValidateOperatorKeyring(_)
        | Task::ApplySidecarCert(_)
        | Task::WaitForSidecarTlsSecret(_)
        | Task::ApplyRbacProxyConfig(_)
        | Task::ObserveSidecarTls(_)
        | Task::DeployBootstrapService(_)
        | Task::DeployBootstrapJob(_)
        | Task::AwaitBootstrapComplete(_)
        | Task::TeardownBootstrap(_) => Ok(terminal(format!("{} is not run yet by this version", task.kind()))),
    };
    result.unwrap_or_else(of_cluster_error)
}

/// The condition that goes with an outcome that is not done: only the check of an imported claim has one.
pub(crate) fn stamps_of_failure(node: &ValidNode, plan: &TaskPlan, index: usize, outcome: &Outcome) -> Vec<Stamp> {
    if !node.data_volume.imported || plan.tasks[index].kind != "ensure-data-pvc" {
        return Vec::new();
    }
    let (reason, message) = match outcome {
        Outcome::Done(_) => return Vec::new(),
        Outcome::Waiting(waiting) => (conditions::PVC_NOT_READY, waiting.on.clone()),
        Outcome::Failed(Failure::Retry { why, .. } | Failure::Run { why } | Failure::LostGround { why, .. }) => {
            (conditions::PVC_NOT_READY, why.clone())
        }
        Outcome::Failed(Failure::Terminal { why }) => (conditions::PVC_INVALID, why.clone()),
    };
    vec![Stamp::Check { condition: conditions::IMPORT_PVC_READY, status: ConditionStatus::False, reason, message }]
}

/// What an error of the API server makes of a task: only what the same request will get again is terminal.
fn of_cluster_error(error: ClusterError) -> Outcome {
    let why = error.to_string();
    Outcome::Failed(match error {
        ClusterError::Rejected { .. } => Failure::Terminal { why },
        ClusterError::Conflict(_) | ClusterError::NotFound(_) | ClusterError::Unavailable(_) => Failure::Retry {
            after_seconds: LOOK_AGAIN_SECONDS,
            on: "the API server to accept the request".to_owned(),
            why,
        },
    })
}

fn terminal(why: impl Into<String>) -> Outcome {
    Outcome::Failed(Failure::Terminal { why: why.into() })
}

fn lost_ground(why: impl Into<String>) -> Outcome {
    Outcome::Failed(Failure::LostGround { why: why.into(), learned: Vec::new() })
}

fn waiting(on: impl Into<String>) -> Outcome {
    Outcome::Waiting(Waiting { on: on.into(), look_again_seconds: LOOK_AGAIN_SECONDS, submitted: false })
}
