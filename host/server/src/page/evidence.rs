//! What an incident rests on: what each detector said of each series, the alerts, and what the policy asked and was told.

use maud::{Markup, html};
use tidegate_domain::book::{Incident, Member};
use tidegate_domain::event::{Alert, BeyondBound, Evidence, Fact, MemberEnd, Question, Reply};
use tidegate_domain::time::Timestamp;

use super::said::{self, said};
use super::{opinion, when};
use crate::journal::Stored;

/// Series, alerts, questions and samples beyond these are counted and not shown: nobody reads that far.
const MOST_SERIES: usize = 20;
const MOST_ALERTS: usize = 20;
const MOST_QUESTIONS: usize = 30;
const MOST_SAMPLES: usize = 20;

pub(super) fn section(incident: &Incident, events: &[Stored], now: Timestamp) -> Markup {
    // What still fires matters more.
    let mut alerts: Vec<&Alert> = incident.alerts.values().collect();
    alerts.sort_by_key(|alert| !alert.firing);
    let asked: Vec<(&Stored, &Question)> = events.iter().flat_map(questions).collect();
    html! {
        section #evidence aria-labelledby="evidence-heading" {
            h2 #evidence-heading { "Evidence" }
            @if incident.members.is_empty() && incident.alerts.is_empty() && asked.is_empty() {
                p.quiet { "No samples and no alerts: the group stopped coming." }
            }
            @for member in incident.members.values().take(MOST_SERIES) { (series(member, now)) }
            (more(incident.members.len(), MOST_SERIES, "series"))
            @for alert in alerts.iter().take(MOST_ALERTS) { (delivered(incident, alert, now)) }
            (more(incident.alerts.len(), MOST_ALERTS, "alerts"))
            @if !asked.is_empty() {
                h3 { "What the policy asked Prometheus" }
                @for (nth, (stored, question)) in asked.iter().take(MOST_QUESTIONS).enumerate() { (asked_one(nth, stored, question, now)) }
                (more(asked.len(), MOST_QUESTIONS, "questions"))
            }
        }
    }
}

fn more(all: usize, shown: usize, what: &str) -> Markup {
    html! { @if all > shown { p.quiet { "and " (all - shown) " more " (what) } } }
}

fn series(member: &Member, now: Timestamp) -> Markup {
    let seen = &member.evidence;
    html! {
        article.evidence {
            h3 { (said::labels(&seen.series)) }
            ul.marks {
                li { "Value " b { (said::number(seen.value.0)) } }
                (judged_by(seen, now))
                @if let Some(event) = &seen.during { li { "During the known event " b { (said(event)) } } }
                li { "Anomalous since " (when::moment(seen.since, now)) }
                @if let Some((at, how)) = member.ended {
                    li {
                        @match how {
                            MemberEnd::Recovered => "Recovered",
                            MemberEnd::Accepted => "Taken for the new normal",
                            MemberEnd::Vanished => "Gone",
                        }
                        " " (when::moment(at, now))
                    }
                }
            }
            (detectors(seen))
        }
    }
}

/// By what it counts: the detectors' band, or a static bound, and until when that judges.
fn judged_by(seen: &Evidence, now: Timestamp) -> Markup {
    let (side, bound) = match seen.beyond() {
        Some(BeyondBound::Above(bound)) => ("Above", bound),
        Some(BeyondBound::Below(bound)) => ("Below", bound),
        None => {
            return html! {
                li { "Expected " (said::number(seen.expected.0)) ", normal " (said::band(seen)) }
                li { "Score " b { (said::number(seen.score.0)) } }
            };
        }
    };
    html! {
        li { (side) " the static bound " b { (said::number(bound)) } ": the detectors do not judge it yet" }
        @if let Some(learning) = &seen.learning {
            li {
                "It is known since " (when::moment(learning.since, now)) " and had " (learning.so_far(seen.at))
                ": static bounds judge it until " (when::moment(learning.until, now))
            }
        }
    }
}

/// What each detector said, where any did.
pub(super) fn detectors(seen: &Evidence) -> Markup {
    html! {
        @if !seen.opinions.is_empty() {
            @if seen.cold_start { p.quiet { "What the detectors say of it does not count yet:" } }
            div.scroll tabindex="0" role="region" aria-label="What each detector said" {
                table {
                    thead { tr { th scope="col" { "Detector" } th.num scope="col" { "Score" } th scope="col" { "It says" } th scope="col" { "Component" } } }
                    tbody {
                        @for opinion in &seen.opinions {
                            tr {
                                th scope="row" { (said(&opinion.detector)) }
                                td.num { (said::number(opinion.score.0)) }
                                td { @if let Some(note) = &opinion.note { (said(note)) } @else { span.none { "nothing" } } }
                                td { (said::digest(&opinion.digest)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn delivered(incident: &Incident, alert: &Alert, now: Timestamp) -> Markup {
    let on_it = incident.opinions.as_ref().and_then(|(at, opinions)| {
        opinions.iter().find(|opinion| opinion.fingerprint == alert.fingerprint).map(|opinion| (*at, opinion))
    });
    html! {
        article.evidence {
            h3 { (said::labels(&alert.labels)) }
            ul.marks {
                li { @if alert.firing { "Firing" } @else { "Resolved" } " since " (when::moment(alert.starts_at, now)) }
                li { "Fingerprint " code { (said(&alert.fingerprint)) } }
            }
            dl.facts { @for (name, value) in alert.annotations.iter() { dt { (said(name)) } dd { (said(value)) } } }
            @if let Some((at, on_it)) = on_it { (opinion::whole(on_it, at, now)) }
        }
    }
}

fn questions(stored: &Stored) -> Vec<(&Stored, &Question)> {
    match &stored.event.fact {
        Fact::PolicyAsked { asked, .. } => asked.questions.iter().map(|question| (stored, question)).collect(),
        _ => Vec::new(),
    }
}

fn asked_one(nth: usize, stored: &Stored, question: &Question, now: Timestamp) -> Markup {
    html! {
        details.question id={ "question-" (nth) } {
            summary { code { (said(&question.expr)) @if question.cut_from.is_some() { "…" } } " " span.quiet { (reply(&question.reply)) ", " (when::moment(stored.event.at, now)) } }
            @match &question.reply {
                Reply::Answered { samples } => {
                    ul {
                        @for sample in samples.iter().take(MOST_SAMPLES) {
                            li { (said::labels(&sample.labels)) " " b { (said::number(sample.value.0)) } }
                        }
                    }
                    (more(samples.len(), MOST_SAMPLES, "samples"))
                },
                Reply::Failed { error: why } | Reply::Refused { reason: why } => p { (said(why)) },
            }
        }
    }
}

fn reply(reply: &Reply) -> String {
    match reply {
        Reply::Answered { samples } if samples.len() == 1 => format!("gave {}", said::number(samples[0].value.0)),
        Reply::Answered { samples } => format!("gave {} series", samples.len()),
        Reply::Failed { .. } => "failed".to_owned(),
        Reply::Refused { .. } => "was refused".to_owned(),
    }
}
