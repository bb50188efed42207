//! What follows from time going by, and from what earlier events left to do.

use super::{Context, brakes, execution, incident, verification};
use crate::book::{Approval, Incident, Request, Run};
use crate::event::{CloseReason, Fact, MemberEnd, Origin, RunResult, Verified};

pub(super) fn tick(context: &Context<'_>) -> Vec<Fact> {
    let mut facts: Vec<Fact> = context.book.active_requests().filter_map(|r| request(context, r)).collect();
    if facts.is_empty() {
        // Only once nothing is left to say about requests: an incident closes by what became of them.
        for open in context.book.open_incidents() {
            facts
                .extend(ending(context, open).map(|reason| incident::close(context, open, reason)).unwrap_or_default());
        }
    }
    facts.extend(brakes::calm_down(context));
    facts
}

fn request(context: &Context<'_>, request: &Request) -> Option<Fact> {
    match (&request.approval, &request.run) {
        (Approval::Pending, _) if context.now >= request.proposal.deadline => Some(Fact::RequestExpired {
            request: request.id.clone(),
            retry_at: context.now.plus(context.rules.gate.ask_again),
        }),
        (_, Run::Lost { runs }) if !execution::may_run_again(request, *runs) => Some(Fact::ExecutionFinished {
            request: request.id.clone(),
            result: RunResult::Unknown { error: "the host stopped while the action ran".to_owned() },
        }),
        _ => verification::out_of_time(context, request),
    }
}

/// Is it over, and why?
fn ending(context: &Context<'_>, open: &Incident) -> Option<CloseReason> {
    let last = context.book.requests_of(open).next_back();
    let outcome = last.and_then(|request| request.verification.as_ref()?.outcome.as_ref());
    if outcome.is_some_and(|(_, outcome, _)| *outcome == Verified::Fixed) {
        return Some(CloseReason::Fixed);
    }
    if !open.is_calm() || open.unmet || context.book.is_busy(open) {
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
