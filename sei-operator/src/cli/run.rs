//! `run`: the operator itself, against a cluster.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use super::{Exit, platform};
use crate::output::{self, Paint};
use crate::run::journal::LogFormat;
use crate::run::{RunArgs, run as operate};

/// Runs the command.
pub(super) fn run(args: RunArgs) -> io::Result<Exit> {
    let Some(platform) = platform::required(args.platform.as_deref()) else { return Ok(Exit::Error) };
    log_to_stderr(args.log_format);
    // One thread brings hundreds of nodes up at once, and each further one costs memory of its own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match runtime.block_on(operate(args, platform)) {
        Ok(()) => Ok(Exit::Done),
        Err(error) => {
            output::chatter(&format!("{}: {error}\n", Paint::stderr().red("error")));
            Ok(Exit::Error)
        }
    }
}

/// Lines for people on a terminal and JSON elsewhere, unless a format is asked for; `RUST_LOG` chooses what is told.
fn log_to_stderr(format: Option<LogFormat>) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,kube_client=error"));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let terminal = io::stderr().is_terminal();
    match format.unwrap_or(if terminal { LogFormat::Text } else { LogFormat::Json }) {
        LogFormat::Text if terminal => subscriber.init(),
        LogFormat::Text => subscriber.with_ansi(false).init(),
        LogFormat::Json => subscriber.json().flatten_event(true).init(),
    }
}
