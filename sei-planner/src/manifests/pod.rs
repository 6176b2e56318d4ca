//! The pod of a node: containers, volumes, probes, placement.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, Capabilities, Container, EmptyDirVolumeSource, EnvVar, HTTPGetAction, NodeAffinity, NodeSelector,
    NodeSelectorRequirement, NodeSelectorTerm, PersistentVolumeClaimVolumeSource, PodSecurityContext, PodSpec, Probe,
    ResourceRequirements, SeccompProfile, SecurityContext, TCPSocketAction, Toleration, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::service::{container_port, seid_ports};
use crate::node::{Mode, ValidNode};
use crate::platform::Platform;
use crate::quantity::Quantity;

/// Where the data volume is mounted; seid's home.
const HOME: &str = "/.sei";
/// User and group of every container.
const USER: i64 = 65532;
/// seid's RPC and gRPC ports, asked by probes.
const RPC_PORT: i32 = 26657;
const GRPC_PORT: i32 = 9090;
const EXPORTER_PORT: i32 = 9300;

/// The pod of a node's StatefulSet.
pub(super) fn pod_spec(node: &ValidNode, platform: &Platform) -> PodSpec {
    let pool = node_pool(node.mode, platform);
    PodSpec {
        service_account_name: Some(platform.service_account.clone()),
        automount_service_account_token: Some(true),
        share_process_namespace: Some(true),
        security_context: Some(PodSecurityContext {
            fs_group: Some(USER),
            fs_group_change_policy: Some("OnRootMismatch".to_owned()),
            ..PodSecurityContext::default()
        }),
        tolerations: Some(vec![Toleration {
            key: Some(platform.toleration_key.clone()),
            value: Some(pool.to_owned()),
            effect: Some("NoSchedule".to_owned()),
            ..Toleration::default()
        }]),
        affinity: Some(affinity(pool)),
        volumes: Some(vec![data_volume(&node.data_volume.claim), temporary_volume()]),
        init_containers: Some(vec![seid_init(node), sidecar(node, platform)]),
        containers: vec![seid(node, platform), exporter(platform)],
        ..PodSpec::default()
    }
}

/// A quantity as Kubernetes writes it.
pub(super) fn quantity(value: &Quantity) -> resource::Quantity {
    resource::Quantity(value.canonical())
}

fn node_pool(mode: Mode, platform: &Platform) -> &str {
    match mode {
        Mode::FullNode => &platform.node_pool,
    }
}

fn affinity(pool: &str) -> Affinity {
    let expression = NodeSelectorRequirement {
        key: "karpenter.sh/nodepool".to_owned(),
        operator: "In".to_owned(),
        values: Some(vec![pool.to_owned()]),
    };
    let term = NodeSelectorTerm { match_expressions: Some(vec![expression]), match_fields: None };
    Affinity {
        node_affinity: Some(NodeAffinity {
            required_during_scheduling_ignored_during_execution: Some(NodeSelector { node_selector_terms: vec![term] }),
            ..NodeAffinity::default()
        }),
        ..Affinity::default()
    }
}

fn data_volume(claim: &str) -> Volume {
    Volume {
        name: "data".to_owned(),
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name: claim.to_owned(),
            read_only: None,
        }),
        ..Volume::default()
    }
}

fn temporary_volume() -> Volume {
    Volume { name: "sidecar-tmp".to_owned(), empty_dir: Some(EmptyDirVolumeSource::default()), ..Volume::default() }
}

/// Makes seid's home once: an existing genesis file is left alone.
fn seid_init(node: &ValidNode) -> Container {
    let chain = shell_word(&node.chain_id);
    let script = format!(
        "if [ -f \"$HOME/config/genesis.json\" ]; then echo \"data directory already initialized, skipping seid init\"; \
         else seid init {chain} --chain-id {chain} --home \"$HOME\" --overwrite; fi && mkdir -p \"$HOME/tmp\""
    );
    Container {
        name: "seid-init".to_owned(),
        image: Some(node.image.clone()),
        command: Some(words(&["/bin/sh", "-c", &script])),
        env: Some(vec![env("HOME", HOME)]),
        volume_mounts: Some(vec![mount("data", HOME)]),
        security_context: Some(security(false)),
        ..Container::default()
    }
}

/// A native sidecar: it starts before seid and configures it.
fn sidecar(node: &ValidNode, platform: &Platform) -> Container {
    let port = node.sidecar_port;
    Container {
        name: "sei-sidecar".to_owned(),
        image: Some(node.sidecar_image.clone()),
        command: Some(words(&["seictl", "serve"])),
        restart_policy: Some("Always".to_owned()),
        env: Some(vec![
            env("SEI_CHAIN_ID", &node.chain_id),
            env("SEI_SIDECAR_PORT", &port.to_string()),
            env("SEI_HOME", HOME),
            env("SEI_GENESIS_BUCKET", &platform.genesis_bucket),
            env("SEI_GENESIS_REGION", &platform.genesis_region),
            env("SEI_SNAPSHOT_BUCKET", &platform.snapshot_bucket),
            env("SEI_SNAPSHOT_REGION", &platform.snapshot_region),
        ]),
        ports: Some(vec![container_port("sidecar", port)]),
        volume_mounts: Some(vec![mount("data", HOME), mount("sidecar-tmp", "/tmp")]),
        liveness_probe: Some(Probe { http_get: Some(http_get("/v0/livez", port)), ..probe(5, 10, 3) }),
        readiness_probe: Some(Probe { http_get: Some(http_get("/v0/healthz", port)), ..probe(2, 5, 6) }),
        security_context: Some(security(true)),
        resources: node.sidecar_resources.clone(),
        ..Container::default()
    }
}

