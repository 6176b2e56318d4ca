//! What the API server says to a create or an update of a custom resource, worked out in process: shape, defaults, and
//! rules in CEL with `oldSelf`. Checks of `metadata` are not in here: they are the same for every kind.
//!
//! The definition is taken to have the status subresource, as ours have: a create and an update leave `status` alone.

mod rules;
mod shape;
mod stored;
mod unchanged;

use std::fmt;

use sei_planner::api::crd;
use serde_json::{Map, Value};

use rules::Rules;
use shape::Shape;

/// One reason to refuse an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Where, for example `spec.validator.signingKey` or `spec.peers[0].static`.
    pub path: String,
    /// The keyword of the schema that asks for something else: `required`, `maxLength`, `x-kubernetes-validations`, …
    pub keyword: &'static str,
    /// The rule in CEL as the schema spells it, where a rule refuses.
    pub rule: Option<String>,
    /// What is wrong: the rule's own message, or the API server's words for a bound.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.path, self.message)
    }
}

/// Admission to one version of a CustomResourceDefinition. Patterns and rules are compiled once.
#[derive(Debug)]
pub struct Admission {
    schema: Value,
    shape: Shape,
    rules: Rules,
}

impl Admission {
    /// Admission of SeiNodes, by the definition that is generated from our types.
    #[must_use]
    pub fn of_seinodes() -> Self {
        Self::of_schema(crd::schema().unwrap_or_default())
    }

    /// Admission by the `openAPIV3Schema` of any version of any definition.
    #[must_use]
    pub fn of_schema(openapi_v3_schema: Value) -> Self {
        Self { shape: Shape::of(&openapi_v3_schema), rules: Rules::of(&openapi_v3_schema), schema: openapi_v3_schema }
    }

    /// What there is to say against a new object; nothing when it is accepted.
    #[must_use]
    pub fn create(&self, object: &Value) -> Vec<Violation> {
        let object = self.defaulted(with_status(object, None));
        self.violations(&object, None)
    }

    /// What there is to say against changing everything but the status of `old`, which is stored, to `new`.
    #[must_use]
    pub fn update(&self, old: &Value, new: &Value) -> Vec<Violation> {
        let old = self.defaulted(old.clone());
        let new = self.defaulted(with_status(new, old.get("status")));
        self.violations(&new, Some(&old))
    }

    /// What there is to say against changing the status of `old`, which is stored, to that of `new`.
    #[must_use]
    pub fn update_status(&self, old: &Value, new: &Value) -> Vec<Violation> {
        let old = self.defaulted(old.clone());
        let new = self.defaulted(with_status(&old, new.get("status")));
        self.violations(&new, Some(&old))
    }

    /// An object as it is stored: defaults filled in, unknown fields and nulls dropped. Whether it is accepted is not
    /// looked at.
    #[must_use]
    pub fn defaulted(&self, object: Value) -> Value {
        stored::stored(&self.schema, object)
    }

    /// A new object in its stored form.
    ///
    /// # Errors
    /// What there is to say against it.
    pub fn admit_new(&self, object: Value) -> Result<Value, Vec<Violation>> {
        self.admitted(self.defaulted(put_status(object, None)), None)
    }

    /// Another version of everything but the status of `old`, which is in its stored form, in the same form.
    ///
    /// # Errors
    /// What there is to say against it.
    pub fn admit_update(&self, old: &Value, object: Value) -> Result<Value, Vec<Violation>> {
        let object = self.defaulted(put_status(object, None));
        self.admitted(put_status(object, old.get("status").cloned()), Some(old))
    }

    /// `old`, which is in its stored form, with another status, in the same form.
    ///
    /// # Errors
    /// What there is to say against it.
    pub fn admit_status(&self, old: &Value, status: Value) -> Result<Value, Vec<Violation>> {
        let status = stored::known(&self.schema["properties"]["status"], status);
        self.admitted(put_status(old.clone(), Some(status)), Some(old))
    }

    fn admitted(&self, object: Value, old: Option<&Value>) -> Result<Value, Vec<Violation>> {
        let found = self.violations(&object, old);
        if found.is_empty() { Ok(object) } else { Err(found) }
    }

    /// Rules are evaluated only where the shape is right enough to evaluate them, as by the API server.
    fn violations(&self, object: &Value, old: Option<&Value>) -> Vec<Violation> {
        let mut found = self.shape.check(&self.schema, object, old);
        if !found.iter().any(shape::blocks_rules) {
            found.extend(self.rules.check(&self.schema, object, old));
        }
        found.sort();
        found
    }
}

