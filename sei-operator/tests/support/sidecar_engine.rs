//! What one sidecar answers, without any networking: its task rows, its readiness, and the knobs with which a test
//! makes it slow or broken. `now` is always an argument, so that nothing runs in the background: a task that is due
//! is finished by the next question.
//!
//! The behaviour is that of the real sidecar, its oddities included: 201 for new, repeated and re-run ids alike, a
//! failed id runs again, a completed `mark-ready` row does not bring readiness back after a restart, a running one does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// Every type that the sidecar has a handler for.
const TASK_TYPES: [&str; 19] = [
    "assemble-and-upload-genesis",
    "await-condition",
    "config-apply",
    "config-patch",
    "config-reload",
    "config-validate",
    "configure-genesis",
    "configure-state-sync",
    "discover-peers",
    "generate-gentx",
    "generate-identity",
    "gov-software-upgrade",
    "gov-vote",
    "mark-ready",
    "result-export",
    "set-genesis-peers",
    "snapshot-restore",
    "snapshot-upload",
    "upload-genesis-artifacts",
];
/// Opens the gate that seid waits for.
const MARK_READY: &str = "mark-ready";
/// Never ends by itself, so a plan must not wait for it.
const ENDLESS: &str = "snapshot-upload";
const LIST_MAX: usize = 100;

/// An HTTP answer; the body is JSON unless it is plain text of the router.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) body: Body,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Body {
    Empty,
    Json(Value),
    Text(&'static str),
}

impl Answer {
    fn empty(code: u16) -> Self {
        Answer { code, body: Body::Empty }
    }

    fn json(code: u16, value: Value) -> Self {
        Answer { code, body: Body::Json(value) }
    }

    fn error(code: u16, text: impl Into<String>) -> Self {
        Self::json(code, json!({"error": text.into()}))
    }

    fn method_not_allowed() -> Self {
        Answer { code: 405, body: Body::Text("Method Not Allowed\n") }
    }

    fn not_found() -> Self {
        Answer { code: 404, body: Body::Text("404 page not found\n") }
    }
}

/// How the tasks of one sidecar go.
#[derive(Debug, Default)]
pub(crate) struct Behaviour {
    /// From the POST to the result.
    pub(crate) delay: Duration,
    /// Type to (how many more runs fail, with which error).
    pub(crate) failures: BTreeMap<String, (u32, String)>,
    /// Types that stay `running`.
    pub(crate) hanging: BTreeSet<String>,
}

#[derive(Debug)]
struct Row {
    kind: String,
    params: Value,
    run: u32,
    submitted_at: Timestamp,
    /// Newest first in lists; a re-run moves to the front.
    order: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    /// `due` is absent for a task that hangs.
    Running {
        due: Option<Instant>,
        result: Result<(), String>,
    },
    Done {
        completed_at: Timestamp,
        result: Result<(), String>,
    },
}

impl State {
    fn word(&self) -> &'static str {
        match self {
            State::Running { .. } => "running",
            State::Done { result: Ok(()), .. } => "completed",
            State::Done { result: Err(_), .. } => "failed",
        }
    }
}

/// One sidecar: the rows live on the node's volume, the ready flag in the process.
#[derive(Debug, Default)]
pub(crate) struct Engine {
    pub(crate) behaviour: Behaviour,
    ready: bool,
    rows: BTreeMap<String, Row>,
    submissions: u64,
    /// Types in the order in which they really started, repeated ids excluded.
    started: Vec<String>,
}

impl Engine {
    pub(crate) fn is_ready(&mut self, now: Instant) -> bool {
        self.finish_due(now);
        self.ready
    }

    /// Parameters of the tasks of a type, in no order.
    pub(crate) fn params(&self, kind: &str) -> Vec<Value> {
        self.rows.values().filter(|row| row.kind == kind).map(|row| row.params.clone()).collect()
    }

    pub(crate) fn started(&self) -> &[String] {
        &self.started
    }

    /// A new process on the same volume: readiness is lost, rows stay, and those still `running` run again.
    pub(crate) fn restart(&mut self, now: Instant) {
        self.finish_due(now);
        self.ready = false;
        for row in self.rows.values_mut() {
            if matches!(row.state, State::Running { .. }) {
                row.state = begin(&mut self.behaviour, &row.kind, now);
            }
        }
    }

    /// Routes one request. `path` is without the query string.
    pub(crate) fn answer(&mut self, method: &str, path: &str, body: &[u8], now: Instant) -> Answer {
        self.finish_due(now);
        let is_get = method == "GET" || method == "HEAD";
        match path {
            "/v0/tasks" if method == "POST" => self.submit(body, now),
            "/v0/tasks" if is_get => Answer::json(200, self.list()),
            "/v0/tasks" => Answer::method_not_allowed(),
            "/v0/healthz" | "/v0/startupz" | "/v0/livez" | "/v0/status" | "/v0/metrics" if !is_get => {
                Answer::method_not_allowed()
            }
            "/v0/healthz" | "/v0/startupz" => Answer::empty(if self.ready { 200 } else { 503 }),
            "/v0/livez" => Answer::empty(200),
            "/v0/metrics" => Answer { code: 200, body: Body::Text("") },
            "/v0/status" => Answer::json(200, json!({"status": if self.ready { "Ready" } else { "Initializing" }})),
            other => match other.strip_prefix("/v0/tasks/") {
                Some(id) if !id.is_empty() && !id.contains('/') => self.one(method, id),
                Some(_) | None => Answer::not_found(),
            },
        }
    }

