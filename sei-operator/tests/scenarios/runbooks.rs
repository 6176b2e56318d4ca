//! Pages whose commands are run as they stand there, and whose promises are held to what happens.

use std::sync::Arc;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use kube::api::{DeleteParams, PostParams};
use kube::{Api, ResourceExt};
use rcgen::generate_simple_self_signed;
use serde_json::{Value, json};

use super::commands::forget_keys;
use crate::support::place::Place;
use crate::support::runbook::{Runbook, spans};
use crate::support::view::{Check, View, check};
use crate::support::world::World;

/// The image of every page.
const IMAGE: &str = "registry.example/seid:v1";
const WRONG_TURNS: &str = "What it says when something is wrong";

const SIGNING: &str = "kubectl -n sei create secret generic val-0-signing --from-file=priv_validator_key.json";
const IDENTITY: &str = "kubectl -n sei create secret generic val-0-node --from-file=node_key.json";

/// A page that is followed in its namespace.
struct Walk {
    place: Place,
    page: Runbook,
}

impl Walk {
    async fn begins(world: &Arc<World>, page: &str, namespace: &str) -> Self {
        let (place, page) = (world.served_place(namespace).await, Runbook::open(world, page));
        let walk = Self { place, page };
        walk.forget().await;
        walk
    }

    /// Runs commands that must succeed.
    async fn done(&self, script: &str) {
        let output = self.page.run(&self.place.world, script).await;
        assert!(output.status.success(), "{script}: {}", output.status);
    }

    async fn follow(&self, chapter: &str) {
        self.page.follow(&self.place.world, chapter).await;
    }

    /// Nothing is left of what was done before.
    async fn starts_over(&self) {
        self.done(&format!("kubectl -n {} delete seinode,secret --all", self.place.namespace)).await;
        self.forget().await;
    }

    /// The keys of the fixtures are those of other scenarios, too.
    async fn forget(&self) {
        forget_keys(&Api::<Lease>::namespaced(self.place.world.admin.clone(), "default")).await;
    }

    async fn signs(&self) -> View {
        let signs = |view: &View| {
            view.settled_on(IMAGE)?;
            let mounted = view.status("/signingKeyMountedSecret").and_then(Value::as_str);
            check(mounted == Some("val-0-signing"), || format!("it mounts {mounted:?}"))
        };
        self.place.until("val-0", "it signs", signs).await
    }
}

/// Both ways, each from its beginning, and then every wrong turn of the table.
pub(crate) async fn validator_migration(world: Arc<World>) {
    let walk = Walk::begins(&world, "validator-migration", "sei").await;
    walk.follow("With downtime: stop, then start").await;
    walk.signs().await;
    walk.starts_over().await;
    let mark = world.audit.mark();
    walk.follow("Without downtime: follow first, then hand over").await;
    walk.signs().await;
    let restarts = world.audit.since(mark).in_namespace(&walk.place.namespace).pod_deletes();
    assert_eq!(restarts.len(), 1, "the pod is replaced once: {restarts:?}");
    walk.starts_over().await;
    for row in walk.page.rows(WRONG_TURNS) {
        let [seen, says, ..] = row[..] else { panic!("{row:?}") };
        let (seen, says) = (spans(seen), spans(says).concat());
        println!("--- {seen:?}");
        match seen[..] {
            [condition, reason] => walk.takes_a_wrong_turn(condition, reason, &says).await,
            [_] => walk.is_refused(&says).await,
            _ => panic!("{row:?}"),
        }
    }
    walk.starts_over().await;
}

impl Walk {
    /// Provokes what the page tells of, sees that the node says so, does what the page says, and sees that it helps.
    async fn takes_a_wrong_turn(&self, condition: &str, reason: &str, says: &str) {
        let node = if reason == "SigningKeyInUse" { "val-1" } else { "val-0" };
        self.provoke(reason).await;
        let (kind, status) = condition.split_once('=').expect("a condition and its status");
        let message = |view: &View| {
            let found = view.conditions().iter().find(|one| one["type"] == kind);
            found.and_then(|one| one["message"].as_str()).unwrap_or_default().to_owned()
        };
        let told = |view: &View| -> Check {
            view.condition_is(kind, status, reason)?;
            check(message(view).contains(says), || format!("it says {:?}", message(view)))
        };
        let view = self.place.until(node, reason, told).await;
        self.mend(reason, &message(&view)).await;
    }

    /// Begins where the row before ended.
    async fn provoke(&self, reason: &str) {
        match reason {
            "SigningKeyNotReady" => self.done("kubectl apply -f val-0.yaml").await,
            "NodeKeyNotReady" => {}
            "SigningKeyInvalid" => {
                self.starts_over().await;
                let broken =
                    "kubectl -n sei create secret generic val-0-signing --from-literal=priv_validator_key.json={}";
                self.done(&format!("{broken}\n{IDENTITY}\nkubectl apply -f val-0.yaml")).await;
            }
            "SigningKeyInUse" => {
                let copies = [SIGNING, IDENTITY].join("\n").replace("val-0", "val-1");
                self.done(&format!("{copies}\nkubectl apply -f val-1.yaml")).await;
            }
            "SigningKeyMoves" => {
                self.done("kubectl -n sei delete seinode val-0\nkubectl apply -f val-0.yaml").await;
            }
            "NotCaughtUp" => {
                self.place.sidecar("val-0").catches_up(true);
                self.asks_for_the_key().await;
            }
            "KeyStillSigns" => {
                self.place.sidecar("val-0").sees_signatures_of(Some(&self.validator()));
                self.asks_for_the_key().await;
            }
            other => panic!("nothing provokes {other}, which the page tells of"),
        }
    }

