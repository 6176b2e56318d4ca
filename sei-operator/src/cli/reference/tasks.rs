//! Tasks: what each does, and when it is complete. Who does it, its retries and its deadline are told by the planner.

use std::fmt::Write as _;

use sei_planner::task::{Task, TaskType, Work, codec};
use serde_json::json;

/// What a task does, and when it is complete. A new task does not compile without a text.
#[rustfmt::skip] // One row per task reads as the table it is.
fn texts(task: &Task) -> [&'static str; 2] {
    match task {
        Task::EnsureDataPvc(_) => ["Makes the claim `data-<node>`, or checks the imported one: that it is bound, of the right class and size, and nobody else's.", "The claim is there and ours, or every check of the imported one has passed."],
        Task::ValidateSigningKey(_) => ["Reads the Secret with the consensus key once and checks it. Nothing of it is kept.", "The key is a whole ed25519 key whose parts belong together."],
        Task::AwaitCaughtUp(_) => ["Asks the RPC of a node that runs without a consensus key where it stands in its chain. After a minute it asks a person, too.", "The node is not catching up and its height moves; or somebody answered that it may sign all the same."],
        Task::ClaimSigningKey(_) => ["Takes the Lease that is named after the consensus key, in the operator's namespace: one key has one holder.", "The Lease names this node and the disk it signs on. While another node holds the key it waits; a key that would move to another disk waits for an answer. On a node that runs, none of the last ten blocks was signed with it, too."],
        Task::ValidateNodeKey(_) => ["Reads the Secret with the P2P identity once and checks it. Nothing of it is kept.", "The key can be read as Tendermint reads it."],
        Task::ValidateOperatorKeyring(_) => ["Checks that the keyring has the entry, and that its passphrase is there.", "Both Secrets are there and fit together."],
        Task::ApplySidecarCert(_) => ["Applies a Certificate of cert-manager for the TLS proxy.", "The API server has stored it; until the cluster has cert-manager it waits."],
        Task::WaitForSidecarTlsSecret(_) => ["Looks at the Secret that cert-manager fills, after 5 s at first and then ever more seldom, a minute at most. `SidecarTLSSecretReady` says what is missing, in the words of the Certificate.", "The Secret holds a valid certificate of the wanted issuer with every DNS name, and its private key."],
        Task::ApplyRbacProxyConfig(_) => ["Applies the ConfigMap of the TLS proxy.", "The API server has stored it."],
        Task::ApplyStatefulSet(_) => ["Applies the StatefulSet, server-side. Pods are never replaced by it: its update strategy is OnDelete.", "The API server has stored it."],
        Task::ApplyService(_) => ["Applies the headless Service, server-side.", "The API server has stored it."],
        Task::ReplacePod(_) => ["Deletes the pod whose uid stands in the plan, and no other, unless it is of the applied template already; with `restart` also then, because seid is to read its configuration again.", "A pod of the applied template has its containers running."],
        Task::ObserveImage(_) => ["Looks at the pod, and notes in status which image it runs.", "A pod of the applied template runs the image."],
        Task::ObserveSidecarTls(_) => ["Calls the sidecar of the pod, and notes in status whose certificate it serves; none, where TLS was switched off.", "A pod of the applied template answers with the certificate that the Secret holds, or has no TLS proxy."],
        Task::ObserveApplied(_) => ["Looks at the pod, and notes in status the setting that the task is named after.", "A pod of the applied template has its containers running."],
        Task::DeleteRbacProxyConfig(_) => ["Deletes the ConfigMap of a TLS proxy that is gone.", "There is none of ours."],
        Task::DeleteSidecarCert(_) => ["Deletes the Certificate of a TLS proxy that is gone. Its Secret stays: it is cert-manager's.", "There is none of ours."],
        Task::DeployBootstrapService(_) => ["Makes the Service through which the bootstrap pod is reached.", "The API server has stored it."],
        Task::DeployBootstrapJob(_) => ["Makes the Job that syncs the volume up to a height.", "The API server has stored it."],
        Task::AwaitBootstrapComplete(_) => ["Watches the Job.", "The Job has reached its height; a failed Job fails the plan."],
        Task::TeardownBootstrap(_) => ["Deletes the Job and its Service.", "The pod is gone, so that production may mount the disk."],
        Task::GenerateIdentity(_) => ["Makes the keys of a validator that founds a chain, on its volume.", "The sidecar says so."],
        Task::GenerateGentx(_) => ["Makes the validator's first transaction.", "The sidecar says so."],
        Task::UploadGenesisArtifacts(_) => ["Uploads transaction and identity for the other founders.", "The sidecar says so."],
        Task::SetGenesisPeers => ["Writes the other founders as peers into the configuration.", "The founders' file is there and was applied."],
        Task::SnapshotRestore(_) => ["Downloads the newest snapshot up to a height from the platform's bucket and unpacks it. Takes hours.", "The sidecar says so; status tells since when it runs."],
        Task::ConfigureGenesis => ["Fetches the genesis file of the chain.", "The sidecar says so."],
        Task::ConfigApply(_) => ["Writes seid's configuration: what the mode needs, then `spec.overrides`.", "The sidecar says so. A setting it does not know fails the plan."],
        Task::DiscoverPeers(_) => ["Asks every source of `spec.peers`, and writes who answers into the configuration.", "At least one peer was found."],
        Task::ConfigureStateSync(_) => ["Asks peers for a block to trust, and writes the state-sync section. Once per volume.", "The sidecar says so."],
        Task::ConfigValidate => ["Checks the configuration on disk as seid will read it.", "Nothing is wrong with it; else the plan fails."],
        Task::SnapshotUpload => ["Starts the upload of snapshots, which goes on as long as the sidecar runs.", "The sidecar has accepted it."],
        Task::MarkReady => ["Opens the gate that seid waits behind.", "The sidecar of that pod answers 200 to `/v0/healthz`."],
    }
}

