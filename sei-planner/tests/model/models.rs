//! The models: one per plan kind, each a pair of specs between which a user goes back and forth, and where it begins.

use sei_planner::api::SeiNode;
use sei_planner::node::{ValidNode, settled_status, validate};
use sei_planner::platform::Platform;
use serde_json::{Value, json};

use crate::names::{Names, now, plan_id};
use crate::world::{Claim, Disk, Pod, Set, State, View};

/// The four rules; the model can do without each of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// An edit supersedes the plan.
    pub(crate) supersede: bool,
    /// The pod's own revision tells what it runs, not the counters of its StatefulSet.
    pub(crate) pod_revision: bool,
    /// What a replaced or failed update may have applied is compared with the spec again.
    pub(crate) template: bool,
    /// Nothing is done on a view that is older than the last status write; a user's last edit may be missing in it. Within
    /// one process, its overlay of its own writes sees to that.
    pub(crate) fence: bool,
}

impl Rules {
    pub(crate) const ALL: Self = Self { supersede: true, pod_revision: true, template: true, fence: true };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beginning {
    /// Nothing is there but the node.
    New,
    /// The node runs its first spec.
    Settled,
    /// The node runs, and its sidecar just lost the ready flag.
    GateClosed,
    /// The node runs, and something of it was just deleted.
    Damaged,
}

pub(crate) struct Model {
    pub(crate) name: &'static str,
    pub(crate) specs: [ValidNode; 2],
    /// Whether seid's configuration must say in the end that it state-syncs.
    pub(crate) state_syncs: bool,
    /// How often somebody gets in the way, on one path.
    pub(crate) disturbances: u8,
    beginning: Beginning,
}

impl Model {
    fn new(name: &'static str, beginning: Beginning, disturbances: u8, specs: [Value; 2]) -> Self {
        let [first, second] = specs;
        Self {
            name,
            specs: [valid("seid:v1", first), valid("seid:v2", second)],
            state_syncs: false,
            disturbances,
            beginning,
        }
    }

    fn that_state_syncs(self) -> Self {
        Self { state_syncs: true, ..self }
    }

    pub(crate) fn tls(&self) -> bool {
        self.specs[0].tls.is_some()
    }

    pub(crate) fn beginnings(&self, names: &mut Names) -> Vec<State> {
        match self.beginning {
            Beginning::New if self.tls() => [true, false]
                .map(|tls_secret| State { tls_secret, ..self.empty(names) })
                .into_iter()
                .chain([self.settled(names)])
                .collect(),
            Beginning::New => vec![self.empty(names)],
            Beginning::Settled => vec![self.settled(names)],
            Beginning::GateClosed => {
                let settled = self.settled(names);
                vec![settled.but(|next| next.pod = next.pod.map(|pod| Pod { ready: false, ..pod }))]
            }
            Beginning::Damaged => {
                let settled = self.settled(names);
                let without_set = settled.but(|next| {
                    next.set = None;
                    next.pod = next.pod.map(|pod| Pod { owned: false, ..pod });
                });
                vec![settled.but(|next| next.service = false), without_set]
            }
        }
    }

    fn empty(&self, names: &mut Names) -> State {
        State {
            node: View { variant: 0, generation: 1, answer: None, status: names.number(Default::default()) },
            second: None,
            set: None,
            pod: None,
            job: None,
            service: false,
            claim: Claim::Absent,
            proxy_config: false,
            tls_secret: false,
            disk: Disk::default(),
        }
    }

    fn settled(&self, names: &mut Names) -> State {
        let node = ValidNode { generation: 1, ..self.specs[0].clone() };
        let mut status = settled_status(&node, now());
        if let Some(plan) = &mut status.plan {
            plan.id = plan_id(0);
        }
        let pod = Pod { number: 0, template: 0, owned: true, deleting: false, running: true, ready: true };
        let empty = self.empty(names);
        State {
            node: View { status: names.number(status), ..empty.node },
            set: Some(Set { template: 0, observed: true, first: 0 }),
            pod: Some(pod),
            service: true,
            claim: Claim::Present,
            proxy_config: self.tls(),
            tls_secret: self.tls(),
            disk: Disk { rows: Vec::new(), state_sync_done: self.state_syncs, state_sync_on: self.state_syncs },
            ..empty
        }
    }
}

fn valid(image: &str, mut spec: Value) -> ValidNode {
    spec["chainId"] = json!("pacific-1");
    spec["image"] = json!(image);
    let node: SeiNode = serde_json::from_value(json!({
        "apiVersion": "sei.io/v1alpha1", "kind": "SeiNode",
        "metadata": {"name": "rpc-0", "namespace": "sei", "uid": "node", "generation": 1}, "spec": spec,
    }))
    .unwrap();
    validate(&node, &Platform::demo()).unwrap_or_else(|refusal| panic!("{}", refusal.message()))
}

fn twice(spec: Value) -> [Value; 2] {
    [spec.clone(), spec]
}

/// Every model; `more` disturbances than usual make it larger.
pub(crate) fn models(more: u8) -> Vec<Model> {
    let full_node = |snapshot: Value| twice(json!({"fullNode": {"snapshot": snapshot}}));
    let s3 = json!({"targetHeight": 5});
    let bootstrap = json!({"fullNode": {"snapshot": {"s3": s3, "bootstrapImage": "seid:boot"}}});
    let without = json!({"fullNode": {"snapshot": {"s3": s3}}});
    let ceremony = json!({"chainId": "devnet-7", "stakingAmount": "1usei", "accountBalance": "2usei", "index": 0});
    let founder = json!({"validator": {"genesisCeremony": ceremony}});
    let behind_tls = json!({"fullNode": {}, "sidecar": {"tls": {"secretName": "tls"}}});
    vec![
        Model::new("init, genesis", Beginning::New, 2 + more, twice(json!({"fullNode": {}}))),
        Model::new("init, state sync", Beginning::New, 2 + more, full_node(json!({"stateSync": {}})))
            .that_state_syncs(),
        Model::new("init, S3", Beginning::New, 2 + more, full_node(json!({"s3": s3}))).that_state_syncs(),
        Model::new("bootstrap", Beginning::New, 1 + more, twice(bootstrap.clone())),
        Model::new("bootstrap, dropped", Beginning::New, 1 + more, [bootstrap, without]),
        Model::new("genesis ceremony", Beginning::New, 2 + more, twice(founder)),
        image_update(3 + more),
        Model::new("mark-ready", Beginning::GateClosed, 2 + more, twice(json!({"fullNode": {}}))),
        Model::new("repair", Beginning::Damaged, 2 + more, twice(json!({"fullNode": {}}))),
        Model::new("TLS by Secret", Beginning::New, 2 + more, twice(behind_tls)),
    ]
}

pub(crate) fn image_update(disturbances: u8) -> Model {
    Model::new("image update", Beginning::Settled, disturbances, twice(json!({"fullNode": {}})))
}
