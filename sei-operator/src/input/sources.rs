//! The texts that were read, by file name: for showing the line of a diagnostic. The only place that reads input files.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::diagnostics::{Diagnostic, Severity, UNREADABLE};
use super::yaml::Span;

/// Name of standard input in diagnostics.
const STDIN: &str = "<stdin>";
/// Greatest size of one file, in bytes: etcd stores no object greater than a few of them.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// Endings of the files that are taken from a directory.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// The texts that were read, by the name of their file.
#[derive(Debug, Default)]
pub(crate) struct Sources(BTreeMap<String, String>);

impl Sources {
    /// One text that is no file.
    pub(crate) fn of(name: &str, text: String) -> Self {
        Self(BTreeMap::from([(name.to_owned(), text)]))
    }

    /// A line of a file, from 1.
    pub(crate) fn line(&self, file: &str, line: usize) -> Option<&str> {
        self.0.get(file)?.lines().nth(line.checked_sub(1)?)
    }

    /// Reads what `--filename` names: files, directories, or `-`. Returns the names of what was read, in order; what
    /// cannot be read is reported and hides nothing else.
    pub(crate) fn read(&mut self, paths: &[PathBuf], problems: &mut Vec<Diagnostic>) -> Vec<String> {
        let mut names = Vec::new();
        for path in paths {
            let found = if path.is_dir() { files_of(path) } else { Ok(vec![path.clone()]) };
            match found {
                Ok(files) => files.iter().for_each(|file| match self.read_one(file) {
                    Ok(name) => names.push(name),
                    Err(error) => problems.push(unreadable(file, &error)),
                }),
                Err(error) => problems.push(unreadable(path, &error)),
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        names.retain(|name| seen.insert(name.clone()));
        names
    }

    /// The text of a file that was read.
    pub(crate) fn text(&self, file: &str) -> &str {
        self.0.get(file).map_or("", String::as_str)
    }

    fn read_one(&mut self, path: &Path) -> io::Result<String> {
        let name = if path == Path::new("-") { STDIN.to_owned() } else { path.display().to_string() };
        if !self.0.contains_key(&name) {
            let text = if name == STDIN { text_of(io::stdin().lock())? } else { text_of(fs::File::open(path)?)? };
            self.0.insert(name.clone(), text);
        }
        Ok(name)
    }
}

/// All of a text, without the byte-order mark some editors put first, and with `\n` at the end of each line. To YAML a `\r`
/// ends a line too, also without a `\n`, so nobody else may count the lines in another way.
pub(crate) fn text_of(reader: impl Read) -> io::Result<String> {
    let mut text = String::new();
    let size = reader.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if u64::try_from(size).is_ok_and(|size| size > FILE_BYTES_MAX) {
        return Err(io::Error::other(format!("greater than {} MiB", FILE_BYTES_MAX >> 20)));
    }
    if text.contains('\r') {
        text = text.replace("\r\n", "\n").replace('\r', "\n");
    }
    match text.strip_prefix('\u{feff}') {
        Some(rest) => Ok(rest.to_owned()),
        None => Ok(text),
    }
}

/// The manifests right in a directory, sorted by name.
fn files_of(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory)?.map(|entry| entry.map(|e| e.path()));
    let mut files = entries.collect::<io::Result<Vec<_>>>()?;
    files.retain(|path| {
        let ending = path.extension().and_then(|e| e.to_str());
        ending.is_some_and(|ending| ENDINGS.contains(&ending)) && path.is_file()
    });
    files.sort();
    Ok(files)
}

fn unreadable(path: &Path, error: &io::Error) -> Diagnostic {
    let name = path.display().to_string();
    Diagnostic {
        severity: Severity::Error,
        code: UNREADABLE.id,
        field: String::new(),
        message: format!("cannot read {name}: {error}; name a file, a directory, or - for standard input"),
        file: name,
        at: Span::default(),
    }
}
