//! Who owns which fields of an object, and how an apply and an update change that.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sim::json::text;
use crate::world::ClusterError;

use super::fields::{Difference, Fields, merge, prune};

/// How a field came to its manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Operation {
    Apply,
    Update,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

/// Whether an apply takes fields from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// It takes them.
    Yes,
    /// It is refused.
    No,
}

/// The field managers of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Managers(BTreeMap<(String, Operation), Fields>);

impl Managers {
    /// The managers that an object's `metadata.managedFields` names; nobody owns fields of status here.
    pub(super) fn of_managed_fields(entries: &[Value]) -> Self {
        let mut managers = Self::default();
        for entry in entries.iter().filter(|entry| entry.get("subresource").is_none()) {
            let operation = match text(entry, "/operation") {
                "Apply" => Operation::Apply,
                _ => Operation::Update,
            };
            let fields = entry.get("fieldsV1").map(Fields::from_fields_v1).unwrap_or_default();
            managers.0.entry((text(entry, "/manager").to_owned(), operation)).or_default().add(&fields);
        }
        managers
    }

    /// What an apply makes of an object: the object, and who owns what of it.
    pub(super) fn apply(
        &self,
        manager: &str,
        live: &Value,
        wanted: &Value,
        force: Force,
    ) -> Result<(Value, Self), ClusterError> {
        let key = (manager.to_owned(), Operation::Apply);
        let mut next = self.clone();
        let last = next.0.insert(key.clone(), Fields::of(wanted)).unwrap_or_default();
        let mut object = live.clone();
        merge(&mut object, wanted);
        prune(&mut object, &last, &next.union());
        let difference = Difference::between(live, &object);
        if force == Force::No {
            next.check_conflicts(&key, &difference.changed)?;
        }
        next.lose(&key, &difference);
        Ok((object, next))
    }

    /// Notes who wrote what of an object.
    pub(super) fn update(&mut self, manager: &str, before: &Value, after: &Value) {
        let difference = Difference::between(before, after);
        let key = (manager.to_owned(), Operation::Update);
        self.lose(&key, &difference);
        let own = self.0.entry(key.clone()).or_default();
        own.add(&difference.changed);
        own.subtract(&difference.removed);
        if own.is_empty() {
            self.0.remove(&key);
        }
    }

    /// Everything that anybody owns.
    fn union(&self) -> Fields {
        let mut all = Fields::default();
        self.0.values().for_each(|fields| all.add(fields));
        all
    }

    /// All others no longer own what was changed or removed.
    fn lose(&mut self, winner: &(String, Operation), difference: &Difference) {
        for (_, fields) in self.0.iter_mut().filter(|(key, _)| *key != winner) {
            fields.subtract(&difference.changed);
            fields.subtract(&difference.removed);
        }
        self.0.retain(|_, fields| !fields.is_empty());
    }

    fn check_conflicts(&self, own: &(String, Operation), changed: &Fields) -> Result<(), ClusterError> {
        let others = self.0.iter().filter(|(key, _)| *key != own);
        let conflicts: Vec<String> = others
            .flat_map(|((name, _), fields)| {
                fields.shared(changed).into_iter().map(move |path| format!("conflict with {name:?}: {path}"))
            })
            .collect();
        if conflicts.is_empty() {
            return Ok(());
        }
        let many = if conflicts.len() == 1 { "conflict" } else { "conflicts" };
        Err(ClusterError::Conflict(format!("Apply failed with {} {many}: {}", conflicts.len(), conflicts.join(", "))))
    }

    /// As `metadata.managedFields` spells it.
    pub(super) fn to_managed_fields(&self) -> Vec<Value> {
        let entry = |((manager, operation), fields): (&(String, Operation), &Fields)| {
            json!({
                "manager": manager, "operation": operation.name(),
                "fieldsType": "FieldsV1", "fieldsV1": fields.to_fields_v1(),
            })
        };
        self.0.iter().map(entry).collect()
    }
}
