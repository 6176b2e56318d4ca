//! Sets of fields, in the form of `managedFields`, and what is a field of its own: which maps and lists of Kubernetes
//! objects are merged member by member, and which are one value.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// Fields of an object. Steps are spelled as in fieldsV1: `f:<name>`, `k:<keys of an element>`, `v:<element of a set>`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Fields {
    /// Whether this place itself is in the set, and not only some of what is in it.
    itself: bool,
    inner: BTreeMap<String, Fields>,
}

/// Members of the metadata that nobody owns, because the API server writes them.
const SERVER_METADATA: [&str; 9] = [
    "f:name",
    "f:namespace",
    "f:uid",
    "f:resourceVersion",
    "f:generation",
    "f:creationTimestamp",
    "f:deletionTimestamp",
    "f:deletionGracePeriodSeconds",
    "f:managedFields",
];

impl Fields {
    /// Every field of an object that can have an owner. Status has a subresource of its own.
    pub(super) fn of(object: &Value) -> Self {
        Self::under(object, At::ROOT).without_server_fields()
    }

    /// The set that `managedFields` spells; the inverse of [`Fields::to_fields_v1`].
    pub(super) fn from_fields_v1(spelled: &Value) -> Self {
        let members = spelled.as_object().into_iter().flatten();
        let inner: BTreeMap<String, Self> = members
            .filter(|(step, _)| *step != ".")
            .map(|(step, of)| (step.clone(), Self::from_fields_v1(of)))
            .collect();
        Self { itself: inner.is_empty() || spelled.get(".").is_some(), inner }
    }

    fn under(value: &Value, at: At<'_>) -> Self {
        let members = members(value, at).filter(|members| !members.is_empty());
        let Some(members) = members else {
            return Self { itself: true, inner: BTreeMap::new() };
        };
        let inner = members.into_iter().map(|(step, member, at)| {
            let mut fields = Self::under(member, at);
            fields.itself |= is_element(&step);
            (step, fields)
        });
        Self { itself: false, inner: inner.collect() }
    }

    fn without_server_fields(mut self) -> Self {
        for own in ["f:apiVersion", "f:kind", "f:status"] {
            self.inner.remove(own);
        }
        if let Some(metadata) = self.inner.get_mut("f:metadata") {
            metadata.inner.retain(|step, _| !SERVER_METADATA.contains(&step.as_str()));
            if metadata.is_empty() {
                self.inner.remove("f:metadata");
            }
        }
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.itself && self.inner.is_empty()
    }

    /// Adds fields.
    pub(super) fn add(&mut self, more: &Self) {
        self.itself |= more.itself;
        for (step, fields) in &more.inner {
            self.inner.entry(step.clone()).or_default().add(fields);
        }
    }

    /// Takes fields out.
    pub(super) fn subtract(&mut self, less: &Self) {
        self.itself &= !less.itself;
        for (step, fields) in &less.inner {
            if let Some(inner) = self.inner.get_mut(step) {
                inner.subtract(fields);
                if inner.is_empty() {
                    self.inner.remove(step);
                }
            }
        }
    }

    /// Paths that are in both sets, for people.
    pub(super) fn shared(&self, other: &Self) -> Vec<String> {
        let mut paths = Vec::new();
        self.note_shared(other, "", &mut paths);
        paths
    }

    fn note_shared(&self, other: &Self, path: &str, paths: &mut Vec<String>) {
        if self.itself && other.itself {
            paths.push(path.to_owned());
        }
        for (step, fields) in &self.inner {
            if let Some(others) = other.inner.get(step) {
                let (kind, name) = step.split_at_checked(2).unwrap_or_default();
                let here = if kind == "f:" { format!("{path}.{name}") } else { format!("{path}[{name}]") };
                fields.note_shared(others, &here, paths);
            }
        }
    }

    /// The set as it stands in `managedFields`.
    pub(super) fn to_fields_v1(&self) -> Value {
        let mut map: Map<String, Value> =
            self.inner.iter().map(|(step, fields)| (step.clone(), fields.to_fields_v1())).collect();
        if self.itself && !self.inner.is_empty() {
            map.insert(".".to_owned(), Value::Object(Map::new()));
        }
        Value::Object(map)
    }

    /// Whether somebody who owns this set owns the place under `step`: a field counts when anything in it does, an
    /// element of a list only when it was itself named.
    fn has(&self, step: &str) -> bool {
        self.inner.get(step).is_some_and(|fields| fields.itself || !is_element(step))
    }
}

