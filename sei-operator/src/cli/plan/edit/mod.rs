//! `plan --from OLD --to NEW`: what an edit does to nodes that run. Nothing that was edited is left without a word.
#![allow(unreachable_pub, reason = "the derive of the schema copies each struct, with its visibility, into a function")]

mod fields;
mod risks;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use schemars::JsonSchema;
use sei_planner::api::SeiNode;
use sei_planner::node::{NodePlan, Observed, PlanOutcome, plan_node, settled_status, validate};
use sei_planner::platform::Platform;
use serde::Serialize;

use super::report::{Outcome, Problem, Report, Word};
use super::{Plans, now, plan_id};
use crate::cli::report as say;
use crate::input::diagnostics::{Diagnostic, REFUSED_BY_RULE};
use crate::input::{ADMISSION, Document, Input, rules_of};
pub(in crate::cli) use fields::{EditedField, Fate};
use fields::{Ground, edited};
pub(in crate::cli) use risks::Risk;
use sei_tasks::admission::Violation;

/// What an edit does to one node.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Edit {
    /// What happened to the document.
    pub(in crate::cli) state: State,
    /// Whether the API server accepts it.
    pub(in crate::cli) accepted: bool,
    /// Why the API server does not accept it.
    pub(in crate::cli) refusals: Vec<Refusal>,
    /// Every field of `spec` that differs.
    pub(in crate::cli) fields: Vec<EditedField>,
    /// What to think about before it is applied.
    pub(in crate::cli) risks: Vec<Risk>,
}

impl Edit {
    /// Whether the field is one of those that were edited.
    pub(super) fn names(&self, field: &str) -> bool {
        self.fields.iter().any(|edited| edited.change.field == field)
    }

    /// Whether a problem is one of the API server's refusals.
    pub(super) fn refuses(&self, problem: &Problem) -> bool {
        problem.code == REFUSED_BY_RULE.id && self.refusals.iter().any(|refusal| refusal.path == problem.field)
    }
}

/// What happened to a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) enum State {
    /// It is in OLD and in NEW, with different specs.
    Changed,
    /// It is only in NEW.
    Added,
    /// It is only in OLD.
    Removed,
    /// It is in both, with the same spec.
    Unchanged,
}

impl State {
    /// The word on the wire.
    pub(in crate::cli) fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Unchanged => "unchanged",
        }
    }
}

/// One reason for the API server to refuse an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(in crate::cli) struct Refusal {
    /// JSON path of the field.
    pub(in crate::cli) path: String,
    /// The API server's words.
    pub(in crate::cli) message: String,
    /// The rule in CEL, where a rule refuses.
    pub(in crate::cli) rule: Option<String>,
    /// File of the new document.
    pub(in crate::cli) file: String,
    /// Line in that file.
    pub(in crate::cli) line: usize,
    /// Column in that file, in characters.
    pub(in crate::cli) column: usize,
}

/// Plans the edit, says what is wrong on stderr, and returns the report.
pub(super) fn report(from: &Path, to: &Path, platform: &Platform) -> io::Result<Report> {
    let (old, new) = (Input::read(&[from.to_owned()]), Input::read(&[to.to_owned()]));
    let key = |document: &Document| (document.kind.clone(), document.namespace.clone(), document.name.clone());
    let mut before: BTreeMap<_, &Document> = old.documents.iter().map(|document| (key(document), document)).collect();
    let mut plans = Plans::default();
    for document in &new.documents {
        match before.remove(&key(document)) {
            Some(earlier) => change(&mut plans, earlier, document, platform)?,
            None => add(&mut plans, document, platform)?,
        }
    }
    before.values().for_each(|document| remove(&mut plans, document));
    let broken: Vec<Diagnostic> = old.documents.iter().flat_map(|document| document.problems.clone()).collect();
    say(&old, &broken);
    say(&new, &plans.problems);
    Ok(plans.report())
}

