//! The only place that writes YAML. What is written means the same to readers of YAML 1.1 (kubectl) and of YAML 1.2.

use std::io;

use serde::Serialize;

use crate::input::yaml::{Node, Span, Value, parse};

/// Values as YAML documents, with `---` between them.
///
/// # Errors
/// When a value has no YAML form.
pub(crate) fn yaml<T: Serialize>(values: impl IntoIterator<Item = T>) -> io::Result<String> {
    let documents = values.into_iter().map(|value| document(&value)).collect::<io::Result<Vec<_>>>()?;
    Ok(documents.join("---\n"))
}

/// `serde_yaml` leaves words plain that YAML 1.1 does not read as texts (`on`, `1_000`). They are found by reading the
/// document back as kubectl does, and put in quotes.
fn document(value: &impl Serialize) -> io::Result<String> {
    let meant = serde_json::to_value(value)?;
    let text = serde_yaml::to_string(&meant).map_err(io::Error::other)?;
    let read = parse(&text, 1).map_err(|fault| io::Error::other(fault.message))?;
    let mut quotes = Vec::new();
    read.iter().for_each(|node| misread(node, &meant, &mut quotes));
    Ok(with_quotes(&text, quotes))
}

/// Every place where something else was read than was meant, with the text that was meant.
fn misread<'a>(node: &'a Node, meant: &'a serde_json::Value, quotes: &mut Vec<(Span, &'a str)>) {
    match (&node.value, meant) {
        (Value::Map(entries), serde_json::Value::Object(meant)) => {
            for entry in entries {
                if !entry.key.is_empty() && !is_text(&entry.key) {
                    quotes.push((entry.key_at, &entry.key));
                }
                if let Some(meant) = meant.get(&entry.key) {
                    misread(&entry.node, meant, quotes);
                }
            }
        }
        (Value::List(elements), serde_json::Value::Array(meant)) => {
            elements.iter().zip(meant).for_each(|(node, meant)| misread(node, meant, quotes));
        }
        (Value::Text(_), _) => {}
        (_, serde_json::Value::String(meant)) => quotes.push((node.at, meant)),
        _ => {}
    }
}

/// Whether a plain scalar is read as this text.
fn is_text(word: &str) -> bool {
    let read = parse(&format!("- {word}"), 1).unwrap_or_default();
    let element = read.first().and_then(|list| list.elements().first());
    element.is_some_and(|element| element.value == Value::Text(word.to_owned()))
}

/// The text with what stands at each of the places put in double quotes; what has quotes keeps its own.
fn with_quotes(text: &str, mut quotes: Vec<(Span, &str)>) -> String {
    quotes.sort_by_key(|(at, _)| (at.line, at.column));
    let mut quotes = quotes.into_iter().peekable();
    let mut out = String::with_capacity(text.len());
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let mut rest = line;
        let mut column = 1;
        while let Some((at, word)) = quotes.next_if(|(at, _)| at.line == number) {
            let before: String = rest.chars().take(at.column.saturating_sub(column)).collect();
            rest = rest.get(before.len()..).unwrap_or_default();
            column = at.column;
            out += &before;
            if let Some(after) = rest.strip_prefix(word) {
                out += &format!("{word:?}");
                column += word.chars().count();
                rest = after;
            }
        }
        out += rest;
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::yaml;
    use crate::input::yaml::{Node, parse};

    /// Texts that YAML 1.1, which the API server's clients read, takes for something else unless they are quoted.
    #[test]
    fn texts_stay_texts_for_whoever_reads_them() {
        let words = [
            "yes",
            "no",
            "on",
            "off",
            "y",
            "n",
            "Y",
            "N",
            "true",
            "null",
            "~",
            "",
            "014",
            "0o14",
            "0x1F",
            "0b1",
            "1_000",
            "1e3",
            ".5",
            "+1",
            "-",
            "1.",
            "12:30:45",
            "2024-01-01",
            "<<",
            "=",
            ".inf",
            ".nan",
            "a: b",
            "a #b",
            "line\nline\n",
            " x ",
            "@x",
            "`x",
            "%x",
            "!x",
            "&x",
            "*x",
            "|",
            ">",
            "{",
            "[",
            "?",
            "? x",
            "---",
            "...",
        ];
        for word in words {
            // No object of Kubernetes can have the merge key as a key.
            let key = if word == "<<" { "other" } else { word };
            let value =
                serde_json::json!({ "v": word, "list": [word, { "v": word }], "after": "x", "keys": { key: 1 } });
            let text = yaml([&value]).unwrap();
            let read = parse(&text, 1).unwrap().iter().map(Node::plain).next().unwrap();
            assert_eq!(read, value, "{text}");
        }
    }

    #[test]
    fn keys_are_quoted_where_they_would_not_stay_texts() {
        assert_eq!(yaml([serde_json::json!({ "on": "x", "5": "y" })]).unwrap(), "'5': \"y\"\n\"on\": x\n");
    }
}
