//! The platform's settings: what holds for every node of a cluster (node pools, storage, buckets, images).
//!
//! They come as a map of strings, usually the environment, and are checked once, all of them at once, so that later code
//! works with typed values that cannot be wrong. Nothing here reads the environment or a file.

mod lines;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::api::IssuerKind;
use crate::quantity::Quantity;

pub use lines::LineError;

/// Settings that hold for every node of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    /// Node pool of every node but archives.
    pub node_pool: String,
    /// Node pool of archives.
    pub archive_node_pool: String,
    /// Key of the taint on these pools; its value is the pool's name.
    pub toleration_key: String,
    /// Service account of every pod.
    pub service_account: String,
    /// Storage class of every node but archives.
    pub storage_class_perf: String,
    /// Storage class that no mode of today uses.
    pub storage_class_default: String,
    /// Storage class of archives.
    pub storage_class_archive: String,
    /// Size of the data volume of every node but archives.
    pub storage_size_default: Quantity,
    /// Size of the data volume of archives.
    pub storage_size_archive: Quantity,
    /// CPU request of seid for every node but archives.
    pub cpu_default: Quantity,
    /// Memory request of seid for every node but archives.
    pub memory_default: Quantity,
    /// CPU request of seid for archives.
    pub cpu_archive: Quantity,
    /// Memory request of seid for archives.
    pub memory_archive: Quantity,
    /// Bucket of snapshots.
    pub snapshot_bucket: String,
    /// Region of the bucket of snapshots.
    pub snapshot_region: String,
    /// Bucket of genesis files.
    pub genesis_bucket: String,
    /// Region of the bucket of genesis files.
    pub genesis_region: String,
    /// Bucket of exported results.
    pub result_export_bucket: String,
    /// Region of the bucket of exported results.
    pub result_export_region: String,
    /// Prefix of exported results in their bucket.
    pub result_export_prefix: String,
    /// Gateway that public routes attach to.
    pub gateway_name: String,
    /// Namespace of that gateway.
    pub gateway_namespace: String,
    /// Domain under which routes get their names.
    pub gateway_domain: String,
    /// A second, public domain for routes.
    pub gateway_public_domain: Option<String>,
    /// Image of the sidecar, unless a node names its own.
    pub sidecar_image: String,
    /// Image of the TLS proxy in front of the sidecar; a node with TLS cannot be generated without it.
    pub kube_rbac_proxy_image: Option<String>,
    /// Image of the exporter of chain metrics.
    pub cosmos_exporter_image: String,
    /// Issuers that nodes may ask for certificates; none when empty.
    pub tls_allowed_issuers: BTreeSet<AllowedIssuer>,
}

/// An issuer of certificates that the platform trusts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AllowedIssuer {
    /// Kind of the issuer.
    pub kind: IssuerKind,
    /// Name of the issuer.
    pub name: String,
}

/// One variable of the platform, for `--help` and the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Name of the variable.
    pub name: &'static str,
    /// Whether a value is needed.
    pub required: bool,
    /// What the value is for.
    pub purpose: &'static str,
    /// Value on the demo platform; empty where it has none.
    pub demo: &'static str,
}

/// One thing that is wrong with the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformError {
    /// Name of the variable.
    pub variable: &'static str,
    /// Its value; `None` when it is not set.
    pub value: Option<String>,
    /// What is wrong with it.
    pub problem: String,
    /// What to write instead.
    pub instead: String,
}

impl fmt::Display for PlatformError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{}={value:?} {}", self.variable, self.problem)?,
            None => write!(f, "{} {}", self.variable, self.problem)?,
        }
        write!(f, "; {}", self.instead)
    }
}

/// Everything that is wrong with the settings, in the order of [`Platform::VARIABLES`]. Never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct PlatformErrors(pub Vec<PlatformError>);

impl fmt::Display for PlatformErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} wrong platform setting(s):", self.0.len())?;
        self.0.iter().try_for_each(|e| write!(f, "\n  {e}"))
    }
}

/// A row of the table of variables.
const fn variable(name: &'static str, required: bool, purpose: &'static str, demo: &'static str) -> Variable {
    Variable { name, required, purpose, demo }
}

const REQUIRED: bool = true;
const OPTIONAL: bool = false;

