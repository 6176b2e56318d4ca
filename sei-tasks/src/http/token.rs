//! The token by which a sidecar's proxy knows who calls: a projected file that the kubelet renews. It is never shown.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The file is read again after this long; the kubelet renews it well before it expires.
const FRESH: Duration = Duration::from_secs(50);

/// A file with a bearer token.
pub(super) struct TokenFile {
    path: PathBuf,
    known: Mutex<Option<Token>>,
}

#[derive(Clone)]
struct Token {
    text: String,
    read_at: Instant,
}

impl TokenFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, known: Mutex::default() }
    }

    /// The token: the one that was read last while it is fresh, or while the file cannot be read.
    pub(super) fn token(&self) -> Result<String, String> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(token) = known.as_ref().filter(|token| token.read_at.elapsed() < FRESH) {
            return Ok(token.text.clone());
        }
        match self.read() {
            Ok(text) => {
                self.keep(Some(Token { text: text.clone(), read_at: Instant::now() }));
                Ok(text)
            }
            Err(why) => known.map(|token| token.text).ok_or(why),
        }
    }

    /// Forgets a token that was not accepted.
    pub(super) fn forget(&self) {
        self.keep(None);
    }

    fn keep(&self, token: Option<Token>) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = token;
    }

    fn read(&self) -> Result<String, String> {
        let path = self.path.display();
        let text = std::fs::read_to_string(&self.path).map_err(|error| format!("token file {path}: {error}"))?;
        match text.trim() {
            "" => Err(format!("token file {path} is empty")),
            token => Ok(token.to_owned()),
        }
    }
}
