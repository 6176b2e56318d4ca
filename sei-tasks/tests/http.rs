//! The HTTP client of sidecars against a server that answers whatever the test says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::sync::{Arc, Mutex};

use sei_tasks::http::{HttpSidecar, TOKEN_FILE};
use sei_tasks::world::{Address, Sidecar, SidecarError, TaskReport, TaskRequest, TaskState};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn node() -> Address {
    Address::plain("http://rpc-0-0.rpc-0.nodes.svc.cluster.local:7777")
}

/// A server for one connection: it answers every request with the next text, and never again when they run out.
struct Played {
    sidecar: HttpSidecar,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Played {
    async fn answering(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut answers = answers.into_iter();
            let mut buffer = vec![0; 64 * 1024];
            loop {
                let read = connection.read(&mut buffer).await.unwrap_or(0);
                if read == 0 {
                    return;
                }
                seen.lock().unwrap().push(String::from_utf8_lossy(&buffer[..read]).into_owned());
                match answers.next() {
                    Some(answer) => connection.write_all(answer.as_bytes()).await.unwrap_or(()),
                    None => std::future::pending().await,
                }
            }
        });
        Self {
            sidecar: HttpSidecar::new(Some(format!("http://{address}").parse().unwrap()), TOKEN_FILE.into()),
            requests,
        }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn answer(code: &str, body: &str) -> String {
    format!("HTTP/1.1 {code}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn request() -> TaskRequest {
    TaskRequest { id: "an-id".into(), kind: "config-apply", params: Some(json!({"mode": "full"})) }
}

/// All on one connection: the server accepts no second one.
#[tokio::test]
async fn answers_are_read_and_the_connection_is_kept() {
    let played = Played::answering(vec![
        answer("201 Created", r#"{"id":"an-id"}"#),
        answer("200 OK", r#"{"id":"an-id","type":"config-apply","status":"running","run":1}"#),
        answer("200 OK", r#"{"status":"failed","error":"no such bucket"}"#),
        answer("404 Not Found", r#"{"error":"task not found"}"#),
        answer("200 OK", ""),
        answer("503 Service Unavailable", ""),
    ])
    .await;
    let sidecar = &played.sidecar;
    assert_eq!(sidecar.submit(&node(), &request()).await, Ok(()));
    let running = TaskReport { state: TaskState::Running, error: String::new() };
    assert_eq!(sidecar.task(&node(), "an-id").await, Ok(Some(running)));
    let failed = TaskReport { state: TaskState::Failed, error: "no such bucket".into() };
    assert_eq!(sidecar.task(&node(), "an-id").await, Ok(Some(failed)));
    assert_eq!(sidecar.task(&node(), "an-id").await, Ok(None));
    assert_eq!(sidecar.healthz(&node()).await, Ok(true));
    assert_eq!(sidecar.healthz(&node()).await, Ok(false));

    let requests = played.requests();
    assert!(requests[0].starts_with("POST /v0/tasks HTTP/1.1\r\n"), "{}", requests[0]);
    assert!(requests[0].contains("host: rpc-0-0.rpc-0.nodes.svc.cluster.local:7777\r\n"), "{}", requests[0]);
    assert!(
        requests[0].ends_with(r#"{"id":"an-id","params":{"mode":"full"},"type":"config-apply"}"#),
        "{}",
        requests[0]
    );
    assert!(requests[1].starts_with("GET /v0/tasks/an-id HTTP/1.1\r\n"));
    assert!(requests[4].starts_with("GET /v0/healthz HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_refusal_carries_the_words_of_the_sidecar() {
    let played = Played::answering(vec![answer("400 Bad Request", r#"{"error":"unknown task type: x"}"#)]).await;
    let refused = SidecarError::Refused("unknown task type: x".into());
    assert_eq!(played.sidecar.submit(&node(), &request()).await, Err(refused));
}

#[tokio::test]
async fn answers_nobody_described_are_shown_in_part() {
    let played = Played::answering(vec![
        answer("500 Internal Server Error", &"x".repeat(5000)),
        answer("200 OK", "not json"),
        answer("200 OK", r#"{"status":"sleeping"}"#),
    ])
    .await;
    let unexpected = |code, body: &str| Err(SidecarError::Unexpected { code, body: body.into() });
    assert_eq!(played.sidecar.task(&node(), "an-id").await, unexpected(500, &"x".repeat(200)));
    assert_eq!(played.sidecar.task(&node(), "an-id").await, unexpected(200, "not json"));
    assert_eq!(played.sidecar.task(&node(), "an-id").await, unexpected(200, r#"{"status":"sleeping"}"#));
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let played = Played::answering(vec![answer("200 OK", &" ".repeat(2 << 20))]).await;
    let answer = played.sidecar.task(&node(), "an-id").await;
    assert!(matches!(&answer, Err(SidecarError::Unreachable(why)) if why.contains("length limit")), "{answer:?}");
}

/// E17: the clock is virtual, so nobody waits for the deadline.
#[tokio::test(start_paused = true)]
async fn a_sidecar_that_hangs_costs_a_deadline() {
    let played = Played::answering(Vec::new()).await;
    let hung = |seconds| Err(SidecarError::Unreachable(format!("no answer within {seconds} s")));
    assert_eq!(played.sidecar.healthz(&node()).await, hung(2));
    let played = Played::answering(Vec::new()).await;
    assert_eq!(played.sidecar.task(&node(), "an-id").await.map(|_| true), hung(10));
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let sidecar = HttpSidecar::new(Some(format!("http://{address}").parse().unwrap()), TOKEN_FILE.into());
    let answer = sidecar.healthz(&node()).await;
    assert!(matches!(&answer, Err(SidecarError::Unreachable(why)) if why.contains("refused")), "{answer:?}");
}
