//! Whether what others provide can be used: keys, keyrings, certificates, imported claims. Bytes in, a verdict out.
//!
//! Nothing here reads the cluster: the caller gets the objects by name, as live as its decision needs them, and drops
//! the Secrets afterwards.
//!
//! **No message holds a byte of a Secret** (S6). Texts of parsers quote what they could not read, so none is passed on;
//! what is told is the name of the Secret, the data key, the rule that is broken and at most a line and a column. The one
//! thing that is told of contents is public by nature: the DNS names and the dates of a certificate.

mod certificate;
mod claim;
mod consensus_key;
mod ed25519;
mod keyring;
mod node_key;
mod pem;
mod private_key;
mod secret;
mod tls;

pub use certificate::certificate_says;
pub use claim::{imported_claim, imported_volume};
pub use consensus_key::{ConsensusKey, consensus_key};
pub use keyring::{KeyringRefs, operator_keyring};
pub use node_key::{NodeId, node_key};
pub use tls::{TlsVerdict, issued_tls_secret, served_certificate, tls_secret};

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<T> {
    /// The object can be used.
    Good(T),
    /// Not usable yet, and time may mend that: look again.
    NotYet(String),
    /// Not usable until somebody changes the object, or the reference to it.
    Bad(String),
}

/// Why a check ended early; the same distinction as in [`Verdict`], for `?`.
enum Flaw {
    NotYet(String),
    Bad(String),
}

impl<T> From<Result<T, Flaw>> for Verdict<T> {
    fn from(result: Result<T, Flaw>) -> Self {
        match result {
            Ok(found) => Self::Good(found),
            Err(Flaw::NotYet(message)) => Self::NotYet(message),
            Err(Flaw::Bad(message)) => Self::Bad(message),
        }
    }
}

/// `Err(Bad)` with this message.
fn bad<T>(message: impl Into<String>) -> Result<T, Flaw> {
    Err(Flaw::Bad(message.into()))
}

/// `Err(NotYet)` with this message.
fn not_yet<T>(message: impl Into<String>) -> Result<T, Flaw> {
    Err(Flaw::NotYet(message.into()))
}
