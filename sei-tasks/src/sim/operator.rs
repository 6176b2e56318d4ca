//! Who may live in the world: a program that reconciles nodes, its processes, and what they keep in memory.

use std::future::Future;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use sei_planner::names::NodeKey;
use sei_planner::platform::Platform;

use crate::Memory;
use crate::reconcile::reconcile_node;
use crate::record::Unrecorded;
use crate::world::{ClusterError, LookAgain, World};

use super::Sim;

/// A program that reconciles nodes, and can be killed.
pub trait Operator {
    /// What one process of it keeps in memory; lost when the process dies.
    type Process;

    /// Starts a process.
    fn boot(&self, sim: &Sim) -> Self::Process;

    /// One look at one node. In this world the future is polled once: everything it awaits is there at once.
    fn reconcile(
        &self,
        process: &Self::Process,
        key: &NodeKey,
    ) -> impl Future<Output = Result<LookAgain, ClusterError>>;
}

/// An operator whose process can be copied, with everything it has in memory.
pub trait Fork: Operator + Clone {
    /// The same process in a copy of the world.
    fn fork(&self, process: &Self::Process, sim: &Sim) -> Self::Process;

    /// Everything the process has in memory.
    fn memory(&self, process: &Self::Process, hasher: &mut impl Hasher);
}

/// The operator of this crate: the only place where its world is made from a simulated one.
#[derive(Clone, Debug)]
pub struct SeiOperator {
    /// Settings of the simulated cluster.
    pub platform: Platform,
}

impl Operator for SeiOperator {
    type Process = World<Sim, Sim, Sim>;

    fn boot(&self, sim: &Sim) -> Self::Process {
        World {
            cluster: sim.clone(),
            sidecar: sim.clone(),
            clock: sim.clone(),
            platform: self.platform.clone(),
            keys_namespace: "sei-system".to_owned(),
            memory: Memory::default(),
            recorder: Arc::new(Unrecorded),
        }
    }

    async fn reconcile(&self, process: &Self::Process, key: &NodeKey) -> Result<LookAgain, ClusterError> {
        reconcile_node(process, key).await
    }
}

impl Fork for SeiOperator {
    fn fork(&self, process: &Self::Process, sim: &Sim) -> Self::Process {
        World { memory: process.memory.clone(), ..self.boot(sim) }
    }

    fn memory(&self, process: &Self::Process, hasher: &mut impl Hasher) {
        process.memory.hash(hasher);
    }
}

/// An operator that is one function and keeps nothing in memory; for tests.
pub struct Reconcile<F>(pub F);

impl<F> Operator for Reconcile<F>
where
    F: AsyncFn(&Sim, &NodeKey) -> Result<LookAgain, ClusterError>,
{
    type Process = Sim;

    fn boot(&self, sim: &Sim) -> Sim {
        sim.clone()
    }

    async fn reconcile(&self, process: &Sim, key: &NodeKey) -> Result<LookAgain, ClusterError> {
        (self.0)(process, key).await
    }
}