/// The object with another status, or without one.
fn with_status(object: &Value, status: Option<&Value>) -> Value {
    put_status(object.clone(), status.cloned())
}

fn put_status(object: Value, status: Option<Value>) -> Value {
    let Value::Object(mut fields) = object else { return Value::Object(Map::new()) };
    match status {
        Some(status) => fields.insert("status".to_owned(), status),
        None => fields.remove("status"),
    };
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(spec: Value) -> Value {
        json!({ "apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "metadata": { "name": "rpc" }, "spec": spec })
    }

    fn paths(found: &[Violation]) -> Vec<(&str, &str)> {
        found.iter().map(|v| (v.path.as_str(), v.keyword)).collect()
    }

    #[test]
    fn one_admission_serves_all_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<Admission>();
    }

    #[test]
    fn the_definition_of_seinodes_is_there() {
        let admission = Admission::of_seinodes();
        assert_eq!(admission.create(&node(json!({"chainId": "c", "image": "i", "fullNode": {}}))), []);
        let refused = admission.create(&node(json!({"chainId": "", "fullNode": {}, "archive": {}})));
        assert_eq!(paths(&refused), [("spec.chainId", "minLength"), ("spec.image", "required")]);
        assert_eq!(refused[1].to_string(), "spec.image: Required value");
    }

    #[test]
    fn a_rule_is_told_by_its_text_and_message() {
        let found = Admission::of_seinodes().create(&node(json!({"chainId": "c", "image": "i"})));
        assert_eq!(paths(&found), [("spec", "x-kubernetes-validations")]);
        assert!(found[0].rule.as_ref().is_some_and(|rule| rule.contains("has(self.archive)")));
        assert!(found[0].message.contains("exactly one of fullNode"));
    }

    #[test]
    fn unknown_fields_and_nulls_go_and_defaults_come() {
        let object = node(json!({
            "chainId": "c", "image": "i", "fullNode": null, "nonsense": 1, "overrides": {"a": "b", "c": null},
            "sidecar": {"port": null}, "validator": {"operatorKeyring": {"secret": {"typo": {}}}},
        }));
        let expected = json!({
            "chainId": "c", "image": "i", "overrides": {"a": "b"}, "sidecar": {"port": 7777},
            "validator": {"operatorKeyring": {"secret": {"keyName": "node_admin"}}},
        });
        let stored = Admission::of_seinodes().defaulted(object.clone());
        assert_eq!(stored["spec"], expected);
        assert_eq!(stored["metadata"], object["metadata"]);
    }

    #[test]
    fn a_field_named_like_a_word_of_cel_is_found() {
        let admission = Admission::of_seinodes();
        let spec = |volume: Value| node(json!({"chainId": "c", "image": "i", "fullNode": {}, "dataVolume": volume}));
        let old = spec(json!({"import": {"pvcName": "a"}}));
        assert_eq!(admission.update(&old, &old), []);
        let found = admission.update(&old, &spec(json!({})));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].rule.as_deref(), Some("(!has(oldSelf.import) || has(self.import))"));
    }

    #[test]
    fn what_was_stored_before_a_bound_came_stays_unless_it_is_touched() {
        let schema = json!({
            "type": "object",
            "properties": { "spec": {
                "type": "object",
                "properties": {
                    "name": { "type": "string", "maxLength": 3 },
                    "inner": {
                        "type": "object",
                        "required": ["b"],
                        "properties": { "a": { "type": "string" }, "b": { "type": "string" } },
                        "x-kubernetes-validations": [{ "rule": "has(self.b)", "message": "b" }],
                    },
                    "free": { "type": "integer" },
                },
            }},
        });
        let admission = Admission::of_schema(schema);
        let old = json!({"spec": {"name": "long", "inner": {}, "free": 1}});
        assert_eq!(admission.create(&old).len(), 2);
        assert_eq!(admission.update(&old, &json!({"spec": {"name": "long", "inner": {}, "free": 2}})), []);
        let touched = admission.update(&old, &json!({"spec": {"name": "longer", "inner": {"a": ""}, "free": 1}}));
        assert_eq!(paths(&touched), [("spec.inner.b", "required"), ("spec.name", "maxLength")]);
    }

    #[test]
    fn status_is_judged_where_it_is_written() {
        let admission = Admission::of_seinodes();
        let good = node(json!({"chainId": "c", "image": "i", "fullNode": {}}));
        let mut bad = good.clone();
        bad["status"] = json!({"phase": "Dancing"});
        assert_eq!(admission.create(&bad), []);
        assert_eq!(admission.update(&good, &bad), []);
        assert_eq!(paths(&admission.update_status(&good, &bad)), [("status.phase", "enum")]);
    }
}