impl Platform {
    /// Every variable, in the order in which they are reported and documented.
    #[rustfmt::skip] // One row per variable reads as the table it is.
    pub const VARIABLES: &'static [Variable] = &[
        variable("SEI_NODEPOOL_NAME", REQUIRED, "Node pool of full nodes, validators and replayers", "sei-node"),
        variable("SEI_NODEPOOL_ARCHIVE", REQUIRED, "Node pool of archives", "sei-archive"),
        variable("SEI_TOLERATION_KEY", REQUIRED, "Key of the taint on the node pools", "sei.io/workload"),
        variable("SEI_SERVICE_ACCOUNT", REQUIRED, "Service account of every pod", "seid-node"),
        variable("SEI_STORAGE_CLASS_PERF", REQUIRED, "Storage class of full nodes, validators and replayers", "gp3-10k-750"),
        variable("SEI_STORAGE_CLASS_DEFAULT", REQUIRED, "Storage class of other nodes; no mode uses it today", "gp3"),
        variable("SEI_STORAGE_CLASS_ARCHIVE", REQUIRED, "Storage class of archives", "gp3-archive"),
        variable("SEI_STORAGE_SIZE_DEFAULT", REQUIRED, "Data volume of full nodes, validators and replayers, and least size of an imported one", "2000Gi"),
        variable("SEI_STORAGE_SIZE_ARCHIVE", REQUIRED, "Data volume of archives, and least size of an imported one", "40Ti"),
        variable("SEI_RESOURCE_CPU_DEFAULT", REQUIRED, "CPU request of seid on full nodes, validators and replayers", "4"),
        variable("SEI_RESOURCE_MEM_DEFAULT", REQUIRED, "Memory request of seid on full nodes, validators and replayers", "32Gi"),
        variable("SEI_RESOURCE_CPU_ARCHIVE", REQUIRED, "CPU request of seid on archives", "48"),
        variable("SEI_RESOURCE_MEM_ARCHIVE", REQUIRED, "Memory request of seid on archives", "448Gi"),
        variable("SEI_SNAPSHOT_BUCKET", REQUIRED, "Bucket of snapshots", "demo-snapshots"),
        variable("SEI_SNAPSHOT_REGION", REQUIRED, "Region of the bucket of snapshots", "eu-central-1"),
        variable("SEI_GENESIS_BUCKET", REQUIRED, "Bucket of genesis files", "demo-genesis"),
        variable("SEI_GENESIS_REGION", REQUIRED, "Region of the bucket of genesis files", "eu-central-1"),
        variable("SEI_RESULT_EXPORT_BUCKET", REQUIRED, "Bucket of exported results; unused today", "demo-results"),
        variable("SEI_RESULT_EXPORT_REGION", REQUIRED, "Region of the bucket of exported results; unused today", "eu-central-1"),
        variable("SEI_RESULT_EXPORT_PREFIX", REQUIRED, "Prefix of exported results in their bucket; unused today", "shadow-results/"),
        variable("SEI_GATEWAY_NAME", REQUIRED, "Gateway of the routes of a SeiNodeDeployment", "sei-gateway"),
        variable("SEI_GATEWAY_NAMESPACE", REQUIRED, "Namespace of that gateway", "gateway"),
        variable("SEI_GATEWAY_DOMAIN", REQUIRED, "Domain of the routes of a SeiNodeDeployment", "sei.example.com"),
        variable("SEI_GATEWAY_PUBLIC_DOMAIN", OPTIONAL, "A second, public domain of these routes", ""),
        variable("SEI_SIDECAR_IMAGE", REQUIRED, "Image of the sidecar, unless a node names its own", "registry.example/seictl:demo"),
        variable("SEI_KUBE_RBAC_PROXY_IMAGE", OPTIONAL, "Image of the TLS proxy; needed as soon as a node has `spec.sidecar.tls`", "registry.example/kube-rbac-proxy:demo"),
        variable("SEI_COSMOS_EXPORTER_IMAGE", REQUIRED, "Image of the exporter of chain metrics", "registry.example/cosmos-exporter:demo"),
        variable("SEI_TLS_ALLOWED_ISSUERS", OPTIONAL, "Issuers a node may name in `spec.sidecar.tls`, as Kind/name, separated by commas; none when empty", ""),
    ];

    /// The platform of these variables; others in the map are ignored. Only white space counts as empty.
    ///
    /// # Errors
    /// Every variable that is missing or wrong, all at once.
    pub fn from_map(settings: &BTreeMap<String, String>) -> Result<Self, PlatformErrors> {
        let mut reader = Reader::new(settings);
        let platform = Self::read(&mut reader);
        if reader.problems.is_empty() { Ok(platform) } else { Err(reader.into_errors()) }
    }

    /// A made-up platform for trying things out; its values are the demo values of [`Platform::VARIABLES`].
    #[must_use]
    pub fn demo() -> Self {
        // A test proves that the demo values have no problems, so none are lost here.
        Self::read(&mut Reader::new(&Self::demo_map()))
    }

    /// The variables of the demo platform that have a value.
    #[must_use]
    pub fn demo_map() -> BTreeMap<String, String> {
        let set = Self::VARIABLES.iter().filter(|v| !v.demo.is_empty());
        set.map(|v| (v.name.to_owned(), v.demo.to_owned())).collect()
    }

    /// Whether a node may ask this issuer for its certificate.
    #[must_use]
    pub fn allows_issuer(&self, kind: IssuerKind, name: &str) -> bool {
        let mut allowed = self.tls_allowed_issuers.iter();
        allowed.any(|i| i.kind == kind && i.name == name)
    }

    /// Reads `KEY=VALUE` lines. Blank lines and lines that start with `#` are skipped; white space around key and value
    /// is dropped; values are not quoted. Keys outside `SEI_` are kept as they are.
    ///
    /// # Errors
    /// Every line that is not `KEY=VALUE`, repeats a key, or sets an unknown `SEI_` key.
    pub fn parse_lines(text: &str) -> Result<BTreeMap<String, String>, Vec<LineError>> {
        lines::parse(text)
    }

    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            node_pool: reader.required("SEI_NODEPOOL_NAME", label_value),
            archive_node_pool: reader.required("SEI_NODEPOOL_ARCHIVE", label_value),
            toleration_key: reader.required("SEI_TOLERATION_KEY", qualified_name),
            service_account: reader.required("SEI_SERVICE_ACCOUNT", dns_name),
            storage_class_perf: reader.required("SEI_STORAGE_CLASS_PERF", dns_name),
            storage_class_default: reader.required("SEI_STORAGE_CLASS_DEFAULT", dns_name),
            storage_class_archive: reader.required("SEI_STORAGE_CLASS_ARCHIVE", dns_name),
            storage_size_default: reader.required("SEI_STORAGE_SIZE_DEFAULT", bytes),
            storage_size_archive: reader.required("SEI_STORAGE_SIZE_ARCHIVE", bytes),
            cpu_default: reader.required("SEI_RESOURCE_CPU_DEFAULT", cores),
            memory_default: reader.required("SEI_RESOURCE_MEM_DEFAULT", bytes),
            cpu_archive: reader.required("SEI_RESOURCE_CPU_ARCHIVE", cores),
            memory_archive: reader.required("SEI_RESOURCE_MEM_ARCHIVE", bytes),
            snapshot_bucket: reader.required("SEI_SNAPSHOT_BUCKET", word),
            snapshot_region: reader.required("SEI_SNAPSHOT_REGION", word),
            genesis_bucket: reader.required("SEI_GENESIS_BUCKET", word),
            genesis_region: reader.required("SEI_GENESIS_REGION", word),
            result_export_bucket: reader.required("SEI_RESULT_EXPORT_BUCKET", word),
            result_export_region: reader.required("SEI_RESULT_EXPORT_REGION", word),
            result_export_prefix: reader.required("SEI_RESULT_EXPORT_PREFIX", word),
            gateway_name: reader.required("SEI_GATEWAY_NAME", dns_name),
            gateway_namespace: reader.required("SEI_GATEWAY_NAMESPACE", dns_label),
            gateway_domain: reader.required("SEI_GATEWAY_DOMAIN", dns_name),
            gateway_public_domain: reader.optional("SEI_GATEWAY_PUBLIC_DOMAIN", dns_name),
            sidecar_image: reader.required("SEI_SIDECAR_IMAGE", image),
            kube_rbac_proxy_image: reader.optional("SEI_KUBE_RBAC_PROXY_IMAGE", image),
            cosmos_exporter_image: reader.required("SEI_COSMOS_EXPORTER_IMAGE", image),
            tls_allowed_issuers: reader.optional("SEI_TLS_ALLOWED_ISSUERS", issuers).unwrap_or_default(),
        }
    }
}

