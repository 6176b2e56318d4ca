//! A node behind the real kube-rbac-proxy, with the configuration and the certificate that the operator makes for it. The real API
//! server says whose a token is (TokenReview), and what its owner may do (SubjectAccessReview).

use std::net::TcpListener;
use std::process::Child;
use std::sync::Arc;

use hyper::{Method, Request};
use k8s_openapi::ByteString;
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::{ConfigMap, Container, Pod, Secret, ServiceAccount};
use kube::api::PostParams;
use kube::{Api, Client, Config};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::{Value, json};

use super::specs::{self, V1};
use crate::support::operator::ProxyAddress;
use crate::support::place::Place;
use crate::support::world::World;

const HOST: &str = "rpc-0-0.rpc-0.proxy.svc.cluster.local:8443";
/// Of the user `confined`, who may do what an installation for one namespace lets the operator do.
const TOKEN: &str = "token-confined";

pub(crate) async fn drives_a_node(world: Arc<World>) {
    world.ensure_crds().await;
    world.without_operator().await;
    let (own, place) = (world.place("proxy-system").await, world.place("proxy").await);
    provision(&place).await;
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
    let token_file = world.dir().join("sidecar-token");
    std::fs::write(&token_file, TOKEN).expect("the directory is ours");
    let proxy = ProxyAddress { url: format!("https://127.0.0.1:{port}"), token_file: token_file.display().to_string() };
    let operator = world.start_behind(&place.namespace, &own.namespace, &proxy).await;
    let mut spec = specs::from_genesis();
    spec["sidecar"] = json!({"tls": {"secretName": "rpc-0-tls"}});
    place.create("rpc-0", spec).await;
    let pod = place.until("rpc-0", "the pod runs", |view| view.pod_runs(V1)).await.pod.expect("it runs");
    let mut process = start_proxy(&place, &pod, port).await;
    place.until("rpc-0", "the node comes up", |view| view.settled_on(V1)).await;

    let calls = place.sidecar("rpc-0").calls();
    let tasks: Vec<_> = calls.iter().filter(|call| call.path.starts_with("/v0/tasks")).collect();
    println!("    {} calls about tasks, all by the user {:?}", tasks.len(), tasks[0].user);
    assert!(tasks.iter().all(|call| call.user == "confined"), "the proxy tells the sidecar who calls: {tasks:?}");

    let stranger = stranger(&place).await;
    let mut answers = Vec::new();
    for token in [Some(TOKEN), Some(&stranger), None] {
        answers.push(ask(port, "/v0/tasks", token).await);
    }
    println!("    GET /v0/tasks: the operator {}, a stranger {}, nobody {}", answers[0], answers[1], answers[2]);
    assert_eq!(answers, [200, 403, 401]);
    assert_eq!(ask(port, "/v0/healthz", None).await, 200, "probes carry no token");

    process.kill().expect("it runs");
    process.wait().expect("our child");
    operator.kill();
    // It finishes the deletions with which the scenario is cleaned up.
    world.ensure_operator().await;
}

/// The Secret that somebody provisions for the node.
async fn provision(place: &Place) {
    let names = ["rpc-0.proxy.svc.cluster.local", "rpc-0-0.rpc-0.proxy.svc.cluster.local"].map(str::to_owned);
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).expect("a certificate");
    let secret = object(json!({
        "type": "kubernetes.io/tls",
        "metadata": {"name": "rpc-0-tls"},
        "data": {
            "tls.crt": ByteString(cert.pem().into_bytes()),
            "tls.key": ByteString(signing_key.serialize_pem().into_bytes()),
        },
    }));
    place.api::<Secret>().create(&PostParams::default(), &secret).await.expect("created");
}

/// The container of the pod, as a process: the same arguments, with files and addresses of this machine.
async fn start_proxy(place: &Place, pod: &Pod, port: u16) -> Child {
    let world = &place.world;
    let container = proxy_of(pod);
    let config: ConfigMap = place.api().get("rpc-0-rbac-proxy-config").await.expect("the operator made it");
    let secret: Secret = place.api().get("rpc-0-tls").await.expect("provisioned");
    let file = |name: &str, bytes: &[u8]| {
        let path = world.dir().join(name);
        std::fs::write(&path, bytes).expect("the directory is ours");
        path.display().to_string()
    };
    let data = secret.data.expect("data");
    let config = config.data.expect("data")["config.yaml"].clone();
    println!("    {}", config.replace('\n', " "));
    let mut arguments = container.args.clone().expect("arguments");
    let ours = [
        ("--secure-listen-address=", format!("127.0.0.1:{port}")),
        ("--upstream=", format!("{}/", world.sidecar.url())),
        ("--config-file=", file("proxy.yaml", config.as_bytes())),
        ("--tls-cert-file=", file("proxy.crt", &data["tls.crt"].0)),
        ("--tls-private-key-file=", file("proxy.key", &data["tls.key"].0)),
    ];
    for (flag, value) in ours {
        let argument = arguments.iter_mut().find(|argument| argument.starts_with(flag));
        *argument.unwrap_or_else(|| panic!("the container has no {flag}")) = format!("{flag}{value}");
    }
    // In a pod it is the ServiceAccount's.
    arguments.push(format!("--kubeconfig={}", world.kubeconfig("admin").display()));
    world.spawn("kube-rbac-proxy", &arguments)
}

fn proxy_of(pod: &Pod) -> &Container {
    let containers = pod.spec.as_ref().and_then(|spec| spec.init_containers.as_ref()).expect("init containers");
    containers.iter().find(|container| container.name == "kube-rbac-proxy").expect("a TLS proxy")
}

/// The token of a ServiceAccount that nobody gave a role.
async fn stranger(place: &Place) -> String {
    let accounts: Api<ServiceAccount> = place.api();
    accounts.create(&PostParams::default(), &object(json!({"metadata": {"name": "stranger"}}))).await.expect("created");
    let request: TokenRequest = object(json!({"spec": {"audiences": []}}));
    let made = accounts.create_token_request("stranger", &PostParams::default(), &request).await.expect("a token");
    made.status.expect("a status").token
}

/// The status with which the proxy, or the sidecar behind it, answers.
async fn ask(port: u16, path: &str, token: Option<&str>) -> u16 {
    let mut config = Config::new(format!("https://127.0.0.1:{port}").parse().expect("a URL"));
    config.accept_invalid_certs = true;
    let client = Client::try_from(config).expect("a client");
    let mut request = Request::builder().method(Method::GET).uri(path).header("host", HOST);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let answer = client.send(request.body(Vec::new().into()).expect("a request")).await;
    answer.expect("an answer").status().as_u16()
}

fn object<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("a valid object")
}
