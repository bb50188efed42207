//! Carrying out what somebody did in Slack, and telling them what came of it.
//!
//! Who they are is decided by the id of their user alone, and whether they may by the same rules as everywhere. Slack
//! wants an answer within three seconds, so nearly everything is done after it, and answered by the `response_url`; a
//! dialog alone is kept waiting, for a moment, because only then can it say what was wrong.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tidegate_domain::book::{Approval, Book, Request};
use tidegate_domain::decide::{DecisionError, check_pause, check_resume, may_decide, missing};
use tidegate_domain::event::{DecidedBy, RequestId};
use tidegate_domain::input::{Input, Verdict};
use tidegate_domain::terms::more;

use super::command::{self, Command};
use super::inbound::{From, Inbound};
use super::modal::{self, About};
use super::text::{code, date, line};
use super::{Workspace, action_id};
use crate::host::Host;
use crate::keeper::DecideError;

mod silencing;

/// How long a dialog waits for a decision to be durable. Slack waits for three seconds.
const DIALOG: Duration = Duration::from_secs(2);
/// A list is for looking at on a phone; the page has all.
const MOST_LISTED: usize = 20;

/// Somebody of another workspace.
#[derive(Debug, thiserror::Error)]
#[error("it comes from another workspace than team_id in [slack] names")]
pub(super) struct WrongTeam;

/// Does what somebody asks for. Returned is what Slack is to be told at once, if anything.
pub(super) async fn receive(
    host: &Arc<Host>,
    slack: &Arc<Workspace>,
    inbound: Inbound,
) -> Result<Option<Value>, WrongTeam> {
    let from = match &inbound {
        Inbound::Nothing => return Ok(None),
        Inbound::Command { from, .. } | Inbound::Pressed { from, .. } | Inbound::Submitted { from, .. } => from,
    };
    let team = slack.team_id.as_deref().filter(|team| from.is_of(team)).ok_or(WrongTeam)?.to_owned();
    let person = person(host, &team, from);
    let deed = Deed { host: host.clone(), slack: slack.clone(), user: from.user.clone() };
    match inbound {
        Inbound::Submitted { callback, metadata, reason, length, .. } => {
            Ok(deed.submit(person, &callback, &metadata, reason, length).await)
        }
        Inbound::Command { name, text, response_url, .. } => {
            tokio::spawn(async move {
                let said = match person {
                    Some(by) => deed.command(by, &name, &text).await,
                    None => deed.stranger(),
                };
                deed.say(&response_url, &said).await;
            });
            Ok(None)
        }
        Inbound::Pressed { action, value, trigger, response_url, .. } => {
            tokio::spawn(async move {
                let said = match person {
                    Some(by) => deed.press(by, &action, &value, &trigger, &response_url).await,
                    None => Some(deed.stranger()),
                };
                if let Some(said) = said {
                    deed.say(&response_url, &said).await;
                }
            });
            Ok(None)
        }
        Inbound::Nothing => Ok(None),
    }
}

/// Who a user is to the gate. By id: names can be changed by whoever has them.
fn person(host: &Host, team: &str, from: &From) -> Option<DecidedBy> {
    let setup = host.setup();
    let known = setup.config.approvers.iter().find(|known| known.slack_user.as_deref() == Some(from.user.as_str()));
    let Some(known) = known else {
        host.metrics.slack.count_request("unknown_user");
        tracing::warn!(user = %line(&from.user), "somebody unknown tried to decide in Slack");
        return None;
    };
    host.metrics.slack.count_request("accepted");
    Some(DecidedBy {
        approver: known.name.clone(),
        surface: "slack".to_owned(),
        address: format!("slack:{team}/{}", from.user),
    })
}

/// One thing that one user did.
struct Deed {
    host: Arc<Host>,
    slack: Arc<Workspace>,
    user: String,
}

impl Deed {
    async fn say(&self, response_url: &str, said: &str) {
        if let Err(error) = self.slack.answers.say(response_url, said).await {
            self.host.metrics.slack.count_answer(false);
            tracing::warn!(user = %line(&self.user), %error, "somebody in Slack was not answered");
        } else {
            self.host.metrics.slack.count_answer(true);
        }
    }

    /// To somebody unknown: how to be known. Nothing of what they asked about.
    fn stranger(&self) -> String {
        let user = code(&self.user);
        format!(
            "You are not known here, so nothing was done. An admin of tidegate adds `slack_user` with your member id, \
             {user}, to your [[approver]] in its config."
        )
    }

