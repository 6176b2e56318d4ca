//! The simulated API server does what `semantics/table.rs` says; `sei-operator/tests/scenarios/fidelity.rs` holds a real
//! one to the same table.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "tests")]

mod semantics;

use sei_planner::names::NodeKey;
use sei_tasks::sim::{Force, Options, Sim};
use sei_tasks::world::{Cluster, ClusterError, ObjectId};
use serde_json::Value;

use semantics::steps::{self, Ground};
use semantics::table;

struct Simulated(Sim);

impl Ground for Simulated {
    fn cluster(&self) -> &impl Cluster {
        &self.0
    }

    async fn edit(&self, id: &ObjectId, patch: &Value) -> Result<(), ClusterError> {
        self.0.user_patch(id, patch)
    }

    async fn apply_as(&self, manager: &str, _: &ObjectId, object: &Value, force: bool) -> Result<(), ClusterError> {
        let force = if force { Force::Yes } else { Force::No };
        self.0.user_apply_as(manager, object.clone(), force).map(drop)
    }

    async fn edit_status(&self, id: &ObjectId, patch: &Value) -> Result<(), ClusterError> {
        let key = NodeKey::new(&id.namespace, &id.name);
        let status = patch["status"].clone();
        self.0.user_edit_status(&key, |live| *live = status).map_or(Ok(()), Err)
    }

    async fn managers(&self, id: &ObjectId) -> Vec<String> {
        steps::managers_of(&self.0.managed_fields(id))
    }
}

#[tokio::test]
async fn the_simulated_api_server_does_what_the_table_says() {
    let table = table::semantics();
    let problems = steps::try_all(&Simulated(Sim::new(Options::default())), "fidelity", &table).await;
    assert!(problems.is_empty(), "{} problems in {} semantics:\n{}", problems.len(), table.len(), problems.join("\n"));
}
