//! The zoo as a table that a person reads: `docs/bug-zoo.md`.

use std::fs;
use std::path::PathBuf;

use crate::rows::{self, Kept, MODEL, RULES};
use crate::specimens;
use crate::verdict::Caught;

/// Where the table is kept.
pub(crate) const PATH: &str = "docs/bug-zoo.md";

const HEAD: &str = "\
# The bug zoo

Every known bug of the system before us in engine, pods, storage, bring-up and network, and what keeps it out. A specimen is bred between
the operator and the simulated world; one harness, which knows none of them, lets it live through the standard lives
(`sei-tasks/tests/zoo/lives.rs`) and must catch it. Named is the first life that does (where there is one, by more than the cost), and by
what:

* names like `S8` or `L1` are invariants of the simulated world; `gate` is a seid that starts on a blank disk, `hang` a call without an end;
* `objects`: what is sent is not what the planner renders, which `sei-planner/tests/reference_objects.rs` pins down field by field; `schema`:
  the API server would not have it; `mounts`: a pod is made before what it mounts;
* `phases`, `end state`, `S10` (tasks posted) and `cost` compare the life with that of the operator without the bug.

`ZOO=all cargo test -p sei-tasks --test zoo -- --nocapture` prints every life that catches each specimen;
`UPDATE_FIXTURES=1 cargo test -p sei-tasks --test zoo` writes this file anew.
";

/// A path in this repository.
pub(crate) fn in_repository(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(path)
}

/// The whole text; `caught` are the specimens by row, with the lives that caught them.
pub(crate) fn text(caught: &[(&'static str, Vec<Caught>)]) -> String {
    let mut text =
        format!("{HEAD}\n## Specimens\n\n| row | before | bred by | caught in | by |\n|---|---|---|---|---|\n");
    for (row, lives) in caught {
        let (Some(specimen), Some(first)) = (specimens::of(row), lives.first()) else { continue };
        let by = first.checks().join(", ");
        text += &format!("| {row} | {} | {} | {} | {by} |\n", specimen.did, specimen.bred, first.life);
    }
    text += "\n## Rules of the model\n\nWithout each of these the model check finds a trap or an unsafe step.\n\n| row | rule | test |\n|---|---|---|\n";
    for rule in RULES {
        text += &format!("| {} | {} | `{MODEL}`: `{}` |\n", rule.row, rule.rule, rule.test);
    }
    text += "\n## Named tests\n\n| row | test |\n|---|---|\n";
    for row in rows::all() {
        if let Kept::Test(file, function) = row.kept {
            text += &format!("| {} | `{file}`: `{function}` |\n", row.id);
        }
    }
    text += "\n## Not representable\n\n| row | why |\n|---|---|\n";
    for row in rows::all() {
        if let Kept::Unrepresentable(why) = row.kept {
            text += &format!("| {} | {why} |\n", row.id);
        }
    }
    text
}

/// Compares the text with the file, or writes it.
pub(crate) fn keep(text: &str) {
    let path = in_repository(PATH);
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        fs::write(&path, text).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == text, "{PATH} is stale; run UPDATE_FIXTURES=1 cargo test -p sei-tasks --test zoo\n{text}");
}
