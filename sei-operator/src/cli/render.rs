//! `render`: the Kubernetes objects of each node, in the order they are applied. Needs no cluster.

use std::io;

use sei_planner::manifests::Manifest;
use sei_planner::node::render_node;
use serde::Serialize;

use super::{Exit, Given, Structured, platform, report};
use crate::input::Input;
use crate::output::{self, FORMAT_VERSION};

/// Print the Kubernetes objects of nodes, in the order they are applied
///
/// These are the objects that the operator applies for each SeiNode: the data claim, the StatefulSet, the Service. They
/// have an owner only where the document has a metadata.uid.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = long_help())]
pub(super) struct Args {
    #[command(flatten)]
    given: Given,

    /// How to print the objects
    #[arg(short = 'o', long, value_enum, default_value_t = Structured::Yaml)]
    output: Structured,
}

const EXAMPLES: &str = "\
Examples:
  sei-operator render -f node.yaml                     As YAML documents
  sei-operator render -f nodes/ -o json | jq '.results[].objects[].kind'
  sei-operator render -f node.yaml --platform prod.env | kubectl diff -f -

Exit codes:
  0  every node was rendered
  1  a document cannot be read or is refused; all others are printed all the same";

fn long_help() -> String {
    format!("{EXAMPLES}\n\n{}", platform::help())
}

/// `render -o json`: stable, see the README.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    format_version: &'static str,
    results: Vec<Rendered>,
}

/// The objects of one document; none where it is refused.
#[derive(Debug, Serialize)]
struct Rendered {
    kind: String,
    namespace: String,
    name: String,
    objects: Vec<Manifest>,
}

/// Runs the command.
///
/// # Errors
/// When the output cannot be written.
pub(super) fn run(args: &Args) -> io::Result<Exit> {
    let Some(platform) = platform::load(args.given.platform.as_deref()) else { return Ok(Exit::Error) };
    let input = Input::read(&args.given.files);
    let mut problems = Vec::new();
    let mut results = Vec::new();
    for document in &input.documents {
        problems.extend(document.problems.clone());
        let rendered = document.node.as_ref().map(|node| render_node(node, &platform));
        let (objects, refused) = match rendered {
            Some(Ok(objects)) if document.rules.is_empty() => (objects, Vec::new()),
            Some(Ok(_)) | None => (Vec::new(), Vec::new()),
            Some(Err(refused)) => (Vec::new(), refused),
        };
        problems.extend(document.judged(&refused, &document.rules));
        let (kind, namespace, name) = (document.kind.clone(), document.namespace.clone(), document.name.clone());
        results.push(Rendered { kind, namespace, name, objects });
    }
    report(&input, &problems);
    output::data(&match args.output {
        Structured::Yaml => output::yaml(results.iter().flat_map(|result| &result.objects))?,
        Structured::Json => output::json(&Report { format_version: FORMAT_VERSION, results })?,
    })?;
    Ok(if problems.is_empty() { Exit::Done } else { Exit::Error })
}
