//! A node on one screen, and many nodes in a list. Pure: a report, the time and the colours go in.

use sei_planner::api::{ConditionStatus, NodePhase, PlanPhase, TaskStatus, Time};

use super::pods::PodReport;
use super::report::{NodeReport, PlanReport, TaskReport};
use crate::cli::age::{age, length};
use crate::cli::plan::cut;
use crate::output::Paint;

/// Longest text in the column of a list that says what blocks, in characters.
const BLOCKED_WIDTH_MAX: usize = 60;

/// Everything about one node.
pub(super) fn node(report: &NodeReport, now: Time, paint: Paint) -> String {
    let mut text = head(report, now, paint);
    if let Some(plan) = &report.plan {
        text += &self::plan(plan, now, paint);
    }
    for pod in &report.pods {
        text += &self::pod(pod, now, paint);
    }
    text += &conditions(report, now, paint);
    text += &network(report, paint);
    text + &hints(report, paint)
}

fn head(report: &NodeReport, now: Time, paint: Paint) -> String {
    let title = paint.bold(&format!("SeiNode {}/{}", report.namespace, report.name));
    let since = report.phase_since.map(|since| format!(" for {}", age(Some(since), now))).unwrap_or_default();
    let mut text = format!("{title}  {}{since}\n", phase(report.phase, paint));
    let mode = if report.mode.is_empty() { "no mode" } else { report.mode };
    text += &format!("  mode      {mode} of {}\n  image     {}", report.chain_id, report.image);
    match &report.current_image {
        Some(runs) if *runs == report.image => text += ", which runs\n",
        Some(runs) => text += &paint.yellow(&format!("\n  runs      {runs}\n")),
        None => text += ", which no pod was seen running yet\n",
    }
    if report.created_at.is_some() {
        text += &format!("  age       {}\n", age(report.created_at, now));
    }
    if report.deleted_at.is_some() {
        text += &paint.yellow(&format!("  deletion  asked for {} ago\n", age(report.deleted_at, now)));
    }
    if let Some(blocked) = &report.blocked_by {
        let stuck = if report.stuck { paint.red("stuck") } else { paint.yellow("on its way") };
        text += &format!("  standing  {stuck}: {}\n", blocked.gist());
    }
    for lease in &report.key_leases {
        text += &format!("  holds     key {lease}\n");
    }
    text
}

fn phase(phase: NodePhase, paint: Paint) -> String {
    match phase {
        NodePhase::Running => paint.green(phase.as_str()),
        NodePhase::Failed => paint.red(phase.as_str()),
        NodePhase::Pending | NodePhase::Initializing | NodePhase::Terminating => paint.yellow(phase.as_str()),
    }
}

fn plan(plan: &PlanReport, now: Time, paint: Paint) -> String {
    let kind = plan.kind.map_or("without a kind", |kind| kind.as_str());
    let word = match plan.phase {
        PlanPhase::Active => paint.yellow("Active"),
        PlanPhase::Complete => paint.green("Complete"),
        PlanPhase::Failed => paint.red("Failed"),
    };
    let mut parts = vec![format!("{kind} {word}")];
    parts.extend(plan.started_at.map(|at| format!("started {} ago", age(Some(at), now))));
    parts.push(format!("{} of {} tasks done", plan.done, plan.tasks.len()));
    parts.extend((plan.failures > 0).then(|| format!("failure {} in a row", plan.failures)));
    parts.extend(plan.retry_at.map(|at| match at.seconds_since(now) {
        left @ 1.. => format!("planned again in {}", length(left)),
        _ => "due to be planned again".to_owned(),
    }));
    let mut text = format!("{}  {}\n", paint.bold("PLAN"), parts.join(", "));
    if !plan.drift.is_empty() {
        text += &format!("  because of {}\n", plan.drift.join(", "));
    }
    let width = plan.tasks.iter().map(|task| task.kind.chars().count()).max().unwrap_or_default();
    for task in &plan.tasks {
        let (mark, word) = match task.status {
            TaskStatus::Complete => (paint.green("✓"), ""),
            TaskStatus::Failed => (paint.red("✗"), "failed"),
            TaskStatus::Running => (paint.blue("…"), "runs"),
            TaskStatus::Pending => ("·".to_owned(), ""),
        };
        let line = format!("  {mark} {:width$}  {word:6}  {}", task.kind, detail(task, now));
        text += &format!("{}\n", line.trim_end());
    }
    text
}

/// Since when a task runs, what it waits for, and what went wrong.
fn detail(task: &TaskReport, now: Time) -> String {
    let mut parts = Vec::new();
    let open = task.status != TaskStatus::Complete;
    parts.extend(task.submitted_at.filter(|_| open).map(|at| format!("since {}", age(Some(at), now))));
    parts.extend(task.waiting_for.as_ref().map(|on| {
        let since = task.waiting_since.map(|at| format!(" for {}", age(Some(at), now))).unwrap_or_default();
        format!("waits{since} for {on}")
    }));
    parts.extend(match (task.retries, task.max_retries) {
        (0, _) => None,
        (retries, max) => Some(format!("retry {retries} of {max}")),
    });
    parts.extend(
        task.not_before.filter(|at| *at > now).map(|at| format!("next try in {}", length(at.seconds_since(now)))),
    );
    parts.extend(task.last_error.as_ref().map(|error| format!("last error: {error}")));
    parts.join(", ")
}

