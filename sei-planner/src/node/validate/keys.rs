//! A validator's keys and its part in a genesis ceremony.

use super::Check;
use crate::api::{GenesisCeremony, KeyringSecret, SeiNodeSpec, ValidatorSpec};
use crate::node::valid::{Ceremony, Keyring};

/// Entry of a keyring that names none.
const DEFAULT_KEY_NAME: &str = "node_admin";
const SIGNING_KEY: &str = "spec.validator.signingKey";
const NODE_KEY: &str = "spec.validator.nodeKey";
const KEYRING: &str = "spec.validator.operatorKeyring";

/// What only validators have.
#[derive(Default)]
pub(super) struct Keys {
    pub(super) ceremony: Option<Ceremony>,
    pub(super) signing_key: Option<String>,
    pub(super) node_key: Option<String>,
    pub(super) keyring: Option<Keyring>,
}

impl Check {
    pub(super) fn keys(&mut self, spec: &SeiNodeSpec) -> Keys {
        let Some(validator) = &spec.validator else { return Keys::default() };
        let keys = Keys {
            ceremony: validator.genesis_ceremony.as_ref().map(|ceremony| self.ceremony(ceremony)),
            signing_key: self.signing_key(validator),
            node_key: self.node_key(validator),
            keyring: validator.operator_keyring.as_ref().and_then(|keyring| self.keyring(keyring.secret.as_ref())),
        };
        if validator.signing_key.is_some() && validator.genesis_ceremony.is_some() {
            self.invalid("SEI0118", SIGNING_KEY, "validator: signingKey is mutually exclusive with genesisCeremony");
        }
        self.both_keys_or_neither(validator);
        self.distinct(&keys);
        keys
    }

    fn ceremony(&mut self, ceremony: &GenesisCeremony) -> Ceremony {
        for (field, value) in [
            ("chainId", &ceremony.chain_id),
            ("stakingAmount", &ceremony.staking_amount),
            ("accountBalance", &ceremony.account_balance),
        ] {
            if value.is_empty() {
                let path = format!("spec.validator.genesisCeremony.{field}");
                self.invalid("SEI0121", path, format!("validator: genesisCeremony.{field} is required"));
            }
        }
        Ceremony {
            chain_id: ceremony.chain_id.clone(),
            staking_amount: ceremony.staking_amount.clone(),
            account_balance: ceremony.account_balance.clone(),
            genesis_params: ceremony.genesis_params.clone().unwrap_or_default(),
        }
    }

    fn signing_key(&mut self, validator: &ValidatorSpec) -> Option<String> {
        let key = validator.signing_key.as_ref()?;
        self.secret_name(SIGNING_KEY, "signingKey", key.secret.as_ref().map(|secret| &secret.secret_name))
    }

    fn node_key(&mut self, validator: &ValidatorSpec) -> Option<String> {
        let key = validator.node_key.as_ref()?;
        self.secret_name(NODE_KEY, "nodeKey", key.secret.as_ref().map(|secret| &secret.secret_name))
    }

    fn secret_name(&mut self, path: &str, key: &str, name: Option<&String>) -> Option<String> {
        let name = name.filter(|name| !name.is_empty()).cloned();
        if name.is_none() {
            let message = format!("validator: {key}.secret.secretName is required");
            self.invalid("SEI0119", format!("{path}.secret.secretName"), message);
        }
        name
    }

    fn both_keys_or_neither(&mut self, validator: &ValidatorSpec) {
        match (&validator.signing_key, &validator.node_key) {
            (Some(_), None) => {
                self.invalid("SEI0119", NODE_KEY, "validator: nodeKey is required when signingKey is set");
            }
            (None, Some(_)) => self.invalid("SEI0119", NODE_KEY, "validator: nodeKey requires signingKey to be set"),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }

    fn keyring(&mut self, secret: Option<&KeyringSecret>) -> Option<Keyring> {
        let Some(secret) = secret else {
            self.invalid("SEI0119", KEYRING, "names no source: write secret");
            return None;
        };
        let passphrase = &secret.passphrase_secret_ref;
        for (field, value) in [
            ("secret.secretName", &secret.secret_name),
            ("secret.passphraseSecretRef.secretName", &passphrase.secret_name),
            ("secret.passphraseSecretRef.key", &passphrase.key),
        ] {
            if value.is_empty() {
                self.invalid("SEI0119", format!("{KEYRING}.{field}"), "is empty: write a name");
            }
        }
        let key_name = secret.key_name.clone().filter(|name| !name.is_empty());
        Some(Keyring {
            secret: secret.secret_name.clone(),
            key_name: key_name.unwrap_or_else(|| DEFAULT_KEY_NAME.to_owned()),
            passphrase_secret: passphrase.secret_name.clone(),
            passphrase_key: passphrase.key.clone(),
        })
    }

    /// No Secret serves two purposes: each is mounted by another container.
    fn distinct(&mut self, keys: &Keys) {
        let (signing, node) = (keys.signing_key.as_deref(), keys.node_key.as_deref());
        if signing.is_some() && signing == node {
            let message = "validator: signingKey and nodeKey must reference distinct Secrets";
            self.invalid("SEI0120", format!("{NODE_KEY}.secret.secretName"), message);
        }
        let Some(keyring) = &keys.keyring else { return };
        let (data, passphrase) = (keyring.secret.as_str(), keyring.passphrase_secret.as_str());
        let data_field = format!("{KEYRING}.secret.secretName");
        let passphrase_field = format!("{KEYRING}.secret.passphraseSecretRef.secretName");
        if !data.is_empty() && data == passphrase {
            let message =
                format!("validator: operatorKeyring data Secret {data:?} must differ from its passphrase Secret");
            self.invalid("SEI0120", &data_field, message);
        }
        for (key, name) in [("signingKey", signing), ("nodeKey", node)] {
            if name == Some(data) {
                let message = format!("validator: operatorKeyring Secret {data:?} must differ from {key} Secret");
                self.invalid("SEI0120", &data_field, message);
            }
            if name == Some(passphrase) {
                let message = format!(
                    "validator: operatorKeyring passphrase Secret {passphrase:?} must differ from {key} Secret"
                );
                self.invalid("SEI0120", &passphrase_field, message);
            }
        }
    }
}
