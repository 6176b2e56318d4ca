//! What `plan` prints as JSON and YAML, and everything else is drawn from. Stable: see the README, and the schema that
//! `plan --schema` prints.
#![allow(unreachable_pub, reason = "the derive of the schema copies each struct, with its visibility, into a function")]

use schemars::JsonSchema;
use sei_planner::api::TaskPlan;
use sei_planner::node::{NodePlan, PlanOutcome};
use serde::Serialize;

use super::edit::Edit;
use super::why::Change;
use crate::input::Document;
use crate::input::diagnostics::Diagnostic;

/// What would happen to nodes: the output of `sei-operator plan -o json`. Fields may be added; none is removed or changes
/// its meaning without a new `formatVersion`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct Report {
    /// Version of this format.
    #[schemars(extend("const" = crate::output::FORMAT_VERSION))]
    pub(in crate::cli) format_version: &'static str,
    /// One entry per document, in the order of the files.
    pub(in crate::cli) results: Vec<Outcome>,
    /// Totals over all documents.
    pub(in crate::cli) summary: Summary,
}

/// What would happen to one document.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Result")]
pub(in crate::cli) struct Outcome {
    /// Kind; empty where a document cannot be read.
    pub(in crate::cli) kind: String,
    /// Namespace; `default` where the document names none.
    pub(in crate::cli) namespace: String,
    /// Name; empty where a document cannot be read.
    pub(in crate::cli) name: String,
    /// What would happen, in one word.
    pub(in crate::cli) outcome: Word,
    /// The plan as it will stand in `status.plan`, or the one there that goes on.
    pub(in crate::cli) plan: Option<TaskPlan>,
    /// Why, a sentence each.
    pub(in crate::cli) why: Vec<String>,
    /// The differences that the plan removes, where both sides are known.
    pub(in crate::cli) changes: Vec<Change>,
    /// Everything that is wrong with the document. The outcome is `refused` then.
    pub(in crate::cli) problems: Vec<Problem>,
    /// What an edit does, with `--from` and `--to`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) edit: Option<Edit>,
}

impl Outcome {
    /// What is known before a document is planned: nothing, so it counts as refused.
    pub(super) fn of(document: &Document) -> Self {
        Self {
            kind: document.kind.clone(),
            namespace: document.namespace.clone(),
            name: document.name.clone(),
            outcome: Word::Refused,
            plan: None,
            why: Vec::new(),
            changes: Vec::new(),
            problems: Vec::new(),
            edit: None,
        }
    }
}

/// What would happen to a node, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::cli) enum Word {
    /// Tasks would run.
    Plan,
    /// Nothing would happen.
    None,
    /// Something else must happen first.
    Waiting,
    /// The document cannot be read, or is refused by the API server or the planner.
    Refused,
    /// The node is deleted; only with `--from` and `--to`.
    Removed,
}

impl Word {
    /// The word on the wire.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::None => "none",
            Self::Waiting => "waiting",
            Self::Refused => "refused",
            Self::Removed => "removed",
        }
    }
}

impl From<PlanOutcome> for Word {
    fn from(outcome: PlanOutcome) -> Self {
        match outcome {
            PlanOutcome::Plan => Self::Plan,
            PlanOutcome::None => Self::None,
            PlanOutcome::Waiting => Self::Waiting,
            PlanOutcome::Refused => Self::Refused,
        }
    }
}

/// One thing that is wrong with a document.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Problem {
    /// Code: `sei-operator explain CODE` tells more.
    pub(in crate::cli) code: &'static str,
    /// What is wrong, and what to write instead. Follows the field in a sentence.
    pub(in crate::cli) message: String,
    /// JSON path of the field, as `spec.peers[0].ec2Tags`; empty where it is about more than a field.
    pub(in crate::cli) field: String,
    /// Name of the file, as it was given.
    pub(in crate::cli) file: String,
    /// Line in the file; 0 where the problem is with the file as a whole.
    pub(in crate::cli) line: usize,
    /// What people read: field and message in a sentence, and the place.
    #[serde(skip)]
    pub(super) sentence: String,
    #[serde(skip)]
    pub(super) place: String,
}

impl Problem {
    /// A diagnostic as programs read it.
    pub(in crate::cli) fn of(diagnostic: &Diagnostic) -> Self {
        Self {
            code: diagnostic.code,
            message: diagnostic.message.clone(),
            field: diagnostic.field.clone(),
            file: diagnostic.file.clone(),
            line: diagnostic.at.line,
            sentence: diagnostic.sentence(),
            place: diagnostic.place(),
        }
    }
}

/// Totals over all documents.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(in crate::cli) struct Summary {
    /// Tasks of all plans.
    pub(in crate::cli) tasks: usize,
    /// Tasks left to do that restart a pod.
    pub(in crate::cli) disruptive: u32,
    /// Tasks left to do that destroy data.
    pub(in crate::cli) destructive: u32,
}

impl Summary {
    /// Counts a plan.
    pub(super) fn add(&mut self, planned: &NodePlan) {
        self.tasks += planned.plan.as_ref().map_or(0, |plan| plan.tasks.len());
        self.disruptive += planned.disruptive;
        self.destructive += planned.destructive;
    }
}

/// The JSON Schema of [`Report`].
pub(super) fn schema() -> schemars::Schema {
    crate::output::schema_of::<Report>("sei-operator plan")
}
