//! From the text of a file to documents: split, skip what is empty, expand lists, and tell our kinds from others.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::LazyLock;
use std::thread;

use sei_planner::api::{self, SeiNode};
use sei_planner::node::Problem;
use sei_planner::words::did_you_mean;
use sei_tasks::admission::{Admission, Violation};
use serde_json::Value as Json;

use super::diagnostics::{
    Code, DUPLICATE_KEY, Diagnostic, FOREIGN_KIND, MISSING, NOT_AN_OBJECT, REFUSED_BY_RULE, SAME_OBJECT, Severity,
    UNDECODABLE, UNSUPPORTED_KIND, WRONG_API_VERSION, WRONG_TYPE, YAML_SYNTAX,
};
use super::schema;
use super::yaml::{self, Fault, Node, Span, Value};

/// Namespace of an object that names none, as kubectl has it.
pub(super) const DEFAULT_NAMESPACE: &str = "default";

/// One object of ours, or a document that might be one.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// Kind; empty where the document does not say.
    pub(crate) kind: String,
    /// Namespace.
    pub(crate) namespace: String,
    /// Name; empty where the document does not say.
    pub(crate) name: String,
    /// The node as the API server would store it, unless there are problems.
    pub(crate) node: Option<Box<SeiNode>>,
    /// Everything that is wrong with it.
    pub(crate) problems: Vec<Diagnostic>,
    /// Rules of the schema that refuse it as a new object.
    pub(crate) rules: Vec<Diagnostic>,
    /// Name of its file.
    pub(crate) file: String,
    /// The document with its places.
    tree: Node,
}

impl Document {
    /// A document about which nothing is known but what is wrong with it.
    pub(crate) fn broken(problem: Diagnostic) -> Self {
        let tree = Node { value: Value::Null, at: problem.at };
        let empty = String::new;
        Self {
            kind: empty(),
            namespace: empty(),
            name: empty(),
            node: None,
            rules: Vec::new(),
            file: problem.file.clone(),
            problems: vec![problem],
            tree,
        }
    }

    /// A problem that was found later, at a field of this document.
    pub(crate) fn problem(&self, code: &'static str, field: &str, message: &str) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            code,
            field: field.to_owned(),
            message: message.to_owned(),
            file: self.file.clone(),
            at: self.tree.locate(field),
        }
    }
}

impl Document {
    /// What rules of the API server say against this document.
    pub(crate) fn refused_by_rules(&self, violations: &[Violation]) -> Vec<Diagnostic> {
        rules_of(violations)
            .map(|violation| self.problem(REFUSED_BY_RULE.id, &violation.path, &violation.message))
            .collect()
    }

    /// Everything against a document that the planner looked at: the planner's words, and those of rules about other fields.
    pub(crate) fn judged(&self, planner: &[Problem], rules: &[Diagnostic]) -> Vec<Diagnostic> {
        let said = planner.iter().map(|p| self.problem(p.code, &p.field, &p.message));
        let rules = rules.iter().filter(|rule| planner.iter().all(|p| p.field != rule.field));
        said.chain(rules.cloned()).collect()
    }
}

/// Rules that refuse; one that cannot be evaluated, because another is broken, only where it stands alone.
pub(crate) fn rules_of(violations: &[Violation]) -> impl Iterator<Item = &Violation> {
    let refused = |violation: &&Violation| violation.rule.is_some() && !violation.message.starts_with(NOT_EVALUATED);
    let any = violations.iter().any(|violation| refused(&violation));
    violations.iter().filter(move |violation| if any { refused(violation) } else { violation.rule.is_some() })
}

/// How the message of a rule begins that could not be evaluated.
const NOT_EVALUATED: &str = "rule evaluation error";

/// Whether a document was not read from a cluster: what is stored there passed the rules of its time.
fn is_new(object: &Json) -> bool {
    object.get("status").is_none() && object.pointer("/metadata/uid").is_none()
}

/// What the API server accepts.
pub(crate) static ADMISSION: LazyLock<Admission> = LazyLock::new(|| Admission::of_schema(STORED.clone()));

/// Reads the documents of files one by one.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// What was read.
    pub(crate) documents: Vec<Document>,
    /// Warnings and notes.
    pub(crate) remarks: Vec<Diagnostic>,
    first_places: BTreeMap<(String, String, String), String>,
    saw_list: bool,
}

