//! The containers of a node's pods.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Capabilities, Container, EnvVar, EnvVarSource, HTTPGetAction, Probe, ResourceRequirements, SeccompProfile,
    SecretKeySelector, SecurityContext, TCPSocketAction, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::quantity;
use super::service::{RPC_PORT, container_port, seid_ports};
use crate::node::{Bootstrap, Mode, TLS_PORT, ValidNode};
use crate::platform::Platform;

/// Where the data volume is mounted; seid's home.
const HOME: &str = "/.sei";
/// User and group of every container of a production pod.
pub(super) const USER: i64 = 65532;
/// seid's RPC and gRPC ports, asked by probes.
const GRPC_PORT: i32 = 9090;
const EXPORTER_PORT: i32 = 9300;

/// Names of volumes.
pub(super) const DATA: &str = "data";
pub(super) const SIDECAR_TMP: &str = "sidecar-tmp";
pub(super) const SIGNING_KEY: &str = "signing-key";
pub(super) const NODE_KEY: &str = "node-key";
pub(super) const KEYRING: &str = "operator-keyring";
pub(super) const PROXY_CONFIG: &str = "rbac-proxy-config";
pub(super) const SIDECAR_TLS: &str = "sidecar-tls";
/// Data keys of the key Secrets, and names of the files seid reads.
pub(super) const SIGNING_KEY_FILE: &str = "priv_validator_key.json";
pub(super) const NODE_KEY_FILE: &str = "node_key.json";
/// Name of the sidecar's container.
pub(super) const SIDECAR: &str = "sei-sidecar";

/// Makes seid's home once: an existing genesis file is left alone.
pub(super) fn seid_init(node: &ValidNode, image: &str) -> Container {
    let chain = shell_word(&node.chain_id);
    let script = format!(
        "if [ -f \"$HOME/config/genesis.json\" ]; then echo \"data directory already initialized, skipping seid init\"; \
         else seid init {chain} --chain-id {chain} --home \"$HOME\" --overwrite; fi && mkdir -p \"$HOME/tmp\""
    );
    Container {
        name: "seid-init".to_owned(),
        image: Some(image.to_owned()),
        command: Some(words(&["/bin/sh", "-c", &script])),
        env: Some(vec![env("HOME", HOME)]),
        volume_mounts: Some(vec![mount(DATA, HOME)]),
        security_context: Some(security(false)),
        ..Container::default()
    }
}

/// A native sidecar: it starts before seid and configures it. Behind a TLS proxy it listens on loopback only, where the
/// kubelet cannot probe it.
pub(super) fn sidecar(node: &ValidNode, platform: &Platform) -> Container {
    let port = node.sidecar_port;
    let mut container = bootstrap_sidecar(node, platform);
    let mounts = container.volume_mounts.get_or_insert_default();
    mounts.push(mount(SIDECAR_TMP, "/tmp"));
    if let Some(keyring) = &node.keyring {
        mounts.push(read_only(KEYRING, "/.sei/keyring-file"));
        let variables = container.env.get_or_insert_default();
        variables.push(secret_env("SEI_KEYRING_PASSPHRASE", &keyring.passphrase_secret, &keyring.passphrase_key));
        // Without a backend the sidecar ignores the keyring; it looks for `keyring-file` inside the directory (N9).
        variables.push(env("SEI_KEYRING_BACKEND", "file"));
        variables.push(env("SEI_KEYRING_DIR", HOME));
    }
    if node.tls.is_none() {
        container.liveness_probe = Some(Probe { http_get: Some(http_get("/v0/livez", port)), ..probe(5, 10, 3) });
        container.readiness_probe = Some(Probe { http_get: Some(http_get("/v0/healthz", port)), ..probe(2, 5, 6) });
    }
    container.security_context = Some(security(true));
    container
}

