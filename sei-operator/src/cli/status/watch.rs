//! Follows nodes: draws the screen anew on a terminal, and adds a line a change elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::api::DynamicObject;
use kube::runtime::reflector::Store;
use kube::runtime::reflector::store::{Writer, store};
use kube::runtime::watcher::{self, Config, Event, watcher};
use kube::runtime::{WatchStreamExt, reflector};
use sei_planner::manifests::NODE_LABEL;
use sei_planner::names::NodeKey;

use super::report::{NodeReport, Report};
use super::{Format, Subject, drawn, reports, screen};
use crate::cli::Exit;
use crate::cli::cluster::{self, Cluster, Trouble};
use crate::output::{self, FORMAT_VERSION, Paint};

/// How often ages on a screen are drawn anew.
const REDRAW: Duration = Duration::from_secs(5);
/// Goes to the upper left corner and clears the screen.
const CLEAR: &str = "\u{1b}[H\u{1b}[2J";

/// What the watches show.
struct Views {
    nodes: Store<DynamicObject>,
    pods: Store<Pod>,
    nodes_shown: bool,
    pods_shown: bool,
}

/// Tells every change until Ctrl-C, or until the node that is looked at is gone.
pub(super) async fn watch(cluster: &Cluster, subject: &Subject, format: Format) -> Result<Exit, Trouble> {
    let (namespace, nodes_config, pods_config) = match subject {
        Subject::Node(key) => {
            let name = format!("metadata.name={}", key.name);
            let (nodes, pods) = (Config::default().fields(&name), Config::default().labels(&cluster::pods_of(key)));
            (Some(key.namespace.as_str()), nodes, pods)
        }
        Subject::Nodes(namespace) => (namespace.as_deref(), Config::default(), Config::default().labels(NODE_LABEL)),
    };
    let node_writer: Writer<DynamicObject> = Writer::new(cluster::seinode());
    let (pod_store, pod_writer) = store();
    let mut views = Views { nodes: node_writer.as_reader(), pods: pod_store, nodes_shown: false, pods_shown: false };
    let node_events = watcher(cluster.nodes(namespace), nodes_config).default_backoff();
    let mut node_events = pin!(reflector(node_writer, node_events));
    let mut pod_events =
        pin!(reflector(pod_writer, watcher(cluster.pods_in(namespace), pods_config).default_backoff()));
    let mut teller = Teller::new(format);
    let mut redraw = tokio::time::interval(REDRAW);
    let mut interrupted = pin!(tokio::signal::ctrl_c());
    loop {
        tokio::select! {
            _ = &mut interrupted => return Ok(Exit::Done),
            _ = redraw.tick(), if teller.live => {}
            Some(event) = node_events.next() => views.nodes_shown |= teller.heard(&event),
            // Where pods may not be seen, nodes are told all the same.
            Some(event) = pod_events.next() => views.pods_shown |= teller.heard(&event) || event.is_err(),
        }
        if !(views.nodes_shown && views.pods_shown) {
            continue;
        }
        let reports = views.reports();
        if !teller.tell(subject, &reports)? {
            return Ok(Exit::Done);
        }
        if reports.is_empty()
            && let Subject::Node(key) = subject
        {
            output::chatter(&format!("SeiNode {key} is gone\n"));
            return Ok(Exit::Done);
        }
    }
}

impl Views {
    /// The nodes, in the order of their names; one that cannot be read has none.
    fn reports(&self) -> Vec<NodeReport> {
        let nodes = self.nodes.state();
        let mut nodes: Vec<_> = nodes.iter().filter_map(|node| cluster::readable(node).ok()).collect();
        nodes.sort_by_key(NodeKey::of);
        let pods: Vec<_> = self.pods.state().iter().filter_map(|pod| serde_json::to_value(&**pod).ok()).collect();
        reports(&nodes, &pods, cluster::now())
    }
}

/// Tells what changed.
struct Teller {
    format: Format,
    /// Whether there is a terminal to draw on.
    live: bool,
    told: BTreeMap<NodeKey, NodeReport>,
    /// Errors of watches that were told: a watch goes on by itself.
    errors: BTreeSet<String>,
}

impl Teller {
    fn new(format: Format) -> Self {
        let live = format == Format::Table && output::is_screen();
        Self { format, live, told: BTreeMap::new(), errors: BTreeSet::new() }
    }

    /// Whether an event says that all there is was shown. An error is told once.
    fn heard<K>(&mut self, event: &watcher::Result<Event<K>>) -> bool {
        match event {
            Ok(Event::InitDone) => true,
            Ok(Event::Init | Event::InitApply(_) | Event::Apply(_) | Event::Delete(_)) => false,
            Err(error) => {
                let text = sei_tasks::causes(error);
                if self.errors.insert(text.clone()) {
                    let warning = Paint::stderr().yellow("warning");
                    output::chatter(&format!("{warning}: watch interrupted, trying again: {text}\n"));
                }
                false
            }
        }
    }

    /// Tells what changed, and whether anybody still reads.
    fn tell(&mut self, subject: &Subject, reports: &[NodeReport]) -> io::Result<bool> {
        if self.live {
            return output::offer(&format!("{CLEAR}{}", drawn(subject, reports)));
        }
        let changed: Vec<NodeReport> = reports.iter().filter(|report| self.is_news(report)).cloned().collect();
        if let Subject::Nodes(_) = subject {
            self.tell_who_is_gone(reports);
        }
        if changed.is_empty() {
            return Ok(true);
        }
        let now = cluster::now();
        let text = match self.format {
            Format::Table => changed.iter().map(|report| screen::line(report, now)).collect(),
            Format::Json => serde_json::to_string(&document(&changed))? + "\n",
            Format::Yaml => format!("---\n{}", output::yaml([document(&changed)])?),
        };
        for report in changed {
            self.told.insert(NodeKey::new(&report.namespace, &report.name), report);
        }
        output::offer(&text)
    }

    fn tell_who_is_gone(&mut self, reports: &[NodeReport]) {
        self.told.retain(|key, _| {
            let is_there = reports.iter().any(|report| key_is(report, key));
            if !is_there {
                output::chatter(&format!("SeiNode {key} is gone\n"));
            }
            is_there
        });
    }

    /// Whether something is new about a node. Hints tell ages, so they are new all the time.
    fn is_news(&self, report: &NodeReport) -> bool {
        let bare = |report: &NodeReport| NodeReport { hints: Vec::new(), ..report.clone() };
        let Some(told) = self.told.get(&NodeKey::new(&report.namespace, &report.name)) else { return true };
        match self.format {
            // What a line shows; everything else that changes would look like the same line again.
            Format::Table => {
                let line = |report| screen::line(report, sei_planner::api::Time::at(jiff::Timestamp::UNIX_EPOCH));
                line(told) != line(report)
            }
            Format::Json | Format::Yaml => bare(told) != bare(report),
        }
    }
}

fn key_is(report: &NodeReport, key: &NodeKey) -> bool {
    report.namespace == key.namespace && report.name == key.name
}

fn document(reports: &[NodeReport]) -> Report {
    Report { format_version: FORMAT_VERSION, nodes: reports.to_vec() }
}
