//! The card's lines about the second opinion: is the value unusual for this time?

use super::shortened;
use crate::book::Incident;
use crate::event::{Evidence, OpinionVerdict, SecondOpinion};
use crate::number::short;

/// The opinion that tells most, and how many alerts it stands for; nothing where none was wanted.
pub(super) fn lines(incident: &Incident) -> Vec<String> {
    let Some((_, opinions)) = incident.opinions.as_ref().filter(|_| incident.wants_opinion) else {
        return Vec::new();
    };
    let firing = incident.alerts.values().filter(|alert| alert.firing).count();
    let line = match incident.second_opinion() {
        Some(opinion) => {
            let alike = |other: &&SecondOpinion| {
                let fires = incident.alerts.get(&other.fingerprint).is_some_and(|alert| alert.firing);
                fires && other.verdict.rank() == opinion.verdict.rank()
            };
            let alike = opinions.iter().filter(alike).count();
            let of_all = if firing > 1 { format!(", {alike} of {firing} alerts") } else { String::new() };
            match &opinion.verdict {
                OpinionVerdict::Usual => format!("usual for this time{}{of_all}", seen(opinion)),
                OpinionVerdict::Unusual => format!("unusual for this time{}{of_all}", seen(opinion)),
                OpinionVerdict::Unknown { why } => format!("second opinion: not known{of_all}, because {why}"),
            }
        }
        None => {
            let not_asked = incident.unjudged();
            format!("second opinion: not known, because {not_asked} of {firing} alerts were not looked at")
        }
    };
    let told = incident.second_opinion().and_then(|opinion| opinion.evidence.as_deref());
    std::iter::once(line).chain(told.into_iter().flat_map(notes)).collect()
}

/// What the detectors say of it in words.
fn notes(evidence: &Evidence) -> Vec<String> {
    let noted: Vec<(&str, &str)> = evidence
        .opinions
        .iter()
        .filter_map(|opinion| Some((opinion.detector.as_str(), opinion.note.as_deref()?)))
        .collect();
    shortened(&noted, |(detector, note)| format!("{detector} says: {note}"), "detectors")
}

fn seen(opinion: &SecondOpinion) -> String {
    let Some(evidence) = &opinion.evidence else { return String::new() };
    let Evidence { value, expected, lower, upper, .. } = &**evidence;
    let judged = evidence.opinions.iter().filter(|opinion| !opinion.score.0.is_nan());
    let detectors: Vec<&str> = judged.map(|opinion| opinion.detector.as_str()).collect();
    let by = if detectors.is_empty() { String::new() } else { format!(", by {}", detectors.join(", ")) };
    let band = format!("({} to {})", short(lower.0), short(upper.0));
    format!(": {}, expected {} {band}{by}", short(value.0), short(expected.0))
}
