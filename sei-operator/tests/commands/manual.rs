//! Completions and manual pages cover every command.

use std::collections::BTreeSet;

use super::{run, stdout};

/// The commands, as `--help` lists them.
fn commands() -> BTreeSet<String> {
    let help = stdout(&["--help"]);
    let list = help.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("a list of commands");
    let names = list.lines().filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    let names = names.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn every_shell_completes_every_command() {
    assert!(commands().contains("plan"), "{:?}", commands());
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = stdout(&["completions", shell]);
        for name in commands() {
            assert!(script.contains(&name), "{shell} does not know {name}");
        }
    }
    assert_eq!(run(&["completions", "cmd"], &[], "").status.code(), Some(1));
}

#[test]
fn every_command_has_a_page() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("man1");
    stdout(&["man", "--dir", path.to_str().expect("UTF-8")]);
    let pages = std::fs::read_dir(&path).expect("the pages").map(|page| page.expect("a page").file_name());
    let pages: BTreeSet<_> = pages.map(|name| name.into_string().expect("UTF-8")).collect();
    let wanted =
        commands().into_iter().map(|name| format!("sei-operator-{name}.1")).chain(["sei-operator.1".to_owned()]);
    assert_eq!(pages, wanted.collect());
    for name in commands() {
        let page = std::fs::read_to_string(path.join(format!("sei-operator-{name}.1"))).expect("a page");
        assert_eq!(page, stdout(&["man", &name]), "both ways to get the page of {name}");
    }
    assert_eq!(run(&["man", "nope"], &[], "").status.code(), Some(1));
}
