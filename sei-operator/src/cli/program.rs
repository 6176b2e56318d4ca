//! The program by the name under which people start it.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::LazyLock;

use clap::builder::StyledStr;

/// Name of the program.
pub(super) const PROGRAM: &str = "sei-operator";
/// What people type where the program is a plugin of kubectl, which is a program of the name `kubectl-sei`.
const PLUGIN: &str = "kubectl sei";

/// Whether the program was started under the name of the plugin.
pub(super) fn is_plugin() -> bool {
    static ANSWER: LazyLock<bool> = LazyLock::new(|| is_plugins_name(std::env::args_os().next()));
    *ANSWER
}

fn is_plugins_name(program: Option<OsString>) -> bool {
    let name = program.as_deref().map(Path::new).and_then(Path::file_stem).and_then(OsStr::to_str);
    name.is_some_and(|name| ["kubectl-sei", "kubectl_sei"].contains(&name))
}

/// A text with commands of this program in it, by the name under which it was started: what people copy must work.
pub(super) fn as_called(text: impl Into<String>) -> String {
    let text = text.into();
    if is_plugin() { by_the_plugins_name(&text) } else { text }
}

/// A command begins a text, or follows a space, a line break or a backtick.
fn by_the_plugins_name(text: &str) -> String {
    let begins_a_command = |before: &str| before.is_empty() || before.ends_with([' ', '\n', '`']);
    let mut renamed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(&format!("{PROGRAM} ")) {
        let name = if begins_a_command(before) { PLUGIN } else { PROGRAM };
        renamed += &format!("{before}{name} ");
        rest = after;
    }
    renamed + rest
}

/// The command under the name of the plugin, also in its examples.
pub(super) fn as_plugin(command: clap::Command) -> clap::Command {
    fn told(text: &StyledStr) -> String {
        by_the_plugins_name(&text.to_string())
    }
    fn renamed(mut command: clap::Command) -> clap::Command {
        let [short, long] = [command.get_after_help(), command.get_after_long_help()].map(|text| text.map(told));
        if let Some(text) = short {
            command = command.after_help(text);
        }
        if let Some(text) = long {
            command = command.after_long_help(text);
        }
        let names: Vec<String> = command.get_subcommands().map(|found| found.get_name().to_owned()).collect();
        names.into_iter().fold(command, |command, name| command.mut_subcommand(name, renamed))
    }
    renamed(command).bin_name(PLUGIN).display_name(PLUGIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_get_the_name_of_the_plugin_and_nothing_else_does() {
        assert_eq!(by_the_plugins_name("sei-operator status -A"), "kubectl sei status -A");
        assert_eq!(by_the_plugins_name("try `sei-operator retry a/b`"), "try `kubectl sei retry a/b`");
        let logs = "kubectl -n sei-system logs deploy/sei-operator --since 1h";
        assert_eq!(by_the_plugins_name(logs), logs);
        assert_eq!(by_the_plugins_name("sei-operators"), "sei-operators");
    }
}