/// Why a value cannot be used: what is wrong, and what to write instead.
struct Wrong {
    problem: String,
    instead: String,
}

/// The `Err` of a check.
fn wrong<T>(problem: impl Into<String>, instead: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong { problem: problem.into(), instead: instead.into() })
}

/// A value to go on with after a problem was noted, so that one pass finds all problems. It never leaves this module.
trait Placeholder {
    fn placeholder() -> Self;
}

impl Placeholder for String {
    fn placeholder() -> Self {
        Self::new()
    }
}

impl Placeholder for Quantity {
    fn placeholder() -> Self {
        Self::zero()
    }
}

/// Reads variables one by one and notes every problem.
struct Reader<'a> {
    settings: &'a BTreeMap<String, String>,
    problems: Vec<PlatformError>,
}

impl<'a> Reader<'a> {
    fn new(settings: &'a BTreeMap<String, String>) -> Self {
        Self { settings, problems: Vec::new() }
    }

    fn required<T: Placeholder>(&mut self, name: &'static str, check: fn(&str) -> Result<T, Wrong>) -> T {
        if self.value(name).is_none() {
            self.note(name, missing(name, self.settings.contains_key(name)));
            return T::placeholder();
        }
        self.optional(name, check).unwrap_or_else(T::placeholder)
    }

