//! Checks of the Secrets with keys, before anything mounts them. Only verdicts leave this file.

use k8s_openapi::api::core::v1::Secret;
use sei_planner::api::{TaskPlan, Time};
use sei_planner::inspect::{KeyringRefs, Verdict, consensus_key, node_key, operator_keyring};
use sei_planner::step::{Failure, Outcome, Waiting};
use sei_planner::task::{KeyringRef, SecretRef};

use super::checks::{Check, NODE_KEY, OPERATOR_KEYRING, SIGNING_KEY};
use super::terminal;
use crate::secrets::read_secret;
use crate::world::{Clock, Cluster, Sidecar, World};

/// Shortest and longest pause before a Secret that is not ready is looked at again (D8).
const AGAIN_SECONDS: i64 = 5;
const AGAIN_SECONDS_MAX: i64 = 60;

/// Where in a plan a check stands: how long it waits already decides when it looks again.
pub(super) struct At<'a> {
    pub(super) plan: &'a TaskPlan,
    pub(super) index: usize,
    /// Namespace of the node: Secrets of other namespaces are never read.
    pub(super) namespace: &'a str,
}

impl At<'_> {
    pub(super) fn pause_seconds(&self, now: Time) -> i64 {
        let waiting = self.plan.tasks[self.index].waiting_since.map_or(0, |since| now.seconds_since(since));
        waiting.clamp(AGAIN_SECONDS, AGAIN_SECONDS_MAX)
    }

    fn outcome<T>(&self, now: Time, verdict: Verdict<T>, check: &Check, passed: String) -> Outcome {
        match verdict {
            Verdict::Good(_) => Outcome::Done(vec![check.passed(passed)]),
            Verdict::Bad(why) => terminal(why),
            Verdict::NotYet(on) => {
                let look_again_seconds = self.pause_seconds(now);
                Outcome::Waiting(Waiting { on, look_again_seconds, submitted: false, learned: Vec::new() })
            }
        }
    }

    /// The Secret, or what to do when the API server does not hand it out: a permission, too, may be granted later.
    async fn secret<C: Cluster, S: Sidecar, K: Clock>(
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
    let name = &key.secret_name;
    let secret = match at.secret(world, name).await {
        Ok(secret) => secret,
        Err(outcome) => return outcome,
    };
    let verdict = consensus_key(secret.as_ref(), name, at.namespace);
    let passed = format!("Secret {name:?} passes all signing-key validation rules");
    at.outcome(world.clock.now(), verdict, &SIGNING_KEY, passed)
}

/// Checks the P2P identity.
pub(super) async fn identity<C: Cluster, S: Sidecar, K: Clock>(
    world: &World<C, S, K>,
    at: At<'_>,
    key: &SecretRef,
) -> Outcome {
    let name = &key.secret_name;
    let secret = match at.secret(world, name).await {
        Ok(secret) => secret,
        Err(outcome) => return outcome,
    };
    let verdict = node_key(secret.as_ref(), name, at.namespace);
    let passed = format!("Secret {name:?} passes all node-key validation rules");
    at.outcome(world.clock.now(), verdict, &NODE_KEY, passed)
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
