//! `plan`: what would happen to each node, and why. Needs no cluster.

use std::io;

use clap::ValueEnum;
use sei_planner::api::{SeiNode, TaskPlan, Time};
use sei_planner::node::{Observed, PlanOutcome, plan_node};
use sei_planner::platform::Platform;
use serde::Serialize;
use uuid::Uuid;

use super::{Exit, Given, platform, report, table};
use crate::input::diagnostics::Diagnostic;
use crate::input::{Document, Input};
use crate::output::{self, FORMAT_VERSION, Paint};

/// Show what would happen to nodes, and why, without a cluster
///
/// For every SeiNode the plan is made that the operator would store in its status, as far as the document tells: a
/// status in the document is used, and nothing else is known of the cluster. The same input gives the same output, byte
/// by byte.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = long_help())]
pub(super) struct Args {
    #[command(flatten)]
    given: Given,

    /// How to print the plans
    #[arg(short = 'o', long, value_enum, default_value_t = Format::Table)]
    output: Format,

    /// Exit with 2 instead of 0 when anything would change
    #[arg(long)]
    detailed_exitcode: bool,
}

/// How to print plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// For programs; the format is stable
    Json,
}

const EXAMPLES: &str = "\
Examples:
  sei-operator plan -f node.yaml                              One file
  sei-operator plan -f nodes/ --platform prod.env -o json     A directory, as JSON
  kubectl get seinodes -A -o yaml | sei-operator plan -f -    What the operator would do next
  sei-operator plan -f nodes/ --detailed-exitcode             For CI

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

/// `plan -o json`: stable, see the README.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    format_version: &'static str,
    pub(super) results: Vec<Outcome>,
    pub(super) summary: Summary,
}

/// What would happen to one document.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    pub(super) kind: String,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) outcome: &'static str,
    pub(super) plan: Option<TaskPlan>,
    pub(super) why: Vec<String>,
    pub(super) problems: Vec<Problem>,
}

/// One thing that is wrong with a document.
#[derive(Debug, Serialize)]
pub(super) struct Problem {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) field: String,
    pub(super) file: String,
    /// 0 where the problem is with the file as a whole.
    pub(super) line: usize,
    /// What people read: field and message in a sentence, and the place.
    #[serde(skip)]
    pub(super) sentence: String,
    #[serde(skip)]
    pub(super) place: String,
}

/// Totals over all documents.
#[derive(Debug, Default, Serialize)]
pub(super) struct Summary {
    /// Tasks of all plans.
    pub(super) tasks: usize,
    /// Tasks that restart a pod.
    pub(super) disruptive: u32,
    /// Tasks that destroy data.
    pub(super) destructive: u32,
}

/// Runs the command.
///
/// # Errors
/// When the output cannot be written.
pub(super) fn run(args: &Args) -> io::Result<Exit> {
    let Some(platform) = platform::load(args.given.platform.as_deref()) else { return Ok(Exit::Error) };
    let input = Input::read(&args.given.files);
    let mut summary = Summary::default();
    let mut results = Vec::new();
    let mut problems = Vec::new();
    for document in &input.documents {
        let (outcome, diagnostics) = outcome(document, &platform, &mut summary)?;
        results.push(outcome);
        problems.extend(diagnostics);
    }
    report(&input, &problems);
    let plans = Report { format_version: FORMAT_VERSION, results, summary };
    output::data(&match args.output {
        Format::Table => table::plans(&plans, Paint::stdout()),
        Format::Json => output::json(&plans)?,
    })?;
    Ok(exit(&plans, args.detailed_exitcode))
}

fn exit(plans: &Report, detailed: bool) -> Exit {
    if plans.results.iter().any(|result| !result.problems.is_empty()) {
        Exit::Error
    } else if detailed && plans.results.iter().any(|result| result.plan.is_some()) {
        Exit::Changes
    } else {
        Exit::Done
    }
}

fn outcome(document: &Document, platform: &Platform, summary: &mut Summary) -> io::Result<(Outcome, Vec<Diagnostic>)> {
    let mut diagnostics = document.problems.clone();
    let mut result = Outcome {
        kind: document.kind.clone(),
        namespace: document.namespace.clone(),
        name: document.name.clone(),
        outcome: word(PlanOutcome::Refused),
        plan: None,
        why: Vec::new(),
        problems: Vec::new(),
    };
    if let Some(node) = &document.node {
        let planned = plan_node(node, platform, &Observed::default(), now(), &plan_id(node)?);
        diagnostics.extend(planned.problems.iter().map(|p| document.problem(p.code, &p.field, &p.message)));
        summary.tasks += planned.plan.as_ref().map_or(0, |plan| plan.tasks.len());
        summary.disruptive += planned.disruptive;
        summary.destructive += planned.destructive;
        result.outcome = word(planned.outcome);
        result.plan = planned.plan;
        result.why = planned.why;
    }
    result.problems = diagnostics.iter().map(Problem::of).collect();
    Ok((result, diagnostics))
}

fn word(outcome: PlanOutcome) -> &'static str {
    match outcome {
        PlanOutcome::Plan => "plan",
        PlanOutcome::None => "none",
        PlanOutcome::Waiting => "waiting",
        PlanOutcome::Refused => "refused",
    }
}

impl Problem {
    fn of(diagnostic: &Diagnostic) -> Self {
        Self {
            code: diagnostic.code,
            message: diagnostic.message.clone(),
            field: diagnostic.field.clone(),
            file: diagnostic.file.clone(),
            line: diagnostic.at.line,
            sentence: diagnostic.sentence(),
            place: diagnostic.place(),
        }
    }
}