    fn one(&mut self, method: &str, id: &str) -> Answer {
        let row = self.rows.get(id).map(|row| row.result(id));
        match (method, row) {
            ("GET" | "HEAD", Some(row)) => Answer::json(200, row),
            ("DELETE", Some(_)) => {
                self.rows.remove(id);
                Answer::empty(204)
            }
            ("GET" | "HEAD" | "DELETE", None) => Answer::error(404, "task not found"),
            (_, Some(_) | None) => Answer::method_not_allowed(),
        }
    }

    fn list(&self) -> Value {
        let mut rows: Vec<(&String, &Row)> = self.rows.iter().collect();
        rows.sort_by_key(|(_, row)| std::cmp::Reverse(row.order));
        rows.iter().take(LIST_MAX).map(|(id, row)| row.result(id)).collect()
    }

    fn submit(&mut self, body: &[u8], now: Instant) -> Answer {
        match TaskRequest::parse(body) {
            Ok(request) => Answer::json(201, json!({"id": self.accept(request, now)})),
            Err(why) => Answer::error(400, why),
        }
    }

    /// A known id that runs or has completed is left alone; a failed one runs again as what is asked now.
    fn accept(&mut self, request: TaskRequest, now: Instant) -> String {
        self.submissions += 1;
        let id = request.id.unwrap_or_else(|| format!("00000000-0000-4000-8000-{:012x}", self.submissions));
        let run = match self.rows.get(&id) {
            Some(row) if row.state.word() != "failed" => return id,
            Some(row) => row.run + 1,
            None => 1,
        };
        let state = begin(&mut self.behaviour, &request.kind, now);
        self.started.push(request.kind.clone());
        let row = Row {
            kind: request.kind,
            params: request.params,
            run,
            submitted_at: Timestamp::now(),
            order: self.submissions,
            state,
        };
        self.rows.insert(id.clone(), row);
        // A task without delay is done before anybody can ask.
        self.finish_due(now);
        id
    }

    fn finish_due(&mut self, now: Instant) {
        for row in self.rows.values_mut() {
            let State::Running { due: Some(due), result } = &row.state else { continue };
            if *due > now {
                continue;
            }
            self.ready |= row.kind == MARK_READY && result.is_ok();
            row.state = State::Done { completed_at: Timestamp::now(), result: result.clone() };
        }
    }
}

/// The fate of a run is fixed when it starts.
fn begin(behaviour: &mut Behaviour, kind: &str, now: Instant) -> State {
    let hangs = kind == ENDLESS || behaviour.hanging.contains(kind);
    let result = match behaviour.failures.get_mut(kind) {
        Some((left, error)) if *left > 0 => {
            *left -= 1;
            Err(error.clone())
        }
        Some(_) | None => Ok(()),
    };
    State::Running { due: (!hangs).then(|| now + behaviour.delay), result }
}

impl Row {
    fn result(&self, id: &str) -> Value {
        let mut result = json!({
            "id": id,
            "type": self.kind,
            "status": self.state.word(),
            "run": self.run,
            "submittedAt": self.submitted_at.to_string(),
        });
        if self.params.as_object().is_some_and(|params| !params.is_empty()) {
            result["params"] = self.params.clone();
        }
        if let State::Done { completed_at, result: outcome } = &self.state {
            result["completedAt"] = completed_at.to_string().into();
            if let Err(error) = outcome {
                result["error"] = error.clone().into();
            }
        }
        result
    }
}

struct TaskRequest {
    id: Option<String>,
    kind: String,
    params: Value,
}

impl TaskRequest {
    /// Only the first JSON value counts, and field names in any case. The order of the checks is the server's.
    fn parse(body: &[u8]) -> Result<Self, String> {
        let first = serde_json::Deserializer::from_slice(body).into_iter::<Value>().next();
        let fields = match first {
            Some(Ok(Value::Object(fields))) => lower_case(fields),
            Some(Ok(Value::Null)) => Map::new(),
            Some(Ok(_) | Err(_)) | None => return Err("invalid request body".to_owned()),
        };
        let id = text(&fields, "id")?;
        let kind = text(&fields, "type")?;
        let params = fields.get("params").cloned().unwrap_or_default();
        if !params.is_null() && !params.is_object() {
            return Err("invalid request body".to_owned());
        }
        if kind.is_empty() {
            return Err("type is required".to_owned());
        }
        if !TASK_TYPES.contains(&kind.as_str()) {
            return Err(format!("unknown task type: {kind}"));
        }
        if !id.is_empty() && !is_uuid(&id) {
            return Err(format!("task ID must be a valid UUID: {id:?}"));
        }
        Ok(TaskRequest { id: (!id.is_empty()).then_some(id), kind, params })
    }
}

fn lower_case(fields: Map<String, Value>) -> Map<String, Value> {
    fields.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect()
}

fn text(fields: &Map<String, Value>, name: &str) -> Result<String, String> {
    match fields.get(name).unwrap_or(&Value::Null) {
        Value::String(text) => Ok(text.clone()),
        Value::Null => Ok(String::new()),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err("invalid request body".to_owned())
        }
    }
}

/// The spellings that the server accepts: plain, 32 digits, `{…}` and `urn:uuid:…`.
fn is_uuid(id: &str) -> bool {
    let bare = id.strip_prefix("urn:uuid:").unwrap_or(id);
    let bare = bare.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(bare);
    let groups: Vec<usize> = bare.split('-').map(str::len).collect();
    let shape_is_right = groups == [8, 4, 4, 4, 12] || (groups == [32] && bare.len() == id.len());
    shape_is_right && bare.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
}
