//! The program `sei-operator`. What it can do stands in [`cli`].

mod cli;
mod input;
mod output;
mod run;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