/// What the sidecar is in every pod.
pub(super) fn bootstrap_sidecar(node: &ValidNode, platform: &Platform) -> Container {
    let mut variables = vec![
        env("SEI_CHAIN_ID", &node.chain_id),
        env("SEI_SIDECAR_PORT", &node.sidecar_port.to_string()),
        env("SEI_HOME", HOME),
        env("SEI_GENESIS_BUCKET", &platform.genesis_bucket),
        env("SEI_GENESIS_REGION", &platform.genesis_region),
        env("SEI_SNAPSHOT_BUCKET", &platform.snapshot_bucket),
        env("SEI_SNAPSHOT_REGION", &platform.snapshot_region),
    ];
    if node.tls.is_some() {
        variables.push(env("SEI_SIDECAR_AUTHN_MODE", "trusted-header"));
    }
    Container {
        name: SIDECAR.to_owned(),
        image: Some(node.sidecar_image.clone()),
        command: Some(words(&["seictl", "serve"])),
        restart_policy: Some("Always".to_owned()),
        env: Some(variables),
        ports: Some(vec![container_port("sidecar", node.sidecar_port)]),
        volume_mounts: Some(vec![mount(DATA, HOME)]),
        resources: node.sidecar_resources.clone(),
        ..Container::default()
    }
}

/// Ends TLS in front of the sidecar, and asks the API server whether the caller may do what it asks for. Probes carry no
/// token, so health and metrics are let through unasked.
pub(super) fn proxy(node: &ValidNode) -> Option<Container> {
    let tls = node.tls.as_ref()?;
    let https = |path| HTTPGetAction { scheme: Some("HTTPS".to_owned()), ..http_get(path, TLS_PORT) };
    Some(Container {
        name: "kube-rbac-proxy".to_owned(),
        image: Some(tls.proxy_image.clone()),
        args: Some(words(&[
            &format!("--secure-listen-address=0.0.0.0:{TLS_PORT}"),
            &format!("--upstream=http://127.0.0.1:{}/", node.sidecar_port),
            "--config-file=/etc/kube-rbac-proxy/config.yaml",
            "--tls-cert-file=/etc/tls/tls.crt",
            "--tls-private-key-file=/etc/tls/tls.key",
            "--tls-reload-interval=30s",
            "--ignore-paths=/v0/healthz,/v0/startupz,/v0/livez,/v0/metrics",
            "--v=0",
            // The sidecar trusts the proxy's word on who calls; without it every call is refused (N7).
            "--auth-header-fields-enabled=true",
        ])),
        restart_policy: Some("Always".to_owned()),
        ports: Some(vec![container_port("api", TLS_PORT)]),
        volume_mounts: Some(vec![read_only(PROXY_CONFIG, "/etc/kube-rbac-proxy"), read_only(SIDECAR_TLS, "/etc/tls")]),
        startup_probe: Some(Probe { tcp_socket: Some(tcp(TLS_PORT)), ..probe(5, 5, 60) }),
        liveness_probe: Some(Probe { http_get: Some(https("/v0/livez")), ..probe(5, 10, 3) }),
        readiness_probe: Some(Probe { http_get: Some(https("/v0/healthz")), ..probe(2, 5, 6) }),
        security_context: Some(security(true)),
        ..Container::default()
    })
}

/// Waits for the sidecar's gate, then becomes seid.
pub(super) fn seid(node: &ValidNode, platform: &Platform) -> Container {
    let script = format!(
        "echo \"waiting for sidecar to become ready...\"; {}; echo \"sidecar ready, starting seid\"; exec seid \"start\" \
         \"--home\" \"$HOME\"",
        wait_for_gate(node.sidecar_port)
    );
    let mut mounts = vec![mount(DATA, HOME)];
    mounts.extend(node.signing_key.is_some().then(|| key_file(SIGNING_KEY, SIGNING_KEY_FILE)));
    mounts.extend(node.node_key.is_some().then(|| key_file(NODE_KEY, NODE_KEY_FILE)));
    let gate = match node.tls {
        Some(_) => HTTPGetAction { scheme: Some("HTTPS".to_owned()), ..http_get("/v0/healthz", TLS_PORT) },
        None => http_get("/v0/healthz", node.sidecar_port),
    };
    Container {
        ports: Some(seid_ports()),
        volume_mounts: Some(mounts),
        startup_probe: Some(Probe { http_get: Some(gate), ..probe(5, 5, 86_400) }),
        readiness_probe: Some(Probe {
            http_get: Some(http_get("/lag_status", RPC_PORT)),
            timeout_seconds: Some(5),
            ..probe(30, 10, 3)
        }),
        security_context: Some(security(false)),
        ..seid_running(node, platform, &node.image, script)
    }
}

