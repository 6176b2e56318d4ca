//! One run's world, shared by all scenarios: the control plane, the played sidecars, and the one operator process.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use kube::{Api, Client, ResourceExt};
use serde_json::json;
use tokio::sync::{Mutex, OnceCell};

use super::audit::{AuditLog, Requests};
use super::binaries;
use super::control_plane::ControlPlane;
use super::fixtures::yaml_documents;
use super::operator::{self, Operator, ProxyAddress, STOP_DEADLINE, Setup, Usage};
use super::permissions;
use super::place::Place;
use super::played_controllers::PlayedControllers;
use super::played_sidecar::PlayedSidecar;
use super::process_group::Pause;

/// No API call for so long is silence; longer than the shortest back-off (5 s).
const SILENCE: Duration = Duration::from_secs(7);
const SILENCE_DEADLINE: Duration = Duration::from_secs(120);
/// Where an operator without `POD_NAMESPACE` keeps its Leases.
const KEYS_NAMESPACE: &str = "default";
const CLEAN_UP_DEADLINE: Duration = Duration::from_secs(30);
const ESTABLISHED_DEADLINE: Duration = Duration::from_secs(30);

pub(crate) struct World {
    pub(crate) admin: Client,
    pub(crate) sidecar: PlayedSidecar,
    pub(crate) audit: AuditLog,
    setup: Setup,
    operator: Mutex<Option<Operator>>,
    crds: OnceCell<()>,
    namespaces: Mutex<Vec<String>>,
    plane: ControlPlane,
}

impl World {
    pub(crate) async fn start() -> Self {
        let plane = ControlPlane::start().await;
        let admin = plane.client("admin").await;
        permissions::grant(&admin, "operator", KEYS_NAMESPACE, &[]).await;
        let sidecar = PlayedSidecar::start(admin.clone()).await;
        World {
            setup: Setup::new(&plane, sidecar.url()),
            audit: AuditLog::new(plane.dir().join("audit.log")),
            operator: Mutex::default(),
            crds: OnceCell::new(),
            namespaces: Mutex::default(),
            admin,
            sidecar,
            plane,
        }
    }

    /// A client that is the operator to the API server: its requests are in the audit log.
    pub(crate) async fn client_of_operator(&self) -> Client {
        self.plane.client("operator").await
    }

    /// A fresh namespace; [`World::clean_up`] removes it.
    pub(crate) async fn place(self: &Arc<Self>, namespace: &str) -> Place {
        let object = serde_json::from_value(json!({"metadata": {"name": namespace}})).expect("a namespace");
        let namespaces: Api<Namespace> = Api::all(self.admin.clone());
        namespaces.create(&PostParams::default(), &object).await.expect("a fresh namespace");
        self.namespaces.lock().await.push(namespace.to_owned());
        Place::new(self.clone(), namespace)
    }

    /// A namespace in which a running operator serves SeiNodes.
    pub(crate) async fn served_place(self: &Arc<Self>, namespace: &str) -> Place {
        self.ensure_operator().await;
        self.place(namespace).await
    }

    /// Installs the CustomResourceDefinitions that the binary prints.
    pub(crate) async fn ensure_crds(&self) {
        self.crds.get_or_init(|| install_crds(self.admin.clone())).await;
    }

    /// Starts the operator unless it runs already.
    pub(crate) async fn ensure_operator(&self) {
        self.ensure_crds().await;
        let mut running = self.operator.lock().await;
        if running.as_mut().is_none_or(|operator| operator.exit_status().is_some()) {
            *running = Some(self.setup.start(&self.plane));
        }
    }

    /// Lets operators run in a namespace, as far as roles go.
    pub(crate) async fn install_roles(&self, namespace: &str) {
        permissions::grant(&self.admin, "operator", namespace, &[]).await;
    }

    /// Starts an operator for the nodes of one namespace, in another one, with no more roles than an installation of it has.
    pub(crate) async fn start_confined(&self, watched: &str, own: &str, more: &[&str]) -> Operator {
        permissions::grant(&self.admin, "confined", own, &["--watch-namespace", watched]).await;
        self.setup.start_confined(&self.plane, watched, own, more)
    }

    /// As [`World::start_confined`], with sidecars behind a TLS proxy.
    pub(crate) async fn start_behind(&self, watched: &str, own: &str, proxy: &ProxyAddress) -> Operator {
        permissions::grant(&self.admin, "confined", own, &["--watch-namespace", watched]).await;
        self.setup.start_behind(&self.plane, watched, own, proxy)
    }

