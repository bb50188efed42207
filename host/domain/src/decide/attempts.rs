//! What happened the last times: on an incident, and on whatever it is about.

use crate::book::{Approval, Book, Incident, Request, Run};
use crate::event::{RunResult, Verified};

/// Earlier requests that came to an end, on this incident or on the same target, oldest first.
pub fn attempts<'a>(book: &'a Book, incident: &'a Incident) -> impl DoubleEndedIterator<Item = &'a Request> {
    let mut ids: Vec<_> = incident.requests.iter().collect();
    ids.extend(book.targeted_within(&incident.labels));
    let mut requests: Vec<&Request> = ids.into_iter().filter_map(|id| book.request(id)).collect();
    requests.sort_by_key(|request| (request.opened_at, request.id.0.len(), &request.id));
    requests.dedup_by_key(|request| &request.id);
    requests.into_iter().filter(|request| !request.is_active() && outcome_of(request).0 != "withdrawn")
}

/// How an ended request ended, in the words of the contract, and why.
#[must_use]
pub fn outcome_of(request: &Request) -> (&'static str, String) {
    match (&request.approval, &request.run, &request.verification) {
        (Approval::Denied { reason, .. }, ..) => ("denied", reason.clone()),
        (Approval::Expired { .. }, ..) => ("expired", String::new()),
        (Approval::Withdrawn { .. }, ..) => ("withdrawn", String::new()),
        (_, Run::Refused { guard, .. }, _) => ("refused", guard.name().to_owned()),
        (_, Run::Finished { result: RunResult::Failed { error }, .. }, _) => ("failed", error.clone()),
        (_, Run::Finished { result: RunResult::Unknown { error }, .. }, _) => ("unknown", error.clone()),
        (_, Run::Finished { result: RunResult::DryRun, .. }, _) => ("refused", "dry run".to_owned()),
        (_, _, Some(verification)) => match &verification.outcome {
            Some((_, Verified::Fixed, _)) if verification.revoked => ("ineffective", "it broke again soon".to_owned()),
            Some((_, Verified::Fixed, reason)) => ("fixed", reason.clone()),
            Some((_, Verified::Ineffective, reason)) => ("ineffective", reason.clone()),
            Some((_, Verified::Inconclusive, reason)) => ("inconclusive", reason.clone()),
            None => ("running", String::new()),
        },
        _ => ("running", String::new()),
    }
}

/// What is counted of earlier requests, in the order told: what was decided, then what came of it.
const COUNTED: [&str; 9] =
    ["approved", "denied", "expired", "fixed", "ineffective", "inconclusive", "failed", "unknown", "refused"];

/// How often each thing happened, as `2 denied`; what never happened is left out.
pub(super) fn tally(requests: &[&Request]) -> Vec<String> {
    let approved = |request: &Request| request.approved_at().map(|_| "approved");
    let words = requests.iter().flat_map(|request| approved(request).into_iter().chain([outcome_of(request).0]));
    let words: Vec<&str> = words.collect();
    let counts = COUNTED.iter().map(|name| (words.iter().filter(|word| *word == name).count(), name));
    counts.filter(|(count, _)| *count > 0).map(|(count, name)| format!("{count} {name}")).collect()
}
