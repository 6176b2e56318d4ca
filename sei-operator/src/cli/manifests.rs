//! `manifests`: what installs the operator in a cluster.

use std::io;
use std::path::PathBuf;

use super::{Exit, Structured, platform};
use crate::install::{Installation, Scope};
use crate::output;

/// Print the manifests that install the operator in a cluster
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Image of the operator
    #[arg(long, value_name = "IMAGE")]
    image: String,

    /// File of KEY=VALUE lines with the platform settings; `sei-operator plan --help` lists them
    #[arg(long, value_name = "FILE")]
    platform: PathBuf,

    /// Namespace of the operator
    #[arg(long, short, value_name = "NAME", default_value = "sei-system")]
    namespace: String,

    /// Watch this namespace only; every namespace when left out
    ///
    /// The operator then gets a Role there in the place of a ClusterRole, but for persistent volumes, which have no
    /// namespace.
    #[arg(long, value_name = "NAME")]
    watch_namespace: Option<String>,

    /// Pods of the operator: one leads, the others take over within seconds
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..))]
    replicas: u8,

    /// With a ServiceMonitor, a PrometheusRule and a dashboard for Grafana; needs the definitions of the Prometheus operator
    #[arg(long)]
    monitoring: bool,

    /// With a NetworkPolicy that lets in what scrapes metrics and asks the probes
    #[arg(long)]
    network_policy: bool,

    /// How to print them
    #[arg(short = 'o', long, value_enum, default_value_t = Structured::Yaml)]
    output: Structured,
}

const EXAMPLES: &str = "\
Examples:
  sei-operator manifests --image IMAGE --platform prod.env | kubectl apply --server-side -f -     Install, or upgrade
  sei-operator manifests --image IMAGE --platform prod.env | kubectl diff --server-side -f -      What that would change
  sei-operator manifests --image IMAGE --platform dev.env --watch-namespace nodes                 For one namespace

Namespace, CustomResourceDefinitions, ServiceAccount, roles, settings, Service, Deployment and PodDisruptionBudget, in the
order in which they are applied; the operator's pods are replaced when the settings change. With -o json they are the items of one List.";

/// Runs the command.
///
/// # Errors
/// When the output cannot be written.
pub(super) fn run(args: Args) -> io::Result<Exit> {
    let Some(settings) = platform::settings(&args.platform) else { return Ok(Exit::Error) };
    let Args { image, namespace, watch_namespace, replicas, monitoring, network_policy, .. } = args;
    let scope = watch_namespace.map_or(Scope::Cluster, Scope::Namespace);
    let installation = Installation { namespace, image, replicas, scope, settings, monitoring, network_policy };
    let manifests = installation.manifests()?;
    output::data(&args.output.objects(&manifests)?)?;
    Ok(Exit::Done)
}
