//! In the place of traces, in builds without them.

use std::sync::Arc;

use http::Uri;
use sei_planner::api::SeiNode;
use sei_planner::names::NodeKey;
use sei_planner::node::Transition;
use sei_tasks::record::{Probe, Recorder};
use thiserror::Error;

use super::endpoint_of_environment;

/// Nobody makes one.
#[derive(Debug)]
pub(super) enum Traces {}

/// Traces were asked for.
#[derive(Debug, Error)]
#[error("--otlp-endpoint {0}: this build sends no traces; build with `--features otlp`, or leave the flag out")]
pub(crate) struct CannotTrace(Uri);

/// Refuses to send traces.
///
/// # Errors
/// When that was asked for.
pub(super) fn start(endpoint: Option<&Uri>) -> Result<Option<Arc<Traces>>, CannotTrace> {
    match endpoint {
        Some(endpoint) => Err(CannotTrace(endpoint.clone())),
        None => {
            // Whoever set it may not have thought of this program.
            if let Some(name) = endpoint_of_environment() {
                tracing::warn!("{name} is set, and this build sends no traces: build with `--features otlp`");
            }
            Ok(None)
        }
    }
}

impl Traces {
    /// Nothing is left to send.
    pub(super) async fn flush(self: Arc<Self>) {
        match *self {}
    }
}

impl Recorder for Traces {
    fn changed(&self, _: &SeiNode, _: &SeiNode, _: &[Transition]) {
        match *self {}
    }

    fn probed(&self, _: &NodeKey, _: Probe) {
        match *self {}
    }
}