/// Waits for the sidecar's gate, then becomes seid. bash's `/dev/tcp` because the image has neither curl nor wget.
fn seid(node: &ValidNode, platform: &Platform) -> Container {
    let port = node.sidecar_port;
    let script = format!(
        "echo \"waiting for sidecar to become ready...\"; while true; do if (exec 3<>/dev/tcp/localhost/{port} && \
         printf \"GET /v0/healthz HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n\" >&3 && head -1 <&3 | grep -q \"200\") \
         2>/dev/null; then break; fi; sleep 5; done; echo \"sidecar ready, starting seid\"; exec seid \"start\" \
         \"--home\" \"$HOME\""
    );
    let (cpu, memory) = match node.mode {
        Mode::FullNode => (&platform.cpu_default, &platform.memory_default),
    };
    Container {
        name: "seid".to_owned(),
        image: Some(node.image.clone()),
        command: Some(words(&["/bin/bash", "-c"])),
        args: Some(vec![script]),
        env: Some(vec![env("HOME", HOME), env("TMPDIR", "/.sei/tmp")]),
        ports: Some(seid_ports()),
        volume_mounts: Some(vec![mount("data", HOME)]),
        resources: Some(ResourceRequirements {
            requests: Some(BTreeMap::from([
                ("cpu".to_owned(), quantity(cpu)),
                ("memory".to_owned(), quantity(memory)),
            ])),
            ..ResourceRequirements::default()
        }),
        startup_probe: Some(Probe { http_get: Some(http_get("/v0/healthz", port)), ..probe(5, 5, 86_400) }),
        readiness_probe: Some(Probe {
            http_get: Some(http_get("/lag_status", RPC_PORT)),
            timeout_seconds: Some(5),
            ..probe(30, 10, 3)
        }),
        security_context: Some(security(false)),
        ..Container::default()
    }
}

fn exporter(platform: &Platform) -> Container {
    let request = |text: &str| resource::Quantity(text.to_owned());
    Container {
        name: "cosmos-exporter".to_owned(),
        image: Some(platform.cosmos_exporter_image.clone()),
        args: Some(words(&[
            "--denom",
            "usei",
            "--denom-coefficient",
            "1000000",
            "--bech-prefix",
            "sei",
            "--listen-address",
            &format!(":{EXPORTER_PORT}"),
        ])),
        ports: Some(vec![container_port("cosmos-metrics", EXPORTER_PORT)]),
        volume_mounts: Some(vec![mount("sidecar-tmp", "/tmp")]),
        resources: Some(ResourceRequirements {
            requests: Some(BTreeMap::from([
                ("cpu".to_owned(), request("50m")),
                ("memory".to_owned(), request("64Mi")),
            ])),
            limits: Some(BTreeMap::from([("memory".to_owned(), request("384Mi"))])),
            ..ResourceRequirements::default()
        }),
        startup_probe: Some(Probe {
            tcp_socket: Some(TCPSocketAction { port: IntOrString::Int(GRPC_PORT), host: None }),
            ..probe(5, 5, 60)
        }),
        security_context: Some(security(true)),
        ..Container::default()
    }
}

/// Non-root without privileges; only seid and its init container may write to their root file system.
fn security(read_only_root: bool) -> SecurityContext {
    SecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(USER),
        run_as_group: Some(USER),
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: read_only_root.then_some(true),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
        seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), localhost_profile: None }),
        ..SecurityContext::default()
    }
}

/// A probe without its action. Seconds, seconds, count.
fn probe(initial_delay: i32, period: i32, failures: i32) -> Probe {
    Probe {
        initial_delay_seconds: Some(initial_delay),
        period_seconds: Some(period),
        failure_threshold: Some(failures),
        ..Probe::default()
    }
}

fn http_get(path: &str, port: i32) -> HTTPGetAction {
    HTTPGetAction { path: Some(path.to_owned()), port: IntOrString::Int(port), ..HTTPGetAction::default() }
}

fn env(name: &str, value: &str) -> EnvVar {
    EnvVar { name: name.to_owned(), value: Some(value.to_owned()), value_from: None }
}

fn mount(name: &str, path: &str) -> VolumeMount {
    VolumeMount { name: name.to_owned(), mount_path: path.to_owned(), ..VolumeMount::default() }
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|&word| word.to_owned()).collect()
}

/// The word as a POSIX shell reads it back: as it stands when it holds only safe characters, else in single quotes.
fn shell_word(word: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "-_.:/@".contains(c);
    if !word.is_empty() && word.chars().all(safe) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
