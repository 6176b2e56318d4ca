//! What a candidate makes of the Lease. Pure: no clock, no request, and no text in a Lease that could make it panic.
//!
//! Whether a Lease expired is told by the process's own clock alone, from the moment at which it noticed the record's last change.
//! The times in the record are for people: the clock that wrote them is another machine's.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use serde_json::{Value, json};

use super::LEASE_DURATION;
use crate::world::{Kind, ObjectId};

/// A Lease that asks for more than this was not written by an operator: it would keep a dead holder in office.
const DURATION_MAX: Duration = Duration::from_secs(300);

/// What a candidate knows of the Lease. The default has not looked yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// The Lease at the last look at which there was one.
    lease: Value,
    /// Whether there was one at the last look.
    exists: bool,
    /// When the last change was noticed, on the clock of this process.
    since: Duration,
}

impl Observed {
    /// Takes note of the Lease, read at `now` on the clock of this process. `None`: there is none.
    ///
    /// A Lease that vanishes is a change like any other: its holder, who does not know of it yet, keeps its time.
    pub fn saw(&mut self, lease: Option<Value>, now: Duration) {
        let changed =
            self.exists != lease.is_some() || lease.as_ref().is_some_and(|new| new["spec"] != self.lease["spec"]);
        if changed {
            self.since = now;
        }
        self.exists = lease.is_some();
        self.lease = lease.unwrap_or_else(|| std::mem::take(&mut self.lease));
    }

    /// Who holds the Lease, whether it expired or not; empty when nobody does.
    #[must_use]
    pub fn holder(&self) -> String {
        match &self.lease["spec"]["holderIdentity"] {
            Value::Null => String::new(),
            Value::String(holder) => holder.clone(),
            // Held by something that is not of this operator; it expires like every other holder.
            odd @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => odd.to_string(),
        }
    }

    /// When the Lease expires unless it changes before, on the clock of this process.
    fn expires_at(&self) -> Duration {
        let asked_for = self.lease["spec"]["leaseDurationSeconds"].as_u64().unwrap_or_default();
        self.since.saturating_add(Duration::from_secs(asked_for).clamp(LEASE_DURATION, DURATION_MAX))
    }
}

/// What a candidate does next.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// There is no Lease: create this one.
    Create(Value),
    /// The Lease is this candidate's, or free to take: replace it by this one. It carries the resourceVersion that was read, so it
    /// loses against everybody who was faster.
    Replace(Value),
    /// Another process holds the Lease.
    Wait {
        /// When it may be taken, unless it changes before; on the clock of this process.
        until: Duration,
    },
}

/// What the candidate `me` does about the Lease `id` at `now` on its own clock; `wall` is written into the record.
#[must_use]
pub fn decide(observed: &Observed, id: &ObjectId, me: &str, now: Duration, wall: Timestamp) -> Decision {
    let holder = observed.holder();
    let until = observed.expires_at();
    if !holder.is_empty() && holder != me && now < until {
        return Decision::Wait { until };
    }
    let old = &observed.lease["spec"];
    let transitions = old["leaseTransitions"].as_i64().unwrap_or_default();
    let mine_since = old["acquireTime"].as_str().filter(|_| holder == me);
    let is_first = !observed.lease.is_object();
    let transitions = if mine_since.is_some() || is_first { transitions } else { transitions.saturating_add(1) };
    let acquired = mine_since.map_or_else(|| json!(MicroTime(wall)), Value::from);
    let record = json!({
        "holderIdentity": me,
        "leaseDurationSeconds": LEASE_DURATION.as_secs(),
        "acquireTime": acquired,
        "renewTime": MicroTime(wall),
        // The API server takes 32 bits.
        "leaseTransitions": transitions.clamp(0, i64::from(i32::MAX)),
    });
    write(observed, id, record)
}

/// The Lease that lets go of what `me` holds, so that nobody has to wait for it to expire; `None` when it is not held by `me`.
#[must_use]
pub fn release(observed: &Observed, id: &ObjectId, me: &str, wall: Timestamp) -> Option<Value> {
    if !observed.exists || observed.holder() != me {
        return None;
    }
    let record = json!({
        "holderIdentity": "",
        // As client-go does: a candidate that looks at the duration alone does not wait either.
        "leaseDurationSeconds": 1,
        "acquireTime": MicroTime(wall),
        "renewTime": MicroTime(wall),
        "leaseTransitions": observed.lease["spec"]["leaseTransitions"].as_i64().unwrap_or_default(),
    });
    match write(observed, id, record) {
        Decision::Replace(lease) => Some(lease),
        Decision::Create(_) | Decision::Wait { .. } => None,
    }
}

