//! `man`: the manual pages of the program and of each of its commands.

use std::io;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap_mangen::Man;

use super::program::PROGRAM;
use super::{Cli, Exit};
use crate::output;

/// Print the manual, or write a page a command
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Print the page of this command instead of the one on the whole program
    #[arg(value_name = "COMMAND", conflicts_with = "dir")]
    command: Option<String>,

    /// Write every page into this directory, which is made if it is not there
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  sei-operator man plan | man -l -                 Read the page of a command
  sei-operator man --dir /usr/local/share/man/man1 Install all pages";

/// Runs the command.
///
/// # Errors
/// When a page cannot be written.
pub(super) fn run(args: &Args) -> io::Result<Exit> {
    let program = program();
    if let Some(dir) = &args.dir {
        write_all(&program, dir)?;
        return Ok(Exit::Done);
    }
    let Some(name) = &args.command else {
        output::data(&page(program)?)?;
        return Ok(Exit::Done);
    };
    let Some(command) = program.find_subcommand(name) else {
        return Err(io::Error::other(format!("there is no command {name}; `{PROGRAM} --help` lists them")));
    };
    output::data(&page(command.clone())?)?;
    Ok(Exit::Done)
}

/// The definition of the command line; its commands know their full name.
fn program() -> clap::Command {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    program
}

fn page(command: clap::Command) -> io::Result<String> {
    let mut text = Vec::new();
    Man::new(command).source(format!("{PROGRAM} {}", env!("CARGO_PKG_VERSION"))).render(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn write_all(program: &clap::Command, dir: &Path) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    let told = program.get_subcommands().filter(|command| !command.is_hide_set());
    for command in std::iter::once(program).chain(told) {
        let file = format!("{}.1", command.get_display_name().unwrap_or(PROGRAM));
        std::fs::write(dir.join(file), page(command.clone())?)?;
    }
    Ok(())
}
