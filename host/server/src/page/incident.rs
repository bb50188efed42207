//! `GET /incidents/{id}`: one incident from its first sample to its end.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use tidegate_domain::book::{Approval, Book, Consult, Incident};
use tidegate_domain::event::{Fact, IncidentId};

use super::card::{self, Card};
use super::frame::{self, Frame};
use super::paths::Place;
use super::said::{self, said};
use super::viewer::Viewer;
use super::{course, evidence, opinion, silence, standing, timeline, when};
use crate::chart::{self, Shape, Traced};
use crate::host::Host;
use crate::journal::{JournalError, Stored};

/// The chart of the series of an incident that shows the trouble best.
pub(super) async fn chart(host: &Host, id: &IncidentId) -> Option<Markup> {
    match chart::of(host, id).await {
        Ok(traced) => traced.and_then(|traced| first(&traced)),
        Err(error) => {
            // Who decides still has the lines that were shown.
            tracing::error!(%error, incident = %id, "the journal cannot be read for a chart");
            None
        }
    }
}

fn first(traced: &Traced) -> Option<Markup> {
    traced.series().next().and_then(|series| chart::figure(traced, series, Shape::Column)).map(said::drawn)
}

/// What to answer where the journal cannot be read.
pub(super) fn unreadable(error: &JournalError) -> Response {
    tracing::error!(%error, "the journal cannot be read for the page");
    let why = "The journal cannot be read at the moment. See the log of the host, and try again.";
    frame::refusal(StatusCode::SERVICE_UNAVAILABLE, "Not now", why)
}

pub(super) async fn show(viewer: Viewer, State(host): State<Arc<Host>>, Path(id): Path<String>) -> Response {
    let id = IncidentId(id);
    let newest = host.traces.newest(&id);
    let events = match host.keeper.timeline(&id).await {
        Ok(events) => events,
        Err(error) => return unreadable(&error),
    };
    let (book, rules) = (host.keeper.book(), host.keeper.rules());
    let Some(incident) = book.incident(&id) else {
        let frame = Frame::new(&host, viewer, Place::front());
        return frame.missing(&book, &format!("incident {id}"));
    };
    let frame = Frame::new(&host, viewer, Place::incident(&id));
    let traced = Traced::new(incident, &events, newest);
    let requests = book.requests_of(incident).rev().map(|request| {
        let card = Card { frame: &frame, book: &book, rules: &rules, request, incident, silences: false, chart: None };
        html! {
            article.card id={ "card-" (request.id) } {
                header {
                    h3 { a href={ "/requests/" (request.id) } { b.action { (said(&request.proposal.action.name)) } } " on " (said::labels(&request.proposal.action.target)) }
                    (standing::of_request(request))
                }
                (course::course(incident, request, frame.now))
                details id={ "more-" (request.id) } open[request.approval == Approval::Pending] { summary { "What was asked" } (card.marks()) (card.body()) }
            }
        }
    });
    let main = html! {
        (head(&frame, &book, incident))
        (silence::section(&frame, incident))
        section #charts aria-label="Charts" {
            @for (nth, series) in traced.series().enumerate() {
                @if let Some(figure) = chart::figure(&traced, series, Shape::Wide) {
                    @if nth == 0 { (said::drawn(figure)) } @else {
                        details id={ "series-" (nth) } { summary { (said::labels(series)) } (said::drawn(figure)) }
                    }
                }
            }
        }
        section #requests aria-labelledby="requests-heading" {
            h2 #requests-heading { "What was proposed" }
            (held(&frame, &book, incident, &events))
            @for request in requests { (request) }
        }
        (evidence::section(incident, &events, frame.now))
        section #timeline aria-labelledby="timeline-heading" {
            h2 #timeline-heading { "Timeline" }
            (timeline::list(&book, &events))
        }
    };
    frame.page(&book, &format!("Incident {id}"), &main)
}

fn head(frame: &Frame, book: &Book, incident: &Incident) -> Markup {
    let handled = book.requests_of(incident).rfind(|request| request.is_handled());
    html! {
        section #head {
            h1 tabindex="-1" { "Incident " (incident.id) ": " (standing::kind(incident)) }
            p { (card::about(incident)) }
            ul.marks {
                li { (standing::of_incident(incident)) }
                li { "Severity " (standing::severity(incident.severity)) }
                li { "Since " (when::moment(incident.since, frame.now)) @if incident.is_open() { ", " (when::ago(incident.since, frame.now)) } }
                @if let Some((at, _)) = incident.closed { li { "Until " (when::moment(at, frame.now)) ", after " (when::rough(at.since(incident.since))) } }
                @if let Some(request) = handled {
                    li { (standing::chip(standing::Tone::Goes, "in hand")) " by request " a href={ "/requests/" (request.id) } { (request.id) } }
                }
                @if let Some(second) = incident.second_opinion() { li { "Second opinion " (opinion::word(second)) } }
                @if incident.worst().is_some_and(|worst| worst.cold_start) {
                    li { (standing::static_bound(incident)) "the detectors do not judge it yet" }
                }
                li { "Mode " (standing::mode(incident)) }
                @if incident.dry_run { li { (standing::chip(standing::Tone::Still, "dry run")) " nothing is carried out" } }
                @if !incident.caused_by.is_empty() {
                    li { "Caused or requested by " (said(&incident.caused_by.iter().cloned().collect::<Vec<_>>().join(", "))) }
                }
            }
        }
    }
}

/// What stands in the way of a proposal, by name, and what is waited for.
fn held(frame: &Frame, book: &Book, incident: &Incident, events: &[Stored]) -> Markup {
    let refusals: Vec<Markup> = events.iter().filter_map(|stored| refusal(stored, frame)).collect();
    html! {
        @if !refusals.is_empty() { ul.refusals { @for refusal in &refusals { (refusal) } } }
        @match &incident.consult {
            Consult::Due(_) if incident.held.is_some() && incident.has_policy => p.quiet { "The policy is asked once nothing holds the incident back any more." },
            Consult::Due(at) if incident.is_open() && incident.has_policy => p.quiet { "The policy is asked again from " (when::moment(*at, frame.now)) " on." },
            Consult::Joined(request) => p.quiet { "Waits for request " a href={ "/requests/" (request) } { (request) } ", which holds the same target." },
            _ => {},
        }
        @if incident.requests.is_empty() && refusals.is_empty() { p.quiet { "Nothing was proposed." } }
        @if let Some(unmet) = book.unmet(incident) {
            p.quiet { "It stays open until what request " (unmet.id) " requires holds as well." }
        }
    }
}

/// A guard or a check that stopped something.
fn refusal(stored: &Stored, frame: &Frame) -> Option<Markup> {
    let (name, text) = match &stored.event.fact {
        Fact::ProposalRefused { refusal, action, .. } => (refusal.name(), format!("the proposal {action} was refused")),
        Fact::ExecutionRefused { guard, request, .. } => {
            (guard.name(), format!("request {request} was not carried out"))
        }
        _ => return None,
    };
    let why = match &stored.event.fact {
        Fact::ExecutionRefused { guard, .. } => crate::story::guarded(guard),
        Fact::ProposalRefused { refusal, .. } => crate::story::refused(refusal),
        _ => return None,
    };
    Some(html! {
        li { code.guard { (name) } " " (when::moment(stored.event.at, frame.now)) ": " (said(&text)) ": " (said(course::without_name(&why))) }
    })
}
