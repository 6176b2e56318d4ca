//! Bugs of the plan engine: ids, retries, status writes, deadlines.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use sei_planner::api::{NodePhase, PlanKindName, PlanPhase, SeiNode, SeiNodeStatus, TaskStatus, Time, conditions as c};
use sei_planner::names::NodeKey;
use sei_planner::node::render_node;
use sei_planner::platform::Platform;
use sei_tasks::world::{
    Address, Clock, Cluster, ClusterError, Kind, LookAgain, ObjectId, Sidecar, SidecarError, TaskRequest, TaskState,
};
use serde_json::Value;

use super::{Specimen, specimen};
use crate::bug::{Answer, Bug, Posts, Report, SeesNode, Stores, new_plan};
use crate::witness::Witness;

pub(super) fn specimens() -> Vec<Specimen> {
    vec![
        specimen(
            "E1",
            "a task got a fresh id when its run was repeated, and ran twice",
            "after a restart every id that is posted or asked for is another one",
            || Arc::<FreshIds>::default(),
        ),
        specimen("E2", "a retry only read the old failure again", "a failed id is not posted again", || {
            Arc::new(NeverRepeats)
        }),
        specimen(
            "E3",
            "every poll posted the task again, so a failure was never seen",
            "a task is posted before every question about it",
            || Arc::<PostsOnEachPoll>::default(),
        ),
        specimen(
            "E4",
            "a request that the sidecar refused was repeated for ever",
            "a refusal is taken for an unreachable sidecar",
            || Arc::new(RefusalsAreTransient),
        ),
        specimen(
            "E5",
            "own status writes woke the controller and bypassed the backoff",
            "a look that wrote status is followed by another at once, and no pause is seen",
            || Arc::<WakesItself>::default(),
        ),
        specimen(
            "E6",
            "one refused connection failed the task",
            "an unreachable sidecar is taken for a refusal",
            || Arc::new(OneDialIsEnough),
        ),
        specimen(
            "E7",
            "effects came before their plan was stored, and a crash lost the plan",
            "the first object of a node is made before its plan is stored",
            || Arc::new(ActsFirst),
        ),
        specimen(
            "E8",
            "a second status patch went out on the version of the first",
            "every status is written twice, from one read",
            || Arc::new(WritesTwice),
        ),
        specimen(
            "E9",
            "patches without resourceVersion overwrote newer ones",
            "a conflict is answered with the same status on the newest version",
            || Arc::new(Overwrites),
        ),
        specimen(
            "E10",
            "the executor dropped the plan before its end was noted; the condition stayed True",
            "a plan that ends is not stored, nor what its end says",
            || Arc::new(Stores(drop_ended_plans)),
        ),
        specimen(
            "E13",
            "a hand-written mapping dropped fields of a task",
            "config-apply is posted without its overrides",
            || {
                Arc::new(Posts(|request| {
                    if let Some(Value::Object(params)) = &mut request.params {
                        params.remove("overrides");
                    }
                }))
            },
        ),
        specimen(
            "E14",
            "a stored plan with a retired task failed, and the node was bootstrapped again",
            "with a plan that failed goes everything that it had done",
            || Arc::new(Stores(forget_what_failed_plans_did)),
        ),
        specimen(
            "E15",
            "a task that never ended held its plan for hours",
            "every task was submitted far in the future",
            || Arc::new(SeesNode(|node| submitted(node, Timestamp::MAX))),
        ),
        specimen(
            "E16",
            "the deadline of a task counted the time it had to wait for its turn",
            "every task of a new plan counts as submitted with the plan",
            || Arc::new(Stores(submit_with_the_plan)),
        ),
        specimen(
            "E17",
            "a call to a sidecar had no deadline and held a worker",
            "an unreachable sidecar never answers",
            || Arc::new(Hangs),
        ),
        specimen(
            "E18",
            "a field of status that must be there was stored empty, and the write was refused",
            "conditions are stored without a reason",
            || {
                Arc::new(Stores(|_, after| {
                    for condition in &mut after.conditions {
                        condition.reason.clear();
                    }
                }))
            },
        ),
        specimen(
            "E19",
            "a finished rollout was not cleared, so a second one was impossible",
            "after a complete update plan the image of the spec is not looked at",
            || Arc::new(SeesNode(one_rollout)),
        ),
        specimen(
            "E20",
            "a blocked node waited for a Secret that nobody watched, and never woke",
            "a node that waits for a Secret is not looked at again by itself",
            || Arc::new(WaitsForEver),
        ),
    ]
}

#[derive(Default)]
struct FreshIds {
    boots: AtomicU32,
}

