//! Checks a document against a structural schema as the API server does, and says where it fails.
//!
//! What comes out is what the API server would store: unknown fields and explicit nulls dropped, defaults filled in.
//! Rules in CEL are not evaluated here, but by `sei_tasks::admission`.

use std::cell::RefCell;
use std::collections::BTreeMap;

use regex::Regex;
use sei_planner::words::did_you_mean;
use serde_json::{Map, Value as Json};

use super::diagnostics::{Code, MISSING, NULL_OBJECT, OUT_OF_BOUNDS, Severity, UNKNOWN_FIELD, WRONG_TYPE};
use super::yaml::{Entry, Node, Span, Value};

/// One thing that a schema has to say about a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// How bad it is.
    pub(crate) severity: Severity,
    /// Its code.
    pub(crate) code: Code,
    /// JSON path of the field.
    pub(crate) field: String,
    /// What is wrong, and what to write instead.
    pub(crate) message: String,
    /// Where.
    pub(crate) at: Span,
}

/// Checks a document of the file `text` against `schema`: what the API server would store, and everything there is to
/// say, in the order of the file. The first is meaningful only when no finding is an error.
pub(crate) fn check(node: &Node, text: &str, schema: &Json) -> (Json, Vec<Finding>) {
    let mut walk = Walk { text, findings: Vec::new() };
    let stored = walk.value(node, node.at, schema, "");
    walk.findings.sort_by_key(|finding| (finding.at.line, finding.at.column));
    (stored, walk.findings)
}

/// Fields of earlier versions that people still write, and what took their place.
const MOVED: [(&str, &str); 2] = [
    ("spec.genesis", "remove it, the sidecar finds the genesis file by spec.chainId"),
    ("spec.storage", "to keep the data claim, write spec.dataVolume.retainOnDelete"),
];

struct Walk<'a> {
    /// The file, for showing values as they were written.
    text: &'a str,
    findings: Vec<Finding>,
}

