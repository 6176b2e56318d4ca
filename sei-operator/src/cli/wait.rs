//! `wait`: until a live node is as it should be, or cannot become so by itself.

mod goal;

use std::io;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures::StreamExt;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::watcher;
use kube::runtime::watcher::{Config, Event};
use sei_planner::api::SeiNode;
use sei_planner::names::NodeKey;

use super::Exit;
use super::cluster::{self, Access, Cluster, NodeName, Trouble};
use super::simulate::schedule::seconds;
use super::standing::{Standing, standing};
use crate::output::{self, Paint};
use goal::{Goal, Verdict};

/// Wait until a node of a cluster is as it should be
///
/// Ends well as soon as the node is so, also when it is so already. What keeps it is told on stderr whenever that changes. Ends
/// badly when the time is up, when the node is deleted, and at once when it failed and nobody will try again by itself.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The node, as NAME or NAMESPACE/NAME
    #[arg(value_name = "NODE")]
    node: NodeName,

    /// What to wait for: phase=PHASE, plan=PHASE, or condition=TYPE[=STATUS]
    ///
    /// phase is one of Pending, Initializing, Running, Failed and Terminating; plan one of Active, Complete and Failed. A plan
    /// counts that is for the newest version of the spec; where an edit asks for none, the last one counts after ten seconds.
    /// STATUS of a condition is True when left out.
    #[arg(long = "for", value_name = "WHAT")]
    goal: Goal,

    /// Longest time to wait, as 30s, 10m or 1h30m
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = seconds)]
    timeout: i64,

    #[command(flatten)]
    access: Access,
}

const EXAMPLES: &str = "\
Examples:
  sei-operator wait sei/rpc-0 --for=phase=Running --timeout 1h
  kubectl apply -f node.yaml && sei-operator wait sei/rpc-0 --for=plan=Complete
  sei-operator wait rpc-0 -n sei --for=condition=SidecarReady
  sei-operator wait rpc-0 -n sei --for=condition=NodeUpdateInProgress=False

Exit codes:
  0  the node is as it should be
  1  it is not in time, or cannot become so by itself; stderr names the task that blocks, since when, and its last error";

/// Runs the command.
///
/// # Errors
/// When the system refuses what every process needs.
pub(super) fn run(args: &Args) -> io::Result<Exit> {
    cluster::run(wait(args))
}

async fn wait(args: &Args) -> Result<Exit, Trouble> {
    let cluster = args.access.connect().await?;
    let key = cluster.key(&args.node, &args.access)?;
    let mut waiting = Waiting { goal: &args.goal, key: &key, began: Instant::now(), told: String::new() };
    // What is wrong with a name or a permission is told at once; a watch would only try again.
    let node = cluster.node(&key).await?;
    if let Some(exit) = waiting.look(&node)? {
        return Ok(exit);
    }
    let limit = Duration::from_secs(u64::try_from(args.timeout).unwrap_or_default());
    match tokio::time::timeout(limit, waiting.follow(&cluster, node)).await {
        Ok(done) => done,
        Err(_) => Err(waiting.out_of_time(args.timeout)),
    }
}

/// A node that is waited for.
struct Waiting<'a> {
    goal: &'a Goal,
    key: &'a NodeKey,
    began: Instant,
    /// What was said last on what keeps it.
    told: String,
}

impl Waiting<'_> {
    /// Follows the node until there is a verdict.
    async fn follow(&mut self, cluster: &Cluster, mut node: SeiNode) -> Result<Exit, Trouble> {
        let config = Config::default().fields(&format!("metadata.name={}", self.key.name));
        let mut events = pin!(watcher(cluster.nodes(Some(&self.key.namespace)), config).default_backoff());
        let mut seen = false;
        // Some verdicts come with time alone.
        let mut again = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                _ = again.tick() => {}
                Some(event) = events.next() => match event {
                    Ok(Event::Init) => seen = false,
                    Ok(Event::InitApply(object) | Event::Apply(object)) => {
                        seen = true;
                        node = cluster::readable(&object)?;
                    }
                    Ok(Event::InitDone) if seen => {}
                    Ok(Event::InitDone | Event::Delete(_)) => return Err(self.gone()),
                    Err(error) => self.tell(&format!("the watch was interrupted, trying again: {}", sei_tasks::causes(&error))),
                },
            }
            if let Some(exit) = self.look(&node)? {
                return Ok(exit);
            }
        }
    }

    /// The verdict on the node as it is, if there is one.
    fn look(&mut self, node: &SeiNode) -> Result<Option<Exit>, Trouble> {
        match self.goal.judge(node, self.began.elapsed().as_secs()) {
            Verdict::Met(how) => {
                output::data(&format!("SeiNode {} {how}\n", self.key))?;
                Ok(Some(Exit::Done))
            }
            Verdict::NotYet => {
                let text = hindrance(node);
                self.tell(&text);
                Ok(None)
            }
            Verdict::Never(why) => {
                let what = format!("SeiNode {} will not be {} by itself: {why}", self.key, self.goal);
                Err(self.advised(what))
            }
        }
    }

    /// Says what keeps the node, once.
    fn tell(&mut self, text: &str) {
        if self.told != text {
            text.clone_into(&mut self.told);
            output::chatter(&format!("{} {} {text}\n", Paint::stderr().blue("waiting"), self.key));
        }
    }

    fn gone(&self) -> Trouble {
        Trouble::new(format!("SeiNode {} was deleted while it was waited for", self.key))
    }

    fn out_of_time(&self, seconds: i64) -> Trouble {
        let kept = if self.told.is_empty() { String::new() } else { format!(": {}", self.told) };
        let what = format!("SeiNode {} is not {} after {}{kept}", self.key, self.goal, super::age::length(seconds));
        self.advised(what)
    }

    fn advised(&self, what: String) -> Trouble {
        Trouble::new(what).help(format!("`sei-operator status {}` says what to do", self.key))
    }
}

/// What keeps the node, in a line.
fn hindrance(node: &SeiNode) -> String {
    match standing(Some(node)) {
        Standing::Up => "runs as its spec says".to_owned(),
        Standing::Gone => "is gone".to_owned(),
        Standing::OnItsWay(hindrance) => format!("is on its way: {hindrance}"),
        Standing::Stuck(hindrance) => format!("is stuck: {hindrance}"),
    }
}
