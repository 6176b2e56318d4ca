//! The timeline for people: a line for each thing that happened and, on a terminal, a status line at the bottom.

use std::io;

use sei_planner::api::{NodePhase, PlanPhase, SeiNodeStatus, TaskPlan};
use sei_tasks::sim::{Moment, Sim, What};

use super::course::Audience;
use super::trace::{Choices, End, NodeEnd, Reason};
use crate::cli::standing::current;
use crate::output::{self, Paint};

/// Goes back to the start of the line and clears it.
const CLEAR: &str = "\r\u{1b}[K";
/// Cuts what follows at the margin instead of going on in the next line, which no redraw would reach.
const NO_WRAP: &str = "\u{1b}[?7l";
const WRAP: &str = "\u{1b}[?7h";

/// Tells the timeline, each line once.
pub(super) struct Teller {
    told: usize,
    paint: Paint,
    several: bool,
    /// Whether there is a terminal to draw a status line on.
    live: bool,
    /// The status line that is on the screen.
    drawn: String,
}

impl Teller {
    pub(super) fn new() -> Self {
        let live = output::is_screen();
        Self { told: 0, paint: Paint::stdout(), several: false, live, drawn: String::new() }
    }

    fn clear(&mut self) -> io::Result<()> {
        if self.drawn.is_empty() {
            return Ok(());
        }
        self.drawn.clear();
        output::data(CLEAR)
    }

    fn line(&self, moment: &Moment, seconds: i64) -> String {
        let node = moment.node.as_ref().filter(|_| self.several).map(|key| format!("{key}  ")).unwrap_or_default();
        let text = moment.what.to_string();
        let text = match &moment.what {
            What::Phase { to: Some(NodePhase::Running), .. } => self.paint.green(&text),
            What::Phase { .. } | What::Plan { .. } => self.paint.bold(&text),
            What::Event { warning: true, .. } => self.paint.yellow(&text),
            What::User { .. } | What::Operator { .. } => self.paint.blue(&text),
            What::Event { .. } | What::Task { .. } | What::Pod { .. } | What::Seid { .. } | What::Gone => text,
        };
        format!("{}  {node}{text}\n", clock(seconds))
    }

    fn verdict(&self, node: &NodeEnd) -> String {
        let word = node.phase.map_or("gone", NodePhase::as_str);
        match (&node.hindrance, node.phase) {
            (None, _) => format!("\n{} is {}\n", node.node, self.paint.green(word)),
            (Some(_), Some(NodePhase::Running)) => {
                format!("\n{} is {}, and not as its spec says\n", node.node, self.paint.red(word))
            }
            (Some(_), _) => format!("\n{} is {}\n", node.node, self.paint.red(word)),
        }
    }
}

impl Audience for Teller {
    fn begin(&mut self, _sim: &Sim, nodes: Vec<String>, _options: &Choices) -> io::Result<()> {
        self.several = nodes.len() > 1;
        Ok(())
    }

    fn news(&mut self, sim: &Sim) -> io::Result<()> {
        let news = sim.timeline_since(self.told);
        if news.is_empty() {
            return Ok(());
        }
        self.clear()?;
        let start = sim.began_at();
        for moment in &news {
            output::data(&self.line(moment, moment.at.seconds_since(start)))?;
        }
        self.told += news.len();
        Ok(())
    }

    fn frame(&mut self, sim: &Sim, at_seconds: i64) -> io::Result<()> {
        if !self.live {
            return Ok(());
        }
        let line = status_line(sim, at_seconds, self.paint);
        if line == self.drawn {
            return Ok(());
        }
        output::data(&format!("{CLEAR}{NO_WRAP}{line}{WRAP}"))?;
        self.drawn = line;
        Ok(())
    }

    fn refused(&mut self, sim: &Sim, argument: &str, why: &[Reason]) -> io::Result<()> {
        self.clear()?;
        let words: Vec<&str> = why.iter().map(|reason| reason.message.as_str()).collect();
        let what = self.paint.red(&format!("refused  {argument}  {}", words.join("; ")));
        output::data(&format!("{}  {what}\n", clock(sim.elapsed_seconds())))
    }

    fn end(&mut self, sim: &Sim, end: &End) -> io::Result<()> {
        self.clear()?;
        let nodes: String = end.nodes.iter().map(|node| self.verdict(node)).collect();
        let faults = end.options.faults.map(|seed| format!(", faults {seed}")).unwrap_or_default();
        output::data(&format!(
            "{nodes}{} of virtual time, {} writes to the API server, {} calls to sidecars, seed {}{faults}\n",
            clock(sim.elapsed_seconds()),
            end.counters.writes,
            end.counters.sidecar_calls,
            end.options.seed,
        ))
    }
}

/// The clock, and of each node phase, current task and how long it has been at it.
fn status_line(sim: &Sim, at_seconds: i64, paint: Paint) -> String {
    let nodes = sim.sei_nodes().into_iter().map(|key| {
        let status = sim.sei_node(&key).and_then(|node| node.status).unwrap_or_default();
        let at = at_of(sim, &status, at_seconds);
        format!("{key} {}{at}", status.phase())
    });
    let nodes: Vec<String> = nodes.collect();
    format!("{}  {}", paint.bold(&clock(at_seconds)), nodes.join("  |  "))
}

fn at_of(sim: &Sim, status: &SeiNodeStatus, at_seconds: i64) -> String {
    let active = |plan: &&TaskPlan| plan.phase == PlanPhase::Active;
    let Some(task) = status.plan.as_ref().filter(active).and_then(current) else { return String::new() };
    let since = task.waiting_since.or(task.submitted_at).map(|since| at_seconds - since.seconds_since(sim.began_at()));
    let since = since.filter(|seconds| *seconds > 0).map(|seconds| format!(" {}", clock(seconds))).unwrap_or_default();
    let on = task.waiting_for.as_ref().map(|on| format!(" waits for {on}")).unwrap_or_default();
    format!("  {}{on}{since}", task.kind)
}

/// `hh:mm:ss`.
pub(super) fn clock(seconds: i64) -> String {
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
