//! Tests of the test support itself, without the operator: a wrong harness would make every other result worthless.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::specs::V1;
use crate::support::place::Place;
use crate::support::played_sidecar::Line;
use crate::support::view::{Check, check, seid_image};
use crate::support::world::World;

const DEADLINE: Duration = Duration::from_secs(60);

/// The real StatefulSet controller makes a pod, kwok runs it; with kwok paused a deleted pod stays terminating.
pub(crate) async fn pods(world: Arc<World>) {
    let place = world.place("harness-pods").await;
    create_fake_node(&place, "rpc").await;
    let pod = running_pod(&place, "rpc").await;
    assert_eq!(seid_image(&pod), Some(V1));

    let pause = world.pause_kubelet();
    place.delete::<Pod>("rpc-0").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let terminating = place.api::<Pod>().get("rpc-0").await.expect("nobody confirmed the pod's end");
    assert_eq!(terminating.uid(), pod.uid());
    assert!(terminating.metadata.deletion_timestamp.is_some());

    drop(pause);
    eventually("the pod is replaced", async || {
        let next = place.api::<Pod>().get_opt("rpc-0").await.expect("the API server answers");
        check(next.is_some_and(|next| next.uid() != pod.uid()), || "the old pod is still there".to_owned())
    })
    .await;
}

/// Requests of the user `operator` are counted by verb; those of the tests are not.
pub(crate) async fn audit(world: Arc<World>) {
    let place = world.place("harness-audit").await;
    let mark = world.audit.mark();
    let service = |name: &str| object(json!({"metadata": {"name": name}, "spec": {"ports": [{"port": 1}]}}));
    let own: Api<Service> = place.api();
    own.create(&PostParams::default(), &service("own")).await.expect("created");

    let services: Api<Service> = Api::namespaced(world.client_of_operator().await, &place.namespace);
    services.create(&PostParams::default(), &service("a")).await.expect("created");
    services.get("a").await.expect("there");
    services.list(&ListParams::default()).await.expect("listed");
    services.delete("a", &DeleteParams::default()).await.expect("deleted");
    services.get_opt("a").await.expect("answered");

    let requests = world.audit.since(mark);
    println!("{requests}");
    assert!(requests.0.iter().all(|request| request.user == "operator"));
    let seen: Vec<(&str, u64)> = requests.0.iter().map(|one| (one.verb.as_str(), one.code)).collect();
    assert_eq!(seen, [("create", 201), ("get", 200), ("list", 200), ("delete", 200), ("get", 404)]);
    assert_eq!((requests.writes().len(), requests.reads().len(), requests.watches().len()), (2, 3, 0));
    assert_eq!((requests.calls().len(), requests.events().len()), (5, 0));
    assert_eq!(requests.in_namespace(&place.namespace).len(), 5);
}

