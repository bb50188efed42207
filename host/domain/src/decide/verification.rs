//! Did the repair help? Judged by the detectors that raised the incident, with what they knew before it.

use std::collections::BTreeMap;

use super::{Context, incident};
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
    let mut facts = Vec::new();
    if verification.unmet.as_ref() != Some(unmet) {
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

/// An absent group is back. By itself, unless a repair is being verified: then that is what brought it back.
pub(super) fn returned(context: &Context<'_>, absent: &Incident) -> Vec<Fact> {
    match running(context, absent) {
        Some((request, _)) => {
            let mut facts = vec![Fact::VerificationFinished {
                request: request.id.clone(),
                outcome: Verified::Fixed,
                reason: "the group is back".to_owned(),
            }];
            facts.push(Fact::IncidentClosed { incident: absent.id.clone(), reason: CloseReason::Fixed });
            facts
        }
        None => incident::close(context, absent, CloseReason::Returned),
    }
}

/// Called as time goes by: verification ends at its limit, whatever was seen.
pub(super) fn out_of_time(context: &Context<'_>, request: &Request) -> Option<Fact> {
    let verification = request.verification.as_ref().filter(|v| v.outcome.is_none())?;
    if context.book.incident(&request.incident).is_some_and(Incident::is_accepted) {
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
            (Verified::Inconclusive, format!("only {} healthy observations in time", verification.healthy))
        }
        _ => (Verified::Ineffective, "still anomalous".to_owned()),
    }
}

fn running<'a>(context: &Context<'a>, incident: &'a Incident) -> Option<(&'a Request, &'a Verification)> {
    let request = context.book.verifying(incident)?;
    Some((request, request.verification.as_ref()?))
}
