//! Conditions, reasons and events, read from the file of the planner that declares them: each constant there has a comment that
//! says what it is.

use std::fmt::Write as _;

/// The declarations.
const SOURCE: &str = include_str!("../../../../sei-planner/src/api/conditions.rs");

/// A word that stands in the status or the events of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Word {
    what: What,
    word: &'static str,
    means: &'static str,
    /// For a reason, the condition it belongs to.
    condition: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Condition,
    Reason,
    Event,
}

impl What {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Condition, "Condition: "), (Self::Reason, "Reason: "), (Self::Event, "Event: ")];

    fn name(self) -> &'static str {
        match self {
            Self::Condition => "condition",
            Self::Reason => "reason",
            Self::Event => "event",
        }
    }
}

/// Every word, in the order of the file.
fn declared() -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut comment = "";
    let mut condition = "";
    for line in SOURCE.lines() {
        if let Some(text) = line.strip_prefix("/// ") {
            comment = text;
        } else if let Some(word) = line.strip_prefix("pub const ").and_then(|rest| rest.split('"').nth(1)) {
            let kind = What::ALL.iter().find_map(|(what, prefix)| Some((*what, comment.strip_prefix(prefix)?)));
            let Some((what, means)) = kind else { continue };
            if what == What::Condition {
                condition = word;
            }
            let condition = if what == What::Reason { condition } else { "" };
            words.push(Word { what, word, means, condition });
        }
    }
    words
}

pub(super) fn words() -> impl Iterator<Item = String> {
    declared().into_iter().map(|word| word.word.to_owned())
}

pub(super) fn about(wanted: &str) -> Option<String> {
    let words = declared();
    let found: Vec<&Word> = words.iter().filter(|word| word.word.eq_ignore_ascii_case(wanted)).collect();
    let mut text = String::new();
    for word in &found {
        let of =
            if word.condition.is_empty() { String::new() } else { format!(" of the condition {}", word.condition) };
        let _ = writeln!(text, "{}: a {}{of}\n\n{}", word.word, word.what.name(), capital(word.means));
        for reason in words.iter().filter(|reason| word.what == What::Condition && reason.condition == word.word) {
            let _ = writeln!(text, "  {}  {}", reason.word, reason.means);
        }
    }
    (!found.is_empty()).then_some(text)
}

pub(super) fn table() -> String {
    let mut text = String::from(
        "# Conditions and events of a node\n\nWritten by `just generate` from `sei-operator explain conditions`. Reasons stand below \
         their condition.\n\n| condition | reason | means |\n|---|---|---|\n",
    );
    let words = declared();
    for word in &words {
        let _ = match word.what {
            What::Condition => writeln!(text, "| **{}** | | {} |", word.word, capital(word.means)),
            What::Reason => writeln!(text, "| | {} | {} |", word.word, capital(word.means)),
            What::Event => continue,
        };
    }
    text += "\n| event | means |\n|---|---|\n";
    for word in words.iter().filter(|word| word.what == What::Event) {
        let _ = writeln!(text, "| {} | {} |", word.word, capital(word.means));
    }
    text
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_constant_is_a_condition_a_reason_or_an_event() {
        let constants = SOURCE.lines().filter(|line| line.starts_with("pub const ")).count();
        assert!(constants > 30);
        assert_eq!(declared().len(), constants);
        let first = declared().into_iter().find(|word| word.what != What::Event);
        assert_eq!(first.map(|word| word.what), Some(What::Condition), "reasons stand below their condition");
    }
}
