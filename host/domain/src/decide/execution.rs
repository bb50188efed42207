//! Starting what was approved, at most once, and what came back.

use super::guards::{Candidate, Populations};
use super::{Context, guards, passing, proposal, silences};
use crate::book::{Approval, Incident, Request, Run};
use crate::event::{Fact, Guard, RequestId, RunResult};
use crate::input::Silence;
use crate::time::Timestamp;

/// How often an idempotent action that is lost from sight is run in all.
const MOST_RUNS: u32 = 3;

/// What the outside says just before an action is started; see [`Input::StartRequested`](crate::input::Input).
pub(super) struct Outside<'a> {
    pub(super) silence: &'a Silence,
    pub(super) last_sample: Option<Timestamp>,
    pub(super) policy_digest: &'a Option<String>,
    pub(super) populations: &'a Populations,
}

/// The caller runs the action if and only if `ExecutionStarted` comes back and has been made durable.
pub(super) fn start(context: &Context<'_>, id: &RequestId, outside: &Outside<'_>) -> Vec<Fact> {
    let Some(request) = context.book.request(id) else {
        return Vec::new();
    };
    let (earlier, start_by) = match (&request.approval, &request.run) {
        (Approval::Approved { at, .. }, Run::NotStarted) => (0, at.plus(request.proposal.start_within)),
        // It counts from when the run may have ended, or every long run would be too old to be run again.
        (Approval::Approved { at, .. }, Run::Lost { runs }) if may_run_again(request, *runs) => {
            let ended = request.last_start.unwrap_or(*at).plus(request.proposal.action.timeout);
            (*runs, ended.plus(request.proposal.start_within))
        }
        _ => return Vec::new(),
    };
    let incident = context.book.request(id).and_then(|request| context.book.incident(&request.incident));
    let held = incident.and_then(|incident| silences::asked(incident, outside.silence));
    let request = id.clone();
    let started = match guard(context, id, start_by, outside) {
        None => Fact::ExecutionStarted { request, run: earlier + 1 },
        Some(guard) if earlier == 0 => {
            let retry_at = guards::retry_at(context, &guard);
            Fact::ExecutionRefused { request, guard, retry_at }
        }
        // It may have worked the first time; a guard cannot make that undone.
        Some(guard) => {
            let error = format!("the host stopped while the action ran; it was not run again: {}", guard.name());
            Fact::ExecutionFinished { request, result: RunResult::Unknown { error } }
        }
    };
    held.into_iter().chain([started]).collect()
}

/// May a run that was lost from sight be repeated without asking?
pub(crate) fn may_run_again(request: &Request, runs: u32) -> bool {
    request.proposal.action.idempotent && runs < MOST_RUNS
}

/// A run was lost from sight: its end, unless it is to be run again.
pub(super) fn lost(context: &Context<'_>, request: &Request, runs: u32) -> Option<Fact> {
    let over = context.book.incident(&request.incident).is_none_or(|incident| !incident.is_open());
    let result = if request.proposal.action.dry_run {
        RunResult::DryRun
    } else if over || !may_run_again(request, runs) {
        RunResult::Unknown { error: "the host stopped while the action ran".to_owned() }
    } else {
        return None;
    };
    Some(Fact::ExecutionFinished { request: request.id.clone(), result })
}

/// The first reason not to start, in the order that [`guards`] gives.
fn guard(context: &Context<'_>, id: &RequestId, start_by: Timestamp, outside: &Outside<'_>) -> Option<Guard> {
    let in_trouble = |incident: &&Incident| incident.is_open() && (!incident.is_calm() || incident.unmet);
    let request = context.book.request(id);
    let incident = request.and_then(|request| context.book.incident(&request.incident)).filter(in_trouble);
    let (Some(request), Some(incident)) = (request, incident) else {
        return Some(Guard::NotActive);
    };
    let held = guards::on_everything(context).or_else(|| guards::in_maintenance(context, incident));
    if held.is_some() {
        return held;
    }
    if let Some(by) = silences::holder(incident, outside.silence) {
        return Some(Guard::Silenced { by: by.to_owned() });
    }
    if let Silence::Unknown(error) = outside.silence {
        return Some(Guard::SilencesUnknown { error: error.clone() });
    }
    if let Some(guard) = guards::is_usual(context, incident) {
        return Some(guard);
    }
    if context.now > start_by {
        return Some(Guard::Stale);
    }
    if guards::is_late(context, incident, outside.last_sample) {
        return Some(Guard::Late);
    }
    let Some(action) = proposal::unchanged(context, incident, &request.proposal.action) else {
        return Some(Guard::DigestChanged);
    };
    // Another policy, or none, might not have proposed this.
    if outside.policy_digest.as_ref() != Some(&request.proposal.policy_digest) {
        return Some(Guard::DigestChanged);
    }
    // What nobody was asked about has to be let through by what the config and the book say now.
    let by_itself = matches!(request.approval, Approval::Approved { by: None, .. });
    if by_itself && passing::by_itself(context, incident, &request.proposal.action, &action.terms).is_none() {
        return Some(Guard::DigestChanged);
    }
    let target = &request.proposal.action.target;
    let candidate = Candidate { action, target, request: Some(&request.id), populations: Some(outside.populations) };
    guards::on_target(context, &candidate)
}

pub(super) fn ran(context: &Context<'_>, id: &RequestId, result: &RunResult) -> Vec<Fact> {
    match context.book.request(id).map(|request| &request.run) {
        Some(Run::Running { .. }) => vec![Fact::ExecutionFinished { request: id.clone(), result: result.clone() }],
        _ => Vec::new(),
    }
}
