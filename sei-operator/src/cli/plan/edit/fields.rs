//! Which fields differ between two specs, and what becomes of each difference on a node that runs.
#![allow(unreachable_pub, reason = "the derive of the schema copies each struct, with its visibility, into a function")]

use schemars::JsonSchema;
use sei_planner::api::{SeiNode, TaskPlan};
use sei_planner::node::{DRIFT, Effect, effect, is_within};
use serde::Serialize;
use serde_json::Value;

use super::super::why::Change;

/// One edited field, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(in crate::cli) struct EditedField {
    /// Field and both values.
    #[serde(flatten)]
    pub(in crate::cli) change: Change,
    /// In one word.
    pub(in crate::cli) fate: Fate,
    /// In words, as the end of the sentence "it …".
    pub(in crate::cli) says: String,
}

/// What becomes of an edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) enum Fate {
    /// The plan follows it.
    Followed,
    /// What runs is so already, as with a default that is written out.
    NoChange,
    /// No plan follows it yet.
    Waits,
    /// It was read when the node was created, and never again.
    CreationOnly,
    /// Nothing reads the field.
    Ignored,
    /// It does not take place.
    Refused,
}

/// How the whole edit ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ground<'a> {
    /// A node runs, and this plan, if any, follows.
    Running(Option<&'a TaskPlan>),
    /// Nothing runs yet, so every field counts.
    New,
    /// The API server refuses it.
    RefusedByServer,
    /// The API server stores it, and the planner does not follow it.
    RefusedByPlanner,
}

/// Every leaf that differs, in the order of their names.
pub(super) fn edited(old: &SeiNode, new: &SeiNode, ground: Ground<'_>) -> Vec<EditedField> {
    let spec = |node: &SeiNode| serde_json::to_value(&node.spec).unwrap_or_default();
    let mut changes = Vec::new();
    compare("spec", &spec(old), &spec(new), &mut changes);
    changes.into_iter().map(|change| judged(change, ground)).collect()
}

/// Lists are leaves: what stands at an index means nothing without its neighbours.
fn compare(path: &str, old: &Value, new: &Value, found: &mut Vec<Change>) {
    if old == new {
        return;
    }
    let (from, to) = (members(old), members(new));
    if from.is_empty() && to.is_empty() {
        return found.push(Change { field: path.to_owned(), from: old.clone(), to: new.clone() });
    }
    // A mapping that comes or goes is told by its members, and by itself where the other side has none.
    let mut names: Vec<&String> = from.iter().chain(&to).map(|(name, _)| *name).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let side = |value: &Value| value.get(name.as_str()).cloned().unwrap_or_default();
        compare(&below(path, name), &side(old), &side(new), found);
    }
}

fn members(value: &Value) -> Vec<(&String, &Value)> {
    value.as_object().into_iter().flatten().collect()
}

/// Keys with dots stand in brackets, as in every path that is shown.
fn below(path: &str, name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric());
    if plain && !matches!(path, "spec.overrides" | "spec.podLabels") {
        format!("{path}.{name}")
    } else {
        format!("{path}[{name}]")
    }
}

fn judged(change: Change, ground: Ground<'_>) -> EditedField {
    let (fate, says) = match ground {
        Ground::RefusedByServer => (Fate::Refused, "does not take place: the API server refuses the whole object"),
        Ground::RefusedByPlanner => {
            (Fate::Refused, "is not followed: the spec is refused, and the node runs on as it is")
        }
        Ground::New => (Fate::Followed, "is part of the first plan"),
        Ground::Running(plan) => on_running(&change.field, plan),
    };
    EditedField { change, fate, says: says.to_owned() }
}

fn on_running(field: &str, plan: Option<&TaskPlan>) -> (Fate, &'static str) {
    let effect = effect(field).unwrap_or(Effect::Ignored);
    match effect {
        Effect::Followed if plan.is_some_and(|plan| is_for(plan, field)) => (Fate::Followed, "is what the plan is for"),
        Effect::Followed => (Fate::NoChange, "asks for what is there already"),
        Effect::AtDeletion | Effect::Fixed => (Fate::Waits, effect.says()),
        Effect::Refused => (Fate::Refused, effect.says()),
        Effect::AtCreation => (Fate::CreationOnly, effect.says()),
        Effect::Ignored => (Fate::Ignored, effect.says()),
    }
}

