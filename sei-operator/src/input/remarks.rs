//! Everything there is to say of a text that need not be a file, as the commands say it.

use std::io::{self, Read};

use super::diagnostics::Diagnostic;
use super::documents::Reader;
use super::secrets::Secrets;
use super::sources::{Sources, text_of};
use crate::output::Paint;

/// One thing to say about a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Line, from 1; 0 when it is about all of the text.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What there is to say, with its place, as a compiler writes it.
    pub text: String,
}

impl Remark {
    fn of(diagnostic: &Diagnostic, sources: &Sources) -> Self {
        let text = diagnostic.render(sources, Paint::PLAIN);
        Self { line: diagnostic.at.line, column: diagnostic.at.column, text }
    }
}

/// What is said of manifests in YAML or JSON, by schema and rules; none of them is planned.
///
/// # Errors
/// When it is no text.
pub fn remarks_on_manifests(name: &str, text: impl Read) -> io::Result<Vec<Remark>> {
    let sources = Sources::of(name, text_of(text)?);
    let mut reader = Reader::default();
    reader.file(name, sources.text(name));
    let problems = reader.documents.iter().flat_map(|document| document.problems.iter().chain(&document.rules));
    Ok(problems.chain(&reader.remarks).map(|diagnostic| Remark::of(diagnostic, &sources)).collect())
}

/// What is said of Secrets in YAML or JSON. No remark shows a line of the text.
///
/// # Errors
/// When it is no text.
pub fn remarks_on_secrets(name: &str, text: impl Read) -> io::Result<Vec<Remark>> {
    let secrets = Secrets::of(name, &text_of(text)?);
    Ok(secrets.diagnostics.iter().map(|diagnostic| Remark::of(diagnostic, &Sources::default())).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_text_is_judged_as_a_file_would_be() {
        let remarks = remarks_on_manifests("n.yaml", &b"a: 1\n---\nkind: SeiNode\n"[..]).unwrap();
        let places: Vec<_> = remarks.iter().map(|remark| (remark.line, remark.column)).collect();
        assert_eq!(places, [(1, 1), (1, 1), (3, 1)]);
        assert!(remarks[0].text.contains("--> n.yaml:1:1\n"), "{}", remarks[0].text);
        assert!(remarks_on_manifests("n.yaml", &b"\xff"[..]).is_err());
    }

    #[test]
    fn a_carriage_return_alone_ends_a_line_too() {
        let remarks = remarks_on_manifests("n.yaml", &b"# ours\ra: 1\r---\r\nb: [\r"[..]).unwrap();
        let lines: Vec<_> = remarks.iter().map(|remark| remark.line).collect();
        assert_eq!(lines, [2, 2, 4], "{remarks:?}");
        assert!(remarks[0].text.contains("\n2 | a: 1\n"), "{}", remarks[0].text);
    }

    #[test]
    fn no_line_of_a_secret_is_shown() {
        let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {k: not-base64!}\n";
        let remarks = remarks_on_secrets("s.yaml", text.as_bytes()).unwrap();
        assert_eq!(remarks.len(), 1);
        assert!(remarks[0].text.contains("data[k]") && !remarks[0].text.contains("not-base64"), "{}", remarks[0].text);
    }
}
