//! Checks of the Secrets with keys, before anything mounts them. Only verdicts leave this file.

use k8s_openapi::api::core::v1::Secret;
use sei_planner::api::{TaskPlan, Time};
use sei_planner::inspect::{KeyringRefs, Verdict, consensus_key, node_key, operator_keyring};
use sei_planner::node::Stamp;
use sei_planner::step::{Failure, Outcome, Waiting};
use sei_planner::task::{KeyringRef, SecretRef};

use super::checks::{Check, NODE_KEY, OPERATOR_KEYRING, SIGNING_KEY};
use super::terminal;
use crate::secrets::{pause_seconds, read_secret};
use crate::world::{Clock, Cluster, Sidecar, World};

/// Where in a plan a check stands: how long it waits already decides when it looks again.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) plan: &'a TaskPlan,
    pub(super) index: usize,
    /// Namespace of the node: Secrets of other namespaces are never read.
    pub(super) namespace: &'a str,
}

impl At<'_> {
    fn pause_seconds(&self, now: Time) -> i64 {
        pause_seconds(self.plan.tasks[self.index].waiting_since, now)
    }

    fn outcome<T>(&self, now: Time, verdict: Verdict<T>, check: &Check, passed: String) -> Outcome {
        match verdict {
            Verdict::Good(_) => Outcome::Done(vec![check.passed(passed)]),
            Verdict::Bad(why) => terminal(why),
            Verdict::NotYet(on) => self.waiting(now, on, Vec::new()),
        }
    }

    pub(super) fn waiting(&self, now: Time, on: String, learned: Vec<Stamp>) -> Outcome {
        let look_again_seconds = self.pause_seconds(now);
        Outcome::Waiting(Waiting { on, look_again_seconds, submitted: false, learned })
    }

    /// The Secret, or what to do when the API server does not hand it out: a permission, too, may be granted later.
    pub(super) async fn secret<C: Cluster, S: Sidecar, K: Clock>(
        &self,
        world: &World<C, S, K>,
        name: &str,
    ) -> Result<Option<Secret>, Outcome> {
        if name.is_empty() {
            return Ok(None);
        }
        read_secret(world, self.namespace, name).await.map_err(|error| {
            Outcome::Failed(Failure::Retry {
                after_seconds: self.pause_seconds(world.clock.now()),
                on: format!("Secret {name:?} to be readable"),
                why: format!("getting Secret {name:?}: {error}"),
            })
        })
    }
}

/// Checks the consensus key.
pub(super) async fn signing_key<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    at: At<'_>,
    key: &SecretRef,
) -> Outcome {
    one_secret(world, at, &key.secret_name, consensus_key, &SIGNING_KEY, "signing-key").await
}

/// Checks the P2P identity.
pub(super) async fn identity<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    at: At<'_>,
    key: &SecretRef,
) -> Outcome {
    one_secret(world, at, &key.secret_name, node_key, &NODE_KEY, "node-key").await
}

async fn one_secret<C: Cluster, S: Sidecar, K: Clock, T>(
    world: &World<C, S, K>,
    at: At<'_>,
    name: &str,
    judge: fn(Option<&Secret>, &str, &str) -> Verdict<T>,
    check: &Check,
    rules: &str,
) -> Outcome {
    match at.secret(world, name).await {
        Ok(secret) => {
            let verdict = judge(secret.as_ref(), name, at.namespace);
            at.outcome(world.clock.now(), verdict, check, all_rules_passed(name, rules))
        }
        Err(outcome) => outcome,
    }
}

pub(super) fn all_rules_passed(name: &str, rules: &str) -> String {
    format!("Secret {name:?} passes all {rules} validation rules")
}