impl Reader {
    /// Whether nothing was found that is an object, a list of none, or meant to be one.
    pub(crate) fn is_empty(&self) -> bool {
        self.documents.is_empty() && self.remarks.is_empty() && !self.saw_list
    }

    /// Reads every document of a file.
    pub(crate) fn file(&mut self, file: &str, text: &str) {
        let parts = in_parallel(&chunks(text), |(first_line, chunk)| Self::part(file, text, *first_line, chunk));
        for part in parts {
            self.saw_list |= part.saw_list;
            self.remarks.extend(part.remarks);
            for document in part.documents {
                self.warn_of_same_object(&document);
                self.documents.push(document);
            }
        }
    }

    /// What stands in one part of a file, looked at for itself.
    fn part(file: &str, text: &str, first_line: usize, chunk: &str) -> Self {
        let mut part = Self::default();
        match yaml::parse(chunk, first_line) {
            Ok(nodes) => nodes.into_iter().for_each(|node| part.object(file, text, node)),
            Err(fault) => part.documents.push(Document::broken(syntax_error(file, first_line, fault))),
        }
        part
    }

    fn object(&mut self, file: &str, text_of_file: &str, node: Node) {
        if is_list(&node) {
            self.saw_list = true;
            let items = node.entry("items").map(|entry| entry.node.elements()).unwrap_or_default();
            return items.iter().for_each(|item| self.object(file, text_of_file, item.clone()));
        }
        let mut document = Document {
            kind: text(&node, "kind"),
            namespace: metadata(&node, "namespace").unwrap_or(DEFAULT_NAMESPACE).to_owned(),
            name: metadata(&node, "name").unwrap_or_default().to_owned(),
            node: None,
            problems: Vec::new(),
            rules: Vec::new(),
            file: file.to_owned(),
            tree: node,
        };
        match classify(&document) {
            Class::Ours => self.node(text_of_file, &mut document),
            Class::Foreign(remark) => return self.remarks.push(*remark),
            Class::Wrong(problems) => document.problems = problems,
        }
        let duplicates = document.tree.duplicates();
        document.problems.extend(duplicates.iter().map(|fault| duplicate_key(file, fault)));
        if !document.problems.is_empty() {
            document.node = None;
        }
        self.documents.push(document);
    }

    /// Checks a SeiNode against its schema, and decodes it.
    fn node(&mut self, text_of_file: &str, document: &mut Document) {
        let (mut stored, findings) = schema::check(&document.tree, text_of_file, &SCHEMA);
        for finding in findings {
            let diagnostic = Diagnostic {
                severity: finding.severity,
                code: finding.code.id,
                field: finding.field,
                message: finding.message,
                file: document.file.clone(),
                at: finding.at,
            };
            if finding.severity == Severity::Error {
                document.problems.push(diagnostic)
            } else {
                self.remarks.push(diagnostic)
            }
        }
        if !document.problems.is_empty() {
            return;
        }
        if is_new(&stored) {
            document.rules = document.refused_by_rules(&ADMISSION.create(&stored));
        }
        if let Some(metadata) = stored.get_mut("metadata").and_then(Json::as_object_mut) {
            metadata.insert("namespace".to_owned(), document.namespace.as_str().into());
        }
        match serde_json::from_value(stored) {
            Ok(node) => document.node = Some(node),
            Err(error) => {
                document.problems.push(document.problem(UNDECODABLE.id, "", &format!("cannot be read: {error}")))
            }
        }
    }

    fn warn_of_same_object(&mut self, document: &Document) {
        if document.name.is_empty() {
            return;
        }
        let key = (document.kind.clone(), document.namespace.clone(), document.name.clone());
        let remark =
            Diagnostic { severity: Severity::Warning, ..document.problem(SAME_OBJECT.id, "metadata.name", "") };
        if let Some(first) = self.first_places.insert(key, remark.place()) {
            let message = format!("names the same object as {first}: keep one of the two, the last one applied wins");
            self.remarks.push(Diagnostic { message, ..remark });
        }
    }
}

/// What to do with a document.
enum Class {
    /// Plan it.
    Ours,
    /// Skip it, and say so.
    Foreign(Box<Diagnostic>),
    /// Refuse it.
    Wrong(Vec<Diagnostic>),
}

