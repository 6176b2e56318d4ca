//! Simulations: what users do in them, how they end, what programs read, and that they can be replayed.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{root, run, stdout, transcript};

const OLD: &str = "fixtures/cli/simulate/old.yaml";

fn fixture(name: &str) -> String {
    format!("fixtures/cli/simulate/{name}")
}

/// A simulation of `file` with further arguments, for a snapshot.
fn told(file: &str, more: &[&str]) -> String {
    let args: Vec<&str> = ["simulate", "-f", file].into_iter().chain(more.iter().copied()).collect();
    transcript(&args, &[], "")
}

/// The lines of a simulation for programs.
fn trace(file: &str, more: &[&str]) -> Vec<Value> {
    let args: Vec<&str> = ["simulate", "-o", "json", "-f", file].into_iter().chain(more.iter().copied()).collect();
    let output = run(&args, &[], "");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON document a line")).collect()
}

#[test]
fn edits_come_at_their_time() {
    let [new, with_at] = ["new.yaml@1h", "new@v6.4.yaml@20s"].map(fixture);
    insta::assert_snapshot!("simulate-edit", told(OLD, &["--edit", &new]));
    insta::assert_snapshot!("simulate-edit-on-the-way-up", told(OLD, &["--edit", &with_at, "--until", "Idle"]));
}

#[test]
fn objects_are_deleted_at_their_time() {
    let lost = ["--delete", "svc/sei/rpc-0@10m", "--delete", "pod/rpc-0-0@20m"];
    insta::assert_snapshot!("simulate-delete", told(OLD, &lost));
    insta::assert_snapshot!("simulate-delete-node", told(OLD, &["--delete", "seinode/rpc-0@1m"]));
}

#[test]
fn what_the_api_server_refuses_is_told_with_its_place() {
    let another = fixture("importing-another.yaml@10m");
    insta::assert_snapshot!("simulate-edit-refused", told(&fixture("importing.yaml"), &["--edit", &another]));
}

#[test]
fn what_the_operator_refuses_ends_the_simulation() {
    let wrong = fixture("wrong-setting.yaml@10m");
    insta::assert_snapshot!("simulate-edit-not-followed", told(OLD, &["--edit", &wrong]));
}

#[test]
fn what_is_not_there_is_an_error() {
    let somebody = fixture("somebody-else.yaml@2m");
    let more = ["--edit", somebody.as_str(), "--delete", "pod/rpc-1-0@2m", "--delete", "job/rpc-0@2m"];
    insta::assert_snapshot!("simulate-not-there", told(OLD, &more));
}

#[test]
fn a_node_that_does_not_come_up_is_an_error() {
    let waits = "fixtures/nodes/validator-with-keys/node.yaml";
    insta::assert_snapshot!("simulate-waits", told(waits, &["--limit", "1h"]));
    let end = trace(waits, &["--limit", "1h"]).pop().expect("an end");
    assert_eq!((&end["kind"], &end["converged"], &end["at"]), (&"end".into(), &false.into(), &3600.into()));
    assert_eq!(end["nodes"][0]["hindrance"]["task"], "validate-signing-key");
    assert_eq!(end["nodes"][0]["hindrance"]["since"], "2026-01-01T00:00:00Z");
}

#[test]
fn wrong_arguments_say_what_to_write() {
    let [broken, no_node, new] = ["broken.yaml@1m", "no-node.yaml@1m", "new.yaml@3h"].map(fixture);
    let two = fixture("two-namespaces.yaml");
    let cases: [(&str, &[&str]); 15] = [
        (OLD, &["--edit", "new.yaml"]),
        (OLD, &["--edit", "new.yaml@90"]),
        (OLD, &["--edit", "new.yaml@soon"]),
        (OLD, &["--edit", "fixtures/cli/nowhere.yaml@1m"]),
        (OLD, &["--edit", &broken]),
        (OLD, &["--edit", &no_node]),
        (OLD, &["--edit", &new, "--limit", "2h"]),
        (OLD, &["--delete", "pod/rpc-0-0"]),
        (OLD, &["--delete", "pod@1m"]),
        (OLD, &["--delete", "deployment/rpc-0@1m"]),
        (&two, &["--delete", "pod/rpc-0-0@1m"]),
        (OLD, &["--limit", "3"]),
        (OLD, &["--speed", "0"]),
        (OLD, &["--seed", "-1"]),
        (OLD, &["--schema"]),
    ];
    let mut all = String::new();
    for (file, more) in cases {
        let args: Vec<&str> = ["simulate", "-f", file].into_iter().chain(more.iter().copied()).collect();
        let output = run(&args, &[("SEI_UNUSED", "")], "");
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]), "{args:?}");
        all += &format!("$ sei-operator {}\n{}\n", args.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    insta::assert_snapshot!("simulate-wrong-arguments", all);
}