/// Checks keyring and passphrase.
pub(super) async fn keyring<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    at: At<'_>,
    keyring: &KeyringRef,
) -> Outcome {
    let (files, passphrase) = (&keyring.secret_name, &keyring.passphrase_secret_name);
    let secrets = match (at.secret(world, files).await, at.secret(world, passphrase).await) {
        (Ok(files), Ok(passphrase)) => (files, passphrase),
        (Err(outcome), _) | (_, Err(outcome)) => return outcome,
    };
    let refs = KeyringRefs {
        namespace: at.namespace,
        secret_name: files,
        key_name: &keyring.key_name,
        passphrase_secret: passphrase,
        passphrase_key: &keyring.passphrase_secret_key,
    };
    let verdict = operator_keyring(&refs, secrets.0.as_ref(), secrets.1.as_ref());
    let passed = format!("Secret pair ({files:?}, {passphrase:?}) passes operator-keyring validation");
    at.outcome(world.clock.now(), verdict, &OPERATOR_KEYRING, passed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

    use sei_planner::api::{ConditionStatus, conditions as c};
    use sei_planner::node::{Stamp, ValidNode, validate};
    use sei_planner::platform::Platform;
    use sei_planner::task::codec;
    use serde_json::{Value, from_value, json};

    use super::*;
    use crate::Memory;
    use crate::execute::{execute, stamps_of_failure};
    use crate::sim::{Fault, Options, Sim};

    const GOOD_KEY: &str = include_str!("../../../fixtures/inspect/keys/validator.json");
    const GOOD_IDENTITY: &str = include_str!("../../../fixtures/inspect/keys/node.json");
    const NO_ADDRESS: &str = include_str!("../../../fixtures/inspect/keys/no-address.json");

    /// A plan whose only task is this check, which waits since a time.
    fn plan(kind: &str, waiting_since: Option<&str>) -> TaskPlan {
        let params = json!({"secretName": "key", "namespace": "nodes"});
        let task =
            json!({"type": kind, "id": "t", "status": "Pending", "params": params, "waitingSince": waiting_since});
        from_value(json!({"id": "p", "phase": "Active", "tasks": [task]})).unwrap()
    }

    fn node() -> ValidNode {
        let key = |name: &str| json!({"secret": {"secretName": name}});
        let node = json!({
            "apiVersion": "sei.io/v1alpha1", "kind": "SeiNode",
            "metadata": {"namespace": "nodes", "name": "val-0", "uid": "u"},
            "spec": {"chainId": "c", "image": "i", "validator": {"signingKey": key("key"), "nodeKey": key("id")}},
        });
        validate(&from_value(node).unwrap(), &Platform::demo()).unwrap()
    }

    /// Runs the check against a Secret with these files, or none.
    async fn checked(sim: &Sim, plan: &TaskPlan, files: Option<Value>) -> (Outcome, Vec<Stamp>) {
        if let Some(files) = files {
            let metadata = json!({"namespace": "nodes", "name": "key"});
            let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": files});
            sim.user_apply(secret).unwrap();
        }
        let world = World {
            cluster: sim.clone(),
            sidecar: sim.clone(),
            clock: sim.clone(),
            platform: Platform::demo(),
            keys_namespace: "sei-system".to_owned(),
            memory: Memory::default(),
            recorder: std::sync::Arc::new(crate::record::Unrecorded),
        };
        let task = codec::decode(&plan.tasks[0].kind, &plan.tasks[0].params).unwrap();
        let outcome = execute(&world, &node(), plan, 0, &task).await;
        let stamps = match &outcome {
            Outcome::Done(stamps) => stamps.clone(),
            Outcome::Waiting(_) | Outcome::Failed(_) => stamps_of_failure(false, plan, 0, &outcome),
        };
        (outcome, stamps)
    }

    fn file(name: &str, text: &str) -> Value {
        json!({ name: k8s_openapi::ByteString(text.as_bytes().to_vec()) })
    }

    fn says(stamps: &[Stamp], condition: &str, status: ConditionStatus, reason: &str) -> String {
        let [Stamp::Check { condition: kind, status: is, reason: why, message }] = stamps else { panic!("{stamps:?}") };
        assert_eq!((*kind, *is, *why), (condition, status, reason));
        message.clone()
    }

    #[tokio::test]
    async fn good_keys_pass() {
        let good = [
            (
                "validate-signing-key",
                "priv_validator_key.json",
                GOOD_KEY,
                c::SIGNING_KEY_READY,
                c::SIGNING_KEY_VALIDATED,
            ),
            ("validate-node-key", "node_key.json", GOOD_IDENTITY, c::NODE_KEY_READY, c::NODE_KEY_VALIDATED),
        ];
        for (kind, name, text, condition, reason) in good {
            let (outcome, stamps) =
                checked(&Sim::new(Options::default()), &plan(kind, None), Some(file(name, text))).await;
            assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
            let message = says(&stamps, condition, ConditionStatus::True, reason);
            assert!(message.starts_with("Secret \"key\" passes all "), "{message}");
        }
    }

    #[tokio::test]
    async fn bad_keys_end_the_plan_and_their_bytes_are_never_told() {
        let bad = file("priv_validator_key.json", NO_ADDRESS);
        let (outcome, stamps) =
            checked(&Sim::new(Options::default()), &plan("validate-signing-key", None), Some(bad)).await;
        let message = says(&stamps, c::SIGNING_KEY_READY, ConditionStatus::False, c::SIGNING_KEY_INVALID);
        let why = "secret \"key\" data key \"priv_validator_key.json\" is not a valid Tendermint validator key: missing address";
        assert_eq!((message.as_str(), outcome), (why, terminal(why)));
        let bad = file("wrong.json", GOOD_IDENTITY);
        let (_, stamps) = checked(&Sim::new(Options::default()), &plan("validate-node-key", None), Some(bad)).await;
        let message = says(&stamps, c::NODE_KEY_READY, ConditionStatus::False, c::NODE_KEY_INVALID);
        assert_eq!(message, "secret \"key\" missing required data key \"node_key.json\"");
    }

    /// As long as it waits already: at least 5 s, at most a minute.
    #[tokio::test]
    async fn a_missing_key_is_waited_for_longer_and_longer() {
        for (since, pause) in [
            (None, 5),
            (Some("2025-12-31T23:59:58Z"), 5),
            (Some("2025-12-31T23:59:40Z"), 20),
            (Some("2025-12-31T00:00:00Z"), 60),
        ] {
            let plan = plan("validate-signing-key", since);
            let (outcome, stamps) = checked(&Sim::new(Options::default()), &plan, None).await;
            let Outcome::Waiting(waiting) = outcome else { panic!("{outcome:?}") };
            assert_eq!((waiting.look_again_seconds, waiting.submitted), (pause, false));
            let message = says(&stamps, c::SIGNING_KEY_READY, ConditionStatus::False, c::SIGNING_KEY_NOT_READY);
            assert_eq!(message, "secret \"key\" not found in namespace \"nodes\"");
        }
    }

    #[tokio::test]
    async fn an_api_server_that_does_not_answer_is_asked_again() {
        let sim = Sim::new(Options::default().fault(1, Fault::LostAnswer));
        let (outcome, stamps) = checked(&sim, &plan("validate-node-key", None), None).await;
        assert!(matches!(outcome, Outcome::Failed(Failure::Retry { after_seconds: 5, .. })), "{outcome:?}");
        let message = says(&stamps, c::NODE_KEY_READY, ConditionStatus::False, c::NODE_KEY_NOT_READY);
        assert!(message.starts_with("getting Secret \"key\": "), "{message}");
    }
}
