//! One node and its life in a simulated world: what the tests of lives share.

#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test takes what it needs")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

pub mod secrets;

use sei_planner::api::{NodePhase, PlanPhase, SeiNodeStatus};
use sei_planner::names::NodeKey;
use sei_planner::platform::Platform;
use sei_tasks::sim::{Driver, Options, SeiOperator, Sim, Verb};
use sei_tasks::world::{Kind, ObjectId};
use serde_json::{Value, json};

pub const V1: &str = "registry.example/seid:v1";
pub const V2: &str = "registry.example/seid:v2";
pub const V3: &str = "registry.example/seid:v3";
/// Virtual seconds within which everything here comes to rest.
pub const LIMIT_SECONDS: i64 = 6 * 3600;

/// The demo platform, which trusts the ClusterIssuers `ca` and `other`.
pub fn with_issuers() -> Platform {
    let mut settings = Platform::demo_map();
    settings.insert("SEI_TLS_ALLOWED_ISSUERS".to_owned(), "ClusterIssuer/ca,ClusterIssuer/other".to_owned());
    Platform::from_map(&settings).unwrap()
}

pub struct Life {
    pub driver: Driver<SeiOperator>,
    pub key: NodeKey,
}

impl Life {
    /// A node was applied and nothing has happened yet.
    pub fn begins(full_node: Value, options: Options) -> Self {
        Self::of(
            json!({"fullNode": full_node, "peers": [{"static": {"addresses": ["aa@peer.example:26656"]}}]}),
            options,
        )
    }

    pub fn of(spec: Value, options: Options) -> Self {
        Self::on(Platform::demo(), spec, options)
    }

    pub fn on(platform: Platform, spec: Value, options: Options) -> Self {
        let mut manifest = json!({
            "apiVersion": "sei.io/v1alpha1", "kind": "SeiNode",
            "metadata": {"namespace": "nodes", "name": "rpc-0"},
            "spec": {"chainId": "pacific-1", "image": V1},
        });
        for (key, value) in spec.as_object().unwrap() {
            manifest["spec"][key] = value.clone();
        }
        Self::applied(platform, [manifest], options)
    }

    /// A world with these objects, the last of which is the node; nothing has happened yet.
    pub fn applied(platform: Platform, manifests: impl IntoIterator<Item = Value>, options: Options) -> Self {
        let sim = Sim::new(options);
        let driver = sim.drive(SeiOperator { platform });
        let last = manifests.into_iter().map(|manifest| sim.user_apply(manifest).unwrap()).last().expect("a node");
        Self { driver, key: NodeKey::new(last.namespace, last.name) }
    }

    pub fn running(full_node: Value) -> Self {
        let mut life = Self::begins(full_node, Options::default());
        life.rest();
        assert_eq!(life.status().phase(), NodePhase::Running);
        life.driver.run_for(30).unwrap();
        life
    }

    pub fn sim(&self) -> Sim {
        self.driver.sim().clone()
    }

    pub fn status(&self) -> SeiNodeStatus {
        self.sim().sei_node(&self.key).unwrap().status.unwrap_or_default()
    }

    pub fn rest(&mut self) {
        self.driver.run_until_idle(LIMIT_SECONDS).unwrap_or_else(|stopped| panic!("{stopped}"));
        assert_eq!(self.sim().violations(), []);
    }

    pub fn wait_for(&mut self, what: &str, reached: impl Fn(&SeiNodeStatus) -> bool) {
        let key = self.key.clone();
        let reached = |sim: &Sim| reached(&sim.sei_node(&key).unwrap().status.unwrap_or_default());
        self.driver.run_until(reached, LIMIT_SECONDS).unwrap_or_else(|stopped| panic!("{what}: {stopped}"));
    }

    pub fn wait_for_task(&mut self, kind: &str) {
        self.wait_for(kind, |status| {
            let plan = status.plan.as_ref();
            plan.is_some_and(|plan| plan.tasks.iter().any(|task| task.kind == kind && task.waiting_for.is_some()))
        });
    }

    /// Runs the command at the end of a message, which sets an annotation.
    pub fn obeys(&self, message: &str) {
        let command = message.rsplit_once("--overwrite ").expect("a command").1;
        let (annotation, token) = command.split_once('=').unwrap();
        self.sim().user_annotate(&self.key, annotation, Some(token));
    }

    pub fn set_image(&self, image: &str) {
        self.sim().user_edit(&self.key, |spec| spec["image"] = json!(image));
    }

    pub fn child(&self, kind: Kind, name: &str) -> Option<Value> {
        self.sim().object(&ObjectId::new(kind, "nodes", name))
    }

    pub fn delete(&self, kind: Kind, name: &str) {
        self.sim().user_delete(&ObjectId::new(kind, "nodes", name));
    }

    /// The node runs `image`: the pod does, the status says so, no plan is active, and then there is silence.
    pub fn runs(&mut self, image: &str) {
        self.wait_for("it runs", |status| status.phase() == NodePhase::Running);
        self.rest();
        let status = self.status();
        let pod = self.child(Kind::Pod, "rpc-0-0").expect("a pod");
        let seid = pod["spec"]["containers"].as_array().unwrap().iter().find(|c| c["name"] == "seid").unwrap();
        assert_eq!(seid["image"], image);
        assert_eq!(status.current_image.as_deref(), Some(image));
        assert_eq!(status.phase(), NodePhase::Running);
        assert_ne!(status.plan.unwrap().phase, PlanPhase::Active);
        let seid = self.sim().seid_starts(&self.key);
        assert_eq!(seid.last().expect("seid started").image, image);
        self.driver.assert_silent(200).unwrap_or_else(|stopped| panic!("{stopped}"));
    }

    pub fn pods_replaced(&self) -> u64 {
        self.sim().counters().of(Verb::Delete)
    }
}
