//! What is wrong with an input, where, and what to write instead: the table of codes, and how a diagnostic reads.
//!
//! Codes below SEI0100 are given here, and those from SEI0300 on by `lint`; those between come from the planner, which knows
//! what a spec means.

use std::fmt;

use super::sources::Sources;
use super::yaml::Span;
use crate::output::Paint;

/// One kind of diagnostic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code {
    /// Stable id, for example `SEI0010`.
    pub(crate) id: &'static str,
    /// A few words, shown under the caret.
    pub(crate) title: &'static str,
    /// What it means and what to do, for `explain`.
    pub(crate) remedy: &'static str,
}

const fn row(id: &'static str, title: &'static str, remedy: &'static str) -> Code {
    Code { id, title, remedy }
}

/// Declares the codes that are given here as constants, and a table of them.
macro_rules! codes {
    ($table:ident: $($name:ident = $id:literal, $title:literal, $remedy:literal;)*) => {
        $(
            #[doc = $title]
            pub(crate) const $name: Code = row($id, $title, $remedy);
        )*
        const $table: &[Code] = &[$($name),*];
    };
}

codes! { OWN:
    UNREADABLE = "SEI0001", "cannot be read",
        "A file that was named does not exist, may not be read, or is not UTF-8 text. Check the path and its permissions.";
    YAML_SYNTAX = "SEI0002", "not YAML",
        "The document is not well-formed YAML (or JSON). Most often an indentation slipped, a quote was not closed, or a tab indents a line. Documents before and after it, separated by `---`, are still read.";
    NOT_AN_OBJECT = "SEI0003", "not a Kubernetes object",
        "A document must be a mapping with apiVersion, kind, metadata and spec. Values files of Helm and the like are not objects: name the rendered manifests instead.";
    MISSING = "SEI0004", "missing field",
        "The API server refuses the object without this field. A field whose value is null counts as missing.";
    UNSUPPORTED_KIND = "SEI0005", "unsupported kind",
        "The kind belongs to sei.io, and this version cannot plan it. Kinds of other groups are skipped with a note.";
    WRONG_API_VERSION = "SEI0006", "wrong apiVersion",
        "SeiNode is served as sei.io/v1alpha1 and in no other group or version.";
    WRONG_TYPE = "SEI0007", "wrong type",
        "The field has another type than the schema asks for. YAML turns 5, true, on and yes into numbers and booleans: put quotes around a text that looks like one of them.";
    OUT_OF_BOUNDS = "SEI0008", "outside its bounds",
        "The value has the right type, and the schema does not allow it: an unknown word, a wrong form, too long, too short, too great or too small.";
    DUPLICATE_KEY = "SEI0009", "duplicate key",
        "The same key stands twice in one mapping. Tools disagree on which one counts, so neither does: keep one of the two.";
    UNKNOWN_FIELD = "SEI0010", "unknown field",
        "The schema has no such field. `kubectl apply` refuses it; clients that do not ask for strict validation get it dropped without a word. The plan is made as if it were not there. Remove it, or correct its name.";
    NULL_OBJECT = "SEI0011", "null is dropped",
        "A key without a value is null, and the API server drops it as if the key were not there. To say \"present, with nothing to set\", write {} as the value.";
    SAME_OBJECT = "SEI0012", "same object again",
        "Two documents describe the same object. Applied one after the other the last one wins, so one of them has no effect.";
    FOREIGN_KIND = "SEI0013", "skipped",
        "The object is not of the group sei.io, so there is nothing to plan for it.";
    UNDECODABLE = "SEI0014", "cannot be decoded",
        "The object passed the schema and still cannot be read. Please report it with the document.";
    PLATFORM_SETTING = "SEI0015", "platform setting",
        "A setting of the platform is missing or wrong. Settings come from --platform FILE, or from the environment; `sei-operator plan --help` lists them.";
    STATUS_OF_NOBODY = "SEI0016", "status of no planned node",
        "A file of --status holds a node that is not among the planned ones, so its status is not used. Statuses are matched by namespace and name; an object without a namespace is in `default`.";
    SECRET_SKIPPED = "SEI0017", "not a Secret",
        "A file of --secret holds an object that is no v1 Secret. ExternalSecrets, SealedSecrets and the like hold no usable data: name the Secret that is made of them.";
    SECRET_UNUSABLE = "SEI0018", "unusable Secret",
        "A Secret cannot be read: values of `data` are base64, values of `stringData` are texts, and it needs a name. Lines of Secrets are never shown.";
    SECRET_OF_NOBODY = "SEI0019", "Secret of no planned node",
        "No planned node names this Secret. Secrets are matched by namespace and name, and a node uses those of its own namespace.";
    REFUSED_BY_RULE = "SEI0020", "refused by a rule",
        "The API server refuses the object, or this change of it, by a rule of the CustomResourceDefinition; the message is the rule's own. Some fields never change once they are set: make a new node instead.";
    SECRET_WILL_NOT_DO = "SEI0021", "Secret will not do",
        "A Secret that the node names is there and fails a check that the operator makes before a pod mounts it, so a plan would stop at that check. The message names the rule that is broken and never what the Secret holds. A certificate is judged at the time of the run.";
    EMPTY = "SEI0022", "nothing to read",
        "Nothing that was named holds an object, not even one of another kind. Check the path, and the program that writes the manifests. An empty list, as `kubectl get` prints one, is fine.";
}

