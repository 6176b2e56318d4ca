//! Key files of Tendermint: JSON with amino type names, around ed25519 keys in base64.
//!
//! An error here is the reason of a refusal, told in words of our own: the texts of the JSON and base64 readers quote
//! what they could not read (S6).

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Bytes of an ed25519 public key, and of the seed that a private key is made from.
const KEY_BYTES: usize = 32;
/// Bytes of a Tendermint address: the beginning of the SHA-256 of the public key.
const ADDRESS_BYTES: usize = 20;
/// Amino name of an ed25519 private key.
const PRIVATE_TYPE: &str = "tendermint/PrivKeyEd25519";
/// Amino name of an ed25519 public key.
const PUBLIC_TYPE: &str = "tendermint/PubKeyEd25519";

/// A public key that was derived from its private key, or read and found equal to one that was.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct PublicKey([u8; KEY_BYTES]);

impl PublicKey {
    /// SHA-256 of the key: 64 lower case hex digits.
    pub(super) fn fingerprint(self) -> String {
        hex(&Sha256::digest(self.0))
    }

    /// The beginning of the fingerprint that Tendermint calls an address: 40 lower case hex digits.
    pub(super) fn address(self) -> String {
        self.fingerprint().chars().take(2 * ADDRESS_BYTES).collect()
    }
}

/// A key as it stands in a file; a field that is absent or null is empty.
pub(super) struct Written<'a> {
    kind: &'a str,
    value: &'a str,
}

impl<'a> Written<'a> {
    /// The key that the file holds under `name`.
    pub(super) fn read(file: &'a Value, name: &str) -> Result<Self, String> {
        let [kind, value] = ["type", "value"].map(|field| text(file, &[name, field]));
        Ok(Self { kind: kind?, value: value? })
    }

    /// Whether type or value are not there.
    pub(super) fn is_incomplete(&self) -> bool {
        self.kind.is_empty() || self.value.is_empty()
    }

    /// The public key that this is.
    pub(super) fn public(&self) -> Result<PublicKey, String> {
        if self.kind != PUBLIC_TYPE {
            return Err(format!("pub_key.type is not {PUBLIC_TYPE:?}"));
        }
        let bytes = decode(self.value).ok_or("pub_key.value is not the base64 of 32 bytes")?;
        Ok(PublicKey(bytes))
    }

    /// The public key that belongs to this private key: seed, then public key, and the two must fit.
    pub(super) fn public_of_private(&self) -> Result<PublicKey, String> {
        if self.kind != PRIVATE_TYPE {
            return Err(format!("priv_key.type is not {PRIVATE_TYPE:?}"));
        }
        let bytes: [u8; 2 * KEY_BYTES] = decode(self.value).ok_or("priv_key.value is not the base64 of 64 bytes")?;
        let pair = SigningKey::from_keypair_bytes(&bytes);
        let pair = pair.map_err(|_| "the last 32 bytes of priv_key.value are not the public key of the first 32")?;
        Ok(PublicKey(pair.verifying_key().to_bytes()))
    }
}

/// The JSON in a file: an object, or null.
pub(super) fn parse(file: &[u8]) -> Result<Value, String> {
    let value: Value = serde_json::from_slice(file)
        .map_err(|error| format!("not valid JSON: line {} column {}", error.line(), error.column()))?;
    if value.is_object() || value.is_null() { Ok(value) } else { Err("not valid JSON: not an object".to_owned()) }
}

/// The text at a path; empty where there is nothing or null on the way.
pub(super) fn text<'a>(file: &'a Value, path: &[&str]) -> Result<&'a str, String> {
    let mut at = file;
    for (depth, field) in path.iter().enumerate() {
        if !at.is_object() && !at.is_null() {
            return Err(format!("not valid JSON: {} is not an object", path[..depth].join(".")));
        }
        at = &at[*field];
    }
    match at.as_str() {
        None if !at.is_null() => Err(format!("not valid JSON: {} is not a string", path.join("."))),
        found => Ok(found.unwrap_or_default()),
    }
}

fn decode<const N: usize>(base64: &str) -> Option<[u8; N]> {
    STANDARD.decode(base64).ok()?.try_into().ok()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        // Writing to a String cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}
