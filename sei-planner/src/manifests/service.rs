//! The headless Service that gives a node's pod its host name, and the ports of a node.

use k8s_openapi::api::core::v1::{ContainerPort, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::labels::selector_labels;
use super::{Manifest, Object};
use crate::node::ValidNode;

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

/// In the order that objects list them (node-resources §4.1).
const SEID_PORTS: [Port; 7] = [
    Port::new("evm-rpc", 8545),
    Port::new("evm-ws", 8546),
    Port { name: "grpc", number: 9090, app_protocol: Some("kubernetes.io/h2c") },
    Port::new("rest", 1317),
    Port::new("p2p", 26656),
    Port::new("rpc", 26657),
    Port::new("metrics", 26660),
];

/// The headless Service of a node. It publishes pods that are not ready: the sidecar must be reached before seid starts.
#[must_use]
pub fn service(node: &ValidNode) -> Manifest {
    let spec = ServiceSpec {
        cluster_ip: Some("None".to_owned()),
        selector: Some(selector_labels(node)),
        publish_not_ready_addresses: Some(true),
        ports: Some(SEID_PORTS.iter().map(service_port).collect()),
        ..ServiceSpec::default()
    };
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

fn service_port(port: &Port) -> ServicePort {
    ServicePort {
        name: Some(port.name.to_owned()),
        port: port.number,
        target_port: Some(IntOrString::Int(port.number)),
        protocol: Some("TCP".to_owned()),
        app_protocol: port.app_protocol.map(str::to_owned),
        node_port: None,
    }
}
