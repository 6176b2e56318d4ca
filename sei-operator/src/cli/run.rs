//! `run`: the operator itself, against a cluster.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use super::{Exit, platform};
use crate::output::{self, Paint};
use crate::run::{RunArgs, run as operate};

/// Runs the command.
pub(super) fn run(args: RunArgs) -> io::Result<Exit> {
    let Some(platform) = platform::required(args.platform.as_deref()) else { return Ok(Exit::Error) };
    log_to_stderr();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match runtime.block_on(operate(args, platform)) {
        Ok(()) => Ok(Exit::Done),
        Err(error) => {
            output::chatter(&format!("{}: {error}\n", Paint::stderr().red("error")));
            Ok(Exit::Error)
        }
    }
}

/// Human lines on a terminal, JSON elsewhere; `RUST_LOG` chooses what is told.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,kube_client=error"));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    if io::stderr().is_terminal() {
        subscriber.init();
    } else {
        subscriber.json().flatten_event(true).init();
    }
}
