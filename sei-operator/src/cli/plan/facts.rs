//! What is known of the cluster offline: saved statuses, and Secrets.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;

use sei_planner::api::{SeiNode, SeiNodeSpec, Time};
use sei_planner::inspect::{KeyringRefs, Verdict, consensus_key, node_key, operator_keyring, tls_secret};
use sei_planner::node::{Observed, TlsSource, ValidNode, validate};
use sei_planner::platform::Platform;

use crate::input::diagnostics::{Diagnostic, SECRET_WILL_NOT_DO, STATUS_OF_NOBODY, Severity};
use crate::input::secrets::Secrets;
use crate::input::sources::Sources;
use crate::input::{ADMISSION, Document, Input};
use crate::output::{self, Paint};

/// Namespace and name.
type Key = (String, String);

/// Facts for all nodes.
#[derive(Default)]
pub(super) struct Facts {
    saved: BTreeMap<Key, Document>,
    saved_sources: Sources,
    secrets: Secrets,
    asked: BTreeSet<Key>,
    named: BTreeSet<Key>,
    /// Whether a fact cannot be read, so that plans may lack it.
    pub(super) failed: bool,
}

impl Facts {
    /// Reads the files of `--status` and `--secret`, and says what is wrong with them.
    pub(super) fn read(status: &[PathBuf], secrets: &[PathBuf]) -> Self {
        Self::of(Input::read(status), secrets)
    }

    /// The same of saved statuses that are no files.
    pub(super) fn of(input: Input, secrets: &[PathBuf]) -> Self {
        let mut facts = Self { secrets: Secrets::read(secrets), ..Self::default() };
        for diagnostic in &input.remarks {
            say(diagnostic, &input.sources);
        }
        for document in input.documents {
            for problem in &document.problems {
                say(problem, &input.sources);
                facts.failed = true;
            }
            facts.saved.insert((document.namespace.clone(), document.name.clone()), document);
        }
        facts.saved_sources = input.sources;
        for diagnostic in &facts.secrets.diagnostics {
            say(diagnostic, &Sources::default());
            facts.failed |= diagnostic.severity == Severity::Error;
        }
        facts
    }

    /// The node as it would stand in the cluster: with the status and the identity that were saved. Its generation is the
    /// saved one, and one more where the spec differs from the saved spec, because applying it would count as an edit.
    ///
    /// # Errors
    /// What is wrong with its saved document: planned without it, a running node would look like a new one.
    pub(super) fn situated(&mut self, node: &SeiNode) -> Result<SeiNode, &[Diagnostic]> {
        let metadata = &node.metadata;
        let key = (metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default());
        self.named.extend(secrets_of(&node.spec, &key.1).into_iter().map(|name| (key.0.clone(), name)));
        self.asked.insert(key.clone());
        let mut node = node.clone();
        let Some(document) = self.saved.get(&key) else { return Ok(node) };
        let Some(saved) = &document.node else { return Err(&document.problems) };
        let edited = i64::from(saved.spec != node.spec);
        node.metadata.generation = saved.metadata.generation.map(|generation| generation + edited);
        node.metadata.uid.clone_from(&saved.metadata.uid);
        let mut annotations = saved.metadata.annotations.clone().unwrap_or_default();
        annotations.extend(node.metadata.annotations.take().unwrap_or_default());
        node.metadata.annotations = Some(annotations);
        node.status.clone_from(&saved.status);
        Ok(node)
    }

    /// What rules of the API server say against a node: as a change of the saved one, else as a new one.
    pub(super) fn verdict(&self, document: &Document, node: &SeiNode) -> io::Result<Vec<Diagnostic>> {
        let key = (document.namespace.clone(), document.name.clone());
        let Some(saved) = self.saved.get(&key).and_then(|saved| saved.node.as_ref()) else {
            return Ok(document.rules.clone());
        };
        let violations = ADMISSION.update(&serde_json::to_value(saved)?, &serde_json::to_value(node)?);
        Ok(document.refused_by_rules(&violations))
    }

