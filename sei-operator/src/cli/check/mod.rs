//! `check`: whether a cluster has what the operator needs, and whether it works there. [`finding`] says what was found,
//! [`asks`] asks about the cluster, [`settings`] about the platform, and [`fleet`] about the operator and its nodes.

mod asks;
mod finding;
mod fleet;
mod settings;

use std::io;
use std::path::PathBuf;

use clap::ValueEnum;

use super::Exit;
use super::cluster::{self, Access, OPERATOR_NAMESPACE, Trouble};
use crate::output::{self, Paint};
use finding::{Finding, Report};

/// Check whether a cluster has what the operator needs, and whether it works
///
/// Versions, definitions, permissions, settings and what they name; then the operator itself and every node. Permissions are
/// checked for the user of this command: with --as system:serviceaccount:sei-system:sei-operator they are those of an operator
/// that is installed. With --namespace permissions and nodes are those of that namespace only, for an operator that watches
/// one. Nothing is changed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Before the operator is installed: nothing is asked about the operator and its nodes
    #[arg(long)]
    pre: bool,

    /// Settings of the platform, as KEY=VALUE lines
    ///
    /// Without it those of the environment (SEI_*), else those of the operator that is installed.
    #[arg(long, visible_alias = "platform", value_name = "FILE")]
    settings: Option<PathBuf>,

    /// Namespace of the operator
    #[arg(long, value_name = "NAME", default_value = OPERATOR_NAMESPACE)]
    operator_namespace: String,

    /// How to print it
    #[arg(short = 'o', long, value_enum, default_value_t = Format::Text)]
    output: Format,

    /// Print the JSON Schema of -o json, and do nothing else
    #[arg(long)]
    schema: bool,

    #[command(flatten)]
    access: Access,
}

/// How to print what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs; the format is stable, --schema prints its JSON Schema
    Json,
}

const EXAMPLES: &str = "\
Examples:
  sei-operator check --pre --settings prod.env      Before the installation
  sei-operator check                                After it, and whenever something is odd
  sei-operator check --as system:serviceaccount:sei-system:sei-operator
  sei-operator check -o json | jq -r '.checks[] | select(.verdict == \"failed\") | .what'

√ is well, ‼ is worth a look, × does not work.

Exit codes:
  0  nothing failed; there may be warnings
  1  a check failed, or the cluster cannot be asked";

/// Runs the command.
///
/// # Errors
/// When the output cannot be written.
pub(super) fn run(args: &Args) -> io::Result<Exit> {
    if args.schema {
        output::data(&output::json(&finding::schema())?)?;
        return Ok(Exit::Done);
    }
    cluster::run(check(args))
}

async fn check(args: &Args) -> Result<Exit, Trouble> {
    let cluster = args.access.connect().await?;
    let mut found: Vec<Finding> = Vec::new();
    // Without an answer there is nothing else to say.
    found.extend(asks::api_server(&cluster).await?);
    found.push(asks::definitions(&cluster, args.pre).await);
    found.extend(asks::permissions(&cluster, args.access.namespace.as_deref(), &args.operator_namespace).await);
    found.extend(settings::check(&cluster, args.settings.as_deref(), &args.operator_namespace, args.pre).await);
    found.extend(asks::extensions(&cluster).await);
    if !args.pre {
        found.push(fleet::leader(&cluster, &args.operator_namespace).await);
        found.extend(fleet::nodes(&cluster, args.access.namespace.as_deref()).await);
    }
    let report = Report::of(found);
    output::data(&match args.output {
        Format::Text => finding::text(&report, Paint::stdout()),
        Format::Json => output::json(&report)?,
    })?;
    Ok(if report.passed { Exit::Done } else { Exit::Error })
}