fn classify(document: &Document) -> Class {
    let tree = &document.tree;
    if !matches!(tree.value, Value::Map(_)) {
        let message = "the document is no mapping: write apiVersion, kind, metadata and spec";
        return Class::Wrong(vec![document.problem(NOT_AN_OBJECT.id, "", message)]);
    }
    let problems: Vec<_> = ["apiVersion", "kind"].into_iter().filter_map(|field| no_text(document, field)).collect();
    if !problems.is_empty() {
        return Class::Wrong(problems);
    }
    let api_version = text(tree, "apiVersion");
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let ours = group == api::GROUP || group.strip_suffix(api::GROUP).is_some_and(|rest| rest.ends_with('.'));
    let kind = document.kind.as_str();
    if kind == api::KIND && api_version == api::API_VERSION {
        return Class::Ours;
    }
    if kind == api::KIND {
        let message = format!("is {api_version:?}: write {}", api::API_VERSION);
        return Class::Wrong(vec![document.problem(WRONG_API_VERSION.id, "apiVersion", &message)]);
    }
    if !ours {
        let message = format!("is {kind:?} of {api_version:?}, which is not ours: skipped");
        let remark = document.problem(FOREIGN_KIND.id, "kind", &message);
        return Class::Foreign(Box::new(Diagnostic { severity: Severity::Note, ..remark }));
    }
    let near = did_you_mean(kind, [api::KIND].into_iter()).map(|name| format!("; did you mean {name}?"));
    let message = format!("is {kind:?}: this version plans {} only{}", api::KIND, near.unwrap_or_default());
    Class::Wrong(vec![document.problem(UNSUPPORTED_KIND.id, "kind", &message)])
}

/// The problem with a field that must be a text, if it is not.
fn no_text(document: &Document, field: &str) -> Option<Diagnostic> {
    let example = if field == "kind" { api::KIND } else { api::API_VERSION };
    let (code, state): (Code, &str) = match document.tree.entry(field).map(|entry| &entry.node.value) {
        Some(Value::Text(text)) if !text.is_empty() => return None,
        None | Some(Value::Null | Value::Text(_)) => (MISSING, "is missing"),
        Some(Value::Bool(_) | Value::Number(_) | Value::List(_) | Value::Map(_)) => (WRONG_TYPE, "is no text"),
    };
    Some(document.problem(code.id, field, &format!("{state}: write {field}: {example}")))
}

/// The schema of a SeiNode as the API server has it. Making it from the types takes longer than all the rest of a plan, so it
/// is read from the file that `crds --schema` writes; a test compares the two.
static STORED: LazyLock<Json> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../docs/schema/seinode.schema.json")).unwrap_or_default()
});

/// The schema of a SeiNode, with that of its metadata.
static SCHEMA: LazyLock<Json> = LazyLock::new(|| {
    let mut schema = STORED.clone();
    if let Some(root) = schema.as_object_mut() {
        // The API server stores a SeiNode without these; there is nothing to plan for it.
        root.insert("required".to_owned(), serde_json::json!(["metadata", "spec"]));
    }
    for name in ["apiVersion", "kind"] {
        schema["properties"][name] = serde_json::json!({ "type": "string" });
    }
    schema["properties"]["metadata"] = schema::metadata_schema();
    schema
});

/// Whether a document is a list of objects: `kind: List` of the core group, or the list of one of our kinds.
fn is_list(node: &Node) -> bool {
    let (api_version, kind) = (text(node, "apiVersion"), text(node, "kind"));
    (api_version == "v1" && kind == "List") || (api_version.starts_with("sei.io/") && kind.ends_with("List"))
}

fn text(node: &Node, key: &str) -> String {
    node.text(key).unwrap_or_default().to_owned()
}

fn metadata<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    node.entry("metadata")?.node.text(key).filter(|text| !text.is_empty())
}

fn syntax_error(file: &str, first_line: usize, fault: Fault) -> Diagnostic {
    let at = if fault.at.line == 0 { Span { line: first_line, column: 1, width: 1 } } else { fault.at };
    Diagnostic {
        severity: Severity::Error,
        code: YAML_SYNTAX.id,
        field: String::new(),
        message: format!("{}; check indentation, quotes and brackets here and just above", fault.message),
        file: file.to_owned(),
        at,
    }
}

fn duplicate_key(file: &str, fault: &Fault) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        code: DUPLICATE_KEY.id,
        field: String::new(),
        message: fault.message.clone(),
        file: file.to_owned(),
        at: fault.at,
    }
}

