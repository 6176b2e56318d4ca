//! What an answer of a sidecar means, whatever bytes it consists of. Nothing of it becomes longer than a status can bear.

use std::borrow::Cow;
use std::collections::BTreeSet;

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

/// What an RPC answers: CometBFT wraps it as a JSON-RPC result, Sei does not.
#[derive(Deserialize)]
#[serde(untagged)]
enum Rpc<T> {
    Wrapped { result: T },
    Bare(T),
}

/// `/status`.
#[derive(Deserialize)]
struct RpcStatus {
    sync_info: SyncInfo,
}

/// `/commit`.
#[derive(Deserialize)]
struct RpcCommit {
    signed_header: SignedHeader,
}

#[derive(Deserialize)]
struct SignedHeader {
    commit: Commit,
}

#[derive(Deserialize)]
struct Commit {
    height: String,
    signatures: Vec<CommitSignature>,
}

/// Of a validator; one that did not sign has no address.
#[derive(Deserialize)]
struct CommitSignature {
    validator_address: String,
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
        let sync = self.rpc::<RpcStatus>()?.sync_info;
        let height = sync.latest_block_height.parse().map_err(|_| self.unexpected())?;
        Ok(ChainHead { height, catching_up: sync.catching_up })
    }

    /// As the answer of seid's RPC to the question who signed the block at `height`.
    ///
    /// # Errors
    /// When the answer makes no sense, or is of another block.
    pub fn signers(&self, height: i64) -> Result<BTreeSet<String>, SidecarError> {
        let commit = self.rpc::<RpcCommit>()?.signed_header.commit;
        if commit.height != height.to_string() {
            return Err(self.unexpected());
        }
        let addresses = commit.signatures.into_iter().map(|one| one.validator_address.to_ascii_uppercase());
        Ok(addresses.filter(|address| !address.is_empty()).collect())
    }

    fn rpc<T: DeserializeOwned>(&self) -> Result<T, SidecarError> {
        let said = (self.code == StatusCode::OK).then(|| self.json::<Rpc<T>>()).flatten();
        match said {
            Some(Rpc::Wrapped { result } | Rpc::Bare(result)) => Ok(result),
            None => Err(self.unexpected()),
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

    fn of_rpc(body: serde_json::Value) -> Reply {
        Reply { code: StatusCode::OK, body: body.to_string().into() }
    }

    /// CometBFT wraps what Sei says as it is.
    fn bare_and_wrapped(body: &serde_json::Value) -> [Reply; 2] {
        let wrapped = serde_json::json!({"jsonrpc": "2.0", "id": -1, "result": body});
        [body.clone(), wrapped].map(of_rpc)
    }

    #[test]
    fn a_chain_tells_its_height() {
        let sync = serde_json::json!({"latest_block_height": "42", "catching_up": true, "earliest_block_height": "1"});
        for reply in bare_and_wrapped(&serde_json::json!({"node_info": {}, "sync_info": sync})) {
            assert_eq!(reply.chain(), Ok(ChainHead { height: 42, catching_up: true }));
        }
        let no_number = serde_json::json!({"sync_info": {"latest_block_height": "x", "catching_up": false}});
        assert!(matches!(of_rpc(no_number).chain(), Err(SidecarError::Unexpected { code: 200, .. })));
    }

    #[test]
    fn a_block_tells_who_signed_it() {
        let signed = |flag: u8, address: &str| serde_json::json!({"block_id_flag": flag, "validator_address": address});
        let signatures = [signed(2, "00AA"), signed(1, ""), signed(3, "00bb")];
        let commit = serde_json::json!({"height": "42", "round": 0, "signatures": signatures});
        let body = serde_json::json!({"signed_header": {"header": {}, "commit": commit}, "canonical": false});
        for reply in bare_and_wrapped(&body) {
            assert_eq!(reply.signers(42), Ok(["00AA".to_owned(), "00BB".to_owned()].into()));
            assert!(reply.signers(41).is_err(), "it is of another block");
        }
    }

    /// JSON-RPC tells its errors under a code of success.
    #[test]
    fn an_error_of_the_rpc_is_no_answer() {
        let error = serde_json::json!({"code": -32603, "message": "Internal error", "data": "height 43 must be less"});
        let reply = of_rpc(serde_json::json!({"jsonrpc": "2.0", "id": -1, "error": error}));
        assert!(reply.signers(43).is_err());
        assert!(reply.chain().is_err());
    }

    #[test]
    fn words_that_fit_are_kept_as_they_are() {
        let words = "x".repeat(WORDS_CHARS);
        assert_eq!(reply(StatusCode::OK, &words).task().unwrap().unwrap().error, words);
    }
}
