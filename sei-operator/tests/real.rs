//! Black-box scenarios on a real Kubernetes control plane: what only a real API server, its controllers and its
//! admission can tell. `docs/testing-real.md` says how to run them, what is real and what is played.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod scenarios;
mod support;

use std::process::ExitCode;

fn main() -> ExitCode {
    support::runner::run(&scenarios::all())
}
