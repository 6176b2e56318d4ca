//! The CustomResourceDefinition, generated from the types and then made to say exactly what the API server should check.
//!
//! Fields, bounds and rules stand at the types. What is done here is what a derive cannot say: an absent field is absent
//! and never `null`, and the parts of Kubernetes' own types that we embed.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Number, Value};

use super::SeiNode;

/// A quantity as Kubernetes reads it.
const QUANTITY_PATTERN: &str = r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$";

/// The CustomResourceDefinition `seinodes.sei.io`.
#[must_use]
pub fn seinode() -> CustomResourceDefinition {
    let mut crd = SeiNode::crd();
    crd.spec.names.list_kind = Some("SeiNodeList".to_owned());
    for version in &mut crd.spec.versions {
        let schema = version.schema.as_mut();
        if let Some(root) = schema.and_then(|s| s.open_api_v3_schema.as_mut()) {
            finish(root);
        }
    }
    crd
}

/// A CustomResourceDefinition as it is written to a file: bounds of integers are integers there, while the typed form
/// holds every bound as a float.
///
/// # Errors
/// None for the definitions of this module; the signature is that of the serializer.
pub fn manifest(crd: &CustomResourceDefinition) -> Result<Value, serde_json::Error> {
    let mut value = serde_json::to_value(crd)?;
    whole_numbers_as_integers(&mut value);
    Ok(value)
}

/// Where a definition that was written so holds the schema of its only version.
pub const SCHEMA: &str = "/spec/versions/0/schema/openAPIV3Schema";

/// The schema of `seinodes.sei.io`, written so.
///
/// # Errors
/// As for [`manifest`].
pub fn schema() -> Result<Value, serde_json::Error> {
    Ok(manifest(&seinode())?.pointer_mut(SCHEMA).map(Value::take).unwrap_or_default())
}

fn finish(root: &mut JSONSchemaProps) {
    walk(root, &mut |node| {
        node.nullable = None;
        accept_quantity(node);
    });
    finish_root(root);
    if let Some(resources) = at(root, &["spec", "sidecar", "resources"]) {
        finish_resources(resources);
    }
    if let Some(applied) = at(root, &["status", "applied"]) {
        // A record of what was applied is never refused, whatever rule was added since.
        walk(applied, &mut drop_bounds);
        if let Some(resources) = at(applied, &["sidecarResources"]) {
            finish_resources(resources);
        }
    }
}

/// Today's objects may lack a `spec`, and every object has these three fields.
fn finish_root(root: &mut JSONSchemaProps) {
    root.title = None;
    root.required = None;
    let properties = root.properties.get_or_insert_default();
    for (name, kind, description) in [
        ("apiVersion", "string", "Group and version of this object."),
        ("kind", "string", "Kind of this object."),
        ("metadata", "object", ""),
    ] {
        let property = JSONSchemaProps {
            type_: Some(kind.to_owned()),
            description: Some(description.to_owned()).filter(|d| !d.is_empty()),
            ..JSONSchemaProps::default()
        };
        properties.insert(name.to_owned(), property);
    }
}

/// Kubernetes marks quantities as "integer or string" and leaves the rest to its own types; a definition spells it out.
fn accept_quantity(node: &mut JSONSchemaProps) {
    if node.x_kubernetes_int_or_string != Some(true) {
        return;
    }
    let of_type = |name: &str| JSONSchemaProps { type_: Some(name.to_owned()), ..JSONSchemaProps::default() };
    node.any_of = Some(vec![of_type("integer"), of_type("string")]);
    node.pattern = Some(QUANTITY_PATTERN.to_owned());
    node.description = None;
}

/// Kubernetes' own texts on resources are pages long and speak of pods; ours are short.
fn finish_resources(resources: &mut JSONSchemaProps) {
    const TEXTS: [(&[&str], &str); 3] = [
        (&["claims"], "Claims of dynamic resources that the container uses."),
        (&["limits"], "Greatest amount of each resource."),
        (&["requests"], "Amount of each resource that is set aside for the container."),
    ];
    for (path, text) in TEXTS {
        if let Some(node) = at(resources, path) {
            node.description = Some(text.to_owned());
        }
    }
    let Some(claims) = at(resources, &["claims"]) else {
        return;
    };
    claims.x_kubernetes_list_type = Some("map".to_owned());
    claims.x_kubernetes_list_map_keys = Some(vec!["name".to_owned()]);
    if let Some(JSONSchemaPropsOrArray::Schema(claim)) = &mut claims.items {
        claim.description = Some("One claim.".to_owned());
        describe(claim, "name", "Name of an entry in the pod's list of claims.");
        describe(claim, "request", "Request of that claim; all of them when empty.");
    }
}

fn describe(node: &mut JSONSchemaProps, property: &str, text: &str) {
    if let Some(property) = at(node, &[property]) {
        property.description = Some(text.to_owned());
    }
}

fn drop_bounds(node: &mut JSONSchemaProps) {
    node.x_kubernetes_validations = None;
    node.default = None;
    node.minimum = None;
    node.maximum = None;
    node.min_length = None;
    node.max_length = None;
    node.min_items = None;
    node.max_items = None;
    node.min_properties = None;
    node.max_properties = None;
    if node.x_kubernetes_int_or_string.is_none() {
        node.pattern = None;
    }
}

/// The schema at a path of properties.
fn at<'a>(root: &'a mut JSONSchemaProps, path: &[&str]) -> Option<&'a mut JSONSchemaProps> {
    let mut node = root;
    for name in path {
        node = node.properties.as_mut()?.get_mut(*name)?;
    }
    Some(node)
}

/// Calls `visit` for a schema and all schemas inside it.
fn walk(node: &mut JSONSchemaProps, visit: &mut dyn FnMut(&mut JSONSchemaProps)) {
    visit(node);
    for property in node.properties.iter_mut().flat_map(|p| p.values_mut()) {
        walk(property, visit);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut node.items {
        walk(items, visit);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut node.additional_properties {
        walk(values, visit);
    }
}

/// Bounds are whole numbers below 2^53, which a float holds exactly.
#[allow(clippy::cast_possible_truncation, reason = "checked to be whole and small")]
fn whole_numbers_as_integers(value: &mut Value) {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Number(number) if number.is_f64() => {
            let whole = number.as_f64().filter(|f| f.fract() == 0.0 && f.abs() < EXACT_MAX);
            if let Some(whole) = whole {
                *number = Number::from(whole as i64);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(whole_numbers_as_integers),
        Value::Object(fields) => fields.values_mut().for_each(whole_numbers_as_integers),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// An integer without a format: the controller before us stored these as Go's `int`.
pub(super) fn plain_integer(schema: &mut Schema) {
    schema.remove("format");
}

/// Any JSON, kept as it stands.
pub(super) fn any_json(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "x-kubernetes-preserve-unknown-fields": true })
}
