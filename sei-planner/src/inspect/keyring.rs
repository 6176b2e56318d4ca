//! The keyring of the operator's account (a directory of the Cosmos file backend) and the passphrase for it. Neither is
//! opened: the sidecar does that.

use k8s_openapi::api::core::v1::Secret;

use super::{Flaw, Verdict, bad, secret};

/// Where keyring and passphrase are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyringRefs<'a> {
    /// Namespace of both Secrets.
    pub namespace: &'a str,
    /// Secret whose data keys are the files of the keyring.
    pub secret_name: &'a str,
    /// Entry to sign with; empty when any will do.
    pub key_name: &'a str,
    /// Secret with the passphrase.
    pub passphrase_secret: &'a str,
    /// Data key of the passphrase in its Secret.
    pub passphrase_key: &'a str,
}

/// Checks the two Secrets; the passphrase only when nothing is wrong with the keyring.
#[must_use]
pub fn operator_keyring(refs: &KeyringRefs<'_>, keyring: Option<&Secret>, passphrase: Option<&Secret>) -> Verdict<()> {
    check(refs, keyring, passphrase).into()
}

fn check(refs: &KeyringRefs<'_>, keyring: Option<&Secret>, passphrase: Option<&Secret>) -> Result<(), Flaw> {
    let given = [
        ("secretName", refs.secret_name),
        ("passphraseSecretName", refs.passphrase_secret),
        ("passphraseSecretKey", refs.passphrase_key),
    ];
    if let Some((param, _)) = given.iter().find(|(_, value)| value.is_empty()) {
        return bad(format!("validate-operator-keyring: {param} is empty"));
    }
    keyring_files(secret::present(keyring, refs.secret_name, refs.namespace)?, refs.secret_name, refs.key_name)?;
    let passphrase = secret::present(passphrase, refs.passphrase_secret, refs.namespace)?;
    passphrase_filled(passphrase, refs.passphrase_secret, refs.passphrase_key)
}

/// An entry is a file `<key name>.info`; the index from addresses to names consists of files `<address>.address`.
fn keyring_files(secret: &Secret, name: &str, key_name: &str) -> Result<(), Flaw> {
    let files = || secret.data.iter().flatten();
    let entries = || files().filter(|(file, _)| file.ends_with(".info"));
    if let Some((file, _)) = entries().find(|(_, content)| content.0.is_empty()) {
        return bad(format!("secret {name:?} data key {file:?} is empty (expected non-empty keyring entry payload)"));
    }
    if entries().next().is_none() {
        return bad(format!("secret {name:?} has no \"*.info\" data keys (expected at least one keyring entry)"));
    }
    if !files().any(|(file, _)| file.ends_with(".address")) {
        return bad(format!(
            "secret {name:?} has no \"*.address\" data keys (expected name→address index for at least one keyring entry)"
        ));
    }
    let wanted = format!("{key_name}.info");
    if !key_name.is_empty() && secret::entry(secret, &wanted).is_none() {
        return bad(format!("secret {name:?} is missing data key {wanted:?} for keyName {key_name:?}"));
    }
    Ok(())
}

/// Blanks count: the keyring takes the passphrase as it stands.
fn passphrase_filled(secret: &Secret, name: &str, key: &str) -> Result<(), Flaw> {
    match secret::entry(secret, key) {
        None => bad(format!("passphrase Secret {name:?} missing data key {key:?}")),
        Some([]) => bad(format!("passphrase Secret {name:?} data key {key:?} is empty")),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::secret::testing::{deleted, secret};

    const REFS: KeyringRefs<'_> = KeyringRefs {
        namespace: "ns",
        secret_name: "kr",
        key_name: "admin",
        passphrase_secret: "pw",
        passphrase_key: "pass",
    };

    fn keyring() -> Secret {
        secret(&[("admin.info", b"entry"), ("ab.address", b"")])
    }

    fn verdict(keyring: &Secret, passphrase: &Secret) -> Verdict<()> {
        operator_keyring(&REFS, Some(keyring), Some(passphrase))
    }

    fn bad(message: &str) -> Verdict<()> {
        Verdict::Bad(message.to_owned())
    }

    fn not_yet(message: &str) -> Verdict<()> {
        Verdict::NotYet(message.to_owned())
    }

    #[test]
    fn a_whole_pair_passes() {
        let passphrase = secret(&[("pass", b" ")]);
        assert_eq!(verdict(&keyring(), &passphrase), Verdict::Good(()));
        let any = KeyringRefs { key_name: "", ..REFS };
        let other = secret(&[("other.info", b"entry"), ("ab.address", b"")]);
        assert_eq!(operator_keyring(&any, Some(&other), Some(&passphrase)), Verdict::Good(()));
    }

    #[test]
    fn references_must_be_filled_in() {
        let cases = [
            (KeyringRefs { secret_name: "", ..REFS }, "secretName"),
            (KeyringRefs { passphrase_secret: "", ..REFS }, "passphraseSecretName"),
            (KeyringRefs { passphrase_key: "", ..REFS }, "passphraseSecretKey"),
        ];
        for (refs, param) in cases {
            let message = format!("validate-operator-keyring: {param} is empty");
            assert_eq!(operator_keyring(&refs, None, None), Verdict::Bad(message));
        }
    }

    #[test]
    fn the_keyring_comes_first_and_must_be_whole() {
        let missing = not_yet(r#"secret "kr" not found in namespace "ns""#);
        assert_eq!(operator_keyring(&REFS, None, None), missing);
        let going = not_yet(r#"secret "kr" is being deleted (deletionTimestamp=2026-05-17T15:09:30Z)"#);
        assert_eq!(operator_keyring(&REFS, Some(&deleted(keyring())), None), going);
        let cases = [
            (
                secret(&[("admin.info", b"e"), ("b.info", b"")]),
                r#"secret "kr" data key "b.info" is empty (expected non-empty keyring entry payload)"#,
            ),
            (
                secret(&[("ab.address", b"a")]),
                r#"secret "kr" has no "*.info" data keys (expected at least one keyring entry)"#,
            ),
            (
                secret(&[("admin.info", b"e")]),
                r#"secret "kr" has no "*.address" data keys (expected name→address index for at least one keyring entry)"#,
            ),
            (
                secret(&[("b.info", b"e"), ("ab.address", b"a")]),
                r#"secret "kr" is missing data key "admin.info" for keyName "admin""#,
            ),
        ];
        for (keyring, message) in cases {
            assert_eq!(operator_keyring(&REFS, Some(&keyring), None), bad(message));
        }
    }

    #[test]
    fn the_passphrase_must_be_there_and_not_empty() {
        let missing = not_yet(r#"secret "pw" not found in namespace "ns""#);
        assert_eq!(operator_keyring(&REFS, Some(&keyring()), None), missing);
        let going = not_yet(r#"secret "pw" is being deleted (deletionTimestamp=2026-05-17T15:09:30Z)"#);
        assert_eq!(verdict(&keyring(), &deleted(secret(&[("pass", b"p")]))), going);
        let no_key = bad(r#"passphrase Secret "pw" missing data key "pass""#);
        assert_eq!(verdict(&keyring(), &secret(&[("other", b"p")])), no_key);
        let empty = bad(r#"passphrase Secret "pw" data key "pass" is empty"#);
        assert_eq!(verdict(&keyring(), &secret(&[("pass", b"")])), empty);
    }
}
