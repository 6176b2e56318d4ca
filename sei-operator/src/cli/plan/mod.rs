//! `plan`: what would happen to each node, and why: to nodes of files without a cluster, or to live ones.

mod edit;
mod facts;
mod graph;
mod live;
mod report;
mod table;
mod why;

use std::io;
use std::path::PathBuf;

use clap::ValueEnum;
use sei_planner::api::{SeiNode, Time};
use sei_planner::node::{NodePlan, plan_node};
use sei_planner::platform::Platform;
use uuid::Uuid;

use super::cluster::{self, Access, NodeName, Trouble};
use super::{Exit, platform, report as say};
use crate::input::diagnostics::Diagnostic;
use crate::input::{Document, Input};
use crate::output::{self, FORMAT_VERSION, Paint};
use facts::Facts;
pub(super) use facts::secrets_of;
use report::{Outcome, Problem, Report, Summary, Word};
pub(super) use table::cut;

/// Show what would happen to nodes, and why, with or without a cluster
///
/// For every SeiNode of a file the plan is made that the operator would store in its status, as far as the document tells: a
/// status in the document is used, and nothing else is known of the cluster. The same input gives the same output, byte
/// by byte. With NODE in the place of files the live node is planned as the operator would now: its objects and pods are
/// looked at, its sidecar is not asked. Nothing is ever changed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = long_help())]
pub(super) struct Args {
    /// Live nodes, as NAME or NAMESPACE/NAME: what the operator would do with them now
    #[arg(value_name = "NODE", conflicts_with_all = ["files", "status", "secret", "from", "to", "live"])]
    nodes: Vec<NodeName>,

    /// Manifests: files, directories (their *.yaml, *.yml and *.json), or - for stdin
    ///
    /// A file may hold many documents and lists. Empty documents are skipped, and so are, with a note, kinds that are not
    /// of the group sei.io. One bad document hides no other.
    #[arg(
        short = 'f',
        long = "filename",
        value_name = "FILE",
        required_unless_present_any = ["schema", "from", "nodes"],
        num_args = 1..
    )]
    files: Vec<PathBuf>,

    /// Settings of the platform, as KEY=VALUE lines
    ///
    /// Without it the settings come from the environment if it has any of them, else for live nodes from the operator that is
    /// installed in sei-system, else from a made-up demo platform.
    #[arg(long, value_name = "FILE")]
    platform: Option<PathBuf>,

    /// Statuses saved from a cluster, to plan from: what `kubectl get seinodes -A -o yaml` prints
    ///
    /// Matched by namespace and name. Status, uid, generation and annotations are taken from there; the generation is one
    /// more where the spec differs, because applying it would be an edit. A node that is not in there is planned as new.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    status: Vec<PathBuf>,

    /// Plan the files as an apply on the live nodes: statuses come from the cluster
    ///
    /// As --status with what the cluster has now. A node that is not there is planned as new.
    #[arg(long, requires = "files", conflicts_with = "status")]
    live: bool,

    /// Secrets that exist in the cluster, for TLS and keys: manifests, files or directories
    ///
    /// Contents are checked and never shown.
    #[arg(long, value_name = "FILE")]
    secret: Vec<PathBuf>,

    /// What runs now, to see what an edit does: manifests that are applied and settled
    ///
    /// A status in them is used; without one the node is taken to have come up as its spec says.
    #[arg(long, value_name = "OLD", requires = "to", conflicts_with_all = ["files", "status", "secret"])]
    from: Option<PathBuf>,

    /// The edited manifests, matched with those of --from by namespace and name
    #[arg(long, value_name = "NEW", requires = "from")]
    to: Option<PathBuf>,

    /// How to print the plans
    #[arg(short = 'o', long, value_enum, default_value_t = Format::Table)]
    output: Format,

    /// Exit with 2 instead of 0 when anything would change
    #[arg(long)]
    detailed_exitcode: bool,

    /// Print the JSON Schema of -o json, and do nothing else
    #[arg(long)]
    schema: bool,

    #[command(flatten)]
    access: Access,
}

