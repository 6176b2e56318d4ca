//! Files of YAML, as the command line reads them: as manifests, and as Secrets.

use sei_operator::{Remark, remarks_on_manifests, remarks_on_secrets};
use serde_json::Value;

use super::{Target, Told};

/// The readers of files.
pub const TARGET: Target = Target {
    name: "yaml",
    ask,
    words: &[
        "---\n",
        "...\n",
        "apiVersion: v1\n",
        "kind: Secret\n",
        "kind: List\n",
        "kind: SeiNode\n",
        "items:\n  - ",
        "apiVersion: sei.io/v1alpha1\n",
        "metadata:\n  name: ",
        "data:\n  k: ",
        "stringData:\n  k: ",
        "spec:\n  ",
        "&a ",
        "*a",
        "<<: *a\n",
        "!!binary ",
        "!!str ",
        "|\n",
        ">-\n",
        "? ",
        ": ",
        "- ",
        "%YAML 1.1\n",
        "\t",
        "\u{feff}",
        "\r\n",
        "\u{2028}",
        "\u{85}",
        "014",
        ".inf",
        "0x1f",
        "1e400",
        "\"\\x41\"",
        "{",
        "}",
        "[",
        "]",
        "#",
    ],
};

const VOCABULARY: &[&str] = &[
    include_str!("../../../src/input/secrets.rs"),
    include_str!("../../../src/input/diagnostics.rs"),
    "error[SEI0018]: the document is not YAML",
    "error[SEI0018]: a key of the Secret ",
    "error[SEI0018]: the Secret ",
    "error[SEI0018]: `data[",
    "error[SEI0018]: `stringData[",
    "]`: is not base64 (Secret ",
    "]`: is no text (Secret ",
    "note[SEI0017]: `kind` is no v1 Secret: skipped",
    "error[SEI0018]: `metadata.name`: is missing",
];

fn ask(input: &[u8]) -> Told {
    let (Ok(manifests), Ok(secrets)) =
        (remarks_on_manifests("file.yaml", input), remarks_on_secrets("file.yaml", input))
    else {
        assert!(std::str::from_utf8(input).is_err(), "a text is read");
        return Told::default();
    };
    // To YAML, each of the three ends a line.
    let text = String::from_utf8_lossy(input).replace("\r\n", "\n").replace('\r', "\n");
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    manifests.iter().chain(&secrets).for_each(|remark| has_a_place(remark, text));
    let mut found = Texts::default();
    for part in parts(text) {
        match parsed(&part) {
            Ok(documents) => documents.iter().for_each(|document| found.take(document, false)),
            Err(_) => found.secrets.push(part),
        }
    }
    Told {
        said: secrets.iter().map(sentence).collect(),
        secrets: found.secrets.into_iter().map(String::into_bytes).collect(),
        names: found.names,
        vocabulary: VOCABULARY,
        ..Told::default()
    }
}

/// The line is one of the text, and the column one of the line, or right behind it.
fn has_a_place(remark: &Remark, text: &str) {
    let line = remark.line.checked_sub(1).and_then(|line| text.split('\n').nth(line));
    let columns = line.map_or(0, |line| line.chars().count() + 1);
    assert!((1..=columns).contains(&remark.column), "{columns} columns: {}", remark.text);
}

/// A remark on Secrets without its place, which is the name of the file and two numbers, and nothing else.
fn sentence(remark: &Remark) -> String {
    let margin = " ".repeat(remark.line.to_string().len());
    let place = format!("\n{margin}--> file.yaml:{}:{}\n", remark.line, remark.column);
    let sentence = remark.text.strip_suffix(&place);
    assert!(sentence.is_some(), "{remark:?}");
    sentence.unwrap_or_default().to_owned()
}

/// Each document on its own, so that one that is not YAML does not hide the others.
fn parts(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for line in text.split_inclusive('\n') {
        let rest = line.strip_prefix("---");
        if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace)) {
            parts.push(String::new());
        }
        parts.last_mut().into_iter().for_each(|part| part.push_str(line));
    }
    parts
}

fn parsed(text: &str) -> Result<Vec<Value>, serde_saphyr::Error> {
    let options = serde_saphyr::options! {
        legacy_octal_numbers: true,
        with_snippet: false,
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::LastWins,
    };
    serde_saphyr::from_multiple_with_options(text, options)
}

/// The texts of documents.
#[derive(Default)]
struct Texts {
    names: Vec<String>,
    /// Values of Secrets, and what is not YAML and may be one.
    secrets: Vec<String>,
}

impl Texts {
    fn take(&mut self, value: &Value, secret: bool) {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
            Value::String(text) if secret => self.secrets.push(text.clone()),
            Value::String(text) => self.names.push(text.clone()),
            Value::Array(elements) => elements.iter().for_each(|element| self.take(element, secret)),
            Value::Object(entries) => {
                for (key, inner) in entries {
                    self.names.push(key.clone());
                    self.take(inner, secret || key == "data" || key == "stringData");
                }
            }
        }
    }
}