#[test]
fn real_traces_fit_the_published_schema() {
    let published = std::fs::read_to_string(root().join("docs/schema/simulate.schema.json")).expect("the schema");
    assert_eq!(published, stdout(&["simulate", "--schema"]), "`just generate` writes it");
    let schema: Value = serde_json::from_str(&published).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let [new, another, importing] = ["new.yaml@1h", "importing-another.yaml@1m", "importing.yaml"].map(fixture);
    let runs = [
        trace(OLD, &["--edit", &new, "--delete", "seinode/rpc-0@2h"]),
        trace(&importing, &["--edit", &another, "--delete", "pod/nobody@1m"]),
        trace("fixtures/samples/pacific-1-full-node.yaml", &["--until", "Idle"]),
        trace("fixtures/nodes/validator-with-keys/node.yaml", &["--limit", "1h"]),
        trace("fixtures/nodes/refused-two-modes/node.yaml", &[]),
    ];
    let mut kinds = BTreeSet::new();
    for line in runs.iter().flatten() {
        let problems: Vec<String> =
            validator.iter_errors(line).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert_eq!(problems, [""; 0], "{line}");
        kinds.insert(line["kind"].as_str().expect("a kind"));
    }
    let wanted = ["begin", "end", "event", "gone", "phase", "plan", "pod", "refused", "seid", "task", "user"];
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), wanted);
    let mut other = runs[0][0].clone();
    other["kind"] = "perhaps".into();
    assert!(!validator.is_valid(&other), "the schema tells words apart");
}

#[test]
fn a_trace_begins_ends_and_goes_forward() {
    let new = fixture("new.yaml@1h");
    let lines = trace(OLD, &["--edit", &new, "--seed", "7"]);
    let (first, last) = (lines.first().expect("a line"), lines.last().expect("a line"));
    assert_eq!((&first["kind"], &first["formatVersion"]), (&"begin".into(), &"1".into()));
    assert_eq!((&last["kind"], &last["formatVersion"]), (&"end".into(), &"1".into()));
    assert_eq!(last["options"]["seed"], 7);
    let replay = format!("sei-operator simulate -o json -f {OLD} --edit {new} --seed 7");
    assert_eq!(last["replay"], replay.as_str());
    assert!(lines.is_sorted_by_key(|line| line["at"].as_i64()));
    let after: Vec<&Value> = lines.iter().filter(|line| line["at"].as_i64() >= Some(3600)).collect();
    assert_eq!((&after[0]["kind"], &after[0]["what"]), (&"user".into(), &"apply SeiNode sei/rpc-0".into()));
    assert!(after.iter().any(|line| line["kind"] == "plan" && line["plan"] == "Update" && line["phase"] == "Complete"));
}

#[test]
fn the_same_flags_give_the_same_bytes() {
    let new = fixture("new.yaml@1h");
    for format in ["table", "json"] {
        let args = ["simulate", "-f", OLD, "-o", format, "--edit", &new, "--seed", "7", "--until", "Idle"];
        let (one, two) = (run(&args, &[], ""), run(&args, &[], ""));
        assert_eq!(one, two);
        assert!(!one.stdout.contains(&0x1b) && !one.stderr.contains(&0x1b), "no escape codes without a terminal");
    }
}

#[test]
fn nodes_come_up_in_spite_of_faults_that_can_be_drawn_again() {
    let mut runs = BTreeSet::new();
    for seed in ["1", "2", "3", "4"] {
        let args = ["simulate", "-f", OLD, "--faults", seed];
        let one = stdout(&args);
        assert!(one.contains("sei/rpc-0 is Running\n") && one.ends_with(&format!("seed 0, faults {seed}\n")), "{one}");
        assert_eq!(one, stdout(&args));
        runs.insert(one);
    }
    assert_eq!(runs.len(), 4, "every seed draws its own faults");
    let end = trace(OLD, &["--faults", "1"]).pop().expect("an end");
    assert_eq!((&end["options"]["faults"], &end["converged"]), (&1.into(), &true.into()));
}

#[test]
fn speed_changes_nothing_but_the_pace() {
    let fast = stdout(&["simulate", "-f", OLD, "--speed", "1000000"]);
    assert_eq!(fast, stdout(&["simulate", "-f", OLD]));
}