/// The codes of the planner. A test finds those that are missing here.
#[rustfmt::skip] // One row per code reads as the table it is.
const PLANNER: &[Code] = &[
    row("SEI0101", "not exactly one mode",
        "A SeiNode is a full node, an archive, a replayer or a validator: exactly one of spec.fullNode, spec.archive, spec.replayer and spec.validator is set. {} counts as set, null does not."),
    row("SEI0103", "bootstrap without a height",
        "bootstrapImage starts a Job that syncs up to snapshot.s3.targetHeight, so it needs a height greater than zero."),
    row("SEI0105", "no usable first state",
        "A snapshot comes either from S3, with a height of at least 1, or from state sync: exactly one of the two. Leave snapshot out to sync from genesis."),
    row("SEI0106", "empty snapshotGeneration",
        "snapshotGeneration without a member asks for nothing. Set tendermint in it, or leave it out."),
    row("SEI0107", "too few snapshots kept",
        "Snapshots are uploaded once a newer one is complete, so at least two must be kept on disk."),
    row("SEI0108", "no image",
        "spec.image names the image of seid."),
    row("SEI0109", "no chain",
        "spec.chainId names the chain to follow, for example pacific-1."),
    row("SEI0111", "issuer not allowed",
        "Issuers are trusted by the platform, not by the author of a node: the platform team lists them in SEI_TLS_ALLOWED_ISSUERS."),
    row("SEI0112", "not exactly one TLS source",
        "The certificate of the sidecar comes from a Secret (secretName) or from an issuer (issuerName): exactly one of the two."),
    row("SEI0113", "unknown setting",
        "The keys of spec.overrides are dotted keys of sei-config. An unknown one would fail on the node, after the pod was made."),
    row("SEI0114", "not a port",
        "A port is a number from 1 to 65535."),
    row("SEI0115", "replayer without S3",
        "A replayer starts from a snapshot in the platform's bucket: write spec.replayer.snapshot.s3."),
    row("SEI0116", "replayer without peers",
        "A replayer fetches the blocks it replays from peers: write at least one entry in spec.peers."),
    row("SEI0117", "empty resultExport",
        "resultExport without a member asks for nothing. Leave it out."),
    row("SEI0118", "two sources of a consensus key",
        "A founder of a chain makes its own keys in the ceremony, so it cannot bring one along: keep signingKey or genesisCeremony."),
    row("SEI0119", "incomplete keys",
        "signingKey and nodeKey go together, and each names a Secret. A keyring names its Secret and the Secret and data key of its passphrase."),
    row("SEI0120", "one Secret for two purposes",
        "Consensus key, node key, keyring and passphrase are mounted into different containers, so each has a Secret of its own."),
    row("SEI0121", "incomplete ceremony",
        "A genesis ceremony needs a chain, a stake and a first balance."),
    row("SEI0122", "platform without a TLS proxy",
        "The node asks for TLS in front of its sidecar, and the platform names no image of the proxy: set SEI_KUBE_RBAC_PROXY_IMAGE."),
    row("SEI0123", "no name for a node",
        "The name of a node becomes that of a Service and of a StatefulSet, whose pods carry it in a label with 11 more characters: at most 52 of a-z, 0-9 and -, from a letter to a letter or digit."),
    row("SEI0124", "no label",
        "Labels of the pod, and the chain, which becomes the label sei.io/chain, must have the form of Kubernetes labels: values of at most 63 letters, digits, '-', '_' and '.', from a letter or digit to a letter or digit. An API server would refuse every object of the node."),
    row("SEI0125", "another chain",
        "A node that runs has the data of its chain on its volume, and no other chain can go on with it. Write the old chain again, or make a new node. Before a node runs its chain may be corrected."),
    row("SEI0126", "another volume",
        "A node that runs stays with the claim that holds its data. To put another claim under a node, make a new node that imports it."),
    row("SEI0127", "another mode",
        "The only mode that a running node may leave is fullNode, and the only one it may become is validator, without a ceremony: every other mode needs other data. Write the old mode again, or make a new node."),
];

