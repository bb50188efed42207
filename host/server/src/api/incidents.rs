//! `GET /api/v1/incidents` and `GET /api/v1/incidents/{id}`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::Value;
use tidegate_domain::book::Incident;
use tidegate_domain::event::IncidentId;

use super::access::Person;
use super::asking::{Id, Listing};
use super::{Problem, Shared, shapes};

pub(super) async fn list(_: Person, State(host): Shared, asked: Listing) -> Result<Json<Value>, Problem> {
    let only_open = asked.only("open")?;
    let book = host.keeper.book();
    let before = asked.before.clone().map(IncidentId);
    if let Some(unknown) = before.as_ref().filter(|before| book.incident(before).is_none()) {
        return Err(Listing::unknown("incident", &unknown.0));
    }
    let incidents = book.incidents_before(before.as_ref());
    let page = if only_open {
        // What is open is among the newest: once all of it has been seen, the rest of history need not be.
        let count = book.open_incidents().count();
        let open = incidents.filter(|incident: &&Incident| incident.is_open()).take(count);
        asked.page("incidents", open, |incident| shapes::incident(&book, incident))
    } else {
        asked.page("incidents", incidents, |incident| shapes::incident(&book, incident))
    };
    Ok(Json(page))
}

pub(super) async fn show(_: Person, State(host): Shared, Id(id): Id) -> Result<Json<Value>, Problem> {
    let id = IncidentId(id);
    let unknown = || {
        let why = format!("there is no incident {id}: look at the list of incidents for what there is");
        Problem::new(StatusCode::NOT_FOUND, why)
    };
    if host.keeper.book().incident(&id).is_none() {
        return Err(unknown());
    }
    let events = host.keeper.timeline(&id).await.map_err(|error| Problem::journal(&error))?;
    let rules = host.keeper.rules();
    let book = host.keeper.book();
    let incident = book.incident(&id).ok_or_else(unknown)?;
    let mut shape = shapes::incident(&book, incident);
    shape["requests"] = book.requests_of(incident).map(|request| shapes::request(&book, &rules, request)).collect();
    shape["timeline"] = events.iter().map(|stored| shapes::event(&book, stored)).collect();
    Ok(Json(shape))
}
