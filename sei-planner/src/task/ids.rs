//! Ids of tasks: derived from the plan, so that a crash between two attempts cannot invent a second task.

use sha1::{Digest as _, Sha1};
use uuid::{Builder, Uuid};

/// Namespace of task ids, shared with the controller this operator replaces.
const TASK_NAMESPACE: Uuid = Uuid::from_u128(0xb7e8_9c3a_4f12_4d8b_9a6e_1c2d_3e4f_5a6b);

/// The id of the task of type `kind` at position `index` (from 0) of the plan `plan_id`: a UUID v5.
///
/// ```
/// let id = sei_planner::task::task_id("00000000-0000-4000-8000-000000000000", "mark-ready", 8);
/// assert_eq!(id, "d412bc49-5d31-596f-8634-1e371ecc1306");
/// ```
#[must_use]
pub fn task_id(plan_id: &str, kind: &str, index: usize) -> String {
    named(TASK_NAMESPACE, &[plan_id, kind, &index.to_string()])
}

/// Namespace of the ids of tasks that one task of a group posts to many nodes.
const FAN_OUT_NAMESPACE: Uuid = Uuid::from_u128(0xd4a7_e1f3_8b29_4c6d_a5e0_2f1d_3c4b_5a6e);

/// What a task of a group asks of each node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FanOut {
    /// Stop at a height.
    HaltSignal,
    /// Tell when a height is reached.
    AwaitHeight,
}

/// The id of what the group task `parent_task_id` posts to `node`: a UUID v5.
#[must_use]
pub fn fan_out_id(node: &str, what: FanOut, parent_task_id: &str) -> String {
    let what = match what {
        FanOut::HaltSignal => "halt-signal",
        FanOut::AwaitHeight => "await-height",
    };
    named(FAN_OUT_NAMESPACE, &[node, what, parent_task_id])
}

/// Eight hexadecimal digits that are others for another text.
pub(crate) fn digest(text: &str) -> String {
    named(TASK_NAMESPACE, &["digest", text]).chars().take(8).collect()
}

/// The value that answers this question in this situation, and no other: eight hexadecimal digits.
#[must_use]
pub fn answer_token(situation: &str, question: &str) -> String {
    task_id(situation, question, 0).chars().take(8).collect()
}

/// The UUID v5 of these parts, joined by `/`. Every task of every plan has one, so the hash is the processor's own where it
/// has one.
fn named(namespace: Uuid, parts: &[&str]) -> String {
    let mut hash = Sha1::new_with_prefix(namespace.as_bytes());
    for (index, part) in parts.iter().enumerate() {
        hash.update(if index == 0 { "" } else { "/" });
        hash.update(part);
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    let mut text = Uuid::encode_buffer();
    Builder::from_sha1_bytes(bytes).into_uuid().hyphenated().encode_lower(&mut text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::{FanOut, fan_out_id, task_id};

    #[test]
    fn fan_out_ids_equal_the_vectors_of_the_reference() {
        let parent = "c0ffee00-0000-5000-8000-000000000001";
        let halt = fan_out_id("node-0", FanOut::HaltSignal, parent);
        assert_eq!(halt, "d7c7ed1f-2ce8-5eb5-9343-0a39517cf814");
        let height = fan_out_id("node-0", FanOut::AwaitHeight, parent);
        assert_eq!(height, "535fb095-1359-5d77-bfe1-293720f131b5");
    }

    #[test]
    fn ids_equal_the_vectors_of_the_reference() {
        let zero = "00000000-0000-4000-8000-000000000000";
        for (plan, kind, index, id) in [
            ("test-plan-retry", "configure-genesis", 0, "52870ba7-7f29-5143-8fa9-c17316f83728"),
            (zero, "ensure-data-pvc", 0, "73a3dbf5-7d96-5361-bf10-9e96a122450a"),
            (zero, "apply-statefulset", 1, "7d25552b-fabc-5d8c-8afd-4559fdd7d038"),
            (zero, "mark-ready", 8, "d412bc49-5d31-596f-8634-1e371ecc1306"),
        ] {
            assert_eq!(task_id(plan, kind, index), id, "{plan}/{kind}/{index}");
        }
    }
}
