//! S6: nothing secret in anything that the operator says or writes. Every Secret is a canary: no eight bytes of its value may
//! appear, raw, in base64 or in hex.

use std::collections::HashSet;

use k8s_openapi::api::core::v1::Secret;
use serde::Deserialize;
use serde_json::Value;

use crate::sim::api::Request;

use super::Finding;

/// Bytes of a secret that are enough to know it by.
const WINDOW: usize = 8;
/// Values of Secrets that everybody may read.
const PUBLIC: [&str; 2] = ["tls.crt", "ca.crt"];

/// Every piece of every Secret there ever was.
#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct Canaries {
    pieces: HashSet<[u8; WINDOW]>,
}

impl Canaries {
    /// Remembers the values of a Secret.
    pub(in crate::sim) fn learn(&mut self, secret: &Value) {
        let Ok(secret) = Secret::deserialize(secret) else { return };
        for (name, value) in secret.data.into_iter().flatten() {
            if !PUBLIC.contains(&name.as_str()) {
                self.learn_value(&value.0);
            }
        }
    }

    /// Of the key files of CometBFT only the private key is secret: address and public key are there to be told.
    fn learn_value(&mut self, value: &[u8]) {
        let key = serde_json::from_slice::<Value>(value).ok();
        let private = key.as_ref().and_then(|key| key.pointer("/priv_key/value")).and_then(Value::as_str);
        match private {
            Some(private) => self.learn_bytes(private.as_bytes()),
            // The lines that frame a PEM block are no secret.
            None => value
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.starts_with(b"-----"))
                .for_each(|line| self.learn_bytes(line)),
        }
    }

    fn learn_bytes(&mut self, secret: &[u8]) {
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let encoded = serde_json::to_value(k8s_openapi::ByteString(secret.to_vec())).unwrap_or_default();
        for form in [secret, hex.as_bytes(), encoded.as_str().unwrap_or_default().as_bytes()] {
            self.pieces.extend(form.windows(WINDOW).filter_map(|piece| <[u8; WINDOW]>::try_from(piece).ok()));
        }
    }

    /// Whether a text holds a piece of a secret.
    pub(in crate::sim) fn appear_in(&self, text: &str) -> bool {
        let mut windows = text.as_bytes().windows(WINDOW).filter_map(|piece| <[u8; WINDOW]>::try_from(piece).ok());
        !self.pieces.is_empty() && windows.any(|piece| self.pieces.contains(&piece))
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
        | Request::Health(_) => return None,
    };
    canaries.appear_in(&said).then(|| ("S6", format!("{what} holds a piece of a Secret")))
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
        for leak in ["so: rase-canary!", "cGFzc3BocmFzZS1j", "706173737068"] {
            assert!(canaries().appear_in(leak), "{leak}");
        }
        for fine in ["public-certificate", "canary", "a passphrase that is too short", ""] {
            assert!(!canaries().appear_in(fine), "{fine}");
        }
    }

    #[test]
    fn of_a_key_file_only_the_private_key_is_secret() {
        let mut canaries = Canaries::default();
        canaries.learn_value(br#"{"address":"A0B1C2D3E4F5","priv_key":{"value":"c2VjcmV0LXNlY3JldA=="}}"#);
        assert!(canaries.appear_in("c2VjcmV0LXN"));
        assert!(!canaries.appear_in("A0B1C2D3E4F5"));
    }
}
