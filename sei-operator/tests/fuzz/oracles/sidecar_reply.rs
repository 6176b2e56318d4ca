//! Answers of sidecars, and of the RPC of seid beside them. The input is the HTTP status on a line of its own, and behind it the body.

use http::StatusCode;
use sei_tasks::http::Reply;
use sei_tasks::world::TaskState;

use super::{Target, Told};

/// The reader of answers.
pub const TARGET: Target = Target {
    name: "sidecar-reply",
    ask,
    words: &[
        "200\n",
        "201\n",
        "202\n",
        "400\n",
        "404\n",
        "503\n",
        "{\"status\":",
        "\"completed\"",
        "\"failed\"",
        "\"running\"",
        ",\"error\":",
        "{\"error\":",
        "\\ud800",
        "\\u0000",
        "null",
        "\u{fffd}",
        "[[[[",
        "{\"a\":",
        "{\"result\":",
        "{\"sync_info\":{\"latest_block_height\":\"7\",\"catching_up\":false}}",
        "{\"signed_header\":{\"commit\":{\"height\":\"7\",\"signatures\":[",
        "{\"validator_address\":\"ab\"}",
        "]}}}",
    ],
};

/// No words of a sidecar are kept that are longer, in characters: they end in a status.
const WORDS_MAX: usize = 5000;
/// Of the block that is asked about.
const HEIGHT: i64 = 7;

fn ask(input: &[u8]) -> Told {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let code = StatusCode::from_bytes(&input[..end]).unwrap_or(StatusCode::OK);
    let body = input.get(end + 1..).unwrap_or_default().to_vec().into();
    let reply = Reply { code, body };
    let (submitted, task, healthy) = (reply.submitted(), reply.task(), reply.healthy());
    assert_eq!(submitted.is_ok(), [201, 202].contains(&code.as_u16()));
    assert_eq!(healthy.is_ok(), [200, 503].contains(&code.as_u16()));
    assert!(task.is_err() || [200, 404].contains(&code.as_u16()));
    let (chain, signers) = (reply.chain(), reply.signers(HEIGHT));
    assert!(chain.is_err() || code == StatusCode::OK);
    assert!(signers.iter().flatten().all(|address| !address.is_empty() && code == StatusCode::OK));
    let mut said = vec![format!("{submitted:?}"), format!("{healthy:?}"), format!("{chain:?}")];
    said.extend(signers.err().map(|error| error.to_string()));
    said.extend(submitted.err().map(|error| error.to_string()));
    said.extend(healthy.err().map(|error| error.to_string()));
    match task {
        Ok(None) => {}
        Ok(Some(report)) => {
            let known = [TaskState::Running, TaskState::Completed, TaskState::Failed];
            assert!(known.contains(&report.state));
            said.push(report.error);
        }
        Err(error) => said.push(error.to_string()),
    }
    for words in &said {
        // Debug escapes a character with at most ten.
        let max = if words.starts_with("Err(") { 10 * WORDS_MAX } else { WORDS_MAX };
        assert!(words.chars().count() <= max, "{} characters", words.chars().count());
    }
    Told { said, ..Told::default() }
}
