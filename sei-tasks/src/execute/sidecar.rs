//! Runs tasks in the node's sidecar. An id is asked for before it is posted, so that a crash cannot run a task twice.

use sei_planner::api::{PlannedTask, TaskPlan, TaskStatus};
use sei_planner::node::{PodFacts, Stamp, ValidNode, left_by_the_bootstrap};
use sei_planner::step::{Failure, Outcome, Waiting};
use sei_planner::task::{Task, codec};

use super::{bootstrap, lost_ground, pod, terminal, waiting};
use crate::serving::{Stage, stage, watched_pod};
use crate::sidecars;
use crate::world::{Clock, Cluster, ClusterError, Sidecar, SidecarError, TaskReport, TaskRequest, TaskState, World};

/// Seconds between two questions about a task.
const POLL_SECONDS: i64 = 5;

/// Error of a task that the sidecar's own shutdown ended; not the task's fault, so it is not counted.
const INTERRUPTED: &str = "context canceled";

/// The task that the sidecar does once a volume.
const CONFIGURE_STATE_SYNC: &str = "configure-state-sync";

/// Runs a task to its end, or says how far it got.
pub(super) async fn run<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    plan: &TaskPlan,
    index: usize,
    task: &Task,
) -> Result<Outcome, ClusterError> {
    let planned = &plan.tasks[index];
    let stage = stage(plan, index);
    if let Some(outcome) = before_the_call(world, node, plan, index).await? {
        return Ok(outcome);
    }
    if let Task::DiscoverPeers(discover) = task
        && !discover.sources.iter().any(sei_planner::task::PeerQuery::asks_somebody)
    {
        return Ok(Outcome::Done(Vec::new()));
    }
    let watched = watched_pod(world, node, stage);
    let pod = watched.as_ref();
    if planned.submitted_at.is_none()
        && let Some(outcome) = await_earlier_plans(world, node, pod, plan, index).await
    {
        return Ok(outcome);
    }
    Ok(match ask_then_submit(world, node, pod, planned, task).await {
        Ok(report) => judge(planned, task, &report),
        Err(error) => of_sidecar_error(&node.sidecar_url(pod), planned, error),
    })
}

/// Calls to a sidecar whose pod is not there are in vain, and say less than the pod's own state.
async fn before_the_call<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    plan: &TaskPlan,
    index: usize,
) -> Result<Option<Outcome>, ClusterError> {
    match stage(plan, index) {
        Stage::Bootstrap => bootstrap::without_a_pod(world, node).await,
        Stage::Production if plan.brings_up() && plan.tasks[index].submitted_at.is_none() => {
            Ok(pod::not_running_yet(world, node))
        }
        Stage::Production => Ok(None),
    }
}

/// Opens the gate. On a production pod it sees that the gate is open on a sidecar whose seid runs, and a node that comes up
/// learns its image; the end of a bootstrap pod is awaited by a task of its own.
pub(super) async fn mark_ready<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    plan: &TaskPlan,
    index: usize,
) -> Result<Outcome, ClusterError> {
    let posted = run(world, node, plan, index, &Task::MarkReady).await?;
    let Outcome::Done(_) = posted else { return Ok(posted) };
    if stage(plan, index) == Stage::Bootstrap {
        return Ok(posted);
    }
    let watched = watched_pod(world, node, Stage::Production);
    match sidecars::healthz(world, node, watched.as_ref()).await {
        Ok(true) => {}
        Ok(false) => return Ok(lost_ground("the sidecar restarted after mark-ready; a new mark-ready is needed")),
        Err(error) => return Ok(of_sidecar_error(&node.sidecar_url(watched.as_ref()), &plan.tasks[index], error)),
    }
    let seen = if plan.brings_up() { pod::running_image(world, node).await? } else { Outcome::Done(Vec::new()) };
    Ok(match seen {
        Outcome::Done(mut stamps) => {
            stamps.push(Stamp::SidecarReady);
            Outcome::Done(stamps)
        }
        Outcome::Waiting(_) | Outcome::Failed(_) => seen,
    })
}

