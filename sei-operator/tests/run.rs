//! The operator's process without a cluster.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// A kubeconfig of an API server that is not there.
fn dead_kubeconfig(directory: &Path) -> std::path::PathBuf {
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

#[test]
fn a_signal_ends_an_operator_whose_api_server_is_not_there() {
    let directory = tempfile::tempdir().expect("a directory");
    let platform = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/platform/test.env");
    let mut operator = Command::new(env!("CARGO_BIN_EXE_sei-operator"))
        .arg("run")
        .arg("--kubeconfig")
        .arg(dead_kubeconfig(directory.path()))
        .arg("--platform")
        .arg(platform)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the operator starts");
    let mut lines = BufReader::new(operator.stderr.take().expect("its log")).lines().map_while(Result::ok);
    let told = lines.find(|line| line.contains("the API server cannot be asked")).expect("it says what is wrong");
    assert!(told.contains("Connection refused"), "{told}");
    let pid = Pid::from_raw(i32::try_from(operator.id()).expect("a pid")).expect("a pid");
    kill_process(pid, Signal::TERM).expect("the signal is sent");
    let rest: Vec<String> = lines.collect();
    assert!(rest.iter().any(|line| line.contains("stopping")), "{rest:?}");
    assert!(operator.wait().expect("it ends").success());
}
