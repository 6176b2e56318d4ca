//! Private keys of certificates: what public key follows from one, so that it can be compared with the certificate's.

use ed25519_dalek::SigningKey;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use x509_parser::asn1_rs::{Any, FromDer as _, Oid, Tag, oid};
use x509_parser::num_bigint::BigUint;
use x509_parser::x509::SubjectPublicKeyInfo;

const RSA: Oid<'static> = oid!(1.2.840.113549.1.1.1);
const EC: Oid<'static> = oid!(1.2.840.10045.2.1);
const P256: Oid<'static> = oid!(1.2.840.10045.3.1.7);
const P384: Oid<'static> = oid!(1.3.132.0.34);
const ED25519: Oid<'static> = oid!(1.3.101.112);

/// Most bytes of a number in an RSA key (16384 bits): what is checked takes time that grows with their square.
const RSA_NUMBER_BYTES_MAX: usize = 2049;

/// A public key, whichever side it was taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PublicKey {
    Rsa { modulus: BigUint, exponent: BigUint },
    Ec { curve: Oid<'static>, point: Vec<u8> },
    Ed25519(Vec<u8>),
}

impl PublicKey {
    /// The key in a certificate; `None` for kinds that are not known.
    pub(super) fn of_certificate(info: &SubjectPublicKeyInfo<'_>) -> Option<Self> {
        let (kind, key) = (&info.algorithm.algorithm, info.subject_public_key.data.as_ref());
        if *kind == RSA {
            let fields = sequence(key)?;
            let [modulus, exponent] = fields.as_slice() else { return None };
            Some(Self::Rsa { modulus: number(modulus)?, exponent: number(exponent)? })
        } else if *kind == EC {
            let curve = object_id(info.algorithm.parameters.as_ref()?)?;
            Some(Self::Ec { curve, point: key.to_vec() })
        } else if *kind == ED25519 {
            Some(Self::Ed25519(key.to_vec()))
        } else {
            None
        }
    }

    /// The key that belongs to a private key, whatever label the PEM block had. `None` when the bytes are no key, its
    /// numbers do not fit each other, or its kind is not known.
    pub(super) fn of_private(der: &[u8]) -> Option<Self> {
        let fields = sequence(der)?;
        let tags: Vec<Tag> = fields.iter().map(Any::tag).collect();
        match (tags.as_slice(), fields.as_slice()) {
            ([Tag::Integer, Tag::Sequence, Tag::OctetString, ..], [_, algorithm, key, ..]) => {
                pkcs8(algorithm, key.data)
            }
            ([Tag::Integer, Tag::Integer, ..], numbers) => rsa(numbers),
            ([Tag::Integer, Tag::OctetString, ..], _) => sec1(der, None),
            _ => None,
        }
    }
}

fn pkcs8(algorithm: &Any<'_>, key: &[u8]) -> Option<PublicKey> {
    let algorithm = elements(algorithm.data)?;
    let (kind, params) = algorithm.split_first()?;
    let kind = object_id(kind)?;
    if kind == RSA {
        rsa(&sequence(key)?)
    } else if kind == EC {
        sec1(key, Some(object_id(params.first()?)?))
    } else if kind == ED25519 {
        ed25519(key)
    } else {
        None
    }
}

