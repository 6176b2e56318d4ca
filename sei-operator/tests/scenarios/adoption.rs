//! Nodes as the controller before us left them, on a real API server: `fixtures/adoption/`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::ByteString;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod, Secret};
use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use kube::{Api, ResourceExt};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::{Value, json};

use super::commands::forget_keys;
use super::keys::set;
use crate::support::control_plane::HALT_ANNOTATION;
use crate::support::fixtures;
use crate::support::place::Place;
use crate::support::view::{Check, View, check};
use crate::support::world::World;

/// What every recorded node asks for.
const IMAGE: &str = "sei:v1";
/// Kinds that the controller before us made, in its order; pods are the business of the cluster.
const CHILDREN: [(&str, &str, &str); 5] = [
    ("", "ConfigMap", "configmaps"),
    ("", "PersistentVolumeClaim", "persistentvolumeclaims"),
    ("apps", "StatefulSet", "statefulsets"),
    ("", "Service", "services"),
    ("batch", "Job", "jobs"),
];
const RESTORE_DEADLINE: Duration = Duration::from_secs(60);

/// What is found of a node, and so what must become of it.
#[derive(Clone, Copy, PartialEq)]
enum Found {
    /// A pod that runs what the spec asks for: it is kept.
    Pod,
    /// A pod of another image, and a plan that never replaces it: it is replaced.
    WrongPod,
    /// A bootstrap Job that is done: production follows.
    Job,
    /// Something is missing, and this condition says what, and for this reason.
    Lack(&'static str, &'static str),
}

/// Every recording of `fixtures/adoption/`.
const RECORDINGS: [(&str, Found); 14] = [
    ("archive-0.running.settled.v1", Found::Pod),
    ("full-bootstrap.initializing.config-apply.v1", Found::Job),
    ("full-genesis.initializing.config-apply.v1", Found::Pod),
    ("full-genesis.running.settled.v1", Found::Pod),
    ("full-import.initializing.ensure-data-pvc.v1", Found::Lack("ImportPVCReady", "PVCNotReady")),
    ("full-s3.initializing.snapshot-restore.v1", Found::Pod),
    ("full-s3.running.observe-image.v1", Found::WrongPod),
    ("full-statesync.initializing.discover-peers.v1", Found::Pod),
    ("replayer-0.initializing.configure-genesis.v1", Found::Pod),
    ("tls-full.initializing.configure-genesis.v1", Found::Pod),
    ("tls-missing.none.no-plan.v1", Found::Lack("SidecarTLSSecretReady", "TLSSecretNotFound")),
    ("val-badkey.failed.validate-signing-key.v1", Found::Lack("SigningKeyReady", "SigningKeyInvalid")),
    ("val-gen.initializing.generate-gentx.v1", Found::Pod),
    ("val-keys.running.settled.v1", Found::Pod),
];

/// One restored node.
struct Restored {
    place: Place,
    name: String,
    found: Found,
    /// Id of the plan that was under way.
    plan: Option<Value>,
    pod: Option<String>,
}

/// A fleet in every state: pods stay, plans go on, what is wanting is told, and once it is there, comes up.
pub(crate) async fn taken_over(world: Arc<World>) {
    world.without_operator().await;
    world.ensure_crds().await;
    forget_keys(&Api::namespaced(world.admin.clone(), "default")).await;
    let mut fleet = Vec::new();
    for (index, (recording, found)) in RECORDINGS.iter().enumerate() {
        let place = world.place(&format!("adopted-{index}")).await;
        fleet.push(restore(place, recording, *found).await);
    }
    world.ensure_operator().await;
    for node in &fleet {
        node.goes_on().await;
    }
    for node in fleet.iter().filter(|node| matches!(node.found, Found::Lack(..))) {
        node.gets_what_it_lacks().await;
    }
    world.silence().await;
    let kept = fleet.iter().filter(|node| node.found == Found::Pod).count();
    println!(
        "    {} recordings taken over: {kept} pods kept, 1 replaced because its image is another one",
        fleet.len()
    );
}

impl Restored {
    async fn goes_on(&self) {
        let what = |what: &str| format!("{} in {}: {what}", self.name, self.place.namespace);
        let (place, name) = (&self.place, self.name.as_str());
        match self.found {
            Found::Lack(condition, reason) => {
                let told = |view: &View| view.condition_is(condition, "False", reason);
                place.until(name, &what("it says what is wanting"), told).await;
            }
            Found::Job => {
                place.until(name, &what("production comes up"), |view| view.settled_on(IMAGE)).await;
            }
            Found::Pod => {
                let kept = |view: &View| view.settled_on(IMAGE).and_then(|()| self.has_its_pod(view, true));
                let view = place.until(name, &what("it settles on its pod"), kept).await;
                assert!(view.condition_is("Adopted", "True", "Adopted").is_ok(), "{}", what("nobody says so"));
                if self.plan.is_some() {
                    assert_eq!(view.status("/plan/id"), self.plan.as_ref(), "{}", what("another plan"));
                }
                place.stays(name, Duration::from_secs(1), kept).await;
            }
            Found::WrongPod => {
                let replaced = |view: &View| view.settled_on(IMAGE).and_then(|()| self.has_its_pod(view, false));
                place.until(name, &what("its pod is replaced"), replaced).await;
            }
        }
    }

