//! Every row of the list of known bugs that this area has, and what keeps the bug from coming back.

use crate::specimens;

/// What keeps a bug out.
pub(crate) enum Kept {
    /// A specimen of that row, which the harness catches.
    Zoo,
    /// A test: file in this repository, and function.
    Test(&'static str, &'static str),
    /// Nothing: it cannot happen here, and this is why.
    Unrepresentable(&'static str),
}

/// A row of the list.
pub(crate) struct Row {
    pub(crate) id: &'static str,
    pub(crate) kept: Kept,
}

/// A rule without which the model check finds a trap or an unsafe step, the row it answers, and the test that leaves it out.
pub(crate) struct Rule {
    pub(crate) row: &'static str,
    pub(crate) rule: &'static str,
    pub(crate) test: &'static str,
}

/// Where the model can do without each rule.
pub(crate) const MODEL: &str = "sei-planner/tests/model/main.rs";

/// The four rules of the model. Their rows are specimens, too: there the same bug is bred in the simulated world.
pub(crate) const RULES: [Rule; 4] = [
    Rule { row: "S1", rule: "an edit supersedes the plan", test: "an_edit_must_supersede_the_plan" },
    Rule {
        row: "S7",
        rule: "the pod's own revision tells what it runs, not the counters of its StatefulSet",
        test: "the_pods_own_revision_must_tell_what_it_runs",
    },
    Rule {
        row: "E19",
        rule: "the template is compared again after a plan that may have applied it",
        test: "the_template_must_be_compared_after_a_plan_that_may_have_applied_it",
    },
    Rule { row: "S8", rule: "nothing is done on a stale view", test: "nothing_may_be_done_on_a_stale_view" },
];

/// The areas of the list and how many rows each has.
pub(crate) const AREAS: [(&str, u32); 5] = [("E", 20), ("S", 14), ("P", 12), ("B", 22), ("N", 14)];

/// The rows that have no specimen.
const OTHERS: [Row; 16] = [
    test("E11", "sei-tasks/tests/sidecar_tls.rs", "a_plan_under_way_keeps_running_without_the_secret"),
    test("E12", "sei-planner/tests/catalogue.rs", "every_task_round_trips"),
    never(
        "S14",
        "it is about SeiNodeDeployment, which this version does not have; what is said of a node itself is compared with its pod at the end of every life",
    ),
    never(
        "B6",
        "peers are asked by the sidecar, which leaves out those that do not answer; the operator asks none and sends all names",
    ),
    never(
        "B10",
        "which snapshot is restored is the sidecar's choice; the spec has one height, and the operator passes it on",
    ),
    test("B17", "sei-tasks/tests/life.rs", "a_refused_spec_is_said_once_and_recovers_when_it_is_mended"),
    test("B19", "sei-operator/src/cli/lint/rules.rs", "images_are_pinned_by_tag_or_digest"),
    never("B22", "the artifacts of a chain's founders are stored and named by the sidecar and the chain's assembler"),
    never("N2", "no monitors are made; which port is scraped is not this operator's affair"),
    never("N3", "no Gateway and no Service over several nodes is made: every Service selects one pod"),
    never("N4", "no load balancer is made, so none is waited for"),
    never("N5", "no DNS names outside the cluster are made"),
    test("N6", "sei-tasks/tests/crd_rules.rs", "good_objects_are_accepted_and_bad_ones_refused_for_the_stated_reason"),
    test("N12", "sei-planner/src/platform.rs", "nothing_set_reports_every_required_variable_in_order"),
    test("N13", "sei-operator/tests/cli.rs", "the_definitions_are_those_of_the_fixtures"),
    never("N14", "this version ships no roles yet"),
];

const fn test(id: &'static str, file: &'static str, function: &'static str) -> Row {
    Row { id, kept: Kept::Test(file, function) }
}

const fn never(id: &'static str, why: &'static str) -> Row {
    Row { id, kept: Kept::Unrepresentable(why) }
}

/// Every row, in the order of the list.
pub(crate) fn all() -> Vec<Row> {
    let bred = specimens::all().into_iter().map(|specimen| Row { id: specimen.row, kept: Kept::Zoo });
    let mut rows: Vec<Row> = bred.chain(OTHERS).collect();
    rows.sort_by_key(|row| place(row.id));
    rows
}

/// Area and number of a row.
fn place(id: &str) -> (usize, u32) {
    let area = AREAS.iter().position(|(area, _)| id.starts_with(area)).unwrap();
    (area, id[1..].parse().unwrap())
}