/// How to print plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// For programs; the format is stable, --schema prints its JSON Schema
    Json,
    /// The same as YAML
    Yaml,
    /// A flowchart for Markdown: put it into a code block marked `mermaid`
    Mermaid,
    /// A graph for Graphviz
    Dot,
}

const EXAMPLES: &str = "\
Examples:
  sei-operator plan -f node.yaml                              One file
  sei-operator plan -f nodes/ --platform prod.env -o json     A directory, as JSON
  kubectl get seinodes -A -o yaml | sei-operator plan -f -    What the operator would do next
  sei-operator plan -f nodes/ --status saved.yaml             What it would do after applying nodes/
  sei-operator plan -f nodes/ --detailed-exitcode             For CI
  sei-operator plan --from main/nodes/ --to nodes/            What an edit does to nodes that run
  sei-operator plan sei/rpc-0                                 What the operator would do with a live node now
  sei-operator plan -f nodes/ --live                          What applying nodes/ would do to the live nodes
  sei-operator plan -f node.yaml -o dot | dot -Tsvg > plan.svg
  sei-operator plan --schema > plan.schema.json

In a table, + is a task, ~ one that restarts the pod; of a plan that is under way ✓ is done, … runs, and ✗ failed.

Exit codes:
  0  everything was planned (with --detailed-exitcode: and nothing would change)
  1  a document cannot be read or is refused; all others are planned and printed all the same
  2  with --detailed-exitcode: something would change";

fn long_help() -> String {
    format!("{EXAMPLES}\n\n{}", platform::help())
}

/// The time at which plans are made: before every time in a status, so that nothing in it counts as elapsed and the
/// output depends on the input alone.
fn now() -> Time {
    Time::at(jiff::Timestamp::UNIX_EPOCH)
}

/// Namespace of the ids of plans that are made without a cluster.
const PLAN_NAMESPACE: Uuid = Uuid::from_u128(0x5e1f_09e7_a7c4_4b7e_9d3a_6f1b_0c82_d4e5);

/// The id of a plan for this document: a UUID v5 over `namespace/name/generation/spec`, with the spec as compact JSON. In
/// a cluster plans have random ids instead.
fn plan_id(node: &SeiNode) -> io::Result<String> {
    let metadata = &node.metadata;
    let name = format!(
        "{}/{}/{}/{}",
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default(),
        metadata.generation.unwrap_or_default(),
        serde_json::to_string(&node.spec)?,
    );
    Ok(Uuid::new_v5(&PLAN_NAMESPACE, name.as_bytes()).to_string())
}

/// Runs the command.
///
/// # Errors
/// When the output cannot be written.
pub(super) fn run(args: &Args) -> io::Result<Exit> {
    if args.schema {
        output::data(&output::json(&report::schema())?)?;
        return Ok(Exit::Done);
    }
    let asks = args.live || !args.nodes.is_empty();
    if args.access.is_given() && !asks {
        let what = "the flags of the cluster have no effect on files alone";
        Trouble::new(what).help("name a NODE, or add --live to plan the files on the live nodes").say();
        return Ok(Exit::Error);
    }
    if !args.nodes.is_empty() {
        return cluster::run(live_nodes(args));
    }
    if args.live {
        return cluster::run(live_files(args));
    }
    let Some(platform) = platform::load(args.platform.as_deref()) else { return Ok(Exit::Error) };
    if let (Some(from), Some(to)) = (&args.from, &args.to) {
        let report = edit::report(from, to, &platform)?;
        output::data(&printed(&report, args.output)?)?;
        return Ok(exit(&report, args.detailed_exitcode));
    }
    let input = Input::read(&args.files);
    planned_files(args, &platform, input, Facts::read(&args.status, &args.secret), None)
}

/// Plans the documents of files; `now` is the epoch where nothing of the cluster is known.
fn planned_files(
    args: &Args,
    platform: &Platform,
    mut input: Input,
    mut facts: Facts,
    now: Option<Time>,
) -> io::Result<Exit> {
    let mut plans = Plans { now, ..Plans::default() };
    for document in &input.documents {
        plans.add(document, &mut facts, platform)?;
    }
    input.remarks.append(&mut plans.warnings);
    say(&input, &plans.problems);
    facts.say_what_is_left();
    let report = plans.report();
    output::data(&printed(&report, args.output)?)?;
    Ok(if facts.failed { Exit::Error } else { exit(&report, args.detailed_exitcode) })
}

