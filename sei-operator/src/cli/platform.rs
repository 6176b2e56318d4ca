//! Finds the settings of the platform: a file, the environment, or the demo platform.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use sei_planner::platform::Platform;

use super::cluster::{self, Cluster, OPERATOR_NAMESPACE};
use crate::input::diagnostics::PLATFORM_SETTING;
use crate::input::sources::text_of;
use crate::output::{self, Paint};

/// The platform, or nothing after everything that is wrong with it was reported on stderr.
pub(super) fn load(file: Option<&Path>) -> Option<Platform> {
    match file {
        Some(file) => from_file(file),
        None => from_environment(),
    }
}

/// The platform of a real cluster: never the demo one.
pub(super) fn required(file: Option<&Path>) -> Option<Platform> {
    match file {
        Some(file) => from_file(file),
        None => typed(&environment(), "environment: "),
    }
}

/// The platform of a live cluster: that of the file, of the environment, or of the operator that is installed; only where there
/// is none of them the demo one. Nothing after everything that is wrong was reported on stderr.
pub(super) async fn of_cluster(cluster: &Cluster, file: Option<&Path>) -> Option<Platform> {
    if file.is_some() || !environment().is_empty() {
        return load(file);
    }
    match cluster.installed_settings(OPERATOR_NAMESPACE).await {
        Ok(settings) => {
            let origin = cluster::installed_in(OPERATOR_NAMESPACE);
            output::chatter(&format!("{}: platform settings of {origin}\n", Paint::stderr().blue("note")));
            typed(&settings, &format!("{origin}: "))
        }
        Err(_) => load(None),
    }
}

/// The settings of the environment, by name.
pub(super) fn environment() -> BTreeMap<String, String> {
    let value = |name: &str| std::env::var(name).ok();
    Platform::VARIABLES.iter().filter_map(|v| Some((v.name.to_owned(), value(v.name)?))).collect()
}

fn from_file(path: &Path) -> Option<Platform> {
    typed(&lines_of(path)?, &format!("{}: ", path.display()))
}

/// The settings of a file by name, if they make a platform; nothing after everything that is wrong was reported on stderr.
pub(super) fn settings(path: &Path) -> Option<BTreeMap<String, String>> {
    let settings = lines_of(path)?;
    typed(&settings, &format!("{}: ", path.display())).map(|_| settings)
}

fn lines_of(path: &Path) -> Option<BTreeMap<String, String>> {
    let name = path.display();
    let text = std::fs::File::open(path).and_then(text_of);
    let text = text.map_err(|error| complain([format!("cannot read {name}: {error}")])).ok()?;
    let lines = Platform::parse_lines(&text);
    lines.map_err(|errors| complain(errors.iter().map(|e| format!("{name}:{}: {}", e.line, e.problem)))).ok()
}

fn from_environment() -> Option<Platform> {
    let settings = environment();
    if settings.is_empty() {
        let note = Paint::stderr().blue("note");
        output::chatter(&format!(
            "{note}: no platform settings: using the demo platform; name yours with --platform FILE\n"
        ));
        return Some(Platform::demo());
    }
    typed(&settings, "environment: ")
}

/// The platform that settings make, or nothing after everything that is wrong with them was reported on stderr.
pub(super) fn typed(settings: &BTreeMap<String, String>, origin: &str) -> Option<Platform> {
    Platform::from_map(settings).map_err(|errors| complain(errors.0.iter().map(|e| format!("{origin}{e}")))).ok()
}

fn complain(problems: impl IntoIterator<Item = String>) {
    let head = Paint::stderr().red(&format!("error[{}]", PLATFORM_SETTING.id));
    problems.into_iter().for_each(|problem| output::chatter(&format!("{head}: {problem}\n")));
}

/// Every variable with its purpose and its value on the demo platform, for `--help`.
pub(super) fn help() -> String {
    let mut text = String::from("Settings of the platform (lines of the file of --platform, or the environment):\n");
    for variable in Platform::VARIABLES {
        let optional = if variable.required { "" } else { "; optional" };
        let demo = if variable.demo.is_empty() { String::new() } else { format!("={}", variable.demo) };
        let _ = writeln!(text, "  {}{demo}\n          {}{optional}", variable.name, variable.purpose);
    }
    text + "\nThe values shown are those of the demo platform."
}
