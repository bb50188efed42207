//! Did the repair help? Judged by the detectors that raised the incident, with what they knew before it.

use std::collections::BTreeMap;

use super::Context;
use crate::book::{Incident, Request, Verification};
use crate::event::{CloseReason, Fact, Health, RequestId, Verified};
use crate::time::Timestamp;

/// A group was looked at.
pub(super) fn observed(context: &Context<'_>, incident: &Incident, sample_at: Timestamp, health: Health) -> Vec<Fact> {
    let Some((request, verification)) = running(context, incident) else {
        return Vec::new();
    };
    let seen = verification.last_sample.is_some_and(|last| sample_at <= last);
    if seen || sample_at < verification.settled || sample_at > verification.until {
        return Vec::new();
    }
    let mut facts = vec![Fact::VerificationObserved { request: request.id.clone(), sample_at, health }];
    let verify = &request.proposal.action.verify;
    if health == Health::Healthy && verification.healthy + 1 >= verify.healthy_for && verify.require.is_empty() {
        facts.push(fixed(&request.id, verification.healthy + 1));
    }
    facts
}

/// What was required besides was evaluated: while a repair is verified, and afterwards where it was found missing.
pub(super) fn required(context: &Context<'_>, id: &RequestId, unmet: &BTreeMap<String, String>) -> Vec<Fact> {
    let Some(request) = context.book.request(id) else {
        return Vec::new();
    };
    let Some(verification) = &request.verification else {
        return Vec::new();
    };
    // A late answer about something that is over.
    let incident = context.book.incident(&request.incident).filter(|incident| incident.is_open());
    let wanted = |incident| request.is_verifying() || context.book.unmet(incident).is_some_and(|r| r.id == *id);
    if !incident.is_some_and(wanted) {
        return Vec::new();
    }
    let mut facts = Vec::new();
    // What came back differs from one look to the next; whether it holds is what counts.
    if verification.unmet.as_ref().is_none_or(|known| !known.keys().eq(unmet.keys())) {
        facts.push(Fact::RequirementsChecked { request: id.clone(), unmet: unmet.clone() });
    }
    let healthy = verification.healthy >= request.proposal.action.verify.healthy_for;
    if request.is_verifying() && healthy && unmet.is_empty() {
        facts.push(fixed(id, verification.healthy));
    }
    facts
}

fn fixed(request: &RequestId, healthy: u32) -> Fact {
    Fact::VerificationFinished {
        request: request.clone(),
        outcome: Verified::Fixed,
        reason: format!("{healthy} healthy observations in a row"),
    }
}

/// A series was taken for the new normal while its repair was being verified.
pub(super) fn accepted(request: &RequestId) -> Fact {
    Fact::VerificationFinished {
        request: request.clone(),
        outcome: Verified::Ineffective,
        reason: "it did not recover; the level was accepted as the new normal".to_owned(),
    }
}

/// An absent group is back. By itself, unless a repair is being verified that requires nothing else: then that is what
/// brought it back.
pub(super) fn returned(context: &Context<'_>, absent: &Incident) -> Vec<Fact> {
    let Some((request, _)) = running(context, absent) else {
        return vec![Fact::IncidentClosed { incident: absent.id.clone(), reason: CloseReason::Returned }];
    };
    let (outcome, reason, close) = if request.proposal.action.verify.require.is_empty() {
        (Verified::Fixed, "the group is back", CloseReason::Fixed)
    } else {
        (Verified::Inconclusive, "the group is back; what is required besides was not checked", CloseReason::Returned)
    };
    vec![
        Fact::VerificationFinished { request: request.id.clone(), outcome, reason: reason.to_owned() },
        Fact::IncidentClosed { incident: absent.id.clone(), reason: close },
    ]
}

/// Called as time goes by: verification ends at its limit, whatever was seen.
pub(super) fn out_of_time(context: &Context<'_>, request: &Request) -> Option<Fact> {
    let verification = request.verification.as_ref().filter(|v| v.outcome.is_none())?;
    let open = context.book.incident(&request.incident).filter(|incident| incident.is_open());
    let Some(incident) = open else {
        // It came back while the action ran: nobody looks at the group any more, and nobody can say what did it.
        return Some(Fact::VerificationFinished {
            request: request.id.clone(),
            outcome: Verified::Inconclusive,
            reason: "the incident was over before the action was".to_owned(),
        });
    };
    // While the action ran: what was accepted before it was proposed is not what it is to repair.
    if incident.is_accepted_since(request.opened_at) {
        return Some(accepted(&request.id));
    }
    if context.now < verification.until {
        return None;
    }
    let (outcome, reason) = verdict(request, verification);
    Some(Fact::VerificationFinished { request: request.id.clone(), outcome, reason })
}

fn verdict(request: &Request, verification: &Verification) -> (Verified, String) {
    let enough = verification.healthy >= request.proposal.action.verify.healthy_for;
    match (verification.last_health, &verification.unmet) {
        (None, _) => (Verified::Inconclusive, "no samples to judge by".to_owned()),
        (Some(Health::Healthy), Some(unmet)) if enough && !unmet.is_empty() => {
            let missing: Vec<&str> = unmet.keys().map(String::as_str).collect();
            (Verified::Ineffective, format!("recovered, but this does not hold: {}", missing.join("; ")))
        }
        (Some(Health::Healthy), None) if enough => {
            (Verified::Inconclusive, "recovered, but what is required besides could not be checked".to_owned())
        }
        (Some(Health::Healthy), _) => {
            let outcome = if verification.was_unhealthy { Verified::Ineffective } else { Verified::Inconclusive };
            (outcome, format!("only {} healthy observations in a row in time", verification.healthy))
        }
        _ => (Verified::Ineffective, "still anomalous".to_owned()),
    }
}

fn running<'a>(context: &Context<'a>, incident: &'a Incident) -> Option<(&'a Request, &'a Verification)> {
    let request = context.book.verifying(incident)?;
    Some((request, request.verification.as_ref()?))
}
