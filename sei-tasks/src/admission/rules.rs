//! Rules in CEL, `x-kubernetes-validations`, by kube's library, and what it does otherwise than the API server: it does
//! not know fields named like words of CEL, it forgives nothing on an update, and it compares elements of any list with
//! those that stood at their index, where an API server would not have such a rule. Costs only the API server estimates.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use kube::core::cel::{CompiledSchema, ErrorKind, ValidationError, compile_schema, validate_compiled};
use regex::Regex;
use serde_json::Value;

use super::Violation;
use super::unchanged::{schema_of_field, unchanged};

/// The keyword under which rules stand in a schema.
const KEYWORD: &str = "x-kubernetes-validations";
/// Fields of these names are read by their plain name on an API server. The library knows only the escaped one, takes
/// the plain one for an absent field, and a rule about it would hold for every object.
const WORDS_OF_CEL: &str =
    r"\.(as|break|const|continue|else|for|function|if|import|let|loop|package|namespace|return|var|void|while)\b";

/// The compiled rules of a schema: those of the whole object, and by field those of what is in it. A field that did not
/// change is not looked at again: that is what makes a write of status cheap. A rule about changes that does not let
/// a field be what it was would be missed; nobody could write such an object at all.
#[derive(Debug)]
pub(super) struct Rules {
    whole: CompiledSchema,
    /// The fields that rules of the whole object name, where they name nothing but fields: the others need not be shown
    /// to them, and status is large.
    named: Option<BTreeSet<String>>,
    fields: BTreeMap<String, CompiledSchema>,
    /// Rules by their spelling for the library.
    originals: BTreeMap<String, String>,
}

impl Rules {
    pub(super) fn of(schema: &Value) -> Self {
        let mut schema = schema.clone();
        let named = named_fields(&schema);
        let mut originals = BTreeMap::new();
        if let Ok(words) = Regex::new(WORDS_OF_CEL) {
            respell(&mut schema, &words, &mut originals);
        }
        let of_fields = schema.as_object_mut().and_then(|schema| schema.remove("properties"));
        let of_fields = of_fields.as_ref().and_then(Value::as_object).into_iter().flatten();
        let with_rules = of_fields.filter(|(_, schema)| has_rules(schema));
        let fields = with_rules.map(|(name, schema)| (name.clone(), compile_schema(schema))).collect();
        Self { whole: compile_schema(&schema), named, fields, originals }
    }

    /// The rules that do not hold for an object, or for its change from `old`. Both are in their stored form.
    pub(super) fn check(&self, schema: &Value, object: &Value, old: Option<&Value>) -> Vec<Violation> {
        let old_named = old.map(|old| self.named_of(old));
        let mut errors = broken(&self.whole, &self.named_of(object), old_named.as_deref(), "");
        for (name, compiled) in &self.fields {
            let before = old.and_then(|old| old.get(name));
            if let Some(field) = object.get(name).filter(|field| before != Some(field)) {
                errors.extend(broken(compiled, field, before, name));
            }
        }
        let new = errors.into_iter().filter(|error| !old.is_some_and(|old| was_so_before(error, schema, object, old)));
        new.map(|error| self.violation(error)).collect()
    }

    fn named_of<'a>(&self, object: &'a Value) -> Cow<'a, Value> {
        match (&self.named, object) {
            (Some(named), Value::Object(fields)) => {
                let shown = fields.iter().filter(|(name, _)| named.contains(*name));
                Cow::Owned(Value::Object(shown.map(|(name, value)| (name.clone(), value.clone())).collect()))
            }
            _ => Cow::Borrowed(object),
        }
    }

    fn violation(&self, error: ValidationError) -> Violation {
        let rule = self.originals.get(&error.rule).cloned().unwrap_or(error.rule);
        Violation { path: error.field_path, keyword: KEYWORD, rule: Some(rule), message: error.message }
    }
}

/// `None` when a rule of the whole object looks at more than fields that it names.
fn named_fields(schema: &Value) -> Option<BTreeSet<String>> {
    let uses = Regex::new(r"\b(?:self|oldSelf)\b(?:\.(\w+))?").ok()?;
    let rules = schema.get(KEYWORD).and_then(Value::as_array).into_iter().flatten();
    let mut named = BTreeSet::new();
    for rule in rules {
        if rule.get("messageExpression").is_some() {
            return None;
        }
        for used in uses.captures_iter(rule.get("rule")?.as_str()?) {
            named.insert(used.get(1)?.as_str().to_owned());
        }
    }
    Some(named)
}

