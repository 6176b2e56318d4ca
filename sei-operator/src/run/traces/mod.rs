//! Plans as traces, for an OpenTelemetry collector. A plan outlives the processes that work on it, so nothing of a trace is kept in
//! memory: when a plan is over, its trace is made from what status says of it.

mod spans;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use opentelemetry::Key;
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SpanProcessor};
use sei_planner::api::{SeiNode, TaskPlan};
use sei_planner::names::NodeKey;
use sei_planner::node::Transition;
use sei_tasks::record::{Probe, Recorder};
use thiserror::Error;
use tokio::runtime::Handle;

use super::endpoint_of_environment;

/// Below the path of the collector.
const PATH: &str = "v1/traces";
/// No request takes longer; OpenTelemetry's own default.
const DEADLINE: Duration = Duration::from_secs(10);
/// What is not sent by then, when the process ends, is lost.
const FLUSH_DEADLINE: Duration = Duration::from_secs(5);

/// Sends a trace of each plan that is over.
#[derive(Debug)]
pub(super) struct Traces {
    sender: BatchSpanProcessor,
}

/// Why no traces can be sent.
#[derive(Debug, Error)]
pub(crate) enum CannotTrace {
    /// The flag names no place.
    #[error("--otlp-endpoint {0}: write a URL such as http://otel-collector.monitoring:4318")]
    Endpoint(Uri),
    /// What the environment says cannot be used.
    #[error("no traces can be sent: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// The roots of the system, by which collectors are verified, cannot be used.
    #[error("no traces can be sent: {0}")]
    Tls(#[from] std::io::Error),
}

/// Sends traces to `endpoint`, or where the environment says; nothing where neither is so. Runs on the current runtime.
///
/// # Errors
/// When the address is none.
pub(super) fn start(endpoint: Option<&Uri>) -> Result<Option<Arc<Traces>>, CannotTrace> {
    if let Some(endpoint) = endpoint.filter(|endpoint| !is_url(endpoint)) {
        return Err(CannotTrace::Endpoint(endpoint.clone()));
    }
    if endpoint.is_none() && endpoint_of_environment().is_none() {
        return Ok(None);
    }
    let mut exporter = SpanExporter::builder().with_http().with_http_client(OnRuntime::new()?);
    if let Some(base) = endpoint {
        exporter = exporter.with_endpoint(format!("{}/{PATH}", base.to_string().trim_end_matches('/')));
    }
    let mut sender = BatchSpanProcessor::builder(exporter.build()?).build();
    sender.set_resource(&resource());
    Ok(Some(Arc::new(Traces { sender })))
}

fn is_url(endpoint: &Uri) -> bool {
    matches!(endpoint.scheme_str(), Some("http" | "https")) && endpoint.host().is_some_and(|host| !host.is_empty())
}

/// Who sends: as the environment says, else by our own name.
fn resource() -> Resource {
    let told = Resource::builder().build();
    let service = told.get(&Key::new("service.name"));
    match service.is_some_and(|name| !name.as_str().starts_with("unknown_service")) {
        true => told,
        false => Resource::builder().with_service_name("sei-operator").build(),
    }
}

impl Traces {
    /// Sends what is left.
    pub(super) async fn flush(self: Arc<Self>) {
        let flushed = tokio::task::spawn_blocking(move || self.sender.shutdown_with_timeout(FLUSH_DEADLINE)).await;
        if let Ok(Err(error)) = flushed {
            tracing::warn!(%error, "the last traces may be lost");
        }
    }
}

impl Recorder for Traces {
    fn changed(&self, before: &SeiNode, after: &SeiNode, transitions: &[Transition]) {
        for transition in transitions {
            if let Transition::PlanEnded { id, end, seconds: Some(seconds), .. } = transition
                && let Some(plan) = [after, before].into_iter().find_map(|node| stored_plan(node, id))
            {
                let ended = spans::Ended { node: &NodeKey::of(before), plan, end: *end, seconds: *seconds };
                spans::of(&ended).into_iter().for_each(|span| self.sender.on_end(span));
            }
        }
    }

    /// No plan does that.
    fn probed(&self, _: &NodeKey, _: Probe) {}
}

fn stored_plan<'a>(node: &'a SeiNode, id: &str) -> Option<&'a TaskPlan> {
    node.status.as_ref()?.plan.as_ref().filter(|plan| plan.id == id)
}

/// The sender has a thread of its own, outside of the runtime that connections need.
struct OnRuntime {
    client: Arc<HyperClient<HttpsConnector<HttpConnector>>>,
    runtime: Handle,
}

impl OnRuntime {
    fn new() -> Result<Self, std::io::Error> {
        let provider = rustls::crypto::ring::default_provider();
        let connector = HttpsConnectorBuilder::new().with_provider_and_platform_verifier(provider)?;
        let client = HyperClient::new(connector.https_or_http().enable_http1().build(), DEADLINE, None);
        Ok(Self { client: Arc::new(client), runtime: Handle::current() })
    }
}

impl fmt::Debug for OnRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnRuntime").finish_non_exhaustive()
    }
}

#[async_trait]
impl HttpClient for OnRuntime {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        self.runtime.spawn(async move { client.send_bytes(request).await }).await?
    }
}
