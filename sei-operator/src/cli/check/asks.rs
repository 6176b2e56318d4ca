//! Asks the cluster: its version, its definitions, the permissions of the user, and what others installed.

use futures::StreamExt;
use futures::stream;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::Api;
use kube::api::PostParams;

use super::finding::{Finding, Group};
use crate::cli::cluster::{Cluster, INSTALL_DEFINITIONS, Trouble};
use crate::install::permissions::{Permission, Place, all};
use crate::run::definitions::{Unfit, question};

/// Oldest minor version of Kubernetes 1 that is supported: see docs/testing-real.md.
const MINOR_MIN: u32 = 33;
/// Questions that are asked at the same time.
const AT_ONCE: usize = 8;

/// The version of the API server.
///
/// # Errors
/// When it gives no answer.
pub(super) async fn api_server(cluster: &Cluster) -> Result<Vec<Finding>, Trouble> {
    let info = cluster.ask("ask for the version of the API server", cluster.client.apiserver_version()).await?;
    let answers = Finding::passed(Group::ApiServer, format!("answers at {}", cluster.url));
    Ok(vec![answers, version(&info.major, &info.minor, &info.git_version)])
}

/// Minor versions of some vendors end with a plus.
fn version(major: &str, minor: &str, told: &str) -> Finding {
    let number = |text: &str| text.trim_end_matches(|c: char| !c.is_ascii_digit()).parse::<u32>().ok();
    let needed = format!("1.{MINOR_MIN} or newer is supported");
    match (number(major), number(minor)) {
        (Some(1), Some(minor)) if minor >= MINOR_MIN => {
            Finding::passed(Group::ApiServer, format!("is Kubernetes {told}; {needed}"))
        }
        (Some(major), Some(_)) if major > 1 => Finding::warning(
            Group::ApiServer,
            format!("is Kubernetes {told}, newer than this program knows"),
            "look for a newer version of this program",
        ),
        (Some(_), Some(_)) => Finding::failed(
            Group::ApiServer,
            format!("is Kubernetes {told}; {needed}"),
            format!("upgrade the cluster to 1.{MINOR_MIN} or newer"),
        ),
        (None, _) | (_, None) => Finding::warning(
            Group::ApiServer,
            format!("says that it is Kubernetes {told:?}, which cannot be compared"),
            format!("{needed}; `kubectl version` says more"),
        ),
    }
}

/// Whether SeiNodes are defined as this program needs them; before the installation they need not be.
pub(super) async fn definitions(cluster: &Cluster, pre: bool) -> Finding {
    let group = Group::Definitions;
    match cluster.ask("read the definition of SeiNodes", question(&cluster.client)).await {
        Ok(Ok(())) => Finding::passed(group, "SeiNodes are defined, and as new as this program"),
        Ok(Err(Unfit::Absent)) if pre => {
            Finding::passed(group, "SeiNodes are not defined yet, which the installation does")
        }
        Ok(Err(unfit @ Unfit::Old(_))) if pre => {
            Finding::warning(group, unfit.to_string(), "the installation updates it")
        }
        Ok(Err(unfit @ (Unfit::Absent | Unfit::Old(_)))) => {
            Finding::failed(group, unfit.to_string(), INSTALL_DEFINITIONS)
        }
        Ok(Err(unfit @ Unfit::Unreadable(_))) => {
            Finding::failed(group, unfit.to_string(), "`kubectl get crd seinodes.sei.io -o yaml` shows it")
        }
        Err(trouble) => failed(group, &trouble),
    }
}

/// What the operator must be allowed to do, as far as this user is allowed to.
pub(super) async fn permissions(cluster: &Cluster, nodes: Option<&str>, own: &str) -> Vec<Finding> {
    let ask = |permission: &'static Permission| async move {
        let namespace = match permission.place {
            Place::Nodes => nodes,
            Place::Own => Some(own),
            Place::Cluster => None,
        };
        let mut missing = Vec::new();
        for verb in permission.verbs {
            match may(cluster, permission, verb, namespace).await {
                Ok(true) => {}
                Ok(false) => missing.push(*verb),
                Err(trouble) => return failed(Group::Permissions, &trouble),
            }
        }
        judged(permission, namespace, &missing)
    };
    // In the order of the table, whichever is answered first.
    stream::iter(all()).map(ask).buffered(AT_ONCE).collect().await
}

