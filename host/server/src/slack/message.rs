//! What a request looks like in Slack, at every stage of its life.
//!
//! Whoever decides must be able to trust the layout: what the host says and what a policy or a label says are kept
//! apart; see [`text`](super::text).

use serde_json::{Value, json};
use tidegate_domain::book::{Approval, Incident, Request, Run};
use tidegate_domain::event::{DecidedBy, RunResult, WithdrawReason};
use tidegate_domain::terms::{Quorum, more};
use tidegate_domain::time::Timestamp;

use super::action_id;
use super::spark::sparkline;
use super::text::{MOST_TEXT, bound, code, cut, date, line, plain};
use crate::silencing::silenced_at;
use crate::story;

/// Enough to compare with what the command line shows.
const DIGEST: usize = 12;
/// So many sections of evidence; Slack takes 50 blocks, and nobody reads more.
const MOST_SECTIONS: usize = 4;
/// Slack refuses a confirmation whose text is longer than 300 characters.
const MOST_CONFIRM: usize = 290;

/// What a message is made from.
pub(crate) struct Card<'a> {
    pub(crate) request: &'a Request,
    pub(crate) incident: &'a Incident,
    /// Whose yes is missing, as long as it waits.
    pub(crate) missing: Vec<Quorum>,
    /// True where Slack can reach this host, so that buttons and commands do something.
    pub(crate) answerable: bool,
    /// True where there is an Alertmanager to silence its incident in.
    pub(crate) silenceable: bool,
    /// Where people find this host.
    pub(crate) page: Option<String>,
}