    async fn command(&self, by: DecidedBy, name: &str, text: &str) -> String {
        match command::parse(name, text) {
            Command::Approve { request, reason } => self
                .decide(by, RequestId(request), Verdict::Approve { digest: None, reason })
                .await
                .unwrap_or_else(same),
            Command::Deny { request, reason } => {
                self.decide(by, RequestId(request), Verdict::Deny { reason }).await.unwrap_or_else(same)
            }
            Command::Pause => self.pause(by).await,
            Command::Resume => self.resume(by).await,
            Command::Silence { of, length, comment } => {
                self.silence(&by, &of, &length, &comment).await.unwrap_or_else(same)
            }
            Command::Unsilence { of } => self.unsilence(&by, &of).await,
            Command::List => self.list(),
            Command::Help(why) => why,
        }
    }

    /// A button. A yes counts at once, unless a reason is asked for; a no always asks for one.
    async fn press(
        &self,
        by: DecidedBy,
        action: &str,
        value: &str,
        trigger: &str,
        response_url: &str,
    ) -> Option<String> {
        let Some((request, digest)) = read_value(value) else { return Some(unreadable()) };
        if action == action_id::SILENCE {
            return self.ask_length(&by, &request, value, trigger, response_url).await;
        }
        let asks_why = {
            let book = self.host.keeper.book();
            if let Err(error) = may_decide(&book, &self.host.keeper.rules(), &request, &by.approver) {
                return Some(refused(&book, &error));
            }
            book.request(&request).is_some_and(|open| open.proposal.terms.require_reason)
        };
        match action {
            action_id::APPROVE if !asks_why => {
                let verdict = Verdict::Approve { digest: Some(digest), reason: None };
                Some(self.decide(by, request, verdict).await.unwrap_or_else(same))
            }
            action_id::APPROVE | action_id::DENY => self.ask_why(action, &request, value, trigger, response_url).await,
            _ => None,
        }
    }

    /// Opens the dialog; where that does not work, says how to do without.
    async fn ask_why(
        &self,
        action: &str,
        request: &RequestId,
        value: &str,
        trigger: &str,
        response_url: &str,
    ) -> Option<String> {
        let by_command = format!("Say why: `/{action} {} reason`", line(&request.0));
        let Some(token) = self.slack.bot() else { return Some(by_command) };
        let view = {
            let book = self.host.keeper.book();
            let Some(open) = book.request(request) else { return Some(unreadable()) };
            let about = About { value: value.to_owned(), response_url: response_url.to_owned() };
            modal::view(action, open, &about)
        };
        let opened = self.slack.api.open_view(token, trigger, &view).await;
        self.host.metrics.slack.count_call("views.open", opened.is_ok());
        let error = opened.err()?;
        tracing::error!(request = %request, %error, "the dialog for a reason could not be opened");
        Some(format!("The dialog could not be opened. {by_command}"))
    }

    /// A dialog that was filled in. What it is told keeps it open.
    async fn submit(
        self,
        person: Option<DecidedBy>,
        callback: &str,
        metadata: &str,
        reason: String,
        length: Option<String>,
    ) -> Option<Value> {
        let Some(by) = person else { return Some(modal::objection(&self.stranger())) };
        let about: Option<About> = serde_json::from_str(metadata).ok();
        let read = about.and_then(|about| Some((read_value(&about.value)?, about.response_url)));
        let Some(((request, digest), response_url)) = read else { return Some(modal::objection(&unreadable())) };
        let wish = match callback {
            action_id::APPROVE => Wish::Decide(Verdict::Approve { digest: Some(digest), reason: Some(reason) }),
            action_id::DENY => Wish::Decide(Verdict::Deny { reason }),
            action_id::SILENCE => Wish::Silence { length: length.unwrap_or_default(), comment: reason },
            _ => return None,
        };
        // The message of the request says what was decided; what was silenced is said to whoever did.
        let is_told = matches!(wish, Wish::Silence { .. });
        let mut deciding = tokio::spawn(async move {
            let outcome = match wish {
                Wish::Decide(verdict) => self.decide(by, request, verdict).await,
                Wish::Silence { length, comment } => self.silence(&by, &request.0, &length, &comment).await,
            };
            (self, outcome)
        });
        let late = match tokio::time::timeout(DIALOG, &mut deciding).await {
            Ok(Ok((_, Err(why)))) => return Some(modal::objection(&why)),
            Ok(Err(_)) => {
                return Some(modal::objection("this host failed; look at the request before you try again"));
            }
            Ok(Ok((deed, Ok(said)))) if is_told => tokio::spawn(async move { (deed, Ok(said)) }),
            Ok(Ok((_, Ok(_)))) => return None,
            // The journal or Alertmanager is slow. The dialog may close; what comes of it is said where the button was.
            Err(_) => deciding,
        };
        tokio::spawn(async move {
            if let Ok((deed, outcome)) = late.await {
                deed.say(&response_url, &outcome.unwrap_or_else(same)).await;
            }
        });
        None
    }

