//! Today's definition and ours say the same to generated creates and updates, but for the differences in one table. A
//! part of the cases is written to a file, which a suite replays on a real API server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod generator;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::{env, fs};

use sei_planner::api::crd;
use sei_tasks::admission::{Admission, Violation};
use serde_json::{Value, json};

use generator::Case;

/// Generated cases, half of them creates.
const CASES: u64 = 4000;
/// Keywords of the schema that refuse something.
const KEYWORDS_MIN: usize = 12;
/// Every so many cases one is written to the file.
const WRITTEN_EVERY: u64 = 20;
/// So many of each difference and of each keyword are written, too.
const WRITTEN_OF_EACH: usize = 6;

/// Who refuses what the other accepts.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    OnlyOurs,
    OnlyTheirs,
}

/// An intended difference: what the refusing side says, and why it is so.
struct Difference {
    name: &'static str,
    side: Side,
    is: fn(&Violation) -> bool,
    /// For readers of this table.
    _why: &'static str,
}

const DIFFERENCES: [Difference; 9] = [
    Difference {
        name: "a certificate of an issuer",
        side: Side::OnlyTheirs,
        is: |v| v.path == "spec.sidecar.tls.secretName" && v.keyword == "required",
        _why: "certificates may also come from an issuer",
    },
    Difference {
        name: "an issuer beside a Secret",
        side: Side::OnlyOurs,
        is: |v| v.path == "spec.sidecar.tls" && v.rule.is_some() || rule_has(v, TLS_RULE),
        _why: "theirs drops the issuer as an unknown field, so nothing has changed",
    },
    Difference {
        name: "an issuer of the wrong form",
        side: Side::OnlyOurs,
        is: |v| v.path.starts_with("spec.sidecar.tls.issuer"),
        _why: "theirs drops it as an unknown field",
    },
    Difference {
        name: "retainOnDelete of the wrong type",
        side: Side::OnlyOurs,
        is: |v| v.path == "spec.dataVolume.retainOnDelete",
        _why: "theirs drops it as an unknown field",
    },
    Difference {
        name: "removal of the spec",
        side: Side::OnlyOurs,
        is: |v| v.path.is_empty() && rule_has(v, "has(self.spec)"),
        _why: "with it goes everything that is fixed",
    },
    Difference {
        name: "removal of dataVolume with an import",
        side: Side::OnlyOurs,
        is: |v| v.path == "spec" && rule_has(v, "oldSelf.dataVolume.import"),
        _why: "the node would get an empty volume",
    },
    Difference {
        name: "a validator with keys becomes something else",
        side: Side::OnlyOurs,
        is: |v| v.path == "spec" && rule_has(v, "oldSelf.validator.signingKey"),
        _why: "the keys would go, and others could be set",
    },
    Difference {
        name: "removal of both keys",
        side: Side::OnlyOurs,
        is: |v| rule_has(v, "has(oldSelf.signingKey)") || rule_has(v, "has(oldSelf.nodeKey)"),
        _why: "a validator that loses its keys signs no more, and others could be set",
    },
    Difference {
        name: "removal of the keyring",
        side: Side::OnlyOurs,
        is: |v| rule_has(v, "has(oldSelf.operatorKeyring)"),
        _why: "another one could be set",
    },
];

/// A part of the rule about changes of TLS: ours reads otherwise, and says the same about Secrets.
const TLS_RULE: &str = "self.sidecar.tls == oldSelf.sidecar.tls";
/// After these no rules are evaluated, so that what else is wrong does not show.
const BLOCKING: [&str; 3] = ["enum", "required", "type"];

fn rule_has(violation: &Violation, part: &str) -> bool {
    violation.rule.as_ref().is_some_and(|rule| rule.contains(part))
}

fn fixture(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(path)
}

/// Admission by the definition of the controller before us.
fn theirs() -> Admission {
    let text = fs::read_to_string(fixture("compat/seinodes.go.yaml")).unwrap();
    let mut definition: Value = serde_saphyr::from_str(&text).unwrap();
    Admission::of_schema(definition.pointer_mut(crd::SCHEMA).unwrap().take())
}

/// What one definition says: nothing, or at which step and why not.
struct Verdict {
    step: &'static str,
    refused: Vec<Violation>,
}

impl Verdict {
    /// An update is preceded by the create of what it changes.
    fn of(admission: &Admission, case: &Case) -> Self {
        let Some(old) = &case.old else { return Verdict { step: "create", refused: admission.create(&case.new) } };
        let refused = admission.create(old);
        if refused.is_empty() {
            Verdict { step: "update", refused: admission.update(old, &case.new) }
        } else {
            Verdict { step: "create", refused }
        }
    }

    fn accepts(&self) -> bool {
        self.refused.is_empty()
    }

    /// In the file: step and path of everything that is wrong.
    fn written(&self) -> Value {
        let lines: BTreeSet<String> = self.refused.iter().map(|v| format!("{} {}", self.step, v.path)).collect();
        json!(lines)
    }
}

/// The names of the differences that explain why only one side refuses; an error when something is left unexplained.
fn explained(theirs: &Verdict, ours: &Verdict) -> Result<BTreeSet<&'static str>, String> {
    let (side, refused) = match (theirs.accepts(), ours.accepts()) {
        (true, false) => (Side::OnlyOurs, &ours.refused),
        (false, true) => (Side::OnlyTheirs, &theirs.refused),
        (true, true) => return Ok(BTreeSet::new()),
        (false, false) => return same_reasons(theirs, ours).map(|()| BTreeSet::new()),
    };
    let rows = DIFFERENCES.iter().filter(|row| row.side == side);
    let row_of = |violation: &Violation| rows.clone().find(|row| (row.is)(violation)).map(|row| row.name);
    refused.iter().map(|v| row_of(v).ok_or_else(|| format!("{v} ({})", v.keyword))).collect()
}

