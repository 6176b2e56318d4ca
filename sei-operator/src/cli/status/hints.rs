//! What blocks a node now, and the exact command to do next. Pure.
#![allow(unreachable_pub, reason = "the derive of the schema copies each struct, with its visibility, into a function")]

use schemars::JsonSchema;
use sei_planner::api::{
    Condition, ConditionStatus, NodePhase, PlanPhase, SeiNode, SeiNodeStatus, TaskPlan, TaskStatus, Time, conditions,
};
use sei_planner::names::NodeKey;
use serde::Serialize;

use super::pods::PodReport;
use crate::cli::age::{age, length};
use crate::cli::plan::secrets_of;
use crate::cli::program::as_called;
use crate::cli::question::{Question, parted};
use crate::cli::standing::{current, held};

/// Seconds after which a task that is under way is worth a look at what it does.
const LONG_SECONDS: i64 = 15 * 60;
/// Restarts of a container after which its last log is worth a look.
const MANY_RESTARTS: i64 = 3;

/// One thing to do next, or to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(in crate::cli) struct Hint {
    /// What blocks, and why.
    pub(in crate::cli) text: String,
    /// What to run, in this order; nothing where waiting is all there is to do.
    pub(in crate::cli) commands: Vec<String>,
}

impl Hint {
    fn new(text: impl Into<String>, commands: impl IntoIterator<Item = String>) -> Self {
        Self { text: as_called(text), commands: commands.into_iter().map(as_called).collect() }
    }
}

/// What there is to do about a node.
pub(super) fn hints(node: &SeiNode, pods: &[PodReport], now: Time) -> Vec<Hint> {
    let nothing = SeiNodeStatus::default();
    let about = About { node, key: NodeKey::of(node), status: node.status.as_ref().unwrap_or(&nothing), pods, now };
    if node.metadata.deletion_timestamp.is_some() {
        return vec![about.deletion()];
    }
    if about.status.phase.is_none() && about.status.conditions.is_empty() && about.status.plan.is_none() {
        let text = "no operator has looked at this node yet";
        return vec![Hint::new(text, ["sei-operator check".to_owned()])];
    }
    let hints = [about.pause(), about.refusal(), about.question(), about.failure(), about.tls(), about.import()];
    let hints = hints.into_iter().flatten().chain(about.keys());
    let hints = hints.chain(about.pods()).chain(about.sidecar()).chain(about.long_task()).chain(about.edit());
    hints.chain(about.edit_without_effect()).chain(about.outdated_template()).collect()
}

/// What hints are about.
struct About<'a> {
    node: &'a SeiNode,
    key: NodeKey,
    status: &'a SeiNodeStatus,
    pods: &'a [PodReport],
    now: Time,
}