/// What an apply of the files would do to the live nodes.
async fn live_files(args: &Args) -> Result<Exit, Trouble> {
    if args.access.namespace.is_some() {
        return Err(Trouble::new(
            "--namespace has no effect on files: a manifest without one is of the namespace default",
        )
        .help("write metadata.namespace into the manifests"));
    }
    let cluster = args.access.connect().await?;
    let Some(platform) = platform::of_cluster(&cluster, args.platform.as_deref()).await else { return Ok(Exit::Error) };
    let input = Input::read(&args.files);
    let saved = live::saved(&cluster, &input.documents).await?;
    let facts = Facts::of(saved, &args.secret);
    Ok(planned_files(args, &platform, input, facts, Some(cluster::now()))?)
}

/// What the operator would do with live nodes now.
async fn live_nodes(args: &Args) -> Result<Exit, Trouble> {
    let cluster = args.access.connect().await?;
    let Some(platform) = platform::of_cluster(&cluster, args.platform.as_deref()).await else { return Ok(Exit::Error) };
    let mut plans = Plans::default();
    for name in &args.nodes {
        live::add(&mut plans, &cluster, &cluster.key(name, &args.access)?, &platform).await?;
    }
    let report = plans.report();
    output::data(&printed(&report, args.output)?)?;
    Ok(exit(&report, args.detailed_exitcode))
}

fn printed(report: &Report, format: Format) -> io::Result<String> {
    Ok(match format {
        Format::Table => table::plans(report, Paint::stdout()),
        Format::Json => output::json(report)?,
        Format::Yaml => output::yaml([report])?,
        Format::Mermaid => graph::mermaid(report),
        Format::Dot => graph::dot(report),
    })
}

fn exit(report: &Report, detailed: bool) -> Exit {
    if report.results.iter().any(|result| !result.problems.is_empty()) {
        Exit::Error
    } else if detailed && report.results.iter().any(|result| result.plan.is_some() || result.outcome == Word::Removed) {
        Exit::Changes
    } else {
        Exit::Done
    }
}

/// Plans as they are made, one document after the other.
#[derive(Debug, Default)]
struct Plans {
    results: Vec<Outcome>,
    summary: Summary,
    problems: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
    /// When plans are made, where that is not [`now`].
    now: Option<Time>,
}

impl Plans {
    fn add(&mut self, document: &Document, facts: &mut Facts, platform: &Platform) -> io::Result<()> {
        let mut result = Outcome::of(document);
        let mut problems = document.problems.clone();
        match document.node.as_ref().map(|node| facts.situated(node)) {
            None => {}
            // Its problems were told when the facts were read.
            Some(Err(unknown)) => result.problems.extend(unknown.iter().map(Problem::of)),
            Some(Ok(node)) => {
                let (seen, warnings) = facts.observed(document, &node, platform);
                self.warnings.extend(warnings);
                let at = self.now.unwrap_or_else(now);
                let planned = plan_node(&node, platform, &seen, at, &plan_id(&node)?);
                let rules = facts.verdict(document, &node)?;
                problems.extend(document.judged(&planned.problems, &rules));
                if rules.is_empty() {
                    self.planned(&mut result, &node, planned);
                }
            }
        }
        self.close(result, problems);
        Ok(())
    }

    /// Counts a plan, and fills in its result.
    fn planned(&mut self, result: &mut Outcome, node: &SeiNode, planned: NodePlan) {
        self.summary.add(&planned);
        result.outcome = planned.outcome.into();
        result.changes = why::changes(node, planned.plan.as_ref());
        result.plan = planned.plan;
        result.why = planned.why;
    }

    /// Ends a result with what there is to say against it.
    fn close(&mut self, mut result: Outcome, problems: Vec<Diagnostic>) {
        result.problems.extend(problems.iter().map(Problem::of));
        self.results.push(result);
        self.problems.extend(problems);
    }

    fn report(self) -> Report {
        Report { format_version: FORMAT_VERSION, results: self.results, summary: self.summary }
    }
}