    /// A node that follows the chain is to get its keys.
    async fn asks_for_the_key(&self) {
        self.starts_over().await;
        let follows = "kubectl apply -f val-0-without-keys.yaml\nsei-operator wait sei/val-0 --for=phase=Running";
        self.done(&format!("{follows}\n{SIGNING}\n{IDENTITY}\nkubectl apply -f val-0.yaml")).await;
    }

    /// Address of the validator that the page moves.
    fn validator(&self) -> String {
        let file = std::fs::read(self.page.file("priv_validator_key.json")).expect("the key is beside the page");
        let key: Value = serde_json::from_slice(&file).expect("a key is JSON");
        key["address"].as_str().expect("a key has an address").to_owned()
    }

    /// Does what the page says.
    async fn mend(&self, reason: &str, message: &str) {
        match reason {
            // The other Secret is still missing, as the next row has it.
            "SigningKeyNotReady" => return self.done(SIGNING).await,
            "NodeKeyNotReady" => self.done(IDENTITY).await,
            "SigningKeyInvalid" => {
                self.done(&format!("{SIGNING} --dry-run=client -o yaml | kubectl replace -f -")).await;
                self.done("sei-operator retry sei/val-0").await;
            }
            "SigningKeyInUse" => self.done("kubectl -n sei delete seinode val-1").await,
            "SigningKeyMoves" => self.done(message.rsplit(": ").next().expect("a command")).await,
            "NotCaughtUp" => self.place.sidecar("val-0").catches_up(false),
            "KeyStillSigns" => self.place.sidecar("val-0").sees_signatures_of(None),
            other => panic!("nothing mends {other}, which the page tells of"),
        }
        self.signs().await;
    }

    /// One of the two manifests that the API server refuses, and the node that runs goes on.
    async fn is_refused(&self, says: &str) {
        let wrong = if says.contains("removed") { "val-0-without-keys" } else { "val-0-without-node-key" };
        let output = self.page.run(&self.place.world, &format!("kubectl apply -f {wrong}.yaml")).await;
        assert!(!output.status.success(), "{wrong} is accepted");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.contains(says), "{says:?} is not in {told}");
        self.signs().await;
    }
}

/// The runbook of TLS, from no TLS to a provided certificate: the same claim, and the operator calls the sidecar through its proxy.
pub(crate) async fn sidecar_tls(world: Arc<World>) {
    let walk = Walk::begins(&world, "sidecar-tls", "nodes").await;
    let place = &walk.place;
    place.create("rpc-0", json!({"chainId": "pacific-1", "image": IMAGE, "fullNode": {}})).await;
    let first = place.until("rpc-0", "the node comes up", |view| view.settled_on(IMAGE)).await;
    let volume = bind(place, "data-rpc-0").await;
    let names = [&format!("rpc-0.{}", place.namespace), &format!("rpc-0-0.rpc-0.{}", place.namespace)];
    let pair =
        generate_simple_self_signed(names.map(|name| format!("{name}.svc.cluster.local"))).expect("a certificate");
    for (file, text) in [("tls.crt", pair.cert.pem()), ("tls.key", pair.signing_key.serialize_pem())] {
        std::fs::write(walk.page.file(file), text).expect("our directory");
    }
    walk.follow("Runbook: change what cannot be edited").await;
    let up = |view: &View| {
        view.phase_is("Running")?;
        view.no_active_plan()?;
        view.pod_runs(IMAGE)
    };
    let second = place.until("rpc-0", "the node is there again", up).await;
    second.condition_is("SidecarTLSSecretReady", "True", "TLSSecretReady").expect("the certificate is served");
    let claim = |view: &View| view.claim.as_ref().and_then(ResourceExt::uid);
    assert_eq!(claim(&second), claim(&first), "the same disk");
    walk.starts_over().await;
    volume
        .delete(&format!("{}-data-rpc-0", place.namespace), &DeleteParams::default())
        .await
        .expect("it was made above");
}

/// What a provisioner would do: a volume for the claim, which the cluster binds.
async fn bind(place: &Place, name: &str) -> Api<PersistentVolume> {
    let claim = place.api::<PersistentVolumeClaim>().get(name).await.expect("the claim").spec.expect("a spec");
    let volume = json!({
        "metadata": {"name": format!("{}-{name}", place.namespace)},
        "spec": {
            "capacity": claim.resources.and_then(|resources| resources.requests), "accessModes": claim.access_modes,
            "storageClassName": claim.storage_class_name, "hostPath": {"path": "/chain"},
            "claimRef": {"namespace": place.namespace, "name": name},
        },
    });
    let volumes: Api<PersistentVolume> = Api::all(place.world.admin.clone());
    let volume = serde_json::from_value(volume).expect("a volume");
    volumes.create(&PostParams::default(), &volume).await.expect("the volume is taken");
    volumes
}
