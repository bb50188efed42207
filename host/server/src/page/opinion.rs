//! The second opinion on an alert: what the detectors say of the series behind it, and whether that is usual for the time.

use maud::{Markup, html};
use tidegate_domain::book::Incident;
use tidegate_domain::event::{OpinionVerdict, SecondOpinion};
use tidegate_domain::time::Timestamp;

use super::evidence;
use super::said::{self, said};
use super::standing::{Tone, chip};
use super::when;

/// In a word or two.
pub(super) fn word(opinion: &SecondOpinion) -> Markup {
    match opinion.verdict {
        OpinionVerdict::Usual => chip(Tone::Still, "usual for this time"),
        OpinionVerdict::Unusual => chip(Tone::Bad, "unusual for this time"),
        OpinionVerdict::Unknown { .. } => chip(Tone::Still, "not known"),
    }
}

/// For lists, where only what was found is worth a word.
pub(super) fn finding(incident: &Incident) -> Markup {
    let found = |opinion: &&SecondOpinion| !matches!(opinion.verdict, OpinionVerdict::Unknown { .. });
    html! { @if let Some(opinion) = incident.second_opinion().filter(found) { (word(opinion)) " " } }
}

/// All of it, below the alert that it is on.
pub(super) fn whole(opinion: &SecondOpinion, at: Timestamp, now: Timestamp) -> Markup {
    html! {
        div.opinion {
            ul.marks {
                li { "Second opinion " (word(opinion)) ", " (when::moment(at, now)) }
                @if let Some(seen) = &opinion.evidence {
                    li { "Value " b { (said::number(seen.value.0)) } }
                    li { "Expected " (said::number(seen.expected.0)) ", normal " (said::band(seen)) }
                    li { "Score " b { (said::number(seen.score.0)) } }
                }
            }
            @if let OpinionVerdict::Unknown { why } = &opinion.verdict { p.quiet { (said(why)) } }
            @if !opinion.expr.is_empty() { p { code { (said(&opinion.expr)) } } }
            @if let Some(seen) = &opinion.evidence { (evidence::detectors(seen)) }
        }
    }
}
