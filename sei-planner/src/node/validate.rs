//! `SeiNode -> ValidNode`: parse, don't validate. Later stages cannot fail on the shape of a spec.

mod keys;
mod names;
mod sidecar;
mod source;

use std::collections::BTreeMap;

use super::problem::{Problem, Refusal};
use super::valid::{DataVolume, Mode, ValidNode};
use crate::api::conditions::INVALID_SPEC;
use crate::api::{ACKNOWLEDGE_ANNOTATION, REFRESH_ANNOTATION, RETRY_ANNOTATION, SeiNode, SeiNodeSpec};
use crate::config::{KNOWN_KEYS, is_known_key};
use crate::names::NodeKey;
use crate::platform::Platform;
use crate::words::did_you_mean;

/// Turns a node into one that every later stage can rely on.
///
/// # Errors
/// Everything that is wrong with the spec, at once.
pub fn validate(node: &SeiNode, platform: &Platform) -> Result<ValidNode, Refusal> {
    let spec = &node.spec;
    let key = NodeKey::new(
        node.metadata.namespace.clone().unwrap_or_default(),
        node.metadata.name.clone().unwrap_or_default(),
    );
    let mut check = Check::default();
    let mode = check.mode(spec);
    let source = check.source(spec, mode);
    let snapshots = check.snapshots(spec, mode);
    let keys = check.keys(spec);
    let tls = check.tls(spec, platform);
    let sidecar_port = check.sidecar_port(spec);
    check.overrides(&spec.overrides);
    check.names(&key, spec);
    check.finish()?;

    let annotation = |name: &str| node.metadata.annotations.as_ref().and_then(|all| all.get(name)).cloned();
    let sidecar = spec.sidecar.as_ref();
    let sidecar_image = sidecar.and_then(|s| s.image.clone()).filter(|image| !image.is_empty());
    Ok(ValidNode {
        uid: node.metadata.uid.clone().unwrap_or_default(),
        generation: node.metadata.generation.unwrap_or_default(),
        chain_id: spec.chain_id.clone(),
        image: spec.image.clone(),
        mode,
        source,
        ceremony: keys.ceremony,
        snapshots,
        peers: spec.peers.clone(),
        overrides: spec.overrides.clone(),
        pod_labels: spec.pod_labels.clone(),
        names_sidecar_image: sidecar_image.is_some(),
        sidecar_image: sidecar_image.unwrap_or_else(|| platform.sidecar_image.clone()),
        sidecar_port,
        sidecar_resources: sidecar.and_then(|s| s.resources.clone()),
        tls,
        signing_key: keys.signing_key,
        node_key: keys.node_key,
        keyring: keys.keyring,
        data_volume: data_volume(spec, &key),
        retry_token: annotation(RETRY_ANNOTATION),
        acknowledgement: annotation(ACKNOWLEDGE_ANNOTATION),
        refresh_token: annotation(REFRESH_ANNOTATION),
        paused: node.is_paused(),
        key,
    })
}

fn data_volume(spec: &SeiNodeSpec, key: &NodeKey) -> DataVolume {
    let volume = spec.data_volume.as_ref();
    let import = volume.and_then(|v| v.import.as_ref()).map(|i| i.pvc_name.clone()).filter(|name| !name.is_empty());
    DataVolume {
        imported: import.is_some(),
        claim: import.unwrap_or_else(|| key.generated_claim()),
        retain_on_delete: volume.and_then(|v| v.retain_on_delete).unwrap_or(false),
    }
}

/// Collects what is wrong; a refusal for anything that the spec cannot help gives way to plain mistakes.
#[derive(Default)]
struct Check {
    problems: Vec<Problem>,
    reason: Option<&'static str>,
}

impl Check {
    fn problem(
        &mut self,
        reason: &'static str,
        code: &'static str,
        field: impl Into<String>,
        message: impl Into<String>,
    ) {
        if self.reason != Some(INVALID_SPEC) {
            self.reason = Some(reason);
        }
        self.problems.push(Problem { code, field: field.into(), message: message.into() });
    }

    fn invalid(&mut self, code: &'static str, field: impl Into<String>, message: impl Into<String>) {
        self.problem(INVALID_SPEC, code, field, message);
    }

    fn mode(&mut self, spec: &SeiNodeSpec) -> Mode {
        let present = [
            (Mode::FullNode, spec.full_node.is_some()),
            (Mode::Archive, spec.archive.is_some()),
            (Mode::Replayer, spec.replayer.is_some()),
            (Mode::Validator, spec.validator.is_some()),
        ];
        let chosen: Vec<Mode> = present.into_iter().filter(|(_, present)| *present).map(|(mode, _)| mode).collect();
        match chosen.as_slice() {
            [] => self.invalid(
                "SEI0101",
                "spec",
                "names no mode: write exactly one of fullNode, archive, replayer, validator",
            ),
            [_] => {}
            several => {
                let words: Vec<&str> = several.iter().map(|mode| mode.field()).collect();
                let message = format!("names {} modes ({}): keep exactly one", words.len(), words.join(", "));
                self.invalid("SEI0101", "spec", message);
            }
        }
        chosen.first().copied().unwrap_or(Mode::FullNode)
    }

    fn overrides(&mut self, overrides: &BTreeMap<String, String>) {
        for key in overrides.keys().filter(|key| !is_known_key(key)) {
            self.invalid(
                "SEI0113",
                format!("spec.overrides[{key}]"),
                format!("unknown config field {key:?}: {}", nearest_key(key)),
            );
        }
    }

    fn finish(self) -> Result<(), Refusal> {
        match self.reason {
            None => Ok(()),
            Some(reason) => Err(Refusal { reason, problems: self.problems }),
        }
    }
}

/// What to write instead of an unknown key: known keys with the same last word, else the one it is most likely a slip of.
fn nearest_key(key: &str) -> String {
    let leaf = key.rsplit('.').next();
    let mut alike: Vec<&str> =
        KNOWN_KEYS.into_iter().filter(|known| known.rsplit('.').next() == leaf).take(3).collect();
    if alike.is_empty() {
        alike.extend(did_you_mean(key, KNOWN_KEYS.into_iter()));
    }
    if alike.is_empty() {
        "sei-config v0.0.14 has nothing like it".to_owned()
    } else {
        format!("did you mean {}?", alike.join(" or "))
    }
}