/// Labels, annotations and fields that others put there stay.
fn write(observed: &Observed, id: &ObjectId, record: Value) -> Decision {
    if !observed.exists {
        return Decision::Create(json!({
            "apiVersion": Kind::Lease.api_version(), "kind": Kind::Lease.name(),
            "metadata": { "namespace": id.namespace, "name": id.name },
            "spec": record,
        }));
    }
    let mut lease = observed.lease.clone();
    if let Some(metadata) = lease["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
    match (lease["spec"].as_object_mut(), record) {
        (Some(spec), Value::Object(record)) => spec.extend(record),
        (_, record) => lease["spec"] = record,
    }
    Decision::Replace(lease)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

    use super::*;
    use crate::leader::LEASE_NAME;

    const ME: &str = "operator-a";

    fn id() -> ObjectId {
        ObjectId::new(Kind::Lease, "sei-system", LEASE_NAME)
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn lease(version: &str, spec: Value) -> Value {
        json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": { "namespace": "sei-system", "name": LEASE_NAME, "resourceVersion": version, "labels": { "team": "x" } },
            "spec": spec,
        })
    }

    fn held_by(holder: &str, renewed: &str) -> Value {
        lease(
            "7",
            json!({
                "holderIdentity": holder, "leaseDurationSeconds": 15, "leaseTransitions": 4,
                "acquireTime": "2026-01-01T00:00:00.000000Z", "renewTime": renewed,
            }),
        )
    }

    fn after(looks: impl IntoIterator<Item = (u64, Option<Value>)>) -> Observed {
        let mut observed = Observed::default();
        for (at, lease) in looks {
            observed.saw(lease, seconds(at));
        }
        observed
    }

    fn decided(observed: &Observed, now: u64) -> Decision {
        decide(observed, &id(), ME, seconds(now), Timestamp::UNIX_EPOCH)
    }

    fn replaced(observed: &Observed, now: u64) -> Value {
        match decided(observed, now) {
            Decision::Replace(lease) => lease,
            other @ (Decision::Create(_) | Decision::Wait { .. }) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_lease_that_is_not_there_is_created() {
        let Decision::Create(lease) = decided(&after([(1, None)]), 1) else { panic!("a create") };
        assert_eq!(lease["metadata"], json!({ "namespace": "sei-system", "name": LEASE_NAME }));
        let wanted = json!({
            "holderIdentity": ME, "leaseDurationSeconds": 15, "leaseTransitions": 0,
            "acquireTime": "1970-01-01T00:00:00.000000Z", "renewTime": "1970-01-01T00:00:00.000000Z",
        });
        assert_eq!(lease["spec"], wanted);
    }

    #[test]
    fn a_renewal_keeps_its_history_and_what_others_wrote() {
        let observed = after([(1, Some(held_by(ME, "2026-01-01T00:00:00.000000Z")))]);
        let lease = replaced(&observed, 100);
        assert_eq!(lease["metadata"]["resourceVersion"], "7");
        assert_eq!(lease["metadata"]["labels"]["team"], "x");
        assert_eq!(lease["spec"]["acquireTime"], "2026-01-01T00:00:00.000000Z");
        assert_eq!(lease["spec"]["renewTime"], "1970-01-01T00:00:00.000000Z");
        assert_eq!(lease["spec"]["leaseTransitions"], 4);
    }

    #[test]
    fn another_holder_is_waited_for_from_the_last_change_that_was_noticed() {
        let one = held_by("operator-b", "1999-01-01T00:00:00.000000Z");
        let two = held_by("operator-b", "1999-01-01T00:00:02.000000Z");
        let observed = after([(10, Some(one.clone())), (12, Some(one.clone()))]);
        assert_eq!(decided(&observed, 24), Decision::Wait { until: seconds(25) });
        let renewed = after([(10, Some(one)), (12, Some(two))]);
        assert_eq!(decided(&renewed, 26), Decision::Wait { until: seconds(27) });
        let taken = replaced(&renewed, 27);
        assert_eq!((&taken["spec"]["holderIdentity"], &taken["spec"]["leaseTransitions"]), (&json!(ME), &json!(5)));
    }

    #[test]
    fn a_released_lease_is_taken_at_once_and_a_deleted_one_is_waited_out() {
        let held = held_by("operator-b", "1999-01-01T00:00:00.000000Z");
        let Some(free) = release(&after([(1, Some(held.clone()))]), &id(), "operator-b", Timestamp::UNIX_EPOCH) else {
            panic!("it was held")
        };
        let observed = after([(10, Some(held.clone())), (12, Some(free))]);
        assert_eq!(replaced(&observed, 12)["spec"]["leaseTransitions"], 5);
        let deleted = after([(10, Some(held)), (12, None), (14, None)]);
        assert_eq!(decided(&deleted, 26), Decision::Wait { until: seconds(27) });
        assert!(matches!(decided(&deleted, 27), Decision::Create(_)));
    }

    #[test]
    fn only_the_holder_releases() {
        let observed = after([(1, Some(held_by("operator-b", "1999-01-01T00:00:00.000000Z")))]);
        assert_eq!(release(&observed, &id(), ME, Timestamp::UNIX_EPOCH), None);
        assert_eq!(release(&Observed::default(), &id(), ME, Timestamp::UNIX_EPOCH), None);
    }

    #[test]
    fn records_of_others_are_waited_for_and_then_replaced() {
        for spec in [
            json!({ "holderIdentity": "sei-controller-0_5f", "renewTime": "soon", "leaseTransitions": "many" }),
            json!({ "holderIdentity": 7, "leaseDurationSeconds": -4 }),
            json!({ "holderIdentity": { "a": [] }, "leaseDurationSeconds": "x", "leaseTransitions": i64::MAX }),
        ] {
            let observed = after([(3, Some(lease("1", spec.clone())))]);
            assert_eq!(decided(&observed, 17), Decision::Wait { until: seconds(18) }, "{spec}");
            assert_eq!(replaced(&observed, 18)["spec"]["holderIdentity"], ME, "{spec}");
        }
        for spec in [json!(null), json!("x"), json!([1]), json!({})] {
            let observed = after([(3, Some(lease("1", spec.clone())))]);
            assert_eq!(replaced(&observed, 3)["spec"]["holderIdentity"], ME, "{spec}");
        }
    }

    #[test]
    fn a_holder_may_ask_for_more_time_but_not_for_ever() {
        for (asked_for, granted) in [(1, 15), (60, 60), (u64::MAX, 300)] {
            let spec = json!({ "holderIdentity": "b", "leaseDurationSeconds": asked_for });
            let observed = after([(3, Some(lease("1", spec)))]);
            assert_eq!(decided(&observed, 4), Decision::Wait { until: seconds(3 + granted) });
        }
    }
}
