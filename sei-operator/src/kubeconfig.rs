//! Which cluster is meant: that of a kubeconfig, or the one this process runs in. The same for the operator and for the
//! commands of people.

use std::path::Path;

use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};

/// The cluster of `file`, else of `$KUBECONFIG` or `~/.kube/config`, else of the pod this runs in.
///
/// # Errors
/// Why there is no usable one, in a sentence.
pub(crate) async fn config(file: Option<&Path>, context: Option<&str>) -> Result<Config, String> {
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    if let Some(file) = file {
        let kubeconfig = Kubeconfig::read_from(file).map_err(|error| format!("{}: {error}", file.display()))?;
        return Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| error.to_string());
    }
    if context.is_some() {
        return Config::from_kubeconfig(&options).await.map_err(|error| error.to_string());
    }
    match Config::infer().await {
        Ok(config) => Ok(config),
        // Its own words tell of both places at once, and of every layer between.
        Err(both) => match Config::from_kubeconfig(&options).await {
            Ok(_) => Err(both.to_string()),
            Err(why) => Err(format!("{why}; and this is no pod of a cluster")),
        },
    }
}
