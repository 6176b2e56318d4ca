//! `explain`: what the code of a diagnostic means, and what to do.

use std::fmt::Write as _;
use std::io;

use super::Exit;
use crate::input::diagnostics::{code, codes};
use crate::output::{self, Paint};

/// Say what the code of a diagnostic means, and what to do
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Code, for example SEI0010; all of them, as a table in Markdown, when left out
    #[arg(value_name = "CODE")]
    code: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// When the output cannot be written.
pub(super) fn run(args: &Args) -> io::Result<Exit> {
    let Some(id) = &args.code else {
        output::data(&all())?;
        return Ok(Exit::Done);
    };
    let Some(code) = code(id) else {
        let head = Paint::stderr().red("error");
        output::chatter(&format!("{head}: there is no code {id}; `sei-operator explain` lists them all\n"));
        return Ok(Exit::Error);
    };
    output::data(&format!("{}: {}\n\n{}\n", code.id, code.title, code.remedy))?;
    Ok(Exit::Done)
}

fn all() -> String {
    let mut text = String::from(
        "# Diagnostics\n\nWritten by `just generate` from `sei-operator explain`.\n\n| code | is | means |\n|---|---|---|\n",
    );
    for code in codes() {
        let _ = writeln!(text, "| {} | {} | {} |", code.id, code.title, code.remedy);
    }
    text
}
