//! The real sidecars behind [`Sidecar`]: HTTP/1.1 with connections kept alive, a deadline on every call and a cap on every
//! answer. Over TLS the server must present the one certificate that its address names, and is shown our token.

mod pinned;
mod reply;
mod token;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::json;

pub use self::reply::Reply;
use self::token::TokenFile;
use crate::causes;
use crate::world::{Address, ChainHead, Sidecar, SidecarError, TaskReport, TaskRequest};

/// No call that submits or asks for a task takes longer.
const TASK_DEADLINE: Duration = Duration::from_secs(10);
/// No health question takes longer.
const HEALTH_DEADLINE: Duration = Duration::from_secs(2);
/// No answer is longer, in bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// How many TLS servers' connections are kept; all are dropped when there are more.
const TLS_CLIENTS_MAX: usize = 4096;

/// Where the kubelet puts the token of a pod's service account.
pub const TOKEN_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// The sidecars of all nodes, over HTTP.
#[derive(Clone)]
pub struct HttpSidecar {
    client: Client<HttpConnector, Full<Bytes>>,
    tls: Arc<Mutex<BTreeMap<String, TlsClient>>>,
    token: Arc<TokenFile>,
    via: Option<Uri>,
}

/// Connections to one server that presents one certificate.
#[derive(Clone)]
struct TlsClient {
    certificate: Vec<u8>,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// One call, before it is made.
struct Call {
    method: Method,
    path: String,
    body: Option<String>,
    deadline: Duration,
}

impl Call {
    fn get(path: impl Into<String>, deadline: Duration) -> Self {
        Self { method: Method::GET, path: path.into(), body: None, deadline }
    }
}

impl HttpSidecar {
    /// Sidecars at their own addresses, or all of them behind `via` (scheme and authority), with the `Host` header of
    /// each call naming the node's own address: a port-forward, or a played fleet in tests. What stands at an `http` address ends
    /// TLS; an `https` one is the TLS proxy of whichever node is called, with that node's certificate.
    /// `token_file` holds the token that TLS servers are shown; it is read when one is called.
    #[must_use]
    pub fn new(via: Option<Uri>, token_file: PathBuf) -> Self {
        Self {
            client: Client::builder(TokioExecutor::new()).build(connector()),
            tls: Arc::default(),
            token: Arc::new(TokenFile::new(token_file)),
            via,
        }
    }

    async fn call(&self, at: &Address, call: Call) -> Answer {
        let deadline = call.deadline;
        match tokio::time::timeout(deadline, self.exchange(at, call)).await {
            Ok(answer) => answer,
            Err(_) => Err(SidecarError::Unreachable(format!("no answer within {} s", deadline.as_secs()))),
        }
    }

    async fn exchange(&self, at: &Address, call: Call) -> Answer {
        let mut request = self.request(at, call)?;
        let over_tls = request.uri().scheme_str() == Some("https");
        let answer = if over_tls {
            request.headers_mut().insert(AUTHORIZATION, self.bearer()?);
            self.tls_client(at)?.request(request).await
        } else {
            self.client.request(request).await
        };
        let answer = answer.map_err(|error| {
            let why = causes(&error);
            if pinned::is_other_certificate(&error) {
                SidecarError::Untrusted(format!("the server presents another certificate than the TLS Secret: {why}"))
            } else {
                SidecarError::Unreachable(why)
            }
        })?;
        let code = answer.status();
        if over_tls && code == StatusCode::UNAUTHORIZED {
            self.token.forget();
        }
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| SidecarError::Unreachable(format!("reading the answer: {error}")))?;
        Ok(Reply { code, body: body.to_bytes() })
    }

