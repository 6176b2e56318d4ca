//! Plans that bring a node up: directly, through a bootstrap Job, or as a founder of a chain.

use super::update::replace_pod;
use super::{Ground, PlanRequest, guards, sidecar};
use crate::node::valid::{Ceremony, ValidNode};
use crate::task::{BootstrapRef, GenerateGentx, GenerateIdentity, Task};

pub(super) fn init(node: &ValidNode, request: &PlanRequest<'_>, ground: &Ground) -> Vec<Task> {
    let mut tasks = before_production(node, ground);
    tasks.extend(guards::tls(node));
    tasks.extend(production(node, request, ground));
    tasks.extend(sidecar::progression(node, request, ground.state_sync_done));
    tasks.extend(guards::observe_tls(node));
    tasks.extend(sidecar::open(node));
    tasks
}

/// A Job syncs the volume up to the height, then the production pod takes it over. The Job's pod is served as the
/// production pod is, so certificate and proxy come before it.
pub(super) fn bootstrap(node: &ValidNode, request: &PlanRequest<'_>, ground: &Ground) -> Vec<Task> {
    let mut tasks =
        before_production(node, &Ground { bootstrap_left: ground.bootstrapped && ground.bootstrap_left, ..*ground });
    tasks.extend(guards::tls(node));
    if !ground.bootstrapped {
        tasks.push(Task::DeployBootstrapService(BootstrapRef { job_name: String::new(), ..bootstrap_ref(node) }));
        tasks.push(Task::DeployBootstrapJob(job(node)));
        tasks.extend(sidecar::progression(node, request, ground.state_sync_done));
        tasks.push(Task::MarkReady);
        tasks.push(Task::AwaitBootstrapComplete(job(node)));
        tasks.push(Task::TeardownBootstrap(bootstrap_ref(node)));
    }
    tasks.extend(production(node, request, ground));
    tasks.extend(sidecar::after_bootstrap(node, request));
    tasks.extend(guards::observe_tls(node));
    tasks.extend(sidecar::open(node));
    tasks
}

/// The keys are made on the spot, so there are none to check.
pub(super) fn genesis(node: &ValidNode, request: &PlanRequest<'_>, ground: &Ground) -> Vec<Task> {
    let mut tasks = vec![Task::EnsureDataPvc(node.key.clone())];
    tasks.extend(teardown(node, ground));
    tasks.extend(guards::tls(node));
    tasks.extend(production(node, request, ground));
    if let Some(ceremony) = &node.ceremony {
        tasks.extend(founding(node, ceremony));
    }
    tasks.push(Task::ConfigureGenesis);
    tasks.push(sidecar::config(node, request, false));
    tasks.extend(sidecar::peers(node, request));
    tasks.push(Task::ConfigValidate);
    tasks.extend(guards::observe_tls(node));
    tasks.push(Task::MarkReady);
    tasks
}

fn founding(node: &ValidNode, ceremony: &Ceremony) -> [Task; 3] {
    [
        Task::GenerateIdentity(GenerateIdentity {
            chain_id: ceremony.chain_id.clone(),
            moniker: node.key.name.clone(),
        }),
        Task::GenerateGentx(GenerateGentx {
            chain_id: ceremony.chain_id.clone(),
            staking_amount: ceremony.staking_amount.clone(),
            account_balance: ceremony.account_balance.clone(),
            genesis_params: ceremony.genesis_params.clone(),
        }),
        Task::UploadGenesisArtifacts(node.key.name.clone()),
    ]
}

fn before_production(node: &ValidNode, ground: &Ground) -> Vec<Task> {
    let mut tasks = vec![Task::EnsureDataPvc(node.key.clone())];
    tasks.extend(guards::keys(node, false));
    tasks.extend(teardown(node, ground));
    tasks
}

/// What is left of a bootstrap holds the disk, and the Service's name.
fn teardown(node: &ValidNode, ground: &Ground) -> Option<Task> {
    ground.bootstrap_left.then(|| Task::TeardownBootstrap(bootstrap_ref(node)))
}

fn production(node: &ValidNode, request: &PlanRequest<'_>, ground: &Ground) -> Vec<Task> {
    let mut tasks = vec![Task::ApplyStatefulSet(node.key.clone()), Task::ApplyService(node.key.clone())];
    if ground.roll {
        tasks.push(replace_pod(node, request, false));
    }
    tasks
}

fn bootstrap_ref(node: &ValidNode) -> BootstrapRef {
    BootstrapRef {
        job_name: node.key.bootstrap_job(),
        service_name: node.key.name.clone(),
        namespace: node.key.namespace.clone(),
    }
}

fn job(node: &ValidNode) -> BootstrapRef {
    BootstrapRef { service_name: String::new(), ..bootstrap_ref(node) }
}
