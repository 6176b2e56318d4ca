//! What the operator asked of the API server: the lines of the audit log, in which it is the only user.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

/// A position in the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark(usize);

pub(crate) struct AuditLog {
    path: PathBuf,
}

impl AuditLog {
    pub(crate) fn new(path: PathBuf) -> Self {
        AuditLog { path }
    }

    /// The end of the log. The server writes a line before it answers the request, so everything that was answered
    /// before this call lies before the mark.
    pub(crate) fn mark(&self) -> Mark {
        Mark(self.read().len())
    }

    /// Everything since the control plane was started.
    pub(crate) fn all(&self) -> Requests {
        self.since(Mark(0))
    }

    pub(crate) fn since(&self, mark: Mark) -> Requests {
        let text = self.read();
        let lines = text.get(mark.0..).unwrap_or_default().lines();
        Requests(lines.map(Request::parse).collect())
    }

    /// Whole lines only: the last one may be half written.
    fn read(&self) -> String {
        let mut bytes = std::fs::read(&self.path).unwrap_or_default();
        bytes.truncate(bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1));
        String::from_utf8(bytes).expect("the audit log is JSON lines")
    }
}

/// One answered request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    /// When it was answered.
    pub(crate) at: Timestamp,
    pub(crate) user: String,
    pub(crate) verb: String,
    pub(crate) group: String,
    pub(crate) resource: String,
    pub(crate) subresource: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) code: u64,
    /// Whether no role allows it; other refusals have the code 403, too.
    pub(crate) is_forbidden: bool,
    pub(crate) uri: String,
    /// Only for our own kinds, deletes of pods, and events: see the audit policy.
    pub(crate) body: Value,
}

impl Request {
    fn parse(line: &str) -> Self {
        let entry: Value = serde_json::from_str(line).expect("an audit line is JSON");
        let text = |pointer: &str| entry.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        Request {
            at: text("/stageTimestamp").parse().expect("an audit line says when"),
            user: text("/user/username"),
            verb: text("/verb"),
            group: text("/objectRef/apiGroup"),
            resource: text("/objectRef/resource"),
            subresource: text("/objectRef/subresource"),
            namespace: text("/objectRef/namespace"),
            name: text("/objectRef/name"),
            code: entry.pointer("/responseStatus/code").and_then(Value::as_u64).unwrap_or_default(),
            is_forbidden: text("/annotations/authorization.k8s.io~1decision") == "forbid",
            uri: text("/requestURI"),
            body: entry.get("requestObject").cloned().unwrap_or_default(),
        }
    }

    /// What a role must say for this verb on the same resource: `verb group/resource`, with the subresource at the end.
    pub(crate) fn permission(&self, verb: &str) -> String {
        let slash = if self.subresource.is_empty() { "" } else { "/" };
        format!("{verb} {}/{}{slash}{}", self.group, self.resource, self.subresource)
    }

    pub(crate) fn is_write(&self) -> bool {
        ["create", "update", "patch", "delete", "deletecollection"].contains(&self.verb.as_str())
    }

    pub(crate) fn is_watch(&self) -> bool {
        self.verb == "watch"
    }

    pub(crate) fn is_event(&self) -> bool {
        self.resource == "events"
    }

    /// The node that the request is for. Empty for lists and watches.
    pub(crate) fn node(&self) -> &str {
        let name = self.name.as_str();
        match self.resource.as_str() {
            "events" => self.body["regarding"]["name"].as_str().unwrap_or_default(),
            "pods" => name.strip_suffix("-0").unwrap_or(name),
            "persistentvolumeclaims" => name.strip_prefix("data-").unwrap_or(name),
            _ => name,
        }
    }

    /// A write to something that the operator makes for a node.
    pub(crate) fn is_effect(&self) -> bool {
        let made = ["statefulsets", "services", "persistentvolumeclaims", "pods", "configmaps", "jobs"];
        self.is_write() && made.contains(&self.resource.as_str())
    }

    /// The status write that stored a plan to execute.
    pub(crate) fn stores_plan(&self) -> bool {
        self.is_write()
            && self.resource == "seinodes"
            && self.subresource == "status"
            && self.code < 300
            && self.body.pointer("/status/plan/phase").is_some_and(|phase| phase == "Active")
    }
}