    /// The directory of the run, for files that processes share.
    pub(crate) fn dir(&self) -> &Path {
        self.plane.dir()
    }

    /// Of one of the users of the API server.
    pub(crate) fn kubeconfig(&self, user: &str) -> PathBuf {
        self.plane.kubeconfig(user)
    }

    /// Starts a program of the control plane's directory, which ends with the run at the latest.
    pub(crate) fn spawn(&self, program: &str, arguments: &[String]) -> Child {
        let mut command = Command::new(binaries::directory().join(program));
        self.plane.group().spawn(command.args(arguments), &self.dir().join(format!("{program}.log")))
    }

    /// Starts one of several operators, which take turns by election; the scenario ends it.
    pub(crate) fn start_candidate(&self, pod: &str, namespace: &str) -> Operator {
        self.setup.start_candidate(&self.plane, pod, namespace)
    }

    /// Stops the operator that scenarios share, if it runs.
    pub(crate) async fn without_operator(&self) {
        if self.operator.lock().await.is_some() {
            self.stop_operator().await;
        }
    }

    /// Of the operator that scenarios share.
    pub(crate) async fn usage(&self) -> Usage {
        self.operator.lock().await.as_ref().expect("the operator runs").usage()
    }

    pub(crate) async fn kill_operator(&self) {
        self.operator.lock().await.take().expect("the operator runs").kill();
    }

    /// SIGTERM; fails unless the operator ends well and in time.
    pub(crate) async fn stop_operator(&self) {
        let operator = self.operator.lock().await.take().expect("the operator runs");
        let (status, took) = operator.stop().await;
        assert!(status.success(), "SIGTERM ended the operator with {status}\n{}", self.operator_log());
        assert!(took <= STOP_DEADLINE, "a graceful stop took {took:?}");
    }

    /// An operator or a server that ended on its own explains every later timeout: fail at once.
    pub(crate) async fn panic_if_a_process_died(&self) {
        self.plane.panic_if_one_died();
        let mut running = self.operator.lock().await;
        let status = running.as_mut().and_then(Operator::exit_status);
        if let Some(status) = status {
            *running = None;
            panic!("the operator ended by itself: {status}\n{}", self.operator_log());
        }
    }

    pub(crate) fn operator_log(&self) -> String {
        format!("--- operator log (tail)\n{}", self.setup.log_tail())
    }

    /// What the operator said after it had said the first `mark` bytes.
    pub(crate) fn operator_log_since(&self, mark: usize) -> String {
        self.setup.log().split_off(mark)
    }

    pub(crate) fn operator_log_mark(&self) -> usize {
        self.setup.log().len()
    }

    /// The answer of the running operator's admin server: its status and its body.
    pub(crate) async fn ask_operator(&self, what: &str, path: &'static str) -> (u16, String) {
        let address = self.setup.address_of(what);
        tokio::task::spawn_blocking(move || get(address, path)).await.expect("an answer")
    }

