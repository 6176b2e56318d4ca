//! What the commands share that ask a live cluster: kubectl's flags, the client behind them, and what is said when the
//! cluster does not answer. Nothing here decides anything about a node.

mod read;
mod trouble;

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use kube::{Client, Config};
use sei_planner::api::Time;
use sei_planner::names::NodeKey;

use super::Exit;
use super::simulate::schedule::seconds;
use crate::kubeconfig;
pub(super) use read::{installed_in, pods_of, readable, seinode};
pub(super) use trouble::{INSTALL_DEFINITIONS, Trouble};

/// Namespace of the operator where `manifests` puts it.
pub(super) const OPERATOR_NAMESPACE: &str = "sei-system";
/// Who writes what these commands write.
pub(super) const FIELD_MANAGER: &str = "sei-operator-cli";

/// Which cluster, and as whom: kubectl's flags.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Cluster")]
pub(super) struct Access {
    /// Namespace of nodes that are named without one; that of the kubeconfig's context when left out
    #[arg(long, short, value_name = "NAME")]
    pub(super) namespace: Option<String>,

    /// Context of the kubeconfig; the current one when left out
    #[arg(long, value_name = "NAME")]
    context: Option<String>,

    /// Kubeconfig file; $KUBECONFIG or ~/.kube/config when left out, else the pod this runs in
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// User to act as, for example system:serviceaccount:sei-system:sei-operator
    #[arg(long = "as", value_name = "USER")]
    act_as: Option<String>,

    /// Longest time to wait for an answer of the API server
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    request_timeout: Option<i64>,
}

/// One node of a cluster.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Target {
    /// The node, as NAME or NAMESPACE/NAME
    #[arg(value_name = "NODE")]
    node: NodeName,

    #[command(flatten)]
    access: Access,
}

impl Target {
    /// A client of its cluster, and the node's name there.
    pub(super) async fn connect(&self) -> Result<(Cluster, NodeKey), Trouble> {
        let cluster = self.access.connect().await?;
        let key = cluster.key(&self.node, &self.access)?;
        Ok((cluster, key))
    }
}

/// Seconds that an answer may take when nobody says otherwise.
const REQUEST_SECONDS: i64 = 30;

impl Access {
    /// Whether any of these flags was given.
    pub(super) fn is_given(&self) -> bool {
        self.namespace.is_some()
            || self.context.is_some()
            || self.kubeconfig.is_some()
            || self.act_as.is_some()
            || self.request_timeout.is_some()
    }

    /// A client for the cluster that is meant. Nothing is asked yet.
    ///
    /// # Errors
    /// When no cluster is meant, or its configuration is unusable.
    pub(super) async fn connect(&self) -> Result<Cluster, Trouble> {
        let config = kubeconfig::config(self.kubeconfig.as_deref(), self.context.as_deref()).await;
        let mut config: Config = config.map_err(|why| {
            Trouble::new(format!("no cluster to talk to: {why}"))
                .help("name a kubeconfig with --kubeconfig FILE or in $KUBECONFIG; `kubectl config get-contexts` lists its contexts")
        })?;
        if self.act_as.is_some() {
            config.auth_info.impersonate.clone_from(&self.act_as);
        }
        let url = config.cluster_url.to_string();
        let unusable = |error: kube::Error| Trouble::of(&error, "use the kubeconfig", &url);
        let client = Client::try_from(config).map_err(unusable)?;
        let namespace = self.namespace.clone().unwrap_or_else(|| client.default_namespace().to_owned());
        let limit = self.request_timeout.unwrap_or(REQUEST_SECONDS);
        let limit = Duration::from_secs(u64::try_from(limit).unwrap_or_default().max(1));
        Ok(Cluster { client, url, namespace, limit })
    }
}

/// A cluster that can be asked.
#[derive(Clone)]
pub(super) struct Cluster {
    pub(super) client: Client,
    /// Address of its API server.
    pub(super) url: String,
    /// Namespace of what is named without one.
    pub(super) namespace: String,
    /// Longest time until an answer.
    limit: Duration,
}

impl Cluster {
    /// The node that a name means.
    ///
    /// # Errors
    /// When the name and `--namespace` contradict each other.
    pub(super) fn key(&self, name: &NodeName, access: &Access) -> Result<NodeKey, Trouble> {
        match (&name.namespace, &access.namespace) {
            (Some(own), Some(flag)) if own != flag => {
                let what = format!("{name} is in namespace {own}, and --namespace says {flag}");
                Err(Trouble::new(what).help("leave one of the two out"))
            }
            (Some(own), _) => Ok(NodeKey::new(own, &name.name)),
            (None, _) => Ok(NodeKey::new(&self.namespace, &name.name)),
        }
    }

    /// The answer to a request, in time. `doing` says what it is for, as in "cannot …".
    pub(super) async fn ask<T>(
        &self,
        doing: &str,
        request: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, Trouble> {
        match tokio::time::timeout(self.limit, request).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(Trouble::of(&error, doing, &self.url)),
            Err(_) => Err(Trouble::silent(doing, &self.url, self.limit)),
        }
    }
}

/// `NAME` or `NAMESPACE/NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NodeName {
    pub(super) namespace: Option<String>,
    pub(super) name: String,
}

impl FromStr for NodeName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split('/').collect();
        let (namespace, name) = match parts.as_slice() {
            [name] => (None, *name),
            [namespace, name] => (Some(*namespace), *name),
            _ => return Err("write NAME or NAMESPACE/NAME".to_owned()),
        };
        if name.is_empty() || namespace == Some("") {
            return Err("write NAME or NAMESPACE/NAME".to_owned());
        }
        Ok(Self { namespace: namespace.map(str::to_owned), name: name.to_owned() })
    }
}

impl std::fmt::Display for NodeName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        f.write_str(&self.name)
    }
}

/// Now, with the precision of the API server.
pub(super) fn now() -> Time {
    Time::at(jiff::Timestamp::now())
}

/// Runs what a command does with a cluster, and says on stderr why it could not.
///
/// # Errors
/// When the system refuses what every process needs.
pub(super) fn run(work: impl Future<Output = Result<Exit, Trouble>>) -> std::io::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(work);
    // A request that is never answered must not keep the process.
    runtime.shutdown_background();
    Ok(done.unwrap_or_else(|trouble| {
        trouble.say();
        Exit::Error
    }))
}

#[cfg(test)]
mod tests {
    use super::NodeName;

    #[test]
    fn nodes_are_named_with_and_without_a_namespace() {
        let name = |text: &str| text.parse::<NodeName>().map(|name| (name.namespace, name.name));
        assert_eq!(name("rpc-0"), Ok((None, "rpc-0".to_owned())));
        assert_eq!(name("sei/rpc-0"), Ok((Some("sei".to_owned()), "rpc-0".to_owned())));
        for odd in ["", "/", "sei/", "/rpc-0", "a/b/c"] {
            assert!(name(odd).is_err(), "{odd}");
        }
    }
}