    /// Both are for the person: what was done, or why it was not.
    async fn decide(&self, by: DecidedBy, request: RequestId, verdict: Verdict) -> Result<String, String> {
        let outcome = self.host.keeper.decision(request.clone(), by, verdict).await;
        let book = self.host.keeper.book();
        match outcome {
            Ok(()) => Ok(match book.request(&request) {
                Some(open) => done(open, &more(&missing(&book, &self.host.keeper.rules(), &request))),
                None => "Done.".to_owned(),
            }),
            Err(DecideError::Refused(error)) => Err(refused(&book, &error)),
            Err(DecideError::Journal(error)) => {
                tracing::error!(%error, "the journal cannot be written");
                Err("The journal cannot be written at the moment, so nothing was changed. Try again.".to_owned())
            }
        }
    }

    async fn pause(&self, by: DecidedBy) -> String {
        if let Err(error) = check_pause(&self.host.keeper.book(), &self.host.keeper.rules(), &by) {
            return sentence(&error.to_string());
        }
        let done = "All repairs are paused: nothing runs until an admin resumes. `/resume` does it.";
        self.switch(Input::Pause { by }, done).await
    }

    async fn resume(&self, by: DecidedBy) -> String {
        if let Err(error) = check_resume(&self.host.keeper.book(), &self.host.keeper.rules(), &by) {
            return sentence(&error.to_string());
        }
        self.switch(Input::Resume { by }, "Repairs go on.").await
    }

    async fn switch(&self, input: Input, done: &str) -> String {
        match self.host.keeper.submit(input).await {
            Ok(_) => done.to_owned(),
            Err(error) => {
                tracing::error!(%error, "the journal cannot be written");
                "The journal cannot be written at the moment, so nothing was changed. Try again.".to_owned()
            }
        }
    }

    fn list(&self) -> String {
        let book = self.host.keeper.book();
        let waiting: Vec<&Request> = book.active_requests().filter(|r| r.approval == Approval::Pending).collect();
        let mut lines: Vec<String> = waiting.iter().take(MOST_LISTED).map(|request| listed(request)).collect();
        if lines.is_empty() {
            lines.push("Nothing waits for a decision.".to_owned());
        }
        if waiting.len() > MOST_LISTED {
            lines.push(format!("… and {} more", waiting.len() - MOST_LISTED));
        }
        let held = silencing::held_back(&book);
        lines.extend(held.iter().take(MOST_LISTED).cloned());
        if held.len() > MOST_LISTED {
            lines.push(format!("… and {} more that are held back", held.len() - MOST_LISTED));
        }
        if let Some(by) = book.paused_by() {
            lines.push(format!("All repairs are paused, by {}.", line(&by.approver)));
        }
        lines.join("\n")
    }
}

/// What a dialog was for.
enum Wish {
    Decide(Verdict),
    Silence { length: String, comment: String },
}

fn same(text: String) -> String {
    text
}

fn unreadable() -> String {
    "This button is not one of tidegate's, or of another version of it. Look at the request on the page.".to_owned()
}

/// A button's value: the request and the digest of what was shown.
fn read_value(value: &str) -> Option<(RequestId, String)> {
    let (request, digest) = value.split_once(' ')?;
    Some((RequestId(request.to_owned()), digest.to_owned()))
}

fn listed(request: &Request) -> String {
    let action = &request.proposal.action;
    format!(
        "• {} until {}: {} on {}, {}",
        code(&request.id.0),
        date(request.proposal.deadline),
        code(&action.name),
        code(&action.target.to_string()),
        line(&request.proposal.summary)
    )
}

/// What a decision that counted did.
fn done(request: &Request, still_needed: &str) -> String {
    let id = code(&request.id.0);
    match &request.approval {
        Approval::Pending => format!("Your yes to {id} counts. Still needed: {}.", line(still_needed)),
        Approval::Denied { .. } => format!("{id} is denied."),
        _ => format!("{id} is approved. Its message says what becomes of it."),
    }
}

/// Why a decision did not count; where somebody was faster, who.
fn refused(book: &Book, error: &DecisionError) -> String {
    let DecisionError::Over { request, .. } = error else { return sentence(&error.to_string()) };
    let Some(known) = book.request(request) else { return sentence(&error.to_string()) };
    let id = code(&request.0);
    let said = match &known.approval {
        Approval::Approved { by: Some(_), .. } => {
            let names: Vec<&str> = known.yeses.iter().map(|yes| yes.by.approver.as_str()).collect();
            format!("{id} is already approved, by {}", line(&names.join(", ")))
        }
        Approval::Denied { by, reason, .. } => {
            format!("{id} is already denied, by {}: {}", line(&by.approver), line(reason))
        }
        _ => return sentence(&error.to_string()),
    };
    format!("{said}. Nothing was changed.")
}

/// An error of the domain's, to a person.
fn sentence(error: &str) -> String {
    let mut letters = error.chars();
    let first: String = letters.next().map(char::to_uppercase).into_iter().flatten().collect();
    format!("{first}{}.", line(letters.as_str()))
}