/// Where both refuse, they do so for the same reasons, the differences aside.
fn same_reasons(theirs: &Verdict, ours: &Verdict) -> Result<(), String> {
    let is_difference = |violation: &Violation| DIFFERENCES.iter().any(|row| (row.is)(violation));
    let hides_others = |v: &Violation| is_difference(v) && BLOCKING.contains(&v.keyword);
    if theirs.step != ours.step || theirs.refused.iter().chain(&ours.refused).any(hides_others) {
        return Ok(());
    }
    let reasons = |verdict: &Verdict| -> BTreeSet<String> {
        let shared = verdict.refused.iter().filter(|v| !is_difference(v));
        shared.map(|v| format!("{} {} {}", v.path, v.keyword, v.rule.as_deref().unwrap_or_default())).collect()
    };
    let (theirs, ours) = (reasons(theirs), reasons(ours));
    if theirs == ours { Ok(()) } else { Err(format!("theirs {theirs:#?}, ours {ours:#?}")) }
}

#[derive(Debug, Default)]
struct Tally {
    accepted: usize,
    refused: usize,
}

#[test]
fn verdicts_differ_only_as_intended() {
    let (theirs, ours) = (theirs(), Admission::of_seinodes());
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut rows: BTreeMap<&str, usize> = DIFFERENCES.iter().map(|row| (row.name, 0)).collect();
    let mut keywords: BTreeMap<&str, usize> = BTreeMap::new();
    let mut surprises = Vec::new();
    let mut lines = Vec::new();
    for number in 0..CASES {
        let case = generator::case(number);
        let (before, now) = (Verdict::of(&theirs, &case), Verdict::of(&ours, &case));
        for (side, verdict) in [("theirs", &before), ("ours", &now)] {
            let tally = tallies.entry(kind(side, &case)).or_default();
            *(if verdict.accepts() { &mut tally.accepted } else { &mut tally.refused }) += 1;
        }
        now.refused.iter().for_each(|violation| *keywords.entry(violation.keyword).or_default() += 1);
        let names = explained(&before, &now).unwrap_or_else(|why| {
            surprises.push(format!("{number}: {why}\n{:?} -> {}", case.old.as_ref().map(Value::to_string), case.new));
            BTreeSet::new()
        });
        names.iter().for_each(|name| *rows.entry(name).or_default() += 1);
        let rare = names.iter().any(|name| rows[name] <= WRITTEN_OF_EACH)
            || now.refused.iter().any(|violation| keywords[violation.keyword] <= WRITTEN_OF_EACH);
        if rare || number % WRITTEN_EVERY < 2 {
            lines.push(line(number, &case, &before, &now));
        }
    }
    println!("{tallies:#?}\n{rows:#?}\n{keywords:#?}\n{} written", lines.len());
    assert!(surprises.is_empty(), "{} surprises, such as\n{}", surprises.len(), surprises[0]);
    let unseen: Vec<_> = rows.iter().filter(|(_, times)| **times == 0).collect();
    assert!(unseen.is_empty(), "these differences never showed: {unseen:?}");
    for (kind, Tally { accepted, refused }) in &tallies {
        assert!(*accepted > 300 && *refused > 300, "{kind}: no healthy mix: {accepted} accepted, {refused} refused");
    }
    assert!(keywords.len() >= KEYWORDS_MIN, "not all keywords were tried: {keywords:?}");
    assert!(lines.len() >= 300);
    compare_with_file(&lines);
}

/// A running fleet changes hands without being edited first: what is stored is valid, and images can be changed.
#[test]
fn what_todays_definition_stores_stays_editable() {
    let (theirs, ours) = (theirs(), Admission::of_seinodes());
    let mut stored_by_theirs = 0;
    for number in 0..CASES {
        let case = generator::case(number);
        let object = case.old.unwrap_or(case.new);
        if theirs.create(&object).is_empty() {
            let stored = theirs.defaulted(object);
            assert_eq!(ours.create(&stored), [], "{stored}");
            let mut edited = stored.clone();
            if let Some(image) = edited.pointer_mut("/spec/image") {
                *image = json!("seid-next");
                stored_by_theirs += 1;
            }
            assert_eq!(ours.update(&stored, &edited), [], "{stored}");
        }
    }
    assert!(stored_by_theirs > 1000, "only {stored_by_theirs}");
}

fn kind(side: &str, case: &Case) -> &'static str {
    match (side, case.old.is_some()) {
        ("theirs", false) => "creates by today's definition",
        ("theirs", true) => "updates by today's definition",
        (_, false) => "creates by ours",
        (_, true) => "updates by ours",
    }
}

fn line(number: u64, case: &Case, theirs: &Verdict, ours: &Verdict) -> Value {
    let mut line = json!({
        "name": format!("case-{number}"),
        "new": case.new,
        "theirs": theirs.written(),
        "ours": ours.written(),
    });
    if let Some(old) = &case.old {
        line["old"] = old.clone();
    }
    line
}

/// `UPDATE_FIXTURES=1` writes the file anew. Its order of fields means nothing.
fn compare_with_file(lines: &[Value]) {
    let path = fixture("crd/generated.jsonl");
    if env::var_os("UPDATE_FIXTURES").is_some() {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        fs::write(&path, text).unwrap();
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    let stored: Vec<Value> = stored.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let advice = "run UPDATE_FIXTURES=1 cargo test -p sei-tasks --test verdicts";
    assert!(stored == lines, "{} is stale; {advice}", path.display());
}
