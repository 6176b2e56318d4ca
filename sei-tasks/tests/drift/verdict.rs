//! Whether a node is what its spec says: by its pod, its objects, the files on its disk and the last start of its seid, and only
//! then by its status.

use sei_planner::api::{NodePhase, PlanPhase};
use sei_planner::config::config_intent;
use sei_planner::manifests::{statefulset, template_digest};
use sei_planner::node::{Mode, PodFacts, ValidNode, drift, validate};
use sei_tasks::sim::Verb;
use sei_tasks::world::Kind;
use serde_json::Value;

use crate::living::{Life, with_issuers};

/// How many pods the operator deleted so far.
pub(crate) fn restarts(life: &Life) -> usize {
    let trace = life.sim().trace();
    let calls = trace.iter().filter_map(|entry| entry.fact.call());
    calls.filter(|call| call.verb == Verb::Delete && call.applied && call.target.starts_with("Pod")).count()
}

pub(crate) fn valid(life: &Life) -> ValidNode {
    validate(&life.sim().sei_node(&life.key).unwrap(), &with_issuers()).unwrap()
}

/// The node follows its spec in everything, and nothing happens any more.
pub(crate) fn follows_its_spec(life: &mut Life, what: &str) {
    life.driver.run_until_idle(6 * 3600).unwrap_or_else(|stopped| panic!("{what}: {stopped}"));
    assert_eq!(life.sim().violations(), [], "{what}");
    let (node, status) = (valid(life), life.status());
    let plan = status.plan.as_ref().unwrap();
    assert_eq!((status.phase(), plan.phase), (NodePhase::Running, PlanPhase::Complete), "{what}");

    let set = life.child(Kind::StatefulSet, "rpc-0").expect(what);
    let pod = life.child(Kind::Pod, "rpc-0-0").expect(what);
    let facts = PodFacts::of(&pod);
    assert_eq!(set["status"]["updateRevision"], facts.revision.as_str(), "{what}");
    let wanted = serde_json::to_value(statefulset(&node, &with_issuers())).unwrap();
    contains(&pod["spec"], &wanted["spec"]["template"]["spec"], what);
    contains(&pod["metadata"], &wanted["spec"]["template"]["metadata"], what);
    assert!(facts.ready, "{what}: seid runs");

    let config = life.sim().seid_config(&life.key).unwrap();
    let intent = config_intent(&node, None);
    assert_eq!(config.mode.as_deref(), Some(intent.mode.as_str()), "{what}");
    assert_eq!(config.overrides, intent.overrides, "{what}");
    let peers = node.peers.iter().filter_map(|peer| peer.fixed.clone()).flat_map(|fixed| fixed.addresses);
    assert_eq!(config.peers, peers.collect::<Vec<_>>(), "{what}");
    let start = life.sim().seid_starts(&life.key).pop().unwrap();
    let started = (start.image, start.mode, start.overrides, start.peers);
    assert_eq!(
        started,
        (node.image.clone(), config.mode, config.overrides, config.peers),
        "{what}: seid read its files"
    );

    for (kind, name) in
        [(Kind::ConfigMap, node.key.proxy_config()), (Kind::Certificate, node.key.sidecar_certificate())]
    {
        let there = life.child(kind, &name).is_some();
        assert_eq!(there, node.tls_issuer().is_some(), "{what}: {name}");
    }

    assert_eq!(drift(&node, &status, Some(&facts)), [], "{what}");
    assert_eq!(status.pod_template, template_digest(&node, &with_issuers()).ok(), "{what}");
    assert_eq!(status.observed_mode.as_deref(), Some(Mode::field(node.mode)), "{what}");
    assert_eq!(status.signing_key_mounted_secret, facts.signing_key_secret, "{what}");
    // The next look at the sidecar notes which generation it was for.
    life.driver.run_for(900).unwrap_or_else(|stopped| panic!("{what}: {stopped}"));
    life.driver.assert_silent(20).unwrap_or_else(|stopped| panic!("{what}: {stopped}"));
}

/// Everything that is wanted is there; the API server and its controllers add defaults and more.
fn contains(found: &Value, wanted: &Value, what: &str) {
    match wanted {
        Value::Object(members) => members.iter().for_each(|(name, inner)| contains(&found[name], inner, what)),
        Value::Array(items) => {
            for item in items {
                let same = |other: &&Value| item.get("name").is_some() && other.get("name") == item.get("name");
                let twin = found.as_array().into_iter().flatten().find(same);
                match twin {
                    Some(twin) => contains(twin, item, what),
                    None => assert!(
                        found.as_array().is_some_and(|all| all.contains(item)),
                        "{what}: {item} is not in {found}"
                    ),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => assert_eq!(found, wanted, "{what}"),
    }
}
