//! Plans as graphs, for documents and pull requests: one per node, its tasks in the order they run.

use sei_planner::api::{PlannedTask, TaskPlan, TaskStatus};

use super::report::{Outcome, Report};
use super::table::{heading, params, restarts};

/// What a task looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Calm,
    Disruptive,
    Done,
    Failed,
}

impl Look {
    const ALL: [Self; 4] = [Self::Calm, Self::Disruptive, Self::Done, Self::Failed];

    fn of(task: &PlannedTask) -> Self {
        match task.status {
            TaskStatus::Complete => Self::Done,
            TaskStatus::Failed => Self::Failed,
            TaskStatus::Pending | TaskStatus::Running if restarts(task) => Self::Disruptive,
            TaskStatus::Pending | TaskStatus::Running => Self::Calm,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Disruptive => "disruptive",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    /// Fill and border, which tell the looks apart also without colours: borders differ in width and dashes.
    fn colors(self) -> [&'static str; 2] {
        match self {
            Self::Calm => ["#e8f5e9", "#2e7d32"],
            Self::Disruptive => ["#fff3e0", "#e65100"],
            Self::Done => ["#eceff1", "#607d8b"],
            Self::Failed => ["#ffebee", "#b71c1c"],
        }
    }

    /// What is written below the type of the task.
    fn remark(self) -> &'static str {
        match self {
            Self::Calm => "",
            Self::Disruptive => "restarts the pod",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// The lines of a task: type, parameters, and what is special about it.
fn lines(task: &PlannedTask) -> Vec<String> {
    let lines = [task.kind.clone(), params(&task.params), Look::of(task).remark().to_owned()];
    lines.into_iter().filter(|line| !line.is_empty()).collect()
}

/// Title of a node's graph.
fn title(result: &Outcome) -> String {
    let kind = result.plan.as_ref().and_then(|plan| plan.kind).map(|kind| format!(" {kind:?}")).unwrap_or_default();
    format!("{}: {}{kind}", heading(result), result.outcome.as_str())
}

fn tasks(plan: Option<&TaskPlan>) -> &[PlannedTask] {
    plan.map(|plan| plan.tasks.as_slice()).unwrap_or_default()
}

/// A Mermaid flowchart, as Markdown viewers draw it.
pub(super) fn mermaid(report: &Report) -> String {
    let mut text = String::from("flowchart TD\n");
    for look in Look::ALL {
        let [fill, stroke] = look.colors();
        let width = if look == Look::Disruptive { ",stroke-width:3px" } else { "" };
        text += &format!("  classDef {} fill:{fill},stroke:{stroke}{width}\n", look.name());
    }
    for (n, result) in report.results.iter().enumerate() {
        text += &format!("  subgraph n{n}[\"{}\"]\n    direction TB\n", mermaid_text(&title(result)));
        let tasks = tasks(result.plan.as_ref());
        if tasks.is_empty() {
            text += &format!("    n{n}t0([\"{}\"])\n", mermaid_text(&nothing(result)));
        }
        for (t, task) in tasks.iter().enumerate() {
            let label = lines(task).iter().map(|line| mermaid_text(line)).collect::<Vec<_>>().join("<br/>");
            text += &format!("    n{n}t{t}[\"{label}\"]:::{}\n", Look::of(task).name());
        }
        if tasks.len() > 1 {
            let chain: Vec<String> = (0..tasks.len()).map(|t| format!("n{n}t{t}")).collect();
            text += &format!("    {}\n", chain.join(" --> "));
        }
        text += "  end\n";
    }
    text
}

/// Quotes end a text in Mermaid, and angle brackets would be HTML.
fn mermaid_text(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A graph in the language of Graphviz.
pub(super) fn dot(report: &Report) -> String {
    let mut text =
        String::from("digraph plan {\n  rankdir=TB;\n  node [shape=box, style=filled, fontname=\"sans-serif\"];\n");
    for (n, result) in report.results.iter().enumerate() {
        text += &format!("  subgraph cluster_{n} {{\n    label={};\n", dot_text(&[title(result)]));
        let tasks = tasks(result.plan.as_ref());
        if tasks.is_empty() {
            text += &format!("    n{n}t0 [label={}, shape=ellipse];\n", dot_text(&[nothing(result)]));
        }
        for (t, task) in tasks.iter().enumerate() {
            let [fill, border] = Look::of(task).colors();
            let width = if Look::of(task) == Look::Disruptive { ", penwidth=3" } else { "" };
            let label = dot_text(&lines(task));
            text += &format!("    n{n}t{t} [label={label}, fillcolor=\"{fill}\", color=\"{border}\"{width}];\n");
        }
        if tasks.len() > 1 {
            let chain: Vec<String> = (0..tasks.len()).map(|t| format!("n{n}t{t}")).collect();
            text += &format!("    {};\n", chain.join(" -> "));
        }
        text += "  }\n";
    }
    text + "}\n"
}

fn dot_text(lines: &[String]) -> String {
    let lines = lines.iter().map(|line| line.replace('\\', "\\\\").replace('"', "\\\""));
    format!("\"{}\"", lines.collect::<Vec<_>>().join("\\n"))
}

/// What stands where a node has no plan.
fn nothing(result: &Outcome) -> String {
    let problems = result.problems.iter().map(|problem| format!("{} {}", problem.code, problem.sentence));
    let lines: Vec<String> = result.why.iter().cloned().chain(problems).collect();
    if lines.is_empty() { "nothing to do".to_owned() } else { lines.join("; ") }
}
