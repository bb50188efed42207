//! `approve`, `deny`, `pause`, `resume`: what changes something on the host.

use std::io::{IsTerminal as _, Write as _};

use serde::Deserialize;
use serde_json::{Value, json};
use tidegate_domain::terms::more;

use super::Output;
use super::client::Client;
use super::exit::Failure;
use super::show::{as_json, describe_approval, say, understood};
use super::table::plain;
use super::wire::Approval;

/// Shows what will run, then approves exactly that: should it have changed meanwhile, the digest no longer fits and the
/// host refuses. Asks whether it is meant where a person sits at a terminal, and waits for nobody anywhere else.
pub(super) fn approve(
    client: &Client,
    id: &str,
    reason: Option<&str>,
    sure: bool,
    output: Output,
) -> Result<(), Failure> {
    let approval: Approval = understood(client.get_one("approvals", id)?)?;
    if output == Output::Text {
        say(&describe_approval(&approval))?;
    }
    if approval.status != "pending" {
        let text = format!("approval {id} waits for no decision any more: it is {}", plain(&approval.status));
        return Err(Failure::Refused(text));
    }
    if output == Output::Text && !is_meant(&format!("approve {id}"), sure)? {
        return Err(Failure::Failed(format!("nothing was changed: {id} still waits for a decision")));
    }
    let mut body = json!({ "digest": approval.digest });
    if let Some(reason) = reason {
        body["reason"] = reason.into();
    }
    let answer = client.decide("approvals", id, "approve", body)?;
    told(output, &answer, |answer| Ok(stands_after_a_yes(id, &understood(answer.clone())?)))
}

/// One yes may not be enough, and somebody who reads "approved" stops looking for the second.
pub(super) fn stands_after_a_yes(id: &str, after: &Approval) -> String {
    match after.status.as_str() {
        "pending" if after.missing.is_empty() => format!("\nyour yes counts; {id} still waits\n"),
        "pending" => {
            // Whoever has said yes may still say no, and so is among the deciders; a second yes would not help.
            let said_yes = |name: &str| after.yeses.iter().any(|yes| yes.by.as_deref() == Some(name));
            let others: Vec<&str> = after.deciders.iter().map(String::as_str).filter(|name| !said_yes(name)).collect();
            let asked = match others.as_slice() {
                [] => String::new(),
                others => format!(", from {}", plain(&others.join(" or "))),
            };
            let missing = plain(&more(&after.missing));
            format!("\nyour yes counts, and it is not approved yet: {id} still needs {missing}{asked}\n")
        }
        "approved" => format!("\napproved; `tidegate approval show {id}` tells what became of it\n"),
        other => format!("\n{id} is {}\n", plain(other)),
    }
}

/// Asks whether somebody at a terminal means it, unless they said so already. Whoever sits nowhere does.
pub(super) fn is_meant(what: &str, sure: bool) -> Result<bool, Failure> {
    if sure || !std::io::stdin().is_terminal() {
        return Ok(true);
    }
    let failed = |error: std::io::Error| Failure::Failed(format!("cannot ask on the terminal: {error}; use --yes"));
    eprint!("\n{what}? [y/N] ");
    std::io::stderr().flush().map_err(failed)?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(failed)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

pub(super) fn deny(client: &Client, id: &str, reason: &str, output: Output) -> Result<(), Failure> {
    if reason.trim().is_empty() {
        return Err(Failure::Usage(
            "--reason is empty: say why, the policy reads it before it proposes again".to_owned(),
        ));
    }
    let answer = client.decide("approvals", id, "deny", json!({ "reason": reason }))?;
    told(output, &answer, |_| Ok(format!("denied {id}\n")))
}

/// How the switch stands.
#[derive(Deserialize)]
struct Switch {
    #[serde(default)]
    paused: bool,
    by: Option<String>,
}

pub(super) fn pause(client: &Client, output: Output) -> Result<(), Failure> {
    let answer = client.post("/api/v1/pause", json!({}))?;
    told(output, &answer, |answer| {
        let by = understood::<Switch>(answer.clone())?.by.map(|by| format!(" by {}", plain(&by))).unwrap_or_default();
        Ok(format!("paused{by}: no action starts until `tidegate resume`\n"))
    })
}

pub(super) fn resume(client: &Client, output: Output) -> Result<(), Failure> {
    let answer = client.post("/api/v1/resume", json!({}))?;
    told(output, &answer, |answer| match understood::<Switch>(answer.clone())?.paused {
        false => Ok("resumed: actions start again\n".to_owned()),
        true => Err(Failure::Failed("the host did not resume: it is still paused".to_owned())),
    })
}

/// Writes the answer as it came, or what it says.
pub(super) fn told(
    output: Output,
    answer: &Value,
    text: impl Fn(&Value) -> Result<String, Failure>,
) -> Result<(), Failure> {
    match output {
        Output::Json => say(&as_json(answer)),
        Output::Text => say(&text(answer)?),
    }
}
