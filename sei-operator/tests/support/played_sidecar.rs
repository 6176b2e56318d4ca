//! One HTTP server that plays the sidecars of a whole fleet: the `Host` header of a request says which node is meant.
//! A sidecar is there only while its node's Service exists and its pod runs; a new pod, or a restarted sidecar
//! container, is a new process that has to be marked ready again.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::ListParams;
use kube::{Api, Client};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};

use super::sidecar_engine::{Answer, Body, Engine};

const SIDECAR_CONTAINER: &str = "sei-sidecar";
/// In which kube-rbac-proxy names the caller.
const USER_HEADER: &str = "x-remote-user";
/// Longer than any client waits.
const SILENCE: Duration = Duration::from_secs(600);

/// A node of the fleet: namespace and name.
type Key = (String, String);

/// The server; it ends with the runtime that it was started on.
#[derive(Clone)]
pub(crate) struct PlayedSidecar {
    address: SocketAddr,
    fleet: Arc<Fleet>,
}

/// What happens to requests for a node before its sidecar sees them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Line {
    #[default]
    Open,
    /// The connection is closed without an answer.
    Closed,
    /// Somebody in between answers with this status.
    Answers(u16),
    /// The request is taken and never answered.
    Silent,
}

/// One request, answered or not.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) at: Instant,
    pub(crate) method: String,
    pub(crate) path: String,
    /// Absent when the connection was closed instead.
    pub(crate) code: Option<u16>,
    /// Who calls, in the words of a proxy in front of the sidecar; empty without one.
    pub(crate) user: String,
}

#[derive(Debug, Default)]
struct Sidecar {
    engine: Engine,
    line: Line,
    process: Option<Process>,
    calls: Vec<Call>,
    /// Its pod is not looked up again once it ran, see [`NodeSidecar::stays`].
    stays: bool,
    /// Height of the chain that seid beside it follows.
    height: u64,
    catching_up: bool,
    /// Address of a validator that signs every block of it.
    signer: Option<String>,
}

/// Which process answers: a pod and how often its sidecar container was restarted.
#[derive(Clone, Debug, PartialEq)]
struct Process {
    pod_uid: String,
    restarts: i32,
}

struct Fleet {
    /// Looks pods up at every request: a watch would lag behind the operator's own.
    cluster: Client,
    sidecars: Mutex<BTreeMap<Key, Sidecar>>,
    /// `Host` headers that name no node.
    strays: Mutex<Vec<String>>,
}

impl PlayedSidecar {
    pub(crate) async fn start(cluster: Client) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let fleet = Arc::new(Fleet { cluster, sidecars: Mutex::default(), strays: Mutex::default() });
        tokio::spawn(accept(listener, fleet.clone()));
        PlayedSidecar { address, fleet }
    }

    /// For `--sidecar-via`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The knobs and counters of one node's sidecar.
    pub(crate) fn node(&self, namespace: &str, name: &str) -> NodeSidecar<'_> {
        NodeSidecar { fleet: &self.fleet, key: (namespace.to_owned(), name.to_owned()) }
    }

    /// `Host` headers that were not a node's own address.
    pub(crate) fn strays(&self) -> Vec<String> {
        lock(&self.fleet.strays).clone()
    }
}

/// A handle on one node's sidecar, which need not exist yet.
pub(crate) struct NodeSidecar<'a> {
    fleet: &'a Fleet,
    key: Key,
}