fn is_element(step: &str) -> bool {
    !step.starts_with("f:")
}

/// What a write did to an object.
#[derive(Default)]
pub(super) struct Difference {
    /// Fields that are new or have another value.
    pub(super) changed: Fields,
    /// Fields that are gone.
    pub(super) removed: Fields,
}

impl Difference {
    pub(super) fn between(old: &Value, new: &Value) -> Self {
        let mut found = Self::default();
        note_difference(old, new, At::ROOT, &mut found.changed, &mut found.removed);
        Self { changed: found.changed.without_server_fields(), removed: found.removed.without_server_fields() }
    }
}

fn note_difference(old: &Value, new: &Value, at: At<'_>, changed: &mut Fields, removed: &mut Fields) {
    if old == new {
        return;
    }
    let (Some(before), Some(after)) = (members(old, at), members(new, at)) else {
        changed.itself = true;
        return;
    };
    let before: BTreeMap<String, &Value> = before.into_iter().map(|(step, value, _)| (step, value)).collect();
    let mut stayed = BTreeSet::new();
    for (step, value, at) in after {
        let here = match before.get(&step) {
            Some(old) => {
                let (mut inner_changed, mut inner_removed) = (Fields::default(), Fields::default());
                note_difference(old, value, at, &mut inner_changed, &mut inner_removed);
                insert(removed, &step, inner_removed);
                inner_changed
            }
            None => {
                let mut fields = Fields::under(value, at);
                fields.itself |= is_element(&step) || value.is_object();
                fields
            }
        };
        insert(changed, &step, here);
        stayed.insert(step);
    }
    for (step, value) in before.into_iter().filter(|(step, _)| !stayed.contains(step)) {
        let mut fields = Fields::under(value, at.into_step(&step));
        fields.itself = true;
        insert(removed, &step, fields);
    }
}

fn insert(fields: &mut Fields, step: &str, inner: Fields) {
    if !inner.is_empty() {
        fields.inner.insert(step.to_owned(), inner);
    }
}

/// Removes what `last` has and `kept` has not. What nobody owns goes with the field that it is in.
pub(super) fn prune(value: &mut Value, last: &Fields, kept: &Fields) {
    prune_at(value, last, kept, At::ROOT);
}

