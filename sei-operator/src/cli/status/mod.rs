//! `status`: how live nodes are, and what to do next. [`report`] says what is known, [`hints`] what to do, [`screen`] draws
//! it, and [`watch`] follows it.

mod hints;
mod pods;
pub(in crate::cli) mod report;
mod screen;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::BTreeMap;
use std::io;

use clap::ValueEnum;
use kube::ResourceExt;
use kube::api::ListParams;
use sei_planner::api::{SeiNode, Time};
use sei_planner::manifests::NODE_LABEL;
use sei_planner::names::NodeKey;
use serde_json::Value;

use super::Exit;
use super::cluster::{self, Access, Cluster, NodeName, Trouble};
use crate::output::{self, FORMAT_VERSION, Paint};
use report::{NodeReport, Report};

/// Show how nodes of a cluster are, and what to do next
///
/// With a name: phase and image, the plan task by task, pods, conditions, peers, and hints with the exact command to run next.
/// Without one: a line a node. What is shown comes from the SeiNode and its pods; nothing is changed, and the operator need
/// not run.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The node, as NAME or NAMESPACE/NAME; a list of all nodes of the namespace when left out
    #[arg(value_name = "NODE")]
    node: Option<NodeName>,

    /// List the nodes of every namespace
    #[arg(long, short = 'A', conflicts_with_all = ["node", "namespace"])]
    all_namespaces: bool,

    /// Go on, and tell every change until Ctrl-C
    ///
    /// On a terminal the screen is drawn anew; elsewhere each change of a node is one more line (with -o json: one more
    /// line of JSON, with -o yaml: one more document, with the nodes that changed).
    #[arg(long, short)]
    watch: bool,

    /// How to print it
    #[arg(short = 'o', long, value_enum, default_value_t = Format::Table)]
    output: Format,

    /// Print the JSON Schema of -o json, and do nothing else
    #[arg(long)]
    schema: bool,

    #[command(flatten)]
    access: Access,
}

/// How to print nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// For programs; the format is stable, --schema prints its JSON Schema
    Json,
    /// The same as YAML
    Yaml,
}

const EXAMPLES: &str = "\
Examples:
  sei-operator status -A                        Every node: phase, plan, what blocks it
  sei-operator status sei/rpc-0                 All about one node, with hints
  sei-operator status rpc-0 -n sei --watch      Follow it until Ctrl-C
  sei-operator status -A -o json | jq -r '.nodes[] | select(.stuck) | .name'
  sei-operator status --schema > status.schema.json

Of tasks, ✓ is done, … runs, · is to be done, and ✗ failed.

Exit codes:
  0  it was shown, whatever the state of the nodes
  1  the cluster cannot be asked, or there is no such node";

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Subject {
    /// One node.
    Node(NodeKey),
    /// The nodes of a namespace, or of all.
    Nodes(Option<String>),
}

/// Runs the command.
///
/// # Errors
/// When the output cannot be written.
pub(super) fn run(args: &Args) -> io::Result<Exit> {
    if args.schema {
        output::data(&output::json(&report::schema())?)?;
        return Ok(Exit::Done);
    }
    cluster::run(show(args))
}

async fn show(args: &Args) -> Result<Exit, Trouble> {
    let cluster = args.access.connect().await?;
    let subject = match &args.node {
        Some(name) => Subject::Node(cluster.key(name, &args.access)?),
        None if args.all_namespaces => Subject::Nodes(None),
        None => Subject::Nodes(Some(cluster.namespace.clone())),
    };
    // Also before watching: what a request says of a wrong name or a missing permission, a watch would only try again.
    let reports = look(&cluster, &subject, args.output).await?;
    if args.watch {
        return watch::watch(&cluster, &subject, args.output).await;
    }
    output::data(&printed(&subject, &reports, args.output)?)?;
    if reports.is_empty() {
        let place = match &subject {
            Subject::Node(key) => format!("namespace {}", key.namespace),
            Subject::Nodes(Some(namespace)) => format!("namespace {namespace}; -A lists every namespace"),
            Subject::Nodes(None) => "any namespace".to_owned(),
        };
        output::chatter(&format!("{}: there is no SeiNode in {place}\n", Paint::stderr().blue("note")));
    }
    Ok(Exit::Done)
}

/// One look at the cluster.
async fn look(cluster: &Cluster, subject: &Subject, format: Format) -> Result<Vec<NodeReport>, Trouble> {
    let now = cluster::now();
    match subject {
        Subject::Node(key) => {
            let node = cluster.node(key).await?;
            let pods = seen(cluster.pods(key).await)?;
            Ok(vec![NodeReport::of(&node, &pods, now)])
        }
        Subject::Nodes(namespace) => {
            let nodes = cluster.all_nodes(namespace.as_deref()).await?;
            // A table of nodes shows nothing of their pods.
            let pods = match format {
                Format::Table => Vec::new(),
                Format::Json | Format::Yaml => seen(all_pods(cluster, namespace.as_deref()).await)?,
            };
            Ok(reports(&nodes, &pods, now))
        }
    }
}

/// The pods, or none where the user may not see any: everything else is worth a look all the same.
fn seen(pods: Result<Vec<Value>, Trouble>) -> Result<Vec<Value>, Trouble> {
    match pods {
        Err(trouble) if trouble.is_forbidden => {
            let warning = Paint::stderr().yellow("warning");
            output::chatter(&format!("{warning}: {}; nothing is said of pods\n", trouble.what));
            Ok(Vec::new())
        }
        pods => pods,
    }
}

/// The pods of all nodes.
async fn all_pods(cluster: &Cluster, namespace: Option<&str>) -> Result<Vec<Value>, Trouble> {
    let pods = cluster.pods_in(namespace);
    let found = cluster.ask("list the pods of the nodes", pods.list(&ListParams::default().labels(NODE_LABEL))).await?;
    Ok(found.items.iter().filter_map(|pod| serde_json::to_value(pod).ok()).collect())
}

/// A report a node, each with its own pods.
fn reports(nodes: &[SeiNode], pods: &[Value], now: Time) -> Vec<NodeReport> {
    let mut of_node: BTreeMap<(String, String), Vec<Value>> = BTreeMap::new();
    for pod in pods {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let key = (text(&pod["metadata"]["namespace"]), text(&pod["metadata"]["labels"][NODE_LABEL]));
        of_node.entry(key).or_default().push(pod.clone());
    }
    let of = |node: &SeiNode| {
        let pods = of_node.get(&(node.namespace().unwrap_or_default(), node.name_any()));
        NodeReport::of(node, pods.map(Vec::as_slice).unwrap_or_default(), now)
    };
    nodes.iter().map(of).collect()
}

fn printed(subject: &Subject, reports: &[NodeReport], format: Format) -> io::Result<String> {
    let document = || Report { format_version: FORMAT_VERSION, nodes: reports.to_vec() };
    Ok(match format {
        Format::Table => drawn(subject, reports),
        Format::Json => output::json(&document())?,
        Format::Yaml => output::yaml([document()])?,
    })
}

/// As people look at it.
fn drawn(subject: &Subject, reports: &[NodeReport]) -> String {
    let now = cluster::now();
    match subject {
        Subject::Node(_) => reports.iter().map(|report| screen::node(report, now, Paint::stdout())).collect(),
        Subject::Nodes(_) if reports.is_empty() => String::new(),
        Subject::Nodes(_) => screen::list(reports, now),
    }
}
