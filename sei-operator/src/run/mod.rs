//! `sei-operator run`: watches SeiNodes and what belongs to them, and reconciles each when something changed. Of several
//! processes one leads; the others keep their watches warm and reconcile nothing.

mod address;
mod admin;
pub(crate) mod definitions;
mod election;
mod heart;
pub(crate) mod journal;
pub(crate) mod metrics;
mod packed;
#[cfg_attr(not(feature = "otlp"), path = "untraced.rs")]
mod traces;
mod views;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Args;
use futures::{FutureExt, StreamExt};
use http::Uri;
use kube::Client;
use kube::core::DynamicObject;
use kube::runtime::controller::{Action, Config as ControllerConfig};
use sei_planner::api::Time;
use sei_planner::names::NodeKey;
use sei_planner::platform::Platform;
use sei_tasks::http::{HttpSidecar, TOKEN_FILE};
use sei_tasks::kube::KubeCluster;
use sei_tasks::leader::{Fenced, Lost};
use sei_tasks::reconcile::reconcile_node;
use sei_tasks::record::Recorder;
use sei_tasks::world::{Clock, ClusterError, LookAgain, World};
use sei_tasks::{Memory, causes};
use thiserror::Error;
use tokio::sync::OnceCell;

use self::admin::{AdminArgs, CannotListen, Listeners, Probes};
use self::election::{Election, ElectionArgs, Leadership};
use self::heart::Heart;
use self::journal::{Journal, LogFormat};
use self::metrics::Metrics;
use self::traces::{CannotTrace, Traces};
use self::views::WatchedViews;
use crate::kubeconfig;

/// First pause after a reconcile that failed, doubled with each further one.
const BACKOFF_SECONDS: u64 = 5;
/// Longest pause after a reconcile that failed.
const BACKOFF_SECONDS_MAX: u64 = 60;

/// Longest time from a signal to the end of the process; below what Kubernetes grants a pod.
const STOP_SECONDS_MAX: u64 = 20;

/// Runs the operator against a cluster until SIGTERM or Ctrl-C.
#[derive(Args, Debug)]
#[command(
    after_help = "The cluster comes from --kubeconfig, else $KUBECONFIG or ~/.kube/config, else the pod this runs in.\n\
    The platform settings come from --platform, else from the environment (SEI_*).\n\n\
    Examples:\n  sei-operator run --platform platform.env\n  sei-operator run --kubeconfig ~/.kube/dev --namespace nodes"
)]
pub(crate) struct RunArgs {
    /// Kubeconfig file.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Watch this namespace only.
    #[arg(long, short, value_name = "NAME")]
    namespace: Option<String>,
    /// File of KEY=VALUE lines with the platform settings.
    #[arg(long, value_name = "FILE")]
    pub(crate) platform: Option<PathBuf>,
    /// Nodes reconciled at the same time.
    #[arg(long, value_name = "N", default_value_t = 8)]
    workers: u16,
    /// Send every sidecar call here, with the node's own address in the Host header: for a port-forward, or a played fleet
    ///
    /// What stands at an http address speaks for every node, without TLS. An https address must present the certificate of the
    /// node that is called.
    #[arg(long, value_name = "URL")]
    sidecar_via: Option<Uri>,
    /// File with the token that TLS proxies of sidecars are shown.
    #[arg(long, value_name = "FILE", default_value = TOKEN_FILE)]
    sidecar_token: PathBuf,
    /// Namespace of the Leases that say which node holds which consensus key: the same for every operator of a cluster, and
    /// for ever. The operator's own ($POD_NAMESPACE) when left out, else "default".
    #[arg(long, value_name = "NAME")]
    lease_namespace: Option<String>,
    #[command(flatten)]
    election: ElectionArgs,
    #[command(flatten)]
    admin: AdminArgs,
    /// Send plans as traces to an OpenTelemetry collector: the base URL of OTLP over HTTP, http://otel-collector.monitoring:4318
    ///
    /// A plan is a trace, and each of its tasks a span; they are sent when the plan is over. $OTEL_EXPORTER_OTLP_ENDPOINT when left
    /// out, else nothing is sent. The other variables of OpenTelemetry's exporters and resources hold as well. Needs a build with the feature `otlp`.
    #[arg(long, value_name = "URL")]
    otlp_endpoint: Option<Uri>,
    /// Form of the log on stderr: lines for people on a terminal, and JSON elsewhere, when left out
    ///
    /// One line a transition of a node: its phase, the start and the end of a plan, a failed task, a condition. A
    /// reconcile that changes nothing says nothing. `RUST_LOG=debug` tells more.
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
}

