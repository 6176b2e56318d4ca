//! What a check found, for people and for programs. Pure. Stable as JSON: see the schema that `check --schema` prints.
#![allow(unreachable_pub, reason = "the derive of the schema copies each struct, with its visibility, into a function")]

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::program::as_called;
use crate::output::{FORMAT_VERSION, Paint};

/// What was checked: the output of `sei-operator check -o json`. Fields and groups may be added; none is removed or changes
/// its meaning without a new `formatVersion`.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct Report {
    /// Version of this format.
    #[schemars(extend("const" = crate::output::FORMAT_VERSION))]
    pub(in crate::cli) format_version: &'static str,
    /// Whether nothing failed; warnings may be left.
    pub(in crate::cli) passed: bool,
    /// Every check, in the order of the groups.
    pub(in crate::cli) checks: Vec<Finding>,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct Finding {
    /// What it is about.
    pub(in crate::cli) group: Group,
    /// How it ended.
    pub(in crate::cli) verdict: Verdict,
    /// What was found, in a sentence.
    pub(in crate::cli) what: String,
    /// What to do, where something is to be done.
    pub(in crate::cli) hint: Option<String>,
}

/// What a check is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) enum Group {
    /// The API server.
    ApiServer,
    /// The definitions of our kinds.
    Definitions,
    /// What the user of this command may do, of all that the operator needs.
    Permissions,
    /// The settings of the platform, and what they name.
    Platform,
    /// What others install, and nodes may ask for.
    Extensions,
    /// The operator itself.
    Operator,
    /// The nodes.
    Nodes,
}

impl Group {
    fn title(self) -> &'static str {
        match self {
            Self::ApiServer => "API server",
            Self::Definitions => "definitions",
            Self::Permissions => "permissions",
            Self::Platform => "platform settings",
            Self::Extensions => "extensions",
            Self::Operator => "operator",
            Self::Nodes => "nodes",
        }
    }
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) enum Verdict {
    /// All is well.
    Passed,
    /// It works, or may work, and somebody should look.
    Warning,
    /// It does not work.
    Failed,
}

impl Finding {
    /// All is well.
    pub(super) fn passed(group: Group, what: impl Into<String>) -> Self {
        Self { group, verdict: Verdict::Passed, what: what.into(), hint: None }
    }

    /// Somebody should look.
    pub(super) fn warning(group: Group, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { group, verdict: Verdict::Warning, what: what.into(), hint: Some(as_called(hint)) }
    }

    /// It does not work.
    pub(super) fn failed(group: Group, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { group, verdict: Verdict::Failed, what: what.into(), hint: Some(as_called(hint)) }
    }
}

impl Report {
    /// Everything that was found.
    pub(super) fn of(checks: Vec<Finding>) -> Self {
        let passed = checks.iter().all(|check| check.verdict != Verdict::Failed);
        Self { format_version: FORMAT_VERSION, passed, checks }
    }
}

/// A report as people read it: a heading a group, a line a check, the hint below.
pub(super) fn text(report: &Report, paint: Paint) -> String {
    let mut text = String::new();
    let mut group = None;
    for check in &report.checks {
        if group.replace(check.group) != Some(check.group) {
            let title = check.group.title();
            let space = if text.is_empty() { "" } else { "\n" };
            text += &format!("{space}{}\n{}\n", paint.bold(title), "-".repeat(title.len()));
        }
        text += &format!("{} {}\n", mark(check.verdict, paint), check.what);
        if let Some(hint) = &check.hint {
            text += &format!("    {}: {hint}\n", paint.blue("hint"));
        }
    }
    let count = |verdict| report.checks.iter().filter(|check| check.verdict == verdict).count();
    let overall = if report.passed { Verdict::Passed } else { Verdict::Failed };
    let counts = [(Verdict::Passed, "passed"), (Verdict::Warning, "to look at"), (Verdict::Failed, "failed")];
    let counts = counts.map(|(verdict, word)| format!("{} {word}", count(verdict)));
    text + &format!("\nThe result is {}: {}\n", mark(overall, paint), counts.join(", "))
}

fn mark(verdict: Verdict, paint: Paint) -> String {
    match verdict {
        Verdict::Passed => paint.green("√"),
        Verdict::Warning => paint.yellow("‼"),
        Verdict::Failed => paint.red("×"),
    }
}

/// The JSON Schema of [`Report`].
pub(super) fn schema() -> schemars::Schema {
    crate::output::schema_of::<Report>("sei-operator check")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_a_hint_below_what_is_not_well() {
        let report = Report::of(vec![
            Finding::passed(Group::ApiServer, "answers at https://cluster.example:6443/"),
            Finding::failed(Group::ApiServer, "is Kubernetes v1.30.2, older than 1.33", "upgrade the cluster"),
            Finding::warning(Group::Extensions, "there is no cert-manager", "install it where nodes ask issuers"),
        ]);
        assert!(!report.passed);
        insta::assert_snapshot!(text(&report, Paint::PLAIN));
        let fine = Report::of(report.checks.into_iter().filter(|check| check.verdict != Verdict::Failed).collect());
        assert!(fine.passed && text(&fine, Paint::PLAIN).contains("The result is √"));
    }
}
