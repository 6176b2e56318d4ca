//! Keyrings: files of two Secrets. The input is a list of fields, one zero byte between two of them: name of the entry, data
//! key of the passphrase, passphrase, then name and content of each file.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use sei_planner::inspect::{KeyringRefs, Verdict, operator_keyring};

use super::{Target, Told, secret};

/// The check of keyrings.
pub const TARGET: Target = Target {
    name: "keyring",
    ask,
    words: &[".info", ".address", "\0", "admin", "admin.info\0", "keyhash\0", "pass", "\0\0", ".address\0x", "\u{1b}"],
};

const VOCABULARY: &[&str] = &[
    include_str!("../../../../sei-planner/src/inspect/keyring.rs"),
    "secret \"keyring\" data key \"",
    "passphrase Secret \"passphrase\" missing data key \"",
    "secret \"keyring\" is missing",
    "secret \"keyring\" has no \\\"*.info\\\" data keys",
    "secret \"keyring\" has no \\\"*.address\\\" data keys",
];

/// Most files of a keyring: ten thousand of them without a content are only slow to sort.
const FILES_MAX: usize = 256;

fn ask(input: &[u8]) -> Told {
    let fields: Vec<&[u8]> = input.split(|byte| *byte == 0).take(3 + 2 * FILES_MAX).collect();
    let field = |index: usize| fields.get(index).copied().unwrap_or_default();
    let [key_name, passphrase_key] = [0, 1].map(|index| String::from_utf8_lossy(field(index)).into_owned());
    let files: BTreeMap<String, &[u8]> = fields
        .get(3..)
        .unwrap_or_default()
        .chunks(2)
        .map(|pair| (String::from_utf8_lossy(pair[0]).into_owned(), pair.get(1).copied().unwrap_or_default()))
        .collect();
    let data = files.iter().map(|(name, content)| (name.clone(), ByteString(content.to_vec()))).collect();
    let keyring = Secret { data: Some(data), ..Secret::default() };
    let passphrase = secret("Opaque", &[(&passphrase_key, field(2))]);
    let refs = KeyringRefs {
        namespace: "sei",
        secret_name: "keyring",
        key_name: &key_name,
        passphrase_secret: "passphrase",
        passphrase_key: &passphrase_key,
    };
    // The data key in which the entry must stand is said, also where its name alone is too short to be told apart.
    let entry_key = format!("{key_name}.info");
    let verdict = operator_keyring(&refs, Some(&keyring), Some(&passphrase));
    if verdict == Verdict::Good(()) {
        assert!(!field(2).is_empty() && files.keys().any(|name| name.ends_with(".address")));
        assert!(files.iter().any(|(name, content)| name.ends_with(".info") && !content.is_empty()));
    }
    Told {
        said: vec![format!("{verdict:?}")],
        secrets: files.values().map(|content| content.to_vec()).chain([field(2).to_vec()]).collect(),
        names: files.into_keys().chain([entry_key, key_name, passphrase_key]).collect(),
        vocabulary: VOCABULARY,
        ..Told::default()
    }
}