impl FreshIds {
    fn of(&self, id: &str) -> String {
        match self.boots.load(Ordering::Relaxed) {
            0 | 1 => id.to_owned(),
            boots => format!("{}{:x}", &id[..id.len() - 1], boots % 16),
        }
    }
}

impl Bug for FreshIds {
    fn boots(&self) {
        self.boots.fetch_add(1, Ordering::Relaxed);
    }

    fn posts(&self, request: &mut TaskRequest) {
        request.id = self.of(&request.id);
    }

    fn asks<'a>(&'a self, world: &'a Witness, at: &'a Address, id: &'a str) -> Answer<'a, Report> {
        Box::pin(async move { world.task(at, &self.of(id)).await })
    }
}

struct NeverRepeats;

impl Bug for NeverRepeats {
    fn submits<'a>(
        &'a self,
        world: &'a Witness,
        at: &'a Address,
        request: &'a TaskRequest,
    ) -> Answer<'a, Result<(), SidecarError>> {
        Box::pin(async move {
            match world.task(at, &request.id).await? {
                Some(report) if report.state == TaskState::Failed => Ok(()),
                Some(_) | None => world.submit(at, request).await,
            }
        })
    }
}

#[derive(Default)]
struct PostsOnEachPoll {
    posted: Mutex<BTreeMap<String, TaskRequest>>,
}

impl Bug for PostsOnEachPoll {
    fn submits<'a>(
        &'a self,
        world: &'a Witness,
        at: &'a Address,
        request: &'a TaskRequest,
    ) -> Answer<'a, Result<(), SidecarError>> {
        self.posted.lock().unwrap().insert(request.id.clone(), request.clone());
        Box::pin(world.submit(at, request))
    }

    fn asks<'a>(&'a self, world: &'a Witness, at: &'a Address, id: &'a str) -> Answer<'a, Report> {
        let known = self.posted.lock().unwrap().get(id).cloned();
        Box::pin(async move {
            if let Some(request) = known {
                world.submit(at, &request).await?;
            }
            world.task(at, id).await
        })
    }
}

struct RefusalsAreTransient;

impl Bug for RefusalsAreTransient {
    fn submits<'a>(
        &'a self,
        world: &'a Witness,
        at: &'a Address,
        request: &'a TaskRequest,
    ) -> Answer<'a, Result<(), SidecarError>> {
        Box::pin(async move {
            match world.submit(at, request).await {
                Err(SidecarError::Refused(why)) => Err(SidecarError::Unreachable(why)),
                answer => answer,
            }
        })
    }
}

#[derive(Default)]
struct WakesItself {
    wrote: AtomicBool,
}

impl Bug for WakesItself {
    fn sees_node(&self, node: &mut SeiNode) {
        let plan = node.status.as_mut().and_then(|status| status.plan.as_mut());
        for task in plan.into_iter().flat_map(|plan| &mut plan.tasks) {
            task.not_before = task.not_before.map(|_| Time::at(Timestamp::UNIX_EPOCH));
        }
    }

    fn stores(&self, _: &SeiNodeStatus, _: &mut SeiNodeStatus) {
        self.wrote.store(true, Ordering::Relaxed);
    }

    fn looked(&self, world: &Witness, _: &NodeKey, answer: LookAgain) -> LookAgain {
        if self.wrote.swap(false, Ordering::Relaxed) { LookAgain { at: Some(world.now()) } } else { answer }
    }
}

struct OneDialIsEnough;

fn refused<T>(answer: Result<T, SidecarError>) -> Result<T, SidecarError> {
    match answer {
        Err(SidecarError::Unreachable(why)) => Err(SidecarError::Refused(why)),
        answer => answer,
    }
}

impl Bug for OneDialIsEnough {
    fn submits<'a>(
        &'a self,
        world: &'a Witness,
        at: &'a Address,
        request: &'a TaskRequest,
    ) -> Answer<'a, Result<(), SidecarError>> {
        Box::pin(async move { refused(world.submit(at, request).await) })
    }

    fn asks<'a>(&'a self, world: &'a Witness, at: &'a Address, id: &'a str) -> Answer<'a, Report> {
        Box::pin(async move { refused(world.task(at, id).await) })
    }
}

struct ActsFirst;

impl Bug for ActsFirst {
    fn writes_status<'a>(
        &'a self,
        world: &'a Witness,
        node: &'a SeiNode,
        status: &'a SeiNodeStatus,
    ) -> Answer<'a, Result<SeiNode, ClusterError>> {
        Box::pin(async move {
            let planned_before = node.status.as_ref().is_some_and(|status| status.plan.is_some());
            if !planned_before && status.plan.is_some() {
                let claim = render_node(node, &Platform::demo()).unwrap().remove(0);
                let claim = serde_json::to_value(claim).unwrap();
                let name = claim["metadata"]["name"].as_str().unwrap();
                let id = ObjectId::new(Kind::PersistentVolumeClaim, "nodes", name);
                world.create(&id, &claim).await?;
            }
            world.write_status(node, status).await
        })
    }
}