impl fmt::Display for Request {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.resource.is_empty() {
            return write!(out, "{:<7} {} -> {}", self.verb, self.uri, self.code);
        }
        let slash = if self.subresource.is_empty() { "" } else { "/" };
        let Request { verb, resource, subresource, namespace, name, code, .. } = self;
        write!(out, "{verb:<7} {resource}{slash}{subresource} {namespace}/{name} -> {code}")
    }
}

/// Requests in the order in which they were answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Requests(pub(crate) Vec<Request>);

impl Requests {
    fn only(&self, keep: impl Fn(&Request) -> bool) -> Requests {
        Requests(self.0.iter().filter(|request| keep(request)).cloned().collect())
    }

    /// Requests that name the namespace, so not a list or watch of the whole cluster.
    pub(crate) fn in_namespace(&self, namespace: &str) -> Requests {
        self.only(|request| request.namespace == namespace)
    }

    /// Requests for one node of a namespace, see [`Request::node`].
    pub(crate) fn of_node(&self, node: &str) -> Requests {
        self.only(|request| request.node() == node)
    }

    /// As [`Requests::in_namespace`], and those that name no namespace at all.
    pub(crate) fn in_namespace_or_cluster(&self, namespace: &str) -> Requests {
        self.only(|request| request.namespace.is_empty() || request.namespace == namespace)
    }

    /// All that costs something each time: not the watches, not the events.
    pub(crate) fn calls(&self) -> Requests {
        self.only(|request| !request.is_watch() && !request.is_event())
    }

    pub(crate) fn writes(&self) -> Requests {
        self.only(|request| request.is_write() && !request.is_event())
    }

    /// When the status of a node was written last.
    pub(crate) fn last_status_write(&self) -> Option<Timestamp> {
        let of_status = |one: &&Request| one.is_write() && one.resource == "seinodes" && one.subresource == "status";
        self.0.iter().filter(of_status).map(|request| request.at).max()
    }

    /// Gets and lists.
    pub(crate) fn reads(&self) -> Requests {
        self.only(|request| !request.is_write() && !request.is_watch())
    }

    pub(crate) fn lists(&self) -> Requests {
        self.only(|request| request.verb == "list")
    }

    pub(crate) fn deletes(&self) -> Requests {
        self.only(|request| request.verb.starts_with("delete"))
    }

    /// Writes that were refused because somebody else had written in between.
    pub(crate) fn conflicts(&self) -> Requests {
        self.only(|request| request.is_write() && request.code == 409)
    }

    /// Deletes of pods that were obeyed. What the operator did, and not how many pods there were: the played kubelet
    /// deletes a stopped pod by name, at times twice, and then the second delete hits the pod that follows.
    pub(crate) fn pod_deletes(&self) -> Requests {
        self.only(|request| request.verb == "delete" && request.resource == "pods" && request.code == 200)
    }

    /// Uids of the pods that were asked to go, by deletes that were obeyed or whose answer nobody heard: the operator may
    /// have been killed in between.
    pub(crate) fn pods_asked_to_go(&self) -> BTreeSet<String> {
        let deletes = self.0.iter().filter(|request| request.verb == "delete" && request.resource == "pods");
        let not_refused = |request: &&Request| ![404, 409].contains(&request.code);
        let uid = |request: &Request| request.body["preconditions"]["uid"].as_str().map(str::to_owned);
        deletes.filter(not_refused).filter_map(uid).collect()
    }

    /// How many objects of a resource were made, by a create or an apply.
    pub(crate) fn created(&self, resource: &str) -> usize {
        self.0
            .iter()
            .filter(|request| request.is_write() && request.resource == resource && request.code == 201)
            .count()
    }

    /// Requests that made an object of a kind and a name that an earlier one had made.
    pub(crate) fn made_again(&self) -> Requests {
        let mut made = BTreeSet::new();
        let creates = self.0.iter().filter(|request| request.is_write() && !request.is_event() && request.code == 201);
        Requests(creates.filter(|one| !made.insert((&one.resource, &one.namespace, &one.name))).cloned().collect())
    }

    pub(crate) fn events(&self) -> Requests {
        self.only(Request::is_event)
    }

    pub(crate) fn watches(&self) -> Requests {
        self.only(Request::is_watch)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn position(&self, is: impl Fn(&Request) -> bool) -> Option<usize> {
        self.0.iter().position(is)
    }
}

impl fmt::Display for Requests {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for request in &self.0 {
            writeln!(out, "    {request}")?;
        }
        Ok(())
    }
}
