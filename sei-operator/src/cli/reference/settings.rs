//! Settings of the platform, as the planner declares them.

use std::fmt::Write as _;

use sei_planner::platform::{Platform, Variable};

pub(super) fn words() -> impl Iterator<Item = String> {
    Platform::VARIABLES.iter().map(|variable| variable.name.to_owned())
}

pub(super) fn about(word: &str) -> Option<String> {
    let variable = Platform::VARIABLES.iter().find(|variable| variable.name.eq_ignore_ascii_case(word))?;
    Some(format!("{}: {}\n\n{}. {}\n", variable.name, need(variable), variable.purpose, example(variable)))
}

pub(super) fn table() -> String {
    let mut text = String::from(
        "# Settings of the platform\n\nWritten by `just generate` from `sei-operator explain settings`. They are given as `KEY=VALUE` \
         lines in the file\nof `--platform`, or in the environment; all that is wrong is reported at once.\n\n\
         | setting | is | names | on the demo platform |\n|---|---|---|---|\n",
    );
    for variable in Platform::VARIABLES {
        let demo = if variable.demo.is_empty() { String::new() } else { format!("`{}`", variable.demo) };
        let _ = writeln!(text, "| `{}` | {} | {} | {demo} |", variable.name, need(variable), variable.purpose);
    }
    text
}

fn need(variable: &Variable) -> &'static str {
    if variable.required { "required" } else { "optional" }
}

fn example(variable: &Variable) -> String {
    if variable.demo.is_empty() {
        "The demo platform leaves it empty.".to_owned()
    } else {
        format!("On the demo platform: {}", variable.demo)
    }
}