/// Whether the plan has this field among its differences; one that is not about differences is for every field. What is written
/// out as it was by default is none.
fn is_for(plan: &TaskPlan, field: &str) -> bool {
    let mut rows = DRIFT.iter().filter(|(kind, _)| plan.drift.contains(kind)).flat_map(|(_, fields)| fields.iter());
    plan.drift.is_empty() || rows.any(|row| is_within(field, row))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, clippy::panic, reason = "tests")]

    use std::collections::BTreeMap;

    use sei_planner::api::crd;
    use serde_json::json;

    use super::*;

    /// A value for every leaf of a schema, all different in `n`; lists and mappings have one element.
    fn sample(schema: &Value, n: i64) -> Value {
        if let Some(words) = schema["enum"].as_array() {
            return words[usize::try_from(n).expect("small") % words.len()].clone();
        }
        match schema["type"].as_str() {
            Some("object") if schema["properties"].is_object() => {
                let properties = schema["properties"].as_object().expect("properties").iter();
                properties.map(|(name, inner)| (name.clone(), sample(inner, n))).collect()
            }
            Some("object") => json!({ "some.key": sample(&schema["additionalProperties"], n) }),
            Some("array") => json!([sample(&schema["items"], n)]),
            Some("string") => json!(format!("text-{n}")),
            Some("integer") => json!(n + 2),
            Some("boolean") => json!(n % 2 == 0),
            _ => json!(format!("{n}")),
        }
    }

    fn leaves(path: &str, value: &Value, found: &mut BTreeMap<String, Value>) {
        match value.as_object().filter(|members| !members.is_empty()) {
            Some(members) => members.iter().for_each(|(name, inner)| leaves(&below(path, name), inner, found)),
            None => drop(found.insert(path.to_owned(), value.clone())),
        }
    }

    fn node(spec: &Value) -> SeiNode {
        let object =
            json!({"apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "metadata": {"name": "a"}, "spec": spec});
        serde_json::from_value(object).expect("a node")
    }

    fn full_spec(n: i64) -> Value {
        sample(&crd::schema().expect("JSON")["properties"]["spec"], n)
    }

    #[test]
    fn a_change_of_any_leaf_is_accounted_for() {
        let (old, new) = (node(&full_spec(0)), node(&full_spec(1)));
        let mut wanted = BTreeMap::new();
        leaves("spec", &serde_json::to_value(&new.spec).expect("JSON"), &mut wanted);
        assert!(wanted.len() > 30, "{wanted:?}");
        let told = edited(&old, &new, Ground::Running(None));
        let fields: Vec<&str> = told.iter().map(|field| field.change.field.as_str()).collect();
        for (leaf, value) in &wanted {
            let unchanged = serde_json::to_value(&old.spec).expect("JSON").pointer(&pointer(leaf)) == Some(value);
            assert!(unchanged || fields.contains(&leaf.as_str()), "{leaf} is changed in silence: {fields:?}");
        }
        for field in &told {
            let known = effect(&field.change.field);
            assert!(known.is_some(), "{} has no row among the effects", field.change.field);
            assert!(!field.says.is_empty());
        }
    }

    /// The pointer of a path whose only brackets are those of keys.
    fn pointer(path: &str) -> String {
        path.trim_start_matches("spec")
            .replace(']', "")
            .split_inclusive('[')
            .fold(String::new(), |text, part| {
                let dots = if text.ends_with('[') { part.to_owned() } else { part.replace('.', "/") };
                text + &dots
            })
            .replace('[', "/")
    }

    #[test]
    fn what_comes_and_goes_is_told_too() {
        let (full, bare) = (node(&full_spec(0)), node(&json!({"chainId": "c", "image": "i", "fullNode": {}})));
        for (old, new) in [(&full, &bare), (&bare, &full)] {
            let told = edited(old, new, Ground::Running(None));
            for row in sei_planner::node::EFFECTS {
                let covered = told.iter().any(|field| field.change.field.starts_with(row.0));
                assert!(covered || row.0 == "spec.fullNode", "{} came or went in silence", row.0);
            }
        }
        let empty = edited(&bare, &node(&json!({"chainId": "c", "image": "i", "archive": {}})), Ground::New);
        let fields: Vec<_> = empty.iter().map(|field| field.change.field.as_str()).collect();
        assert_eq!(fields, ["spec.archive", "spec.fullNode"]);
    }
}
