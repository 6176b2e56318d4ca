//! The operator's process without a cluster.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A kubeconfig of an API server that is not there.
fn dead_kubeconfig(directory: &Path) -> PathBuf {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("its number").port();
    let file = directory.join("kubeconfig");
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\n\
         clusters: [{{name: x, cluster: {{server: 'http://127.0.0.1:{port}'}}}}]\n\
         users: [{{name: x, user: {{token: t}}}}]\ncontexts: [{{name: x, context: {{cluster: x, user: x}}}}]\n"
    );
    std::fs::write(&file, text).expect("the kubeconfig is written");
    file
}

/// Settings for it.
fn platform() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/platform/test.env")
}

/// An operator whose API server is not there; its metrics and its probes are served at these addresses.
fn operator(directory: &Path, metrics: &str, probes: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_sei-operator"))
        .arg("run")
        .arg("--kubeconfig")
        .arg(dead_kubeconfig(directory))
        .arg("--platform")
        .arg(platform())
        .args(["--metrics-bind-address", metrics, "--health-probe-bind-address", probes])
        .stderr(Stdio::piped())
        .spawn()
        .expect("the operator starts")
}

fn log(operator: &mut Child) -> impl Iterator<Item = String> + use<> {
    BufReader::new(operator.stderr.take().expect("its log")).lines().map_while(Result::ok)
}

fn terminate(operator: &Child) {
    let pid = Pid::from_raw(i32::try_from(operator.id()).expect("a pid")).expect("a pid");
    kill_process(pid, Signal::TERM).expect("the signal is sent");
}

#[test]
#[cfg(not(feature = "otlp"))]
fn a_build_without_traces_refuses_to_send_them() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sei-operator"));
    command.args(["run", "--otlp-endpoint", "http://collector:4318", "--platform"]).arg(platform());
    let output = command.output().expect("it starts");
    let errors = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("--otlp-endpoint http://collector:4318/: this build sends no traces"), "{errors}");
    assert!(errors.contains("--features otlp"), "{errors}");
}

#[test]
fn a_signal_ends_an_operator_whose_api_server_is_not_there() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut operator = operator(directory.path(), "0", "0");
    let mut lines = log(&mut operator);
    let told = lines.find(|line| line.contains("the API server cannot be asked")).expect("it says what is wrong");
    assert!(told.contains("Connection refused"), "{told}");
    terminate(&operator);
    let rest: Vec<String> = lines.collect();
    assert!(rest.iter().any(|line| line.contains("operator stopped")), "{rest:?}");
    assert!(operator.wait().expect("it ends").success());
}

/// A restart would not bring the API server back: the process is live, and not ready.
#[test]
fn an_operator_whose_api_server_is_not_there_is_live_and_not_ready() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut operator = operator(directory.path(), "0", "127.0.0.1:0");
    let mut lines = log(&mut operator);
    let listening = lines.find(|line| line.contains("listening")).expect("it says where it listens");
    let listening: Value = serde_json::from_str(&listening).expect("JSON, where there is no terminal");
    assert_eq!(listening["what"], "health probes");
    let ask = |path: &str| {
        let mut stream = TcpStream::connect(listening["address"].as_str().expect("an address")).expect("it listens");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: operator\r\nConnection: close\r\n\r\n").expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    };
    assert!(ask("/livez").starts_with("HTTP/1.1 200 "));
    let ready = ask("/readyz");
    assert!(ready.starts_with("HTTP/1.1 503 "), "{ready}");
    let all = "seinodes, statefulsets, services, persistentvolumeclaims, jobs, configmaps, pods";
    assert!(ready.ends_with(&format!("waiting for the first list of {all}\n")), "{ready}");
    terminate(&operator);
    assert!(lines.any(|line| line.contains("operator stopped")));
    assert!(operator.wait().expect("it ends").success());
}

#[test]
fn a_port_that_is_taken_ends_the_start_and_names_its_flag() {
    let directory = tempfile::tempdir().expect("a directory");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("its number").to_string();
    for (metrics, probes, flag) in
        [(address.as_str(), "0", "--metrics-bind-address"), ("0", address.as_str(), "--health-probe-bind-address")]
    {
        let output = operator(directory.path(), metrics, probes).wait_with_output().expect("it ends");
        let told = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(1), "{told}");
        let why = format!(
            "error: {flag} {address}: Address already in use (os error 98); name another address, or 0 to do without\n"
        );
        assert_eq!(told, why);
    }
}
