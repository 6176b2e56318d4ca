//! S6: nothing secret in anything that the operator says or writes. Every Secret is a canary: no eight bytes of its value may
//! appear, raw, in base64 or in hex.

use std::collections::HashMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;
use serde::Deserialize;
use serde_json::Value;

use crate::sim::api::Request;

use super::Finding;

/// Bytes of a secret that are enough to know it by.
const WINDOW: usize = 8;
/// Values of Secrets that everybody may read.
const PUBLIC: [&str; 2] = ["tls.crt", "ca.crt"];

/// Every piece of every Secret there ever was. Worlds that fork share them.
#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct Canaries(Arc<Pieces>);

#[derive(Clone, Debug, Default)]
struct Pieces {
    /// Each piece, and the Secret and key that it is of.
    known: HashMap<u64, String>,
    /// Places of pieces in a table: nearly every window of a text is found not to be one without a look at the map.
    marked: Vec<bool>,
}

/// Size of the table, a power of two.
const PLACES_BITS: u32 = 16;

fn place(piece: u64) -> usize {
    usize::try_from(piece.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - PLACES_BITS)).unwrap_or_default()
}

/// Every eight bytes in a row.
fn windows(text: &[u8]) -> impl Iterator<Item = u64> {
    let pieces = text.windows(WINDOW).filter_map(|piece| <[u8; WINDOW]>::try_from(piece).ok());
    pieces.map(u64::from_be_bytes)
}

/// Every eight bytes in a row that a text spells in hexadecimal digits. Eight such digits alone are four bytes, and ids have
/// them by chance.
fn windows_in_hex(text: &str) -> impl Iterator<Item = u64> {
    let digits = text.as_bytes().split(|byte| !byte.is_ascii_hexdigit());
    let spelled = digits.flat_map(|digits| digits.windows(2 * WINDOW));
    spelled.filter_map(|piece| u64::from_str_radix(std::str::from_utf8(piece).ok()?, 16).ok())
}

impl Pieces {
    fn add(&mut self, piece: u64, of: &str) {
        self.marked.resize(1 << PLACES_BITS, false);
        self.marked[place(piece)] = true;
        self.known.entry(piece).or_insert_with(|| of.to_owned());
    }

    fn find(&self, piece: u64) -> Option<&str> {
        let marked = self.marked.get(place(piece)).is_some_and(|marked| *marked);
        marked.then(|| self.known.get(&piece)).flatten().map(String::as_str)
    }
}

impl Canaries {
    /// Remembers the values of a Secret.
    pub(in crate::sim) fn learn(&mut self, secret: &Value) {
        let Ok(secret) = Secret::deserialize(secret) else { return };
        let of = secret.metadata.name.unwrap_or_default();
        for (name, value) in secret.data.into_iter().flatten() {
            if !PUBLIC.contains(&name.as_str()) {
                self.learn_value(&value.0, &format!("{of}[{name}]"));
            }
        }
    }

    /// Of the key files of CometBFT only the private key is secret: address and public key are there to be told. The lines
    /// that frame a PEM block are no secret.
    fn learn_value(&mut self, value: &[u8], of: &str) {
        let key = serde_json::from_slice::<Value>(value).ok();
        match key.as_ref().and_then(|key| key.pointer("/priv_key/value")).and_then(Value::as_str) {
            Some(private) => self.learn_bytes(private.as_bytes(), of),
            None => {
                let lines = value.split(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"-----"));
                lines.for_each(|line| self.learn_bytes(line, of));
            }
        }
    }

    fn learn_bytes(&mut self, secret: &[u8], of: &str) {
        let encoded = serde_json::to_value(k8s_openapi::ByteString(secret.to_vec())).unwrap_or_default();
        for form in [secret, encoded.as_str().unwrap_or_default().as_bytes()] {
            let pieces = Arc::make_mut(&mut self.0);
            windows(form).for_each(|piece| pieces.add(piece, of));
        }
    }

    /// The Secret and key that a text holds a piece of.
    pub(in crate::sim) fn seen_in(&self, text: &str) -> Option<&str> {
        windows(text.as_bytes()).chain(windows_in_hex(text)).find_map(|piece| self.0.find(piece))
    }
}

/// S6: what a request carries. The finding does not repeat it.
pub(super) fn in_request(canaries: &Canaries, request: &Request<'_>) -> Finding {
    let (what, said) = match *request {
        Request::Create(_, object) | Request::Apply(_, object) => ("an object", object.to_string()),
        Request::PatchMetadata(_, _, _, metadata) => ("metadata", metadata.to_string()),
        Request::WriteStatus(_, status) => ("a status", serde_json::to_string(status).unwrap_or_default()),
        Request::Announce(_, event) => ("an event", event.message.clone()),
        Request::Submit(_, task) => ("a task", task.params.as_ref().map(Value::to_string).unwrap_or_default()),
        Request::Node(_)
        | Request::Read(_)
        | Request::Pods(_)
        | Request::Delete(..)
        | Request::Task(..)
        | Request::Health(_)
        | Request::Chain(_)
        | Request::Signers(..) => return None,
    };
    canaries.seen_in(&said).map(|secret| ("S6", format!("{what} holds a piece of {secret}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn canaries() -> Canaries {
        let mut canaries = Canaries::default();
        canaries
            .learn(&json!({"data": {"passphrase": "cGFzc3BocmFzZS1jYW5hcnk=", "tls.crt": "cHVibGljLWNlcnRpZmljYXRl"}}));
        canaries
    }

    #[test]
    fn every_form_of_a_secret_is_found_and_nothing_else() {
        for leak in ["so: rase-canary!", "cGFzc3BocmFzZS1j", "6870617373706872617", "7061737370687261"] {
            assert!(canaries().seen_in(leak).is_some(), "{leak}");
        }
        for fine in ["public-certificate", "canary", "a pass that is too short", "70617373706872", ""] {
            assert!(canaries().seen_in(fine).is_none(), "{fine}");
        }
    }

    #[test]
    fn of_a_key_file_only_the_private_key_is_secret() {
        let mut canaries = Canaries::default();
        canaries.learn_value(br#"{"address":"A0B1C2D3E4F5","priv_key":{"value":"c2VjcmV0LXNlY3JldA=="}}"#, "key");
        assert_eq!(canaries.seen_in("c2VjcmV0LXN"), Some("key"));
        assert_eq!(canaries.seen_in("A0B1C2D3E4F5"), None);
    }
}