fn pod(pod: &PodReport, now: Time, paint: Paint) -> String {
    let mut parts = vec![pod.phase.clone()];
    parts.push(if pod.ready { "ready".to_owned() } else { "not ready".to_owned() });
    parts.extend(pod.deleting.then(|| paint.yellow("being deleted")));
    parts.extend(pod.machine.as_ref().map(|machine| format!("on {machine}")));
    parts.extend(pod.created_at.map(|at| format!("made {} ago", age(Some(at), now))));
    let rows: Vec<Vec<String>> = pod
        .containers
        .iter()
        .map(|container| {
            let reason = container.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            let state = format!("{}{reason}", container.state);
            vec![container.name.clone(), state, container.restarts.to_string(), container.image.clone()]
        })
        .collect();
    let containers = columns(&["CONTAINER", "STATE", "RESTARTS", "IMAGE"], &rows, "  ");
    format!("{}  {}  {}\n{containers}", paint.bold("POD"), pod.name, parts.join(", "))
}

fn conditions(report: &NodeReport, now: Time, paint: Paint) -> String {
    if report.conditions.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<String>> = report
        .conditions
        .iter()
        .map(|condition| {
            let since = age(Some(condition.last_transition_time), now);
            let status = condition.status.as_str().to_owned();
            vec![condition.kind.clone(), status, condition.reason.clone(), since, condition.message.clone()]
        })
        .collect();
    let table = columns(&["TYPE", "STATUS", "REASON", "FOR", "MESSAGE"], &rows, "  ");
    format!("{}\n{table}", paint.bold("CONDITIONS"))
}

fn network(report: &NodeReport, paint: Paint) -> String {
    let network = &report.network;
    let mut text = format!("{}\n  host      {}\n", paint.bold("NETWORK"), network.host);
    if let Some(address) = &network.external_address {
        text += &format!("  external  {address}\n");
    }
    let sources = match network.peer_sources {
        1 => "1 source".to_owned(),
        count => format!("{count} sources"),
    };
    let resolved = match network.resolved_peers.as_slice() {
        [] => String::new(),
        peers => format!(", SeiNodes among them: {}", peers.join(", ")),
    };
    text + &format!("  peers     {sources}{resolved}\n")
}

fn hints(report: &NodeReport, paint: Paint) -> String {
    if report.hints.is_empty() {
        let text = if report.blocked_by.is_none() { "nothing to do" } else { "nothing but to wait" };
        return format!("{}  {}\n", paint.bold("HINTS"), paint.green(text));
    }
    let mut text = format!("{}\n", paint.bold("HINTS"));
    for hint in &report.hints {
        text += &format!("  {} {}\n", paint.yellow("‼"), hint.text);
        for command in &hint.commands {
            text += &format!("      {}\n", paint.blue(command));
        }
    }
    text
}

/// Headings of a list of nodes.
const LIST: [&str; 7] = ["NAMESPACE", "NAME", "MODE", "PHASE", "PLAN", "BLOCKED-BY", "AGE"];

/// One line a node.
pub(super) fn list(reports: &[NodeReport], now: Time) -> String {
    let rows: Vec<Vec<String>> = reports.iter().map(|report| row(report, now)).collect();
    columns(&LIST, &rows, "")
}

/// One node as a line that needs no heading: what changed when nobody looks at a screen.
pub(super) fn line(report: &NodeReport, now: Time) -> String {
    let blocked = report.blocked_by.as_ref().map(|blocked| format!("  {}", blocked.brief())).unwrap_or_default();
    let plan = report.plan.as_ref().map(|plan| format!("  {}", plan.brief())).unwrap_or_default();
    format!("{now}  {}/{}  {}{plan}{blocked}\n", report.namespace, report.name, report.phase)
}

fn row(report: &NodeReport, now: Time) -> Vec<String> {
    let or_none = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    let unready = report.conditions.iter().any(|condition| {
        condition.kind == sei_planner::api::conditions::SIDECAR_READY && condition.status == ConditionStatus::False
    });
    let blocked = match &report.blocked_by {
        Some(blocked) => blocked.short(),
        None if unready => "SidecarReady is False".to_owned(),
        None => String::new(),
    };
    vec![
        report.namespace.clone(),
        report.name.clone(),
        or_none(report.mode.to_owned()),
        report.phase.to_string(),
        or_none(report.plan.as_ref().map(PlanReport::brief).unwrap_or_default()),
        or_none(cut(&blocked, BLOCKED_WIDTH_MAX)),
        or_none(age(report.created_at, now)),
    ]
}

/// Cells in columns, under their headings. The last column is as wide as it likes.
fn columns(headings: &[&str], rows: &[Vec<String>], indent: &str) -> String {
    let heading: Vec<String> = headings.iter().map(|&word| word.to_owned()).collect();
    let width = |column: usize| {
        let cells = rows.iter().chain([&heading]).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        format!("{indent}{}", cells.collect::<Vec<_>>().join("  ")).trim_end().to_owned() + "\n"
    };
    std::iter::once(&heading).chain(rows).map(line).collect()
}
