//! The program `sei-operator`. What it can do stands in [`cli`].

mod cli;
mod input;
mod output;
mod run;

use std::process::ExitCode;

/// Static images link against musl, whose own allocator is slow.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
