//! Secrets from files, as facts about a cluster. **Nothing that is said about one holds a byte of its contents**: no line of
//! the file is shown, no word of a parser is passed on, and nothing here can be printed for debugging.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use serde_json::Value as Json;

use super::diagnostics::{Code, Diagnostic, SECRET_OF_NOBODY, SECRET_SKIPPED, SECRET_UNUSABLE, Severity};
use super::documents::{DEFAULT_NAMESPACE, chunks};
use super::sources::Sources;
use super::yaml::{self, Node, Span};

/// A Secret, and where it was read.
struct Found {
    secret: Secret,
    file: String,
    at: Span,
}

/// The Secrets of some files, by namespace and name.
#[derive(Default)]
pub(crate) struct Secrets {
    found: BTreeMap<(String, String), Found>,
    /// Everything there is to say about the files. Never to be shown with lines of them.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl Secrets {
    /// Reads files, directories and standard input (`-`).
    pub(crate) fn read(paths: &[PathBuf]) -> Self {
        let mut secrets = Self::default();
        let mut sources = Sources::default();
        let files = sources.read(paths, &mut secrets.diagnostics);
        files.iter().for_each(|file| secrets.file(file, sources.text(file)));
        secrets
    }

    /// The Secrets of one text.
    pub(crate) fn of(name: &str, text: &str) -> Self {
        let mut secrets = Self::default();
        secrets.file(name, text);
        secrets
    }

    /// The Secret of this name.
    pub(crate) fn get(&self, namespace: &str, name: &str) -> Option<&Secret> {
        self.found.get(&(namespace.to_owned(), name.to_owned())).map(|found| &found.secret)
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Secret> {
        self.found.values().map(|found| &found.secret)
    }

    /// A warning for each Secret that nobody names.
    pub(crate) fn unnamed(&self, named: &BTreeSet<(String, String)>) -> Vec<Diagnostic> {
        let unused = self.found.iter().filter(|(key, _)| !named.contains(key));
        unused
            .map(|((namespace, name), found)| Diagnostic {
                severity: Severity::Warning,
                code: SECRET_OF_NOBODY.id,
                field: "metadata.name".to_owned(),
                message: format!("names the Secret {namespace}/{name}, which no planned node asks for"),
                file: found.file.clone(),
                at: found.at,
            })
            .collect()
    }

    fn file(&mut self, file: &str, text: &str) {
        for (first_line, chunk) in chunks(text) {
            match yaml::parse(chunk, first_line) {
                Ok(nodes) => nodes.iter().for_each(|node| self.object(file, node)),
                Err(fault) => self.unusable(file, fault.at, "", "the document is not YAML".to_owned()),
            }
        }
    }

    fn object(&mut self, file: &str, node: &Node) {
        let kind = (node.text("apiVersion").unwrap_or_default(), node.text("kind").unwrap_or_default());
        if kind == ("v1", "List") || kind == ("v1", "SecretList") {
            let items = node.entry("items").map(|entry| entry.node.elements()).unwrap_or_default();
            return items.iter().for_each(|item| self.object(file, item));
        }
        if kind != ("v1", "Secret") {
            let message = "is no v1 Secret: skipped".to_owned();
            return self.say(Severity::Note, SECRET_SKIPPED, file, node.locate("kind"), "kind", message);
        }
        let metadata = node.entry("metadata").map(|entry| &entry.node);
        let text = |key| metadata.and_then(|metadata| metadata.text(key)).filter(|text| !text.is_empty());
        let Some(name) = text("name") else {
            return self.unusable(file, node.at, "metadata.name", "is missing".to_owned());
        };
        let namespace = text("namespace").unwrap_or(DEFAULT_NAMESPACE);
        if let Some(fault) = node.duplicates().first() {
            return self.unusable(file, fault.at, "", format!("a key of the Secret {name} stands twice"));
        }
        let Some(secret) = self.decoded(file, node, name) else { return };
        let at = node.locate("metadata.name");
        self.found.insert((namespace.to_owned(), name.to_owned()), Found { secret, file: file.to_owned(), at });
    }

    /// The Secret as the API server stores it: `stringData` laid over `data`.
    fn decoded(&mut self, file: &str, node: &Node, name: &str) -> Option<Secret> {
        let mut plain = node.plain();
        let fields = plain.as_object_mut()?;
        let written = fields.remove("stringData");
        let encoded = fields.remove("data");
        let Ok(mut secret) = serde_json::from_value::<Secret>(plain) else {
            self.unusable(file, node.at, "", format!("the Secret {name} does not have the form of one"));
            return None;
        };
        let mut data = BTreeMap::new();
        let mut good = true;
        for (member, values, of_json) in
            [("data", encoded, from_base64 as fn(Json) -> Option<ByteString>), ("stringData", written, from_text)]
        {
            for (key, value) in values.as_ref().and_then(Json::as_object).into_iter().flatten() {
                if let Some(bytes) = of_json(value.clone()) {
                    data.insert(key.clone(), bytes);
                } else {
                    good = false;
                    let at = node.key_of(&[member, key]);
                    let wanted = if member == "data" { "is not base64" } else { "is no text" };
                    self.unusable(file, at, &format!("{member}[{key}]"), format!("{wanted} (Secret {name})"));
                }
            }
        }
        secret.data = Some(data);
        good.then_some(secret)
    }

    fn unusable(&mut self, file: &str, at: Span, field: &str, message: String) {
        self.say(Severity::Error, SECRET_UNUSABLE, file, at, field, message);
    }

    fn say(&mut self, severity: Severity, code: Code, file: &str, at: Span, field: &str, message: String) {
        let (file, field) = (file.to_owned(), field.to_owned());
        self.diagnostics.push(Diagnostic { severity, code: code.id, field, message, file, at });
    }
}

fn from_base64(value: Json) -> Option<ByteString> {
    serde_json::from_value(value).ok()
}

fn from_text(value: Json) -> Option<ByteString> {
    value.as_str().map(|text| ByteString(text.as_bytes().to_vec()))
}
