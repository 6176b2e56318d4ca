//! `simulate`: nodes live in a simulated world, told as a timeline of virtual time. Needs no cluster.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use clap::ValueEnum;
use sei_planner::api::{ConditionStatus, NodePhase, PlanPhase, SeiNode, SeiNodeStatus, TaskStatus, conditions};
use sei_planner::names::NodeKey;
use sei_tasks::sim::{Driver, Moment, NotConverged, Options, SeiOperator, Sim, What};

use super::{Exit, Given, platform, report};
use crate::input::diagnostics::Severity;
use crate::input::secrets::Secrets;
use crate::input::sources::Sources;
use crate::input::{Document, Input};
use crate::output::{self, Paint};

/// Virtual hours after which a node that is not there never will be.
const LIMIT_HOURS: i64 = 48;

/// Let nodes live in a simulated world, and watch what the operator does
///
/// The very code that runs in a cluster acts on an API server, kubelets and sidecars in memory. Time is virtual: hours
/// of a snapshot restore pass in no time. Each line tells when, in hours:minutes:seconds since the start, which node,
/// and what. A status in a document is not used: every node starts new.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = long_help())]
pub(super) struct Args {
    #[command(flatten)]
    given: Given,

    /// Secrets of the simulated cluster, as v1/Secret manifests: keys, keyrings, certificates; nothing of them is ever told
    #[arg(long = "secret", value_name = "FILE", num_args = 1..)]
    secrets: Vec<PathBuf>,

    /// When to stop: every node Running, or also nothing left to do
    #[arg(long, value_enum, ignore_case = true, default_value_t = Until::Running)]
    until: Until,

    /// Numbers other uids and plan ids; the same seed gives the same run
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u32,
}

/// When a simulation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Until {
    /// Every node is Running
    #[value(name = "Running")]
    Running,
    /// Every node is Running, and neither the operator nor the world has anything left to do
    #[value(name = "Idle")]
    Idle,
}

const EXAMPLES: &str = "\
Examples:
  sei-operator simulate -f node.yaml
  sei-operator simulate -f nodes/ --until Idle --platform prod.env
  sei-operator simulate -f validator.yaml --secret test-keys/

Exit codes:
  0  every node came up
  1  a document cannot be read or is refused, or a node did not come up: the last lines say why";

fn long_help() -> String {
    format!("{EXAMPLES}\n\n{}", platform::help())
}

/// Runs the command.
pub(super) fn run(args: &Args) -> io::Result<Exit> {
    let Some(platform) = platform::load(args.given.platform.as_deref()) else { return Ok(Exit::Error) };
    let input = Input::read(&args.given.files);
    let refused = |document: &Document| [document.problems.as_slice(), &document.rules].concat();
    let problems: Vec<_> = input.documents.iter().flat_map(refused).collect();
    report(&input, &problems);

    let sim = Sim::new(Options { seed: args.seed, ..Options::default() }.realistic());
    let provided = provide(&sim, &args.secrets);
    let accepted = input.documents.iter().filter(|document| document.rules.is_empty());
    let nodes: Vec<&SeiNode> = accepted.filter_map(|document| document.node.as_deref()).collect();
    let mut admitted = BTreeSet::new();
    for node in &nodes {
        match admit(&sim, node) {
            Ok(key) => {
                admitted.insert(key);
            }
            Err(error) => output::chatter(&format!("{}: {error}\n", Paint::stderr().red("error"))),
        }
    }
    let everybody = provided && problems.is_empty() && admitted.len() == nodes.len() && !nodes.is_empty();
    let came_up = admitted.is_empty() || live(&sim, platform, args.until, &admitted)?;
    Ok(if everybody && came_up { Exit::Done } else { Exit::Error })
}

/// Puts the Secrets of files into the world; whether all of them could be used. No line of these files is ever shown.
fn provide(sim: &Sim, files: &[PathBuf]) -> bool {
    let secrets = Secrets::read(files);
    for diagnostic in &secrets.diagnostics {
        output::chatter(&format!("{}\n", diagnostic.render(&Sources::default(), Paint::stderr())));
    }
    let readable = secrets.diagnostics.iter().all(|diagnostic| diagnostic.severity != Severity::Error);
    let applied = |secret| serde_json::to_value(secret).is_ok_and(|secret| sim.user_apply(secret).is_ok());
    secrets.all().all(applied) && readable
}

/// Applies a node as a user would: without its status.
fn admit(sim: &Sim, node: &SeiNode) -> Result<NodeKey, String> {
    let metadata = &node.metadata;
    let key = NodeKey::new(metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default());
    if node.status.is_some() {
        let note = Paint::stderr().blue("note");
        output::chatter(&format!("{note}: {key} starts new: the status in its document is not used\n"));
    }
    let manifest = SeiNode { status: None, ..node.clone() };
    let manifest = serde_json::to_value(&manifest).map_err(|error| format!("{key}: {error}"))?;
    sim.user_apply(manifest).map_err(|error| format!("{key}: {error}"))?;
    Ok(key)
}