impl Card<'_> {
    /// The message of a request: what exactly would run, why, how bad it is, until when, and how to answer; later what
    /// became of it.
    pub(crate) fn message(&self) -> Value {
        let (request, waits) = (self.request, self.request.approval == Approval::Pending);
        let mut blocks = vec![section(&headline(request, true))];
        let trail = self.trail();
        if !trail.is_empty() {
            blocks.push(section(&trail.join("\n")));
        }
        blocks.push(section(&self.what()));
        let proposal = &request.proposal;
        blocks.push(section(&format!(
            "*Why, says the policy:*\n> {}\n> {}",
            line(&proposal.summary),
            line(&proposal.rationale)
        )));
        blocks.extend(self.evidence().iter().map(|text| section(text)));
        if waits && self.answerable {
            blocks.push(self.buttons());
        }
        blocks.push(json!({ "type": "context", "elements": [marked(&self.how())] }));
        json!({ "text": self.notification(), "blocks": blocks })
    }

    /// What notifications show and screen readers read.
    fn notification(&self) -> String {
        cut(&format!("{}: {}", headline(self.request, false), line(&self.request.proposal.summary)), MOST_TEXT)
    }

    /// For where what was posted cannot be changed: the latest news of a request in one line. None where it is not worth
    /// another message.
    pub(crate) fn news(&self) -> Option<Value> {
        let over = match (&self.request.approval, &self.request.run) {
            (Approval::Pending, _) => self.request.escalated.is_some() && self.request.yeses.is_empty(),
            (_, Run::Running { .. } | Run::Lost { .. }) => false,
            _ => !self.request.is_verifying(),
        };
        let mut lines = vec![headline(self.request, true)];
        lines.extend(self.trail().pop());
        over.then(|| json!({ "text": self.notification(), "blocks": [section(&lines.join("\n"))] }))
    }

    /// What would run, how bad it is, and who decides until when.
    fn what(&self) -> String {
        let (proposal, action) = (&self.request.proposal, &self.request.proposal.action);
        let mut lines = vec![
            format!(
                "*What:* {} on {}, arguments {}",
                code(&action.name),
                code(&action.target.to_string()),
                code(&Value::Object(action.arguments.clone()).to_string()),
            ),
            format!("*Severity:* {}, risk {}", self.incident.severity.name(), action.risk.name()),
        ];
        if let Some(approvers) = &proposal.terms.approvers {
            lines.push(format!("*Asked:* {}", line(&approvers.join(", "))));
        }
        if self.request.approval == Approval::Pending {
            if proposal.terms.quorum != [Quorum::default()] {
                let needed: Vec<String> = proposal.terms.quorum.iter().map(story::needed).collect();
                lines.push(format!("*Needs a yes of:* {}", line(&needed.join(", "))));
            }
            lines.push(format!("*Until:* {}", date(proposal.deadline)));
        }
        lines.join("\n")
    }

    /// What happened to it so far, oldest first.
    fn trail(&self) -> Vec<String> {
        let request = self.request;
        let mut lines = Vec::new();
        for yes in &request.yeses {
            lines.push(format!("*Yes* of {}, {}{}", who(&yes.by), date(yes.at), because(yes.reason.as_deref())));
        }
        match &request.approval {
            Approval::Pending => {
                if !request.yeses.is_empty() {
                    lines.push(format!("*Still needed:* {}", line(&more(&self.missing))));
                }
                if let Some((at, to)) = &request.escalated {
                    lines.push(format!("*Escalated* {}: {} may decide as well", date(*at), line(&to.join(", "))));
                }
            }
            Approval::Approved { by: Some(_), .. } => {}
            Approval::Approved { at, by: None } => {
                lines.push(format!("*Passed by itself* {}, as the config allows", date(*at)));
            }
            Approval::Denied { at, by, reason } => {
                lines.push(format!("*No* of {}, {}{}", who(by), date(*at), because(Some(reason))));
            }
            Approval::Expired { at } => lines.push(format!("*Expired* {}: no answer in time means no", date(*at))),
            Approval::Withdrawn { at, reason: WithdrawReason::IncidentClosed } => {
                lines.push(format!("*Withdrawn* {}: the incident ended by itself", date(*at)));
            }
            Approval::Withdrawn { at, reason: WithdrawReason::HeldBack } => lines.extend(self.held_back(*at)),
        }
        lines.extend(self.run());
        if let Some(verification) = &request.verification {
            lines.push(match &verification.outcome {
                Some((at, _, reason)) => format!("*Watched* until {}: {}", date(*at), line(reason)),
                None => format!("*Watched* until {}, whether it helped", date(verification.until)),
            });
            if verification.revoked {
                lines.push("*Not fixed after all:* the same trouble came back".to_owned());
            }
        }
        lines
    }

    /// Why nobody is asked any more though the trouble goes on, and when somebody will be.
    fn held_back(&self, at: Timestamp) -> [String; 2] {
        let (incident, id) = (self.incident, line(&self.incident.id.0));
        let why = match silenced_at(incident, at) {
            Some(made) => format!("incident {id} was silenced until {} by {}", date(made.until), who(&made.by)),
            None => match &incident.held {
                Some(held) => format!("Alertmanager holds incident {id} back ({})", line(&held.by)),
                None => format!("Alertmanager held incident {id} back"),
            },
        };
        let ends = if self.answerable { format!("; `/tidegate unsilence {id}` ends a silence") } else { String::new() };
        [format!("*Withdrawn* {}: {why}", date(at)), format!("It is asked anew once that is over{ends}")]
    }

    fn run(&self) -> Option<String> {
        Some(match &self.request.run {
            Run::NotStarted => return None,
            Run::Refused { at, guard } => format!("*Not carried out* {}: {}", date(*at), line(&story::guarded(guard))),
            Run::Running { at, .. } => format!("*Started* {}", date(*at)),
            Run::Lost { .. } => "*Lost from sight* when the host stopped".to_owned(),
            Run::Finished { at, result, .. } => match result {
                RunResult::Succeeded { .. } => format!("*Ran* {} and reported success", date(*at)),
                RunResult::Failed { error } => format!("*Failed* {}: {}", date(*at), line(error)),
                RunResult::Unknown { error } => {
                    format!("*Unknown whether it worked* {}: {}", date(*at), line(error))
                }
                RunResult::DryRun => format!("*Dry run* {}: nothing was carried out", date(*at)),
            },
        })
    }

    /// What was seen, one line a fact, in as many sections as it takes: none of them is cut to make room for another.
    fn evidence(&self) -> Vec<String> {
        let mut facts: Vec<String> = self.request.proposal.shown.iter().map(|shown| fact(shown)).collect();
        facts.extend(self.incident.worst().and_then(|worst| sparkline(&worst.window)).map(|s| format!("• recent {s}")));
        let mut sections: Vec<String> = Vec::new();
        for (told, fact) in facts.iter().enumerate() {
            let room = |last: &&mut String| last.chars().count() + fact.chars().count() < MOST_TEXT;
            if let Some(last) = sections.last_mut().filter(room) {
                last.push('\n');
                last.push_str(fact);
            } else if sections.len() < MOST_SECTIONS {
                sections.push(fact.clone());
            } else {
                sections.push(format!("… and {} more: `tidegate approval show`", facts.len() - told));
                break;
            }
        }
        sections
    }

    /// Each carries the digest of what is shown above it: a yes to anything else does not count.
    fn buttons(&self) -> Value {
        let (request, action) = (self.request, &self.request.proposal.action);
        let value = format!("{} {}", request.id, request.proposal.digest);
        let text = |text: &str| json!({ "type": "plain_text", "text": text });
        let mut approve = json!({
            "type": "button", "action_id": action_id::APPROVE, "value": value, "style": "primary",
            "text": text("Approve"),
        });
        // Where a reason is asked for, that dialog is the second look.
        if !request.proposal.terms.require_reason {
            let question = plain(&format!("Run {} on {}?", action.name, action.target), MOST_CONFIRM);
            approve["confirm"] = json!({
                "title": text("Are you sure?"), "text": text(&question), "confirm": text("Approve"), "deny": text("Back"),
            });
        }
        let deny = json!({
            "type": "button", "action_id": action_id::DENY, "value": value, "style": "danger", "text": text("Deny …"),
        });
        let mut elements = vec![approve, deny];
        if self.silenceable {
            elements.push(json!({
                "type": "button", "action_id": action_id::SILENCE, "value": value, "text": text("Silence …"),
            }));
        }
        json!({ "type": "actions", "block_id": format!("gate:{}", request.id), "elements": elements })
    }

    fn how(&self) -> String {
        let (request, id) = (self.request, line(&self.request.id.0));
        let mut parts = Vec::new();
        if request.approval == Approval::Pending {
            let reason = if request.proposal.terms.require_reason { " --reason \"...\"" } else { "" };
            if self.answerable {
                parts.push(format!("`/approve {id}` or `/deny {id} reason`"));
            }
            parts.push(format!("`tidegate approve {id}{reason}` or `tidegate deny {id} --reason \"...\"`"));
        }
        parts.push(format!("everything by `tidegate approval show {id}`"));
        if let Some(page) = &self.page {
            parts.push(format!("<{page}/requests/{id}|on the page>"));
        }
        parts.push(format!("incident {}", line(&self.incident.id.0)));
        let digest: String = request.proposal.digest.chars().take(DIGEST).collect();
        parts.push(format!("digest {}", code(&digest)));
        parts.join(" · ")
    }
}

