//! The API server says to generated objects what was worked out in process, `fixtures/crd/generated.jsonl`: by our
//! definition, and by that of the controller before us, which is installed beside it as a group of its own. What it
//! accepts it stores in the form that was worked out, and it forgives what was stored before a bound came.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::api::{ApiResource, DynamicObject, PostParams};
use kube::core::{GroupVersionKind, Status};
use kube::{Api, ResourceExt};
use sei_planner::api::crd;
use sei_tasks::admission::Admission;
use serde_json::{Value, json};

use crate::support::fixtures::{GeneratedCase, generated_cases, todays_definition};
use crate::support::place::Place;
use crate::support::world::{World, install, uninstall};

const TODAYS_GROUP: &str = "compat.sei.io";
const TODAYS_NAME: &str = "seinodes.compat.sei.io";
const CASES_MIN: usize = 300;
const INVALID: u16 = 422;
const IN_FORCE_DEADLINE: Duration = Duration::from_secs(30);

/// Every case is tried under both definitions; the disagreements are told together.
pub(crate) async fn replayed(world: Arc<World>) {
    world.ensure_crds().await;
    let definition = beside_ours(todays_definition());
    install(&world.admin, &definition).await;
    let place = world.place("verdicts").await;
    let theirs = Side::new(&place, TODAYS_GROUP, Admission::of_schema(schema_of(&definition).clone()));
    let ours = Side::new(&place, "sei.io", Admission::of_seinodes());
    let cases = generated_cases();
    let mut problems = Vec::new();
    for case in &cases {
        for (whose, side, expected) in [("theirs", &theirs, &case.theirs), ("ours", &ours, &case.ours)] {
            let said = side.verdict(case).await;
            if said != *expected {
                problems.push(format!("{} {whose}: the API server says {said:?}, not {expected:?}", case.name));
            }
        }
    }
    uninstall(&world.admin, TODAYS_NAME).await;
    println!("    {} generated cases, each under both definitions", cases.len());
    assert!(cases.len() >= CASES_MIN);
    assert!(problems.is_empty(), "{} disagreements:\n{}", problems.len(), problems.join("\n"));
}

