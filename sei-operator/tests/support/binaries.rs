//! Builds the servers, and the tools that people install with, from the Go modules in `tests/control-plane`, once per set of
//! pinned versions.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Ready binaries for machines without Go: a directory with the programs and `stages/`.
const READY_MADE: &str = "SEI_CONTROL_PLANE_BIN";

const K8S: &str = "k8s.io/kubernetes";
const KWOK: &str = "sigs.k8s.io/kwok";
/// Programs that are one module each, by the name of both.
const TOOLS: [(&str, &str); 3] = [
    ("helm", "helm.sh/helm/v3/cmd/helm"),
    ("promtool", "github.com/prometheus/prometheus/cmd/promtool"),
    ("kube-rbac-proxy", "github.com/brancz/kube-rbac-proxy/cmd/kube-rbac-proxy"),
];
/// The directories of all modules.
const MODULES: [&str; 5] = ["k8s", "kwok", TOOLS[0].0, TOOLS[1].0, TOOLS[2].0];
/// What the played kubelet does: nodes and pods become ready at once, jobs complete, deleted pods go.
const STAGES: [&str; 4] =
    ["node/fast/node-initialize", "pod/fast/pod-ready", "pod/fast/pod-complete", "pod/fast/pod-delete"];

/// The directory with `etcd`, `kube-apiserver`, `kube-controller-manager`, `kube-scheduler`, `kwok`, `stages/`, `kubectl` and the
/// [`TOOLS`].
pub(crate) fn directory() -> PathBuf {
    if let Some(ready_made) = std::env::var_os(READY_MADE) {
        return PathBuf::from(ready_made);
    }
    let cached = target_directory().join("control-plane").join(cache_key());
    if !cached.is_dir() {
        build_into(&cached);
    }
    cached
}

fn target_directory() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("cargo's tmp directory is inside its target directory")
}

fn module(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/control-plane").join(name)
}

/// Changes with every pinned version and with the Go toolchain (`go version` names the platform, too).
fn cache_key() -> String {
    let mut input = go(Path::new("."), &["version"]).into_bytes();
    for file in MODULES.iter().flat_map(|module| ["go.mod", "go.sum"].map(|file| format!("{module}/{file}"))) {
        input.extend(std::fs::read(module(&file)).expect("the module files are in the repository"));
    }
    format!("{:016x}", fnv1a(&input))
}

/// A hash whose values stay the same across Rust releases.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Builds beside the final place and renames, so that an interrupted build is never taken for a finished one.
fn build_into(cached: &Path) {
    println!("building the control plane and the tools from Go modules (about ten minutes when nothing is cached) ...");
    let started = Instant::now();
    let partial = cached.with_extension(format!("partial-{}", std::process::id()));
    std::fs::create_dir_all(&partial).expect("the target directory is ours");
    build_kubernetes(&module("k8s"), &partial);
    build_kwok(&module("kwok"), &partial);
    for (name, package) in TOOLS {
        build(&module(name), &partial, "-s -w", &[package]);
    }
    if std::fs::rename(&partial, cached).is_err() {
        assert!(cached.is_dir(), "another run finished the same build first, or {} is broken", cached.display());
        std::fs::remove_dir_all(&partial).expect("the target directory is ours");
    }
    println!("built in {:.0} s: {}", started.elapsed().as_secs_f64(), cached.display());
}

fn build_kubernetes(module: &Path, out: &Path) {
    let version = go(module, &["list", "-m", "-f", "{{.Version}}", K8S]);
    let minor = version.split('.').nth(1).expect("a semantic version");
    // Without these the server calls itself v0.0.0-master, and clients that check versions stumble.
    let facts = [("gitVersion", version.as_str()), ("gitMajor", "1"), ("gitMinor", minor), ("gitTreeState", "clean")];
    let mut link = String::from("-s -w");
    for (name, value) in facts {
        link += &format!(" -X k8s.io/component-base/version.{name}={value}");
    }
    let commands = ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"];
    let [api, controllers, scheduler, kubectl] = commands.map(|command| format!("{K8S}/cmd/{command}"));
    build(module, out, &link, &[&api, &controllers, &scheduler, &kubectl]);
    let etcd = out.join("etcd").display().to_string();
    go(module, &["build", "-ldflags", "-s -w", "-o", &etcd, "go.etcd.io/etcd/server/v3"]);
}

/// Builds the programs of these packages into a directory.
fn build(module: &Path, out: &Path, link: &str, packages: &[&str]) {
    let out = format!("{}/", out.display());
    go(module, &[&["build", "-ldflags", link, "-o", &out], packages].concat());
}

fn build_kwok(module: &Path, out: &Path) {
    build(module, out, "-s -w", &[&format!("{KWOK}/cmd/kwok")]);
    let source = PathBuf::from(go(module, &["list", "-m", "-f", "{{.Dir}}", KWOK])).join("kustomize/stage");
    let stages = out.join("stages");
    std::fs::create_dir_all(&stages).expect("the target directory is ours");
    for stage in STAGES {
        let text = std::fs::read(source.join(stage).with_extension("yaml")).expect("kwok ships its stages");
        let name = Path::new(stage).file_name().expect("a file").to_owned();
        std::fs::write(stages.join(name).with_extension("yaml"), text).expect("the target directory is ours");
    }
}

fn go(module: &Path, arguments: &[&str]) -> String {
    let output = Command::new("go")
        .args(arguments)
        .current_dir(module)
        .env("CGO_ENABLED", "0")
        .env("GOFLAGS", "-mod=readonly")
        .output()
        .unwrap_or_else(|error| {
            panic!("running go: {error}; the control plane is built with Go 1.26 or newer, or set {READY_MADE}")
        });
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "go {arguments:?} in {}: {}\n{errors}", module.display(), output.status);
    String::from_utf8(output.stdout).expect("go prints text").trim().to_owned()
}
