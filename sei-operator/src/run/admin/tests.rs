//! The admin server as kubelet and Prometheus see it: over a socket, in this process.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use clap::Parser;
use kube::core::DynamicObject;
use kube::runtime::reflector::store::Writer;
use sei_planner::names::NodeKey;
use sei_tasks::record::{Probe, Recorder};

use super::super::watch::node_resource;
use super::*;

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    admin: AdminArgs,
}

fn flags(metrics: &str, probes: &str) -> AdminArgs {
    let flags = ["run", "--metrics-bind-address", metrics, "--health-probe-bind-address", probes];
    Flags::try_parse_from(flags).ok().unwrap().admin
}

/// A server on free ports, and where it listens.
struct Served {
    metrics: SocketAddr,
    probes: SocketAddr,
}

fn serve(metrics: Metrics, probes: Probes) -> Served {
    let listeners = Listeners::bind(&flags("127.0.0.1:0", "127.0.0.1:0")).unwrap();
    let address = |listener: &Option<TcpListener>| listener.as_ref().unwrap().local_addr().unwrap();
    let served = Served { metrics: address(&listeners.metrics), probes: address(&listeners.probes) };
    listeners.serve(metrics, probes).unwrap();
    served
}

fn no_nodes() -> Metrics {
    Metrics::new(Writer::<DynamicObject>::new(node_resource()).as_reader())
}

/// Status, content type and body of an answer.
fn ask(at: SocketAddr, request: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(at).unwrap();
    write!(stream, "{request} HTTP/1.1\r\nHost: operator\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split_whitespace().nth(1).unwrap().parse().unwrap();
    let of_type = head.lines().find_map(|line| line.strip_prefix("content-type: ")).unwrap_or_default();
    (status, of_type.to_owned(), body.to_owned())
}

fn get_from(at: SocketAddr, path: &str) -> (u16, String) {
    let (status, _, body) = ask(at, &format!("GET {path}"));
    (status, body)
}

#[tokio::test]
async fn a_process_that_moves_and_has_seen_everything_is_live_and_ready() {
    let at = serve(no_nodes(), Probes::new(Heart::beating(), Vec::new)).probes;
    for path in ["/livez", "/healthz", "/readyz"] {
        assert_eq!(get_from(at, path), (200, "ok\n".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn before_the_first_lists_it_is_live_but_not_ready() {
    let at = serve(no_nodes(), Probes::new(Heart::beating(), || vec!["jobs", "pods"])).probes;
    assert_eq!(get_from(at, "/livez").0, 200);
    assert_eq!(get_from(at, "/readyz"), (503, "waiting for the first list of jobs, pods\n".to_owned()));
}

#[test]
fn a_process_that_stands_still_says_so_and_since_when() {
    let at = serve(no_nodes(), Probes::new(Heart::stopped(), Vec::new)).probes;
    for path in ["/livez", "/healthz"] {
        assert_eq!(get_from(at, path), (503, "the event loop has not moved for 0 s (limit: 0 s)\n".to_owned()));
    }
    assert_eq!(get_from(at, "/readyz").0, 200, "a watch that was synced once stays so");
}

#[test]
fn metrics_are_served_as_open_metrics() {
    let metrics = no_nodes();
    let at = serve(metrics.clone(), Probes::new(Heart::stopped(), Vec::new)).metrics;
    let (status, form, body) = ask(at, "GET /metrics");
    assert_eq!((status, form.as_str()), (200, OPEN_METRICS));
    assert!(body.ends_with("\nsei_controller_leader{} 0\n# EOF\n"), "{body}");
    metrics.probed(&NodeKey::new("nodes", "rpc-0"), Probe::Ready);
    let (status, body) = get_from(at, "/metrics");
    assert_eq!(status, 200);
    assert!(body.contains("_sidecar_health_probes_total{"), "{body}");
}

#[test]
fn nothing_else_is_served() {
    let Served { metrics, probes } = serve(no_nodes(), Probes::new(Heart::stopped(), Vec::new));
    for (at, path) in
        [(metrics, "/"), (metrics, "/livez"), (metrics, "/metrics/x"), (probes, "/metrics"), (probes, "/")]
    {
        assert_eq!(get_from(at, path), (404, String::new()), "{path}");
    }
    for (at, path) in [(metrics, "/metrics"), (probes, "/livez"), (probes, "/readyz")] {
        assert_eq!(ask(at, &format!("POST {path}")).0, 405, "{path}");
    }
}

#[test]
fn a_port_that_is_taken_is_an_error_that_names_its_flag() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let told = |args: &AdminArgs| Listeners::bind(args).err().unwrap().to_string().replace(&address, "ADDRESS");
    let why = "ADDRESS: Address already in use (os error 98); name another address, or 0 to do without";
    assert_eq!(told(&flags(&address, "0")), format!("--metrics-bind-address {why}"));
    assert_eq!(told(&flags("0", &address)), format!("--health-probe-bind-address {why}"));
}

#[tokio::test]
async fn defaults_are_those_of_controller_runtime_and_0_is_off() {
    let defaults = Flags::try_parse_from(["run"]).ok().unwrap().admin;
    assert_eq!(defaults.metrics_bind_address.to_string(), ":8080");
    assert_eq!(defaults.health_probe_bind_address.to_string(), ":8081");
    let off = Listeners::bind(&flags("0", "0")).unwrap();
    assert!(off.metrics.is_none() && off.probes.is_none());
    assert!(off.serve(no_nodes(), Probes::new(Heart::stopped(), Vec::new)).is_ok());
}
