//! What follows from time going by, and from what earlier events left to do.

use std::time::Duration;

use super::{Context, alerts, brakes, execution, verification};
use crate::book::{Approval, Incident, Request, Run};
use crate::event::{CloseReason, Fact, Guard, MemberEnd, Origin, Verified, WithdrawReason};
use crate::rules::Rules;
use crate::time::Timestamp;

/// How long an incident is not asked about again that was held back while it was, the second time.
const PAUSE_WHEN_HELD: Duration = Duration::from_secs(60);

pub(super) fn tick(context: &Context<'_>) -> Vec<Fact> {
    let mut facts: Vec<Fact> = context.book.active_requests().filter_map(|r| request(context, r)).collect();
    if facts.is_empty() {
        // Only once nothing is left to say about requests: an incident closes by what became of them.
        for open in context.book.restless() {
            match ending(context, open) {
                Some(reason) => facts.push(Fact::IncidentClosed { incident: open.id.clone(), reason }),
                None => facts.extend(alerts::not_to_be_had(context, open)),
            }
        }
    }
    facts.extend(brakes::calm_down(context));
    facts
}

fn request(context: &Context<'_>, request: &Request) -> Option<Fact> {
    let over = context.book.incident(&request.incident).is_none_or(|incident| !incident.is_open());
    match (&request.approval, &request.run) {
        // Closing an incident ends what has not been decided and what has not been started. What runs, runs on.
        (Approval::Pending, _) if over => {
            let (request, reason) = (request.id.clone(), WithdrawReason::IncidentClosed);
            Some(Fact::RequestWithdrawn { request, reason, retry_at: None })
        }
        (Approval::Pending, _) => waiting(context, request),
        // What was decided stays decided.
        (Approval::Approved { .. }, Run::NotStarted) if over => {
            Some(Fact::ExecutionRefused { request: request.id.clone(), guard: Guard::NotActive, retry_at: context.now })
        }
        (_, Run::Lost { runs }) => execution::lost(context, request, *runs),
        _ => verification::out_of_time(context, request),
    }
}

/// Nobody has decided about it yet.
fn waiting(context: &Context<'_>, request: &Request) -> Option<Fact> {
    let incident = context.book.incident(&request.incident)?;
    // Nobody is to decide about what would not be acted on.
    if incident.held.is_some() {
        let retry_at = Some(context.now.plus(pause_when_held(context, incident)));
        let (request, reason) = (request.id.clone(), WithdrawReason::HeldBack);
        return Some(Fact::RequestWithdrawn { request, reason, retry_at });
    }
    if context.now >= request.proposal.deadline {
        let retry_at = context.now.plus(context.rules.gate.ask_again);
        return Some(Fact::RequestExpired { request: request.id.clone(), retry_at });
    }
    escalated(context, request)
}

/// The question comes back as soon as the incident is released; but a silence or an inhibition may come and go all the
/// time, and people are not to be asked each time. Twice as long after each further question that was taken back.
fn pause_when_held(context: &Context<'_>, incident: &Incident) -> Duration {
    let held_back =
        |request: &&Request| matches!(request.approval, Approval::Withdrawn { reason: WithdrawReason::HeldBack, .. });
    match context.book.requests_of(incident).filter(held_back).count() {
        0 => Duration::ZERO,
        before => {
            let doubled = 2_u32.saturating_pow(u32::try_from(before - 1).unwrap_or(u32::MAX));
            PAUSE_WHEN_HELD.saturating_mul(doubled).min(context.rules.gate.ask_again)
        }
    }
}

/// Nobody has answered for a while, or not enough have: others are asked as well.
fn escalated(context: &Context<'_>, request: &Request) -> Option<Fact> {
    let escalation = request.proposal.terms.escalate.as_ref().filter(|_| request.escalated.is_none())?;
    let due = context.now >= escalation.at;
    due.then(|| Fact::RequestEscalated { request: request.id.clone(), to: escalation.to.clone() })
}

/// From when on nobody waits any more for the series of an incident. Calm and returns end it before that.
pub(crate) fn vanishes_at(rules: &Rules, open: &Incident) -> Option<Timestamp> {
    match &open.origin {
        Origin::Alert { .. } => None,
        origin => match rules.watches.get(origin.name()) {
            // As long as a present series may be anomalous before that is taken for normal.
            Some(watch) => matches!(origin, Origin::Absence { .. })
                .then(|| open.since.plus(watch.accept_after.max(watch.absent_after))),
            // Nobody looks at it any more, so nothing else could ever end it.
            None => Some(Timestamp::MIN),
        },
    }
}

/// Is it over, and why?
fn ending(context: &Context<'_>, open: &Incident) -> Option<CloseReason> {
    let last = context.book.requests_of(open).next_back();
    let outcome = last.and_then(|request| request.verification.as_ref()?.outcome.as_ref());
    if outcome.is_some_and(|(_, outcome, _)| *outcome == Verified::Fixed) {
        return Some(CloseReason::Fixed);
    }
    if context.book.is_busy(open) {
        return None;
    }
    if vanishes_at(context.rules, open).is_some_and(|at| context.now >= at) {
        return Some(CloseReason::Vanished);
    }
    if !open.is_calm() || open.unmet {
        return None;
    }
    let ended = |how: MemberEnd| open.members.values().any(|m| matches!(m.ended, Some((_, end)) if end == how));
    Some(match open.origin {
        Origin::Alert { .. } => CloseReason::Resolved,
        _ if ended(MemberEnd::Accepted) => CloseReason::Accepted,
        _ if ended(MemberEnd::Recovered) => CloseReason::Recovered,
        _ => CloseReason::Vanished,
    })
}