    /// A command of the binary, as somebody runs it who may do everything.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        operator::command(&self.plane.kubeconfig("admin"), args)
    }

    /// A tool of the control plane's directory, such as `kubectl`, as somebody runs it who may do everything.
    pub(crate) fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(binaries::directory().join(name));
        command.env_clear().env("KUBECONFIG", self.plane.kubeconfig("admin")).env("HOME", self.plane.dir());
        command
    }

    /// What people call by name, and where it is.
    pub(crate) fn programs(&self) -> [(&'static str, PathBuf); 2] {
        [("sei-operator", operator::binary()), ("kubectl", binaries::directory().join("kubectl"))]
    }

    /// A shell that runs these commands until one fails, as somebody runs them who may do everything.
    pub(crate) fn shell(&self, script: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-euc", script]).env_clear().stdin(Stdio::null());
        shell.env("KUBECONFIG", self.plane.kubeconfig("admin")).env("HOME", self.plane.dir());
        shell
    }

    /// Stops the played kubelet until the guard is dropped: deleted pods stay terminating, new pods stay pending.
    pub(crate) fn pause_kubelet(&self) -> Pause {
        self.plane.pause_kubelet()
    }

    /// Takes the place of the controllers, the scheduler and the kubelet until the guard is dropped.
    pub(crate) fn play_controllers(&self) -> PlayedControllers<'_> {
        PlayedControllers::start(self.admin.clone(), self.sidecar.clone(), self.plane.without_controllers())
    }

    /// Stops the operator that scenarios share until the guard is dropped, without its notice.
    pub(crate) async fn pause_operator(&self) -> Pause {
        self.operator.lock().await.as_ref().expect("the operator runs").pause()
    }

    /// SIGKILL to the API server, and another one on the same port and the same etcd.
    pub(crate) async fn restart_api_server(&self) {
        self.plane.restart_api_server(&self.admin).await;
    }

    /// Waits until the operator asks the API server for nothing any more.
    pub(crate) async fn silence(&self) {
        let deadline = Instant::now() + SILENCE_DEADLINE;
        loop {
            let mark = self.audit.mark();
            tokio::time::sleep(SILENCE).await;
            let heard: Requests = self.audit.since(mark).calls();
            if heard.len() == 0 {
                return;
            }
            assert!(Instant::now() < deadline, "the operator does not go quiet:\n{heard}{}", self.operator_log());
        }
    }

    /// Deletes what a scenario left, so that the next one is not disturbed. Finalizers that nobody handles (the
    /// scenario failed, or had no operator) are taken away.
    pub(crate) async fn clean_up(&self) {
        let mut namespaces = self.namespaces.lock().await;
        for namespace in namespaces.drain(..) {
            let nodes: Api<DynamicObject> = Api::namespaced_with(self.admin.clone(), &namespace, &seinode());
            delete_all(&nodes).await;
            let all: Api<Namespace> = Api::all(self.admin.clone());
            let _ = all.delete(&namespace, &DeleteParams::default()).await;
        }
    }
}

fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("the operator listens");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: operator\r\nConnection: close\r\n\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, body.to_owned())
}

pub(crate) fn seinode() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("sei.io", "v1alpha1", "SeiNode"))
}

async fn delete_all(nodes: &Api<DynamicObject>) {
    let list = ListParams::default();
    let _ = nodes.delete_collection(&DeleteParams::default(), &list).await;
    let deadline = Instant::now() + CLEAN_UP_DEADLINE;
    // An error means that there is no such kind: the CRDs were never installed.
    while let Ok(left) = nodes.list(&list).await {
        if left.items.is_empty() {
            return;
        }
        if Instant::now() > deadline {
            strip_finalizers(nodes, &left.items).await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn strip_finalizers(nodes: &Api<DynamicObject>, left: &[DynamicObject]) {
    for node in left {
        println!("    clean-up: nobody finishes the deletion of {}", node.name_any());
        let patch = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        let _ = nodes.patch(&node.name_any(), &PatchParams::default(), &patch).await;
    }
}

async fn install_crds(admin: Client) {
    let printed = yaml_documents(&operator::print_crds());
    assert!(!printed.is_empty(), "sei-operator crds printed no CustomResourceDefinition");
    for definition in printed {
        install(&admin, &definition).await;
    }
}

/// Installs one CustomResourceDefinition and waits until its kind is served.
pub(crate) async fn install(admin: &Client, definition: &DynamicObject) {
    let definitions: Api<CustomResourceDefinition> = Api::all(admin.clone());
    let name = definition.name_any();
    let apply = PatchParams::apply("test").force();
    definitions.patch(&name, &apply, &Patch::Apply(definition)).await.expect("the CRD installs");
    let deadline = Instant::now() + ESTABLISHED_DEADLINE;
    while !is_established(&definitions.get(&name).await.expect("just applied")) {
        assert!(Instant::now() < deadline, "the CRD {name} is not established");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Removes a CustomResourceDefinition, and with it all objects of its kind; waits until it is gone.
pub(crate) async fn uninstall(admin: &Client, name: &str) {
    let definitions: Api<CustomResourceDefinition> = Api::all(admin.clone());
    definitions.delete(name, &DeleteParams::default()).await.expect("it was installed");
    let deadline = Instant::now() + CLEAN_UP_DEADLINE;
    while definitions.get_opt(name).await.expect("the API server answers").is_some() {
        assert!(Instant::now() < deadline, "the CRD {name} does not go");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn is_established(definition: &CustomResourceDefinition) -> bool {
    let conditions = definition.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|all| all.iter().any(|one| one.type_ == "Established" && one.status == "True"))
}