impl Walk<'_> {
    fn note(&mut self, severity: Severity, code: Code, field: &str, at: Span, message: String) {
        self.findings.push(Finding { severity, code, field: field.to_owned(), message, at });
    }

    fn error(&mut self, code: Code, field: &str, at: Span, message: String) {
        self.note(Severity::Error, code, field, at, message);
    }

    /// The stored form of a value that stands at `path`; problems point to `at`.
    fn value(&mut self, node: &Node, at: Span, schema: &Json, path: &str) -> Json {
        let wanted = Wanted::of(schema);
        if !wanted.accepts(&node.value) {
            self.error(WRONG_TYPE, path, at, wrong_type(&node.value, node.at.of(self.text), wanted));
            return node.plain();
        }
        match &node.value {
            Value::Map(entries) if wanted == Wanted::Object => self.object(entries, at, schema, path),
            Value::List(elements) if wanted == Wanted::Array => self.array(elements, at, schema, path),
            Value::Text(text) => {
                self.text(text, at, schema, path);
                self.word(&Json::from(text.as_str()), at, schema, path);
                node.plain()
            }
            Value::Number(number) => {
                self.number(number, at, schema, path);
                node.plain()
            }
            Value::Null | Value::Bool(_) | Value::Map(_) | Value::List(_) => node.plain(),
        }
    }

    fn object(&mut self, entries: &[Entry], at: Span, schema: &Json, path: &str) -> Json {
        let mut stored = Map::new();
        let empty = Map::new();
        let properties = schema.get("properties").and_then(Json::as_object).unwrap_or(&empty);
        let others = schema.get("additionalProperties").filter(|s| s.is_object());
        for entry in entries {
            let known = properties.get(&entry.key);
            let field =
                if known.is_some() || others.is_none() { dotted(path, &entry.key) } else { keyed(path, &entry.key) };
            match known.or(others) {
                Some(inner) if entry.node.value == Value::Null => self.null(entry, inner, &field),
                Some(inner) => {
                    let value = self.value(&entry.node, entry.place(), inner, &field);
                    stored.insert(entry.key.clone(), value);
                }
                None => self.unknown(entry, &field, properties),
            }
        }
        for (name, property) in properties {
            if let Some(default) = property.get("default") {
                stored.entry(name.as_str()).or_insert_with(|| default.clone());
            }
        }
        self.required(entries, &stored, at, schema, path);
        self.count(stored.len(), ["minProperties", "maxProperties"], "entry", at, schema, path);
        Json::Object(stored)
    }

    /// A null is dropped; where an object was meant, that is rarely wanted.
    fn null(&mut self, entry: &Entry, schema: &Json, field: &str) {
        if Wanted::of(schema) == Wanted::Object && schema.get("default").is_none() {
            let message =
                "is null, which the API server drops: write {} if it should be set, or remove the line".to_owned();
            self.note(Severity::Warning, NULL_OBJECT, field, entry.key_at, message);
        }
    }

    fn unknown(&mut self, entry: &Entry, field: &str, properties: &Map<String, Json>) {
        let names = properties.keys().map(String::as_str).filter(|name| *name != entry.key);
        let moved = MOVED.iter().find(|(old, _)| *old == field).map(|(_, advice)| (*advice).to_owned());
        let near = || did_you_mean(&entry.key, names).map(|name| format!("did you mean `{name}`?"));
        let advice = moved.or_else(near).unwrap_or_else(|| "remove it".to_owned());
        let message = format!("is no field of the schema, so the API server will drop it: {advice}");
        self.note(Severity::Warning, UNKNOWN_FIELD, field, entry.key_at, message);
    }

    fn required(&mut self, entries: &[Entry], stored: &Map<String, Json>, at: Span, schema: &Json, path: &str) {
        let required = schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
        for name in required.filter(|name| !stored.contains_key(*name)) {
            let property = schema.pointer(&format!("/properties/{name}")).unwrap_or(&Json::Null);
            let null = entries.iter().find(|entry| entry.key == name);
            let state = if null.is_some() { "is null, which counts as missing" } else { "is missing" };
            let at = null.map_or(at, |entry| entry.key_at);
            self.error(MISSING, &dotted(path, name), at, format!("{state}: write {}", described(property)));
        }
    }

    fn array(&mut self, elements: &[Node], at: Span, schema: &Json, path: &str) -> Json {
        self.count(elements.len(), ["minItems", "maxItems"], "element", at, schema, path);
        let items = schema.get("items").unwrap_or(&Json::Null);
        let stored = elements.iter().enumerate().map(|(i, element)| {
            let field = format!("{path}[{i}]");
            self.value(element, element.at, items, &field)
        });
        let stored: Vec<Json> = stored.collect();
        self.unique(elements, &stored, schema, path);
        Json::Array(stored)
    }

    /// Elements of a list that is a map by some keys must differ in one of them.
    fn unique(&mut self, elements: &[Node], stored: &[Json], schema: &Json, path: &str) {
        let keys = schema.get("x-kubernetes-list-map-keys").and_then(Json::as_array);
        let Some(keys) = keys else { return };
        let identity = |element: &Json| -> Vec<Json> {
            keys.iter().filter_map(Json::as_str).map(|key| element.get(key).cloned().unwrap_or_default()).collect()
        };
        let identities: Vec<_> = stored.iter().map(identity).collect();
        for (i, element) in elements.iter().enumerate() {
            let first = identities.iter().position(|other| Some(other) == identities.get(i));
            if let Some(first) = first.filter(|first| *first < i) {
                let names = keys.iter().filter_map(Json::as_str).collect::<Vec<_>>().join(" and ");
                let message = format!("has the same {names} as `{path}[{first}]`: keep one of the two");
                self.error(OUT_OF_BOUNDS, &format!("{path}[{i}]"), element.at, message);
            }
        }
    }

    fn text(&mut self, text: &str, at: Span, schema: &Json, path: &str) {
        self.count(text.chars().count(), ["minLength", "maxLength"], "character", at, schema, path);
        let shown = quoted(text);
        if let Some(pattern) = schema.get("pattern").and_then(Json::as_str) {
            // A pattern that this crate cannot read is left to the API server; a test proves that there is none.
            if !matches(pattern, text) {
                self.error(OUT_OF_BOUNDS, path, at, format!("is {shown}: write {}", form_of(pattern)));
            }
        }
        let time = schema.get("format").and_then(Json::as_str) == Some("date-time");
        if time && text.parse::<jiff::Timestamp>().is_err() {
            let message = format!("is {shown}: write a time as 2026-01-31T12:00:00Z");
            self.error(OUT_OF_BOUNDS, path, at, message);
        }
    }

    /// A value that must be one of a few words.
    fn word(&mut self, value: &Json, at: Span, schema: &Json, path: &str) {
        let Some(words) = schema.get("enum").and_then(Json::as_array) else { return };
        if words.contains(value) {
            return;
        }
        let words: Vec<&str> = words.iter().filter_map(Json::as_str).collect();
        let near = did_you_mean(value.as_str().unwrap_or_default(), words.iter().copied());
        let advice =
            near.map_or_else(|| format!("write one of {}", words.join(", ")), |word| format!("did you mean {word}?"));
        self.error(OUT_OF_BOUNDS, path, at, format!("is {value}: {advice}"));
    }

    fn number(&mut self, number: &serde_json::Number, at: Span, schema: &Json, path: &str) {
        let format_max = match schema.get("format").and_then(Json::as_str) {
            Some("int32") => Some(f64::from(i32::MAX)),
            _ => None,
        };
        let bound = |name: &str| schema.get(name).and_then(Json::as_f64);
        let least = bound("minimum").or(format_max.map(|max| -max - 1.0));
        let greatest = bound("maximum").or(format_max);
        let value = number.as_f64().unwrap_or(f64::NAN);
        if least.is_some_and(|least| value < least) || greatest.is_some_and(|greatest| value > greatest) {
            self.error(
                OUT_OF_BOUNDS,
                path,
                at,
                format!("is {number}: write a number {}", range(least, greatest).replacen("at ", "of at ", 1)),
            );
        }
    }

    fn count(&mut self, count: usize, bounds: [&str; 2], what: &str, at: Span, schema: &Json, path: &str) {
        let [least, greatest] = bounds.map(|name| schema.get(name).and_then(Json::as_u64));
        #[allow(clippy::cast_precision_loss, reason = "bounds are small")]
        let as_float = |n: u64| n as f64;
        let count_wide = u64::try_from(count).unwrap_or(u64::MAX);
        if least.is_some_and(|least| count_wide < least) || greatest.is_some_and(|greatest| count_wide > greatest) {
            let range = range(least.map(as_float), greatest.map(as_float));
            let last = greatest.or(least).and_then(|bound| usize::try_from(bound).ok()).unwrap_or_default();
            let state = if count == 0 { "is empty".to_owned() } else { format!("has {count} {}", plural(what, count)) };
            self.error(OUT_OF_BOUNDS, path, at, format!("{state}: write {range} {}", plural(what, last)));
        }
    }
}

