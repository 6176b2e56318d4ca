//! What users do during a simulation, and when, as it stands on the command line: `FILE@30s`, `KIND/NAME@1m`.

use std::path::PathBuf;

use sei_tasks::world::Kind;

/// Kinds that a user deletes, and the words kubectl knows them by.
const KINDS: [(Kind, &[&str]); 9] = [
    (Kind::Pod, &["pod", "pods", "po"]),
    (Kind::StatefulSet, &["statefulset", "statefulsets", "sts"]),
    (Kind::Service, &["service", "services", "svc"]),
    (Kind::PersistentVolumeClaim, &["pvc", "persistentvolumeclaim", "persistentvolumeclaims"]),
    (Kind::ConfigMap, &["configmap", "configmaps", "cm"]),
    (Kind::Job, &["job", "jobs"]),
    (Kind::Secret, &["secret", "secrets"]),
    (Kind::Lease, &["lease", "leases"]),
    (Kind::SeiNode, &["seinode", "seinodes", "snode"]),
];

/// Units of a time, the greatest first.
const UNITS: [(char, i64); 3] = [('h', 3600), ('m', 60), ('s', 1)];

/// A file that is applied at a virtual time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    /// The file, a directory, or `-`.
    pub(super) file: PathBuf,
    /// When, in virtual seconds after the start.
    pub(super) at_seconds: i64,
    /// The argument.
    pub(super) text: String,
}

/// An object that is deleted at a virtual time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Delete {
    /// Kind.
    pub(super) kind: Kind,
    /// Namespace, where the argument names one.
    pub(super) namespace: Option<String>,
    /// Name.
    pub(super) name: String,
    /// When, in virtual seconds after the start.
    pub(super) at_seconds: i64,
    /// The argument.
    pub(super) text: String,
}

/// Reads `FILE@TIME`; the last `@` counts.
pub(super) fn edit(text: &str) -> Result<Edit, String> {
    let (file, at_seconds) = timed(text, "FILE@TIME, for example new.yaml@30s")?;
    Ok(Edit { file: PathBuf::from(file), at_seconds, text: text.to_owned() })
}

/// Reads `KIND/NAME@TIME` and `KIND/NAMESPACE/NAME@TIME`.
pub(super) fn delete(text: &str) -> Result<Delete, String> {
    const FORM: &str = "KIND/NAME@TIME or KIND/NAMESPACE/NAME@TIME, for example pod/rpc-0-0@1m";
    let (object, at_seconds) = timed(text, FORM)?;
    let parts: Vec<&str> = object.split('/').collect();
    let (word, namespace, name) = match parts.as_slice() {
        [word, name] => (*word, None, *name),
        [word, namespace, name] => (*word, Some(*namespace), *name),
        _ => return Err(format!("{object:?} names no object: write {FORM}")),
    };
    if name.is_empty() || namespace.is_some_and(str::is_empty) {
        return Err(format!("{object:?} names no object: write {FORM}"));
    }
    let (namespace, name) = (namespace.map(str::to_owned), name.to_owned());
    Ok(Delete { kind: kind(word)?, namespace, name, at_seconds, text: text.to_owned() })
}

/// The part before the last `@`, and the time after it.
fn timed<'a>(text: &'a str, form: &str) -> Result<(&'a str, i64), String> {
    match text.rsplit_once('@') {
        Some((what, at)) if !what.is_empty() => Ok((what, seconds(at)?)),
        Some(_) | None => Err(format!("it names no time: write {form}")),
    }
}

fn kind(word: &str) -> Result<Kind, String> {
    let known = |words: &[&str]| words.iter().any(|known| known.eq_ignore_ascii_case(word));
    let found = KINDS.iter().find(|(_, words)| known(words));
    let words = || KINDS.iter().filter_map(|(_, words)| words.first().copied()).collect::<Vec<_>>().join(", ");
    found.map(|(kind, _)| *kind).ok_or_else(|| format!("{word:?} is no kind of this world: write one of {}", words()))
}

/// Reads `30s`, `5m`, `1h30m`: hours, minutes and seconds, each at most once and in this order.
pub(in crate::cli) fn seconds(text: &str) -> Result<i64, String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("{text:?} has no unit: write {text}s, {text}m or {text}h"));
    }
    total(text).ok_or_else(|| format!("{text:?} is no time: write for example 30s, 5m or 1h30m"))
}

fn total(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut total: i64 = 0;
    for (unit, unit_seconds) in UNITS {
        if let Some((count, after)) = rest.split_once(unit) {
            let count: u32 = count.bytes().all(|byte| byte.is_ascii_digit()).then(|| count.parse().ok())??;
            total += i64::from(count) * unit_seconds;
            rest = after;
        }
    }
    (!text.is_empty() && rest.is_empty()).then_some(total)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        let good = [("30s", 30), ("5m", 300), ("1h30m", 5400), ("0s", 0), ("48h", 172_800), ("1h2m3s", 3723)];
        for (text, wanted) in good {
            assert_eq!(seconds(text), Ok(wanted), "{text}");
        }
        assert_eq!(seconds("90"), Err("\"90\" has no unit: write 90s, 90m or 90h".to_owned()));
        for bad in ["", "s", "-5s", "+5s", "5m5m", "30s1m", "1.5h", "1h ", "99999999999s", "1d"] {
            assert!(seconds(bad).unwrap_err().contains("is no time: write for example 30s"), "{bad}");
        }
    }

    #[test]
    fn the_last_at_sign_counts() {
        let read = edit("dir/a@b.yaml@1m").unwrap();
        assert_eq!((read.file, read.at_seconds), (PathBuf::from("dir/a@b.yaml"), 60));
        assert!(edit("new.yaml").unwrap_err().contains("names no time: write FILE@TIME"));
        assert!(edit("@30s").unwrap_err().contains("names no time"));
    }

    #[test]
    fn kinds_are_those_of_kubectl() {
        for (word, wanted) in [
            ("sts", Kind::StatefulSet),
            ("SVC", Kind::Service),
            ("PersistentVolumeClaim", Kind::PersistentVolumeClaim),
            ("cm", Kind::ConfigMap),
            ("snode", Kind::SeiNode),
        ] {
            assert_eq!(delete(&format!("{word}/a@1s")).unwrap().kind, wanted);
        }
        assert!(delete("deploy/a@1s").unwrap_err().contains("\"deploy\" is no kind of this world: write one of pod,"));
    }

    #[test]
    fn an_object_may_name_its_namespace() {
        assert_eq!(delete("pod/sei/a-0@1s").unwrap().namespace.as_deref(), Some("sei"));
        assert_eq!(delete("pod/a-0@1s").unwrap().namespace, None);
        for bad in ["pod@1s", "pod/@1s", "pod//a@1s", "a/b/c/d@1s"] {
            assert!(delete(bad).unwrap_err().contains("names no object"), "{bad}");
        }
    }
}