/// Why the operator could not run.
#[derive(Debug, Error)]
pub(crate) enum RunError {
    /// No usable cluster configuration.
    #[error("no usable kubeconfig: {0}")]
    Kubeconfig(String),
    /// The client could not be made.
    #[error("cannot talk to the cluster: {0}")]
    Client(#[from] kube::Error),
    /// The system refuses what every process needs: signals, a thread.
    #[error("cannot start: {0}")]
    Process(#[from] std::io::Error),
    /// An address of the admin server cannot be listened on.
    #[error(transparent)]
    Admin(#[from] CannotListen),
    /// The cluster's definition of SeiNodes does not fit.
    #[error(transparent)]
    Definitions(#[from] definitions::Unfit),
    /// Traces cannot be sent.
    #[error(transparent)]
    Traces(#[from] CannotTrace),
    /// The address of `--sidecar-via` has no host.
    #[error("--sidecar-via {0}: write a URL such as http://127.0.0.1:7777")]
    SidecarVia(Uri),
    /// Another process may act now. This one must not act again: its next start is a fresh candidate.
    #[error("leadership lost: {0}; this process stops acting and ends, to start again as a candidate")]
    LeadershipLost(#[from] Lost),
}

/// Wall clock and random ids.
struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Time {
        Time::at(jiff::Timestamp::now())
    }

    fn fresh_plan_id(&self) -> String {
        uuid::Uuid::new_v4().to_string()
    }
}

/// What every reconcile shares.
struct Shared {
    world: World<Fenced<KubeCluster<WatchedViews>>, Fenced<HttpSidecar>, SystemClock>,
    views: WatchedViews,
    metrics: Metrics,
    leadership: Leadership,
    /// Set once this process, which leads now, knows what the one before it wrote last.
    caught_up: OnceCell<()>,
    namespace: Option<String>,
    failures: Mutex<BTreeMap<NodeKey, u32>>,
}

/// Runs the operator until a signal asks it to stop; what is under way is finished first.
///
/// # Errors
/// When there is no cluster to talk to, and when another process may lead now.
pub(crate) async fn run(args: RunArgs, platform: Platform) -> Result<(), RunError> {
    if let Some(via) = args.sidecar_via.as_ref().filter(|via| via.authority().is_none()) {
        return Err(RunError::SidecarVia(via.clone()));
    }
    let traces = traces::start(args.otlp_endpoint.as_ref())?;
    let listeners = Listeners::bind(&args.admin)?;
    let config = kubeconfig::config(args.kubeconfig.as_deref(), args.context.as_deref()).await;
    let client = Client::try_from(config.map_err(RunError::Kubeconfig)?)?;
    let (views, streams) = watch::watches(&client, args.namespace.as_deref());
    let identity = election::identity();
    let (mut election, leadership) = Election::new(&args.election, &client, &identity);
    let fenced = leadership.fence.clone();
    let metrics = Metrics::new(views.nodes.clone());
    let watched = views.clone();
    listeners.serve(metrics.clone(), Probes::new(Heart::beating(), move || watched.unsynced()))?;
    let stop = stop_signal()?.shared();
    tokio::select! {
        fit = definitions::wait_for(&client) => fit?,
        () = stop.clone() => {
            tracing::info!("operator stopped");
            return Ok(());
        }
    }
    let world = World {
        cluster: Fenced::new(KubeCluster::new(client, views.clone(), identity), fenced.clone()),
        sidecar: Fenced::new(HttpSidecar::new(args.sidecar_via, args.sidecar_token), fenced),
        clock: SystemClock,
        platform,
        keys_namespace: keys_namespace(args.lease_namespace),
        memory: Memory::default(),
        recorder: Arc::new(recorders(&metrics, traces.as_ref())),
    };
    tracing::info!(workers = args.workers, namespace = args.namespace.as_deref().unwrap_or("*"), "operator started");
    let shared = Arc::new(Shared {
        world,
        views,
        metrics,
        caught_up: OnceCell::new_with(leadership.is_undisputed().then_some(())),
        leadership,
        namespace: args.namespace,
        failures: Mutex::default(),
    });
    let out_of_patience = patience(stop.clone(), shared.clone());
    let controller = streams
        .controller()
        .with_config(ControllerConfig::default().concurrency(args.workers.max(1)))
        .graceful_shutdown_on(stop)
        .run(reconcile, after_error, shared)
        .for_each(|result| async move {
            if let Err(kube::runtime::controller::Error::QueueError(error)) = result {
                tracing::warn!(error = causes(&error), "watch interrupted");
            }
        });
    let ended = tokio::select! {
        () = controller => {
            election.release().await;
            Ok(())
        }
        unfinished = out_of_patience => {
            match unfinished {
                // The Lease is left to expire.
                true => tracing::warn!("stopped before everything was finished; the next start goes on from there"),
                false => election.release().await,
            }
            Ok(())
        }
        Err(lost) = election.takes_its_course() => Err(lost),
    };
    if let Some(traces) = traces {
        traces.flush().await;
    }
    ended?;
    tracing::info!("operator stopped");
    Ok(())
}

/// Everybody who is told what happens to nodes.
fn recorders(metrics: &Metrics, traces: Option<&Arc<Traces>>) -> Vec<Arc<dyn Recorder>> {
    let mut all: Vec<Arc<dyn Recorder>> = vec![Arc::new(Journal), Arc::new(metrics.clone())];
    all.extend(traces.map(|traces| traces.clone() as Arc<dyn Recorder>));
    all
}

/// The variable that tells OpenTelemetry's exporters where to send everything, or where to send traces, if one does.
fn endpoint_of_environment() -> Option<&'static str> {
    let names = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
    names.into_iter().find(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

fn keys_namespace(asked_for: Option<String>) -> String {
    let own = || std::env::var("POD_NAMESPACE").ok();
    asked_for.or_else(own).filter(|name| !name.is_empty()).unwrap_or_else(|| "default".to_owned())
}

/// Ends some seconds after `stop`; at once while nothing can be under way, because reconciles that wait for the watches or for the
/// leadership would wait for ever. Whether something may be under way still.
async fn patience(stop: impl Future<Output = ()>, shared: Arc<Shared>) -> bool {
    stop.await;
    let at_work = shared.leadership.has_begun() && shared.views.are_synced();
    if at_work {
        tokio::time::sleep(Duration::from_secs(STOP_SECONDS_MAX)).await;
    }
    at_work
}

async fn reconcile(object: Arc<DynamicObject>, shared: Arc<Shared>) -> Result<Action, ClusterError> {
    shared.may_begin().await?;
    let key = NodeKey::of(&*object);
    let look_again = reconcile_node(&shared.world, &key).await?;
    shared.with_failures(|failures| failures.remove(&key));
    tracing::debug!(node = %key, again = ?look_again.at, "reconciled");
    Ok(action(look_again, shared.world.clock.now()))
}

/// Errors of one node back off on their own and stop nobody else.
fn after_error(object: Arc<DynamicObject>, error: &ClusterError, shared: Arc<Shared>) -> Action {
    let key = NodeKey::of(&*object);
    if *error == ClusterError::NotLeading {
        tracing::info!(node = %key, "reconcile stopped: this process leads no more");
        return Action::await_change();
    }
    shared.metrics.reconcile_failed(&key, error);
    let failures = shared.with_failures(|all| {
        let count = all.entry(key.clone()).or_default();
        *count = count.saturating_add(1);
        *count
    });
    let conflict = matches!(error, ClusterError::Conflict(_));
    let pause = match conflict {
        // Somebody wrote in between: the watch brings the newer version within moments.
        true if failures == 1 => Duration::from_millis(500),
        true | false => Duration::from_secs((BACKOFF_SECONDS << (failures - 1).min(6)).min(BACKOFF_SECONDS_MAX)),
    };
    tracing::warn!(node = %key, %error, pause_seconds = pause.as_secs(), "reconcile failed");
    Action::requeue(pause)
}

impl Shared {
    /// Ends once a reconcile has what it needs: watches that have shown all there is, the leadership, and the last writes of the
    /// process that led before.
    async fn may_begin(&self) -> Result<(), ClusterError> {
        self.views.synced().await;
        self.leadership.begun().await;
        self.metrics.leads();
        let catch_up = || self.world.cluster.behind().catch_up(self.namespace.as_deref());
        self.caught_up.get_or_try_init(catch_up).await.map(drop)
    }

    fn with_failures<T>(&self, act: impl FnOnce(&mut BTreeMap<NodeKey, u32>) -> T) -> T {
        act(&mut self.failures.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn action(look_again: LookAgain, now: Time) -> Action {
    match look_again.at {
        None => Action::await_change(),
        Some(at) => Action::requeue(Duration::from_secs(u64::try_from(at.seconds_since(now)).unwrap_or(0))),
    }
}

fn stop_signal() -> std::io::Result<impl Future<Output = ()> + Send + Sync + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: what is under way is finished first");
    })
}
