//! One consensus key, one holder (D4): what a Lease says of a key, and what follows for a node that wants it. Pure; the
//! Secret's name is not the key, because copies exist.

use std::fmt;

use super::valid::ValidNode;
use crate::names::NodeKey;
use crate::task::answer_token;

/// A node as the holder of a key: written into the Lease as `namespace/name/uid`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyHolder {
    /// Namespace and name.
    pub node: NodeKey,
    /// `metadata.uid`: a node that was deleted and made again is another one.
    pub uid: String,
}

impl KeyHolder {
    /// This node.
    #[must_use]
    pub fn of(node: &ValidNode) -> Self {
        Self { node: node.key.clone(), uid: node.uid.clone() }
    }

    /// The holder that a Lease names; `None` for a text that no operator wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let (namespace, name, uid) = (parts.next()?, parts.next()?, parts.next()?);
        let whole = parts.next().is_none() && ![namespace, name, uid].contains(&"");
        whole.then(|| Self { node: NodeKey::new(namespace, name), uid: uid.to_owned() })
    }
}

impl fmt::Display for KeyHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.node, self.uid)
    }
}

/// What is known of a key. The default knows nothing: nobody ever held it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct KeyRecord {
    /// Who holds it, as it stands in the Lease; empty when it was let go.
    pub holder: String,
    /// Uid of the claim that last ran it; empty when none is on record.
    pub volume: String,
    /// Whether the holder is still there as a SeiNode of that uid.
    pub holder_exists: bool,
}

/// What a node that wants a key gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyVerdict {
    /// It holds the key already, on this volume.
    Held,
    /// It may take the key.
    Take {
        /// The answer of a person that allows it, where one was needed.
        answer: Option<String>,
    },
    /// Another node holds it.
    InUse {
        /// `namespace/name/uid`.
        holder: String,
    },
    /// A person must say that nothing signs with it any more.
    Ask {
        /// Why.
        why: String,
        /// Value the annotation `sei.io/acknowledge` must have.
        token: String,
    },
}

/// What becomes of a node that wants the key `fingerprint` on the claim with the uid `volume`.
///
/// A key moves to another disk, or away from a holder that vanished, only with an answer of a person: the sign state that
/// keeps a validator from signing twice stands on the disk.
#[must_use]
pub fn judge_key(node: &ValidNode, fingerprint: &str, volume: &str, record: &KeyRecord) -> KeyVerdict {
    let me = KeyHolder::of(node).to_string();
    let same_disk = record.volume.is_empty() || record.volume == volume;
    let mine_or_free = record.holder.is_empty() || record.holder == me;
    if record.holder == me && record.volume == volume {
        return KeyVerdict::Held;
    }
    if mine_or_free && same_disk {
        return KeyVerdict::Take { answer: None };
    }
    if !mine_or_free && record.holder_exists {
        return KeyVerdict::InUse { holder: record.holder.clone() };
    }
    let situation = format!("{fingerprint}/{}/{}/{me}/{volume}", record.holder, record.volume);
    let token = answer_token(&situation, "acknowledge-key-moves");
    if node.is_told(&token) {
        return KeyVerdict::Take { answer: Some(token) };
    }
    let why = if mine_or_free {
        format!("the consensus key last ran on another disk (claim uid {})", record.volume)
    } else {
        format!("the holder of the consensus key, {}, is gone and nobody saw its pod stop", record.holder)
    };
    KeyVerdict::Ask { why, token }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use serde_json::json;

    use super::*;
    use crate::api::SeiNode;
    use crate::node::validate;
    use crate::platform::Platform;

    const ME: &str = "sei/val-0/u1";
    const OTHER: &str = "sei/val-1/u2";

    fn node(acknowledgement: Option<&str>) -> ValidNode {
        let node: SeiNode = serde_json::from_value(json!({
            "apiVersion": "sei.io/v1alpha1", "kind": "SeiNode",
            "metadata": {"name": "val-0", "namespace": "sei", "uid": "u1"},
            "spec": {"chainId": "c", "image": "i", "validator": {}},
        }))
        .unwrap();
        let mut node = validate(&node, &Platform::demo()).unwrap();
        node.acknowledgement = acknowledgement.map(str::to_owned);
        node
    }

    fn record(holder: &str, volume: &str, holder_exists: bool) -> KeyRecord {
        KeyRecord { holder: holder.to_owned(), volume: volume.to_owned(), holder_exists }
    }

    /// The token of the question, empty when there is none.
    fn asks(record: &KeyRecord) -> String {
        match judge_key(&node(None), "f", "disk", record) {
            KeyVerdict::Ask { token, .. } => token,
            KeyVerdict::Held | KeyVerdict::Take { .. } | KeyVerdict::InUse { .. } => String::new(),
        }
    }

    #[test]
    fn a_key_has_one_holder_and_one_disk() {
        for (record, verdict) in [
            (record("", "", false), KeyVerdict::Take { answer: None }),
            (record(ME, "disk", true), KeyVerdict::Held),
            (record(ME, "", true), KeyVerdict::Take { answer: None }),
            (record("", "disk", false), KeyVerdict::Take { answer: None }),
            (record(OTHER, "disk", true), KeyVerdict::InUse { holder: OTHER.to_owned() }),
            (record(OTHER, "", true), KeyVerdict::InUse { holder: OTHER.to_owned() }),
        ] {
            assert_eq!(judge_key(&node(None), "f", "disk", &record), verdict, "{record:?}");
        }
    }

    #[test]
    fn a_person_answers_for_this_situation_and_no_other() {
        let situations =
            [record(ME, "old", true), record("", "old", false), record(OTHER, "disk", false), record("odd", "", false)];
        let tokens: Vec<String> = situations.iter().map(asks).collect();
        assert!(tokens.iter().all(|token| !token.is_empty()), "{tokens:?}");
        for (index, situation) in situations.iter().enumerate() {
            for (answer, token) in tokens.iter().enumerate() {
                let verdict = judge_key(&node(Some(token)), "f", "disk", situation);
                let taken = verdict == KeyVerdict::Take { answer: Some(token.clone()) };
                assert_eq!(taken, answer == index, "{situation:?} {token}");
            }
        }
        // An answer never hands over a key that somebody holds.
        let verdict = judge_key(&node(Some(&tokens[2])), "f", "disk", &record(OTHER, "disk", true));
        assert_eq!(verdict, KeyVerdict::InUse { holder: OTHER.to_owned() });
    }

    #[test]
    fn holders_are_read_as_they_are_written() {
        let me = KeyHolder::of(&node(None));
        assert_eq!(me.to_string(), ME);
        assert_eq!(KeyHolder::parse(ME), Some(me));
        for odd in ["", "a/b", "a/b/c/d", "a//c", "someone"] {
            assert_eq!(KeyHolder::parse(odd), None, "{odd}");
        }
    }
}