/// `work` done for each item, on as many processors as there are where that is worth it. The answers keep their order.
fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    /// Fewer items are done before a thread has started.
    const SHARE_MIN: usize = 64;
    // How many processors there are is asked last: Linux reads files to answer.
    let most = items.len() / SHARE_MIN;
    let threads = if most < 2 { 1 } else { most.min(thread::available_parallelism().map_or(1, usize::from)) };
    if threads < 2 {
        return items.iter().map(work).collect();
    }
    let work = &work;
    thread::scope(|scope| {
        let shares = items.chunks(items.len().div_ceil(threads));
        let running: Vec<_> =
            shares.map(|share| scope.spawn(move || share.iter().map(work).collect::<Vec<_>>())).collect();
        let done = running.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        done.flatten().collect()
    })
}

/// The parts of a text between document markers (`---`), each with the number of its first line, so that one bad
/// document does not hide the others. YAML allows no other meaning for `---` at the start of a line.
pub(super) fn chunks(text: &str) -> Vec<(usize, &str)> {
    let mut chunks = Vec::new();
    let (mut start, mut start_line, mut at) = (0, 1, 0);
    for (line, content) in (1..).zip(text.split_inclusive('\n')) {
        let marker =
            content.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace));
        if marker && at > start {
            chunks.push((start_line, &text[start..at]));
            (start, start_line) = (at, line);
        }
        at += content.len();
    }
    chunks.push((start_line, &text[start..]));
    chunks.retain(|(_, chunk)| !is_blank(chunk));
    chunks
}

/// Nothing but comments, directives and white space.
fn is_blank(chunk: &str) -> bool {
    let chunk = chunk.strip_prefix("---").unwrap_or(chunk);
    chunk
        .lines()
        .all(|line| line.trim_start().is_empty() || line.trim_start().starts_with('#') || line.starts_with('%'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keywords that [`schema`] checks, and those that say nothing about a document.
    const KEYWORDS: [&str; 26] = [
        "additionalProperties",
        "anyOf", // Only of quantities, whose pattern says the same.
        "default",
        "description",
        "enum",
        "format",
        "items",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "pattern",
        "properties",
        "required",
        "type",
        "x-kubernetes-int-or-string",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-list-type",
        "x-kubernetes-map-type",
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-validations", // CEL is left to the API server and the planner.
        "title",
    ];

    fn walk(schema: &Json, seen: &mut dyn FnMut(&str, &Json)) {
        for (keyword, value) in schema.as_object().into_iter().flatten() {
            seen(keyword, value);
            match keyword.as_str() {
                "properties" => value.as_object().into_iter().flatten().for_each(|(_, inner)| walk(inner, seen)),
                "items" | "additionalProperties" => walk(value, seen),
                _ => {}
            }
        }
    }

    #[test]
    fn the_kept_schema_is_that_of_the_types() {
        assert_eq!(
            *STORED,
            api::crd::schema().unwrap_or_default(),
            "`just generate` writes docs/schema/seinode.schema.json"
        );
    }

    #[test]
    fn answers_keep_their_order() {
        let items: Vec<usize> = (0..1000).collect();
        assert_eq!(in_parallel(&items, |n| n * 2), items.iter().map(|n| n * 2).collect::<Vec<_>>());
    }

    #[test]
    fn the_schema_says_nothing_that_is_not_checked() {
        walk(&SCHEMA, &mut |keyword, value| {
            assert!(KEYWORDS.contains(&keyword), "{keyword} is not checked");
            if keyword == "pattern" {
                assert!(value.as_str().is_some_and(|pattern| regex::Regex::new(pattern).is_ok()), "{value}");
            }
            if keyword == "format" {
                assert!(["int32", "int64", "date-time"].contains(&value.as_str().unwrap_or_default()), "{value}");
            }
        });
    }

    #[test]
    fn texts_are_split_at_markers_only() {
        let lines = |text: &str| chunks(text).into_iter().map(|(line, _)| line).collect::<Vec<_>>();
        assert_eq!(lines("a: 1\n---\nb: 2\n--- {c: 3}\n"), [1, 2, 4]);
        assert_eq!(lines("%YAML 1.2\n---\na: 1\n---\n# nothing\n---"), [2]);
        assert_eq!(lines("a: |\n  ---\n  b\nc: ----\n---x: 1\n"), [1]);
        assert_eq!(lines("---\r\na: 1\r\n---\r\nb: 2\r\n"), [1, 3]);
        assert_eq!(lines(""), [0; 0]);
    }
}
