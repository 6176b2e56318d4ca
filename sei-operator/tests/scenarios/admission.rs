//! The API server holds to every rule of our CustomResourceDefinitions: `fixtures/crd/<case>/`.

use std::sync::Arc;

use kube::api::{ApiResource, DeleteParams, DynamicObject, PostParams};
use kube::core::{GroupVersionKind, Status};
use kube::{Api, ResourceExt};
use sei_planner::api::{SeiNode, crd};
use serde_json::Value;

use super::bounds::broken;
use crate::support::fixtures::{CrdCase, crd_cases, full_status};
use crate::support::place::Place;
use crate::support::world::World;

const INVALID: u16 = 422;

/// Every case is tried; the failures are told together.
pub(crate) async fn crd_rules(world: Arc<World>) {
    world.ensure_crds().await;
    let place = world.place("crd-rules").await;
    let cases = crd_cases();
    assert!(!cases.is_empty(), "no cases in fixtures/crd");
    let mut problems = Vec::new();
    for case in &cases {
        if let Err(problem) = run(&place, case).await {
            problems.push(format!("{}: {problem}", case.name));
        }
    }
    println!("    {} rules tried", cases.len());
    assert!(problems.is_empty(), "{} of {} cases failed:\n{}", problems.len(), cases.len(), problems.join("\n"));
}

/// Each bound of `status` is broken by itself, in a status that has all of them, and refused for that.
pub(crate) async fn bounds_of_status(world: Arc<World>) {
    world.ensure_crds().await;
    let place = world.place("crd-bounds").await;
    let good = placed(&full_status(), &place.namespace);
    let stored =
        place.nodes.create(&PostParams::default(), &good).await.expect("a node, whose status is not looked at");
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    let send = async |object: Value| {
        let mut object: DynamicObject = serde_json::from_value(object).expect("an object");
        object.metadata.resource_version = stored.resource_version();
        place.nodes.replace_status(&good.name_any(), &dry_run, &object).await
    };
    let whole = serde_json::to_value(&good).expect("JSON");
    send(whole.clone()).await.expect("the status with every bound is accepted");
    let schema = crd::schema().expect("our definition");
    let cases = broken("status", &schema["properties"]["status"], &whole);
    let mut problems = Vec::new();
    for (bound, object) in &cases {
        let field = bound.split(' ').next().and_then(|path| path.rsplit('.').next()).unwrap_or_default();
        let field = field.trim_end_matches(['[', ']', '{', '}']);
        match send(object.clone()).await {
            Err(kube::Error::Api(status)) if status.code == INVALID && status.message.contains(field) => {}
            Err(kube::Error::Api(status)) => problems.push(format!("{bound}: {} {}", status.code, status.message)),
            Ok(_) => problems.push(format!("{bound}: accepted")),
            Err(other) => panic!("the API server did not answer: {other}"),
        }
    }
    println!("    {} bounds tried", cases.len());
    assert!(problems.is_empty(), "{} of {} bounds:\n{}", problems.len(), cases.len(), problems.join("\n"));
    place.delete::<SeiNode>(&good.name_any()).await;
}

async fn run(place: &Place, case: &CrdCase) -> Result<(), String> {
    let submit = Submit::new(place, case).await?;
    let outcome = try_both(&submit, case).await;
    submit.forget_old(case).await;
    outcome
}

async fn try_both(submit: &Submit, case: &CrdCase) -> Result<(), String> {
    submit.send(&case.good).await.map_err(|status| format!("good.yaml is refused: {}", status.message))?;
    match submit.send(&case.bad).await {
        Ok(()) => Err("bad.yaml is accepted".to_owned()),
        Err(status) if status.code != INVALID => Err(format!("bad.yaml: {} {}", status.code, status.message)),
        Err(status) if !status.message.contains(&case.message) => {
            Err(format!("bad.yaml is refused, but not with {:?}: {}", case.message, status.message))
        }
        Err(_) => Ok(()),
    }
}

/// Sends objects as dry runs: admission is the real one, and nothing is stored.
struct Submit {
    api: Api<DynamicObject>,
    /// Of the stored old object, when the case is about updates.
    resource_version: Option<String>,
}

impl Submit {
    async fn new(place: &Place, case: &CrdCase) -> Result<Self, String> {
        let api = api(place, &case.good);
        let Some(old) = &case.old else { return Ok(Submit { api, resource_version: None }) };
        let stored = api.create(&PostParams::default(), &placed(old, &place.namespace)).await;
        let stored = stored.map_err(|error| format!("old.yaml is refused: {error}"))?;
        Ok(Submit { api, resource_version: stored.resource_version() })
    }

    /// Another case may use the same name.
    async fn forget_old(&self, case: &CrdCase) {
        if let Some(old) = &case.old {
            let deleted = self.api.delete(&old.name_any(), &DeleteParams::default()).await;
            deleted.expect("nobody holds an object that no operator has seen");
        }
    }

    async fn send(&self, object: &DynamicObject) -> Result<(), Status> {
        let dry_run = PostParams { dry_run: true, ..PostParams::default() };
        let namespace = self.api.namespace().expect("a namespaced API");
        let mut object = placed(object, namespace);
        let sent = if self.resource_version.is_some() {
            object.metadata.resource_version = self.resource_version.clone();
            self.api.replace(&object.name_any(), &dry_run, &object).await
        } else {
            self.api.create(&dry_run, &object).await
        };
        match sent {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) => Err(*status),
            Err(other) => panic!("the API server did not answer: {other}"),
        }
    }
}

/// Cases may name any namespace; they are tried in ours.
fn placed(object: &DynamicObject, namespace: &str) -> DynamicObject {
    let mut object = object.clone();
    object.metadata.namespace = Some(namespace.to_owned());
    object
}

fn api(place: &Place, object: &DynamicObject) -> Api<DynamicObject> {
    let types = object.types.as_ref().expect("apiVersion and kind");
    let kind = GroupVersionKind::try_from(types).expect("a group and a version");
    Api::namespaced_with(place.world.admin.clone(), &place.namespace, &ApiResource::from_gvk(&kind))
}
