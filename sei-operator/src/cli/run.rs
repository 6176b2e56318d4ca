//! `run`: starts the operator. Unlike the commands for people, it never falls back to the demo platform.

use std::io;

use super::{Exit, platform};
use crate::run::{RunArgs, run as operate};

/// Runs the command until a signal asks it to stop.
///
/// # Errors
/// When there is no cluster to talk to.
pub(super) fn run(args: RunArgs) -> io::Result<Exit> {
    let Some(platform) = platform::load_own(args.platform.as_deref()) else { return Ok(Exit::Error) };
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(operate(args, platform)).map_err(io::Error::other)?;
    Ok(Exit::Done)
}
