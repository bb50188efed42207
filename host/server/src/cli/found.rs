//! What was found wrong with a value, and what the detectors say of it.

use tidegate_domain::number::Number;
use tidegate_domain::text::one_line;
use tidegate_workbench::text::short;

use super::wire::{DetectorSaid, Incident, SecondOpinion};

/// Longest note of a detector.
const MOST_OF_NOTE: usize = 600;

/// What was found wrong, as the host says it; a host that does not gives the numbers.
pub(super) fn found(incident: &Incident) -> String {
    let expected = expected(incident.expected, incident.lower, incident.upper);
    match (&incident.finding, number(incident.value)) {
        (Some(finding), _) => finding.clone(),
        (None, value) if value.is_empty() || expected.is_empty() => value,
        (None, value) => format!("value {value}, expected {expected}"),
    }
}

/// One line for each detector, what it says in words behind its score.
pub(super) fn said(detectors: &[DetectorSaid]) -> String {
    let line = |said: &DetectorSaid| {
        let score = number(Some(said.score));
        let score = if score.is_empty() { "has not judged it".to_owned() } else { format!("scores {score}") };
        let note = said.note.as_deref().map(|note| format!(": {}", one_line(note, MOST_OF_NOTE))).unwrap_or_default();
        format!("{} {score}{note}", said.name)
    };
    detectors.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What was expected, and the band around it. Nothing where nothing was.
fn expected(expected: Option<Number>, lower: Option<Number>, upper: Option<Number>) -> String {
    let band = match (number(lower), number(upper)) {
        (lower, upper) if lower.is_empty() && upper.is_empty() => String::new(),
        (lower, upper) if lower.is_empty() => format!(" (up to {upper})"),
        (lower, upper) if upper.is_empty() => format!(" (from {lower})"),
        (lower, upper) => format!(" ({lower} to {upper})"),
    };
    let expected = number(expected);
    if expected.is_empty() { expected } else { expected + &band }
}

/// What the detectors say of its alerts.
pub(super) fn opinion(opinion: &SecondOpinion) -> String {
    let seen = match (number(opinion.value), expected(opinion.expected, opinion.lower, opinion.upper)) {
        (value, _) if value.is_empty() => String::new(),
        (value, expected) if expected.is_empty() => format!(", value {value}"),
        (value, expected) => format!(", value {value}, expected {expected}"),
    };
    let verdict = match (opinion.verdict.as_str(), &opinion.why) {
        ("usual" | "unusual", None) => format!("{} for this time", opinion.verdict),
        (verdict, Some(why)) => format!("{verdict}: {why}"),
        (verdict, None) => verdict.to_owned(),
    };
    let lines = [opinion.expr.clone(), said(&opinion.detectors)];
    let lines: String = lines.iter().filter(|line| !line.is_empty()).map(|line| format!("\n{line}")).collect();
    format!("{verdict}{seen}{lines}")
}

/// Nothing where nothing was measured.
pub(super) fn number(value: Option<Number>) -> String {
    match value {
        Some(Number(value)) if !value.is_nan() => short(value),
        _ => String::new(),
    }
}
