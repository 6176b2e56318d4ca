//! One YAML document as a tree that knows where each of its values stands. Nothing here knows about Kubernetes.
//!
//! YAML is read as kubectl reads it: YAML 1.1 booleans (`on`, `yes`), octal numbers (`014` is 12), merge keys (`<<`), and
//! a float without a fraction (`1e3`) is an integer.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::{Location, MessageFormatter, Spanned};

/// Where something stands in a text. The default stands nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    /// Line, from 1; 0 when there is none.
    pub(crate) line: usize,
    /// Column in characters, from 1.
    pub(crate) column: usize,
    /// Length in characters, at least 1; what goes beyond the line is cut when it is shown.
    pub(crate) width: usize,
}

/// A value, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    /// The value.
    pub(crate) value: Value,
    /// Where it stands.
    pub(crate) at: Span,
}

/// A YAML value as JSON has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<Entry>),
}

/// One key of a mapping, and its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    /// The key.
    pub(crate) key: String,
    /// Where the key stands.
    pub(crate) key_at: Span,
    /// The value.
    pub(crate) node: Node,
}

/// What is wrong with a text as YAML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// What is wrong, in a sentence without its position.
    pub(crate) message: String,
    /// Where.
    pub(crate) at: Span,
}

/// The documents of a text whose first line is line `first_line` of its file. Documents without content are left out.
///
/// A key that stands twice in a mapping stays there twice, so that [`Node::duplicates`] finds it and the rest of the
/// document can still be checked.
///
/// # Errors
/// When the text is not YAML.
pub(crate) fn parse(text: &str, first_line: usize) -> Result<Vec<Node>, Fault> {
    let shift = first_line.saturating_sub(1);
    let parsed = read(text, DuplicateKeyPolicy::Error)
        .or_else(|error| if is_duplicate_key(&error) { with_duplicates(text, error) } else { Err(error) });
    let mut documents = parsed.map_err(|error| Fault::of(&error, shift))?;
    documents.retain(|node| node.value != Value::Null);
    documents.iter_mut().for_each(|node| node.shift(shift));
    Ok(documents)
}

/// The documents with both entries of a key that stands twice; the error where the parser kept only one of them, as it
/// does with keys that are numbers.
fn with_duplicates(text: &str, error: serde_saphyr::Error) -> Result<Vec<Node>, serde_saphyr::Error> {
    let documents = read(text, DuplicateKeyPolicy::LastWins)?;
    let kept = documents.iter().any(|node| !node.duplicates().is_empty());
    if kept { Ok(documents) } else { Err(error) }
}

fn is_duplicate_key(error: &serde_saphyr::Error) -> bool {
    matches!(error, serde_saphyr::Error::DuplicateMappingKey { .. })
}

fn read(text: &str, duplicate_keys: DuplicateKeyPolicy) -> Result<Vec<Node>, serde_saphyr::Error> {
    let options = serde_saphyr::options! {
        legacy_octal_numbers: true,
        with_snippet: false,
        duplicate_keys: duplicate_keys,
    };
    serde_saphyr::from_multiple_with_options(text, options)
}

impl Fault {
    fn of(error: &serde_saphyr::Error, shift: usize) -> Self {
        let message = if is_duplicate_key(error) {
            "a key stands twice in one mapping".into()
        } else {
            serde_saphyr::DefaultMessageFormatter.format_message(error)
        };
        let mut at = error.location().map(Span::at).unwrap_or_default();
        at.shift(shift);
        Self { message: message.into_owned(), at }
    }
}

impl Span {
    fn at(location: Location) -> Self {
        let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        Self {
            line: number(location.line()),
            column: number(location.column()),
            width: number(location.span().len()).max(1),
        }
    }

    /// What stands here in `text`, as far as it is on one line.
    pub(crate) fn of(self, text: &str) -> &str {
        let line = self.line.checked_sub(1).and_then(|line| text.lines().nth(line)).unwrap_or_default();
        let byte = |column: usize| line.char_indices().nth(column).map_or(line.len(), |(byte, _)| byte);
        let start = self.column.saturating_sub(1);
        line.get(byte(start)..byte(start + self.width)).unwrap_or_default()
    }

    fn shift(&mut self, lines: usize) {
        if self.line > 0 {
            self.line += lines;
        }
    }
}

