//! What the person who decides is shown: the evidence, and what happened the last times. One line a fact; an approval is
//! bound to these lines.

use crate::book::{Approval, Book, Incident, Request, Run};
use crate::event::{Origin, ResolvedAction, RunResult, Verified};

/// The evidence as the person sees it, one line a fact.
pub(super) fn evidence_lines(book: &Book, incident: &Incident, action: &ResolvedAction) -> Vec<String> {
    let mut lines = vec![format!("{} {}", incident.origin.name(), incident.labels)];
    if let Some(worst) = incident.worst() {
        let by = if worst.cold_start { " by static bounds, the series is still being learnt" } else { "" };
        lines.push(format!(
            "value {}, expected {} ({} to {}), score {}{by}",
            short(worst.value.0),
            short(worst.expected.0),
            short(worst.lower.0),
            short(worst.upper.0),
            short(worst.score.0),
        ));
        for opinion in &worst.opinions {
            let note = opinion.note.as_deref().map(|note| format!(": {note}")).unwrap_or_default();
            lines.push(format!("{} scores {}{note}", opinion.detector, short(opinion.score.0)));
        }
        if incident.members.len() > 1 {
            lines.push(format!("{} series of the group are anomalous", incident.members.len()));
        }
    }
    if let Origin::Absence { .. } = incident.origin {
        lines.push("no samples: the group stopped coming".to_owned());
    }
    for alert in incident.alerts.values().take(5) {
        let text = alert.annotations.get("summary").or(alert.annotations.get("description")).unwrap_or("");
        lines.push(format!("alert {} {text}", alert.labels).trim_end().to_owned());
    }
    for attempt in attempts(book, incident).rev().take(5) {
        let (outcome, reason) = outcome_of(attempt);
        let because = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
        lines.push(format!("before: {} on {} was {outcome}{because}", attempt.proposal.action.name, action.target));
    }
    lines
}

/// Earlier requests that came to an end, on this incident or on the same target, oldest first.
pub fn attempts<'a>(book: &'a Book, incident: &'a Incident) -> impl DoubleEndedIterator<Item = &'a Request> {
    let mut ids: Vec<_> = incident.requests.iter().collect();
    let targets = book.index.by_target.iter().filter(|(target, _)| target.within(&incident.labels));
    ids.extend(targets.flat_map(|(_, ids)| ids));
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

/// Four significant digits: enough to judge by, short enough to read.
fn short(value: f64) -> String {
    if !value.is_finite() {
        return if value.is_nan() {
            "unknown"
        } else if value > 0.0 {
            "+Inf"
        } else {
            "-Inf"
        }
        .to_owned();
    }
    let magnitude = if value == 0.0 { 0 } else { value.abs().log10().floor() as i32 };
    if !(-4..15).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let decimals = usize::try_from(3 - magnitude).unwrap_or(0);
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn numbers_are_short_and_keep_their_size() {
        for (value, text) in [
            (0.0, "0"),
            (0.123_456, "0.1235"),
            (41.0, "41"),
            (1234.5, "1234"),
            (123_456.0, "123456"),
            (-0.5, "-0.5"),
            (1e-9, "1.000e-9"),
            (f64::INFINITY, "+Inf"),
            (f64::NAN, "unknown"),
        ] {
            assert_eq!(short(value), text);
        }
    }
}
