//! What was decided and done about an incident, and when: the moments that its charts mark.

use std::collections::BTreeMap;

use tidegate_domain::event::{CloseReason, Fact, MemberEnd, RequestId, RunResult, Verified};
use tidegate_domain::labels::Labels;
use tidegate_domain::time::Timestamp;

use crate::journal::Stored;

/// A run that ends this soon after its start is one moment.
const AT_ONCE_MS: i64 = 2_000;

const RECOVERED: &str = "this series recovered";
const OVER: &str = "over: ";

/// A moment of an incident.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Told {
    at: Timestamp,
    text: String,
    /// The series that alone it is about.
    of: Option<Labels>,
}

/// The moments in the life of an incident, oldest first.
pub(super) fn of(timeline: &[Stored]) -> Vec<Told> {
    let mut told: Vec<Told> = Vec::new();
    let mut started: BTreeMap<&RequestId, usize> = BTreeMap::new();
    let mut actions: BTreeMap<&RequestId, &str> = BTreeMap::new();
    for stored in timeline {
        let at = stored.event.at;
        let mut say = |text: String| told.push(Told { at, text, of: None });
        match &stored.event.fact {
            Fact::IncidentOpened { .. } => say("opened".to_owned()),
            Fact::MemberEnded { series, how, .. } => {
                let text = match how {
                    MemberEnd::Recovered => RECOVERED,
                    MemberEnd::Accepted => "taken for the new normal",
                    MemberEnd::Vanished => "this series is gone",
                };
                told.push(Told { at, text: text.to_owned(), of: Some(series.clone()) });
            }
            Fact::RequestOpened { request, proposal, .. } => {
                actions.insert(request, &proposal.action.name);
                say(format!("asked: {}", proposal.action.name));
            }
            Fact::RequestEscalated { to, .. } => say(format!("escalated to {}", to.join(", "))),
            Fact::RequestApproved { by, .. } => say(format!("approved by {}", by.approver)),
            Fact::RequestAutoApproved { .. } => say("approved by the config".to_owned()),
            Fact::RequestDenied { by, .. } => say(format!("denied by {}", by.approver)),
            Fact::RequestExpired { .. } => say("nobody answered in time".to_owned()),
            Fact::RequestWithdrawn { .. } => say("taken back".to_owned()),
            Fact::ExecutionRefused { guard, .. } => say(format!("not run: {}", guard.name())),
            Fact::ExecutionStarted { request, .. } => {
                started.insert(request, told.len());
                let action = actions.get(request).copied().unwrap_or("the action");
                told.push(Told { at, text: format!("{action} started"), of: None });
            }
            Fact::ExecutionFinished { request, result } => {
                let how = match result {
                    RunResult::Succeeded { .. } => "succeeded",
                    RunResult::Failed { .. } => "failed",
                    RunResult::Unknown { .. } => "ended nobody knows how",
                    RunResult::DryRun => "would have run (dry run)",
                };
                let text = format!("{} {how}", actions.get(request).copied().unwrap_or("the action"));
                match started.get(request).and_then(|place| told.get_mut(*place)) {
                    Some(start) if at.0.saturating_sub(start.at.0) <= AT_ONCE_MS => start.text = text,
                    _ => told.push(Told { at, text, of: None }),
                }
            }
            Fact::VerificationFinished { outcome, .. } => {
                let found = match outcome {
                    Verified::Fixed => "fixed",
                    Verified::Ineffective => "ineffective",
                    Verified::Inconclusive => "inconclusive",
                };
                say(format!("verified: {found}"));
            }
            Fact::IncidentClosed { reason, .. } => {
                let why = match reason {
                    CloseReason::Recovered => "recovered by itself",
                    CloseReason::Fixed => "fixed",
                    CloseReason::Accepted => "the new normal",
                    CloseReason::Resolved => "all alerts resolved",
                    CloseReason::Returned => "it is back",
                    CloseReason::Vanished => "its series are gone",
                };
                say(format!("{OVER}{why}"));
            }
            _ => {}
        }
    }
    told
}

/// What concerns one of its series.
pub(super) fn told(moments: &[Told], series: &Labels) -> Vec<(Timestamp, String)> {
    let concerned = moments.iter().filter(|told| told.of.as_ref().is_none_or(|of| of == series));
    let mut told: Vec<(Timestamp, String)> = concerned.map(|told| (told.at, told.text.clone())).collect();
    // The end of its last series is the end of the incident.
    let over: Vec<Timestamp> = told.iter().filter(|(_, text)| text.starts_with(OVER)).map(|(at, _)| *at).collect();
    told.retain(|(at, text)| text != RECOVERED || over.iter().all(|over| over.since(*at).as_millis() > 1_000));
    // By the journal they are in order, unless the clock was set back.
    told.sort_by_key(|(at, _)| *at);
    told
}
