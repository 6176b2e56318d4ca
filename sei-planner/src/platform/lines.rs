//! `KEY=VALUE` lines of a settings file.

use std::collections::BTreeMap;

use super::Platform;
use crate::words::did_you_mean;

/// Prefix of every variable of the platform.
const PREFIX: &str = "SEI_";

/// One line of a settings file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct LineError {
    /// Number of the line, from 1.
    pub line: usize,
    /// What is wrong with it, and what to write instead.
    pub problem: String,
}

/// The settings of a text, or every line that is wrong.
pub(super) fn parse(text: &str) -> Result<BTreeMap<String, String>, Vec<LineError>> {
    let mut settings = BTreeMap::new();
    let mut first_lines = BTreeMap::new();
    let mut errors = Vec::new();
    for (line, content) in (1..).zip(text.lines()) {
        match parse_line(content) {
            Ok(None) => {}
            Ok(Some((key, value))) => match first_lines.insert(key.to_owned(), line) {
                Some(first) => errors.push(LineError {
                    line,
                    problem: format!("{key} is already set on line {first}; keep one of the two"),
                }),
                None => {
                    settings.insert(key.to_owned(), value.to_owned());
                }
            },
            Err(problem) => errors.push(LineError { line, problem }),
        }
    }
    if errors.is_empty() { Ok(settings) } else { Err(errors) }
}

/// Key and value of a line; `None` for a blank line or a comment.
fn parse_line(content: &str) -> Result<Option<(&str, &str)>, String> {
    let content = content.trim();
    if content.is_empty() || content.starts_with('#') {
        return Ok(None);
    }
    let Some((key, value)) = content.split_once('=') else {
        return Err(format!("{content:?} is not KEY=VALUE"));
    };
    let (key, value) = (key.trim(), value.trim());
    check_key(key)?;
    let quoted = value.len() > 1 && value.starts_with(['"', '\'']) && value.ends_with(['"', '\'']);
    if quoted {
        let bare = value.trim_matches(['"', '\'']);
        return Err(format!("{key} has a quoted value; write {key}={bare}"));
    }
    Ok(Some((key, value)))
}

fn check_key(key: &str) -> Result<(), String> {
    if let Some(bare) = key.strip_prefix("export ") {
        return Err(format!("this is no shell script; write {}=…", bare.trim()));
    }
    if key.is_empty() || key.contains(char::is_whitespace) {
        return Err(format!("{key:?} is no name of a variable; write KEY=VALUE"));
    }
    let known = Platform::VARIABLES.iter().any(|v| v.name == key);
    if known || !key.starts_with(PREFIX) {
        return Ok(());
    }
    let near = did_you_mean(key, Platform::VARIABLES.iter().map(|v| v.name));
    Err(near.map_or_else(
        || format!("{key} is no setting of the platform"),
        |name| format!("{key} is no setting of the platform; did you mean {name}?"),
    ))
}
