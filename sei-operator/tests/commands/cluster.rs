//! Commands that ask a live cluster, where there is none: what they say, and that they end with 1. With one they are tried by
//! the scenarios `commands_*` on a real API server.

use std::os::unix::fs::symlink;
use std::process::Command;

use serde_json::Value;

use super::{json, root, run, transcript};

/// Every such command, with what it needs.
const COMMANDS: [&[&str]; 7] = [
    &["status"],
    &["status", "-A", "--watch"],
    &["wait", "rpc-0", "--for=phase=Running"],
    &["retry", "rpc-0"],
    &["acknowledge", "rpc-0"],
    &["check"],
    &["plan", "rpc-0", "--platform", "fixtures/platform/test.env"],
];

fn errors(args: &[&str]) -> String {
    let output = run(args, &[], "");
    let text = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1), "{args:?}: {text}");
    assert!(output.stdout.is_empty(), "{args:?} has no data");
    text
}

#[test]
fn without_a_cluster_every_command_says_what_to_do() {
    for command in COMMANDS {
        let told = errors(&[command, &["--kubeconfig", "fixtures/cli/nowhere.kubeconfig"]].concat());
        assert!(told.contains("error: no cluster to talk to: fixtures/cli/nowhere.kubeconfig"), "{told}");
        assert!(told.contains("help: name a kubeconfig with --kubeconfig FILE"), "{told}");
        let told = errors(&[command, &["--kubeconfig", "fixtures/cli/nobody-listens.kubeconfig"]].concat());
        assert!(told.contains("no answer from http://127.0.0.1:1/"), "{told}");
        assert!(told.contains("help: is it the right cluster?"), "{told}");
    }
    let told = errors(&["status", "--kubeconfig", "fixtures/cli/nobody-listens.kubeconfig", "--context", "another"]);
    assert!(told.contains("another"), "{told}");
}

#[test]
fn mistakes_on_the_command_line_are_told() {
    for (name, args) in [
        ("goal", vec!["wait", "rpc-0", "--for=phase=Runing"]),
        ("goal-without-a-word", vec!["wait", "rpc-0", "--for", "Running"]),
        ("timeout", vec!["wait", "rpc-0", "--for=phase=Running", "--timeout", "10"]),
        ("node", vec!["retry", "a/b/c"]),
        ("node-and-all", vec!["status", "rpc-0", "-A"]),
        ("flags-without-effect", vec!["plan", "-f", "fixtures/samples", "--context", "prod"]),
        ("files-and-node", vec!["plan", "rpc-0", "-f", "fixtures/samples"]),
    ] {
        insta::assert_snapshot!(format!("mistake-{name}"), transcript(&args, &[], ""));
    }
    let kubeconfig = "fixtures/cli/nobody-listens.kubeconfig";
    let both = transcript(&["status", "sei/rpc-0", "-n", "test", "--kubeconfig", kubeconfig], &[], "");
    insta::assert_snapshot!("mistake-two-namespaces", both);
    let files = ["plan", "-f", "fixtures/samples", "--live", "-n", "sei", "--platform", "fixtures/platform/test.env"];
    insta::assert_snapshot!("mistake-namespace-of-files", transcript(&files, &[], ""));
}

#[test]
fn the_schemas_are_those_of_the_documents() {
    for command in ["status", "check"] {
        let path = root().join(format!("docs/schema/{command}.schema.json"));
        let published: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("the schema")).expect("JSON");
        assert_eq!(published, json(&[command, "--schema"]), "`just generate` writes it");
    }
}

/// A plugin of kubectl is a program of this name; it speaks of itself as people call it.
#[test]
fn as_a_plugin_of_kubectl_it_goes_by_that_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let program = dir.path().join("kubectl-sei");
    symlink(assert_cmd::cargo::cargo_bin("sei-operator"), &program).expect("linked");
    let help = |args: &[&str]| {
        let output = Command::new(&program).args(args).env_clear().output().expect("it starts");
        assert!(output.status.success());
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let all = help(&["--help"]);
    assert!(all.contains("Usage: kubectl sei <COMMAND>") && all.contains("  kubectl sei status -A  "), "{all}");
    assert!(!all.contains("sei-operator "), "{all}");
    for (command, usage) in [
        ("status", "Usage: kubectl sei status [OPTIONS] [NODE]"),
        ("wait", "Usage: kubectl sei wait [OPTIONS] --for <WHAT> <NODE>"),
    ] {
        let text = help(&[command, "--help"]);
        assert!(text.contains(usage), "{text}");
        assert!(text.contains(&format!("  kubectl sei {command} ")), "{text}");
    }
    let topics = help(&["explain"]);
    assert!(topics.contains("  kubectl sei explain codes") && !topics.contains("sei-operator "), "{topics}");
    let kubeconfig = dir.path().join("none");
    let unreachable =
        Command::new(&program).args(["status", "a/b", "--kubeconfig"]).arg(kubeconfig).env_clear().output();
    let told = String::from_utf8(unreachable.expect("it starts").stderr).expect("UTF-8");
    assert!(!told.contains("sei-operator "), "{told}");
    let mistake = Command::new(&program).arg("retry").env_clear().output().expect("it starts");
    assert_eq!(mistake.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&mistake.stderr).contains("Usage: kubectl sei retry"), "usage");
}
