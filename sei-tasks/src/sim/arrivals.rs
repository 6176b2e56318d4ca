//! Writes of a process that died, on their way to the API server: they arrive when the next process is at work.

use sei_planner::api::{SeiNode, SeiNodeStatus, Time};
use serde_json::Value;

use crate::world::{ObjectId, Propagation};

use super::api::{self, Request};
use super::clock::Due;
use super::state::State;

/// A write on its way.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    at: Time,
    write: Write,
}

#[derive(Clone, Debug)]
enum Write {
    Create(ObjectId, Value),
    Apply(ObjectId, Value),
    Delete(ObjectId, String, Propagation),
    PatchMetadata(ObjectId, String, String, Value),
    Status(Box<SeiNode>, Box<SeiNodeStatus>),
}

impl Arrival {
    /// The write of a request; `None` for those that write nothing to the API server.
    fn of(request: &Request<'_>, at: Time) -> Option<Self> {
        let write = match *request {
            Request::Create(id, object) => Write::Create(id.clone(), object.clone()),
            Request::Apply(id, object) => Write::Apply(id.clone(), object.clone()),
            Request::Delete(id, uid, children) => Write::Delete(id.clone(), uid.to_owned(), children),
            Request::PatchMetadata(id, uid, version, metadata) => {
                Write::PatchMetadata(id.clone(), uid.to_owned(), version.to_owned(), metadata.clone())
            }
            Request::WriteStatus(node, status) => Write::Status(Box::new(node.clone()), Box::new(status.clone())),
            Request::Node(_)
            | Request::Read(_)
            | Request::Pods(_)
            | Request::Announce(..)
            | Request::Submit(..)
            | Request::Task(..)
            | Request::Health(_)
            | Request::Chain(_)
            | Request::Signers(..) => return None,
        };
        Some(Self { at, write })
    }
}

/// Sends a write that takes so many seconds.
pub(super) fn send(state: &mut State, request: &Request<'_>, seconds: i64) {
    let at = state.now.plus_seconds(seconds);
    if let Some(arrival) = Arrival::of(request, at) {
        state.arrivals.push(arrival);
        state.queue.push(at, Due::Arrival);
    }
}

/// Every write that is there by now takes effect, or is refused and nobody hears of it.
pub(super) fn arrive(state: &mut State) {
    let now = state.now;
    let (here, later) = std::mem::take(&mut state.arrivals).into_iter().partition(|arrival| arrival.at <= now);
    state.arrivals = later;
    for Arrival { write, .. } in here {
        let _ = match write {
            Write::Create(id, object) => state.store.create(&id, &object, &mut state.ids).map(drop),
            Write::Apply(id, object) => state.store.apply(&id, &object, &mut state.ids).map(drop),
            Write::Delete(id, uid, children) => api::delete(state, &id, &uid, children),
            Write::PatchMetadata(id, uid, version, metadata) => {
                state.store.patch_metadata(&id, &uid, &version, &metadata).map(drop)
            }
            Write::Status(node, status) => api::patch_status(state, &node, &status).map(drop),
        };
    }
}
