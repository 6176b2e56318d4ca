//! `completions`: a script that completes commands, flags and their values in a shell.

use std::io;

use clap::CommandFactory;
use clap_complete::Shell;

use super::program::PROGRAM;
use super::{Cli, Exit};
use crate::output;

/// Print a script that completes commands and flags in a shell
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  source <(sei-operator completions bash)                     Bash, in this session; put it into ~/.bashrc to keep it
  sei-operator completions zsh > ~/.zfunc/_sei-operator       Zsh, with ~/.zfunc in fpath
  sei-operator completions fish > ~/.config/fish/completions/sei-operator.fish";

/// Runs the command.
///
/// # Errors
/// When the output cannot be written.
pub(super) fn run(args: &Args) -> io::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), PROGRAM, &mut script);
    output::data(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