/// A definition gets stricter under an object that is stored: the edits that the API server forgives are those that were
/// worked out.
pub(crate) async fn forgiven(world: Arc<World>) {
    let mut definition = beside_ours(todays_definition());
    install(&world.admin, &definition).await;
    let place = world.place("forgiven").await;
    let loose = Side::new(&place, TODAYS_GROUP, Admission::of_schema(schema_of(&definition).clone()));
    let stored = loose.api.create(&PostParams::default(), &loose.object("old", &stored_before())).await;
    let stored = stored.expect("the definition is not strict yet");
    tighten(&mut definition);
    install(&world.admin, &definition).await;
    let strict = Side::new(&place, TODAYS_GROUP, Admission::of_schema(schema_of(&definition).clone()));
    let deadline = Instant::now() + IN_FORCE_DEADLINE;
    while strict.create("new", &stored_before()).await.is_empty() {
        assert!(Instant::now() < deadline, "the stricter definition does not come into force");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (mut seen, mut problems) = (BTreeSet::new(), Vec::new());
    for (pointer, value) in edits() {
        let mut edited = stored_before();
        *edited.pointer_mut(pointer).expect("it is there") = value;
        let worked_out = strict.admission.update(&stored_before(), &edited);
        let worked_out: BTreeSet<String> = worked_out.iter().map(|v| format!("update {}", v.path)).collect();
        let said = strict.update("old", &stored, &edited).await;
        if said != worked_out {
            problems.push(format!("{edited}: the API server says {said:?}, not {worked_out:?}"));
        }
        seen.insert(worked_out.is_empty());
    }
    uninstall(&world.admin, TODAYS_NAME).await;
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert_eq!(seen.len(), 2, "some edits are forgiven, and some are not");
}

fn stored_before() -> Value {
    json!({"spec": {
        "chainId": "long",
        "image": "seid-0",
        "fullNode": {"snapshot": {"s3": {"targetHeight": 1}}},
        "overrides": {"a": "long", "b": "x"},
        "peers": [{"static": {"addresses": ["a"]}}, {"static": {"addresses": ["b"]}}],
        "sidecar": {"port": 7000, "resources": {"claims": [{"name": "one"}, {"name": "two"}]}},
    }})
}

/// Bounds and rules that [`stored_before`] breaks, at every kind of place.
fn tighten(definition: &mut DynamicObject) {
    let spec = format!("{}/properties/spec", crd::SCHEMA);
    let rule = |rule: &str| json!([{ "rule": rule, "message": "no" }]);
    for (place, keyword, value) in [
        ("/properties/chainId", "maxLength", json!(2)),
        ("/properties/overrides/additionalProperties", "pattern", json!("^x$")),
        ("/properties/peers/items/properties/static/properties/addresses", "minItems", json!(2)),
        ("/properties/sidecar/properties/resources/properties/claims/items/properties/name", "pattern", json!("^x$")),
        ("/properties/sidecar", "x-kubernetes-validations", rule("self.port > 8000")),
        ("/properties/peers/items", "x-kubernetes-validations", rule("!has(self.static)")),
        ("/properties/fullNode", "x-kubernetes-validations", rule("!has(self.snapshot)")),
    ] {
        let schema = definition.data.pointer_mut(&format!("{spec}{place}"));
        schema.unwrap_or_else(|| panic!("no {place}"))[keyword] = value;
    }
}

fn edits() -> Vec<(&'static str, Value)> {
    vec![
        ("/spec/image", json!("seid-1")),
        ("/spec/chainId", json!("longer")),
        ("/spec/chainId", json!("ok")),
        ("/spec/overrides", json!({"a": "long", "b": "x", "c": "x"})),
        ("/spec/overrides", json!({"a": "long", "b": "y"})),
        ("/spec/overrides/a", json!("longer")),
        ("/spec/peers/0/static/addresses", json!(["a", "c"])),
        ("/spec/peers/0", json!({"label": {"selector": {"a": "b"}}})),
        ("/spec/peers", json!([{"static": {"addresses": ["a"]}}])),
        ("/spec/sidecar/port", json!(7001)),
        ("/spec/sidecar/port", json!(8001)),
        ("/spec/sidecar/resources/claims", json!([{"name": "two"}, {"name": "one"}])),
        ("/spec/sidecar", json!({"port": 8001, "resources": {"claims": [{"name": "two"}, {"name": "one"}]}})),
        ("/spec/sidecar", json!({"port": 8001, "resources": {"claims": [{"name": "two"}, {"name": "three"}]}})),
        ("/spec/sidecar", json!({"port": 8001, "resources": {"claims": [{"name": "one", "request": "r"}]}})),
        ("/spec/fullNode", json!({})),
        ("/spec/fullNode/snapshot/s3/targetHeight", json!(2)),
    ]
}

fn schema_of(definition: &DynamicObject) -> &Value {
    definition.data.pointer(crd::SCHEMA).expect("a definition")
}

/// The same definition for another group.
fn beside_ours(mut definition: DynamicObject) -> DynamicObject {
    definition.metadata.name = Some(TODAYS_NAME.to_owned());
    definition.data["spec"]["group"] = json!(TODAYS_GROUP);
    definition
}

/// One definition: in the API server, and worked out.
struct Side {
    kind: ApiResource,
    api: Api<DynamicObject>,
    admission: Admission,
}

/// Answers are step and path of everything that is refused; nothing when all is well.
impl Side {
    fn new(place: &Place, group: &str, admission: Admission) -> Self {
        let kind = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1alpha1", "SeiNode"));
        let api = Api::namespaced_with(place.world.admin.clone(), &place.namespace, &kind);
        Side { kind, api, admission }
    }

    fn object(&self, name: &str, content: &Value) -> DynamicObject {
        DynamicObject::new(name, &self.kind).data(content.clone())
    }

    /// What is to be updated is stored, everything else is a dry run.
    async fn verdict(&self, case: &GeneratedCase) -> BTreeSet<String> {
        let Some(old) = &case.old else { return self.create(&case.name, &case.new).await };
        match self.api.create(&PostParams::default(), &self.object(&case.name, old)).await {
            Ok(stored) => self.update(&case.name, &stored, &case.new).await,
            Err(refused) => self.told("create", old, Err(refused)),
        }
    }

    async fn create(&self, name: &str, content: &Value) -> BTreeSet<String> {
        self.told("create", content, self.api.create(&dry_run(), &self.object(name, content)).await)
    }

    async fn update(&self, name: &str, stored: &DynamicObject, content: &Value) -> BTreeSet<String> {
        let mut new = self.object(name, content);
        new.metadata.resource_version = stored.resource_version();
        self.told("update", content, self.api.replace(name, &dry_run(), &new).await)
    }

    fn told(&self, step: &str, sent: &Value, answer: kube::Result<DynamicObject>) -> BTreeSet<String> {
        match answer {
            Ok(stored) => {
                let worked_out = self.admission.defaulted(sent.clone());
                assert_eq!(whole(&stored.data["spec"]), whole(&worked_out["spec"]), "the stored form of {sent}");
                BTreeSet::new()
            }
            Err(kube::Error::Api(status)) => paths(&status).iter().map(|path| format!("{step} {path}")).collect(),
            Err(other) => panic!("the API server did not answer: {other}"),
        }
    }
}

fn dry_run() -> PostParams {
    PostParams { dry_run: true, ..PostParams::default() }
}

/// The value with `1.0` for every `1`: the API server stores them alike.
fn whole(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.iter().map(whole).collect(),
        Value::Object(fields) => fields.iter().map(|(name, field)| (name.clone(), whole(field))).collect(),
        Value::Null | Value::Bool(_) | Value::String(_) => value.clone(),
    }
}

fn paths(status: &Status) -> BTreeSet<String> {
    assert_eq!(status.code, INVALID, "{}", status.message);
    let causes = &status.details.as_ref().expect("details").causes;
    let causes = causes.iter().filter(|cause| !NO_REASONS.iter().any(|text| cause.message.contains(text)));
    causes.map(|cause| if cause.field == NO_FIELD { String::new() } else { cause.field.clone() }).collect()
}

/// What the API server adds, without a field, when it could not evaluate the rules, and to a quantity of a wrong type.
const NO_REASONS: [&str; 2] = ["some validation rules were not checked", "must validate at least one schema (anyOf)"];
/// The field of a rule at the root.
const NO_FIELD: &str = "<nil>";
