//! The command line: one module per command, and what they share (files, platform, exit codes).
//!
//! To add a command, add a variant to [`Command`] and an arm to [`dispatch`].

mod acknowledge;
mod age;
mod annotate;
mod check;
mod cluster;
mod completions;
mod crds;
mod diff;
mod explain;
mod lint;
mod man;
mod manifests;
mod part;
mod pause;
mod plan;
mod platform;
mod program;
mod question;
mod reference;
mod render;
mod retry;
mod run;
mod simulate;
mod standing;
mod status;
mod wait;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use serde_json::{Value, json};

use self::program::PROGRAM;
use crate::input::Input;
use crate::input::diagnostics::{Diagnostic, Severity};
use crate::output::{self, Paint};
use crate::run::RunArgs;

/// Runs Sei blockchain nodes on Kubernetes.
///
/// Nodes are described by objects of the kind SeiNode. Without a cluster this program shows what would be done for them;
/// inside one it does it, and tells from outside how they are.
#[derive(Debug, Parser)]
#[command(name = PROGRAM, version, propagate_version = true, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  sei-operator plan -f nodes/                   What would happen, and why
  sei-operator plan --from main/ --to nodes/    What an edit does to nodes that run
  sei-operator lint -f nodes/                   Fields without effect, and traps
  sei-operator render -f node.yaml              The Kubernetes objects of a node
  sei-operator simulate -f node.yaml            Watch it come up, without a cluster
  sei-operator check                            Has the cluster all that is needed, and does it work?
  sei-operator status -A                        How live nodes are; with a name, and what to do next
  sei-operator diff sei/rpc-0                   What an apply would change in its objects
  sei-operator wait sei/rpc-0 --for=phase=Running
  sei-operator crds | kubectl apply --server-side -f -
  sei-operator manifests --image IMAGE --platform prod.env | kubectl apply --server-side -f -
  sei-operator run --platform prod.env          The operator itself, in a cluster
  sei-operator explain SEI0010                  What a word of this program means
  sei-operator man plan | man -l -              The manual of a command

Data goes to stdout, everything else to stderr. Set NO_COLOR to switch colours off.";

/// What to do.
#[derive(Debug, Subcommand)]
enum Command {
    Plan(Box<plan::Args>),
    Lint(lint::Args),
    Status(status::Args),
    Wait(wait::Args),
    Retry(retry::Args),
    Acknowledge(acknowledge::Args),
    Pause(pause::PauseArgs),
    Resume(pause::ResumeArgs),
    Check(check::Args),
    Diff(diff::Args),
    Render(render::Args),
    Simulate(simulate::Args),
    Crds(crds::Args),
    Manifests(manifests::Args),
    #[command(hide = true)]
    Part(part::Args),
    Run(Box<RunArgs>),
    Explain(explain::Args),
    Completions(completions::Args),
    Man(man::Args),
}

fn dispatch(command: Command) -> io::Result<Exit> {
    match command {
        Command::Plan(args) => plan::run(&args),
        Command::Lint(args) => lint::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Wait(args) => wait::run(&args),
        Command::Retry(args) => retry::run(&args),
        Command::Acknowledge(args) => acknowledge::run(&args),
        Command::Pause(args) => pause::pause(&args),
        Command::Resume(args) => pause::resume(&args),
        Command::Check(args) => check::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Render(args) => render::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Crds(args) => crds::run(&args),
        Command::Manifests(args) => manifests::run(args),
        Command::Part(args) => part::run(&args),
        Command::Run(args) => run::run(*args),
        Command::Explain(args) => explain::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }
}

/// Runs the program.
pub fn main() -> ExitCode {
    // A mistake on the command line exits with 1, as every other error; 2 means "changes" to those who ask for it.
    let cli = match parsed() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Error.into() } else { Exit::Done.into() };
        }
    };
    let exit = dispatch(cli.command).unwrap_or_else(|error| {
        output::chatter(&format!("{}: {error}\n", Paint::stderr().red("error")));
        Exit::Error
    });
    exit.into()
}

/// The command line. A plugin of kubectl speaks of itself as people call it.
fn parsed() -> Result<Cli, clap::Error> {
    let command = if program::is_plugin() { program::as_plugin(Cli::command()) } else { Cli::command() };
    command.try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches))
}

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// All is well.
    Done,
    /// Something cannot be planned, read or written.
    Error,
    /// There are changes, and `--detailed-exitcode` asked for them.
    Changes,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Error => Self::from(1),
            Exit::Changes => Self::from(2),
        }
    }
}

/// Where the nodes and the settings of their platform come from.
#[derive(Debug, clap::Args)]
struct Given {
    /// Manifests: files, directories (their *.yaml, *.yml and *.json), or - for stdin
    ///
    /// A file may hold many documents and lists. Empty documents are skipped, and so are, with a note, kinds that are not
    /// of the group sei.io. One bad document hides no other.
    #[arg(short = 'f', long = "filename", value_name = "FILE", required = true, num_args = 1..)]
    files: Vec<PathBuf>,

    /// Settings of the platform, as KEY=VALUE lines
    ///
    /// Without it the settings come from the environment if it has any of them, else from a made-up demo platform.
    #[arg(long, value_name = "FILE")]
    platform: Option<PathBuf>,
}

/// A machine-readable form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Structured {
    /// YAML documents
    Yaml,
    /// One JSON document
    Json,
}

impl Structured {
    /// Objects for `kubectl apply`: YAML documents, or the items of one List.
    ///
    /// # Errors
    /// None for JSON values; the signature is that of the serializers.
    fn objects(self, objects: &[Value]) -> io::Result<String> {
        match self {
            Self::Yaml => output::yaml(objects),
            Self::Json => Ok(output::json(&json!({ "apiVersion": "v1", "kind": "List", "items": objects }))?),
        }
    }
}

/// Says everything there is to say about an input on stderr: warnings and notes, then problems, then where to read on.
fn report(input: &Input, problems: &[Diagnostic]) {
    let paint = Paint::stderr();
    for diagnostic in input.remarks.iter().chain(problems) {
        output::chatter(&format!("{}\n", diagnostic.render(&input.sources, paint)));
    }
    let warnings = input.remarks.iter().filter(|remark| remark.severity == Severity::Warning);
    if let Some(first) = problems.iter().chain(warnings).next() {
        output::chatter(&format!("For more on a code, try `sei-operator explain {}`.\n", first.code));
    }
    if input.documents.is_empty() {
        output::chatter(&format!("{}: no SeiNode in these files\n", paint.blue("note")));
    }
}
