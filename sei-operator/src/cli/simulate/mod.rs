//! `simulate`: nodes live in a simulated world, told as a timeline of virtual time. Needs no cluster.
//!
//! [`stage`] prepares the world, [`schedule`] and [`acts`] are what users do in it, [`course`] lets it run at the [`pace`]
//! that was asked for, [`standing`](super::standing) judges nodes, and [`tell`] and [`trace`] tell people and programs.

mod acts;
mod course;
mod pace;
pub(super) mod schedule;
mod stage;
mod tell;
mod trace;

use std::io;
use std::path::PathBuf;

use clap::ValueEnum;
use sei_planner::platform::Platform;
use sei_tasks::sim::{Options, SeiOperator};

use super::program::PROGRAM;
use super::{Exit, Given, platform};
use crate::output::{self, Paint};
use acts::Act;
use course::{Audience, Course};
use pace::{Speed, WallClock};
use schedule::{Delete, Edit};
use stage::Stage;
use tell::{Teller, clock};
use trace::{Choices, Tracer};

/// Let nodes live in a simulated world, and watch what the operator does
///
/// The very code that runs in a cluster acts on an API server, kubelets and sidecars in memory. Time is virtual: hours
/// of a snapshot restore pass in no time. Each line tells when, in hours:minutes:seconds since the start, which node,
/// and what. On a terminal the last line tells where every node stands. A status in a document is not used: every node
/// starts new. Claims that a node imports are provided.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = long_help())]
pub(super) struct Args {
    #[command(flatten)]
    given: Given,

    /// Secrets of the simulated cluster, as v1/Secret manifests: keys, keyrings, certificates; nothing of them is ever told
    #[arg(long = "secret", value_name = "FILE", num_args = 1..)]
    secrets: Vec<PathBuf>,

    /// Apply an edited manifest at a virtual time, as `kubectl apply` would; may be repeated
    ///
    /// TIME is the time after the start: 30s, 5m, 1h30m. Every SeiNode of the file must be there at that time, and its spec
    /// is replaced by that of the file. What the API server would refuse is told with its place, and the exit code is 1. In
    /// FILE@TIME the last @ counts.
    #[arg(long = "edit", value_name = "FILE@TIME", value_parser = schedule::edit)]
    edits: Vec<Edit>,

    /// Delete an object at a virtual time, as a user would; may be repeated
    ///
    /// KIND is one of pod, statefulset (sts), service (svc), persistentvolumeclaim (pvc), configmap (cm), job, secret, lease
    /// and seinode. KIND/NAMESPACE/NAME names a namespace; without one it is that of the nodes. An object that is not there
    /// at that time is an error.
    #[arg(long = "delete", value_name = "KIND/NAME@TIME", value_parser = schedule::delete)]
    deletes: Vec<Delete>,

    /// When to stop: every node Running, or also nothing left to do
    ///
    /// With --edit and --delete it goes on until all of them took place and nothing is left to do.
    #[arg(long, value_enum, ignore_case = true, default_value_t = Until::Running)]
    until: Until,

    /// Virtual time after which a node that is not there never will be
    #[arg(long, value_name = "TIME", default_value = "48h", value_parser = schedule::seconds)]
    limit: i64,

    /// Virtual seconds per real second, or max
    #[arg(long, value_name = "X", default_value = "max", value_parser = pace::speed)]
    speed: Speed,

    /// Numbers other uids and plan ids; the same seed gives the same run, byte by byte
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u32,

    /// Let things go wrong, as drawn from this seed, during the first two virtual hours
    ///
    /// Requests get lost, the operator crashes, its clock jumps, watches stall, sidecars forget, and pods and other children
    /// are deleted. The same seed draws the same faults. A node must come up all the same.
    #[arg(long, value_name = "SEED")]
    faults: Option<u64>,

    /// How to tell what happens
    #[arg(short = 'o', long, value_enum, default_value_t = Format::Table)]
    output: Format,

    /// Print the JSON Schema of a line of -o json, and do nothing else
    #[arg(long, exclusive = true)]
    schema: bool,
}

/// How long `--faults` draws faults, in virtual seconds.
const FAULTS_SECONDS: i64 = 2 * 3600;

/// When a simulation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Until {
    /// Every node runs as its spec says, or is gone
    #[value(name = "Running")]
    Running,
    /// And neither the operator nor the world has anything left to do
    #[value(name = "Idle")]
    Idle,
}

impl Until {
    fn as_str(self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Idle => "Idle",
        }
    }
}

/// How to tell what happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A timeline for people
    Table,
    /// JSON Lines for programs, one thing that happened a line; the format is stable, --schema prints its JSON Schema
    Json,
}

