//! Why a cluster could not be asked, or did not do what was wanted, and what to do about it.

use std::time::Duration;

use sei_planner::api::KIND;
use sei_tasks::causes;

use crate::cli::program::as_called;
use crate::output::{self, Paint};

/// What installs the definition of our kind.
pub(in crate::cli) const INSTALL_DEFINITIONS: &str = "sei-operator crds | kubectl apply --server-side -f -";

/// One error for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Trouble {
    /// What went wrong.
    pub(in crate::cli) what: String,
    /// What to do, a line each.
    pub(in crate::cli) help: Vec<String>,
    /// Whether the object that was asked for is not there.
    pub(in crate::cli) is_absence: bool,
    /// Whether the user lacks a permission.
    pub(in crate::cli) is_forbidden: bool,
    /// Whether the cluster does not know what was asked about.
    pub(in crate::cli) is_unknown_kind: bool,
    /// Whether somebody else wrote in between.
    pub(in crate::cli) is_conflict: bool,
}

impl Trouble {
    pub(in crate::cli) fn new(what: impl Into<String>) -> Self {
        let what = what.into();
        let (is_absence, is_forbidden, is_unknown_kind, is_conflict) = (false, false, false, false);
        Self { what, help: Vec::new(), is_absence, is_forbidden, is_unknown_kind, is_conflict }
    }

    /// Adds a line on what to do.
    pub(in crate::cli) fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(as_called(text));
        self
    }

    /// What an error of the API server means, when `doing` could not be done.
    pub(in crate::cli) fn of(error: &kube::Error, doing: &str, url: &str) -> Self {
        let kube::Error::Api(status) = error else { return Self::without_an_answer(error, doing, url) };
        let message = &status.message;
        let named = status.details.as_ref().is_some_and(|details| !details.name.is_empty());
        match status.code {
            401 => Self::new(format!("cannot {doing}: {url} does not know who you are: {message}"))
                .help("log in again; `kubectl auth whoami` shows whom the cluster takes you for"),
            403 => Self {
                is_forbidden: true,
                ..Self::new(format!("cannot {doing}: {message}"))
                    .help("ask whoever grants roles in this cluster; `kubectl auth can-i --list` shows what you may do")
            },
            404 if named => Self { is_absence: true, ..Self::new(format!("cannot {doing}: {message}")) },
            404 => Self::unknown_kind(doing),
            409 => Self {
                is_conflict: true,
                ..Self::new(format!("cannot {doing}: {message}"))
                    .help("somebody else wrote at the same time: try again")
            },
            code => Self::new(format!("cannot {doing}: {url} answered {code}: {message}"))
                .help("try again; what keeps failing is told in the API server's log"),
        }
    }

    /// Nothing came back that the API server wrote.
    fn without_an_answer(error: &kube::Error, doing: &str, url: &str) -> Self {
        let why = words(error);
        if let kube::Error::Auth(_) = error {
            return Self::new(format!("cannot {doing}: nobody can log in as this kubeconfig says: {why}")).help(
                "is the login program of the kubeconfig installed (users[].user.exec)? `kubectl auth whoami` tries it",
            );
        }
        if let kube::Error::SerdeError(_) = error {
            return Self::new(format!("cannot {doing}: what {url} answers is not of an API server: {why}"))
                .help("is there a proxy, or a login page, between you and the cluster? `kubectl get --raw /version`");
        }
        Self::new(format!("cannot {doing}: no answer from {url}: {why}"))
            .help("is it the right cluster? `kubectl config current-context`, then `kubectl cluster-info`")
    }

    /// The cluster has no definition of our kind.
    pub(in crate::cli) fn unknown_kind(doing: &str) -> Self {
        let what = format!("cannot {doing}: the cluster does not know the kind {KIND}");
        Self { is_unknown_kind: true, ..Self::new(what) }
            .help(format!("install its definition: {INSTALL_DEFINITIONS}"))
            .help("or is it the wrong cluster? `kubectl config current-context`")
    }

    /// No answer in time.
    pub(in crate::cli) fn silent(doing: &str, url: &str, limit: Duration) -> Self {
        Self::new(format!("cannot {doing}: no answer from {url} within {} s", limit.as_secs()))
            .help("is it the right cluster? `kubectl cluster-info`; --request-timeout waits longer")
    }

    /// Tells it on stderr.
    pub(in crate::cli) fn say(&self) {
        output::chatter(&self.text(Paint::stderr()));
    }

    fn text(&self, paint: Paint) -> String {
        let help = self.help.iter().map(|line| format!("  {}: {line}\n", paint.blue("help")));
        format!("{}: {}\n{}", paint.red("error"), self.what, help.collect::<String>())
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::new(error.to_string())
    }
}

/// The words of an error without those of the layers that carried it.
fn words(error: &kube::Error) -> String {
    let text = causes(error);
    let bare = ["ServiceError: ", "HyperError: "].iter().find_map(|layer| text.strip_prefix(layer));
    bare.unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use kube::core::Status;
    use kube::core::response::StatusDetails;

    use super::*;

    fn told(code: u16, message: &str, name: &str) -> String {
        let name = name.to_owned();
        let (group, kind, uid) = (String::new(), String::new(), String::new());
        let details = StatusDetails { name, group, kind, uid, causes: Vec::new(), retry_after_seconds: 0 };
        let status = Status { details: Some(details), ..Status::failure(message, "Reason").with_code(code) };
        let error = kube::Error::Api(Box::new(status));
        Trouble::of(&error, "list SeiNodes", "https://cluster.example:6443/").text(Paint::PLAIN)
    }

    #[test]
    fn every_error_says_what_to_do() {
        let all = [
            told(401, "Unauthorized", ""),
            told(403, "seinodes.sei.io is forbidden: User \"eve\" cannot list resource \"seinodes\"", ""),
            told(404, "the server could not find the requested resource", ""),
            told(404, "seinodes.sei.io \"rpc-0\" not found", "rpc-0"),
            told(409, "the object has been modified", "rpc-0"),
            told(500, "etcd is gone", ""),
            Trouble::silent("list SeiNodes", "https://cluster.example:6443/", Duration::from_secs(30))
                .text(Paint::PLAIN),
        ];
        insta::assert_snapshot!(all.concat());
    }
}