codes! { LINT:
    ENTRYPOINT_IGNORED = "SEI0301", "deprecated and ignored",
        "spec.entrypoint is kept so that old manifests are accepted. The operator owns the command line of seid; settings belong into spec.overrides.";
    RESULT_EXPORT_UNUSED = "SEI0302", "without effect",
        "spec.replayer.resultExport is checked by the API server, and nothing acts on it. Remove it, so that nobody relies on exports that do not happen.";
    OVERRIDE_WINS = "SEI0303", "said twice",
        "An override replaces the value that another field of the spec asks for. Say it in one place, so that the next reader finds it.";
    RETAIN_WITHOUT_EFFECT = "SEI0304", "without effect on an imported claim",
        "An imported claim belongs to somebody else and is never deleted, whatever spec.dataVolume.retainOnDelete says.";
    MUTABLE_IMAGE = "SEI0305", "mutable image",
        "An image without a tag, or with the tag latest, is whatever stands there when a pod starts: a restart becomes an upgrade that no plan shows, and validators of one chain may run different programs. Name a version, or better a digest.";
    LABEL_OVERRULED = "SEI0306", "overruled label",
        "The labels sei.io/node, sei.io/chain and sei.io/role select pods and are set by the operator. Use a label of your own.";
    SNAPSHOT_WITHOUT_PEERS = "SEI0307", "snapshot without peers",
        "State sync, also from a snapshot of S3, asks peers for a block to trust. Without spec.peers the task configure-state-sync fails until its retries are used up.";
    OWN_PEER = "SEI0308", "own peer",
        "The node is listed among its own peers. It is no use as one, and where it is the only one the node never finds another.";
    MALFORMED_PEER = "SEI0309", "no peer",
        "A static peer is nodeId@host:port: the id is the lower-case hexadecimal address of the node key, 40 digits, as `seid tendermint show-node-id` prints it.";
    CEREMONY_SNAPSHOT = "SEI0311", "ignored snapshot",
        "A founder of a chain starts from the genesis that the ceremony makes, so there is no state to restore. Remove spec.validator.snapshot.";
    CEREMONY_CHAIN = "SEI0312", "two chains",
        "The ceremony founds another chain than the one the node follows. Write the same chain in spec.chainId and spec.validator.genesisCeremony.chainId.";
}

/// Every code, in order.
pub(crate) fn codes() -> impl Iterator<Item = &'static Code> {
    OWN.iter().chain(PLANNER).chain(LINT)
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    /// The document cannot be used.
    Error,
    /// The document can be used, and does not mean what it says.
    Warning,
    /// Good to know.
    Note,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}

