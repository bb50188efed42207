//! Starting what was approved, at most once, and what came back.

use super::{Context, guards, proposal};
use crate::book::{Approval, Request, Run};
use crate::event::{Fact, Guard, RequestId, RunResult};
use crate::input::Silence;
use crate::time::Timestamp;

/// How often an idempotent action that is lost from sight is run in all.
const MOST_RUNS: u32 = 3;

/// The caller runs the action if and only if `ExecutionStarted` comes back and has been made durable.
pub(super) fn start(
    context: &Context<'_>,
    id: &RequestId,
    silence: &Silence,
    last_sample: Option<Timestamp>,
) -> Vec<Fact> {
    let Some(request) = context.book.request(id) else {
        return Vec::new();
    };
    let run = match (&request.approval, &request.run) {
        (Approval::Approved { .. }, Run::NotStarted) => 1,
        (Approval::Approved { .. }, Run::Lost { runs }) if may_run_again(request, *runs) => runs + 1,
        _ => return Vec::new(),
    };
    let guard = if run == 1 { guard(context, request, silence, last_sample) } else { None };
    match guard {
        None => vec![Fact::ExecutionStarted { request: id.clone(), run }],
        Some(guard) => {
            let retry_at = match &guard {
                // The approval itself has aged: ask again at once.
                Guard::Stale | Guard::DigestChanged => context.now,
                Guard::Cooldown { until } | Guard::Rate { until } => *until,
                _ => context.now.plus(context.rules.gate.ask_again),
            };
            vec![Fact::ExecutionRefused { request: id.clone(), guard, retry_at }]
        }
    }
}

/// May a run that was lost from sight be repeated without asking?
pub(crate) fn may_run_again(request: &Request, runs: u32) -> bool {
    request.proposal.action.idempotent && runs < MOST_RUNS
}

fn guard(context: &Context<'_>, request: &Request, silence: &Silence, last_sample: Option<Timestamp>) -> Option<Guard> {
    let (gate, now) = (&context.rules.gate, context.now);
    let Some(incident) = context.book.incident(&request.incident).filter(|i| i.is_open() && !i.is_calm()) else {
        return Some(Guard::NotActive);
    };
    if let Some(by) = &context.book.paused {
        return Some(Guard::Paused { by: by.approver.clone() });
    }
    if context.book.storm.is_some() {
        return Some(Guard::Storm);
    }
    match silence {
        Silence::None => {}
        Silence::By(by) => return Some(Guard::Silenced { by: by.clone() }),
        Silence::Unknown(error) => {
            return Some(Guard::SilencesUnknown { error: error.clone() });
        }
    }
    if request.approved_at().is_none_or(|at| now.since(at) > request.proposal.start_within) {
        return Some(Guard::Stale);
    }
    if last_sample.is_none_or(|at| now.since(at) > gate.max_age) {
        return Some(Guard::Late);
    }
    if !proposal::is_unchanged(context, incident, request) {
        return Some(Guard::DigestChanged);
    }
    let action = context.rules.actions.get(&request.proposal.action.name)?;
    guards::on_target(context, action, &request.proposal.action.target, Some(&request.id))
}

pub(super) fn ran(context: &Context<'_>, id: &RequestId, result: &RunResult) -> Vec<Fact> {
    match context.book.request(id).map(|request| &request.run) {
        Some(Run::Running { .. }) => vec![Fact::ExecutionFinished { request: id.clone(), result: result.clone() }],
        _ => Vec::new(),
    }
}
