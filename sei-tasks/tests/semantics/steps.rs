//! The words in which semantics of an API server are written down, and how they are tried on one: any that the operator
//! can talk to, and that lets others edit its objects too.

use std::future::Future;

use sei_planner::api::{SeiNode, SeiNodeStatus};
use sei_tasks::world::{Cluster, ClusterError, Created, Kind, ObjectId, Propagation};
use serde_json::{Value, json};

/// An API server, as the operator and others see it.
pub(crate) trait Ground {
    /// The operator's view.
    fn cluster(&self) -> &impl Cluster;
    /// A merge patch of an object by a user.
    fn edit(&self, id: &ObjectId, patch: &Value) -> impl Future<Output = Result<(), ClusterError>>;
    /// A server-side apply by another field manager.
    fn apply_as(
        &self,
        manager: &str,
        id: &ObjectId,
        object: &Value,
        force: bool,
    ) -> impl Future<Output = Result<(), ClusterError>>;
    /// A merge patch of a node's status by the controller before ours, under a name of its own.
    fn edit_status(&self, id: &ObjectId, patch: &Value) -> impl Future<Output = Result<(), ClusterError>>;
    /// The managers of an object's fields, as `<name>/<operation>`, without those of its status.
    fn managers(&self, id: &ObjectId) -> impl Future<Output = Vec<String>>;
}

/// Where a semantic is tried: every one has a name of its own.
pub(crate) struct Place {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Place {
    pub(crate) fn id(&self, kind: Kind) -> ObjectId {
        ObjectId::new(kind, self.namespace.clone(), self.name.clone())
    }

