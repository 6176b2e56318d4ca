//! What an answer of a sidecar means, whatever bytes it consists of. Nothing of it becomes longer than a status can bear.

use std::borrow::Cow;

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::world::{ChainHead, SidecarError, TaskReport, TaskState};

/// How much of an unexpected answer is shown, in characters.
const SHOWN_CHARS: usize = 200;
/// How much of a sidecar's own words is kept, in characters. They end in the status of the node, several times, and the API
/// server refuses conditions with more than 32768.
const WORDS_CHARS: usize = 4096;

/// An answer that was read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub code: StatusCode,
    /// Body.
    pub body: Bytes,
}

#[derive(Deserialize)]
struct TaskResult {
    status: String,
    #[serde(default)]
    error: String,
}

/// `/status` of CometBFT, which wraps it as a JSON-RPC result, or of Sei, which does not.
#[derive(Deserialize)]
struct RpcStatus {
    sync_info: Option<SyncInfo>,
    result: Option<RpcResult>,
}

#[derive(Deserialize)]
struct RpcResult {
    sync_info: Option<SyncInfo>,
}

#[derive(Deserialize)]
struct SyncInfo {
    latest_block_height: String,
    catching_up: bool,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: String,
}

impl Reply {
    /// As the answer to a task that was posted.
    ///
    /// # Errors
    /// When the task was refused, or the answer makes no sense.
    pub fn submitted(&self) -> Result<(), SidecarError> {
        match self.code {
            StatusCode::CREATED | StatusCode::ACCEPTED => Ok(()),
            StatusCode::BAD_REQUEST => {
                let said = self.json::<ErrorBody>().map_or_else(|| self.shown(), |body| kept(&body.error));
                Err(SidecarError::Refused(said))
            }
            _ => Err(self.unexpected()),
        }
    }

    /// As the answer to the question how a task is doing; `None` when the sidecar does not know it.
    ///
    /// # Errors
    /// When the answer makes no sense.
    pub fn task(&self) -> Result<Option<TaskReport>, SidecarError> {
        match self.code {
            StatusCode::OK => self.report().map(Some).ok_or_else(|| self.unexpected()),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(self.unexpected()),
        }
    }

    /// As the answer to the question whether the sidecar is ready.
    ///
    /// # Errors
    /// When the answer is neither yes nor no.
    pub fn healthy(&self) -> Result<bool, SidecarError> {
        match self.code {
            StatusCode::OK => Ok(true),
            StatusCode::SERVICE_UNAVAILABLE => Ok(false),
            _ => Err(self.unexpected()),
        }
    }

    /// As the answer of seid's RPC to the question where it stands in its chain.
    ///
    /// # Errors
    /// When the answer makes no sense.
    pub fn chain(&self) -> Result<ChainHead, SidecarError> {
        let said = (self.code == StatusCode::OK).then(|| self.json::<RpcStatus>()).flatten();
        let sync = said.and_then(|said| said.sync_info.or(said.result.and_then(|result| result.sync_info)));
        let height = sync.as_ref().and_then(|sync| sync.latest_block_height.parse().ok());
        match (sync, height) {
            (Some(sync), Some(height)) => Ok(ChainHead { height, catching_up: sync.catching_up }),
            (Some(_) | None, _) => Err(self.unexpected()),
        }
    }

    fn report(&self) -> Option<TaskReport> {
        let result: TaskResult = self.json()?;
        let state = match result.status.as_str() {
            "completed" => TaskState::Completed,
            "failed" => TaskState::Failed,
            "running" => TaskState::Running,
            _ => return None,
        };
        Some(TaskReport { state, error: kept(&result.error) })
    }

    fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(&self.text()).ok()
    }

    fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    fn unexpected(&self) -> SidecarError {
        SidecarError::Unexpected { code: self.code.as_u16(), body: self.shown() }
    }

    fn shown(&self) -> String {
        self.text().trim().chars().take(SHOWN_CHARS).collect()
    }
}

/// The beginning of what a sidecar says, and that it goes on.
fn kept(words: &str) -> String {
    match words.char_indices().nth(WORDS_CHARS) {
        Some((end, _)) => format!("{}… ({} bytes in all)", &words[..end], words.len()),
        None => words.to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn reply(code: StatusCode, error: &str) -> Reply {
        let body = serde_json::json!({ "status": "failed", "error": error }).to_string();
        Reply { code, body: body.into() }
    }

    #[test]
    fn endless_words_end_where_a_status_can_bear_them() {
        let endless = "ä".repeat(500_000);
        let report = reply(StatusCode::OK, &endless).task().unwrap().unwrap();
        assert_eq!(report.error.chars().filter(|c| *c == 'ä').count(), WORDS_CHARS);
        assert!(report.error.ends_with("… (1000000 bytes in all)"));
        let refused = reply(StatusCode::BAD_REQUEST, &endless).submitted().unwrap_err();
        assert_eq!(refused, SidecarError::Refused(report.error));
    }

    #[test]
    fn words_that_fit_are_kept_as_they_are() {
        let words = "x".repeat(WORDS_CHARS);
        assert_eq!(reply(StatusCode::OK, &words).task().unwrap().unwrap().error, words);
    }
}
