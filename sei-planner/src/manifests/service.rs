//! The headless Service that gives a node's pod its host name, and the ports of a node.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ContainerPort, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::labels::selector_labels;
use super::{Manifest, Object};
use crate::node::{TLS_PORT, ValidNode};

/// A port that seid listens on, the same in every mode.
struct Port {
    name: &'static str,
    number: i32,
    app_protocol: Option<&'static str>,
}

impl Port {
    const fn new(name: &'static str, number: i32) -> Self {
        Self { name, number, app_protocol: None }
    }
}

/// Port of seid's RPC.
pub const RPC_PORT: i32 = 26657;

/// In the order that objects list them (node-resources §4.1).
const SEID_PORTS: [Port; 7] = [
    Port::new("evm-rpc", 8545),
    Port::new("evm-ws", 8546),
    Port { name: "grpc", number: 9090, app_protocol: Some("kubernetes.io/h2c") },
    Port::new("rest", 1317),
    Port::new("p2p", 26656),
    Port::new("rpc", RPC_PORT),
    Port::new("metrics", 26660),
];

/// The headless Service of a node. It publishes pods that are not ready: the sidecar must be reached before seid starts.
#[must_use]
pub fn service(node: &ValidNode) -> Manifest {
    let ports = SEID_PORTS.iter().map(|port| service_port(port.name, port.number, port.app_protocol));
    let spec = ServiceSpec { ports: Some(ports.chain(api_port(node)).collect()), ..headless(selector_labels(node)) };
    Manifest::Service(Object::of(node, "v1", "Service", &node.key.name, spec))
}

/// The ports of the container `seid`.
pub(super) fn seid_ports() -> Vec<ContainerPort> {
    SEID_PORTS.iter().map(|port| container_port(port.name, port.number)).collect()
}

/// A TCP port of a container.
pub(super) fn container_port(name: &str, number: i32) -> ContainerPort {
    ContainerPort {
        name: Some(name.to_owned()),
        container_port: number,
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    }
}

/// A Service without an address of its own, which names pods that are not ready, too.
pub(super) fn headless(selector: BTreeMap<String, String>) -> ServiceSpec {
    ServiceSpec {
        cluster_ip: Some("None".to_owned()),
        selector: Some(selector),
        publish_not_ready_addresses: Some(true),
        ..ServiceSpec::default()
    }
}

/// The port of the TLS proxy, where there is one.
pub(super) fn api_port(node: &ValidNode) -> Option<ServicePort> {
    node.tls.as_ref().map(|_| service_port("api", TLS_PORT, None))
}

/// A TCP port of a Service.
pub(super) fn service_port(name: &str, number: i32, app_protocol: Option<&str>) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: number,
        target_port: Some(IntOrString::Int(number)),
        protocol: Some("TCP".to_owned()),
        app_protocol: app_protocol.map(str::to_owned),
        node_port: None,
    }
}