    /// An object of this place.
    pub(crate) fn object(&self, kind: Kind, members: Value) -> Value {
        let mut object = json!({
            "apiVersion": kind.api_version(), "kind": kind.name(),
            "metadata": { "name": self.name, "namespace": self.namespace },
        });
        for (name, member) in members.as_object().into_iter().flatten() {
            match object[name].as_object_mut() {
                Some(metadata) => metadata.extend(member.as_object().cloned().unwrap_or_default()),
                None => object[name] = member.clone(),
            }
        }
        object
    }
}

/// Which uid or resourceVersion a request carries.
#[derive(Clone, Copy)]
pub(crate) enum Known {
    /// The one that the object has.
    Live,
    /// One that it does not have.
    Other,
}

/// What is done.
pub(crate) enum Act {
    Create(Kind, Value),
    Apply(Kind, Value),
    /// The same with the uid of another object, or of its own.
    ApplyKnowing {
        kind: Kind,
        object: Value,
        uid: Option<Known>,
        version: Option<Known>,
    },
    ApplyAs {
        manager: &'static str,
        kind: Kind,
        object: Value,
        force: bool,
    },
    Edit(Kind, Value),
    Delete(Kind, Known),
    PatchMetadata {
        kind: Kind,
        uid: Known,
        version: Known,
        patch: Value,
    },
    WriteStatus(Known, Value),
    /// By the controller before ours.
    EditStatus(Value),
}

impl Act {
    fn kind(&self) -> Kind {
        match self {
            Self::Create(kind, _)
            | Self::Apply(kind, _)
            | Self::ApplyKnowing { kind, .. }
            | Self::ApplyAs { kind, .. }
            | Self::Edit(kind, _)
            | Self::Delete(kind, _)
            | Self::PatchMetadata { kind, .. } => *kind,
            Self::WriteStatus(..) | Self::EditStatus(_) => Kind::SeiNode,
        }
    }
}

/// What must come of it.
pub(crate) enum Expect {
    /// The answer to a create: there is one already.
    Exists,
    Conflict,
    NotFound,
    /// With this code, and a message that has this in it.
    Refused(u16, &'static str),
    /// The object has the resourceVersion that it had.
    Same,
    /// The object has another resourceVersion.
    Newer,
    Generation(i64),
    /// At this JSON pointer there is this.
    Has(&'static str, Value),
    Lacks(&'static str),
    /// These are the managers of its fields.
    Managers(&'static [&'static str]),
    Gone,
    Leaving,
}

/// One thing done, and what must come of it. What is not expected to fail must be accepted.
pub(crate) struct Step(pub(crate) Act, pub(crate) Vec<Expect>);

/// Something that an API server does.
pub(crate) struct Semantic {
    pub(crate) says: &'static str,
    pub(crate) steps: fn(&Place) -> Vec<Step>,
}

/// Tries every semantic; what does not hold is told.
pub(crate) async fn try_all(ground: &impl Ground, namespace: &str, table: &[Semantic]) -> Vec<String> {
    let mut problems = Vec::new();
    for (number, semantic) in table.iter().enumerate() {
        let place = Place { namespace: namespace.to_owned(), name: format!("semantic-{number}") };
        for (at, step) in (semantic.steps)(&place).iter().enumerate() {
            if let Err(problem) = try_step(ground, &place, step).await {
                problems.push(format!("{}: step {}: {problem}", semantic.says, at + 1));
            }
        }
    }
    problems
}

async fn try_step(ground: &impl Ground, place: &Place, Step(act, expected): &Step) -> Result<(), String> {
    let id = place.id(act.kind());
    let before = live(ground, &id).await?;
    let answer = perform(ground, &id, before.as_ref(), act).await;
    let failure =
        |expect: &Expect| matches!(expect, Expect::Exists | Expect::Conflict | Expect::NotFound | Expect::Refused(..));
    match (&answer, expected.iter().any(failure)) {
        (Err(error), false) => return Err(format!("is refused: {error}")),
        (Ok(_), _) | (Err(_), true) => {}
    }
    let after = live(ground, &id).await?;
    for expect in expected {
        check(expect, &answer, before.as_ref(), after.as_ref())?;
        if let Expect::Managers(wanted) = expect {
            let managers = ground.managers(&id).await;
            (managers == *wanted).then_some(()).ok_or_else(|| format!("its managers are {managers:?}"))?;
        }
    }
    Ok(())
}

async fn live(ground: &impl Ground, id: &ObjectId) -> Result<Option<Value>, String> {
    ground.cluster().read(id).await.map_err(|error| format!("reading it: {error}"))
}

/// Whether there was none before, of a create.
type Answer = Result<bool, ClusterError>;

async fn perform(ground: &impl Ground, id: &ObjectId, before: Option<&Value>, act: &Act) -> Answer {
    let cluster = ground.cluster();
    let uid = |known: Known| said(before, "uid", known, "00000000-0000-4000-8000-000000000000");
    let version = |known: Known| said(before, "resourceVersion", known, "1");
    match act {
        Act::Create(_, object) => return Ok(cluster.create(id, object).await? != Created::AlreadyExists),
        Act::Apply(_, object) => drop(cluster.apply(id, object).await?),
        Act::ApplyKnowing { object, uid: of, version: at, .. } => {
            let mut object = object.clone();
            if let Some(known) = of {
                object["metadata"]["uid"] = json!(uid(*known));
            }
            if let Some(known) = at {
                object["metadata"]["resourceVersion"] = json!(version(*known));
            }
            cluster.apply(id, &object).await?;
        }
        Act::ApplyAs { manager, object, force, .. } => ground.apply_as(manager, id, object, *force).await?,
        Act::Edit(_, patch) => ground.edit(id, patch).await?,
        Act::Delete(_, known) => cluster.delete(id, &uid(*known), Propagation::Background).await?,
        Act::PatchMetadata { uid: of, version: at, patch, .. } => {
            cluster.patch_metadata(id, &uid(*of), &version(*at), patch).await?;
        }
        Act::EditStatus(patch) => ground.edit_status(id, patch).await?,
        Act::WriteStatus(known, status) => {
            let mut node: SeiNode = serde_json::from_value(before.cloned().unwrap_or_default()).expect("a node");
            node.metadata.resource_version = Some(version(*known));
            let status: SeiNodeStatus = serde_json::from_value(status.clone()).expect("a status");
            cluster.write_status(&node, &status).await?;
        }
    }
    Ok(true)
}

fn said(before: Option<&Value>, field: &str, known: Known, other: &str) -> String {
    let live = before.and_then(|object| object["metadata"][field].as_str());
    match known {
        Known::Live => live.unwrap_or(other).to_owned(),
        Known::Other => other.to_owned(),
    }
}

fn check(expect: &Expect, answer: &Answer, before: Option<&Value>, after: Option<&Value>) -> Result<(), String> {
    let version = |object: Option<&Value>| object.map(|object| object["metadata"]["resourceVersion"].clone());
    let at = |path: &str| after.and_then(|object| object.pointer(path));
    let holds = match expect {
        Expect::Exists => matches!(answer, Ok(false)),
        Expect::Conflict => matches!(answer, Err(ClusterError::Conflict(_))),
        Expect::NotFound => matches!(answer, Err(ClusterError::NotFound(_))),
        Expect::Refused(wanted, part) => {
            matches!(answer, Err(ClusterError::Rejected { code, message }) if code == wanted && message.contains(part))
        }
        Expect::Same => version(before) == version(after),
        Expect::Newer => version(before) != version(after),
        Expect::Generation(wanted) => at("/metadata/generation") == Some(&json!(wanted)),
        Expect::Has(path, wanted) => at(path) == Some(wanted),
        Expect::Lacks(path) => after.is_some() && at(path).is_none(),
        Expect::Managers(_) => true,
        Expect::Gone => after.is_none(),
        Expect::Leaving => at("/metadata/deletionTimestamp").is_some(),
    };
    holds.then_some(()).ok_or_else(|| told(expect, answer, after))
}

fn told(expect: &Expect, answer: &Answer, after: Option<&Value>) -> String {
    match expect {
        Expect::Exists | Expect::Conflict | Expect::NotFound => format!("the answer is {answer:?}"),
        Expect::Refused(code, part) => format!("the answer is not {code} with {part:?}, but {answer:?}"),
        Expect::Same => "it has another version".to_owned(),
        Expect::Newer => "it has the same version".to_owned(),
        Expect::Generation(wanted) => format!("its generation is not {wanted}: {after:?}"),
        Expect::Has(path, wanted) => {
            format!("{path} is not {wanted}, but {:?}", after.and_then(|object| object.pointer(path)))
        }
        Expect::Lacks(path) => format!("{path} is there: {:?}", after.and_then(|object| object.pointer(path))),
        Expect::Managers(_) => String::new(),
        Expect::Gone => format!("it is there: {after:?}"),
        Expect::Leaving => format!("it is not leaving: {after:?}"),
    }
}

/// Managers as `<name>/<operation>`, in order, from `metadata.managedFields`.
pub(crate) fn managers_of(managed_fields: &[Value]) -> Vec<String> {
    let main = managed_fields.iter().filter(|entry| entry.get("subresource").is_none());
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    let mut managers: Vec<String> =
        main.map(|entry| format!("{}/{}", text(entry, "manager"), text(entry, "operation"))).collect();
    managers.sort();
    managers
}