    fn optional<T>(&mut self, name: &'static str, check: fn(&str) -> Result<T, Wrong>) -> Option<T> {
        let result = untrimmed(self.value(name)?).and_then(check);
        result.map_err(|why| self.note(name, why)).ok()
    }

    /// The value of a variable, unless there is nothing but white space in it.
    fn value(&self, name: &str) -> Option<&'a str> {
        let value = self.settings.get(name)?;
        Some(value.as_str()).filter(|v| !v.trim().is_empty())
    }

    fn note(&mut self, variable: &'static str, why: Wrong) {
        self.problems.push(PlatformError {
            variable,
            value: self.settings.get(variable).cloned(),
            problem: why.problem,
            instead: why.instead,
        });
    }

    fn into_errors(mut self) -> PlatformErrors {
        let place = |name: &str| Platform::VARIABLES.iter().position(|v| v.name == name);
        self.problems.sort_by_key(|p| place(p.variable));
        PlatformErrors(self.problems)
    }
}

fn missing(name: &str, empty: bool) -> Wrong {
    let row = Platform::VARIABLES.iter().find(|v| v.name == name);
    let (purpose, demo) = row.map_or(("", ""), |v| (v.purpose, v.demo));
    Wrong {
        problem: if empty { "is empty" } else { "is not set" }.to_owned(),
        instead: format!("set it ({purpose}), for example {name}={demo}"),
    }
}

fn untrimmed(value: &str) -> Result<&str, Wrong> {
    let trimmed = value.trim();
    if trimmed == value {
        return Ok(value);
    }
    wrong("has white space around it", format!("write {trimmed:?}"))
}

fn word(value: &str) -> Result<String, Wrong> {
    if value.contains(char::is_whitespace) {
        return wrong("has white space in it", "write one word");
    }
    Ok(value.to_owned())
}

fn image(value: &str) -> Result<String, Wrong> {
    if value.contains(char::is_whitespace) {
        let instead = "write one image reference, for example registry.example/name:tag";
        return wrong("is not the name of an image", instead);
    }
    Ok(value.to_owned())
}

fn bytes(value: &str) -> Result<Quantity, Wrong> {
    positive(value, "a number of bytes such as 2000Gi")
}

fn cores(value: &str) -> Result<Quantity, Wrong> {
    positive(value, "a number of cores such as 4 or 500m")
}

fn positive(value: &str, example: &str) -> Result<Quantity, Wrong> {
    let instead = format!("write {example}");
    match value.parse::<Quantity>() {
        Ok(quantity) if quantity.is_positive() => Ok(quantity),
        Ok(_) => wrong("is not greater than zero", instead),
        Err(why) => wrong(format!("is not a quantity: it {why}"), instead),
    }
}

/// Letters, digits, `-`, `_` and `.`, with a letter or digit at both ends; at most 63.
fn is_label_value(value: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let edge = |c: char| c.is_ascii_alphanumeric();
    value.len() <= 63 && value.chars().all(inner) && value.starts_with(edge) && value.ends_with(edge)
}

/// Lower-case letters, digits and `-`, with a letter or digit at both ends; at most 63.
fn is_dns_label(value: &str) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    value.len() <= 63 && value.chars().all(|c| edge(c) || c == '-') && value.starts_with(edge) && value.ends_with(edge)
}

/// Kubernetes bounds the whole of a DNS name, not its parts.
fn is_dns_name(value: &str) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let part = |p: &str| p.chars().all(|c| edge(c) || c == '-') && p.starts_with(edge) && p.ends_with(edge);
    value.len() <= 253 && value.split('.').all(part)
}