/// Runs seid up to a height. seid stops itself after that block with SIGINT, which a shell reports as 130.
pub(super) fn bootstrap_seid(node: &ValidNode, platform: &Platform, bootstrap: Bootstrap<'_>) -> Container {
    let height = bootstrap.halt_height;
    let script = format!(
        "echo \"waiting for sidecar bootstrap tasks to complete...\"; {}; echo \"sidecar healthy, starting seid with \
         halt-height {height}\"; seid start --home \"$HOME\" --halt-height {height}; rc=$?; if [ $rc -eq 130 ]; then echo \
         \"seid halted at target height (exit 130), treating as success\"; exit 0; fi; exit $rc",
        wait_for_gate(node.sidecar_port)
    );
    Container { volume_mounts: Some(vec![mount(DATA, HOME)]), ..seid_running(node, platform, bootstrap.image, script) }
}

fn seid_running(node: &ValidNode, platform: &Platform, image: &str, script: String) -> Container {
    let (cpu, memory) = match node.mode {
        Mode::Archive => (&platform.cpu_archive, &platform.memory_archive),
        Mode::FullNode | Mode::Replayer | Mode::Validator => (&platform.cpu_default, &platform.memory_default),
    };
    Container {
        name: "seid".to_owned(),
        image: Some(image.to_owned()),
        command: Some(words(&["/bin/bash", "-c"])),
        args: Some(vec![script]),
        env: Some(vec![env("HOME", HOME), env("TMPDIR", "/.sei/tmp")]),
        resources: Some(ResourceRequirements {
            requests: Some(BTreeMap::from([
                ("cpu".to_owned(), quantity(cpu)),
                ("memory".to_owned(), quantity(memory)),
            ])),
            ..ResourceRequirements::default()
        }),
        ..Container::default()
    }
}

/// A loop until the sidecar on loopback answers 200. bash's `/dev/tcp` because the image has neither curl nor wget.
fn wait_for_gate(port: i32) -> String {
    format!(
        "while true; do if (exec 3<>/dev/tcp/localhost/{port} && \
         printf \"GET /v0/healthz HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n\" >&3 && head -1 <&3 | grep -q \"200\") \
         2>/dev/null; then break; fi; sleep 5; done"
    )
}

pub(super) fn exporter(platform: &Platform) -> Container {
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
        volume_mounts: Some(vec![mount(SIDECAR_TMP, "/tmp")]),
        resources: Some(ResourceRequirements {
            requests: Some(BTreeMap::from([
                ("cpu".to_owned(), request("50m")),
                ("memory".to_owned(), request("64Mi")),
            ])),
            limits: Some(BTreeMap::from([("memory".to_owned(), request("384Mi"))])),
            ..ResourceRequirements::default()
        }),
        startup_probe: Some(Probe { tcp_socket: Some(tcp(GRPC_PORT)), ..probe(5, 5, 60) }),
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

fn tcp(port: i32) -> TCPSocketAction {
    TCPSocketAction { port: IntOrString::Int(port), host: None }
}

fn env(name: &str, value: &str) -> EnvVar {
    EnvVar { name: name.to_owned(), value: Some(value.to_owned()), value_from: None }
}

fn secret_env(name: &str, secret: &str, key: &str) -> EnvVar {
    let source = SecretKeySelector { name: secret.to_owned(), key: key.to_owned(), optional: None };
    let value_from = EnvVarSource { secret_key_ref: Some(source), ..EnvVarSource::default() };
    EnvVar { name: name.to_owned(), value: None, value_from: Some(value_from) }
}

fn mount(name: &str, path: &str) -> VolumeMount {
    VolumeMount { name: name.to_owned(), mount_path: path.to_owned(), ..VolumeMount::default() }
}

fn read_only(name: &str, path: &str) -> VolumeMount {
    VolumeMount { read_only: Some(true), ..mount(name, path) }
}

/// One file in seid's configuration. The kubelet does not refresh files mounted like this, so an edit of the Secret cannot
/// change a node's identity while it runs.
fn key_file(volume: &str, file: &str) -> VolumeMount {
    VolumeMount { sub_path: Some(file.to_owned()), ..read_only(volume, &format!("{HOME}/config/{file}")) }
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
