//! Runs of single commands, a file per family, and what all of them share.

pub(crate) mod bad_days;
pub(crate) mod cluster;
pub(crate) mod edit;
pub(crate) mod explain;
pub(crate) mod invalid;
pub(crate) mod lint;
pub(crate) mod manifests;
pub(crate) mod manual;
pub(crate) mod plan;
pub(crate) mod played_api;
pub(crate) mod simulate;

use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;

/// The workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// Runs the program in the workspace, with nothing in its environment but what is given.
pub(crate) fn run(args: &[&str], environment: &[(&str, &str)], stdin: &str) -> Output {
    let mut command = Command::cargo_bin("sei-operator").expect("the binary of this package");
    command.current_dir(root()).env_clear().envs(environment.iter().copied());
    command.args(args).write_stdin(stdin).output().expect("the binary starts")
}

/// What a run says on stdout; it must end well.
pub(crate) fn stdout(args: &[&str]) -> String {
    let output = run(args, &[], "");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// A whole run, for a snapshot.
pub(crate) fn transcript(args: &[&str], environment: &[(&str, &str)], stdin: &str) -> String {
    let output = run(args, environment, stdin);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    format!(
        "$ sei-operator {}\nexit code {}\n\n--- stdout\n{}\n--- stderr\n{}",
        args.join(" "),
        output.status.code().expect("an exit code"),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// What a run prints as JSON.
pub(crate) fn json(args: &[&str]) -> Value {
    serde_json::from_slice(&run(args, &[], "").stdout).expect("JSON on stdout")
}