const EXAMPLES: &str = "\
Examples:
  sei-operator simulate -f node.yaml                          A node that comes up
  sei-operator simulate -f node.yaml --speed 60               A virtual minute a second
  sei-operator simulate -f nodes/ --until Idle --platform prod.env
  sei-operator simulate -f validator.yaml --secret test-keys/
  sei-operator simulate -f old.yaml --edit new.yaml@1h        An edit of a node that runs
  sei-operator simulate -f old.yaml --edit new.yaml@30s       The same edit while it comes up
  sei-operator simulate -f node.yaml --delete pod/rpc-0-0@1h  A pod that is lost
  sei-operator simulate -f node.yaml --delete seinode/rpc-0@1h --until Idle
  sei-operator simulate -f node.yaml --limit 2h               Must be up within two hours
  sei-operator simulate -f node.yaml -o json | jq -c 'select(.kind == \"phase\")'
  sei-operator simulate -f node.yaml --seed 7                 Other ids, the same life
  sei-operator simulate -f node.yaml --faults 7               Lost requests and crashes
  sei-operator simulate --schema > simulate.schema.json

Exit codes:
  0  every node came up (or was deleted, as asked), and every edit and delete took place
  1  a document cannot be read or is refused, a node did not come up, an edit or a delete did not take
     place, or an invariant broke: the last lines on stderr say why";

fn long_help() -> String {
    format!("{EXAMPLES}\n\n{}", platform::help())
}

/// Runs the command.
///
/// # Errors
/// When the output cannot be written.
pub(super) fn run(args: &Args) -> io::Result<Exit> {
    if args.schema {
        output::data(&output::json(&trace::schema())?)?;
        return Ok(Exit::Done);
    }
    let Some(platform) = platform::load(args.given.platform.as_deref()) else { return Ok(Exit::Error) };
    let stage = Stage::set(&args.given, &args.secrets, options(args), &platform);
    let Some(acts) = acts::read(&args.edits, &args.deletes, &stage.nodes).filter(|acts| in_time(acts, args.limit))
    else {
        return Ok(Exit::Error);
    };
    if stage.nodes.is_empty() {
        return Ok(Exit::Error);
    }
    let converged = live(args, platform, &stage, &acts)?;
    Ok(if stage.complete && converged { Exit::Done } else { Exit::Error })
}

/// What is chosen for the world.
fn options(args: &Args) -> Options {
    let calm = Options { seed: args.seed, ..Options::default() }.realistic();
    match args.faults {
        Some(seed) => calm.faulty(seed, FAULTS_SECONDS),
        None => calm,
    }
}

/// Whether every act comes before the limit; says which does not.
fn in_time(acts: &[Act], limit_seconds: i64) -> bool {
    let late = acts.iter().find(|act| act.at_seconds > limit_seconds);
    if let Some(act) = late {
        let (error, limit) = (Paint::stderr().red("error"), clock(limit_seconds));
        output::chatter(&format!(
            "{error}: {} comes after the end: write an earlier time, or a --limit above {limit}\n",
            act.argument
        ));
    }
    late.is_none()
}

/// Runs the world, tells what happens, and says why it did not end well; whether it did.
fn live(args: &Args, platform: Platform, stage: &Stage, acts: &[Act]) -> io::Result<bool> {
    let mut audience: Box<dyn Audience> = match args.output {
        Format::Table => Box::new(Teller::new()),
        Format::Json => Box::new(Tracer::default()),
    };
    let course = Course {
        driver: stage.sim.drive(SeiOperator { platform }),
        nodes: &stage.nodes,
        acts,
        until: args.until,
        choices: choices(args, acts),
        speed: args.speed,
        pacer: &mut WallClock,
        audience: audience.as_mut(),
        replay: command_line(std::env::args().skip(1)),
    };
    let end = course.run()?;
    for why in &end.why {
        output::chatter(&format!("{}: {why}\n", Paint::stderr().red("error")));
    }
    Ok(end.converged)
}

fn choices(args: &Args, acts: &[Act]) -> Choices {
    let arguments = |edits: bool| {
        let chosen = acts.iter().filter(|act| act.is_edit() == edits);
        chosen.map(|act| act.argument.clone()).collect()
    };
    Choices {
        until: args.until.as_str(),
        limit_seconds: args.limit,
        seed: args.seed,
        faults: args.faults,
        edits: arguments(true),
        deletes: arguments(false),
    }
}

/// The command line as a shell reads it.
fn command_line(arguments: impl Iterator<Item = String>) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+".contains(c);
    let quoted = |word: String| {
        let as_is = !word.is_empty() && word.chars().all(plain);
        if as_is { word } else { format!("'{}'", word.replace('\'', r"'\''")) }
    };
    let words: Vec<String> = std::iter::once(PROGRAM.to_owned()).chain(arguments.map(quoted)).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::command_line;

    #[test]
    fn a_command_line_can_be_pasted_into_a_shell() {
        let words = ["simulate", "-f", "my node.yaml", "--edit", "it's@30s", ""].map(str::to_owned);
        assert_eq!(command_line(words.into_iter()), r"sei-operator simulate -f 'my node.yaml' --edit 'it'\''s@30s' ''");
    }
}
