//! `lint`: fields that have no effect, and traps, in nodes that the API server would accept. Needs no cluster.

mod rules;

use std::collections::BTreeMap;
use std::io;

use clap::ValueEnum;
use sei_planner::node::validate;
use serde::Serialize;

use super::program::as_called;
use super::{Exit, Given, platform};
use crate::input::Input;
use crate::input::diagnostics::{Diagnostic, Severity};
use crate::output::{self, FORMAT_VERSION, Paint};

/// Find fields that have no effect, and traps
///
/// A document that `plan` accepts may still not do what its author meant: a deprecated field, an image that changes under
/// its name, a label that the operator overrules. What is refused outright is told too.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    given: Given,

    /// How to print the findings
    #[arg(short = 'o', long, value_enum, default_value_t = Format::Text)]
    output: Format,

    /// Exit with 1 when there are findings of this severity
    #[arg(long, value_enum, value_name = "SEVERITY")]
    deny: Option<Deny>,
}

/// How to print findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people, with the line and a caret under what is meant
    Text,
    /// For programs; the format is stable
    Json,
}

/// What is not tolerated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Deny {
    /// Warnings
    Warnings,
}

const EXAMPLES: &str = "\
Examples:
  sei-operator lint -f nodes/
  sei-operator lint -f nodes/ --deny warnings               For CI
  kubectl get seinodes -A -o yaml | sei-operator lint -f -  With statuses, also settings that a running node does not follow
  sei-operator lint -f nodes/ -o json | jq '.findings[].code'

Exit codes:
  0  every document can be used (with --deny warnings: and there is nothing to say)
  1  a document cannot be read or is refused (with --deny warnings: or there is a warning)";

/// `lint -o json`: stable.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    format_version: &'static str,
    findings: Vec<Finding<'a>>,
    summary: Summary,
}

/// One thing to say.
#[derive(Debug, Serialize)]
struct Finding<'a> {
    severity: String,
    code: &'static str,
    message: &'a str,
    field: &'a str,
    file: &'a str,
    /// 0 where the finding is about the file as a whole.
    line: usize,
    column: usize,
}

#[derive(Debug, Serialize)]
struct Summary {
    documents: usize,
    errors: usize,
    warnings: usize,
}

/// Runs the command.
///
/// # Errors
/// When the output cannot be written.
pub(super) fn run(args: &Args) -> io::Result<Exit> {
    let Some(platform) = platform::load(args.given.platform.as_deref()) else { return Ok(Exit::Error) };
    let input = Input::read(&args.given.files);
    let mut findings = input.remarks.clone();
    for document in &input.documents {
        let refused = document.node.as_ref().and_then(|node| validate(node, &platform).err());
        findings.extend(document.problems.clone());
        findings.extend(
            document.judged(
                refused.as_ref().map(|refusal| refusal.problems.as_slice()).unwrap_or_default(),
                &document.rules,
            ),
        );
        findings.extend(rules::findings(document));
    }
    // Stable: findings of one place keep their order, and files that of the command line.
    let mut order: BTreeMap<&str, usize> = BTreeMap::new();
    for (n, document) in input.documents.iter().enumerate() {
        order.entry(&document.file).or_insert(n);
    }
    let file = |name: &str| order.get(name).copied().unwrap_or(usize::MAX);
    findings.sort_by_key(|finding| (file(&finding.file), finding.at.line, finding.at.column));
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let summary = Summary {
        documents: input.documents.len(),
        errors: count(Severity::Error),
        warnings: count(Severity::Warning),
    };
    let refused = summary.errors > 0 || (args.deny == Some(Deny::Warnings) && summary.warnings > 0);
    output::data(&match args.output {
        Format::Text => text(&input, &findings, &summary),
        Format::Json => {
            let findings = findings.iter().map(Finding::of).collect();
            output::json(&Report { format_version: FORMAT_VERSION, findings, summary })?
        }
    })?;
    Ok(if refused { Exit::Error } else { Exit::Done })
}

fn text(input: &Input, findings: &[Diagnostic], summary: &Summary) -> String {
    let paint = Paint::stdout();
    let mut text: String = findings.iter().map(|finding| finding.render(&input.sources, paint) + "\n").collect();
    let plural = |n: usize, word: &str| if n == 1 { format!("{n} {word}") } else { format!("{n} {word}s") };
    let totals = format!(
        "{}, {} in {}",
        plural(summary.errors, "error"),
        plural(summary.warnings, "warning"),
        plural(summary.documents, "document")
    );
    text += &paint.bold(&totals);
    text.push('\n');
    if let Some(first) = findings.iter().find(|finding| finding.severity != Severity::Note) {
        text += &as_called(format!("For more on a code, try `sei-operator explain {}`.\n", first.code));
    }
    text
}

impl<'a> Finding<'a> {
    fn of(diagnostic: &'a Diagnostic) -> Self {
        Self {
            severity: diagnostic.severity.to_string(),
            code: diagnostic.code,
            message: &diagnostic.message,
            field: &diagnostic.field,
            file: &diagnostic.file,
            line: diagnostic.at.line,
            column: diagnostic.at.column,
        }
    }
}
