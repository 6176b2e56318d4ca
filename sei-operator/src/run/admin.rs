//! The admin server: probes and metrics over HTTP, on a thread and a runtime of its own, so that it can tell when the runtime that
//! reconciles stands still.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use clap::Args;
use futures::future::try_join_all;
use thiserror::Error;

use super::address::BindAddress;
use super::heart::Heart;
use super::metrics::Metrics;

/// What the text format calls itself.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Where the admin server listens. Flags and defaults are those of controllers made with controller-runtime.
#[derive(Args, Debug)]
pub(super) struct AdminArgs {
    /// Address of /metrics, in the text format of Prometheus: HOST:PORT, :PORT for every address, or 0 for no metrics
    ///
    /// The reference of all metrics is printed by `sei-operator explain metrics`. A port 0, as in 127.0.0.1:0, is a free
    /// one; the log says which.
    #[arg(long, value_name = "ADDRESS", default_value = ":8080")]
    metrics_bind_address: BindAddress,
    /// Address of the probes /livez (also /healthz) and /readyz: HOST:PORT, :PORT for every address, or 0 for no probes
    ///
    /// /livez answers 200 as long as the event loop moves, whatever the API server does; /readyz once every watch has
    /// shown all there is. A 503 says why.
    #[arg(long, value_name = "ADDRESS", default_value = ":8081")]
    health_probe_bind_address: BindAddress,
}

/// An address that cannot be listened on.
#[derive(Debug, Error)]
#[error("{flag} {address}: {error}; name another address, or 0 to do without")]
pub(crate) struct CannotListen {
    flag: &'static str,
    address: BindAddress,
    error: io::Error,
}

/// The sockets of the admin server, before anybody is answered.
pub(super) struct Listeners {
    metrics: Option<TcpListener>,
    probes: Option<TcpListener>,
}

impl Listeners {
    /// Takes the ports, so that one that is taken ends the start and not a rollout.
    ///
    /// # Errors
    /// When an address cannot be listened on.
    pub(super) fn bind(args: &AdminArgs) -> Result<Self, CannotListen> {
        let bind = |flag, address: &BindAddress| {
            address.bind().map_err(|error| CannotListen { flag, address: address.clone(), error })
        };
        Ok(Self {
            metrics: bind("--metrics-bind-address", &args.metrics_bind_address)?,
            probes: bind("--health-probe-bind-address", &args.health_probe_bind_address)?,
        })
    }

    /// Answers from now on, until the process ends.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(super) fn serve(self, metrics: Metrics, probes: Probes) -> io::Result<()> {
        let served = [("metrics", self.metrics, scrapes(metrics)), ("health probes", self.probes, probes.router())];
        let mut servers = Vec::new();
        for (what, listener, router) in served {
            let Some(listener) = listener else { continue };
            listener.set_nonblocking(true)?;
            tracing::info!(what, address = %listener.local_addr()?, "listening");
            servers.push((listener, router));
        }
        if servers.is_empty() {
            return Ok(());
        }
        std::thread::Builder::new().name("admin".to_owned()).spawn(move || {
            if let Err(error) = answer_all(servers) {
                tracing::error!(%error, "the admin server ended");
            }
        })?;
        Ok(())
    }
}

/// Answers for ever.
fn answer_all(servers: Vec<(TcpListener, Router)>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(try_join_all(servers.into_iter().map(|(listener, router)| answer(listener, router)))).map(|_| ())
}

async fn answer(listener: TcpListener, router: Router) -> io::Result<()> {
    axum::serve(tokio::net::TcpListener::from_std(listener)?, router).await
}

/// What the probes ask.
#[derive(Clone)]
pub(super) struct Probes {
    heart: Heart,
    unsynced: Arc<dyn Fn() -> Vec<&'static str> + Send + Sync>,
}

impl Probes {
    /// `unsynced` names the watches that have not shown all there is. A process that stands by for another one is ready with
    /// them, too.
    pub(super) fn new(heart: Heart, unsynced: impl Fn() -> Vec<&'static str> + Send + Sync + 'static) -> Self {
        Self { heart, unsynced: Arc::new(unsynced) }
    }

    fn router(self) -> Router {
        let live = async |State(probes): State<Self>| verdict(probes.heart.check());
        let ready = async |State(probes): State<Self>| verdict(probes.is_ready());
        Router::new()
            .route("/livez", get(live))
            .route("/healthz", get(live))
            .route("/readyz", get(ready))
            .with_state(self)
    }

    fn is_ready(&self) -> Result<(), String> {
        let missing = (self.unsynced)();
        if missing.is_empty() { Ok(()) } else { Err(format!("waiting for the first list of {}", missing.join(", "))) }
    }
}

fn verdict(checked: Result<(), String>) -> Response {
    match checked {
        Ok(()) => (StatusCode::OK, "ok\n").into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

fn scrapes(metrics: Metrics) -> Router {
    let scrape = async |State(metrics): State<Metrics>| match metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    };
    Router::new().route("/metrics", get(scrape)).with_state(metrics)
}

#[cfg(test)]
mod tests;