/// Refuses numbers that do not fit: a server would refuse the key when it starts, or answer nonsense.
fn rsa(numbers: &[Any<'_>]) -> Option<PublicKey> {
    let numbers = numbers.iter().map(number).collect::<Option<Vec<BigUint>>>()?;
    let [_version, modulus, exponent, private, p, q, ..] = numbers.as_slice() else { return None };
    let one = BigUint::from(1_u8);
    let inverse = |prime: &BigUint| *prime > one && (exponent * private) % (prime - &one) == one;
    let fits = p * q == *modulus && inverse(p) && inverse(q);
    fits.then(|| PublicKey::Rsa { modulus: modulus.clone(), exponent: exponent.clone() })
}

/// An `ECPrivateKey`: version, scalar, `[0]` curve, `[1]` public point; the curve may stand around it instead.
fn sec1(der: &[u8], curve: Option<Oid<'static>>) -> Option<PublicKey> {
    let fields = sequence(der)?;
    let [_version, scalar, optional @ ..] = fields.as_slice() else { return None };
    let tagged = |number| optional.iter().find(|field| field.tag() == Tag(number)).map(|field| field.data);
    let own = tagged(0).and_then(|data| object_id(elements(data)?.first()?));
    let curve = curve.or(own)?;
    let point = if curve == P256 {
        p256::SecretKey::from_slice(scalar.data).ok()?.public_key().to_sec1_point(false).as_bytes().to_vec()
    } else if curve == P384 {
        p384::SecretKey::from_slice(scalar.data).ok()?.public_key().to_sec1_point(false).as_bytes().to_vec()
    } else {
        // Curves that we cannot compute on: the key's own word, so that nothing that works is refused.
        let written = elements(tagged(1)?)?;
        written.first()?.data.strip_prefix(&[0])?.to_vec()
    };
    Some(PublicKey::Ec { curve, point })
}

/// A `CurvePrivateKey`: one octet string with the seed.
fn ed25519(der: &[u8]) -> Option<PublicKey> {
    let fields = elements(der)?;
    let [seed] = fields.as_slice() else { return None };
    let seed = seed.data.try_into().ok()?;
    Some(PublicKey::Ed25519(SigningKey::from_bytes(seed).verifying_key().to_bytes().to_vec()))
}

/// The elements of the one sequence that these bytes are.
fn sequence(der: &[u8]) -> Option<Vec<Any<'_>>> {
    let outer = elements(der)?;
    match outer.as_slice() {
        [sequence] if sequence.tag() == Tag::Sequence => elements(sequence.data),
        _ => None,
    }
}

/// DER elements, one behind the other.
fn elements(mut der: &[u8]) -> Option<Vec<Any<'_>>> {
    let mut found = Vec::new();
    while !der.is_empty() {
        let (rest, element) = Any::from_der(der).ok()?;
        found.push(element);
        der = rest;
    }
    Some(found)
}

fn number(element: &Any<'_>) -> Option<BigUint> {
    let bounded = element.tag() == Tag::Integer && element.data.len() <= RSA_NUMBER_BYTES_MAX;
    bounded.then(|| BigUint::from_bytes_be(element.data))
}

fn object_id(element: &Any<'_>) -> Option<Oid<'static>> {
    (element.tag() == Tag::Oid).then(|| Oid::new(element.data.to_vec().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONES: [u8; RSA_NUMBER_BYTES_MAX + 1] = [1; RSA_NUMBER_BYTES_MAX + 1];

    /// An RSA private key of small numbers: version, modulus, public and private exponent, both primes.
    fn rsa_of(numbers: [u8; 6]) -> Option<PublicKey> {
        let fields: Vec<u8> = numbers.iter().flat_map(|number| [0x02, 1, *number]).collect();
        PublicKey::of_private(&[&[0x30, 18], &fields[..]].concat())
    }

    #[test]
    fn the_numbers_of_an_rsa_key_must_fit_each_other() {
        let (modulus, exponent) = (BigUint::from(55_u8), BigUint::from(3_u8));
        assert_eq!(rsa_of([0, 55, 3, 27, 5, 11]), Some(PublicKey::Rsa { modulus, exponent }));
        for numbers in [
            [0, 56, 3, 27, 5, 11],
            [0, 55, 3, 28, 5, 11],
            [0, 55, 3, 17, 5, 11],
            [0, 55, 3, 11, 5, 11],
            [0, 55, 3, 27, 55, 1],
        ] {
            assert_eq!(rsa_of(numbers), None, "{numbers:?}");
        }
        assert_eq!(rsa_of([0, 0, 3, 27, 0, 11]), None, "no division by zero");
    }

    #[test]
    fn numbers_are_bounded() {
        let number = |bytes: usize| Any::from_tag_and_data(Tag::Integer, &ONES[..bytes]);
        assert!(super::number(&number(RSA_NUMBER_BYTES_MAX)).is_some());
        assert!(super::number(&number(RSA_NUMBER_BYTES_MAX + 1)).is_none());
    }

    #[test]
    fn what_is_no_key_is_none() {
        let cases: [&[u8]; 6] =
            [b"", &[0x30, 0], &[0x30, 0x80, 0, 0], &[0x04, 1, 1], &[0x30, 3, 2, 1, 0, 0], &[0x30, 5, 2]];
        for der in cases {
            assert_eq!(PublicKey::of_private(der), None, "{der:?}");
        }
    }
}
