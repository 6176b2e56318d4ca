//! A node that asks an issuer for its certificate: without cert-manager it waits and says so; with its definition installed
//! the real API server stores the Certificate, and the test plays cert-manager.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, PodSpec, Secret};
use kube::api::{ApiResource, DynamicObject, ListParams, PostParams};
use kube::core::GroupVersionKind;
use kube::{Api, ResourceExt};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use sei_planner::api::SeiNode;
use serde_json::{Value, json};

use super::specs::{self, V1, V2};
use crate::support::place::Place;
use crate::support::view::View;
use crate::support::world::{World, install, uninstall};

const CERTIFICATE: &str = "rpc-0-sidecar-tls";
const READY: &str = "SidecarTLSSecretReady";
/// Long enough for the operator to act on what was just done.
const MEANWHILE: Duration = Duration::from_secs(2);
const GARBAGE_DEADLINE: Duration = Duration::from_secs(60);

pub(crate) async fn asked(world: Arc<World>) {
    let place = world.served_place("issuer").await;
    let mut spec = specs::from_genesis();
    spec["sidecar"] = json!({"tls": {"issuerName": "ca"}});
    place.create("rpc-0", spec).await;
    let unknown = |view: &View| view.condition_is(READY, "False", "CertManagerMissing");
    place.until("rpc-0", "the node says that there is no cert-manager", unknown).await;

    install(&world.admin, &definition()).await;
    let unissued = |view: &View| view.condition_is(READY, "False", "TLSSecretNotFound");
    let view = place.until("rpc-0", "the node waits for its Secret", unissued).await;
    assert!(view.stateful_set.is_none(), "no pod before its certificate");
    let asked = certificates(&place).get(CERTIFICATE).await.expect("a Certificate");
    let names: Vec<String> = serde_json::from_value(asked.data["spec"]["dnsNames"].clone()).expect("names");
    assert_eq!(asked.data["spec"]["issuerRef"]["name"], "ca");
    issue(&place, names).await;
    place.until("rpc-0", "the node comes up", |view| view.settled_on(V1)).await;
    let node = place.nodes.get("rpc-0").await.expect("the node");
    assert_eq!(node.data["status"]["currentSidecarTLS"]["issuerName"], "ca");

    // Off, together with an image: what the proxy left behind goes, too.
    place.edit("rpc-0", json!({"image": V2, "sidecar": {"tls": null}})).await;
    let view = place.until("rpc-0", "the proxy is gone", |view| view.settled_on(V2)).await;
    assert!(!has_proxy(&view));
    assert_eq!(view.status("/currentSidecarTLS"), None);
    assert!(
        certificates(&place).get_opt(CERTIFICATE).await.expect("an answer").is_none(),
        "the Certificate stays behind"
    );
    let configs =
        place.api::<ConfigMap>().list(&ListParams::default().labels("sei.io/node=rpc-0")).await.expect("listed");
    assert_eq!(configs.items.len(), 0, "the proxy's configuration stays behind");

    // On and off again while the pod goes.
    let on = json!({"image": V1, "sidecar": {"tls": {"issuerName": "ca"}}});
    let off = json!({"image": V2, "sidecar": {"tls": null}});
    let again = reverted(&place, &on, &off, V2).await;
    assert_eq!(pod_spec(&again), pod_spec(&view), "the pod is made as before");
    assert!(
        certificates(&place).get_opt(CERTIFICATE).await.expect("an answer").is_none(),
        "the Certificate of the edit that was taken back stays behind"
    );

    // And on again: the Secret is there still.
    place.edit("rpc-0", on.clone()).await;
    let view = place.until("rpc-0", "the proxy is back", |view| view.settled_on(V1)).await;
    assert!(has_proxy(&view));
    assert_eq!(view.status("/currentSidecarTLS/issuerName"), Some(&json!("ca")));

    // Off and on again while the pod goes.
    let again = reverted(&place, &off, &on, V1).await;
    assert_eq!(pod_spec(&again), pod_spec(&view), "the pod is made as before");
    assert_eq!(again.status("/currentSidecarTLS/issuerName"), Some(&json!("ca")));
    assert!(certificates(&place).get_opt(CERTIFICATE).await.expect("an answer").is_some(), "the Certificate is gone");

    place.delete::<SeiNode>("rpc-0").await;
    is_collected(&place).await;
    uninstall(&world.admin, "certificates.cert-manager.io").await;
}

/// An edit that is taken back while the pod terminates: the node ends where it began.
async fn reverted(place: &Place, edit: &Value, back: &Value, image: &str) -> View {
    let pause = place.world.pause_kubelet();
    place.edit("rpc-0", edit.clone()).await;
    place.until("rpc-0", "the pod is on its way out", View::pod_is_terminating).await;
    place.edit("rpc-0", back.clone()).await;
    tokio::time::sleep(MEANWHILE).await;
    place.ends_pod("rpc-0").await;
    drop(pause);
    place.until("rpc-0", "it ends where it began", |view| view.settled_on(image)).await
}

fn pod_spec(view: &View) -> Option<PodSpec> {
    view.pod.as_ref().and_then(|pod| pod.spec.clone())
}

fn has_proxy(view: &View) -> bool {
    let pod = view.pod.as_ref().and_then(|pod| pod.spec.as_ref()).expect("a pod");
    pod.init_containers.iter().flatten().any(|container| container.name == "kube-rbac-proxy")
}

fn certificates(place: &Place) -> Api<DynamicObject> {
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("cert-manager.io", "v1", "Certificate"));
    Api::namespaced_with(place.world.admin.clone(), &place.namespace, &kind)
}

/// What cert-manager does.
async fn issue(place: &Place, names: Vec<String>) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).expect("a certificate");
    let bytes = |text: String| json!(ByteString(text.into_bytes()));
    let issuer = json!({"cert-manager.io/issuer-name": "ca", "cert-manager.io/issuer-kind": "ClusterIssuer"});
    let secret: Value = json!({
        "type": "kubernetes.io/tls",
        "metadata": {"name": CERTIFICATE, "annotations": issuer},
        "data": {"tls.crt": bytes(cert.pem()), "tls.key": bytes(signing_key.serialize_pem())},
    });
    let secret: Secret = serde_json::from_value(secret).expect("a Secret");
    place.api::<Secret>().create(&PostParams::default(), &secret).await.expect("created");
}

async fn is_collected(place: &Place) {
    let deadline = Instant::now() + GARBAGE_DEADLINE;
    while let Some(left) = certificates(place).get_opt(CERTIFICATE).await.expect("the API server answers") {
        assert!(Instant::now() < deadline, "{} outlives its node", left.name_any());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// As much of cert-manager's definition as stores what the operator applies.
fn definition() -> DynamicObject {
    let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let schema = json!({"type": "object", "properties": {"spec": open, "status": open}});
    serde_json::from_value(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "certificates.cert-manager.io"},
        "spec": {
            "group": "cert-manager.io", "scope": "Namespaced",
            "names": {"kind": "Certificate", "plural": "certificates", "singular": "certificate", "listKind": "CertificateList"},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "subresources": {"status": {}}, "schema": {"openAPIV3Schema": schema},
            }],
        },
    }))
    .expect("an object")
}
