//! `approve`, `deny`, `pause`, `resume`: what changes something on the host.

use serde_json::json;

use super::client::Client;
use super::exit::Failure;
use super::show::{describe_approval, say, understood};
use super::table::plain;
use super::wire::Approval;

/// Shows what will run, then approves exactly that: should it have changed meanwhile, the digest no longer fits and the
/// host refuses.
pub(super) fn approve(client: &Client, id: &str) -> Result<(), Failure> {
    let approval: Approval = understood(client.get_one("approvals", id)?)?;
    say(&describe_approval(&approval))?;
    if approval.status != "pending" {
        let text = format!("approval {id} waits for no decision any more: it is {}", plain(&approval.status));
        return Err(Failure::Refused(text));
    }
    client.decide("approvals", id, "approve", json!({ "digest": approval.digest }))?;
    say(&format!("\napproved; `tidegate approval show {id}` tells what became of it\n"))
}

pub(super) fn deny(client: &Client, id: &str, reason: &str) -> Result<(), Failure> {
    if reason.trim().is_empty() {
        return Err(Failure::Usage(
            "--reason is empty: say why, the policy reads it before it proposes again".to_owned(),
        ));
    }
    client.decide("approvals", id, "deny", json!({ "reason": reason }))?;
    say(&format!("denied {id}\n"))
}

pub(super) fn pause(client: &Client) -> Result<(), Failure> {
    client.post("/api/v1/pause", json!({}))?;
    say("paused: no action starts until `tidegate resume`\n")
}

pub(super) fn resume(client: &Client) -> Result<(), Failure> {
    client.post("/api/v1/resume", json!({}))?;
    say("resumed: actions start again\n")
}
