//! What is written into names and labels of objects, where the API server would refuse it only after the plan began.

use super::Check;
use crate::api::SeiNodeSpec;
use crate::names::NodeKey;

/// Longest name of a node: its pods carry the label `controller-revision-hash` with `<name>-<hash of 10>`, and a label
/// value has at most 63 characters.
const NAME_MAX: usize = 52;
/// Longest value of a label, and longest name part of its key.
const LABEL_MAX: usize = 63;
/// Longest prefix of a label's key.
const PREFIX_MAX: usize = 253;

impl Check {
    pub(super) fn names(&mut self, key: &NodeKey, spec: &SeiNodeSpec) {
        if !is_dns_label(&key.name) || key.name.len() > NAME_MAX {
            self.invalid(
                "SEI0123",
                "metadata.name",
                format!(
                    "{:?} names a Service and a StatefulSet, too: write at most {NAME_MAX} of a-z, 0-9 and -, from a letter to a letter or digit",
                    key.name
                ),
            );
        }
        if spec.image.is_empty() {
            self.invalid("SEI0108", "spec.image", "is empty: write the image of seid");
        }
        if spec.chain_id.is_empty() {
            self.invalid("SEI0109", "spec.chainId", "is empty: write the chain to follow, for example pacific-1");
        } else if !is_label_value(&spec.chain_id) {
            self.invalid("SEI0124", "spec.chainId", not_a_label(&spec.chain_id));
        }
        for (name, value) in &spec.pod_labels {
            let field = format!("spec.podLabels[{name}]");
            if !is_label_key(name) {
                let message = "is no name of a label: write at most 63 of letters, digits, -, _ and ., after an optional DNS prefix and /";
                self.invalid("SEI0124", field, message);
            } else if !is_label_value(value) {
                self.invalid("SEI0124", field, not_a_label(value));
            }
        }
    }
}

fn not_a_label(value: &str) -> String {
    format!(
        "{value:?} cannot be the value of a label: write at most {LABEL_MAX} of letters, digits, -, _ and ., from a letter or digit to a letter or digit"
    )
}

fn is_dns_label(name: &str) -> bool {
    let body = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    body && name.starts_with(|c: char| c.is_ascii_lowercase()) && !name.ends_with('-')
}

fn is_label_value(value: &str) -> bool {
    value.is_empty() || is_qualified(value)
}

fn is_label_key(key: &str) -> bool {
    match key.split_once('/') {
        None => is_qualified(key),
        Some((prefix, name)) => {
            let parts = || prefix.split('.');
            let dns = prefix.len() <= PREFIX_MAX && parts().all(is_dns_part);
            dns && is_qualified(name)
        }
    }
}

fn is_dns_part(part: &str) -> bool {
    let body = part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    body && !part.is_empty() && !part.starts_with('-') && !part.ends_with('-')
}

fn is_qualified(word: &str) -> bool {
    let ends = |c: Option<u8>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let mut bytes = word.bytes();
    word.len() <= LABEL_MAX
        && ends(word.bytes().next())
        && ends(word.bytes().last())
        && bytes.all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}
