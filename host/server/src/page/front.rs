//! `GET /`: what waits for a decision, what is under way, what is open, and what has been.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use tidegate_domain::book::{Book, Incident};
use tidegate_domain::event::IncidentId;

use super::card::{self, Card};
use super::frame::Frame;
use super::incident;
use super::paths::Place;
use super::said::{self, said};
use super::viewer::Viewer;
use super::{opinion, standing, when};
use crate::cold_start;
use crate::host::Host;
use crate::overview::{self, WatchOverview};

/// Incidents on one page of the history.
const PAGE: usize = 20;
/// Cards with a chart; each costs a look into the journal. Those whose time is up first have one.
const MOST_CHARTS: usize = 8;
/// Requests that are shown whole, and rows of a list: a storm of thousands must not make a page of megabytes, asked for anew
/// at every change by everybody who looks. Those whose time is up first, and the worst.
const MOST_CARDS: usize = 20;
const MOST_ROWS: usize = 200;

#[derive(Deserialize)]
pub(super) struct Asked {
    /// The history from before this incident.
    before: Option<String>,
}

pub(super) async fn show(viewer: Viewer, State(host): State<Arc<Host>>, Query(asked): Query<Asked>) -> Response {
    let before = asked.before.map(IncidentId);
    let place = match &before {
        Some(id) => Place::parse(&format!("/?before={id}")).unwrap_or_else(Place::front),
        None => Place::front(),
    };
    let charts = charts(&host).await;
    let (book, rules) = (host.keeper.book(), host.keeper.rules());
    let frame = Frame::new(&host, viewer, place);
    let waiting = standing::waiting(&book);
    let (whole, rest) = waiting.split_at(waiting.len().min(MOST_CARDS));
    let cards = whole.iter().filter_map(|request| {
        let incident = book.incident(&request.incident)?;
        let chart = charts.get(&incident.id).cloned();
        Some(Card { frame: &frame, book: &book, rules: &rules, request, incident, silences: true, chart }.waiting())
    });
    let going = standing::under_way(&book);
    let main = html! {
        section #waiting aria-labelledby="waiting-heading" {
            h1 #waiting-heading tabindex="-1" {
                @match waiting.len() {
                    0 => "Nothing waits for a decision",
                    1 => "One request waits for a decision",
                    n => { (n) " requests wait for a decision" },
                }
            }
            @if waiting.len() > 1 {
                // A phone shows one card at a time: this says at once how many there are, and of what.
                ul.rows.jump {
                    @for request in whole { (card::jump(&frame, request, true)) }
                    @for request in rest.iter().take(MOST_ROWS) { (card::jump(&frame, request, false)) }
                }
            }
            (left_out(waiting.len(), MOST_CARDS + MOST_ROWS, "approval"))
            @for card in cards { (card) }
        }
        @if !going.is_empty() {
            section #going aria-labelledby="going-heading" {
                h2 #going-heading { "Under way" }
                ul.rows { @for request in going { (card::row(&frame, request)) } }
            }
        }
        section #open aria-labelledby="open-heading" {
            h2 #open-heading { "Open incidents" }
            (rows(&frame, &book, &standing::open(&book), "No incident is open."))
        }
        (young(&frame, &overview::watches(&host, &host.setup())))
        (history(&frame, &book, before.as_ref()))
    };
    frame.page(&book, "Now", &main)
}

/// The charts of the incidents that are about to be decided on.
async fn charts(host: &Host) -> BTreeMap<IncidentId, Markup> {
    let wanted: Vec<IncidentId> = {
        let book = host.keeper.book();
        standing::waiting(&book).iter().take(MOST_CHARTS).map(|request| request.incident.clone()).collect()
    };
    let mut charts = BTreeMap::new();
    for id in wanted {
        if let Some(chart) = incident::chart(host, &id).await {
            charts.insert(id, chart);
        }
    }
    charts
}