    fn has_its_pod(&self, view: &View, wanted: bool) -> Check {
        let uid = view.pod.as_ref().and_then(ResourceExt::uid);
        check((uid == self.pod) == wanted, || format!("the pod was {:?} and is {uid:?}", self.pod))
    }

    async fn gets_what_it_lacks(&self) {
        let (place, name) = (&self.place, self.name.as_str());
        match name {
            "full-import" => bind(place, "old-disk").await,
            "tls-missing" => certificate(place, name, "nope").await,
            "val-badkey" => {
                set(place, "sk-bad", json!({"priv_validator_key.json": key_file("another-validator.json")})).await;
                let patch = Patch::Merge(json!({"metadata": {"annotations": {"sei.io/retry": "1"}}}));
                place.nodes.patch(name, &PatchParams::default(), &patch).await.expect("annotated");
            }
            _ => panic!("{name} lacks something that nobody brings"),
        }
        let is_up = |view: &View| {
            view.phase_is("Running")?;
            view.no_active_plan()?;
            view.pod_runs(IMAGE)
        };
        place.until(name, &format!("{name} comes up"), is_up).await;
    }
}

fn key_file(file: &str) -> ByteString {
    let path = format!("{}/../fixtures/inspect/keys/{file}", env!("CARGO_MANIFEST_DIR"));
    ByteString(std::fs::read(path).expect("a fixture"))
}

async fn secret(place: &Place, name: &str, kind: &str, data: Value) {
    let secret: Secret = object(json!({"metadata": {"name": name}, "type": kind, "data": data}));
    place.api::<Secret>().create(&PostParams::default(), &secret).await.expect("created");
}

/// A certificate for the sidecar of this node.
async fn certificate(place: &Place, node: &str, name: &str) {
    let service = format!("{node}.{}.svc.cluster.local", place.namespace);
    let names = vec![service.clone(), format!("{node}-0.{service}")];
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).expect("a certificate");
    let bytes = |text: String| json!(ByteString(text.into_bytes()));
    let data = json!({"tls.crt": bytes(cert.pem()), "tls.key": bytes(signing_key.serialize_pem())});
    secret(place, name, "kubernetes.io/tls", data).await;
}

/// The Secrets that the recorded node had: that of `val-badkey` is of no use, that of `tls-missing` is missing.
async fn secrets(place: &Place, name: &str, spec: &Value) {
    let named = |pointer: &str| spec.pointer(pointer).and_then(Value::as_str);
    if let Some(key) = named("/validator/signingKey/secret/secretName") {
        let file = if name == "val-badkey" { "no-address.json" } else { "validator.json" };
        secret(place, key, "Opaque", json!({"priv_validator_key.json": key_file(file)})).await;
    }
    if let Some(key) = named("/validator/nodeKey/secret/secretName") {
        secret(place, key, "Opaque", json!({"node_key.json": key_file("node.json")})).await;
    }
    if let Some(tls) = named("/sidecar/tls/secretName").filter(|_| name != "tls-missing") {
        certificate(place, name, tls).await;
    }
}

/// Makes the volume that a claim waits for.
async fn bind(place: &Place, claim: &str) {
    let asked = place.api::<PersistentVolumeClaim>().get(claim).await.expect("restored").spec.expect("a spec");
    let volume: PersistentVolume = object(json!({
        "metadata": {"name": format!("{}-{claim}", place.namespace)},
        "spec": {
            "storageClassName": asked.storage_class_name, "accessModes": asked.access_modes,
            "capacity": asked.resources.and_then(|resources| resources.requests),
            "hostPath": {"path": "/chain"}, "claimRef": {"namespace": place.namespace, "name": claim},
        },
    }));
    let volumes: Api<PersistentVolume> = Api::all(place.world.admin.clone());
    volumes.create(&PostParams::default(), &volume).await.expect("the volume is taken");
    let patch = Patch::Merge(json!({"spec": {"volumeName": volume.name_any()}}));
    place.api::<PersistentVolumeClaim>().patch(claim, &PatchParams::default(), &patch).await.expect("bound to it");
}