struct WritesTwice;

impl Bug for WritesTwice {
    fn writes_status<'a>(
        &'a self,
        world: &'a Witness,
        node: &'a SeiNode,
        status: &'a SeiNodeStatus,
    ) -> Answer<'a, Result<SeiNode, ClusterError>> {
        Box::pin(async move {
            world.write_status(node, status).await?;
            world.write_status(node, status).await
        })
    }
}

struct Overwrites;

impl Bug for Overwrites {
    fn writes_status<'a>(
        &'a self,
        world: &'a Witness,
        node: &'a SeiNode,
        status: &'a SeiNodeStatus,
    ) -> Answer<'a, Result<SeiNode, ClusterError>> {
        Box::pin(async move {
            let written = world.write_status(node, status).await;
            let Err(ClusterError::Conflict(_)) = written else { return written };
            let meta = &node.metadata;
            let name = meta.name.clone().unwrap_or_default();
            let id = ObjectId::new(Kind::SeiNode, meta.namespace.clone().unwrap_or_default(), name);
            let newest = world.read(&id).await?.and_then(|node| serde_json::from_value(node).ok());
            match newest {
                Some(newest) => world.write_status(&newest, status).await,
                None => written,
            }
        })
    }
}

fn drop_ended_plans(before: &SeiNodeStatus, after: &mut SeiNodeStatus) {
    if after.plan.as_ref().is_none_or(|plan| plan.phase == PlanPhase::Active) {
        return;
    }
    after.plan = None;
    for condition in after.conditions.iter_mut().filter(|condition| condition.kind == c::NODE_UPDATE_IN_PROGRESS) {
        if let Some(old) = before.condition(c::NODE_UPDATE_IN_PROGRESS) {
            condition.clone_from(old);
        }
    }
}

fn forget_what_failed_plans_did(_: &SeiNodeStatus, after: &mut SeiNodeStatus) {
    if after.plan.as_ref().is_some_and(|plan| plan.phase == PlanPhase::Failed) {
        after.plan = None;
        after.bootstrapped_height = None;
        after.state_sync_configured = None;
    }
}

fn submitted(node: &mut SeiNode, at: Timestamp) {
    let plan = node.status.as_mut().and_then(|status| status.plan.as_mut());
    for task in plan.into_iter().flat_map(|plan| &mut plan.tasks) {
        task.submitted_at = task.submitted_at.map(|_| Time::at(at));
    }
}

fn submit_with_the_plan(before: &SeiNodeStatus, after: &mut SeiNodeStatus) {
    let began = after.phase_transition_time;
    for task in new_plan(before, after).into_iter().flat_map(|plan| &mut plan.tasks) {
        task.submitted_at = began;
    }
}

struct Hangs;

async fn or_hang<T>(answer: Result<T, SidecarError>) -> Result<T, SidecarError> {
    match answer {
        Err(SidecarError::Unreachable(_)) => pending().await,
        answer => answer,
    }
}

impl Bug for Hangs {
    fn submits<'a>(
        &'a self,
        world: &'a Witness,
        at: &'a Address,
        request: &'a TaskRequest,
    ) -> Answer<'a, Result<(), SidecarError>> {
        Box::pin(async move { or_hang(world.submit(at, request).await).await })
    }

    fn asks<'a>(&'a self, world: &'a Witness, at: &'a Address, id: &'a str) -> Answer<'a, Report> {
        Box::pin(async move { or_hang(world.task(at, id).await).await })
    }
}

fn one_rollout(node: &mut SeiNode) {
    let status = node.status.clone().unwrap_or_default();
    let rolled_out =
        |kind: Option<PlanKindName>, phase| kind == Some(PlanKindName::Update) && phase == PlanPhase::Complete;
    if status.phase() == NodePhase::Running && status.plan.is_some_and(|plan| rolled_out(plan.kind, plan.phase)) {
        node.spec.image = status.current_image.unwrap_or_default();
    }
}

struct WaitsForEver;

impl Bug for WaitsForEver {
    fn looked(&self, world: &Witness, key: &NodeKey, answer: LookAgain) -> LookAgain {
        let plan = world.sim.sei_node(key).and_then(|node| node.status?.plan);
        let open = plan.and_then(|plan| plan.tasks.into_iter().find(|task| task.status != TaskStatus::Complete));
        let blocked = open.is_some_and(|task| task.kind.starts_with("validate-"));
        if blocked { LookAgain { at: None } } else { answer }
    }
}