    fn request(&self, at: &Address, call: Call) -> Result<Request<Full<Bytes>>, SidecarError> {
        let own: Uri = format!("{}{}", at.url, call.path).parse().map_err(unusable)?;
        let host = own.authority().map(ToString::to_string).unwrap_or_default();
        let target = match &self.via {
            Some(via) => through(via, &own).map_err(unusable)?,
            None => own,
        };
        let mut request = Request::builder().method(call.method).uri(target).header(HOST, host);
        if call.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        request.body(Full::new(Bytes::from(call.body.unwrap_or_default()))).map_err(unusable)
    }

    fn bearer(&self) -> Result<HeaderValue, SidecarError> {
        let token = self.token.token().map_err(SidecarError::Unreachable)?;
        // The error would quote the token.
        let value = HeaderValue::from_str(&format!("Bearer {token}"));
        let mut value = value.map_err(|_| SidecarError::Unreachable("the token is no header value".to_owned()))?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// The connections to this address, new ones once another certificate is expected there.
    fn tls_client(&self, at: &Address) -> Result<Client<HttpsConnector<HttpConnector>, Full<Bytes>>, SidecarError> {
        let Some(certificate) = &at.pinned else {
            return Err(SidecarError::Untrusted("no certificate is known that the sidecar should present".to_owned()));
        };
        let mut all = self.tls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get(&at.url).filter(|known| known.certificate == *certificate) {
            return Ok(known.client.clone());
        }
        if all.len() >= TLS_CLIENTS_MAX {
            all.clear();
        }
        let config = pinned::config(certificate).map_err(unusable)?;
        let mut plain = connector();
        plain.enforce_http(false);
        let https = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(config);
        let https = https.https_only().enable_http1().wrap_connector(plain);
        let client = Client::builder(TokioExecutor::new()).build(https);
        all.insert(at.url.clone(), TlsClient { certificate: certificate.clone(), client: client.clone() });
        Ok(client)
    }
}

/// The same path behind `via`.
fn through(via: &Uri, own: &Uri) -> Result<Uri, http::Error> {
    let keeps_tls = [via, own].iter().all(|uri| uri.scheme_str() == Some("https"));
    let authority = via.authority().map(ToString::to_string).unwrap_or_default();
    let path = own.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let scheme = if keeps_tls { "https" } else { "http" };
    Uri::builder().scheme(scheme).authority(authority).path_and_query(path).build()
}

fn connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(TASK_DEADLINE));
    connector
}

type Answer = Result<Reply, SidecarError>;

impl Sidecar for HttpSidecar {
    async fn submit(&self, at: &Address, request: &TaskRequest) -> Result<(), SidecarError> {
        let mut body = json!({ "id": request.id, "type": request.kind });
        if let Some(params) = &request.params {
            body["params"] = params.clone();
        }
        let call = Call {
            method: Method::POST,
            path: "/v0/tasks".to_owned(),
            body: Some(body.to_string()),
            deadline: TASK_DEADLINE,
        };
        self.call(at, call).await?.submitted()
    }

    async fn task(&self, at: &Address, id: &str) -> Result<Option<TaskReport>, SidecarError> {
        self.call(at, Call::get(format!("/v0/tasks/{id}"), TASK_DEADLINE)).await?.task()
    }

    async fn healthz(&self, at: &Address) -> Result<bool, SidecarError> {
        self.call(at, Call::get("/v0/healthz", HEALTH_DEADLINE)).await?.healthy()
    }

    async fn chain(&self, rpc: &str) -> Result<ChainHead, SidecarError> {
        self.call(&Address::plain(rpc), Call::get("/status", HEALTH_DEADLINE)).await?.chain()
    }

    async fn signers(&self, rpc: &str, height: i64) -> Result<BTreeSet<String>, SidecarError> {
        let call = Call::get(format!("/commit?height={height}"), HEALTH_DEADLINE);
        self.call(&Address::plain(rpc), call).await?.signers(height)
    }
}

fn unusable(error: impl std::fmt::Display) -> SidecarError {
    SidecarError::Unreachable(format!("unusable address: {error}"))
}