fn label_value(value: &str) -> Result<String, Wrong> {
    if is_label_value(value) {
        return Ok(value.to_owned());
    }
    wrong(
        "is not a label value",
        "write at most 63 letters, digits, '-', '_' or '.', with a letter or digit at both ends",
    )
}

fn qualified_name(value: &str) -> Result<String, Wrong> {
    let (prefix, name) = value.split_once('/').map_or((None, value), |(prefix, name)| (Some(prefix), name));
    if prefix.is_none_or(is_dns_name) && is_label_value(name) {
        return Ok(value.to_owned());
    }
    wrong("is not a key of a taint", "write a name or domain/name, for example sei.io/workload")
}

fn dns_label(value: &str) -> Result<String, Wrong> {
    if is_dns_label(value) {
        return Ok(value.to_owned());
    }
    wrong(
        "is not the name of a namespace",
        "write at most 63 lower-case letters, digits or '-', with a letter or digit at both ends",
    )
}

fn dns_name(value: &str) -> Result<String, Wrong> {
    if is_dns_name(value) {
        return Ok(value.to_owned());
    }
    wrong(
        "is not a DNS name",
        "write at most 253 lower-case letters, digits, '-' or '.', with a letter or digit at both ends of each part",
    )
}

fn issuers(value: &str) -> Result<BTreeSet<AllowedIssuer>, Wrong> {
    value.split(',').map(|entry| issuer(entry.trim())).collect()
}