/// Puts a recording into this namespace: the objects as that controller applied them, the pod that it had, then the status.
async fn restore(place: Place, recording: &str, found: Found) -> Restored {
    let path = format!("{}/../fixtures/adoption/{recording}.yaml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("a recording");
    let objects = fixtures::values(&text);
    let of_kind = |kind: &str| objects.iter().find(|object| object["kind"] == kind).cloned();
    let node = of_kind("SeiNode").expect("recorded");
    let name = node["metadata"]["name"].as_str().expect("a name").to_owned();
    secrets(&place, &name, &node["spec"]).await;
    place.create(&name, node["spec"].clone()).await;
    let uid = place.nodes.get(&name).await.expect("created").uid().expect("a uid");
    for (group, kind, plural) in CHILDREN {
        let Some(recorded) = of_kind(kind) else { continue };
        let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, "v1", kind), plural);
        let api = Api::namespaced_with(place.world.admin.clone(), &place.namespace, &resource);
        let object = applied(recorded, &uid);
        match of_kind("Pod").filter(|_| kind == "StatefulSet") {
            Some(pod) => restore_pod(&place, &api, &name, object, &pod).await,
            None => apply(&api, &object).await,
        }
    }
    if found == Found::Job {
        halt(&place, &name).await;
    }
    let params = PatchParams { field_manager: Some("manager".to_owned()), ..PatchParams::default() };
    let status = Patch::Merge(json!({ "status": node["status"] }));
    if node["status"].is_object() {
        place.nodes.patch_status(&name, &params, &status).await.expect("restored");
    }
    let active = node.pointer("/status/plan/phase").is_some_and(|phase| phase == "Active");
    let plan = node.pointer("/status/plan/id").filter(|_| active).cloned();
    let pod = place.view(&name).await.pod.and_then(|pod| pod.uid());
    Restored { place, name, found, plan, pod }
}

async fn apply(api: &Api<DynamicObject>, object: &Value) {
    let params = PatchParams::apply("seinode-controller").force();
    let name = object["metadata"]["name"].as_str().expect("a name");
    api.patch(name, &params, &Patch::Apply(object)).await.expect("applied");
}

/// The StatefulSet with the pod that was there: one of the image that the pod had, and then the template that was applied last.
async fn restore_pod(place: &Place, api: &Api<DynamicObject>, name: &str, set: Value, pod: &Value) {
    let seid =
        |spec: &Value| spec["containers"].as_array().expect("containers").iter().position(|c| c["name"] == "seid");
    let image = pod["spec"]["containers"][seid(&pod["spec"]).expect("seid")]["image"].clone();
    let mut first = set.clone();
    let spec = &mut first["spec"]["template"]["spec"];
    let index = seid(spec).expect("seid");
    spec["containers"][index]["image"] = image.clone();
    apply(api, &first).await;
    let image = image.as_str().expect("an image").to_owned();
    place.until(name, "its pod runs", |view| view.pod_runs(&image)).await;
    apply(api, &set).await;
}

/// The pod of the bootstrap has ended, and its Job is done.
async fn halt(place: &Place, name: &str) {
    let deadline = Instant::now() + RESTORE_DEADLINE;
    let pods: Api<Pod> = place.api();
    let jobs: Api<Job> = place.api();
    let done = |job: Job| job.status.and_then(|status| status.succeeded) == Some(1);
    while !jobs.get(&format!("{name}-bootstrap")).await.is_ok_and(done) {
        assert!(Instant::now() < deadline, "the bootstrap Job of {name} does not end");
        for pod in pods.list(&ListParams::default().labels("sei.io/component=bootstrap")).await.expect("listed") {
            let patch = Patch::Merge(json!({"metadata": {"annotations": {HALT_ANNOTATION: "true"}}}));
            pods.patch(&pod.name_any(), &PatchParams::default(), &patch).await.expect("patched");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The object as it was applied, owned by this node unless nobody owned it.
fn applied(recorded: Value, node_uid: &str) -> Value {
    let metadata = &recorded["metadata"];
    let mut object = json!({
        "apiVersion": recorded["apiVersion"], "kind": recorded["kind"],
        "metadata": {"name": metadata["name"], "labels": metadata["labels"]},
    });
    if let Some(owner) = metadata.pointer("/ownerReferences/0") {
        let mut owner = owner.clone();
        owner["uid"] = json!(node_uid);
        object["metadata"]["ownerReferences"] = json!([owner]);
    }
    for part in ["spec", "data"] {
        if recorded[part].is_object() {
            object[part] = recorded[part].clone();
        }
    }
    // What the API server and its controllers filled in.
    for (pointer, filled) in [
        ("/spec", &["clusterIPs", "selector"][..]),
        (
            "/spec/template/metadata/labels",
            &["batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "controller-uid", "job-name"],
        ),
    ] {
        let of_job = recorded["kind"] == "Job";
        if let Some(part) = object.pointer_mut(pointer).and_then(Value::as_object_mut) {
            part.retain(|member, _| !filled.contains(&member.as_str()) || (member == "selector" && !of_job));
        }
    }
    object
}

fn object<K: serde::de::DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).expect("an object")
}
