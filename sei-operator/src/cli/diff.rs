//! `diff`: how the objects of a live node differ from what its spec makes of them now. The API server is asked by dry runs.

use std::io;
use std::path::PathBuf;

use kube::Api;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use sei_planner::api::FIELD_MANAGER;
use sei_planner::manifests::{Manifest, lasting_manifests};
use sei_planner::node::{ValidNode, controller_uid, validate};
use sei_planner::platform::Platform;
use serde_json::{Value, json};
use similar::TextDiff;

use super::cluster::{self, Cluster, Target, Trouble};
use super::program::as_called;
use super::{Exit, platform};
use crate::output::{self, Paint};

/// Show how the objects of a live node differ from what its spec makes of them now
///
/// For the StatefulSet, the Service and what belongs to TLS the API server is asked what an apply by the operator would make of
/// them, in a dry run: nothing is written. What comes out is compared with what is there. It shows what an edit that is not
/// followed yet will change, what somebody changed by hand, and what another version or other settings of the operator make
/// differently. The claim is only looked for: once made, it is never changed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,

    /// Settings of the platform, as KEY=VALUE lines
    ///
    /// Without it they come from the environment if it has any of them, else from the operator that is installed.
    #[arg(long, value_name = "FILE")]
    platform: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  sei-operator diff sei/rpc-0
  sei-operator diff sei/rpc-0 --platform next.env     What other settings would make of it

Exit codes:
  0  nothing differs
  1  it cannot be told
  2  something differs";

/// Made once, and never changed: its data is the node's.
const CLAIM: &str = "PersistentVolumeClaim";

/// Runs the command.
///
/// # Errors
/// When the system refuses what every process needs.
pub(super) fn run(args: &Args) -> io::Result<Exit> {
    cluster::run(diff(args))
}

async fn diff(args: &Args) -> Result<Exit, Trouble> {
    let (cluster, key) = args.target.connect().await?;
    let Some(platform) = platform::of_cluster(&cluster, args.platform.as_deref()).await else { return Ok(Exit::Error) };
    let node = cluster.node(&key).await?;
    let valid = validate(&node, &platform).map_err(|refusal| {
        let why: Vec<String> = refusal.problems.iter().map(|one| format!("{}: {}", one.field, one.message)).collect();
        Trouble::new(format!("nothing is made of SeiNode {key}: {}", why.join("; ")))
    })?;
    let mut found = Vec::new();
    for wanted in wanted(&valid, &platform)? {
        found.push(compared(&cluster, &valid, wanted).await?);
    }
    found.retain(|object| object.state != State::Absent);
    let differing: Vec<&Found> = found.iter().filter(|object| object.state != State::Same).collect();
    if differing.is_empty() {
        output::data(&format!("SeiNode {key}: nothing differs in its {} objects\n", found.len()))?;
        return Ok(Exit::Done);
    }
    for object in &differing {
        output::data(&object.shown(Paint::stdout())?)?;
    }
    output::chatter(&as_called(format!(
        "{} of {} objects differ; `sei-operator plan {key}` says what the operator does about it\n",
        differing.len(),
        found.len()
    )));
    Ok(Exit::Changes)
}

/// An object of a node by its kind and name, and how it is to be.
struct Wanted {
    kind: ApiResource,
    name: String,
    /// Absent where there is to be none.
    object: Option<Value>,
}

/// What lasts of a node, and what is to go: the objects of TLS where there is none.
fn wanted(node: &ValidNode, platform: &Platform) -> io::Result<Vec<Wanted>> {
    let made = |manifest: &Manifest| {
        let object = serde_json::to_value(manifest)?;
        Ok(Wanted { kind: resource(&object), name: text(&object, "/metadata/name"), object: Some(object) })
    };
    let mut all = lasting_manifests(node, platform).iter().map(made).collect::<io::Result<Vec<_>>>()?;
    let of_tls = [
        ("cert-manager.io/v1", "Certificate", node.key.sidecar_certificate()),
        ("v1", "ConfigMap", node.key.proxy_config()),
    ];
    for (version, kind, name) in of_tls {
        if all.iter().all(|wanted| wanted.kind.kind != kind) {
            let kind = resource(&json!({"apiVersion": version, "kind": kind}));
            all.push(Wanted { kind, name, object: None });
        }
    }
    Ok(all)
}

fn resource(object: &Value) -> ApiResource {
    let (version, kind) = (text(object, "/apiVersion"), text(object, "/kind"));
    let (group, version) = version.rsplit_once('/').unwrap_or(("", &version));
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &kind))
}