impl NodeSidecar<'_> {
    fn with<T>(&self, change: impl FnOnce(&mut Sidecar) -> T) -> T {
        change(lock(&self.fleet.sidecars).entry(self.key.clone()).or_default())
    }

    pub(crate) fn delay(&self, delay: Duration) {
        self.with(|sidecar| sidecar.engine.behaviour.delay = delay);
    }

    /// The next `times` runs of this type fail.
    pub(crate) fn fail(&self, task: &str, times: u32, error: &str) {
        let failure = (times, error.to_owned());
        self.with(|sidecar| sidecar.engine.behaviour.failures.insert(task.to_owned(), failure));
    }

    /// Tasks of this type that start from now on stay `running`.
    pub(crate) fn hang(&self, task: &str) {
        self.with(|sidecar| sidecar.engine.behaviour.hanging.insert(task.to_owned()));
    }

    pub(crate) fn line(&self, line: Line) {
        self.with(|sidecar| sidecar.line = line);
    }

    /// Nobody deletes or restarts the pod of this node: to look it up at every call of a large fleet would load the API
    /// server, and the cores that it shares, more than the operator does.
    pub(crate) fn stays(&self) {
        self.with(|sidecar| sidecar.stays = true);
    }

    /// Its pod runs: nobody need look it up.
    pub(crate) fn runs_in(&self, pod: &Pod) {
        if let Some(process) = process_of(pod) {
            self.with(|sidecar| sidecar.adopt(process));
        }
    }

    /// The process ends and starts again while the pod stays.
    pub(crate) fn restart(&self) {
        self.with(|sidecar| sidecar.engine.restart(Instant::now()));
    }

    /// Whether seid may run: somebody marked this pod's process ready.
    pub(crate) async fn is_ready(&self) -> bool {
        let process = self.fleet.process(&self.key).await;
        process.is_some_and(|process| {
            self.with(|sidecar| {
                sidecar.adopt(process);
                sidecar.engine.is_ready(Instant::now())
            })
        })
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.with(|sidecar| sidecar.calls.clone())
    }

    /// Parameters of the tasks of a type that were submitted, in no order.
    pub(crate) fn params(&self, kind: &str) -> Vec<serde_json::Value> {
        self.with(|sidecar| sidecar.engine.params(kind))
    }

    /// What seid's RPC says of its chain; its height moves at every question.
    pub(crate) fn catches_up(&self, catching_up: bool) {
        self.with(|sidecar| sidecar.catching_up = catching_up);
    }

    /// Who signs every block of its chain, by address.
    pub(crate) fn sees_signatures_of(&self, validator: Option<&str>) {
        self.with(|sidecar| sidecar.signer = validator.map(str::to_owned));
    }

    /// Types of the tasks that ran, in the order in which they started.
    pub(crate) fn started(&self) -> Vec<String> {
        self.with(|sidecar| sidecar.engine.started().to_vec())
    }
}

impl Sidecar {
    /// What seid beside it says, as Sei's RPC does.
    fn chain(&mut self) -> Answer {
        self.height += 1;
        let sync = json!({"latest_block_height": self.height.to_string(), "catching_up": self.catching_up});
        Answer { code: 200, body: Body::Json(json!({ "sync_info": sync })) }
    }

    /// Who signed the block that the query names, as Sei's RPC says; one validator did not.
    fn commit(&self, query: &str) -> Answer {
        let height = query.strip_prefix("height=").expect("the question is for one block");
        let signatures: Vec<_> = [self.signer.as_deref(), Some("")].into_iter().flatten().map(signature).collect();
        let commit = json!({"height": height, "signatures": signatures});
        Answer { code: 200, body: Body::Json(json!({"signed_header": {"commit": commit}, "canonical": true})) }
    }

    /// Another pod or a restarted container is a new process.
    fn adopt(&mut self, process: Process) {
        if self.process.as_ref().is_some_and(|known| *known != process) {
            self.engine.restart(Instant::now());
        }
        self.process = Some(process);
    }
}

/// Of a validator in a block; without an address, of one that did not sign.
fn signature(validator: &str) -> serde_json::Value {
    let flag = if validator.is_empty() { 1 } else { 2 };
    json!({"block_id_flag": flag, "validator_address": validator})
}

async fn accept(listener: TcpListener, fleet: Arc<Fleet>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, fleet.clone()));
    }
}

