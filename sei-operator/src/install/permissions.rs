//! What the operator may do: one table, from which its roles are made.

use serde_json::{Value, json};

use super::Scope;

/// Where a permission holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Where the SeiNodes are: everywhere, or in the one namespace that is watched.
    Nodes,
    /// In the operator's own namespace.
    Own,
    /// On objects that have no namespace.
    Cluster,
}

/// What may be done to one resource.
pub(crate) struct Permission {
    pub(crate) place: Place,
    pub(crate) group: &'static str,
    /// With its subresource, as `seinodes/status`.
    pub(crate) resource: &'static str,
    pub(crate) verbs: &'static [&'static str],
}

const fn may(place: Place, group: &'static str, resource: &'static str, verbs: &'static [&'static str]) -> Permission {
    Permission { place, group, resource, verbs }
}

/// Everything, and nothing more: what is watched is listed too, and server-side apply of something new needs `create`
/// beside `patch`. `seinodes/finalizers` is asked for where the admission plugin `OwnerReferencesPermissionEnforcement`
/// is on: owner references of ours block the deletion of their owner.
static PERMISSIONS: [Permission; 15] = [
    may(Place::Nodes, "sei.io", "seinodes", &["get", "list", "watch", "patch"]),
    may(Place::Nodes, "sei.io", "seinodes/status", &["patch"]),
    may(Place::Nodes, "sei.io", "seinodes/finalizers", &["update"]),
    // Asked by the TLS proxies of the nodes, which let nobody through to a sidecar who may not do this.
    may(Place::Nodes, "sei.io", "seinodetasks", &["get", "create"]),
    may(Place::Nodes, "apps", "statefulsets", &["get", "list", "watch", "create", "patch", "delete"]),
    may(Place::Nodes, "batch", "jobs", &["get", "list", "watch", "create", "delete"]),
    may(Place::Nodes, "", "services", &["get", "list", "watch", "create", "patch", "delete"]),
    may(Place::Nodes, "", "persistentvolumeclaims", &["get", "list", "watch", "create", "patch", "delete"]),
    may(Place::Nodes, "", "configmaps", &["get", "list", "watch", "create", "patch", "delete"]),
    may(Place::Nodes, "", "pods", &["get", "list", "watch", "delete"]),
    may(Place::Nodes, "", "secrets", &["get"]),
    may(Place::Nodes, "cert-manager.io", "certificates", &["get", "create", "patch", "delete"]),
    may(Place::Nodes, "events.k8s.io", "events", &["create"]),
    // Which consensus key runs where, and who of several operators leads.
    may(Place::Own, "coordination.k8s.io", "leases", &["get", "create", "patch", "update"]),
    may(Place::Cluster, "", "persistentvolumes", &["get"]),
];

/// The whole table.
pub(crate) fn all() -> &'static [Permission] {
    &PERMISSIONS
}

/// The rules of the roles for these places.
pub(super) fn rules(places: &[Place]) -> Vec<Value> {
    let granted = PERMISSIONS.iter().filter(|permission| places.contains(&permission.place));
    granted
        .map(|Permission { group, resource, verbs, .. }| {
            json!({"apiGroups": [group], "resources": [resource], "verbs": verbs})
        })
        .collect()
}

/// Of what is granted for the whole cluster.
pub(super) fn cluster_wide(scope: &Scope) -> &'static [Place] {
    match scope {
        Scope::Cluster => &[Place::Nodes, Place::Cluster],
        Scope::Namespace(_) => &[Place::Cluster],
    }
}