    /// What is known of the world around a node, and warnings about its Secrets. Secrets that are in no file are not looked at.
    pub(super) fn observed(
        &self,
        document: &Document,
        node: &SeiNode,
        platform: &Platform,
    ) -> (Observed, Vec<Diagnostic>) {
        let mut seen = Observed::default();
        let Ok(valid) = validate(node, platform) else { return (seen, Vec::new()) };
        let namespace = valid.key.namespace.as_str();
        let given = |name: &str| self.secrets.get(namespace, name);
        let mut flaws: Vec<(&str, String)> = Vec::new();
        if let Some(TlsSource::Secret(name)) = valid.tls.as_ref().map(|tls| &tls.source) {
            // Whether a certificate is valid depends on the day; nothing else in a plan does.
            let today = Time::at(jiff::Timestamp::now());
            let dns_names = valid.required_dns_names();
            seen.tls_secret = given(name).map(|secret| tls_secret(Some(secret), name, namespace, &dns_names, today));
            let bad = seen.tls_secret.as_ref().filter(|verdict| !verdict.ready);
            flaws.extend(bad.map(|verdict| ("spec.sidecar.tls.secretName", verdict.message.clone())));
        }
        if let Some((name, secret)) = valid.signing_key.as_deref().and_then(|name| Some((name, given(name)?))) {
            let flaw = flaw(consensus_key(Some(secret), name, namespace));
            flaws.extend(flaw.map(|why| ("spec.validator.signingKey.secret.secretName", why)));
        }
        if let Some((name, secret)) = valid.node_key.as_deref().and_then(|name| Some((name, given(name)?))) {
            let flaw = flaw(node_key(Some(secret), name, namespace));
            flaws.extend(flaw.map(|why| ("spec.validator.nodeKey.secret.secretName", why)));
        }
        flaws.extend(self.keyring(&valid).map(|why| ("spec.validator.operatorKeyring.secret.secretName", why)));
        let warn = |(field, why): &(&str, String)| Diagnostic {
            severity: Severity::Warning,
            ..document.problem(SECRET_WILL_NOT_DO.id, field, why)
        };
        (seen, flaws.iter().map(warn).collect())
    }

    /// What is wrong with the keyring of a validator, where both of its Secrets are given.
    fn keyring(&self, node: &ValidNode) -> Option<String> {
        let (namespace, keyring) = (node.key.namespace.as_str(), node.keyring.as_ref()?);
        let refs = KeyringRefs {
            namespace,
            secret_name: &keyring.secret,
            key_name: &keyring.key_name,
            passphrase_secret: &keyring.passphrase_secret,
            passphrase_key: &keyring.passphrase_key,
        };
        let given = |name: &str| self.secrets.get(namespace, name);
        let (data, passphrase) = (given(&keyring.secret)?, given(&keyring.passphrase_secret)?);
        flaw(operator_keyring(&refs, Some(data), Some(passphrase)))
    }

    /// Says which facts no planned node asked for.
    pub(super) fn say_what_is_left(&self) {
        for (_, document) in self.saved.iter().filter(|(key, _)| !self.asked.contains(key)) {
            let message = format!("names {}/{}, which is not planned", document.namespace, document.name);
            let problem = document.problem(STATUS_OF_NOBODY.id, "metadata.name", &message);
            say(&Diagnostic { severity: Severity::Warning, ..problem }, &self.saved_sources);
        }
        for diagnostic in self.secrets.unnamed(&self.named) {
            say(&diagnostic, &Sources::default());
        }
    }
}

/// What is wrong, if anything is.
fn flaw<T>(verdict: Verdict<T>) -> Option<String> {
    match verdict {
        Verdict::Good(_) => None,
        Verdict::NotYet(why) | Verdict::Bad(why) => Some(why),
    }
}

/// Names of the Secrets that a node asks for, in its own namespace.
pub(in crate::cli) fn secrets_of(spec: &SeiNodeSpec, node: &str) -> Vec<String> {
    let mut names = Vec::new();
    if let Some(tls) = spec.sidecar.as_ref().and_then(|sidecar| sidecar.tls.as_ref()) {
        names.extend(tls.secret_name.clone());
        names.extend(tls.issuer_name.as_ref().map(|_| format!("{node}-sidecar-tls")));
    }
    if let Some(validator) = &spec.validator {
        let signing = validator.signing_key.as_ref().and_then(|key| key.secret.as_ref());
        let identity = validator.node_key.as_ref().and_then(|key| key.secret.as_ref());
        names.extend([signing, identity].into_iter().flatten().map(|secret| secret.secret_name.clone()));
        let keyring = validator.operator_keyring.as_ref().and_then(|keyring| keyring.secret.as_ref());
        names.extend(keyring.iter().map(|keyring| keyring.secret_name.clone()));
        names.extend(keyring.iter().map(|keyring| keyring.passphrase_secret_ref.secret_name.clone()));
    }
    names
}

fn say(diagnostic: &Diagnostic, sources: &Sources) {
    output::chatter(&format!("{}\n", diagnostic.render(sources, Paint::stderr())));
}
