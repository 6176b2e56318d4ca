//! An API server that says what a test wants: for answers that a real one gives on its bad days only.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::run;

/// A request: its method, its path with the query, and its body.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: Value,
}

/// What is answered to a request, which is the n-th one of its method.
type Answer = dyn Fn(&Request, usize) -> (u16, Value) + Send + Sync;

pub(crate) struct PlayedApi {
    kubeconfig: PathBuf,
    requests: Arc<Mutex<Vec<Request>>>,
    _dir: TempDir,
}

impl PlayedApi {
    /// Serves until the test process ends.
    pub(crate) fn start(answer: impl Fn(&Request, usize) -> (u16, Value) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (seen, answer): (_, Arc<Answer>) = (requests.clone(), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, answer) = (seen.clone(), answer.clone());
                thread::spawn(move || serve(stream, &seen, &*answer));
            }
        });
        let dir = tempfile::tempdir().expect("a directory");
        let kubeconfig = dir.path().join("config");
        let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "played",
            "clusters": [{"name": "played", "cluster": {"server": format!("http://{address}")}}],
            "users": [{"name": "played", "user": {}}],
            "contexts": [{"name": "played", "context": {"cluster": "played", "user": "played", "namespace": "sei"}}]});
        std::fs::write(&kubeconfig, config.to_string()).expect("written");
        PlayedApi { kubeconfig, requests, _dir: dir }
    }

    /// Runs a command against it.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        run(args, &[("KUBECONFIG", self.kubeconfig.to_str().expect("UTF-8"))], "")
    }

    /// The exit code and the words on stderr.
    pub(crate) fn told(&self, args: &[&str]) -> (Option<i32>, String) {
        let output = self.run(args);
        (output.status.code(), String::from_utf8(output.stderr).expect("UTF-8"))
    }

    /// What was asked with this method.
    pub(crate) fn asked(&self, method: &str) -> Vec<Request> {
        let requests = self.requests.lock().expect("no test panicked with it");
        requests.iter().filter(|request| request.method == method).cloned().collect()
    }
}

/// One request a connection.
fn serve(stream: TcpStream, seen: &Mutex<Vec<Request>>, answer: &Answer) {
    let mut reader = BufReader::new(stream);
    let Some((request, earlier)) = read(&mut reader).map(|request| {
        let mut seen = seen.lock().expect("no test panicked with it");
        let earlier = seen.iter().filter(|other| other.method == request.method).count();
        seen.push(request.clone());
        (request, earlier)
    }) else {
        return;
    };
    let (code, body) = answer(&request, earlier);
    // A kind without a definition is answered with a plain text.
    let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
    let head = format!("HTTP/1.1 {code} Played\r\nContent-Type: application/json\r\nConnection: close");
    let _ = write!(reader.get_mut(), "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            text => lines.push(text.to_owned()),
        }
    }
    let mut words = lines.first()?.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let length = lines.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, path, body: serde_json::from_slice(&body).unwrap_or_default() })
}

/// A refusal, as an API server writes it; `name` is that of the object, where it is about one.
pub(crate) fn refusal(code: u16, message: &str, name: &str) -> (u16, Value) {
    let details = json!({"name": name, "group": "sei.io", "kind": "seinodes"});
    (
        code,
        json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "message": message,
        "reason": "Played", "details": details}),
    )
}