fn change(plans: &mut Plans, earlier: &Document, document: &Document, platform: &Platform) -> io::Result<()> {
    let mut result = Outcome::of(document);
    let (Some(old), Some(new)) = (&earlier.node, &document.node) else {
        result.problems.extend(earlier.problems.iter().map(Problem::of));
        plans.close(result, document.problems.clone());
        return Ok(());
    };
    let (old, runs) = running(old, platform);
    let new = applied(&old, new);
    let violations = ADMISSION.update(&serde_json::to_value(&old)?, &serde_json::to_value(&new)?);
    let refused = document.refused_by_rules(&violations);
    let refusals = refusals(document, &violations);
    let planned = if refusals.is_empty() {
        plan_node(&new, platform, &Observed::default(), now(), &plan_id(&new)?)
    } else {
        nothing()
    };
    let ground = match (refusals.is_empty(), planned.outcome, runs) {
        (false, _, _) => Ground::RefusedByServer,
        (true, PlanOutcome::Refused, _) => Ground::RefusedByPlanner,
        (true, _, false) => Ground::New,
        (true, _, true) => Ground::Running(planned.plan.as_ref()),
    };
    let fields = edited(&old, &new, ground);
    let risks = match ground {
        Ground::RefusedByServer | Ground::RefusedByPlanner => Vec::new(),
        Ground::New | Ground::Running(_) => risks::of_change(&old, &new, planned.disruptive),
    };
    let state = if old.spec == new.spec { State::Unchanged } else { State::Changed };
    result.edit = Some(Edit { state, accepted: refusals.is_empty(), refusals, fields, risks });
    let said = planned.problems.iter().map(|p| document.problem(p.code, &p.field, &p.message));
    let problems = refused.into_iter().chain(said).collect();
    plans.planned(&mut result, &new, planned);
    plans.close(result, problems);
    Ok(())
}

fn add(plans: &mut Plans, document: &Document, platform: &Platform) -> io::Result<()> {
    let mut result = Outcome::of(document);
    let mut problems = document.problems.clone();
    if let Some(node) = &document.node {
        let planned = plan_node(node, platform, &Observed::default(), now(), &plan_id(node)?);
        problems.extend(document.judged(&planned.problems, &document.rules));
        let accepted = document.rules.is_empty();
        let planned = if accepted { planned } else { nothing() };
        let refusals = refusals(document, &ADMISSION.create(&serde_json::to_value(node)?));
        let risks = if accepted { risks::of_new(node) } else { Vec::new() };
        result.edit = Some(Edit { state: State::Added, accepted, refusals, fields: Vec::new(), risks });
        plans.planned(&mut result, node, planned);
    }
    plans.close(result, problems);
    Ok(())
}

fn remove(plans: &mut Plans, document: &Document) {
    let mut result = Outcome::of(document);
    result.problems.extend(document.problems.iter().map(Problem::of));
    if let Some(node) = &document.node {
        let (risks, lost) = risks::of_removal(node);
        plans.summary.destructive += u32::from(lost);
        result.outcome = Word::Removed;
        result.why =
            vec!["the document is gone: deleting the SeiNode deletes its pod, StatefulSet and Service".to_owned()];
        let (refusals, fields) = (Vec::new(), Vec::new());
        result.edit = Some(Edit { state: State::Removed, accepted: true, refusals, fields, risks });
    }
    plans.close(result, Vec::new());
}

/// The old node as it stands in the cluster, and whether it runs there: with the status in its document, else with the one
/// the operator leaves once the node came up. A spec that is refused runs nowhere.
fn running(node: &SeiNode, platform: &Platform) -> (SeiNode, bool) {
    let mut node = node.clone();
    node.metadata.generation.get_or_insert(1);
    if node.status.is_none() {
        let Ok(valid) = validate(&node, platform) else { return (node, false) };
        node.status = Some(settled_status(&valid, now()));
    }
    (node, true)
}

/// The new node as the API server would store it over the old one.
fn applied(old: &SeiNode, new: &SeiNode) -> SeiNode {
    let mut node = new.clone();
    let edits = i64::from(old.spec != new.spec);
    node.metadata.generation = old.metadata.generation.map(|generation| generation + edits);
    node.metadata.uid.clone_from(&old.metadata.uid);
    node.status.clone_from(&old.status);
    node
}

fn nothing() -> NodePlan {
    let (plan, why, problems) = (None, Vec::new(), Vec::new());
    NodePlan { outcome: PlanOutcome::Refused, plan, why, problems, disruptive: 0, destructive: 0 }
}

/// The rules that refuse a document, with the places they speak of.
fn refusals(document: &Document, violations: &[Violation]) -> Vec<Refusal> {
    rules_of(violations)
        .zip(document.refused_by_rules(violations))
        .map(|(violation, told)| Refusal {
            path: violation.path.clone(),
            message: violation.message.clone(),
            rule: violation.rule.clone(),
            file: told.file,
            line: told.at.line,
            column: told.at.column,
        })
        .collect()
}
