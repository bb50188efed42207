//! Second opinions: what the detectors say of the series behind an alert, kept short enough for the journal.

use std::collections::BTreeMap;

use super::Context;
use crate::event::{Evidence, Fact, IncidentId, OpinionVerdict, SecondOpinion};
use crate::text::one_line;

/// How many alerts of one incident are kept an opinion on, those that tell most first. Nobody reads more, and of an alert
/// without one nothing is said to be usual.
const MOST_OPINIONS: usize = 100;
/// How many samples are kept of each: enough to draw them.
const MOST_SAMPLES: usize = 120;
/// How many characters of an expression, of a reason and of a detector's note are kept.
const MOST_OF_TEXT: usize = 2000;

/// The detectors were asked. Of an incident that is over nothing is noted any more, and neither is what they say of alerts
/// that are not its own. An answer without any opinion is one as well: the policy need not wait for it.
pub(super) fn formed(context: &Context<'_>, id: &IncidentId, opinions: &[SecondOpinion]) -> Vec<Fact> {
    let Some(open) = context.book.incident(id).filter(|incident| incident.is_open() && incident.wants_opinion) else {
        return Vec::new();
    };
    // Of two on one alert the one that tells more.
    let mut by_alert: BTreeMap<&str, &SecondOpinion> = BTreeMap::new();
    for opinion in opinions.iter().filter(|opinion| open.alerts.contains_key(&opinion.fingerprint)) {
        let kept = by_alert.entry(&opinion.fingerprint).or_insert(opinion);
        if opinion.verdict.rank() < kept.verdict.rank() {
            *kept = opinion;
        }
    }
    let mut kept: Vec<&SecondOpinion> = by_alert.into_values().collect();
    kept.sort_by_key(|opinion| opinion.verdict.rank());
    let opinions = kept.into_iter().take(MOST_OPINIONS).map(bounded).collect();
    vec![Fact::SecondOpinionGiven { incident: id.clone(), opinions }]
}

fn bounded(opinion: &SecondOpinion) -> SecondOpinion {
    SecondOpinion {
        fingerprint: opinion.fingerprint.clone(),
        verdict: match &opinion.verdict {
            OpinionVerdict::Unknown { why } => OpinionVerdict::Unknown { why: one_line(why, MOST_OF_TEXT) },
            judged => judged.clone(),
        },
        expr: cut(&opinion.expr),
        evidence: opinion.evidence.as_ref().map(|evidence| Box::new(short(evidence))),
    }
}

/// Without the detectors' states, which nothing is judged by later.
fn short(evidence: &Evidence) -> Evidence {
    let mut short = evidence.clone();
    short.window = evidence.window.iter().skip(evidence.window.len().saturating_sub(MOST_SAMPLES)).copied().collect();
    for opinion in &mut short.opinions {
        opinion.state.0 = Vec::new();
        opinion.note = opinion.note.as_deref().map(cut);
    }
    short
}

/// As it is: white space matters in an expression.
fn cut(text: &str) -> String {
    text.chars().take(MOST_OF_TEXT).collect()
}
