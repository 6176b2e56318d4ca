//! The consensus key of a validator: `priv_validator_key.json` in a Secret.

use k8s_openapi::api::core::v1::Secret;

use super::ed25519::{PublicKey, Written, parse, text};
use super::{Flaw, Verdict, bad, secret};

/// The data key that holds the file.
const FILE: &str = "priv_validator_key.json";

/// Which key a Secret holds; nothing of this is secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