/// What a schema asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Object,
    Array,
    Text,
    Integer,
    Number,
    Bool,
    IntOrText,
    Anything,
}

impl Wanted {
    fn of(schema: &Json) -> Self {
        let flag = |name: &str| schema.get(name) == Some(&Json::Bool(true));
        if flag("x-kubernetes-int-or-string") {
            return Self::IntOrText;
        }
        if flag("x-kubernetes-preserve-unknown-fields") {
            return Self::Anything;
        }
        match schema.get("type").and_then(Json::as_str) {
            Some("object") => Self::Object,
            Some("array") => Self::Array,
            Some("string") => Self::Text,
            Some("integer") => Self::Integer,
            Some("number") => Self::Number,
            Some("boolean") => Self::Bool,
            _ => Self::Anything,
        }
    }

    fn accepts(self, value: &Value) -> bool {
        match self {
            Self::Object => matches!(value, Value::Map(_)),
            Self::Array => matches!(value, Value::List(_)),
            Self::Text => matches!(value, Value::Text(_)),
            Self::Integer => matches!(value, Value::Number(n) if !n.is_f64()),
            Self::Number => matches!(value, Value::Number(_)),
            Self::Bool => matches!(value, Value::Bool(_)),
            Self::IntOrText => matches!(value, Value::Text(_)) || Self::Integer.accepts(value),
            Self::Anything => true,
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Object => "a mapping",
            Self::Array => "a list, each element after `- `",
            Self::Text => "a text",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Bool => "true or false",
            Self::IntOrText => "a whole number or a text",
            Self::Anything => "a value",
        }
    }
}

/// What is wrong with the type of a value that was written as `raw`, and how it should look.
fn wrong_type(value: &Value, raw: &str, wanted: Wanted) -> String {
    let (found, scalar) = match value {
        Value::Null => ("is null".to_owned(), None),
        Value::Bool(b) => (format!("is {b}, a boolean"), Some(raw)),
        Value::Number(n) => (format!("is {n}, a number"), Some(raw)),
        Value::Text(t) => (format!("is {}, a text", quoted(t)), Some(t.as_str())),
        Value::List(_) => ("is a list".to_owned(), None),
        Value::Map(_) => ("is a mapping".to_owned(), None),
    };
    let example = scalar.and_then(|s| match wanted {
        Wanted::Text | Wanted::IntOrText => Some(format!(", in quotes: {}", quoted(s))),
        Wanted::Integer => s.parse::<i64>().ok().map(|n| format!(", without quotes: {n}")),
        Wanted::Number => s.parse::<f64>().ok().map(|n| format!(", without quotes: {n}")),
        Wanted::Bool => s.parse::<bool>().ok().map(|b| format!(", without quotes: {b}")),
        Wanted::Object | Wanted::Array | Wanted::Anything => None,
    });
    format!("{found}: write {}{}", wanted.noun(), example.unwrap_or_default())
}

