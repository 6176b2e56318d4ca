//! `part`: a file of the chart or of the kustomize base, for `.ci/generate`.

use std::io;

use super::Exit;
use crate::install::parts::{Content, Part};
use crate::output;

/// Print a file of the Helm chart or of the kustomize base that is made from the code
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Path of the file below sei-operator/deploy
    #[arg(value_enum, value_name = "FILE")]
    part: Part,
}

/// Runs the command.
///
/// # Errors
/// When the output cannot be written.
pub(super) fn run(args: &Args) -> io::Result<Exit> {
    match args.part.content()? {
        Content::Documents(documents) => output::data(&output::yaml(&documents)?)?,
        Content::Json(value) => output::data(&output::json(&value)?)?,
    }
    Ok(Exit::Done)
}
