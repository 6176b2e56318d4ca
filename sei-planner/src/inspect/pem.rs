//! PEM: the only place that knows `rustls-pemfile`.

use rustls_pemfile::{Item, read_one_from_slice};

/// What is wrong with a PEM text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PemFlaw {
    /// A block is broken, or there is none of a known kind.
    NotPem,
    /// There are blocks, and none is of the kind that was looked for.
    NoneOfKind,
}

/// DER of the first certificate. What stands in front of it is passed over, as TLS servers do.
pub(super) fn first_certificate(pem: &[u8]) -> Result<Vec<u8>, PemFlaw> {
    first(pem, |item| if let Item::X509Certificate(der) = item { Some(der.to_vec()) } else { None })
}

/// DER of the first private key that is not encrypted: PKCS#1, PKCS#8 or SEC1.
pub(super) fn first_private_key(pem: &[u8]) -> Result<Vec<u8>, PemFlaw> {
    first(pem, |item| {
        if let Item::Pkcs1Key(der) = item {
            Some(der.secret_pkcs1_der().to_vec())
        } else if let Item::Pkcs8Key(der) = item {
            Some(der.secret_pkcs8_der().to_vec())
        } else if let Item::Sec1Key(der) = item {
            Some(der.secret_sec1_der().to_vec())
        } else {
            None
        }
    })
}

fn first(pem: &[u8], wanted: impl Fn(&Item) -> Option<Vec<u8>>) -> Result<Vec<u8>, PemFlaw> {
    let (mut rest, mut flaw) = (pem, PemFlaw::NotPem);
    loop {
        // The error quotes the line it stumbled over.
        let Some((item, after)) = read_one_from_slice(rest).map_err(|_| PemFlaw::NotPem)? else {
            return Err(flaw);
        };
        if let Some(der) = wanted(&item) {
            return Ok(der);
        }
        (rest, flaw) = (after, PemFlaw::NoneOfKind);
    }
}
