//! What users do during a simulation: edits that go through admission as `kubectl apply` does, and deletes.

use std::collections::BTreeSet;
use std::path::PathBuf;

use sei_planner::names::NodeKey;
use sei_tasks::sim::Sim;
use sei_tasks::world::{Kind, ObjectId};
use serde_json::Value;

use super::schedule::{Delete, Edit};
use super::tell::clock;
use super::trace::Reason;
use crate::cli::report;
use crate::input::diagnostics::Diagnostic;
use crate::input::{ADMISSION, Document, Input};
use crate::output::{self, Paint};

/// Most names that an error offers.
const NAMES_MAX: usize = 5;

/// Something that a user does at a virtual time.
pub(super) struct Act {
    /// When, in virtual seconds after the start.
    pub(super) at_seconds: i64,
    /// The argument that asked for it.
    pub(super) argument: String,
    what: Deed,
}

enum Deed {
    /// Applies the documents of a file over what is there.
    Apply(Box<Input>),
    /// Deletes an object.
    Delete(ObjectId),
}

/// Why an act did not take place.
pub(super) enum Refusal {
    /// The API server refuses it.
    ByServer(Vec<Diagnostic>),
    /// There is no such object.
    NotThere(String),
}

/// Every act in the order of time, edits first within a second; nothing after everything that is wrong was said.
pub(super) fn read(edits: &[Edit], deletes: &[Delete], nodes: &BTreeSet<NodeKey>) -> Option<Vec<Act>> {
    let edits: Vec<Option<Act>> = edits.iter().map(apply).collect();
    let deletes = deletes.iter().map(|delete| {
        let deleted = object(delete, nodes);
        deleted.map_err(|error| complain(&format!("--delete {}: {error}", delete.text))).ok()
    });
    let mut acts: Vec<Act> = edits.into_iter().chain(deletes).collect::<Option<_>>()?;
    acts.sort_by_key(|act| act.at_seconds);
    Some(acts)
}

/// An edit whose every document can be read.
fn apply(edit: &Edit) -> Option<Act> {
    let input = Input::read(&[PathBuf::clone(&edit.file)]);
    let problems: Vec<Diagnostic> = input.documents.iter().flat_map(|document| document.problems.clone()).collect();
    report(&input, &problems);
    if !problems.is_empty() {
        return None;
    }
    if input.documents.is_empty() {
        complain(&format!("--edit {}: there is no SeiNode in it: name a file with the edited manifest", edit.text));
        return None;
    }
    let (at_seconds, argument) = (edit.at_seconds, format!("--edit {}", edit.text));
    Some(Act { at_seconds, argument, what: Deed::Apply(Box::new(input)) })
}

/// The object to delete, in the namespace of the nodes where the argument names none.
fn object(delete: &Delete, nodes: &BTreeSet<NodeKey>) -> Result<Act, String> {
    let namespaces: BTreeSet<&str> = nodes.iter().map(|key| key.namespace.as_str()).collect();
    let namespace = match (&delete.namespace, namespaces.into_iter().collect::<Vec<_>>().as_slice()) {
        (Some(namespace), _) => namespace.as_str(),
        (None, [only]) => only,
        (None, [] | [_, ..]) => {
            let word = delete.kind.name().to_lowercase();
            return Err(format!(
                "the nodes are in several namespaces: write {word}/NAMESPACE/{}@TIME to say in which",
                delete.name
            ));
        }
    };
    let id = ObjectId::new(delete.kind, namespace, delete.name.clone());
    let (at_seconds, argument) = (delete.at_seconds, format!("--delete {}", delete.text));
    Ok(Act { at_seconds, argument, what: Deed::Delete(id) })
}

fn complain(text: &str) {
    output::chatter(&format!("{}: {text}\n", Paint::stderr().red("error")));
}

impl Act {
    /// Whether it is an edit.
    pub(super) fn is_edit(&self) -> bool {
        match self.what {
            Deed::Apply(_) => true,
            Deed::Delete(_) => false,
        }
    }