/// Sees the end of what earlier plans, or the bootstrap, left in the sidecar, which goes on with it when it starts: two tasks must not share
/// a disk, and state sync that was configured in between must not be undone by a full configuration.
async fn await_earlier_plans<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    pod: Option<&PodFacts>,
    plan: &TaskPlan,
    index: usize,
) -> Option<Outcome> {
    let unfinished = plan.unfinished.iter().map(|task| (task.kind.as_str(), task.id.as_str()));
    let bootstrap = left_by_the_bootstrap(plan, index).map(|task| (task.kind.as_str(), task.id.as_str()));
    for (kind, id) in unfinished.chain(bootstrap) {
        let report = match sidecars::task(world, node, pod, id).await {
            Ok(Some(report)) => report,
            Ok(None) => continue,
            Err(error) => return Some(of_sidecar_error(&node.sidecar_url(pod), &plan.tasks[index], error)),
        };
        let undone_by_plan = || plan.tasks[index..].iter().any(|open| open.kind == kind);
        match report.state {
            TaskState::Running => {
                return Some(waiting(format!("the sidecar to finish {kind}, which was begun before")));
            }
            TaskState::Completed if kind == CONFIGURE_STATE_SYNC && undone_by_plan() => {
                return Some(Outcome::Failed(Failure::LostGround {
                    why: "state sync was configured by a task of an earlier plan".to_owned(),
                    learned: vec![Stamp::StateSyncConfigured],
                }));
            }
            TaskState::Completed | TaskState::Failed => {}
        }
    }
    None
}

async fn ask_then_submit<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    node: &ValidNode,
    pod: Option<&PodFacts>,
    planned: &PlannedTask,
    task: &Task,
) -> Result<Option<TaskReport>, SidecarError> {
    let known = sidecars::task(world, node, pod, &planned.id).await?;
    if known.as_ref().is_some_and(|report| !may_run_again(planned, report)) {
        return Ok(known);
    }
    let request = TaskRequest { id: planned.id.clone(), kind: task.kind(), params: codec::posted_params(task) };
    sidecars::submit(world, node, pod, &request).await?;
    sidecars::task(world, node, pod, &planned.id).await
}

/// A failed id is posted again when its failure was counted and stored before, or was no failure of the task's own.
fn may_run_again(planned: &PlannedTask, report: &TaskReport) -> bool {
    let counted = planned.status == TaskStatus::Pending && planned.not_before.is_some();
    report.state == TaskState::Failed && (counted || report.error.contains(INTERRUPTED))
}

fn judge(planned: &PlannedTask, task: &Task, report: &Option<TaskReport>) -> Outcome {
    let Some(report) = report else {
        return retry("the sidecar to remember the task it accepted", "the sidecar does not know the task it accepted");
    };
    match report.state {
        TaskState::Completed => {
            let configured = matches!(task, Task::ConfigureStateSync(_)).then_some(Stamp::StateSyncConfigured);
            Outcome::Done(configured.into_iter().collect())
        }
        // The upload loop never ends: to have started it is all there is to do.
        TaskState::Running if *task == Task::SnapshotUpload => Outcome::Done(Vec::new()),
        TaskState::Running => Outcome::Waiting(Waiting {
            on: format!("the sidecar to finish {}", task.kind()),
            look_again_seconds: POLL_SECONDS,
            submitted: true,
            learned: Vec::new(),
        }),
        TaskState::Failed if report.error.contains(INTERRUPTED) => {
            retry("the sidecar to run the task again", &report.error)
        }
        TaskState::Failed if report.error.is_empty() => {
            Outcome::Failed(Failure::Run { why: format!("task {} failed with unknown error", planned.id) })
        }
        TaskState::Failed => Outcome::Failed(Failure::Run { why: report.error.clone() }),
    }
}

pub(super) fn of_sidecar_error(url: &str, planned: &PlannedTask, error: SidecarError) -> Outcome {
    match error {
        SidecarError::Refused(why) => terminal(format!("sidecar rejected {} task: {why}", planned.kind)),
        SidecarError::Unreachable(why) => retry(&format!("the sidecar at {url} to answer"), &why),
        SidecarError::NotLeading => retry("a process that leads", &error.to_string()),
        SidecarError::Untrusted(why) => {
            retry(&format!("the sidecar at {url} to present the certificate of its TLS Secret"), &why)
        }
        SidecarError::Unexpected { .. } => {
            retry(&format!("an answer of the sidecar at {url} that makes sense"), &error.to_string())
        }
    }
}

fn retry(on: &str, why: &str) -> Outcome {
    Outcome::Failed(Failure::Retry { after_seconds: POLL_SECONDS, on: on.to_owned(), why: why.to_owned() })
}