impl Node {
    /// The value of a key of this mapping, with the place of the key. Also [`None`] where this is no mapping.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().rev().find(|entry| entry.key == key)
    }

    /// Every key below here that stands twice in one mapping, at its second place.
    pub(crate) fn duplicates(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut first_lines = BTreeMap::new();
        for entry in self.entries() {
            if let Some(line) = first_lines.insert(&entry.key, entry.key_at.line) {
                let message = format!("`{}` already stands on line {line}: keep one of the two", entry.key);
                faults.push(Fault { message, at: entry.key_at });
            }
            faults.extend(entry.node.duplicates());
        }
        faults.extend(self.elements().iter().flat_map(Self::duplicates));
        faults
    }

    /// The text at a key of this mapping.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        match &self.entry(key)?.node.value {
            Value::Text(text) => Some(text),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The keys of this mapping; none where this is no mapping.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => &[],
        }
    }

    /// The elements of this sequence; none where this is no sequence.
    pub(crate) fn elements(&self) -> &[Self] {
        match &self.value {
            Value::List(elements) => elements,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::Map(_) => &[],
        }
    }

    /// Where `path` (as `spec.peers[0].ec2Tags` or `spec.overrides[a.b]`) stands, or the nearest thing above it that is
    /// there: a scalar itself, else its key.
    pub(crate) fn locate(&self, path: &str) -> Span {
        let mut node = self;
        let mut at = self.at;
        for step in steps(path) {
            if let Some(entry) = node.entry(step) {
                node = &entry.node;
                at = entry.place();
            } else if let Some(element) = step.parse().ok().and_then(|i: usize| node.elements().get(i)) {
                node = element;
                at = element.at;
            } else {
                break;
            }
        }
        at
    }

    /// Where the last of these keys, each in the mapping of the one before, stands.
    pub(crate) fn key_of(&self, keys: &[&str]) -> Span {
        let Some((first, rest)) = keys.split_first() else { return self.at };
        let Some(entry) = self.entry(first) else { return self.at };
        if rest.is_empty() { entry.key_at } else { entry.node.key_of(rest) }
    }

    /// The value as JSON.
    pub(crate) fn plain(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(b) => serde_json::Value::Bool(*b),
            Value::Number(n) => serde_json::Value::Number(n.clone()),
            Value::Text(t) => serde_json::Value::String(t.clone()),
            Value::List(elements) => elements.iter().map(Self::plain).collect(),
            Value::Map(entries) => entries.iter().map(|entry| (entry.key.clone(), entry.node.plain())).collect(),
        }
    }

    fn shift(&mut self, lines: usize) {
        self.at.shift(lines);
        match &mut self.value {
            Value::List(elements) => elements.iter_mut().for_each(|node| node.shift(lines)),
            Value::Map(entries) => entries.iter_mut().for_each(|entry| {
                entry.key_at.shift(lines);
                entry.node.shift(lines);
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => {}
        }
    }
}

impl Entry {
    /// Where to point for this entry: at a scalar, else at the key.
    pub(crate) fn place(&self) -> Span {
        match &self.node.value {
            Value::Bool(_) | Value::Number(_) | Value::Text(_) => self.node.at,
            Value::Null | Value::List(_) | Value::Map(_) => self.key_at,
        }
    }
}

/// `a.b[c.d][0]` as `a`, `b`, `c.d`, `0`.
fn steps(path: &str) -> Vec<&str> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let (step, after) = match rest.strip_prefix('[') {
            Some(inner) => inner.split_once(']').unwrap_or((inner, "")),
            None => rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len())),
        };
        steps.push(step);
        rest = after.strip_prefix('.').unwrap_or(after);
    }
    steps
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self { value: spanned.value, at: Span::at(spanned.referenced) })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        /// Every integer up to here has a float of its own.
        const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
        if value.fract() == 0.0 && value.abs() <= EXACT_MAX {
            #[allow(clippy::cast_possible_truncation, reason = "it is an integer, and it fits")]
            let whole = value as i64;
            return Ok(Value::Number(whole.into()));
        }
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(node) = seq.next_element()? {
            elements.push(node);
        }
        Ok(Value::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let node = map.next_value()?;
            let mut key_at = Span::at(key.referenced);
            key_at.width = key_at.width.max(key.value.chars().count());
            entries.push(Entry { key: key.value, key_at, node });
        }
        Ok(Value::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn only(text: &str) -> Node {
        parse(text, 1).unwrap().remove(0)
    }

    #[test]
    fn scalars_read_as_kubectl_reads_them() {
        let cases = [
            ("on", "true"),
            ("yes", "true"),
            ("014", "12"),
            ("1_000", "1000"),
            ("08", "8"),
            ("1e3", "1000"),
            ("0.5", "0.5"),
            ("\"5\"", "\"5\""),
            ("!!str 5", "\"5\""),
            ("2024-01-01", "\"2024-01-01\""),
            ("~", "null"),
            ("{a: &x 1, b: *x}", "{\"a\":1,\"b\":1}"),
            ("{<<: {a: 1}, b: 2}", "{\"a\":1,\"b\":2}"),
        ];
        for (text, json) in cases {
            let node = only(&format!("v: {text}"));
            let value = node.entries()[0].node.plain();
            assert_eq!(value.to_string(), json, "{text}");
        }
    }

    #[test]
    fn empty_documents_are_left_out() {
        assert_eq!(parse("# only\n", 1), Ok(vec![]));
        assert_eq!(parse("---\nnull\n---\n~\n---\n", 1), Ok(vec![]));
        assert_eq!(parse("a: 1\n...\n", 1).unwrap().len(), 1);
    }

    #[test]
    fn places_are_those_of_the_file() {
        let node = parse("spec:\n  peers:\n    - static: {a.b: 5}\n", 11).unwrap().remove(0);
        for (path, line, column) in [
            ("spec", 11, 1),
            ("spec.peers", 12, 3),
            ("spec.peers[0]", 13, 7),
            ("spec.peers[0].static[a.b]", 13, 21),
            ("spec.peers[0].static.nothing.here", 13, 7),
            ("spec.peers[7]", 12, 3),
            ("", 11, 1),
        ] {
            let at = node.locate(path);
            assert_eq!((at.line, at.column), (line, column), "{path}");
        }
    }

    #[test]
    fn every_duplicate_is_found() {
        let node = only("a: 1\nb: {c: 1, c: 2}\na: 3\n");
        let lines: Vec<_> = node.duplicates().iter().map(|f| (f.at.line, f.at.column)).collect();
        assert_eq!(lines, [(2, 11), (3, 1)]);
        assert_eq!(node.entry("a").unwrap().node.value, Value::Number(3.into()));
        assert_eq!(parse("1: a\n1: b\n", 1).unwrap_err().at.line, 2);
    }

    #[test]
    fn what_is_not_yaml_has_a_place() {
        for (text, line) in
            [("a: [1\nb: 2\n", 2), ("a: 1\n b: 2\n", 2), ("a: .inf", 1), ("a: *nope", 1), ("a: \"x\n", 2)]
        {
            let fault = parse(text, 1).unwrap_err();
            assert_eq!(fault.at.line, line, "{text}: {fault:?}");
        }
    }
}
