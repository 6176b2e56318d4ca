//! Many nodes in one place, created as fast as the API server takes them, and what each of them cost.

use std::fmt;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use kube::ResourceExt;
use kube::api::ListParams;
use serde_json::Value;

use super::audit::Requests;
use super::place::Place;
use super::view::Check;

/// Requests of the test under way at the same time.
const HANDS: usize = 16;
/// One list of all nodes each time, so the more of them, the more seldom: see [`Fleet::pause`].
const POLL_PER_NODE: Duration = Duration::from_millis(10);
const POLL_MIN: Duration = Duration::from_millis(250);
/// Generous: it bounds a hang, it measures nothing.
const DEADLINE: Duration = Duration::from_secs(300);

/// Nodes `rpc-0`, `rpc-1` and so on. Their pods come once and stay.
pub(crate) struct Fleet {
    pub(crate) place: Place,
    pub(crate) names: Vec<String>,
}

impl Fleet {
    pub(crate) fn new(place: Place, size: usize) -> Self {
        Fleet { place, names: (0..size).map(|number| format!("rpc-{number}")).collect() }
    }

    pub(crate) async fn create(&self, spec: &Value) {
        let create = |number| self.create_one(number, spec);
        stream::iter(0..self.names.len()).map(create).buffer_unordered(HANDS).collect::<()>().await;
    }

    pub(crate) async fn create_one(&self, number: usize, spec: &Value) {
        let name = &self.names[number];
        self.place.sidecar(name).stays();
        self.place.create(name, spec.clone()).await;
    }

    /// Waits until the status of every node says that it runs.
    pub(crate) async fn until_running(&self) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            self.place.world.panic_if_a_process_died().await;
            let waiting = self.not_running().await;
            let Some(one) = waiting.first().map(|number| &self.names[*number]) else { return };
            if Instant::now() > deadline {
                let report = self.place.report(one, &self.place.view(one).await);
                panic!("{} nodes do not run after {DEADLINE:?}, among them {one}:\n{report}", waiting.len());
            }
            tokio::time::sleep(self.pause()).await;
        }
    }

    /// Between two looks: to list hundreds of nodes loads the API server, and the cores that it shares, more than a node's way up.
    fn pause(&self) -> Duration {
        POLL_MIN.max(POLL_PER_NODE * u32::try_from(self.names.len()).expect("a fleet of a test"))
    }

    /// Numbers of the nodes that were created and whose status does not say that they run.
    pub(crate) async fn not_running(&self) -> Vec<usize> {
        let nodes = self.place.nodes.list(&ListParams::default()).await.expect("the API server answers");
        let waiting = nodes.iter().filter(|node| node.data["status"]["phase"] != "Running");
        waiting.filter_map(|node| self.names.iter().position(|name| *name == node.name_any())).collect()
    }

    /// Whether everything about every node is as it should be, with the first that is not.
    pub(crate) async fn check(&self, check: impl Fn(&super::view::View) -> Check) {
        let look = async |name: &String| (name.clone(), self.place.view(name).await);
        let mut views = stream::iter(&self.names).map(look).buffer_unordered(HANDS);
        while let Some((name, view)) = views.next().await {
            check(&view).unwrap_or_else(|why| panic!("{name}: {why}\n{}", self.place.report(&name, &view)));
        }
    }

    pub(crate) fn costs(&self, requests: &Requests) -> Costs {
        let requests = requests.in_namespace(&self.place.namespace);
        let per_node: Vec<Requests> = self.names.iter().map(|name| requests.of_node(name)).collect();
        let cost = |count: fn(&Requests) -> Requests| {
            let of_nodes: Vec<usize> = per_node.iter().map(|requests| count(requests).len()).collect();
            Cost::of(&of_nodes, count(&requests).len())
        };
        Costs {
            writes: cost(Requests::writes),
            requests: cost(Requests::calls),
            events: cost(Requests::events),
            dearest: per_node.iter().max_by_key(|requests| requests.len()).cloned().unwrap_or_default(),
        }
    }

    /// Calls that each node's sidecar had since a moment.
    pub(crate) fn sidecar_calls(&self, since: Instant) -> Cost {
        let calls = |name: &String| self.place.sidecar(name).calls().iter().filter(|call| call.at > since).count();
        let per_node: Vec<usize> = self.names.iter().map(calls).collect();
        Cost::of(&per_node, per_node.iter().sum())
    }
}

/// Of all nodes of a fleet.
pub(crate) struct Costs {
    pub(crate) writes: Cost,
    /// Writes included, watches and events excluded.
    pub(crate) requests: Cost,
    pub(crate) events: Cost,
    /// All requests for the node that has most of them.
    pub(crate) dearest: Requests,
}

impl fmt::Display for Costs {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} writes, {} requests, {} events", self.writes, self.requests, self.events)
    }
}

/// How often the nodes were the cause of something.
pub(crate) struct Cost {
    /// Of the node that costs most.
    pub(crate) max: usize,
    /// Including what is for no node in particular.
    pub(crate) mean: f64,
}

impl Cost {
    fn of(per_node: &[usize], all: usize) -> Self {
        let max = per_node.iter().copied().max().unwrap_or_default();
        Cost { max, mean: all as f64 / per_node.len() as f64 }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:.2} (at most {})", self.mean, self.max)
    }
}