/// One thing to say about an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Diagnostic {
    /// How bad it is.
    pub(crate) severity: Severity,
    /// Id of its code.
    pub(crate) code: &'static str,
    /// JSON path of the field, as `spec.peers[0].ec2Tags`; empty where it is about more than a field.
    pub(crate) field: String,
    /// What is wrong, with the offending value, and what to write instead. Follows the field in a sentence.
    pub(crate) message: String,
    /// Name of the file, as it was given.
    pub(crate) file: String,
    /// Where in the file.
    pub(crate) at: Span,
}

impl Diagnostic {
    /// Field and message as one sentence.
    pub(crate) fn sentence(&self) -> String {
        const VERBS: [&str; 9] =
            ["is ", "names ", "has ", "lacks ", "stands ", "needs ", "replaces ", "selects ", "differs "];
        if self.field.is_empty() {
            return self.message.clone();
        }
        let colon = if VERBS.iter().any(|verb| self.message.starts_with(verb)) { "" } else { ":" };
        format!("`{}`{colon} {}", self.field, self.message)
    }

    /// `file:line`, or the file alone where it is about all of it.
    pub(crate) fn place(&self) -> String {
        if self.at.line == 0 { self.file.clone() } else { format!("{}:{}", self.file, self.at.line) }
    }

    /// The diagnostic as a compiler writes it: the sentence, the place, the line, and a caret under what is meant.
    pub(crate) fn render(&self, sources: &Sources, paint: Paint) -> String {
        let head = format!("{}[{}]", self.severity, self.code);
        let head = match self.severity {
            Severity::Error => paint.red(&head),
            Severity::Warning => paint.yellow(&head),
            Severity::Note => paint.blue(&head),
        };
        let mut text = format!("{head}: {}\n", self.sentence());
        if self.at.line == 0 {
            return text;
        }
        let number = self.at.line.to_string();
        let margin = " ".repeat(number.len());
        let arrow = paint.blue("-->");
        text += &format!("{margin}{arrow} {}:{}:{}\n", self.file, self.at.line, self.at.column);
        if let Some(line) = sources.line(&self.file, self.at.line) {
            let bar = paint.blue("|");
            let number = paint.blue(&number);
            let (blank, carets) = self.underline(line);
            let label = title(self.code);
            text += &format!(
                "{margin} {bar}\n{number} {bar} {line}\n{margin} {bar} {blank}{}\n",
                paint.red(&format!("{carets} {label}"))
            );
        }
        text
    }

    /// The white space and the carets under this place in `line`; tabs stay tabs, so that both lines are as wide.
    fn underline(&self, line: &str) -> (String, String) {
        let before = self.at.column.saturating_sub(1);
        let blank = line.chars().take(before).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let left = line.trim_end().chars().count().saturating_sub(before);
        (blank, "^".repeat(self.at.width.min(left).max(1)))
    }
}

/// The code with this id.
pub(crate) fn code(id: &str) -> Option<&'static Code> {
    codes().find(|code| code.id.eq_ignore_ascii_case(id))
}

fn title(id: &str) -> &'static str {
    code(id).map_or("", |code| code.title)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "tests")]

    use super::codes;

    #[test]
    fn codes_are_in_order_and_stand_once() {
        assert!(codes().is_sorted_by(|a, b| a.id < b.id));
    }

    /// Every Rust file below a directory of the workspace.
    fn sources(directory: &str) -> String {
        let path = format!("{}/../{directory}", env!("CARGO_MANIFEST_DIR"));
        let mut text = String::new();
        for entry in std::fs::read_dir(path).expect("a directory") {
            let entry = entry.expect("an entry");
            let name = entry.file_name().into_string().expect("UTF-8");
            if entry.path().is_dir() {
                text += &sources(&format!("{directory}/{name}"));
            } else if name.ends_with(".rs") {
                text += &std::fs::read_to_string(entry.path()).expect("a source file");
            }
        }
        text
    }

    #[test]
    fn every_code_of_the_planner_is_explained() {
        let text = sources("sei-planner/src") + &sources("sei-tasks/src");
        let mut found = 0;
        for (at, _) in text.match_indices("\"SEI0") {
            let id = &text[at + 1..at + 8];
            assert!(codes().any(|code| code.id == id), "{id} has no row in the table of codes");
            found += 1;
        }
        assert!(found > 20, "codes are found");
    }
}