    /// Does it. One document that is refused hides no other.
    pub(super) fn perform(&self, sim: &Sim) -> Vec<Refusal> {
        match &self.what {
            Deed::Apply(input) => input.documents.iter().filter_map(|document| change(sim, document).err()).collect(),
            Deed::Delete(id) if sim.object(id).is_some() => {
                sim.user_delete(id);
                Vec::new()
            }
            Deed::Delete(id) => vec![not_there(sim, id)],
        }
    }

    /// A refusal as programs read it.
    pub(super) fn reasons(refusal: &Refusal) -> Vec<Reason> {
        match refusal {
            Refusal::ByServer(diagnostics) => diagnostics.iter().map(Reason::of).collect(),
            Refusal::NotThere(words) => vec![Reason::of_words(words)],
        }
    }

    /// A refusal as people read it.
    pub(super) fn say(&self, refusal: &Refusal) {
        match (refusal, &self.what) {
            (Refusal::NotThere(words), _) => complain(&format!("{}: {words}", self.argument)),
            (Refusal::ByServer(diagnostics), Deed::Apply(input)) => {
                for diagnostic in diagnostics {
                    output::chatter(&format!("{}\n", diagnostic.render(&input.sources, Paint::stderr())));
                }
            }
            (Refusal::ByServer(_), Deed::Delete(_)) => complain(&format!("{}: refused", self.argument)),
        }
    }
}

/// Applies one document over the object that is there, if the API server lets it.
fn change(sim: &Sim, document: &Document) -> Result<(), Refusal> {
    let Some(node) = &document.node else { return Ok(()) };
    let id = ObjectId::new(Kind::SeiNode, document.namespace.clone(), document.name.clone());
    let Some(live) = sim.object(&id) else { return Err(not_there(sim, &id)) };
    let mut new = serde_json::to_value(node.as_ref()).unwrap_or_default();
    if let Some(fields) = new.as_object_mut() {
        fields.remove("status");
    }
    let refused = |field: &str, message: &str| {
        Refusal::ByServer(vec![document.problem(crate::input::diagnostics::REFUSED_BY_RULE.id, field, message)])
    };
    let violations = ADMISSION.update(&live, &carried(&live, new.clone()));
    let by_rules = document.refused_by_rules(&violations);
    if !by_rules.is_empty() {
        return Err(Refusal::ByServer(by_rules));
    }
    if let Some(violation) = violations.first() {
        return Err(refused(&violation.path, &violation.message));
    }
    sim.user_apply(new).map(|_| ()).map_err(|error| refused("", &error.to_string()))
}

/// The new object with what the API server keeps of the old one, whatever an update says.
fn carried(live: &Value, mut new: Value) -> Value {
    for field in ["uid", "creationTimestamp", "generation", "resourceVersion", "finalizers"] {
        if let (Some(old), Some(metadata)) = (live["metadata"].get(field), new["metadata"].as_object_mut()) {
            metadata.insert(field.to_owned(), old.clone());
        }
    }
    new
}

/// That an object is not there, when, and what is there instead.
fn not_there(sim: &Sim, id: &ObjectId) -> Refusal {
    let kind = id.kind.name();
    let others = sim.objects(id.kind).into_iter().filter_map(|object| {
        let metadata = &object["metadata"];
        let here = metadata["namespace"].as_str().unwrap_or_default() == id.namespace;
        here.then(|| metadata["name"].as_str().map(str::to_owned)).flatten()
    });
    let others: Vec<String> = others.take(NAMES_MAX).collect();
    let there = if others.is_empty() { "none is there".to_owned() } else { format!("there is {}", others.join(", ")) };
    Refusal::NotThere(format!(
        "there is no {kind} {:?} in namespace {:?} at {}; {there}",
        id.name,
        id.namespace,
        clock(sim.elapsed_seconds()),
    ))
}