/// The rules that do not hold for what is at a path.
fn broken(compiled: &CompiledSchema, value: &Value, old: Option<&Value>, path: &str) -> Vec<ValidationError> {
    let errors = validate_compiled(compiled, value, old).err().into_iter().flatten();
    let placed = errors.map(|mut error| {
        let dot =
            if path.is_empty() || error.field_path.is_empty() || error.field_path.starts_with('[') { "" } else { "." };
        error.field_path = format!("{path}{dot}{}", error.field_path);
        error
    });
    placed.collect()
}

fn has_rules(schema: &Value) -> bool {
    match schema {
        Value::Object(fields) => fields.contains_key(KEYWORD) || fields.values().any(has_rules),
        Value::Array(items) => items.iter().any(has_rules),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Escapes words of CEL in every rule of a schema, and notes what the rules looked like.
fn respell(schema: &mut Value, words: &Regex, originals: &mut BTreeMap<String, String>) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::Array(rules)) = fields.get_mut(KEYWORD) {
                rules.iter_mut().for_each(|rule| respell_rule(rule, words, originals));
            }
            fields.values_mut().for_each(|inner| respell(inner, words, originals));
        }
        Value::Array(items) => items.iter_mut().for_each(|inner| respell(inner, words, originals)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn respell_rule(rule: &mut Value, words: &Regex, originals: &mut BTreeMap<String, String>) {
    if let Some(Value::String(text)) = rule.get_mut("rule") {
        let spelled = words.replace_all(text, ".__${1}__").into_owned();
        originals.insert(spelled.clone(), std::mem::replace(text, spelled));
    }
}

/// The API server forgives a value that breaks a rule when the update does not touch it. It knows no better for an
/// element of a list than that the whole list is the same.
fn was_so_before(error: &ValidationError, schema: &Value, object: &Value, old: &Value) -> bool {
    if error.kind != ErrorKind::ValidationFailure || error.rule.contains("oldSelf") {
        return false;
    }
    let outside_lists = error.field_path.split('[').next().unwrap_or_default();
    let names = || outside_lists.split('.').filter(|name| !name.is_empty());
    let value = |root| names().try_fold(root, |here: &Value, name| here.get(name));
    let schema = names().fold(schema, schema_of_field);
    matches!((value(object), value(old)), (Some(new), Some(old)) if unchanged(schema, new, old))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(rule: &str, object: &Value, old: Option<&Value>) -> Vec<Violation> {
        let schema = json!({
            "type": "object",
            "properties": {
                "import": { "type": "string" },
                "imported": { "type": "string" },
                "list": { "type": "array", "items": { "type": "object", "properties": { "a": { "type": "integer" } } } },
            },
            "x-kubernetes-validations": [{ "rule": rule, "message": "no" }],
        });
        Rules::of(&schema).check(&schema, object, old)
    }

    #[test]
    fn words_are_respelled_where_they_are_whole_fields_and_told_as_they_were() {
        let rule = "has(self.import) && has(self.imported)";
        assert_eq!(check(rule, &json!({"import": "a", "imported": "b"}), None), []);
        let found = check(rule, &json!({"imported": "b"}), None);
        assert_eq!(found[0].rule.as_deref(), Some(rule));
        assert_eq!(check(rule, &json!({"import": "a"}), None).len(), 1);
    }

    #[test]
    fn the_library_alone_would_not_find_such_a_field() {
        let schema = json!({ "x-kubernetes-validations": [{ "rule": "has(self.import)" }] });
        assert!(validate_compiled(&compile_schema(&schema), &json!({"import": "a"}), None).is_err());
    }

    #[test]
    fn rules_of_the_whole_are_shown_what_they_name() {
        let named = |rule: &str| named_fields(&json!({ "x-kubernetes-validations": [{ "rule": rule }] }));
        let fields = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(named("!has(oldSelf.spec) || has(self.spec.image)"), fields(&["spec"]));
        assert_eq!(named("self == oldSelf"), None);
        assert_eq!(named_fields(&json!({})), fields(&[]));
    }

    #[test]
    fn a_rule_about_changes_is_never_forgiven() {
        let old = json!({"import": "a"});
        assert_eq!(check("oldSelf.import != self.import", &old, Some(&old)).len(), 1);
        assert_eq!(check("self.import != 'a'", &old, Some(&old)), []);
        assert_eq!(check("self.import != 'a'", &old, None).len(), 1);
    }
}