fn judged(permission: &Permission, namespace: Option<&str>, missing: &[&str]) -> Finding {
    let group = if permission.group.is_empty() { String::new() } else { format!(".{}", permission.group) };
    let (resource, part) = match permission.resource.split_once('/') {
        Some((resource, part)) => (resource, format!("/{part}")),
        None => (permission.resource, String::new()),
    };
    let resource = format!("{resource}{group}{part}");
    let place = match (permission.place, namespace) {
        (Place::Cluster, _) => String::new(),
        (Place::Nodes | Place::Own, Some(namespace)) => format!(" in namespace {namespace}"),
        (Place::Nodes | Place::Own, None) => " in every namespace".to_owned(),
    };
    if missing.is_empty() {
        return Finding::passed(Group::Permissions, format!("may {} {resource}{place}", permission.verbs.join(", ")));
    }
    let hint = "these are the permissions of the user of this command; those of an installed operator are checked with \
                --as system:serviceaccount:sei-system:sei-operator, and `sei-operator manifests` prints the roles";
    Finding::failed(Group::Permissions, format!("may not {} {resource}{place}", missing.join(", ")), hint)
}

async fn may(cluster: &Cluster, permission: &Permission, verb: &str, namespace: Option<&str>) -> Result<bool, Trouble> {
    let (resource, subresource) = match permission.resource.split_once('/') {
        Some((resource, subresource)) => (resource, Some(subresource)),
        None => (permission.resource, None),
    };
    let attributes = ResourceAttributes {
        group: Some(permission.group.to_owned()),
        resource: Some(resource.to_owned()),
        subresource: subresource.map(str::to_owned),
        verb: Some(verb.to_owned()),
        namespace: namespace.map(str::to_owned),
        ..ResourceAttributes::default()
    };
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let reviews: Api<SelfSubjectAccessReview> = Api::all(cluster.client.clone());
    let doing = "ask for the permissions of this user";
    let answer = cluster.ask(doing, reviews.create(&PostParams::default(), &review)).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

/// What others install.
pub(super) async fn extensions(cluster: &Cluster) -> Vec<Finding> {
    let all = [
        (
            "cert-manager.io/v1",
            "cert-manager",
            "nodes with spec.sidecar.tls.issuerName need it, others do not: https://cert-manager.io/docs/installation",
        ),
        (
            "gateway.networking.k8s.io/v1",
            "the Gateway API",
            "public routes need it, nodes do not: https://gateway-api.sigs.k8s.io/guides",
        ),
    ];
    let mut found = Vec::new();
    for (group_version, name, hint) in all {
        let resources = cluster.client.list_api_group_resources(group_version);
        found.push(match cluster.ask(&format!("look for {name}"), resources).await {
            Ok(_) => Finding::passed(Group::Extensions, format!("{name} is there ({group_version})")),
            Err(trouble) if is_unknown(&trouble) => {
                Finding::warning(Group::Extensions, format!("{name} is not there ({group_version})"), hint)
            }
            Err(trouble) => failed(Group::Extensions, &trouble),
        });
    }
    found
}

/// A 404 about a group names no object.
fn is_unknown(trouble: &Trouble) -> bool {
    trouble.is_absence || trouble.is_unknown_kind
}

/// A check that could not be made.
pub(super) fn failed(group: Group, trouble: &Trouble) -> Finding {
    let hint = trouble.help.first().cloned().unwrap_or_else(|| "try again, or look at the API server's log".to_owned());
    Finding::failed(group, trouble.what.clone(), hint)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn versions_are_compared_as_vendors_write_them() {
        let verdict = |major: &str, minor: &str| version(major, minor, "v").verdict;
        assert_eq!(verdict("1", "33"), Verdict::Passed);
        assert_eq!(verdict("1", "34+"), Verdict::Passed);
        assert_eq!(verdict("1", "32"), Verdict::Failed);
        assert_eq!(verdict("2", "0"), Verdict::Warning);
        assert_eq!(verdict("", ""), Verdict::Warning);
    }

    #[test]
    fn a_permission_says_where_and_what_is_missing() {
        let tell = |permission: &Permission| {
            let namespace = (permission.place == Place::Own).then_some("sei-system");
            let told = [judged(permission, namespace, &[]), judged(permission, namespace, &["get"])];
            told.map(|finding| finding.what).join("\n")
        };
        let told: Vec<String> = all().iter().map(tell).collect();
        insta::assert_snapshot!(told.join("\n"));
    }
}
