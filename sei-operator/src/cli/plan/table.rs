//! Plans as people read them: a heading per node, its tasks in columns, why, and what is wrong. Of an edit also the verdict
//! of the API server, the risks, and what becomes of each edited field.

use sei_planner::api::{PlannedTask, TaskPlan, TaskStatus};
use sei_planner::task::codec;
use serde_json::Value;

use super::edit::{Edit, Fate, State};
use super::report::{Outcome, Problem, Report, Word};
use super::why::{Change, shown};
use crate::output::Paint;

/// Longest text of the parameters of a task, in characters.
const PARAMS_WIDTH_MAX: usize = 72;
/// Longest value of an edited field, in characters.
const VALUE_WIDTH_MAX: usize = 60;

/// All plans and the closing line.
pub(super) fn plans(report: &Report, paint: Paint) -> String {
    let told = report.results.iter().filter(|result| !is_unchanged(result));
    let mut text: String = told.map(|result| node(result, paint) + "\n").collect();
    let summary = &report.summary;
    let tasks = if summary.tasks == 1 { "task" } else { "tasks" };
    let totals = format!(
        "Plan: {} {tasks}, {} disruptive, {} destructive",
        summary.tasks, summary.disruptive, summary.destructive
    );
    text += &paint.bold(&totals);
    text + "\n" + &states(report)
}

/// Whether a node is not worth a line: nobody edited it, and nothing happens to it.
fn is_unchanged(result: &Outcome) -> bool {
    let state = result.edit.as_ref().map(|edit| edit.state);
    state == Some(State::Unchanged) && result.outcome == Word::None && result.problems.is_empty()
}

/// How many nodes were edited, and how; nothing where no edit is looked at.
fn states(report: &Report) -> String {
    let count = |state| {
        let edits = report.results.iter().filter_map(|result| result.edit.as_ref());
        format!("{} {}", edits.filter(|edit| edit.state == state).count(), state.as_str())
    };
    if report.results.iter().all(|result| result.edit.is_none()) {
        return String::new();
    }
    let states = [State::Changed, State::Added, State::Removed, State::Unchanged];
    format!("Nodes: {}\n", states.map(count).join(", "))
}

fn node(result: &Outcome, paint: Paint) -> String {
    let state = result.edit.as_ref().filter(|edit| edit.state != State::Removed);
    let state = state.map(|edit| format!("{}: ", edit.state.as_str())).unwrap_or_default();
    let mut text = format!("{}  {state}{}\n", paint.bold(&heading(result)), outcome(result, paint));
    if let Some(edit) = &result.edit {
        text += &verdict(edit, paint);
    }
    if let Some(plan) = &result.plan {
        text += &tasks(plan, paint);
    }
    for why in reasons(result) {
        text += &format!("  WHY  {why}\n");
    }
    if let Some(edit) = &result.edit {
        if result.plan.as_ref().is_some_and(|plan| edit.state == State::Changed && !plan.tasks.iter().any(restarts)) {
            text += "  nothing restarts\n";
        }
        text += &consequences(edit, paint);
    }
    let told = |problem: &&Problem| result.edit.as_ref().is_some_and(|edit| edit.refuses(problem));
    for problem in result.problems.iter().filter(|problem| !told(problem)) {
        text += &format!("  {} {}  {}\n", paint.red(problem.code), problem.place, problem.sentence);
    }
    text
}

/// Why: the fields that differ, then what else the planner said.
fn reasons(result: &Outcome) -> Vec<String> {
    let edited = |change: &&Change| result.edit.as_ref().is_some_and(|edit| edit.names(&change.field));
    let fields = result.changes.iter().filter(|change| !edited(change)).map(Change::to_string);
    let told = |sentence: &&String| result.changes.iter().any(|change| change.is_told_by(sentence));
    fields.chain(result.why.iter().filter(|sentence| !told(sentence)).cloned()).collect()
}

/// What the API server says to an edit that it has to judge.
fn verdict(edit: &Edit, paint: Paint) -> String {
    let refused = edit.refusals.iter().map(|refusal| {
        let rule = refusal.rule.as_ref().map(|rule| format!(" (rule {rule})")).unwrap_or_default();
        let head = paint.red("the API server will refuse it");
        let place = format!("{}:{}:{}", refusal.file, refusal.line, refusal.column);
        format!("  {head}: {}: {}{rule}\n    --> {place}\n", refusal.path, refusal.message)
    });
    refused.collect()
}

