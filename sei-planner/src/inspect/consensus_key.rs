//! The consensus key of a validator: `priv_validator_key.json` in a Secret.

use k8s_openapi::api::core::v1::Secret;

use super::ed25519::{PublicKey, Written, parse, text};
use super::{Flaw, Verdict, bad, secret};

/// The data key that holds the file.
const FILE: &str = "priv_validator_key.json";

/// Which key a Secret holds; nothing of this is secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsensusKey {
    /// SHA-256 of the 32 bytes of the public key: 64 lower case hex digits. Copies of a key have the same.
    pub fingerprint: String,
    /// The validator's address as Tendermint writes it: 40 upper case hex digits.
    pub address: String,
}

/// Checks the Secret with a validator's consensus key.
///
/// The key must be an ed25519 key whose parts all belong together: the public key that follows from the seed, the one
/// behind the seed, the one under `pub_key`, and the address. A file that fails this would sign with a key that nobody
/// expects, and the fingerprint, by which the key is held, would be the wrong one.
#[must_use]
pub fn consensus_key(secret: Option<&Secret>, name: &str, namespace: &str) -> Verdict<ConsensusKey> {
    check(secret, name, namespace).into()
}

fn check(found: Option<&Secret>, name: &str, namespace: &str) -> Result<ConsensusKey, Flaw> {
    if name.is_empty() {
        return bad("validate-signing-key: secretName is empty");
    }
    let secret = secret::present(found, name, namespace)?;
    let Some(file) = secret::filled(secret, FILE) else {
        return bad(format!("secret {name:?} missing required data key {FILE:?}"));
    };
    let public = public_key(file).map_err(|why| {
        Flaw::Bad(format!("secret {name:?} data key {FILE:?} is not a valid Tendermint validator key: {why}"))
    })?;
    Ok(ConsensusKey { fingerprint: public.fingerprint(), address: public.address().to_ascii_uppercase() })
}

/// The public key of a file in which everything fits.
fn public_key(file: &[u8]) -> Result<PublicKey, String> {
    let file = parse(file)?;
    let address = text(&file, &["address"])?;
    let (public, private) = (Written::read(&file, "pub_key")?, Written::read(&file, "priv_key")?);
    if address.is_empty() {
        return Err("missing address".to_owned());
    }
    if public.is_incomplete() {
        return Err("missing pub_key.type or pub_key.value".to_owned());
    }
    if private.is_incomplete() {
        return Err("missing priv_key.type or priv_key.value".to_owned());
    }
    let derived = private.public_of_private()?;
    if public.public()? != derived {
        return Err("pub_key is not the public key of priv_key".to_owned());
    }
    if !address.eq_ignore_ascii_case(&derived.address()) {
        return Err("address is not the address of pub_key".to_owned());
    }
    Ok(derived)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::inspect::secret::testing;

    const GOOD: &str = include_str!("../../../fixtures/inspect/keys/validator.json");

    fn verdict(file: &[u8]) -> Verdict<ConsensusKey> {
        consensus_key(Some(&testing::secret(&[(FILE, file)])), "s", "ns")
    }

    fn refused(file: &str, why: &str) {
        let message =
            format!(r#"secret "s" data key "priv_validator_key.json" is not a valid Tendermint validator key: {why}"#);
        assert_eq!(verdict(file.as_bytes()), Verdict::Bad(message));
    }

    #[test]
    fn a_good_key_is_known_by_the_hash_of_its_public_key() {
        // Computed with other tools than ours.
        let fingerprint = "8a50262741ef5f4312000347afe453e476bbae03704434fd2217d944ce6598d6".to_owned();
        let address = "8A50262741EF5F4312000347AFE453E476BBAE03".to_owned();
        assert_eq!(verdict(GOOD.as_bytes()), Verdict::Good(ConsensusKey { fingerprint, address }));
    }

    #[test]
    fn the_secret_must_be_named_be_there_stay_and_hold_the_file() {
        let good = testing::secret(&[(FILE, GOOD.as_bytes())]);
        let empty = Verdict::Bad("validate-signing-key: secretName is empty".to_owned());
        assert_eq!(consensus_key(Some(&good), "", "ns"), empty);
        let missing = Verdict::NotYet(r#"secret "s" not found in namespace "ns""#.to_owned());
        assert_eq!(consensus_key(None, "s", "ns"), missing);
        let going = r#"secret "s" is being deleted (deletionTimestamp=2026-05-17T15:09:30Z)"#;
        assert_eq!(consensus_key(Some(&testing::deleted(good)), "s", "ns"), Verdict::NotYet(going.to_owned()));
        let no_file = Verdict::Bad(r#"secret "s" missing required data key "priv_validator_key.json""#.to_owned());
        for secret in [Secret::default(), testing::secret(&[]), testing::secret(&[(FILE, b"")])] {
            assert_eq!(consensus_key(Some(&secret), "s", "ns"), no_file);
        }
    }

    #[test]
    fn every_field_must_be_there_in_the_right_form() {
        let missing = [
            ("/address", "missing address"),
            ("/pub_key/type", "missing pub_key.type or pub_key.value"),
            ("/pub_key/value", "missing pub_key.type or pub_key.value"),
            ("/priv_key/type", "missing priv_key.type or priv_key.value"),
            ("/priv_key/value", "missing priv_key.type or priv_key.value"),
        ];
        for (path, why) in missing {
            for nothing in [Value::Null, json!("")] {
                refused(&with(path, nothing), why);
            }
            let field = path.trim_start_matches('/').replace('/', ".");
            refused(&with(path, json!(1)), &format!("not valid JSON: {field} is not a string"));
        }
        for key in ["pub_key", "priv_key"] {
            refused(&with(&format!("/{key}"), Value::Null), &format!("missing {key}.type or {key}.value"));
            refused(&with(&format!("/{key}"), json!([])), &format!("not valid JSON: {key} is not an object"));
        }
        refused("[]", "not valid JSON: not an object");
        refused("{\n \"address\": x}", "not valid JSON: line 2 column 13");
        refused("null", "missing address");
    }

    #[test]
    fn a_form_that_is_wrong_comes_before_a_field_that_is_missing() {
        refused(r#"{"priv_key":{"value":7}}"#, "not valid JSON: priv_key.value is not a string");
    }

    #[test]
    fn all_parts_must_belong_to_one_ed25519_key() {
        let other = "tendermint/PrivKeySecp256k1";
        refused(&with("/priv_key/type", json!(other)), r#"priv_key.type is not "tendermint/PrivKeyEd25519""#);
        refused(&with("/pub_key/type", json!(other)), r#"pub_key.type is not "tendermint/PubKeyEd25519""#);
        refused(&with("/priv_key/value", json!("AAAA")), "priv_key.value is not the base64 of 64 bytes");
        refused(&with("/pub_key/value", json!("AAAA")), "pub_key.value is not the base64 of 32 bytes");
        refused(&with("/address", json!("00")), "address is not the address of pub_key");
        refused(
            include_str!("../../../fixtures/inspect/keys/halves-differ.json"),
            "the last 32 bytes of priv_key.value are not the public key of the first 32",
        );
        let other = include_str!("../../../fixtures/inspect/keys/other-pub.json");
        refused(other, "pub_key is not the public key of priv_key");
    }

    /// The good file with another value at a path.
    fn with(path: &str, value: Value) -> String {
        let mut file: Value = serde_json::from_str(GOOD).unwrap_or_default();
        if let Some(field) = file.pointer_mut(path) {
            *field = value;
        }
        file.to_string()
    }
}
