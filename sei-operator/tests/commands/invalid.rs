//! Every refusal of `fixtures/invalid` says what is wrong, where, and under which code.

use std::collections::BTreeSet;

use super::{root, run, transcript};

/// Least number of cases.
const CASES_MIN: usize = 30;

fn cases() -> BTreeSet<String> {
    let entries = std::fs::read_dir(root().join("fixtures/invalid")).expect("the cases").map(|e| e.expect("an entry"));
    let folders = entries.filter(|entry| entry.path().is_dir());
    folders.map(|folder| folder.file_name().into_string().expect("UTF-8")).collect()
}

#[test]
fn every_refusal_has_a_code_and_a_place() {
    let cases = cases();
    assert!(cases.len() >= CASES_MIN, "{} cases", cases.len());
    for case in cases {
        let path = format!("fixtures/invalid/{case}/node.yaml");
        let output = run(&["plan", "-f", &path], &[], "");
        let told = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(1), "{case}: {told}");
        assert!(told.contains("error[SEI0"), "{case}: {told}");
        let place = told.lines().find_map(|line| line.trim_start().strip_prefix(&format!("--> {path}:")));
        let place = place.unwrap_or_else(|| unreachable!("{case} has no place: {told}"));
        assert!(place.split(':').all(|number| number.parse::<usize>().is_ok_and(|n| n > 0)), "{case}: {place}");
        assert!(told.lines().any(|line| line.contains("| ") && line.contains('^')), "{case} has no caret: {told}");
        insta::with_settings!({
            snapshot_path => root().join("fixtures/invalid").join(&case),
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, { insta::assert_snapshot!("output", transcript(&["plan", "-f", &path], &[], "")) });
    }
}

#[test]
fn what_cannot_be_read_at_all_is_refused_too() {
    for (args, code) in [
        (["plan", "-f", "fixtures/cli/nowhere.yaml"], "error[SEI0001]: cannot read fixtures/cli/nowhere.yaml"),
        (["lint", "-f", "fixtures/cli/nowhere.yaml"], "error[SEI0001]: cannot read fixtures/cli/nowhere.yaml"),
        (["render", "-f", "fixtures/cli/nowhere"], "error[SEI0001]: cannot read fixtures/cli/nowhere"),
    ] {
        let output = run(&args, &[], "");
        let told = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(code), "{told}");
    }
    let empty = run(&["plan", "-f", "-"], &[], "");
    assert_eq!(empty.status.code(), Some(1), "a file without a node is a mistake in the path, more often than not");
}
