//! What a node that runs cannot become is refused where everybody looks, and the node runs on.

use sei_planner::api::{ConditionStatus, conditions as c};
use sei_tasks::sim::Verb;
use serde_json::{Value, json};

use crate::edits::GROUNDS;
use crate::living::Life;
use crate::verdict::{follows_its_spec, restarts};

pub(crate) fn is_refused(life: &Life) -> bool {
    let status = life.status();
    let accepted = status.condition(c::SPEC_ACCEPTED);
    accepted.is_some_and(|known| known.status == ConditionStatus::False && known.reason == c::IMMUTABLE_ONCE_RUNNING)
}

type Make = fn(&mut Value);

#[test]
fn a_running_node_refuses_what_it_cannot_become_and_goes_on_once_it_is_taken_back() {
    let edits: [(&str, Make); 4] = [
        ("atlantic-2", |spec| spec["chainId"] = json!("atlantic-2")),
        ("spec.archive", |spec| {
            spec.as_object_mut().unwrap().remove("fullNode");
            spec["archive"] = json!({});
        }),
        ("another-disk", |spec| spec["dataVolume"] = json!({"import": {"pvcName": "another-disk"}})),
        ("genesisCeremony", |spec| {
            spec.as_object_mut().unwrap().remove("fullNode");
            spec["validator"] = json!({"genesisCeremony": {
                "chainId": "c", "stakingAmount": "1usei", "accountBalance": "2usei", "index": 0,
            }});
        }),
    ];
    let running = GROUNDS[0].running();
    let was = serde_json::to_value(running.sim().sei_node(&running.key).unwrap().spec).unwrap();
    for (named, edit) in edits {
        let mut life = Life { driver: running.driver.fork(), key: running.key.clone() };
        assert_eq!(life.sim().user_edit(&life.key, edit), None, "{named}: the API server accepts it");
        life.driver.run_for(60).unwrap();
        assert!(is_refused(&life), "{named}");
        let message = life.status().condition(c::SPEC_ACCEPTED).unwrap().message.clone();
        assert!(message.contains(named), "{message}");
        let before = life.sim().counters();
        life.driver.run_for(3600).unwrap();
        let hour = life.sim().counters().since(&before);
        assert_eq!((hour.writes(), hour.of(Verb::Read)), (0, 0), "{named}: no hot loop");
        life.sim().user_edit(&life.key, |spec| *spec = was.clone());
        // An imported claim stays imported: only a new node can go on from there.
        if named != "another-disk" {
            follows_its_spec(&mut life, named);
            assert_eq!(restarts(&life), restarts(&running), "{named}");
        }
    }
}

#[test]
fn what_is_read_only_once_is_told_when_it_is_edited() {
    let mut life = GROUNDS[0].running();
    life.sim().user_edit(&life.key, |spec| spec["fullNode"]["snapshot"] = json!({"stateSync": {}}));
    life.driver.run_for(60).unwrap();
    let told = life.status().condition(c::EDIT_WITHOUT_EFFECT).expect("a condition").clone();
    assert_eq!((told.status, told.reason.as_str()), (ConditionStatus::True, c::READ_AT_CREATION));
    assert!(told.message.contains("began with genesis"), "{}", told.message);
    life.sim().user_edit(&life.key, |spec| spec["fullNode"] = json!({}));
    life.driver.run_for(60).unwrap();
    assert_eq!(life.status().condition(c::EDIT_WITHOUT_EFFECT).unwrap().status, ConditionStatus::False);
    follows_its_spec(&mut life, "snapshot");
    assert_eq!(restarts(&life), 0);
}
