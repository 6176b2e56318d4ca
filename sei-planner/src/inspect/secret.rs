//! What every check of a Secret begins with: that it is there, stays there, and has the data key.

use k8s_openapi::api::core::v1::Secret;

use super::{Flaw, not_yet};

/// The Secret, unless it is missing or on its way out.
pub(super) fn present<'a>(secret: Option<&'a Secret>, name: &str, namespace: &str) -> Result<&'a Secret, Flaw> {
    let Some(secret) = secret else {
        return not_yet(missing(name, namespace));
    };
    match &secret.metadata.deletion_timestamp {
        Some(since) => not_yet(format!("secret {name:?} is being deleted (deletionTimestamp={})", since.0)),
        None => Ok(secret),
    }
}

/// That there is no such Secret.
pub(super) fn missing(name: &str, namespace: &str) -> String {
    format!("secret {name:?} not found in namespace {namespace:?}")
}

/// The bytes under a data key, also when there are none.
pub(super) fn entry<'a>(secret: &'a Secret, key: &str) -> Option<&'a [u8]> {
    Some(secret.data.as_ref()?.get(key)?.0.as_slice())
}

/// The bytes under a data key, if there are any.
pub(super) fn filled<'a>(secret: &'a Secret, key: &str) -> Option<&'a [u8]> {
    entry(secret, key).filter(|bytes| !bytes.is_empty())
}

/// Secrets for the tests of the checks.
#[cfg(test)]
pub(super) mod testing {
    use k8s_openapi::ByteString;
    use k8s_openapi::api::core::v1::Secret;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    /// A Secret with this data.
    pub(in crate::inspect) fn secret(data: &[(&str, &[u8])]) -> Secret {
        let data = data.iter().map(|(key, bytes)| ((*key).to_owned(), ByteString(bytes.to_vec()))).collect();
        Secret { data: Some(data), ..Secret::default() }
    }

    /// The Secret on its way out, since 2026-05-17T15:09:30Z.
    pub(in crate::inspect) fn deleted(mut secret: Secret) -> Secret {
        secret.metadata.deletion_timestamp = "2026-05-17T15:09:30Z".parse().ok().map(Time);
        secret
    }
}
