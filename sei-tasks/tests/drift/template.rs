//! What the platform changes waits for the next update, and says so; a person may ask for it at once.

use sei_planner::api::{ConditionStatus, REFRESH_ANNOTATION, conditions as c};
use sei_planner::platform::Platform;
use sei_tasks::sim::SeiOperator;

use crate::edits::GROUNDS;
use crate::living::Life;
use crate::verdict::restarts;

/// The same world under an operator with other settings.
fn under(life: Life, setting: &str, value: &str) -> Life {
    let mut settings = Platform::demo_map();
    settings.insert("SEI_TLS_ALLOWED_ISSUERS".to_owned(), "ClusterIssuer/ca,ClusterIssuer/other".to_owned());
    settings.insert(setting.to_owned(), value.to_owned());
    let platform = Platform::from_map(&settings).unwrap();
    Life { driver: life.sim().drive(SeiOperator { platform }), key: life.key }
}

#[test]
fn a_changed_platform_is_told_and_rolled_out_when_somebody_asks() {
    let mut life = under(GROUNDS[0].running(), "SEI_NODEPOOL_NAME", "another-pool");
    let before = restarts(&life);
    life.driver.run_for(600).unwrap();
    let told = life.status().condition(c::TEMPLATE_OUTDATED).expect("a condition").clone();
    assert_eq!((told.status, told.reason.as_str()), (ConditionStatus::True, c::PLATFORM_CHANGED));
    assert_eq!(restarts(&life), before, "nobody asked");
    let asked = told.message.rsplit_once("--overwrite ").expect("a command").1.to_owned();
    let (annotation, token) = asked.split_once('=').unwrap();
    assert_eq!(annotation, REFRESH_ANNOTATION);
    life.driver.assert_silent(20).unwrap_or_else(|stopped| panic!("{stopped}"));

    life.sim().user_annotate(&life.key, annotation, Some(token));
    life.rest();
    assert_eq!(restarts(&life), before + 1);
    let status = life.status();
    assert_eq!(status.refreshed.as_deref(), Some(token));
    assert_eq!(status.condition(c::TEMPLATE_OUTDATED).unwrap().status, ConditionStatus::False);
    life.driver.assert_silent(20).unwrap_or_else(|stopped| panic!("{stopped}"));
}

#[test]
fn a_request_for_what_is_there_already_restarts_nothing() {
    let mut life = GROUNDS[0].running();
    life.sim().user_annotate(&life.key, REFRESH_ANNOTATION, Some("now"));
    life.rest();
    assert_eq!((restarts(&life), life.status().refreshed.as_deref()), (0, Some("now")));
    life.driver.assert_silent(20).unwrap_or_else(|stopped| panic!("{stopped}"));
}
