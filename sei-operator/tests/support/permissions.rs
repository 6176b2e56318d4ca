//! The roles that the binary prints, given to a user as an installation gives them to its ServiceAccount; and whether they are the
//! least that it needs.

use std::collections::BTreeSet;

use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use super::audit::{Request, Requests};
use super::operator;

/// Granted, and asked by others: by an admission plugin that this control plane does not have
/// (`OwnerReferencesPermissionEnforcement`), and by the TLS proxies of nodes.
const FOR_OTHERS: [&str; 3] =
    ["update sei.io/seinodes/finalizers", "get sei.io/seinodetasks", "create sei.io/seinodetasks"];

/// Lets a user do what an installation in `namespace`, printed with these flags, lets the operator do.
pub(crate) async fn grant(admin: &Client, user: &str, namespace: &str, flags: &[&str]) {
    for mut object in printed_roles(namespace, flags) {
        let resource = ApiResource {
            group: "rbac.authorization.k8s.io".to_owned(),
            version: "v1".to_owned(),
            api_version: "rbac.authorization.k8s.io/v1".to_owned(),
            kind: object["kind"].as_str().expect("a kind").to_owned(),
            plural: format!("{}s", object["kind"].as_str().expect("a kind").to_lowercase()),
        };
        if object.get("subjects").is_some() {
            object["subjects"] = json!([{"apiGroup": resource.group, "kind": "User", "name": user}]);
        }
        let object: DynamicObject = serde_json::from_value(object).expect("an object");
        let api: Api<DynamicObject> = match object.namespace() {
            Some(namespace) => Api::namespaced_with(admin.clone(), &namespace, &resource),
            None => Api::all_with(admin.clone(), &resource),
        };
        let apply = PatchParams::apply("test").force();
        api.patch(&object.name_any(), &apply, &Patch::Apply(&object)).await.expect("the role is taken");
    }
}

fn printed_roles(namespace: &str, flags: &[&str]) -> Vec<Value> {
    let printed = operator::print_manifests(namespace, flags);
    let all = printed["items"].as_array().expect("a List").iter();
    let roles = all.filter(|object| object["apiVersion"] == "rbac.authorization.k8s.io/v1");
    let roles: Vec<Value> = roles.cloned().collect();
    assert!(!roles.is_empty(), "sei-operator manifests printed no role");
    roles
}

/// What is wrong with the roles after everything was tried: requests that were refused, and verbs that nobody used.
pub(crate) fn complaints(requests: &Requests) -> Vec<String> {
    let allowed: BTreeSet<_> = requests.0.iter().filter(|request| !request.is_forbidden).map(asked).collect();
    // An API server that has just started refuses what it has not read the roles for yet.
    let refused = requests.0.iter().filter(|request| request.is_forbidden && !allowed.contains(&asked(request)));
    let refused = refused.map(|request| format!("refused: {request}"));
    let mut used: BTreeSet<String> = BTreeSet::new();
    for request in &requests.0 {
        used.insert(request.permission(&request.verb));
        // An apply that makes something needs this too.
        if request.verb == "patch" && request.code == 201 {
            used.insert(request.permission("create"));
        }
    }
    let granted = granted();
    let unused = granted.iter().filter(|verb| !used.contains(*verb) && !FOR_OTHERS.contains(&verb.as_str()));
    println!("permissions: {} granted, {} of them used", granted.len(), granted.intersection(&used).count());
    refused.chain(unused.map(|verb| format!("granted and never used: {verb}"))).collect()
}

/// Who asked to do what, and where.
fn asked(request: &Request) -> (&str, &str, String) {
    (&request.user, &request.namespace, request.permission(&request.verb))
}

/// `get apps/statefulsets` and so on, as [`super::audit::Request::permission`] spells it.
fn granted() -> BTreeSet<String> {
    let roles = printed_roles("default", &[]);
    let rules = roles.iter().flat_map(|role| role["rules"].as_array().into_iter().flatten());
    let words = |list: &Value| -> Vec<String> { serde_json::from_value(list.clone()).expect("a list of words") };
    let mut all = BTreeSet::new();
    for rule in rules {
        for group in words(&rule["apiGroups"]) {
            for resource in words(&rule["resources"]) {
                all.extend(words(&rule["verbs"]).iter().map(|verb| format!("{verb} {group}/{resource}")));
            }
        }
    }
    all
}
