//! The real sidecars behind [`Sidecar`]: plain HTTP/1.1 with connections kept alive, a deadline on every call and a cap on
//! every answer.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use serde_json::json;

use crate::causes;
use crate::world::{Sidecar, SidecarError, TaskReport, TaskRequest, TaskState};

/// No call that submits or asks for a task takes longer.
const TASK_DEADLINE: Duration = Duration::from_secs(10);
/// No health question takes longer.
const HEALTH_DEADLINE: Duration = Duration::from_secs(2);
/// No answer is longer, in bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// How much of an unexpected answer is shown, in characters.
const SHOWN_CHARS: usize = 200;

/// The sidecars of all nodes, over HTTP.
#[derive(Clone)]
pub struct HttpSidecar {
    client: Client<HttpConnector, Full<Bytes>>,
    via: Option<Uri>,
}

impl HttpSidecar {
    /// Sidecars at their own addresses, or all of them behind `via` (scheme and authority), with the `Host` header of
    /// each call naming the node's own address: a port-forward, or a played fleet in tests.
    #[must_use]
    pub fn new(via: Option<Uri>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(TASK_DEADLINE));
        Self { client: Client::builder(TokioExecutor::new()).build(connector), via }
    }

    async fn call(
        &self,
        method: Method,
        base_url: &str,
        path: &str,
        body: Option<String>,
        deadline: Duration,
    ) -> Answer {
        let request = self.request(method, base_url, path, body)?;
        match tokio::time::timeout(deadline, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(SidecarError::Unreachable(format!("no answer within {} s", deadline.as_secs()))),
        }
    }

    fn request(
        &self,
        method: Method,
        base_url: &str,
        path: &str,
        body: Option<String>,
    ) -> Result<Request<Full<Bytes>>, SidecarError> {
        let own: Uri = format!("{base_url}{path}").parse().map_err(unusable)?;
        let host = own.authority().map(ToString::to_string).unwrap_or_default();
        let target = match &self.via {
            Some(via) => format!("http://{}{path}", via.authority().map(ToString::to_string).unwrap_or_default())
                .parse()
                .map_err(unusable)?,
            None => own,
        };
        let mut request = Request::builder().method(method).uri(target).header(HOST, host);
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        request.body(Full::new(Bytes::from(body.unwrap_or_default()))).map_err(unusable)
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Answer {
        let answer = self.client.request(request).await.map_err(|error| SidecarError::Unreachable(causes(&error)))?;
        let code = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| SidecarError::Unreachable(format!("reading the answer: {error}")))?;
        Ok((code, String::from_utf8_lossy(&body.to_bytes()).into_owned()))
    }
}

type Answer = Result<(StatusCode, String), SidecarError>;

#[derive(Deserialize)]
struct TaskResult {
    status: String,
    #[serde(default)]
    error: String,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: String,
}

impl Sidecar for HttpSidecar {
    async fn submit(&self, base_url: &str, request: &TaskRequest) -> Result<(), SidecarError> {
        let mut body = json!({ "id": request.id, "type": request.kind });
        if let Some(params) = &request.params {
            body["params"] = params.clone();
        }
        let (code, text) =
            self.call(Method::POST, base_url, "/v0/tasks", Some(body.to_string()), TASK_DEADLINE).await?;
        match code {
            StatusCode::CREATED | StatusCode::ACCEPTED => Ok(()),
            StatusCode::BAD_REQUEST => {
                let said = serde_json::from_str::<ErrorBody>(&text).map_or_else(|_| shown(&text), |body| body.error);
                Err(SidecarError::Refused(said))
            }
            code => Err(unexpected(code, &text)),
        }
    }

    async fn task(&self, base_url: &str, id: &str) -> Result<Option<TaskReport>, SidecarError> {
        let path = format!("/v0/tasks/{id}");
        let (code, text) = self.call(Method::GET, base_url, &path, None, TASK_DEADLINE).await?;
        match code {
            StatusCode::OK => {
                let result: TaskResult = serde_json::from_str(&text).map_err(|_| unexpected(code, &text))?;
                let state = match result.status.as_str() {
                    "completed" => TaskState::Completed,
                    "failed" => TaskState::Failed,
                    "running" => TaskState::Running,
                    _ => return Err(unexpected(code, &text)),
                };
                Ok(Some(TaskReport { state, error: result.error }))
            }
            StatusCode::NOT_FOUND => Ok(None),
            code => Err(unexpected(code, &text)),
        }
    }

    async fn healthz(&self, base_url: &str) -> Result<bool, SidecarError> {
        let (code, text) = self.call(Method::GET, base_url, "/v0/healthz", None, HEALTH_DEADLINE).await?;
        match code {
            StatusCode::OK => Ok(true),
            StatusCode::SERVICE_UNAVAILABLE => Ok(false),
            code => Err(unexpected(code, &text)),
        }
    }
}

fn unexpected(code: StatusCode, body: &str) -> SidecarError {
    SidecarError::Unexpected { code: code.as_u16(), body: shown(body) }
}

fn shown(body: &str) -> String {
    body.trim().chars().take(SHOWN_CHARS).collect()
}

fn unusable(error: impl std::fmt::Display) -> SidecarError {
    SidecarError::Unreachable(format!("unusable address: {error}"))
}
