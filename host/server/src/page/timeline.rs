//! The timeline of an incident, from the journal, in plain words. What comes in bulk is folded into one line.

use maud::{Markup, html};
use tidegate_domain::book::Book;
use tidegate_domain::event::{Event, Fact};

use super::said::said;
use super::when;
use crate::journal::Stored;
use crate::story;

/// Lines that are shown at once; the ones before lie folded above them.
const MOST_LINES: usize = 200;
/// And of those: alerts that come and go for weeks make any number of them.
const MOST_EARLIER: usize = 1000;

/// A line: an event, or several of one kind in a row.
#[derive(Debug)]
struct Line<'a> {
    first: &'a Stored,
    last: &'a Stored,
    count: usize,
    /// Samples of all of them, where they are traces.
    samples: usize,
}

/// Every event of an incident, oldest first.
pub(super) fn list(book: &Book, events: &[Stored]) -> Markup {
    let lines = folded(events);
    let (earlier, shown) = lines.split_at(lines.len().saturating_sub(MOST_LINES));
    let (left_out, folded) = earlier.split_at(earlier.len().saturating_sub(MOST_EARLIER));
    html! {
        @if !earlier.is_empty() {
            details #earlier {
                summary { (earlier.len()) " earlier lines" }
                @if !left_out.is_empty() {
                    p.quiet { "The first " (left_out.len()) " are left out here: " code { "tidegate incident show" } " shows them." }
                }
                (days(book, folded))
            }
        }
        (days(book, shown))
    }
}

fn days(book: &Book, lines: &[Line<'_>]) -> Markup {
    let mut days: Vec<(String, Vec<&Line<'_>>)> = Vec::new();
    for line in lines {
        let day = when::day(line.first.event.at);
        match days.last_mut() {
            Some((known, of)) if *known == day => of.push(line),
            _ => days.push((day, vec![line])),
        }
    }
    html! {
        @for (day, lines) in &days {
            h3.day { (day) ", UTC" }
            ol.timeline {
                @for line in lines {
                    li class=(tone(&line.first.event)) {
                        (when::of_day(line.first.event.at)) " "
                        div {
                            (text(book, line))
                            @if line.count > 1 { " " span.quiet { "(" (line.count) " times, until " (when::of_day(line.last.event.at)) ")" } }
                        }
                    }
                }
            }
        }
    }
}

fn folded(events: &[Stored]) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    for stored in events {
        let samples = samples(&stored.event.fact);
        match lines.last_mut() {
            Some(line) if is_more_of(&line.first.event.fact, &stored.event.fact) => {
                (line.last, line.count, line.samples) = (stored, line.count + 1, line.samples + samples);
            }
            _ => lines.push(Line { first: stored, last: stored, count: 1, samples }),
        }
    }
    lines
}

fn samples(fact: &Fact) -> usize {
    match fact {
        Fact::SeriesTraced { points, .. } => points.len(),
        _ => 0,
    }
}

/// Does the second of two events say nothing that the first did not?
fn is_more_of(first: &Fact, next: &Fact) -> bool {
    match (first, next) {
        (Fact::SeriesTraced { .. }, Fact::SeriesTraced { .. }) => true,
        (
            Fact::VerificationObserved { request, health, .. },
            Fact::VerificationObserved { request: next, health: seen, .. },
        ) => request == next && health == seen,
        (Fact::RequirementsChecked { request, unmet }, Fact::RequirementsChecked { request: next, unmet: still }) => {
            request == next && unmet == still
        }
        (Fact::RequestTold { request, .. }, Fact::RequestTold { request: next, .. }) => request == next,
        (Fact::PolicyFailed { error, .. }, Fact::PolicyFailed { error: again, .. }) => error == again,
        _ => false,
    }
}

fn text(book: &Book, line: &Line<'_>) -> Markup {
    match &line.first.event.fact {
        Fact::SeriesTraced { .. } => html! { (line.samples) " more samples were recorded for the charts" },
        fact => said(&story::tell(book, fact)),
    }
}

/// How a line is marked: what people did, what was run, what was wrong, and what only happened by the way.
fn tone(event: &Event) -> &'static str {
    match &event.fact {
        Fact::IncidentOpened { .. }
        | Fact::MemberJoined { .. }
        | Fact::SeverityRaised { .. }
        | Fact::ExecutionRefused { .. }
        | Fact::ProposalRefused { .. }
        | Fact::PolicyFailed { .. }
        | Fact::FixRevoked { .. } => "bad",
        Fact::RequestOpened { .. }
        | Fact::ApprovalGiven { .. }
        | Fact::RequestApproved { .. }
        | Fact::RequestAutoApproved { .. }
        | Fact::RequestDenied { .. }
        | Fact::RequestExpired { .. }
        | Fact::RequestEscalated { .. } => "waits",
        Fact::SecondOpinionGiven { .. } | Fact::SilenceMade { .. } => "waits",
        Fact::ExecutionStarted { .. } | Fact::ExecutionFinished { .. } => "goes",
        Fact::IncidentClosed { .. } | Fact::VerificationFinished { .. } | Fact::MemberEnded { .. } => "good",
        _ => "still",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_domain::event::{Health, IncidentId, RequestId};
    use tidegate_domain::labels::Labels;
    use tidegate_domain::time::Timestamp;

    fn stored(facts: Vec<Fact>) -> Vec<Stored> {
        let stored = |(nth, fact): (usize, Fact)| {
            let event = Event { at: Timestamp(nth as i64 * 1000), fact };
            Stored { seq: nth as u64 + 1, incident: None, event }
        };
        facts.into_iter().enumerate().map(stored).collect()
    }

    fn observed(health: Health) -> Fact {
        Fact::VerificationObserved { request: RequestId("r1-ab".into()), sample_at: Timestamp(0), health }
    }

    fn traced() -> Fact {
        Fact::SeriesTraced { incident: IncidentId("i1".into()), series: Labels::empty(), points: vec![] }
    }

    #[test]
    fn what_comes_in_bulk_is_one_line_until_something_changes() {
        let facts = vec![
            traced(),
            traced(),
            observed(Health::Unhealthy),
            observed(Health::Unhealthy),
            observed(Health::Healthy),
            Fact::RequestReminded { request: RequestId("r1-ab".into()) },
            Fact::RequestReminded { request: RequestId("r1-ab".into()) },
        ];
        let events = stored(facts);
        let counts: Vec<usize> = folded(&events).iter().map(|line| line.count).collect();
        assert_eq!(counts, [2, 2, 1, 1, 1], "what is not bulk is never folded");
    }

    #[test]
    fn a_long_timeline_shows_its_end() {
        let facts =
            (0..3 * MOST_EARLIER).map(|nth| observed(if nth % 2 == 0 { Health::Healthy } else { Health::Unhealthy }));
        let events = stored(facts.collect());
        let shown = list(&Book::default(), &events).into_string();
        assert!(shown.contains(&format!("{} earlier lines", 3 * MOST_EARLIER - MOST_LINES)));
        assert_eq!(shown.matches("<li").count(), MOST_EARLIER + MOST_LINES, "and no page grows for ever");
    }
}
