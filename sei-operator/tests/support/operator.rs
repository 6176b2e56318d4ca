//! The operator's process: the real binary, started as a person would start it.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::control_plane::ControlPlane;
use super::fixtures;
use super::process_group::{Pause, tail};

/// Another build of the operator to test, for example a release build or a released image's binary.
const OTHER_BINARY: &str = "SEI_OPERATOR_BIN";
/// An image of the operator that nobody pulls.
pub(crate) const IMAGE: &str = "registry.test.example/sei-operator:v1";
/// In which Linux counts CPU time (`USER_HZ`).
const TICK_MS: u64 = 10;
/// The promise of a graceful stop.
pub(crate) const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// How to start it; the same for the whole run.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    kubeconfig: PathBuf,
    sidecar_via: String,
    /// Of all processes of the run, one after the other.
    log: PathBuf,
}

impl Setup {
    pub(crate) fn new(plane: &ControlPlane, sidecar_via: String) -> Self {
        Setup { kubeconfig: plane.kubeconfig("operator"), sidecar_via, log: plane.dir().join("operator.log") }
    }

    /// The only process of the operator: it is killed often, and the next one must not wait for a Lease to expire.
    pub(crate) fn start(&self, plane: &ControlPlane) -> Operator {
        self.start_with(plane, &self.kubeconfig, &["--leader-elect=false"], &[])
    }

    /// One of several, whose name in the Lease begins with `pod`.
    pub(crate) fn start_candidate(&self, plane: &ControlPlane, pod: &str, namespace: &str) -> Operator {
        self.start_with(plane, &self.kubeconfig, &[], &[("POD_NAME", pod), ("POD_NAMESPACE", namespace)])
    }

    /// One for the nodes of one namespace, as the user who may do no more than that, with more flags.
    pub(crate) fn start_confined(&self, plane: &ControlPlane, watched: &str, own: &str, more: &[&str]) -> Operator {
        self.start_with(
            plane,
            &plane.kubeconfig("confined"),
            &[&["--namespace", watched], more].concat(),
            &[("POD_NAME", "confined"), ("POD_NAMESPACE", own)],
        )
    }

    /// As [`Setup::start_confined`]; it reaches sidecars through a TLS proxy, to which it shows the token in a file.
    pub(crate) fn start_behind(
        &self,
        plane: &ControlPlane,
        watched: &str,
        own: &str,
        proxy: &ProxyAddress,
    ) -> Operator {
        let setup = Setup { sidecar_via: proxy.url.clone(), ..self.clone() };
        setup.start_with(
            plane,
            &plane.kubeconfig("confined"),
            &["--namespace", watched, "--sidecar-token", &proxy.token_file],
            &[("POD_NAME", "confined"), ("POD_NAMESPACE", own)],
        )
    }

    fn start_with(
        &self,
        plane: &ControlPlane,
        kubeconfig: &Path,
        flags: &[&str],
        environment: &[(&str, &str)],
    ) -> Operator {
        let mut command = Command::new(binary());
        command.arg("run").arg("--kubeconfig").arg(kubeconfig);
        // Free ports, so that runs beside each other do not meet; the log says which.
        command.args(["--metrics-bind-address", "127.0.0.1:0", "--health-probe-bind-address", "127.0.0.1:0"]);
        command.arg("--platform").arg(fixtures::platform()).arg("--sidecar-via").arg(&self.sidecar_via);
        command.args(flags).envs(environment.iter().copied());
        Operator { child: plane.group().spawn(&mut command, &self.log) }
    }

    /// Where the newest process serves this, as its log says: `metrics` or `health probes`.
    pub(crate) fn address_of(&self, what: &str) -> SocketAddr {
        let log = std::fs::read_to_string(&self.log).expect("the operator's log");
        let lines = log.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut listening = lines.filter(|line| line["message"] == "listening" && line["what"] == what);
        let address = listening.next().and_then(|line| line["address"].as_str()?.parse().ok());
        address.unwrap_or_else(|| panic!("the log does not say where {what} are served:\n{}", self.log_tail()))
    }

    /// All that every process of the run said.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    pub(crate) fn log_tail(&self) -> String {
        tail(&self.log, 60)
    }
}

/// Where a TLS proxy stands, and what is shown to it.
pub(crate) struct ProxyAddress {
    pub(crate) url: String,
    pub(crate) token_file: String,
}

/// Memory and time of a process.
pub(crate) struct Usage {
    pub(crate) peak_rss_kib: u64,
    cpu: Duration,
}

impl fmt::Display for Usage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = self.peak_rss_kib as f64 / 1024.0;
        write!(out, "peak RSS {mib:.1} MiB, {:.1} s of CPU time", self.cpu.as_secs_f64())
    }
}

pub(crate) struct Operator {
    child: Child,
}

impl Operator {
    /// What the process used since it was started, as Linux counts it.
    pub(crate) fn usage(&self) -> Usage {
        let read =
            |file| std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).expect("Linux, and it runs");
        let (status, stat) = (read("status"), read("stat"));
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        // After the name of the program, which is in parentheses: utime and stime.
        let after_name = stat.rsplit_once(')').expect("a name").1.split_whitespace();
        let ticks: u64 = after_name.skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number")).sum();
        Usage {
            peak_rss_kib: peak.trim().trim_end_matches(" kB").parse().expect("a number of KiB"),
            cpu: Duration::from_millis(ticks * TICK_MS),
        }
    }

    /// Stands still until the guard is dropped.
    pub(crate) fn pause(&self) -> Pause {
        Pause::of(&self.child)
    }

    /// Present when the process ended by itself.
    pub(crate) fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("our child")
    }

    /// SIGKILL: the process has no chance to finish anything.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("our child");
        self.child.wait().expect("our child");
    }

    /// SIGTERM; the status with which it ended, and after how long.
    pub(crate) async fn stop(mut self) -> (ExitStatus, Duration) {
        let started = Instant::now();
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("our child");
        loop {
            if let Some(status) = self.exit_status() {
                return (status, started.elapsed());
            }
            assert!(started.elapsed() < STOP_DEADLINE, "the operator still runs {STOP_DEADLINE:?} after SIGTERM");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The CustomResourceDefinitions as the binary prints them: YAML documents.
pub(crate) fn print_crds() -> String {
    print(Command::new(binary()).arg("crds"))
}

/// What installs the operator in `namespace`, as the binary prints it: a List.
pub(crate) fn print_manifests(namespace: &str, more: &[&str]) -> Value {
    let mut command = Command::new(binary());
    command.args(["manifests", "--image", IMAGE, "--namespace", namespace, "-o", "json"]).args(more);
    serde_json::from_str(&print(command.arg("--platform").arg(fixtures::platform()))).expect("JSON")
}

/// A command of the binary against the cluster of this kubeconfig, with nothing in its environment.
pub(crate) fn command(kubeconfig: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.env_clear().env("KUBECONFIG", kubeconfig).stdin(Stdio::null()).args(args);
    command
}

fn print(command: &mut Command) -> String {
    let output = command.output().expect("the operator's binary starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{errors}", output.status);
    String::from_utf8(output.stdout).expect("it prints text")
}

pub(crate) fn binary() -> PathBuf {
    std::env::var_os(OTHER_BINARY).map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_sei-operator")), PathBuf::from)
}