async fn serve(stream: TcpStream, fleet: Arc<Fleet>) {
    let service = service_fn(move |request| {
        let fleet = fleet.clone();
        async move { fleet.handle(request).await }
    });
    // An error is a client that went away, or our own closing of the line.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

impl Fleet {
    /// An error closes the connection without an answer.
    async fn handle(&self, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let Some(key) = node_of(host) else {
            lock(&self.strays).push(host.to_owned());
            return Ok(status(StatusCode::MISDIRECTED_REQUEST));
        };
        let process = self.process(&key).await;
        match self.reply(&key, process, &parts, &body) {
            Reply::Answer(answer) => Ok(respond(answer)),
            Reply::Status(code) => Ok(status(StatusCode::from_u16(code).expect("a status code"))),
            Reply::Close => Err(io::Error::other("nobody is there")),
            Reply::Silence => {
                tokio::time::sleep(SILENCE).await;
                Err(io::Error::other("nobody answers"))
            }
        }
    }

    fn reply(&self, key: &Key, process: Option<Process>, parts: &Parts, body: &[u8]) -> Reply {
        let (now, method, path) = (Instant::now(), parts.method.as_str(), parts.uri.path());
        let user = parts.headers.get(USER_HEADER).and_then(|user| user.to_str().ok()).unwrap_or_default().to_owned();
        let mut sidecars = lock(&self.sidecars);
        let sidecar = sidecars.entry(key.clone()).or_default();
        let reply = match (sidecar.line, process) {
            (Line::Open, Some(process)) => {
                sidecar.adopt(process);
                Reply::Answer(match path {
                    "/v0/node-id" => node_id(key),
                    "/status" => sidecar.chain(),
                    "/commit" => sidecar.commit(parts.uri.query().unwrap_or_default()),
                    other => sidecar.engine.answer(method, other, body, now),
                })
            }
            (Line::Answers(code), Some(_)) => Reply::Status(code),
            (Line::Silent, Some(_)) => Reply::Silence,
            (Line::Closed, _) | (_, None) => Reply::Close,
        };
        let code = reply.code();
        sidecar.calls.push(Call { at: now, method: method.to_owned(), path: path.to_owned(), code, user });
        reply
    }

    /// The running sidecar process of a node, as it is known or as the cluster has it.
    async fn process(&self, key: &Key) -> Option<Process> {
        let known = lock(&self.sidecars).get(key).filter(|known| known.stays).and_then(|known| known.process.clone());
        if known.is_some() { known } else { self.live_process(key).await }
    }

    /// Without its Service the pod's name does not resolve.
    async fn live_process(&self, (namespace, name): &Key) -> Option<Process> {
        let pods: Api<Pod> = Api::namespaced(self.cluster.clone(), namespace);
        let services: Api<Service> = Api::namespaced(self.cluster.clone(), namespace);
        let pod_name = format!("{name}-0");
        let (pod, service) = tokio::join!(pods.get_opt(&pod_name), services.get_opt(name));
        service.ok().flatten()?;
        if let Some(pod) = pod.ok().flatten() {
            return process_of(&pod);
        }
        let of_job = ListParams::default().labels(&format!("sei.io/node={name},sei.io/component=bootstrap"));
        pods.list(&of_job).await.ok()?.items.iter().find_map(process_of)
    }
}

enum Reply {
    Answer(Answer),
    Status(u16),
    Close,
    Silence,
}

impl Reply {
    fn code(&self) -> Option<u16> {
        match self {
            Reply::Answer(answer) => Some(answer.code),
            Reply::Status(code) => Some(*code),
            Reply::Close | Reply::Silence => None,
        }
    }
}

fn process_of(pod: &Pod) -> Option<Process> {
    let status = pod.status.as_ref().filter(|status| status.phase.as_deref() == Some("Running"))?;
    let containers = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    let restarts = containers.filter(|one| one.name == SIDECAR_CONTAINER).map(|one| one.restart_count).sum();
    Some(Process { pod_uid: pod.metadata.uid.clone()?, restarts })
}

/// `<name>-0.<name>.<namespace>.svc.cluster.local:<port>`, and nothing else.
fn node_of(host: &str) -> Option<Key> {
    let (address, port) = host.rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    let (pod, rest) = address.strip_suffix(".svc.cluster.local")?.split_once('.')?;
    let (name, namespace) = rest.rsplit_once('.')?;
    (pod.strip_suffix("-0")? == name).then(|| (namespace.to_owned(), name.to_owned()))
}

/// Forty hex digits that differ between nodes and stay the same for one.
fn node_id((namespace, name): &Key) -> Answer {
    let text = format!("{namespace}/{name}");
    let digits: String = text.bytes().cycle().take(20).map(|byte| format!("{byte:02x}")).collect();
    Answer { code: 200, body: Body::Json(json!({"nodeId": digits})) }
}

fn status(code: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = code;
    response
}

fn respond(answer: Answer) -> Response<Full<Bytes>> {
    let (kind, text) = match answer.body {
        Body::Empty => (None, String::new()),
        Body::Json(value) => (Some("application/json"), format!("{value}\n")),
        Body::Text(text) => (Some("text/plain; charset=utf-8"), text.to_owned()),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = StatusCode::from_u16(answer.code).expect("a status code");
    if let Some(kind) = kind {
        response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    }
    response
}

/// A test that panicked while holding the lock has failed already; the others go on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
