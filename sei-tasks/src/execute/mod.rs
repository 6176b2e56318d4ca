//! Runs one task: one exhaustive match, a file per family. Every task is idempotent, because a crash repeats it.

mod apply;
mod bootstrap;
mod certificate;
mod checks;
mod claim;
mod delete;
mod doubt;
mod keys;
mod pod;
mod proxy;
mod same;
mod sidecar;
mod signers;
mod tip;
mod volume;

use sei_planner::api::{KIND, TaskPlan};
use sei_planner::node::{ValidNode, controller};
use sei_planner::step::{Failure, Outcome, Waiting};
use sei_planner::task::Task;
use serde_json::Value;

use crate::secrets::pause_seconds;
use crate::world::{Clock, Cluster, ClusterError, ObjectId, Sidecar, World};

pub(crate) use checks::stamps_of_failure;
pub(crate) use claim::release_keys;

const UNAUTHORIZED: u16 = 401;
const FORBIDDEN: u16 = 403;
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
    let at = || keys::At { plan, index, namespace: &node.key.namespace };
    let result = match task {
        Task::ValidateSigningKey(key) => Ok(keys::signing_key(world, at(), key).await),
        Task::AwaitCaughtUp(key) => tip::await_caught_up(world, node, at(), key).await,
        Task::ClaimSigningKey(key) => claim::signing_key(world, node, at(), key).await,
        Task::ValidateNodeKey(key) => Ok(keys::identity(world, at(), key).await),
        Task::ValidateOperatorKeyring(keyring) => Ok(keys::keyring(world, at(), keyring).await),
        Task::ApplyRbacProxyConfig(_) => apply::proxy_config(world, node).await,
        Task::DeployBootstrapService(_) => bootstrap::deploy_service(world, node).await,
        Task::DeployBootstrapJob(_) => bootstrap::deploy_job(world, node).await,
        Task::AwaitBootstrapComplete(_) => bootstrap::await_complete(world, node).await,
        Task::TeardownBootstrap(names) => bootstrap::tear_down(world, node, names).await,
        Task::EnsureDataPvc(_) => volume::ensure_data_claim(world, node, at()).await,
        Task::ApplyStatefulSet(_) => apply::statefulset(world, node).await,
        Task::ApplyService(_) => apply::service(world, node).await,
        Task::ReplacePod(replace) => pod::replace(world, node, replace).await,
        Task::ObserveApplied(observe) => pod::observe_applied(world, node, observe.drift).await,
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
        | Task::SetGenesisPeers => sidecar::run(world, node, plan, index, task).await,
        Task::ApplySidecarCert(_) => certificate::apply(world, node, at()).await,
        Task::WaitForSidecarTlsSecret(asked) => certificate::wait(world, node, at(), asked).await,
        Task::DeleteRbacProxyConfig(_) => delete::proxy_config(world, node).await,
        Task::DeleteSidecarCert(_) => delete::certificate(world, node).await,
        Task::ObserveSidecarTls(asked) => certificate::observe(world, node, at(), asked).await,
    };
    let result = match result {
        Ok(Outcome::Waiting(waiting)) => proxy::unless_it_lost_its_objects(world, node, waiting).await,
        settled => settled,
    };
    let waiting_since = plan.tasks[index].waiting_since;
    result.unwrap_or_else(|error| of_cluster_error(error, pause_seconds(waiting_since, world.clock.now())))
}

/// What an error of the API server makes of a task: only what the same request will get again is terminal. Whoever asks may be allowed
/// to later, and a server that has just started refuses everybody whose roles it has not read yet.
fn of_cluster_error(error: ClusterError, pause_seconds: i64) -> Outcome {
    let why = error.to_string();
    Outcome::Failed(match error {
        ClusterError::Rejected { code: UNAUTHORIZED | FORBIDDEN, .. } => {
            Failure::Retry { after_seconds: pause_seconds, on: "a permission of the API server".to_owned(), why }
        }
        ClusterError::Rejected { .. } => Failure::Terminal { why },
        ClusterError::Conflict(_)
        | ClusterError::NotFound(_)
        | ClusterError::UnknownKind
        | ClusterError::Unavailable(_)
        | ClusterError::Unreadable(_)
        // Nobody hears of it: the status write that would tell is not sent either.
        | ClusterError::NotLeading => Failure::Retry {
            after_seconds: LOOK_AGAIN_SECONDS,
            on: "the API server to accept the request".to_owned(),
            why,
        },
    })
}

fn terminal(why: impl Into<String>) -> Outcome {
    Outcome::Failed(Failure::Terminal { why: why.into() })
}

/// An object of that name is somebody else's, and stays as it is (S4).
fn foreign(node: &ValidNode, id: &ObjectId, object: &Value) -> Outcome {
    if let Some(going) = of_its_predecessor(node, id, object) {
        return going;
    }
    terminal(format!(
        "{} {:?} exists and does not belong to SeiNode {:?}; delete it or rename the SeiNode",
        id.kind.name(),
        id.name,
        node.key.name
    ))
}

/// A node that was made anew under its old name comes before the garbage collector, which takes what the old one had.
fn of_its_predecessor(node: &ValidNode, id: &ObjectId, object: &Value) -> Option<Outcome> {
    let owner = controller(object)?;
    let is_predecessor =
        owner["kind"] == KIND && owner["name"] == node.key.name.as_str() && owner["uid"] != node.uid.as_str();
    is_predecessor
        .then(|| waiting(format!("the {} {:?} of the deleted SeiNode of this name to go", id.kind.name(), id.name)))
}

fn lost_ground(why: impl Into<String>) -> Outcome {
    Outcome::Failed(Failure::LostGround { why: why.into(), learned: Vec::new() })
}

fn waiting(on: impl Into<String>) -> Outcome {
    Outcome::Waiting(Waiting {
        on: on.into(),
        look_again_seconds: LOOK_AGAIN_SECONDS,
        submitted: false,
        learned: Vec::new(),
    })
}
