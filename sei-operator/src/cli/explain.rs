//! `explain`: what a word of the program means: codes, tasks, conditions, settings, metrics.

use std::fmt::Write as _;
use std::io;

use super::Exit;
use super::program::as_called;
use super::reference::{Table, about, nearest};
use crate::input::diagnostics::{code, codes};
use crate::output::{self, Paint};

/// Say what a code, a task, a condition, a setting or a metric means
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A word (SEI0010, replace-pod, SidecarReady, SEI_NODEPOOL_NAME) or a table (codes, tasks, conditions, settings, metrics)
    #[arg(value_name = "WORD")]
    word: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  sei-operator explain SEI0010               A code of a diagnostic
  sei-operator explain replace-pod           A task of a plan
  sei-operator explain SidecarReady          A condition, a reason or an event
  sei-operator explain SEI_NODEPOOL_NAME     A setting of the platform
  sei-operator explain tasks                 All of them, as a table in Markdown

The schema of SeiNode is explained by `kubectl explain seinode.spec`, that of plans is printed by `plan --schema`.";

/// Runs the command.
///
/// # Errors
/// When the output cannot be written.
pub(super) fn run(args: &Args) -> io::Result<Exit> {
    let Some(word) = &args.word else {
        output::data(&topics())?;
        return Ok(Exit::Done);
    };
    let table = Table::ALL.into_iter().find(|table| table.topic().0.eq_ignore_ascii_case(word));
    let told = table.map(Table::markdown).or_else(|| about_code(word)).or_else(|| about(word));
    let Some(told) = told else {
        output::chatter(&unknown(word));
        return Ok(Exit::Error);
    };
    output::data(&told)?;
    Ok(Exit::Done)
}

fn topics() -> String {
    let mut text = String::from("Tables:\n");
    for (word, what) in Table::ALL.map(Table::topic) {
        let _ = writeln!(text, "  sei-operator explain {word:12}{what}");
    }
    as_called(text + "\nAnd every word in them, for example `sei-operator explain replace-pod`.\n")
}

fn unknown(word: &str) -> String {
    let head = Paint::stderr().red("error");
    match nearest(word) {
        Some(near) => format!("{head}: there is nothing about {word}; did you mean {near}?\n"),
        None if word.to_uppercase().starts_with("SEI") => {
            as_called(format!("{head}: there is no code {word}; `sei-operator explain codes` lists them all\n"))
        }
        None => as_called(format!("{head}: there is nothing about {word}; `sei-operator explain` lists the topics\n")),
    }
}

fn about_code(id: &str) -> Option<String> {
    let code = code(id)?;
    Some(format!("{}: {}\n\n{}\n", code.id, code.title, code.remedy))
}

/// All codes, as a table.
pub(super) fn codes_table() -> String {
    let mut text = String::from(
        "# Diagnostics\n\nWritten by `just generate` from `sei-operator explain codes`.\n\n| code | is | means |\n|---|---|---|\n",
    );
    for code in codes() {
        let _ = writeln!(text, "| {} | {} | {} |", code.id, code.title, code.remedy);
    }
    text
}
