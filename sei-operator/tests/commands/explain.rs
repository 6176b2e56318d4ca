//! `explain`: words, tables, and slips of the pen.

use super::{root, run, stdout, transcript};

#[test]
fn words_are_explained() {
    for word in [
        "replace-pod",
        "SidecarReady",
        "UpdateFailed",
        "SEI_NODEPOOL_NAME",
        "sei0020",
        "sei_controller_plan_duration_seconds",
    ] {
        insta::assert_snapshot!(format!("explain-{word}"), transcript(&["explain", word], &[], ""));
    }
    insta::assert_snapshot!("explain-topics", transcript(&["explain"], &[], ""));
    for unknown in ["SEI9999", "replace-pods", "nonsense"] {
        assert_eq!(run(&["explain", unknown], &[], "").status.code(), Some(1), "{unknown}");
    }
    let slip = String::from_utf8(run(&["explain", "replace-pods"], &[], "").stderr).expect("UTF-8");
    assert!(slip.contains("did you mean replace-pod?"), "{slip}");
}

#[test]
fn the_reference_is_up_to_date() {
    for (topic, file) in [
        ("codes", "docs/diagnostics.md"),
        ("tasks", "docs/reference/tasks.md"),
        ("conditions", "docs/reference/conditions.md"),
        ("settings", "docs/reference/settings.md"),
        ("metrics", "docs/reference/metrics.md"),
    ] {
        let kept = std::fs::read_to_string(root().join(file)).expect("the reference");
        assert_eq!(stdout(&["explain", topic]), kept, "`just generate` writes {file}");
    }
}