/// Type and first sentence of a property, as advice on what to write.
fn described(property: &Json) -> String {
    let noun = Wanted::of(property).noun();
    let text = property.get("description").and_then(Json::as_str).unwrap_or_default();
    let first = text.lines().next().unwrap_or_default().split(". ").next().unwrap_or_default().trim_end_matches('.');
    if first.is_empty() { noun.to_owned() } else { format!("{noun} ({first})") }
}

/// What a pattern means, for people; the pattern itself where it has no name yet.
fn form_of(pattern: &str) -> String {
    match pattern {
        NAME_PATTERN => "lower-case letters, digits, '-' or '.', with a letter or digit at both ends".to_owned(),
        LABEL_PATTERN => "lower-case letters, digits or '-', with a letter or digit at both ends".to_owned(),
        quantity if quantity.contains("KMGTPE") => "a quantity such as 2, 500m or 4Gi".to_owned(),
        other => format!("a text that matches {other}"),
    }
}

/// Names of objects (DNS-1123 subdomain).
const NAME_PATTERN: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// Names of namespaces (DNS-1123 label).
const LABEL_PATTERN: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";

/// The schema of `metadata`, which the API server knows by itself and no definition spells out.
pub(crate) fn metadata_schema() -> Json {
    let text = || serde_json::json!({ "type": "string" });
    let texts = || serde_json::json!({ "type": "object", "additionalProperties": { "type": "string" } });
    let anything = || serde_json::json!({ "x-kubernetes-preserve-unknown-fields": true });
    let time = || serde_json::json!({ "type": "string", "format": "date-time" });
    serde_json::json!({
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": { "type": "string", "description": "Name of the node.", "maxLength": 253, "pattern": NAME_PATTERN },
            "namespace": { "type": "string", "maxLength": 63, "pattern": LABEL_PATTERN },
            "labels": texts(), "annotations": texts(),
            "generation": { "type": "integer" }, "uid": text(), "resourceVersion": text(), "generateName": text(),
            "finalizers": { "type": "array", "items": text() },
            "ownerReferences": anything(), "managedFields": anything(), "selfLink": text(),
            "creationTimestamp": time(), "deletionTimestamp": time(), "deletionGracePeriodSeconds": { "type": "integer" },
        }
    })
}

/// Whether a text has the form of a pattern. Patterns are few and fixed, and compiling one costs far more than asking it.
fn matches(pattern: &str, text: &str) -> bool {
    thread_local! {
        static COMPILED: RefCell<BTreeMap<String, Option<Regex>>> = const { RefCell::new(BTreeMap::new()) };
    }
    COMPILED.with_borrow_mut(|compiled| {
        if !compiled.contains_key(pattern) {
            compiled.insert(pattern.to_owned(), Regex::new(pattern).ok());
        }
        compiled.get(pattern).and_then(Option::as_ref).is_none_or(|regex| regex.is_match(text))
    })
}

/// `least` to `greatest` in words.
fn range(least: Option<f64>, greatest: Option<f64>) -> String {
    match (least, greatest) {
        (Some(least), Some(greatest)) => format!("from {least} to {greatest}"),
        (Some(least), None) => format!("at least {least}"),
        (None, Some(greatest)) => format!("at most {greatest}"),
        (None, None) => String::new(),
    }
}

fn plural(noun: &str, count: usize) -> String {
    match noun.strip_suffix('y') {
        _ if count == 1 => noun.to_owned(),
        Some(stem) => format!("{stem}ies"),
        None => format!("{noun}s"),
    }
}

fn dotted(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn keyed(path: &str, key: &str) -> String {
    format!("{path}[{key}]")
}

/// A text in quotes, cut where it gets long.
fn quoted(text: &str) -> String {
    const SHOWN_MAX: usize = 60;
    let mut short: String = text.chars().take(SHOWN_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}
