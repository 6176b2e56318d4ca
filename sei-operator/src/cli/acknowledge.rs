//! `acknowledge`: answers the question that a node asks a person.

use std::io::{self, BufRead, IsTerminal};

use sei_planner::api::{ACKNOWLEDGE_ANNOTATION, SeiNode, SeiNodeStatus};
use sei_planner::names::NodeKey;

use super::Exit;
use super::annotate::{Annotation, annotate, tell_equivalent};
use super::cluster::{self, Target, Trouble};
use super::question::Question;
use crate::output::{self, Paint};

/// Answer the question that a node asks a person
///
/// Where going on may destroy data or let two nodes sign with one key, the operator asks (condition AwaitingAcknowledgement)
/// and waits. This command shows the question, and answers it once you type yes, or say with --token which question you
/// mean. An answer fits one question only: one that changed in between is not answered.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,

    /// Answer the question with this token, without asking again
    ///
    /// The token stands at the end of the condition's message. Any other token is refused.
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  sei-operator acknowledge sei/val-0                    Show the question; it is answered once you type yes
  sei-operator acknowledge sei/val-0 --token 1a2b3c4d   Answer the question with this token

Exit codes:
  0  the question was answered
  1  nothing is asked, another question is asked, or the answer was not yes; nothing was changed";

/// Runs the command.
///
/// # Errors
/// When the system refuses what every process needs.
pub(super) fn run(args: &Args) -> io::Result<Exit> {
    cluster::run(acknowledge(args))
}

async fn acknowledge(args: &Args) -> Result<Exit, Trouble> {
    let (cluster, key) = args.target.connect().await?;
    let shown = asked(&cluster.node(&key).await?, &key)?;
    let paint = Paint::stderr();
    output::chatter(&format!("{} {key} ({}):\n  {}\n", paint.yellow("SeiNode"), shown.reason, shown.text));
    match &args.token {
        Some(token) if *token != shown.token => return Err(other_token(&key, token)),
        Some(_) => {}
        None => confirmed(&key)?,
    }
    let decide = |node: &SeiNode| {
        let question = asked(node, &key)?;
        if question.token != shown.token {
            let what = format!("SeiNode {key}: the question changed while you answered; nothing was answered");
            return Err(Trouble::new(what).help("run the command again, and read the new one"));
        }
        Ok(Annotation { key: ACKNOWLEDGE_ANNOTATION, value: Some(question.token) })
    };
    let annotation = annotate(&cluster, &key, decide).await?;
    output::data(&format!("SeiNode {key}: answered; the operator goes on\n"))?;
    tell_equivalent(&key, &annotation);
    Ok(Exit::Done)
}

/// The question of a node.
///
/// # Errors
/// When there is none, or it was answered already.
fn asked(node: &SeiNode, key: &NodeKey) -> Result<Question, Trouble> {
    let nothing = SeiNodeStatus::default();
    let Some(question) = Question::of(node.status.as_ref().unwrap_or(&nothing)) else {
        let what = format!("SeiNode {key} asks nothing: its condition AwaitingAcknowledgement is not True");
        return Err(Trouble::new(what).help(format!("`sei-operator status {key}` says what it waits for")));
    };
    let answer = node.metadata.annotations.as_ref().and_then(|all| all.get(ACKNOWLEDGE_ANNOTATION));
    if answer == Some(&question.token) {
        let what = format!("SeiNode {key} was answered already, and no operator took it up");
        return Err(Trouble::new(what).help("does the operator run? `sei-operator check`"));
    }
    Ok(question)
}

fn other_token(key: &NodeKey, token: &str) -> Trouble {
    Trouble::new(format!("SeiNode {key}: {token} is not the token of this question; nothing was answered"))
        .help("read the question above: it may be a new one. Without --token it is answered once you type yes")
}

/// Waits for a typed yes.
fn confirmed(key: &NodeKey) -> Result<(), Trouble> {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        let what = format!("SeiNode {key}: nobody is at a terminal to say yes; nothing was answered");
        return Err(Trouble::new(what)
            .help("name the question with --token TOKEN: it is the last word of the condition's message"));
    }
    output::chatter("Only \"yes\" answers it: ");
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    if line.trim() == "yes" {
        return Ok(());
    }
    Err(Trouble::new(format!("SeiNode {key}: not answered")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use serde_json::{Value, json};

    use super::*;

    const MESSAGE: &str = "the consensus key last ran on another disk (claim uid u1). Once nothing signs with it any more, \
        and the newest sign state is on this node's disk: kubectl annotate seinode val-0 -n sei --overwrite \
        sei.io/acknowledge=1a2b3c4d";

    fn node(status: &str, annotations: Value) -> SeiNode {
        serde_json::from_value(json!({"apiVersion": "sei.io/v1alpha1", "kind": "SeiNode",
            "metadata": {"name": "val-0", "namespace": "sei", "annotations": annotations},
            "spec": {"chainId": "c", "image": "i", "validator": {}},
            "status": {"conditions": [{"type": "AwaitingAcknowledgement", "status": status, "reason": "SigningKeyMoves",
                "message": MESSAGE, "lastTransitionTime": "2026-01-01T00:00:00Z"}]}}))
        .unwrap()
    }

    #[test]
    fn the_question_is_told_without_the_command_that_answers_it() {
        let key = NodeKey::new("sei", "val-0");
        let question = asked(&node("True", json!({})), &key).unwrap();
        assert_eq!((question.token.as_str(), question.reason.as_str()), ("1a2b3c4d", "SigningKeyMoves"));
        assert!(question.text.ends_with("is on this node's disk"), "{}", question.text);
        // An answer to an earlier question is none to this one.
        assert!(asked(&node("True", json!({"sei.io/acknowledge": "00000000"})), &key).is_ok());
    }

    #[test]
    fn nothing_is_answered_that_is_not_asked() {
        let key = NodeKey::new("sei", "val-0");
        let refusal = |node: SeiNode| asked(&node, &key).unwrap_err().what;
        let answered = json!({"sei.io/acknowledge": "1a2b3c4d"});
        let all = [refusal(node("False", json!({}))), refusal(node("True", answered)), other_token(&key, "1a2b").what];
        insta::assert_snapshot!(all.join("\n"));
    }
}