/// The risks of an edit, and what becomes of each edited field.
fn consequences(edit: &Edit, paint: Paint) -> String {
    let mut text = String::new();
    for risk in &edit.risks {
        text += &format!("  {}  {}: {}\n", paint.red("RISK"), risk.kind.as_str(), risk.message);
    }
    for field in &edit.fields {
        let (word, paints) = match field.fate {
            Fate::Followed => ("followed ", Paint::green as fn(Paint, &str) -> String),
            Fate::NoChange => ("no change", Paint::green as fn(Paint, &str) -> String),
            Fate::Waits => ("waits    ", Paint::yellow as fn(Paint, &str) -> String),
            Fate::CreationOnly | Fate::Ignored => ("no effect", Paint::yellow as fn(Paint, &str) -> String),
            Fate::Refused => ("refused  ", Paint::red as fn(Paint, &str) -> String),
        };
        let change = &field.change;
        let (from, to) = (cut(&shown(&change.from), VALUE_WIDTH_MAX), cut(&shown(&change.to), VALUE_WIDTH_MAX));
        text +=
            &format!("  {}  {}: {from} -> {to}\n             it {}\n", paints(paint, word), change.field, field.says);
    }
    text
}

/// Kind, namespace and name.
pub(super) fn heading(result: &Outcome) -> String {
    match (result.kind.as_str(), result.name.as_str()) {
        ("", "") => "(unknown object)".to_owned(),
        (kind, "") => format!("{kind} (without a name)"),
        (kind, name) => format!("{kind} {}/{name}", result.namespace),
    }
}

fn outcome(result: &Outcome, paint: Paint) -> String {
    let kind = result.plan.as_ref().and_then(|plan| plan.kind).map(|kind| format!(" {kind:?}")).unwrap_or_default();
    let text = format!("{}{kind}", result.outcome.as_str());
    match result.outcome {
        Word::None => paint.green(&text),
        Word::Refused | Word::Removed => paint.red(&text),
        Word::Plan | Word::Waiting => paint.yellow(&text),
    }
}

fn tasks(plan: &TaskPlan, paint: Paint) -> String {
    let rows: Vec<[String; 3]> = plan.tasks.iter().map(row).collect();
    let headings = ["TYPE", "PARAMS", "RETRIES"].map(str::to_owned);
    let width = |column: usize| {
        let cells = rows.iter().chain([&headings]).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let (type_width, params_width) = (width(0), width(1));
    let line = |mark: &str, [kind, params, retries]: &[String; 3]| {
        let line = format!("  {mark} {kind:type_width$}  {params:params_width$}  {retries}");
        line.trim_end().to_owned() + "\n"
    };
    let tasks = plan.tasks.iter().zip(&rows).map(|(task, row)| line(&mark(task, paint), row));
    std::iter::once(line(" ", &headings)).chain(tasks).collect()
}

/// Type, parameters that matter, and retries.
fn row(task: &PlannedTask) -> [String; 3] {
    let retries = match (task.retry_count, task.max_retries) {
        (_, 0) => String::new(),
        (0, max) => format!("up to {max}"),
        (count, max) => format!("{count} of {max}"),
    };
    [task.kind.clone(), params(&task.params), retries]
}

/// What a task that is left to do does to the node: `~` restarts its pod, `+` does not.
fn mark(task: &PlannedTask, paint: Paint) -> String {
    match task.status {
        TaskStatus::Complete => paint.green("✓"),
        TaskStatus::Failed => paint.red("✗"),
        TaskStatus::Running => paint.blue("…"),
        TaskStatus::Pending => {
            if restarts(task) {
                paint.yellow("~")
            } else {
                paint.green("+")
            }
        }
    }
}

/// Whether a task restarts the node's pod.
pub(super) fn restarts(task: &PlannedTask) -> bool {
    codec::is_disruptive(&task.kind)
}

/// `key=value` pairs; what every task carries (the node) and what is empty is left out.
pub(super) fn params(params: &Value) -> String {
    let pairs = params.as_object().into_iter().flatten().filter(|(key, value)| {
        let about_the_node = matches!(key.to_lowercase().as_str(), "nodename" | "namespace");
        !about_the_node && !is_empty(value)
    });
    let text = pairs.map(|(key, value)| format!("{}={}", lower_camel(key), shown(value))).collect::<Vec<_>>().join(" ");
    cut(&text, PARAMS_WIDTH_MAX)
}

/// A text that is at most so wide.
pub(in crate::cli) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain(['…']).collect()
}

/// Some params are stored capitalised; people know them as fields of the spec.
fn lower_camel(key: &str) -> String {
    let mut chars = key.chars();
    let first = chars.next().map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(chars).collect()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(b) => !b,
        Value::Number(n) => n.as_i64() == Some(0),
        Value::String(s) => s.is_empty(),
        Value::Array(a) => a.is_empty(),
        Value::Object(o) => o.is_empty(),
    }
}
