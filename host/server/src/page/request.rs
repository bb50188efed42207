//! `GET /requests/{id}`: one request; what messages link to.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use maud::html;
use tidegate_domain::event::RequestId;

use super::card::Card;
use super::frame::Frame;
use super::paths::Place;
use super::viewer::Viewer;
use super::{course, incident, silence, standing, when};
use crate::host::Host;

pub(super) async fn show(viewer: Viewer, State(host): State<Arc<Host>>, Path(id): Path<String>) -> Response {
    let id = RequestId(id);
    let of = host.keeper.book().request(&id).map(|request| request.incident.clone());
    let chart = match &of {
        Some(incident) => incident::chart(&host, incident).await,
        None => None,
    };
    let (book, rules) = (host.keeper.book(), host.keeper.rules());
    let Some((request, incident)) = book.request(&id).and_then(|r| Some((r, book.incident(&r.incident)?))) else {
        let frame = Frame::new(&host, viewer, Place::front());
        return frame.missing(&book, &format!("request {id}"));
    };
    let frame = Frame::new(&host, viewer, Place::request(&id));
    let card = Card { frame: &frame, book: &book, rules: &rules, request, incident, silences: true, chart };
    let waits = request.approval == tidegate_domain::book::Approval::Pending;
    let main = html! {
        article.card.waits[waits].whole #request {
            header {
                h1 tabindex="-1" { (card.question()) }
                p.until {
                    (standing::of_request(request))
                    @if waits {
                        " " (when::left(request.proposal.deadline, frame.now)) " "
                        span.quiet { "until " (when::moment(request.proposal.deadline, frame.now)) ", then no" }
                    }
                }
            }
            (card.marks())
            @if incident.is_open() && let Some(held) = crate::silencing::held_by(incident) {
                p.held { (silence::by(&frame, held)) ". " a href={ "/incidents/" (incident.id) } { "See incident " (incident.id) } }
            }
            (card.body())
            section { h4 { "So far" } (course::course(incident, request, frame.now)) }
        }
    };
    frame.page(&book, &format!("Request {id}"), &main)
}