/// Every type, in the order in which plans have them. A test compares this list with the planner's.
const KINDS: [&str; 44] = [
    "ensure-data-pvc",
    "validate-signing-key",
    "validate-node-key",
    "validate-operator-keyring",
    "await-caught-up",
    "claim-signing-key",
    "apply-sidecar-cert",
    "wait-for-sidecar-tls-secret",
    "apply-rbac-proxy-config",
    "apply-statefulset",
    "apply-service",
    "replace-pod",
    "observe-image",
    "observe-sidecar-tls",
    "observe-sidecar-image",
    "observe-sidecar-port",
    "observe-sidecar-resources",
    "observe-signing-key",
    "observe-node-key",
    "observe-operator-keyring",
    "observe-pod-labels",
    "observe-overrides",
    "observe-peers",
    "observe-snapshot-generation",
    "observe-mode",
    "observe-refresh",
    "delete-rbac-proxy-config",
    "delete-sidecar-cert",
    "deploy-bootstrap-service",
    "deploy-bootstrap-job",
    "await-bootstrap-complete",
    "teardown-bootstrap",
    "generate-identity",
    "generate-gentx",
    "upload-genesis-artifacts",
    "set-genesis-peers",
    "snapshot-restore",
    "configure-genesis",
    "config-apply",
    "discover-peers",
    "configure-state-sync",
    "config-validate",
    "snapshot-upload",
    "mark-ready",
];

/// One task of each type, to ask the planner about.
fn samples() -> impl Iterator<Item = Task> {
    // Types and parameters that cannot be read are left out here; the test below finds them.
    KINDS.iter().filter_map(|kind| codec::decode(kind, &json!({})).ok())
}

pub(super) fn words() -> impl Iterator<Item = String> {
    KINDS.iter().map(|kind| (*kind).to_owned())
}

pub(super) fn about(word: &str) -> Option<String> {
    let task = samples().find(|task| task.kind() == word)?;
    let [does, complete] = texts(&task);
    let kind = task.task_type();
    Some(format!(
        "{word}: a task of {}\n\n{does}\nComplete when: {complete}\nRetries: {}. Deadline: {}.{}\n",
        worker(&kind),
        retries(&kind),
        deadline(&kind),
        if task.is_disruptive() { " It restarts the pod." } else { "" },
    ))
}

pub(super) fn table() -> String {
    let mut text = String::from(
        "# Tasks\n\nWritten by `just generate` from `sei-operator explain tasks`. Retries are failed runs that are tried again; what merely \
         is not\npossible yet is tried again without counting, and status says what it waits for. The deadline is that of a run \
         which the\nsidecar accepted.\n\n| task | of | does | complete when | retries | deadline |\n|---|---|---|---|---|---|\n",
    );
    for task in samples() {
        let [does, complete] = texts(&task);
        let kind = task.task_type();
        let restarts = if task.is_disruptive() { " **Restarts the pod.**" } else { "" };
        let (worker, retries, deadline) = (worker(&kind), retries(&kind), deadline(&kind));
        let _ =
            writeln!(text, "| `{}` | {worker} | {does}{restarts} | {complete} | {retries} | {deadline} |", kind.kind);
    }
    text
}

fn worker(kind: &TaskType) -> &'static str {
    match kind.work {
        Work::Operator => "the operator",
        Work::Sidecar => "the sidecar",
        Work::SidecarWrites => "the sidecar, alone on the volume",
    }
}

fn retries(kind: &TaskType) -> String {
    if kind.max_retries == 0 { "none".to_owned() } else { kind.max_retries.to_string() }
}

fn deadline(kind: &TaskType) -> String {
    kind.deadline_seconds.map_or_else(|| "none".to_owned(), |seconds| format!("{} min", seconds / 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_of_the_planner_is_told() {
        let codec = include_str!("../../../../sei-planner/src/task/codec.rs");
        let arms = codec.lines().filter_map(|line| line.trim().strip_prefix('"')?.split_once("\" => "));
        let mut types: Vec<&str> = arms.map(|(kind, _)| kind).filter(|kind| kind.contains('-')).collect();
        let mut told: Vec<&str> = samples().map(|task| task.task_type().kind).collect();
        let observers = include_str!("../../../../sei-planner/src/task/mod.rs");
        let observers = observers.lines().filter_map(|line| line.split_once("=> \"observe-")?.1.strip_suffix("\","));
        let observers: Vec<String> = observers.map(|setting| format!("observe-{setting}")).collect();
        types.extend(observers.iter().map(String::as_str));
        types.sort_unstable();
        types.dedup();
        told.sort_unstable();
        assert_eq!(told, types);
    }
}
