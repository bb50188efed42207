//! What the book says is still to be done, and when time itself will matter next. Computed, never stored.

use std::time::Duration;

use crate::book::{Approval, Book, Request, Run};
use crate::decide::{given_up_at, may_run_again, vanishes_at};
use crate::event::{IncidentId, RequestId};
use crate::rules::Rules;
use crate::time::Timestamp;

/// An opinion is about its time of day: what was usual at two may not be at three. The policy is asked within a moment,
/// unless something held that up.
const OPINION_LASTS: Duration = Duration::from_secs(10 * 60);

/// Something the shell has to do. All but `Start` may be done more than once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Duty {
    /// Ask the policy of this incident.
    Consult(IncidentId),
    /// Look around, ask for `ExecutionStarted`, and run it if that is granted.
    Start(RequestId),
    /// Evaluate what this request requires besides.
    CheckRequirements(RequestId),
    /// Fetch the alerts of this incident that its delivery did not hold.
    FetchLeftOut(IncidentId),
    /// Ask the detectors about the series behind the alerts of this incident.
    FormOpinion(IncidentId),
}

/// Everything that is owed now.
#[must_use]
pub fn owed(book: &Book, now: Timestamp) -> Vec<Duty> {
    let mut duties = Vec::new();
    // What would be held back anyway is asked once that is over.
    if book.storm().is_none() && book.paused_by().is_none() {
        for (from, incident) in book.due(None, Some(now)).filter(|(_, incident)| incident.held.is_none()) {
            // The detectors first: the policy is to know what they say, and so is whoever decides.
            let fresh = |at: Timestamp| at >= from && now.since(at) <= OPINION_LASTS;
            let said = incident.opinions.as_ref().is_some_and(|(at, _)| fresh(*at));
            let id = incident.id.clone();
            duties.push(if incident.wants_opinion && !said { Duty::FormOpinion(id) } else { Duty::Consult(id) });
        }
    }
    for incident in book.restless() {
        if incident.left_out.is_some() {
            duties.push(Duty::FetchLeftOut(incident.id.clone()));
        }
        duties.extend(book.unmet(incident).map(|request| Duty::CheckRequirements(request.id.clone())));
    }
    for request in book.active_requests() {
        duties.extend(of_request(request));
    }
    duties.sort();
    duties.dedup();
    duties
}

fn of_request(request: &Request) -> Option<Duty> {
    match (&request.approval, &request.run) {
        (Approval::Approved { .. }, Run::NotStarted) => Some(Duty::Start(request.id.clone())),
        (Approval::Approved { .. }, Run::Lost { runs }) if may_run_again(request, *runs) => {
            Some(Duty::Start(request.id.clone()))
        }
        _ => {
            let verification = request.verification.as_ref().filter(|v| v.outcome.is_none())?;
            let verify = &request.proposal.action.verify;
            (verification.healthy >= verify.healthy_for && !verify.require.is_empty())
                .then(|| Duty::CheckRequirements(request.id.clone()))
        }
    }
}

/// When [`Input::Tick`](crate::input::Input::Tick) or [`owed`] will next give something new without any other input.
#[must_use]
pub fn next_deadline(book: &Book, rules: &Rules, now: Timestamp) -> Option<Timestamp> {
    let requests = book.active_requests().filter_map(|request| match request.approval {
        Approval::Pending => next_of_pending(request, now),
        _ => request.verification.as_ref().filter(|v| v.outcome.is_none()).map(|v| v.until),
    });
    // What is held back is asked about once a look has released it.
    let consult = book.due(Some(now), None).find(|(_, incident)| incident.held.is_none()).map(|(from, _)| from);
    let fetches = book.restless().filter_map(|incident| given_up_at(rules.gate.max_age, incident));
    let storm = book.storm().map(|storm| storm.fed_at.plus(rules.storm.quiet));
    let endings = book.restless().filter(|incident| !book.is_busy(incident));
    let endings = endings.filter_map(|incident| vanishes_at(rules, incident));
    requests.chain(consult).chain(fetches).chain(storm).chain(endings).min()
}

/// When people are to be reminded, others are asked as well, or it is too late.
fn next_of_pending(request: &Request, now: Timestamp) -> Option<Timestamp> {
    let terms = &request.proposal.terms;
    let remind = terms.remind_at.filter(|at| request.reminded.is_none() && *at > now);
    let escalate = terms.escalate.as_ref().filter(|_| request.escalated.is_none()).map(|escalation| escalation.at);
    [remind, escalate, Some(request.proposal.deadline)].into_iter().flatten().min()
}
