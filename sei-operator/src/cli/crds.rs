//! `crds`: the CustomResourceDefinitions that a cluster needs.

use std::io;

use sei_planner::api::crd;

use super::{Exit, Structured};
use crate::output;

/// Print the CustomResourceDefinitions that a cluster needs
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// How to print them
    #[arg(short = 'o', long, value_enum, default_value_t = Structured::Yaml)]
    output: Structured,

    /// Print the schema of SeiNode alone, as editors take it
    #[arg(long)]
    schema: bool,
}

const EXAMPLES: &str = "\
Examples:
  sei-operator crds | kubectl apply --server-side -f -     Install, or bring up to date
  sei-operator crds | kubectl diff --server-side -f -      What that would change
  sei-operator crds --schema > seinode.schema.json         For yaml-language-server: `# yaml-language-server: $schema=…`

With -o json the definitions are the items of one List.";

/// Runs the command.
///
/// # Errors
/// When the output cannot be written.
pub(super) fn run(args: &Args) -> io::Result<Exit> {
    output::data(&match args.schema {
        true => output::json(&crd::schema()?)?,
        false => args.output.objects(&[crd::manifest(&crd::seinode())?])?,
    })?;
    Ok(Exit::Done)
}
