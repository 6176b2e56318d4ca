//! The garbage collector: deletes what has owners none of which exists. Objects without owners are left alone.

use serde_json::Value;

use crate::sim::clock::Due;
use crate::sim::json::{list, text};
use crate::sim::state::State;
use crate::sim::store::Change;
use crate::world::ObjectId;

/// An owner may be gone, or a new object may have an owner that never was.
pub(in crate::sim) fn notice(state: &mut State, change: &Change) {
    let orphaned = change.after.as_deref().is_some_and(|object| change.before.is_none() && is_garbage(state, object));
    if change.after.is_none() || orphaned {
        let at = state.now.plus_seconds(state.options.delays.garbage_seconds);
        state.queue.push_once(at, Due::Garbage);
    }
}

/// Deletes all garbage in the background.
pub(in crate::sim) fn sync(state: &mut State) {
    let garbage: Vec<ObjectId> =
        state.store.all().filter(|(_, object)| is_garbage(state, object)).map(|(id, _)| id.clone()).collect();
    for id in garbage {
        state.store.delete(&id);
    }
}

fn is_garbage(state: &State, object: &Value) -> bool {
    let owners = list(object, "/metadata/ownerReferences");
    !owners.is_empty() && owners.iter().all(|owner| state.store.by_uid(text(owner, "/uid")).is_none())
}
