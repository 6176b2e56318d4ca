//! Who of several operators acts: the election, as flags and as a part of the process's life.

use std::convert::Infallible;
use std::time::Duration;

use clap::Args;
use kube::Client;
use sei_tasks::kube::KubeLeases;
use sei_tasks::leader::{Elector, Fence, LEASE_NAME, Lost, SystemTimer, Timer};
use sei_tasks::world::{Kind, ObjectId};
use tokio::sync::watch;

/// Longest time that a process that stops spends on letting go of the Lease.
const RELEASE_DEADLINE: Duration = Duration::from_secs(5);

/// Flags of the election.
#[derive(Args, Debug)]
pub(crate) struct ElectionArgs {
    /// Act only while holding the Lease bc1f5b0a.sei.io, so that of several operators one acts at a time. Without it
    /// (--leader-elect=false) nothing keeps two from acting at once: for local use.
    #[arg(
        long,
        value_name = "BOOL",
        default_value_t = true,
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    leader_elect: bool,
    /// Namespace of that Lease: the operator's own ($POD_NAMESPACE, else that of the pod or of the kubeconfig's context) when
    /// left out.
    #[arg(long, value_name = "NAME")]
    leader_elect_namespace: Option<String>,
}

/// This process's part in the election.
pub(super) struct Election {
    /// Absent where there is none.
    elector: Option<Elector<KubeLeases, SystemTimer>>,
    begun: watch::Sender<bool>,
}

/// What the rest of the process knows of it.
#[derive(Clone)]
pub(super) struct Leadership {
    pub(super) fence: Fence,
    /// Whether there is an election.
    elected: bool,
    begun: watch::Receiver<bool>,
}

/// A name that no other process has, neither beside this one nor before it: the pod's name stays the same when its container
/// starts again, so it is not enough.
pub(super) fn identity() -> String {
    let pod = std::env::var("POD_NAME").ok().filter(|name| !name.is_empty());
    let name = pod.unwrap_or_else(|| {
        let host = std::env::var("HOSTNAME").ok().or_else(|| std::fs::read_to_string("/etc/hostname").ok());
        let host = host.map(|host| host.trim().to_owned()).filter(|host| !host.is_empty());
        format!("{}-{}", host.as_deref().unwrap_or("sei-operator"), std::process::id())
    });
    let random = uuid::Uuid::new_v4().simple().to_string();
    format!("{name}_{}", random.get(..8).unwrap_or(&random))
}

impl Election {
    /// A candidate of this name; or, where the flags say so, a process that leads without an election.
    pub(super) fn new(args: &ElectionArgs, client: &Client, identity: &str) -> (Self, Leadership) {
        let (begun, told) = watch::channel(!args.leader_elect);
        if !args.leader_elect {
            tracing::warn!("no leader election: nothing keeps another operator from acting at the same time");
            return (Self { elector: None, begun }, Leadership { fence: Fence::open(), elected: false, begun: told });
        }
        let own = || std::env::var("POD_NAMESPACE").ok().filter(|name| !name.is_empty());
        let namespace = args.leader_elect_namespace.clone().or_else(own);
        let namespace = namespace.unwrap_or_else(|| client.default_namespace().to_owned());
        let id = ObjectId::new(Kind::Lease, namespace, LEASE_NAME);
        let timer = SystemTimer::start();
        let fence = Fence::closed(move || timer.elapsed());
        tracing::info!(lease = LEASE_NAME, namespace = id.namespace, identity, "leader election");
        let leases = KubeLeases::new(client.clone(), &id);
        let elector = Elector::new(leases, timer, fence.clone(), id, identity);
        (Self { elector: Some(elector), begun }, Leadership { fence, elected: true, begun: told })
    }

    /// Takes part until the leadership is lost: then this process must end, because what it remembers is another's past.
    pub(super) async fn takes_its_course(&mut self) -> Result<Infallible, Lost> {
        let Some(elector) = &mut self.elector else { return std::future::pending().await };
        elector.acquire().await;
        self.begun.send_replace(true);
        let lost = elector.renew().await;
        tracing::error!(why = %lost, "leader election: leadership lost");
        Err(lost)
    }

    /// Lets the next process lead at once. Called when nothing of this one is under way any more.
    pub(super) async fn release(&mut self) {
        let Some(elector) = &mut self.elector else { return };
        let released = tokio::time::timeout(RELEASE_DEADLINE, elector.release()).await;
        let why = match released {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} s", RELEASE_DEADLINE.as_secs()),
        };
        tracing::warn!(why, "the Lease is not released: others wait until it expires");
    }
}

impl Leadership {
    /// Ends once this process leads, or led.
    pub(super) async fn begun(&self) {
        let mut begun = self.begun.clone();
        if begun.wait_for(|begun| *begun).await.is_err() {
            // The process is stopping.
            std::future::pending::<()>().await;
        }
    }

    /// Whether no other process can have led before: there is no election.
    pub(super) fn is_undisputed(&self) -> bool {
        !self.elected
    }

    /// Whether this process leads, or led.
    pub(super) fn has_begun(&self) -> bool {
        *self.begun.borrow()
    }
}