/// Incidents, one a line or two.
fn rows(frame: &Frame, book: &Book, incidents: &[&Incident], none: &str) -> Markup {
    html! {
        @if incidents.is_empty() { p.quiet { (none) } }
        ul.rows {
            @for incident in incidents.iter().take(MOST_ROWS) {
                @let last = book.requests_of(incident).next_back();
                li.row id={ "row-" (incident.id) } {
                    span.what {
                        (standing::severity(incident.severity)) " "
                        a href={ "/incidents/" (incident.id) } { (said(if incident.origin.name().is_empty() { "no route" } else { incident.origin.name() })) }
                        " " (card::about(incident))
                    }
                    " "
                    span.how {
                        (standing::held(incident))
                        (standing::static_bound(incident))
                        @if incident.is_open() { (opinion::finding(incident)) }
                        @if let Some(request) = last {
                            span.quiet { (said(&request.proposal.action.name)) } " "
                            // What was fixed need not be told twice.
                            @if incident.is_open() || request.stage() != "fixed" { (standing::of_request(request)) " " }
                        }
                        @if !incident.is_open() { (standing::of_incident(incident)) " " }
                        span.quiet {
                            (incident.id) ", " (incident.origin.kind()) " since " (when::moment(incident.since, frame.now))
                            @match incident.closed {
                                None => { ", " (when::ago(incident.since, frame.now)) },
                                Some((at, _)) => { ", for " (when::rough(at.since(incident.since))) },
                            }
                        }
                    }
                }
            }
        }
        (left_out(incidents.len(), MOST_ROWS, "incident"))
    }
}

/// The watches of which not all series are judged by their detectors: whoever sees no incident must not take that for health.
fn young(frame: &Frame, watches: &[WatchOverview]) -> Markup {
    let young: Vec<_> = watches
        .iter()
        .filter_map(|watch| {
            let look = watch.look.as_ref()?;
            Some((watch, look, look.young?))
        })
        .collect();
    html! {
        @if !young.is_empty() {
            // The switch is no event of the journal: the script asks again by itself.
            section #young aria-labelledby="young-heading" data-every="60" {
                h2 #young-heading { "Not judged by detectors yet" }
                ul.rows {
                    @for (watch, look, young) in young.iter().take(MOST_ROWS) {
                        li.row id={ "young-" (said::plain(&watch.name)) } {
                            span.what { a href={ "/guests#watch-" (said::plain(&watch.name)) } { (said(&watch.name)) } } " "
                            span.how {
                                @match cold_start::bounds(&watch.cold_start) {
                                    Some(bounds) => (standing::chip(standing::Tone::Goes, &format!("static bounds: {bounds}"))),
                                    None => (standing::chip(standing::Tone::Waits, "not judged")),
                                }
                                " " span.quiet {
                                    (young.series) " of " (look.series) " series, " (young.so_far(look.upto)) ", until "
                                    (when::moment(young.youngest.until, frame.now))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// How many of a list are not on the page, and what shows them.
fn left_out(count: usize, most: usize, what: &str) -> Markup {
    html! {
        @if count > most {
            p.quiet { "And " (count - most) " more: " code { "tidegate " (what) " list" } " shows them." }
        }
    }
}

fn history(frame: &Frame, book: &Book, before: Option<&IncidentId>) -> Markup {
    let mut closed = book.incidents_before(before).filter(|incident| !incident.is_open());
    let page: Vec<&Incident> = closed.by_ref().take(PAGE).collect();
    let older = closed.next().is_some();
    html! {
        section #history aria-labelledby="history-heading" {
            h2 #history-heading { "History" }
            (rows(frame, book, &page, "Nothing has come to its end yet."))
            nav.pages aria-label="Pages of the history" {
                @if before.is_some() { a href="/#history" { "Newest" } " " }
                @if older && let Some(last) = page.last() {
                    a href={ "/?before=" (last.id) "#history" } rel="next" { "Older" }
                }
            }
        }
    }
}