fn prune_at(value: &mut Value, last: &Fields, kept: &Fields, at: At<'_>) {
    let none = Fields::default();
    let stays = |step: &str, member: &mut Value, at: At<'_>| {
        if last.has(step) && !kept.has(step) {
            return false;
        }
        if let Some(last) = last.inner.get(step) {
            prune_at(member, last, kept.inner.get(step).unwrap_or(&none), at);
        }
        true
    };
    match value {
        Value::Object(map) if !at.is_atomic_map() => {
            map.retain(|name, member| stays(&format!("f:{name}"), member, at.field(name)));
        }
        Value::Array(items) => match at.list() {
            List::Atomic => {}
            List::Set => items.retain_mut(|item| {
                let step = set_step(item);
                stays(&step, item, at)
            }),
            List::Map(keys) => items.retain_mut(|item| {
                let step = key_step(keys, item);
                stays(&step, item, at.element())
            }),
        },
        Value::Object(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Puts what is wanted into what is there, member by member.
pub(super) fn merge(live: &mut Value, wanted: &Value) {
    merge_at(live, wanted, At::ROOT);
}

fn merge_at(live: &mut Value, wanted: &Value, at: At<'_>) {
    match (live, wanted) {
        (Value::Object(map), Value::Object(members)) if !at.is_atomic_map() => {
            for (name, member) in members {
                match map.get_mut(name) {
                    Some(found) => merge_at(found, member, at.field(name)),
                    None => drop(map.insert(name.clone(), member.clone())),
                }
            }
        }
        (Value::Array(found), Value::Array(items)) => match at.list() {
            List::Atomic => found.clone_from(items),
            List::Set => merge_list(found, items, set_step, |_, _| {}),
            List::Map(keys) => {
                let step = |item: &Value| key_step(keys, item);
                merge_list(found, items, step, |live, wanted| merge_at(live, wanted, at.element()));
            }
        },
        (live, wanted) => live.clone_from(wanted),
    }
}

/// The wanted order holds; elements of others stay before the element that they stood before.
fn merge_list(
    live: &mut Vec<Value>,
    wanted: &[Value],
    step: impl Fn(&Value) -> String,
    merge: impl Fn(&mut Value, &Value),
) {
    let steps: BTreeSet<String> = wanted.iter().map(&step).collect();
    let mut found: Vec<(String, Value)> = live.drain(..).map(|item| (step(&item), item)).collect();
    for item in wanted {
        let own = step(item);
        let others = found.iter().take_while(|(step, _)| !steps.contains(step)).count();
        live.extend(found.drain(..others).map(|(_, other)| other));
        match found.iter().position(|(step, _)| *step == own) {
            Some(place) => {
                let (_, mut element) = found.remove(place);
                merge(&mut element, item);
                live.push(element);
            }
            None => live.push(item.clone()),
        }
    }
    live.extend(found.into_iter().map(|(_, other)| other));
}

/// The members of a value that are fields of their own; `None` for what is one value.
fn members<'a>(value: &'a Value, at: At<'a>) -> Option<Vec<(String, &'a Value, At<'a>)>> {
    match value {
        Value::Object(map) if !at.is_atomic_map() => {
            Some(map.iter().map(|(name, member)| (format!("f:{name}"), member, at.field(name))).collect())
        }
        Value::Array(items) => match at.list() {
            List::Atomic => None,
            List::Set => Some(items.iter().map(|item| (set_step(item), item, at)).collect()),
            List::Map(keys) => Some(items.iter().map(|item| (key_step(keys, item), item, at.element())).collect()),
        },
        Value::Object(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn set_step(item: &Value) -> String {
    format!("v:{item}")
}

/// A protocol that is not said is TCP, also where it is a key.
fn key_step(keys: &[&str], item: &Value) -> String {
    let tcp = Value::from("TCP");
    let of = |key: &&str| {
        let absent = if *key == "protocol" { &tcp } else { &Value::Null };
        ((*key).to_owned(), item.get(key).unwrap_or(absent).clone())
    };
    format!("k:{}", Value::Object(keys.iter().map(of).collect()))
}

/// How a list is merged.
enum List {
    /// As one value.
    Atomic,
    /// Element by element.
    Set,
    /// Element by element, told apart by these fields.
    Map(&'static [&'static str]),
}

/// Where a value stands: the name of its field, and of the field that this one is in.
#[derive(Clone, Copy)]
struct At<'a> {
    parent: &'a str,
    name: &'a str,
    is_element: bool,
}

impl<'a> At<'a> {
    const ROOT: Self = Self { parent: "", name: "", is_element: false };

    fn field(self, name: &'a str) -> Self {
        Self { parent: self.name, name, is_element: false }
    }

    fn element(self) -> Self {
        Self { is_element: true, ..self }
    }

    fn into_step(self, step: &'a str) -> Self {
        step.strip_prefix("f:").map_or_else(|| self.element(), |name| self.field(name))
    }

    /// Maps that Kubernetes' schema calls atomic.
    fn is_atomic_map(self) -> bool {
        match self.name {
            "ownerReferences" => self.is_element,
            "selector" => self.parent == "spec",
            "nodeSelector" | "labelSelector" | "configMapKeyRef" | "secretKeyRef" | "fieldRef" | "resourceFieldRef" => {
                true
            }
            _ => false,
        }
    }

    /// Lists that Kubernetes' schema calls a set or a map, as far as objects of a node have them.
    fn list(self) -> List {
        match (self.parent, self.name) {
            ("metadata", "finalizers") => List::Set,
            ("metadata", "ownerReferences") => List::Map(&["uid"]),
            ("spec", "containers" | "initContainers" | "volumes" | "imagePullSecrets") => List::Map(&["name"]),
            ("spec", "hostAliases") => List::Map(&["ip"]),
            ("spec", "topologySpreadConstraints") => List::Map(&["topologyKey", "whenUnsatisfiable"]),
            ("spec", "ports") => List::Map(&["port", "protocol"]),
            ("containers" | "initContainers", "ports") => List::Map(&["containerPort", "protocol"]),
            ("containers" | "initContainers", "env") => List::Map(&["name"]),
            ("containers" | "initContainers", "volumeMounts") => List::Map(&["mountPath"]),
            ("containers" | "initContainers", "volumeDevices") => List::Map(&["devicePath"]),
            ("resources", "claims") => List::Map(&["name"]),
            _ => List::Atomic,
        }
    }
}