fn issuer(entry: &str) -> Result<AllowedIssuer, Wrong> {
    let instead = "write Issuer/name or ClusterIssuer/name, separated by commas";
    let Some((kind, name)) = entry.split_once('/') else {
        return wrong(format!("has an entry {entry:?} without '/'"), instead);
    };
    let kind = match kind {
        "ClusterIssuer" => IssuerKind::ClusterIssuer,
        "Issuer" => IssuerKind::Issuer,
        _ => {
            return wrong(format!("has an entry of the unknown kind {kind:?}"), instead);
        }
    };
    if !is_dns_name(name) {
        return wrong(format!("has an entry with {name:?}, which is not a name"), instead);
    }
    Ok(AllowedIssuer { kind, name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn with(name: &str, value: &str) -> Result<Platform, PlatformErrors> {
        let mut settings = Platform::demo_map();
        settings.insert(name.to_owned(), value.to_owned());
        Platform::from_map(&settings)
    }

    fn only_error(name: &str, value: &str) -> PlatformError {
        let errors = with(name, value).unwrap_err().0;
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert_eq!(errors[0].variable, name);
        errors[0].clone()
    }

    #[test]
    fn the_demo_platform_has_no_problems() {
        let platform = Platform::from_map(&Platform::demo_map()).unwrap();
        assert_eq!(platform, Platform::demo());
        assert_eq!(platform.node_pool, "sei-node");
        assert_eq!(platform.storage_size_archive.canonical(), "40Ti");
        assert_eq!(platform.gateway_public_domain, None);
        assert!(platform.tls_allowed_issuers.is_empty());
    }

    #[test]
    fn every_variable_is_read_and_the_table_says_which_are_required() {
        for variable in Platform::VARIABLES {
            let errors = with(variable.name, " \t").err().map(|e| e.0);
            assert_eq!(errors.is_some(), variable.required, "{}", variable.name);
            // White space inside is wrong in every one of them, so each is looked at.
            assert_eq!(only_error(variable.name, "a b").value.as_deref(), Some("a b"));
            assert_eq!(only_error(variable.name, " a").problem, "has white space around it");
        }
    }

    #[test]
    fn nothing_set_reports_every_required_variable_in_order() {
        let errors = Platform::from_map(&BTreeMap::new()).unwrap_err();
        let required = Platform::VARIABLES.iter().filter(|v| v.required);
        let expected: Vec<_> = required.map(|v| v.name).collect();
        let reported: Vec<_> = errors.0.iter().map(|e| e.variable).collect();
        assert_eq!(reported, expected);
        let text = errors.to_string();
        assert!(text.starts_with("25 wrong platform setting(s):\n  SEI_NODEPOOL_NAME is not set; set it"));
        assert_eq!(text.lines().count(), 26);
    }

    #[test]
    fn a_wrong_value_is_named_with_its_remedy() {
        let cases = [
            ("SEI_NODEPOOL_NAME", "-x", "is not a label value"),
            ("SEI_TOLERATION_KEY", "a/b/c", "is not a key of a taint"),
            ("SEI_SERVICE_ACCOUNT", "Seid", "is not a DNS name"),
            ("SEI_GATEWAY_NAMESPACE", "a.b", "is not the name of a namespace"),
            ("SEI_GATEWAY_DOMAIN", "a..b", "is not a DNS name"),
            ("SEI_STORAGE_SIZE_DEFAULT", "2000GB", "is not a quantity: it ends in an unknown suffix"),
            ("SEI_STORAGE_SIZE_DEFAULT", "big", "is not a quantity: it does not start with a number"),
            ("SEI_RESOURCE_CPU_DEFAULT", "0", "is not greater than zero"),
            ("SEI_RESOURCE_MEM_DEFAULT", "-1Gi", "is not greater than zero"),
            ("SEI_SIDECAR_IMAGE", "a b", "is not the name of an image"),
            ("SEI_TLS_ALLOWED_ISSUERS", "ca", "has an entry \"ca\" without '/'"),
            ("SEI_TLS_ALLOWED_ISSUERS", "issuer/ca", "has an entry of the unknown kind \"issuer\""),
            ("SEI_TLS_ALLOWED_ISSUERS", "Issuer/ca,", "has an entry \"\" without '/'"),
            ("SEI_TLS_ALLOWED_ISSUERS", "Issuer/", "has an entry with \"\""),
        ];
        for (name, value, problem) in cases {
            let error = only_error(name, value);
            assert!(error.problem.starts_with(problem), "{error}");
            assert!(!error.instead.is_empty(), "{error}");
        }
        assert_eq!(
            only_error("SEI_RESOURCE_CPU_DEFAULT", "0").to_string(),
            "SEI_RESOURCE_CPU_DEFAULT=\"0\" is not greater than zero; write a number of cores such as 4 or 500m"
        );
    }

    #[test]
    fn issuers_are_allowed_by_kind_and_name() {
        let platform = with("SEI_TLS_ALLOWED_ISSUERS", "ClusterIssuer/ca, Issuer/own").unwrap();
        assert!(platform.allows_issuer(IssuerKind::ClusterIssuer, "ca"));
        assert!(platform.allows_issuer(IssuerKind::Issuer, "own"));
        assert!(!platform.allows_issuer(IssuerKind::Issuer, "ca"));
        assert!(!Platform::demo().allows_issuer(IssuerKind::Issuer, "own"));
    }

    #[test]
    fn lines_become_a_map() {
        let text = "# demo\n\nSEI_NODEPOOL_NAME = pool\r\n  SEI_RESULT_EXPORT_PREFIX=a=b\nPOD_NAME=x\nSEI_GATEWAY_PUBLIC_DOMAIN=\n";
        let settings = Platform::parse_lines(text).unwrap();
        let expected = [
            ("POD_NAME", "x"),
            ("SEI_GATEWAY_PUBLIC_DOMAIN", ""),
            ("SEI_NODEPOOL_NAME", "pool"),
            ("SEI_RESULT_EXPORT_PREFIX", "a=b"),
        ];
        let expected = expected.map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(settings, BTreeMap::from(expected));
    }

    #[test]
    fn every_bad_line_is_reported_with_its_number() {
        let text = "SEI_NODEPOOL_NAME=a\nnonsense\nSEI_NODEPOOL_NAME=b\nSEI_NODEPOL_NAME=c\nSEI_WHATEVER_ELSE_THERE_IS=d\n\
                    export SEI_SNAPSHOT_BUCKET=e\n=f\nSEI_GENESIS_BUCKET=\"g\"";
        let errors = Platform::parse_lines(text).unwrap_err();
        let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "line 2: \"nonsense\" is not KEY=VALUE",
                "line 3: SEI_NODEPOOL_NAME is already set on line 1; keep one of the two",
                "line 4: SEI_NODEPOL_NAME is no setting of the platform; did you mean SEI_NODEPOOL_NAME?",
                "line 5: SEI_WHATEVER_ELSE_THERE_IS is no setting of the platform",
                "line 6: this is no shell script; write SEI_SNAPSHOT_BUCKET=…",
                "line 7: \"\" is no name of a variable; write KEY=VALUE",
                "line 8: SEI_GENESIS_BUCKET has a quoted value; write SEI_GENESIS_BUCKET=g",
            ]
        );
    }
}
