//! What people hand to the command line: files of YAML or JSON, read so that every remark knows its line.
//!
//! The order of things: [`sources`] reads texts, [`documents`] finds objects in them, [`yaml`] parses one, [`schema`]
//! checks it as the API server would, [`diagnostics`] says what is wrong; [`secrets`] reads Secrets. Nothing here plans
//! anything.

pub(crate) mod diagnostics;
mod documents;
mod schema;
pub(crate) mod secrets;
pub(crate) mod sources;
pub(crate) mod yaml;

use std::path::PathBuf;

use diagnostics::Diagnostic;
pub(crate) use documents::{ADMISSION, Document};
use sources::Sources;

/// Everything that was read.
#[derive(Debug)]
pub(crate) struct Input {
    /// The texts.
    pub(crate) sources: Sources,
    /// Our objects and what might be one, in the order of the files.
    pub(crate) documents: Vec<Document>,
    /// Warnings and notes.
    pub(crate) remarks: Vec<Diagnostic>,
}

impl Input {
    /// Reads files, directories and standard input (`-`). What is wrong with one document hides no other.
    pub(crate) fn read(paths: &[PathBuf]) -> Self {
        let mut sources = Sources::default();
        let mut unreadable = Vec::new();
        let files = sources.read(paths, &mut unreadable);
        let mut reader = documents::Reader::default();
        reader.documents.extend(unreadable.into_iter().map(Document::broken));
        files.iter().for_each(|file| reader.file(file, sources.text(file)));
        Self { sources, documents: reader.documents, remarks: reader.remarks }
    }
}
