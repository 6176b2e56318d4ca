//! What reviewers should not have to check: README, justfile and `.ci/run` agree, and every source file is in order.

#![allow(clippy::expect_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

/// Longest source file, in lines.
const LINES_MAX: usize = 600;
/// Files that are longer, with their own limit: take one off the list when it is split, and add none.
const LONGER: [(&str, usize); 2] =
    [("sei-tasks/src/sim/controllers/kubelet.rs", 700), ("sei-tasks/src/sim/drive.rs", 700)];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| unreachable!("{path}: {error}"))
}

/// Every file below a directory whose name has one of these endings.
fn files(directory: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, endings, found);
        } else if endings.iter().any(|ending| path.extension().is_some_and(|e| e == *ending)) {
            found.push(path);
        }
    }
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for krate in ["sei-planner", "sei-tasks", "sei-operator"] {
        files(&root().join(krate), &["rs"], &mut found);
    }
    assert!(found.len() > 40, "sources are found");
    found
}

/// The lines inside the code fences of a Markdown text that are marked as shell.
fn shell_lines(markdown: &str) -> Vec<&str> {
    let blocks = markdown.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.flat_map(str::lines).filter(|line| !line.is_empty()).collect()
}

#[test]
fn every_source_file_says_what_it_is_and_stays_short() {
    for path in sources() {
        let text = fs::read_to_string(&path).expect("a source file");
        assert!(text.starts_with("//! "), "{}: the first line says what lives here", path.display());
        let lines = text.lines().count();
        let own = LONGER.iter().find(|(longer, _)| path.ends_with(longer)).map(|(_, max)| *max);
        let max = own.unwrap_or(LINES_MAX);
        assert!(lines <= max, "{}: {lines} lines, at most {max}: split it by idea", path.display());
    }
}

#[test]
fn the_commands_of_the_readme_are_run_by_ci() {
    let (readme, ci, justfile) = (read("README.md"), read(".ci/run"), read("justfile"));
    let commands = shell_lines(&readme);
    let [simulate, test] = commands.as_slice() else {
        unreachable!("README shows two commands: {commands:?}");
    };
    let steps: Vec<&str> = ci.lines().filter(|line| line.starts_with("step ")).collect();
    let first = steps.first().expect("a step");
    assert!(first.ends_with(&format!("{test} --locked")), "README's tests are the first step: {first}");
    let last = steps.last().expect("a step");
    assert!(last.contains("--features real-api-server --test real"), "the real suite is the last step: {last}");
    assert!(justfile.contains(simulate), "`just demo` is README's first command");
    assert!(justfile.contains("\nci:\n    .ci/run\n"), "`just ci` runs .ci/run and nothing else");
}

#[test]
fn every_path_in_the_texts_exists() {
    let mut texts = Vec::new();
    files(&root().join("docs"), &["md"], &mut texts);
    texts.extend(["README.md", "justfile", ".ci/run", ".ci/generate"].map(|path| root().join(path)));
    for text in texts {
        let content = fs::read_to_string(&text).expect("a text");
        let words = content.split(|c: char| c.is_whitespace() || "`()[]|,;:'\"".contains(c));
        for word in words.map(|word| word.trim_end_matches('.')) {
            let starts = ["fixtures/", "docs/", "sei-operator/", "sei-planner/", "sei-tasks/", ".ci/"];
            let pattern = word.contains(['*', '<', '…', '$', '{']);
            if starts.iter().any(|start| word.starts_with(start)) && !pattern {
                assert!(root().join(word).exists(), "{}: {word} does not exist", text.display());
            }
        }
    }
}

#[test]
fn every_fixture_folder_of_the_command_line_is_used() {
    let mut files_of_tests = vec![root().join("sei-operator/tests/cli.rs")];
    files(&root().join("sei-operator/tests/commands"), &["rs"], &mut files_of_tests);
    let tests: String = files_of_tests.iter().map(|path| fs::read_to_string(path).expect("a test")).collect();
    for entry in fs::read_dir(root().join("fixtures/cli")).expect("the cases") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        assert!(path.is_file() || tests.contains(name), "fixtures/cli/{name} is in no test");
    }
}
