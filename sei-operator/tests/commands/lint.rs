//! `lint`: every finding, as people and as programs see it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{json, root, run, transcript};

const TRAPS: &str = "fixtures/lint/traps.yaml";
const CLEAN: &str = "fixtures/lint/clean.yaml";

#[test]
fn findings_point_into_the_file() {
    insta::assert_snapshot!("lint-traps", transcript(&["lint", "-f", TRAPS], &[], ""));
    insta::assert_snapshot!("lint-clean", transcript(&["lint", "-f", CLEAN], &[], ""));
    insta::assert_snapshot!("lint-refusals", transcript(&["lint", "-f", "fixtures/cli/bad-in-the-middle"], &[], ""));
}

#[test]
fn every_finding_has_a_trap() {
    let report = json(&["lint", "-f", TRAPS, "-o", "json"]);
    let findings = report["findings"].as_array().expect("findings");
    let found: BTreeSet<&str> = findings.iter().map(|finding| finding["code"].as_str().expect("a code")).collect();
    let table = std::fs::read_to_string(root().join("docs/diagnostics.md")).expect("the table");
    let known = table.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next());
    let lints: BTreeSet<&str> = known.filter(|code| code.starts_with("SEI03")).collect();
    assert!(lints.len() > 10, "{lints:?}");
    assert_eq!(found.intersection(&lints).copied().collect::<BTreeSet<_>>(), lints);
    assert!(found.contains("SEI0010"), "a field that the server drops");
    for finding in findings {
        assert_eq!(finding["severity"], "warning");
        assert!(finding["line"].as_u64() > Some(0) && finding["column"].as_u64() > Some(0), "{finding}");
    }
    assert_eq!(report["summary"]["warnings"], Value::from(findings.len()));
}

#[test]
fn only_what_is_denied_fails() {
    let code = |args: &[&str]| run(&[&["lint"], args].concat(), &[], "").status.code();
    assert_eq!(code(&["-f", TRAPS]), Some(0));
    assert_eq!(code(&["-f", TRAPS, "--deny", "warnings"]), Some(1));
    assert_eq!(code(&["-f", CLEAN, "--deny", "warnings"]), Some(0));
    assert_eq!(code(&["-f", "fixtures/cli/wrong-types"]), Some(1));
}