/// Runs the world and tells what happens; whether every node came up.
fn live(
    sim: &Sim,
    platform: sei_planner::platform::Platform,
    until: Until,
    nodes: &BTreeSet<NodeKey>,
) -> io::Result<bool> {
    let mut driver = sim.drive(SeiOperator { platform });
    let mut teller = Teller { told: 0, paint: Paint::stdout(), several: nodes.len() > 1 };
    let limit = LIMIT_HOURS * 3600;
    let mut written = Ok(());
    let reached = |sim: &Sim| nodes.iter().all(|key| settled(&status_of(sim, key)));
    let mut ended = driver.run_until(
        |sim| {
            written = teller.tell(sim);
            written.is_err() || reached(sim)
        },
        limit,
    );
    written?;
    if until == Until::Idle && ended.is_ok() {
        ended = driver.run_until_idle(limit);
        teller.tell(sim)?;
    }
    conclude(&driver, nodes, ended.err().as_ref())
}

/// A closing line a node, and whether all of them run.
fn conclude(driver: &Driver<SeiOperator>, nodes: &BTreeSet<NodeKey>, ended: Option<&NotConverged>) -> io::Result<bool> {
    let (paint, sim) = (Paint::stdout(), driver.sim());
    let mut all_run = ended.is_none();
    for key in nodes {
        let status = status_of(sim, key);
        let runs = status.phase() == NodePhase::Running;
        all_run &= runs;
        let verdict = if runs { paint.green("Running") } else { paint.red(status.phase().as_str()) };
        let why = if runs { String::new() } else { format!(": {}", hindrance(&status)) };
        output::data(&format!("\n{key} is {verdict}{why}\n"))?;
    }
    let counters = sim.counters();
    output::data(&format!(
        "{} of virtual time, {} writes to the API server, {} calls to sidecars\n",
        clock(sim.elapsed_seconds()),
        counters.writes(),
        counters.sidecar(),
    ))?;
    if let Some(ended) = ended {
        output::chatter(&format!("{}: {}\n", Paint::stderr().red("error"), ended.why));
    }
    Ok(all_run)
}

/// Up, or in a place where only a change of the spec helps.
fn settled(status: &SeiNodeStatus) -> bool {
    status.phase() == NodePhase::Running || refused(status).is_some()
}

fn refused(status: &SeiNodeStatus) -> Option<&str> {
    let verdict = status.condition(conditions::SPEC_ACCEPTED)?;
    (verdict.status == ConditionStatus::False).then_some(verdict.message.as_str())
}

/// What keeps a node from running: the refusal, the failure, or the task that waits and since when.
fn hindrance(status: &SeiNodeStatus) -> String {
    if let Some(refusal) = refused(status) {
        return format!("the spec is refused: {refusal}");
    }
    let Some(plan) = &status.plan else { return "it has no plan".to_owned() };
    if let Some(detail) = plan.failed_task_detail.as_ref().filter(|_| plan.phase == PlanPhase::Failed) {
        return format!("task {} failed: {}", detail.kind, detail.error);
    }
    let Some(task) = plan.tasks.iter().find(|task| task.status != TaskStatus::Complete) else {
        return "its plan is complete".to_owned();
    };
    let waits = task.waiting_for.as_ref().map(|on| format!(" waits for {on}")).unwrap_or_default();
    let since = task.waiting_since.map(|since| format!(" since {since}")).unwrap_or_default();
    let error = if task.error.is_empty() { String::new() } else { format!("; last error: {}", task.error) };
    format!("task {}{waits}{since}{error}", task.kind)
}

fn status_of(sim: &Sim, key: &NodeKey) -> SeiNodeStatus {
    sim.sei_node(key).and_then(|node| node.status).unwrap_or_default()
}

/// Tells the timeline, each line once.
struct Teller {
    told: usize,
    paint: Paint,
    several: bool,
}

impl Teller {
    fn tell(&mut self, sim: &Sim) -> io::Result<()> {
        let news = sim.timeline_since(self.told);
        let start = sim.began_at();
        for moment in &news {
            output::data(&self.line(moment, moment.at.seconds_since(start)))?;
        }
        self.told += news.len();
        Ok(())
    }

    fn line(&self, moment: &Moment, seconds: i64) -> String {
        let node = moment.node.as_ref().filter(|_| self.several).map(|key| format!("{key}  ")).unwrap_or_default();
        let text = moment.what.to_string();
        let text = match &moment.what {
            What::Phase { to: Some(NodePhase::Running), .. } => self.paint.green(&text),
            What::Phase { .. } | What::Plan { .. } => self.paint.bold(&text),
            What::Event { warning: true, .. } => self.paint.yellow(&text),
            What::Event { .. }
            | What::Task { .. }
            | What::Pod { .. }
            | What::Seid { .. }
            | What::Gone
            | What::User { .. }
            | What::Operator { .. } => text,
        };
        format!("{}  {node}{text}\n", clock(seconds))
    }
}

/// `hh:mm:ss`.
fn clock(seconds: i64) -> String {
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