/// Without a pod, or without its Service, the connection closes; a new pod has to be marked ready again.
pub(crate) async fn sidecar_follows_pod(world: Arc<World>) {
    let place = world.place("harness-follows").await;
    assert_eq!(ask(&place, "GET", "/v0/healthz", "").await, None, "no pod, no answer");

    create_fake_node(&place, "rpc").await;
    running_pod(&place, "rpc").await;
    assert_eq!(code(&place, "GET", "/v0/healthz", "").await, 503);
    let id = "6f1c0d2e-3b4a-4c5d-8e6f-7a8b9c0d1e2f";
    let mark_ready = format!(r#"{{"id":"{id}","type":"mark-ready"}}"#);
    assert_eq!(code(&place, "POST", "/v0/tasks", &mark_ready).await, 201);
    assert_eq!(code(&place, "GET", "/v0/healthz", "").await, 200);

    place.delete::<Pod>("rpc-0").await;
    eventually("the next pod's sidecar is not ready", async || match ask(&place, "GET", "/v0/healthz", "").await {
        Some((503, _)) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    assert_eq!(code(&place, "POST", "/v0/tasks", &mark_ready).await, 201);
    assert_eq!(code(&place, "GET", "/v0/healthz", "").await, 503, "a completed id does nothing");
    assert_eq!(code(&place, "GET", &format!("/v0/tasks/{id}"), "").await, 200, "rows outlive the pod");

    place.delete::<Service>("rpc").await;
    assert_eq!(ask(&place, "GET", "/v0/healthz", "").await, None, "no Service, no name");
}

/// Same-id semantics, error bodies, and the knobs.
pub(crate) async fn sidecar_answers(world: Arc<World>) {
    let place = world.place("harness-answers").await;
    create_fake_node(&place, "rpc").await;
    running_pod(&place, "rpc").await;
    refusals(&place).await;
    failed_ids_run_again(&place).await;

    let sidecar = place.sidecar("rpc");
    sidecar.delay(Duration::from_millis(400));
    assert_eq!(task_status(&place, 2, "configure-genesis").await, "running");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(task_status(&place, 2, "configure-genesis").await, "completed");
    sidecar.delay(Duration::ZERO);
    sidecar.hang("discover-peers");
    assert_eq!(task_status(&place, 3, "discover-peers").await, "running");
    assert_eq!(task_status(&place, 4, "mark-ready").await, "completed");
    assert!(sidecar.is_ready().await);
    sidecar.restart();
    assert_eq!(answer(&place, "GET", "/v0/status", "").await["status"], "Initializing");
    assert_eq!(answer(&place, "GET", "/v0/tasks", "").await.as_array().map(Vec::len), Some(4));
    assert_eq!(
        sidecar.started(),
        ["config-apply", "config-apply", "configure-genesis", "discover-peers", "mark-ready"]
    );

    sidecar.line(Line::Answers(503));
    assert_eq!(code(&place, "GET", "/v0/livez", "").await, 503);
    sidecar.line(Line::Closed);
    assert_eq!(ask(&place, "GET", "/v0/livez", "").await, None);
    sidecar.line(Line::Silent);
    let silent = tokio::time::timeout(Duration::from_millis(300), ask(&place, "GET", "/v0/livez", "")).await;
    assert!(silent.is_err());
}

async fn refusals(place: &Place) {
    let bodies = [
        ("", "invalid request body"),
        ("[]", "invalid request body"),
        (r#"{"type":"mark-ready","params":7}"#, "invalid request body"),
        ("{}", "type is required"),
        (r#"{"type":"dance"}"#, "unknown task type: dance"),
        (r#"{"type":"mark-ready","id":"7"}"#, r#"task ID must be a valid UUID: "7""#),
    ];
    for (body, error) in bodies {
        let (code, text) = ask(place, "POST", "/v0/tasks", body).await.expect("an answer");
        assert_eq!((code, text.as_str()), (400, format!("{}\n", json!({"error": error})).as_str()), "{body}");
    }
    assert_eq!(code(place, "GET", "/v0/tasks/7", "").await, 404);
    assert_eq!(code(place, "GET", "/v0/nothing", "").await, 404);
    assert_eq!(code(place, "DELETE", "/v0/healthz", "").await, 405);
    let node_id = answer(place, "GET", "/v0/node-id", "").await;
    assert_eq!(node_id["nodeId"].as_str().map(str::len), Some(40));
}

async fn failed_ids_run_again(place: &Place) {
    place.sidecar("rpc").fail("config-apply", 1, "no such key");
    assert_eq!(task_status(place, 1, "config-apply").await, "failed");
    let row = answer(place, "GET", &format!("/v0/tasks/{}", id(1)), "").await;
    assert_eq!((&row["error"], &row["run"]), (&json!("no such key"), &json!(1)));
    assert_eq!(task_status(place, 1, "config-apply").await, "completed");
    let row = answer(place, "GET", &format!("/v0/tasks/{}", id(1)), "").await;
    assert_eq!((row.get("error"), &row["run"]), (None, &json!(2)));
    assert_eq!(task_status(place, 1, "config-apply").await, "completed", "a completed id does not run again");
}

fn id(number: u32) -> String {
    format!("00000000-0000-5000-8000-{number:012}")
}

/// Posts the task and reads its row.
async fn task_status(place: &Place, number: u32, kind: &str) -> String {
    let id = id(number);
    let posted = answer(place, "POST", "/v0/tasks", &json!({"id": id, "type": kind}).to_string()).await;
    assert_eq!(posted, json!({"id": id}));
    let row = answer(place, "GET", &format!("/v0/tasks/{id}"), "").await;
    row["status"].as_str().expect("a status").to_owned()
}

async fn code(place: &Place, method: &str, path: &str, body: &str) -> u16 {
    ask(place, method, path, body).await.expect("an answer").0
}

async fn answer(place: &Place, method: &str, path: &str, body: &str) -> Value {
    let (_, text) = ask(place, method, path, body).await.expect("an answer");
    serde_json::from_str(&text).expect("a JSON answer")
}

/// One request to the sidecar of node `rpc`, on its own connection; nothing when it closes without an answer.
async fn ask(place: &Place, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
    let url = place.world.sidecar.url();
    let stream = TcpStream::connect(url.trim_start_matches("http://")).await.expect("the server listens");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
    tokio::spawn(connection);
    let host = format!("rpc-0.rpc.{}.svc.cluster.local:7777", place.namespace);
    let body = Full::<Bytes>::from(body.to_owned());
    let request = Request::builder().method(method).uri(path).header("host", host).body(body).expect("valid");
    let response = sender.send_request(request).await.ok()?;
    let code = response.status().as_u16();
    let bytes = response.into_body().collect().await.expect("a whole answer").to_bytes();
    Some((code, String::from_utf8(bytes.to_vec()).expect("text")))
}

/// What the operator would make of a SeiNode, as far as the harness cares.
async fn create_fake_node(place: &Place, name: &str) {
    let labels = json!({"sei.io/node": name});
    let service = object(json!({
        "metadata": {"name": name},
        "spec": {"clusterIP": "None", "selector": labels, "ports": [{"name": "sidecar", "port": 7777}]},
    }));
    place.api::<Service>().create(&PostParams::default(), &service).await.expect("a Service");
    let set = object(json!({
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "serviceName": name,
            "updateStrategy": {"type": "OnDelete"},
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "initContainers": [{"name": "sei-sidecar", "image": "sidecar:v1", "restartPolicy": "Always"}],
                    "containers": [{"name": "seid", "image": V1}],
                },
            },
        },
    }));
    place.api::<StatefulSet>().create(&PostParams::default(), &set).await.expect("a StatefulSet");
}

async fn running_pod(place: &Place, name: &str) -> Pod {
    let pods: Api<Pod> = place.api();
    let pod_name = format!("{name}-0");
    eventually("the pod runs", async || {
        let pod = pods.get_opt(&pod_name).await.expect("the API server answers").ok_or("no pod")?;
        let phase = pod.status.and_then(|status| status.phase).unwrap_or_default();
        check(phase == "Running", || phase)
    })
    .await;
    pods.get(&pod_name).await.expect("it runs")
}

fn object<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("a valid object")
}

async fn eventually<F: Future<Output = Check>>(what: &str, look: impl Fn() -> F) {
    let deadline = Instant::now() + DEADLINE;
    while let Err(why) = look().await {
        assert!(Instant::now() < deadline, "{what}: {why}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