/// How it stands, in a line.
fn headline(request: &Request, marked: bool) -> String {
    let dry_run = if request.proposal.action.dry_run { " (dry run: nothing is carried out)" } else { "" };
    let (icon, words) = stands(request);
    let id = line(&request.id.0);
    if marked { format!("{icon} *{id}* {words}{dry_run}") } else { format!("{id} {words}{dry_run}") }
}

fn stands(request: &Request) -> (&'static str, String) {
    let stage = request.stage();
    let (icon, words) = match stage.as_str() {
        "approved" => ("▶️", "is approved and about to run"),
        "auto_approved" => ("▶️", "passed by itself and is about to run"),
        "running" => ("▶️", "is running"),
        "verifying" => ("👀", "has run; it is watched whether that helps"),
        "fixed" => ("✅", "has fixed it"),
        "ineffective" => ("⚠️", "did not help"),
        "inconclusive" => ("⚠️", "has run, and nobody can say whether it helped"),
        "revoked" => ("⚠️", "has not fixed it after all"),
        "failed" => ("⚠️", "was carried out and failed"),
        "unknown" => ("⚠️", "was started, and nobody knows what became of it"),
        "dry_run" => ("✅", "was approved"),
        "refused" => ("⛔", "was approved and not carried out"),
        "denied" => ("⛔", "is denied"),
        "expired" => ("⛔", "has expired"),
        "withdrawn" => ("↩️", "is withdrawn: nobody needs to decide any more"),
        _ => ("⏳", "waits for your decision"),
    };
    let words = match (request.yeses.len(), request.proposal.terms.quorum.as_slice()) {
        (0, _) => words.to_owned(),
        _ if request.approval != Approval::Pending => words.to_owned(),
        (yeses, [one]) => format!("has {yeses} of {} yeses and waits for more", one.count),
        (yeses, _) => format!("has {yeses} yeses and waits for more"),
    };
    (icon, words)
}

/// Who decided, and where.
fn who(by: &DecidedBy) -> String {
    format!("{} ({})", line(&by.approver), line(&by.surface))
}

fn because(reason: Option<&str>) -> String {
    reason.map(|reason| format!(": {}", line(reason))).unwrap_or_default()
}

pub(super) fn section(text: &str) -> Value {
    json!({ "type": "section", "text": marked(text) })
}

/// Text with our markup in it, and none that Slack finds by itself: an address in a label must not become a link.
fn marked(text: &str) -> Value {
    json!({ "type": "mrkdwn", "text": cut(text, MOST_TEXT), "verbatim": true })
}

/// A line of the card. What will run stands in it sign for sign: as text, `*` and `~` would be markup.
fn fact(shown: &str) -> String {
    match shown.split_once(": ") {
        Some((word @ ("runs" | "with" | "on" | "arguments"), rest)) => format!("• {word}: {}", bound(rest)),
        _ => format!("• {}", line(shown)),
    }
}

#[cfg(test)]
mod tests;
