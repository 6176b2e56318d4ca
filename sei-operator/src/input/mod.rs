//! What people hand to the command line: files of YAML or JSON, read so that every remark knows its line.
//!
//! The order of things: [`sources`] reads texts, [`documents`] finds objects in them, [`yaml`] parses one, [`schema`]
//! checks it as the API server would, [`diagnostics`] says what is wrong; [`secrets`] reads Secrets. Nothing here plans
//! anything. [`remarks`] is all of it for a text that is no file.

pub(crate) mod diagnostics;
mod documents;
pub(crate) mod remarks;
mod schema;
pub(crate) mod secrets;
pub(crate) mod sources;
pub(crate) mod yaml;

use std::path::PathBuf;

use diagnostics::{Diagnostic, EMPTY, Severity};
pub(crate) use documents::{ADMISSION, Document, rules_of};
use sources::Sources;
use yaml::Span;

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
        if paths.is_empty() {
            return Self { sources: Sources::default(), documents: Vec::new(), remarks: Vec::new() };
        }
        let mut sources = Sources::default();
        let mut unreadable = Vec::new();
        let files = sources.read(paths, &mut unreadable);
        let mut reader = documents::Reader::default();
        reader.documents.extend(unreadable.into_iter().map(Document::broken));
        files.iter().for_each(|file| reader.file(file, sources.text(file)));
        if reader.is_empty() {
            reader.documents.push(Document::broken(empty(paths, files.first(), &sources)));
        }
        Self { sources, documents: reader.documents, remarks: reader.remarks }
    }
}

impl Input {
    /// Reads a text that is no file.
    pub(crate) fn of_text(name: &str, text: String) -> Self {
        let sources = Sources::of(name, text);
        let mut reader = documents::Reader::default();
        reader.file(name, sources.text(name));
        Self { sources, documents: reader.documents, remarks: reader.remarks }
    }
}

/// That there is no object at all, which is a mistake in a path more often than not.
fn empty(paths: &[PathBuf], first: Option<&String>, sources: &Sources) -> Diagnostic {
    let named = paths.first().map(|path| path.display().to_string()).unwrap_or_default();
    let has_text = first.is_some_and(|file| !sources.text(file).is_empty());
    Diagnostic {
        severity: Severity::Error,
        code: EMPTY.id,
        field: String::new(),
        message: "there is no object in it: name files with manifests".to_owned(),
        file: first.cloned().unwrap_or(named),
        at: if has_text { Span { line: 1, column: 1, width: 1 } } else { Span::default() },
    }
}