fn text(object: &Value, pointer: &str) -> String {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// An object as it is, and as it would be.
struct Found {
    kind: String,
    name: String,
    state: State,
    live: Option<Value>,
    wanted: Option<Value>,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    /// It is not there, and is not to be.
    Absent,
    Same,
    Differs,
    /// It is somebody else's, and stays as it is.
    Foreign,
    /// The API server would refuse the apply, in these words.
    Refused(String),
}

async fn compared(cluster: &Cluster, node: &ValidNode, wanted: Wanted) -> Result<Found, Trouble> {
    let kind = wanted.kind.kind.clone();
    let api: Api<DynamicObject> = Api::namespaced_with(cluster.client.clone(), &node.key.namespace, &wanted.kind);
    let doing = format!("read {kind} {}", wanted.name);
    let read = async {
        match api.get_opt(&wanted.name).await {
            // A cluster without cert-manager has no Certificates, and does not know what they are.
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            answer => answer,
        }
    };
    let live = cluster.ask(&doing, read).await?;
    let live = live.map(serde_json::to_value).transpose().map_err(io::Error::from)?;
    let is_foreign = live.as_ref().is_some_and(|live| controller_uid(live).as_deref() != Some(node.uid.as_str()));
    let (state, wanted_object) = match (&live, wanted.object) {
        (None, None) => (State::Absent, None),
        (Some(_), wanted) if is_foreign => (if wanted.is_some() { State::Foreign } else { State::Absent }, wanted),
        (None, wanted @ Some(_)) | (Some(_), wanted @ None) => (State::Differs, wanted),
        (Some(_), Some(object)) if kind == CLAIM => (State::Same, Some(object)),
        (Some(live), Some(object)) => {
            let doing = format!("ask what an apply would make of {kind} {}", wanted.name);
            match cluster.ask(&doing, applied(&api, &wanted.name, &object)).await? {
                Ok(applied) => {
                    let applied = serde_json::to_value(applied).map_err(io::Error::from)?;
                    (if bare(live) == bare(&applied) { State::Same } else { State::Differs }, Some(applied))
                }
                Err(why) => (State::Refused(why), Some(object)),
            }
        }
    };
    let name = format!("{}/{}", node.key.namespace, wanted.name);
    Ok(Found { kind, name, state, live, wanted: wanted_object })
}

/// What an apply by the operator would make, or why the API server would refuse it.
async fn applied(api: &Api<DynamicObject>, name: &str, object: &Value) -> kube::Result<Result<DynamicObject, String>> {
    let apply = PatchParams { dry_run: true, ..PatchParams::apply(FIELD_MANAGER).force() };
    match api.patch(name, &apply, &Patch::Apply(object)).await {
        Err(kube::Error::Api(status)) if [400, 422].contains(&status.code) => Ok(Err(status.message.clone())),
        answer => answer.map(Ok),
    }
}

/// An object without what the API server alone keeps.
fn bare(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for kept in ["managedFields", "resourceVersion", "uid", "creationTimestamp", "generation"] {
            metadata.remove(kept);
        }
    }
    object
}

impl Found {
    fn shown(&self, paint: Paint) -> io::Result<String> {
        let Self { kind, name, .. } = self;
        match &self.state {
            State::Absent | State::Same => Ok(String::new()),
            State::Foreign => {
                Ok(format!("{kind} {name} is there and belongs to somebody else: the operator leaves it alone\n"))
            }
            State::Refused(why) => {
                Ok(format!("{kind} {name}: the API server would refuse what the spec makes of it: {why}\n"))
            }
            State::Differs => {
                let side = |object: &Option<Value>| {
                    object.as_ref().map_or(Ok(String::new()), |object| output::yaml([bare(object)].iter()))
                };
                let head = |object: &Option<Value>, word: &str| {
                    format!("{kind} {name} ({})", if object.is_some() { word } else { "absent" })
                };
                let (live, wanted) = (side(&self.live)?, side(&self.wanted)?);
                let diff = TextDiff::from_lines(&live, &wanted);
                let diff =
                    diff.unified_diff().header(&head(&self.live, "live"), &head(&self.wanted, "wanted")).to_string();
                Ok(diff.lines().map(|line| painted(line, paint) + "\n").collect())
            }
        }
    }
}

fn painted(line: &str, paint: Paint) -> String {
    match line.as_bytes().first() {
        Some(b'+') => paint.green(line),
        Some(b'-') => paint.red(line),
        Some(b'@') => paint.blue(line),
        Some(_) | None => line.to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn service(port: i64) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "rpc-0", "namespace": "sei", "uid": "a", "resourceVersion": port.to_string(), "managedFields": []},
            "spec": {"clusterIP": "None", "ports": [{"name": "rpc", "port": port}]},
        })
    }

    fn found(state: State, live: Option<Value>, wanted: Option<Value>) -> Found {
        Found { kind: "Service".to_owned(), name: "sei/rpc-0".to_owned(), state, live, wanted }
    }

    #[test]
    fn what_the_server_keeps_is_no_difference() {
        let (mut live, wanted) = (service(26657), service(26657));
        live["metadata"]["resourceVersion"] = json!("9");
        live["status"] = json!({"loadBalancer": {}});
        assert_eq!(bare(&live), bare(&wanted));
        assert_ne!(bare(&live), bare(&service(1)));
    }

    #[test]
    fn a_difference_is_told_line_by_line() {
        let told = [
            found(State::Differs, Some(service(1)), Some(service(26657))),
            found(State::Differs, None, Some(service(26657))),
            found(State::Differs, Some(service(1)), None),
            found(State::Foreign, Some(service(1)), Some(service(26657))),
            found(State::Refused("spec: Forbidden".to_owned()), Some(service(1)), Some(service(26657))),
        ];
        let told: Vec<String> = told.iter().map(|found| found.shown(Paint::PLAIN).unwrap()).collect();
        insta::assert_snapshot!(told.join("\n"));
    }
}