impl About<'_> {
    /// A kubectl command about something in the node's namespace.
    fn kubectl(&self, words: &str) -> String {
        format!("kubectl {words} -n {}", self.key.namespace)
    }

    fn not(&self, kind: &str) -> Option<&Condition> {
        held(self.status, kind, ConditionStatus::False)
    }

    /// The plan that is under way.
    fn active(&self) -> Option<&TaskPlan> {
        self.status.plan.as_ref().filter(|plan| plan.phase == PlanPhase::Active)
    }

    fn deletion(&self) -> Hint {
        let pods: Vec<&str> = self.pods.iter().map(|pod| pod.name.as_str()).collect();
        let left =
            if pods.is_empty() { "no pod is left".to_owned() } else { format!("still there: {}", pods.join(", ")) };
        let text =
            format!("the node is being deleted, and goes once its pods are gone and its keys are let go; {left}");
        Hint::new(
            text,
            [self.kubectl(&format!("get pods -l sei.io/node={}", self.key.name)), "sei-operator check".to_owned()],
        )
    }

    fn pause(&self) -> Option<Hint> {
        let paused = held(self.status, conditions::PAUSED, ConditionStatus::True)?;
        let length = age(Some(paused.last_transition_time), self.now);
        let text = format!("the node is paused for {length}: nothing below happens before it goes on");
        Some(Hint::new(text, [format!("sei-operator resume {}", self.key)]))
    }

    fn refusal(&self) -> Option<Hint> {
        let refused = self.not(conditions::SPEC_ACCEPTED)?;
        let text = format!("the spec is refused: {}", refused.message);
        let edit = self.kubectl(&format!("edit seinode {}", self.key.name));
        Some(Hint::new(text, [format!("sei-operator explain {}", refused.reason), edit]))
    }

    fn question(&self) -> Option<Hint> {
        let question = Question::of(self.status)?;
        let text = format!("a person is asked ({}): {}", question.reason, question.text);
        Some(Hint::new(text, [format!("sei-operator acknowledge {}", self.key)]))
    }

    fn failure(&self) -> Option<Hint> {
        let plan = self.status.plan.as_ref().filter(|plan| plan.phase == PlanPhase::Failed)?;
        let detail = plan.failed_task_detail.as_ref();
        let task = detail.map_or("a task", |detail| detail.kind.as_str());
        let error = detail.map(|detail| format!(": {}", detail.error)).unwrap_or_default();
        let again = match plan.retry_at {
            Some(at) if at > self.now => format!("planned again by itself in {}", length(at.seconds_since(self.now))),
            Some(_) => "about to be planned again".to_owned(),
            None => "not planned again by itself".to_owned(),
        };
        let text = format!("{task} failed{error}; {again}. Once the cause is gone:");
        // A check of keys failed: look at them first.
        let look = self.unusable_key().map(|key| key.commands).unwrap_or_default();
        Some(Hint::new(text, look.into_iter().chain([format!("sei-operator retry {}", self.key)])))
    }

    fn tls(&self) -> Option<Hint> {
        let condition = self.status.condition(conditions::SIDECAR_TLS_SECRET_READY)?;
        let what = match condition.status {
            ConditionStatus::False => "cannot be used",
            ConditionStatus::True if condition.reason == conditions::TLS_SECRET_EXPIRES_SOON => "is to be renewed",
            ConditionStatus::True | ConditionStatus::Unknown => return None,
        };
        let tls = self.node.spec.sidecar.as_ref()?.tls.as_ref()?;
        let text = format!("the sidecar's certificate {what} ({}): {}", condition.reason, condition.message);
        let commands = match &tls.secret_name {
            Some(name) => vec![self.kubectl(&format!("get secret {name}"))],
            None if condition.reason == conditions::CERT_MANAGER_MISSING => vec!["sei-operator check".to_owned()],
            None => vec![
                self.kubectl(&format!("get certificate {}", self.key.sidecar_certificate())),
                self.kubectl("get certificaterequests"),
            ],
        };
        let names = self.status.sidecar_tls.as_ref().filter(|_| tls.secret_name.is_some());
        let names = names.map(|tls| format!("; it must be made out to {}", tls.required_dns_names.join(", ")));
        Some(Hint::new(text + &names.unwrap_or_default(), commands))
    }

    fn import(&self) -> Option<Hint> {
        let missing = self.not(conditions::IMPORT_PVC_READY)?;
        let claim = &self.node.spec.data_volume.as_ref()?.import.as_ref()?.pvc_name;
        let text = format!("the imported claim cannot be used ({}): {}", missing.reason, missing.message);
        Some(Hint::new(text, [self.kubectl(&format!("describe pvc {claim}"))]))
    }

    /// Keys that cannot be used, unless a failed plan has told it already.
    fn keys(&self) -> Option<Hint> {
        self.unusable_key().filter(|_| self.active().is_some() || self.status.plan.is_none())
    }

    fn unusable_key(&self) -> Option<Hint> {
        let kinds = [conditions::SIGNING_KEY_READY, conditions::NODE_KEY_READY, conditions::OPERATOR_KEYRING_READY];
        let missing = kinds.into_iter().find_map(|kind| self.not(kind))?;
        if missing.reason == conditions::SIGNING_KEY_IN_USE {
            let text = format!("another node holds the consensus key: {}", missing.message);
            return Some(Hint::new(text, ["sei-operator status -A".to_owned()]));
        }
        let names = secrets_of(&self.node.spec, &self.key.name).join(" ");
        let text = format!("{} is False ({}): {}", missing.kind, missing.reason, missing.message);
        Some(Hint::new(text, [self.kubectl(&format!("get secret {names}"))]))
    }

    fn pods(&self) -> Vec<Hint> {
        let mut hints: Vec<Hint> = self.pods.iter().flat_map(|pod| self.pod(pod)).collect();
        if self.pods.is_empty() && self.status.phase() == NodePhase::Running && self.active().is_none() {
            let text = "the node is Running and has no pod";
            hints.push(Hint::new(text, [self.kubectl(&format!("describe statefulset {}", self.key.name))]));
        }
        hints
    }

    fn pod(&self, pod: &PodReport) -> Vec<Hint> {
        let describe = || self.kubectl(&format!("describe pod {}", pod.name));
        let mut hints = Vec::new();
        if let Some(why) = &pod.unscheduled {
            hints.push(Hint::new(format!("no machine takes pod {}: {why}", pod.name), [describe()]));
        }
        for container in &pod.containers {
            let logs = |more: &str| self.kubectl(&format!("logs {} -c {}{more}", pod.name, container.name));
            if let Some(reason) = container.trouble() {
                let message = container.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
                let text = format!("container {} of {} does not start ({reason}){message}", container.name, pod.name);
                let previous = (container.restarts > 0).then(|| logs(" --previous"));
                hints.push(Hint::new(text, [describe()].into_iter().chain(previous)));
            } else if container.restarts >= MANY_RESTARTS {
                let text =
                    format!("container {} of {} was restarted {} times", container.name, pod.name, container.restarts);
                hints.push(Hint::new(text, [logs(" --previous")]));
            }
        }
        hints
    }

    /// The operator opens a gate that closed by itself; a sidecar that gives no answer it can only wait for.
    fn sidecar(&self) -> Option<Hint> {
        let unready = self.not(conditions::SIDECAR_READY).filter(|_| self.active().is_none())?;
        let text = format!("the sidecar is not ready ({}): {}", unready.reason, unready.message);
        Some(Hint::new(text, [self.kubectl(&format!("logs {} -c sei-sidecar", self.key.pod()))]))
    }

    fn long_task(&self) -> Option<Hint> {
        let task = current(self.active()?)?;
        let since = task.waiting_since.or(task.submitted_at);
        if since.is_none_or(|since| self.now.seconds_since(since) < LONG_SECONDS) {
            return None;
        }
        let on = task.waiting_for.as_ref().map_or_else(|| " is under way".to_owned(), |on| format!(" waits for {on}"));
        let text = format!("{}{on}, for {} now", task.kind, age(since, self.now));
        let command = if task.status == TaskStatus::Running {
            self.kubectl(&format!("logs {} -c sei-sidecar --tail 20", self.key.pod()))
        } else {
            self.kubectl(&format!("events --for seinode/{}", self.key.name))
        };
        Some(Hint::new(text, [command]))
    }

    /// An edit that nobody acted upon yet.
    fn edit(&self) -> Option<Hint> {
        let Some(plan) = self.active() else { return self.unfollowed_image() };
        let (target, generation) = (plan.target_generation?, self.node.metadata.generation?);
        let text = format!("the spec was edited since (generation {generation}); the plan follows generation {target}");
        (target < generation).then(|| Hint::new(text, [format!("sei-operator plan {}", self.key)]))
    }

    /// An edit that nothing can be made of on a node that runs.
    fn edit_without_effect(&self) -> Option<Hint> {
        let told = held(self.status, conditions::EDIT_WITHOUT_EFFECT, ConditionStatus::True)?;
        let edit = self.kubectl(&format!("edit seinode {}", self.key.name));
        Some(Hint::new(format!("an edit has no effect ({}): {}", told.reason, told.message), [edit]))
    }

    /// The pod is good, and the operator would make another one now: nothing has to be done.
    fn outdated_template(&self) -> Option<Hint> {
        let told = held(self.status, conditions::TEMPLATE_OUTDATED, ConditionStatus::True)?;
        let (text, command) = parted(&told.message);
        Some(Hint::new(text, command.map(str::to_owned)))
    }

    /// Another image runs than the spec asks for, and no plan says so; a plan that failed has told it already.
    fn unfollowed_image(&self) -> Option<Hint> {
        let (asked, runs) = (&self.node.spec.image, self.status.current_image.as_ref()?);
        let failed = self.status.plan.as_ref().is_some_and(|plan| plan.phase == PlanPhase::Failed);
        if asked == runs || failed || self.status.phase() != NodePhase::Running {
            return None;
        }
        let text = format!("the spec asks for {asked}, and no operator has taken that up yet");
        Some(Hint::new(text, [format!("sei-operator plan {}", self.key), "sei-operator check".to_owned()]))
    }
}
