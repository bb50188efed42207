//! `/api/v1/incidents`: what is and was wrong, and silencing what is open.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tidegate_domain::book::Incident;
use tidegate_domain::event::IncidentId;

use super::access::Person;
use super::asking::{Body, Id, Listing};
use super::{Problem, Shared, shapes};
use crate::clock::rfc3339;
use crate::silencing::{self, SilencingError};

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

/// How long, and why.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Silence {
    #[serde(default, rename = "for")]
    length: String,
    #[serde(default)]
    comment: String,
}

/// There is nothing to say but that it be done.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

pub(super) async fn silence(
    person: Person,
    State(host): Shared,
    Id(id): Id,
    Body(Silence { length, comment }): Body<Silence>,
) -> Result<Json<Value>, Problem> {
    let length = silencing::length(&length).map_err(refused)?;
    let made = silencing::silence(&host, &IncidentId(id.clone()), &person.0, length, &comment).await;
    let made = made.map_err(refused)?;
    Ok(Json(json!({
        "incident": id,
        "silences": made.ids,
        "until": rfc3339(made.until),
        "matchers": made.matchers,
        "missed": made.missed,
    })))
}

pub(super) async fn unsilence(
    person: Person,
    State(host): Shared,
    Id(id): Id,
    _: Body<Nothing>,
) -> Result<Json<Value>, Problem> {
    let ended = silencing::unsilence(&host, &IncidentId(id.clone()), &person.0).await.map_err(refused)?;
    Ok(Json(json!({ "incident": id, "silences": ended.ids, "missed": ended.missed })))
}

fn refused(error: SilencingError) -> Problem {
    let (code, status) = match &error {
        SilencingError::NotAnApprover(_) => (StatusCode::FORBIDDEN, None),
        SilencingError::Length { .. } | SilencingError::NoComment | SilencingError::LongComment { .. } => {
            (StatusCode::BAD_REQUEST, None)
        }
        SilencingError::Unknown(_) => (StatusCode::NOT_FOUND, None),
        SilencingError::Over(_) => (StatusCode::CONFLICT, Some("closed")),
        SilencingError::NoSilence(_) | SilencingError::NoAlertmanager | SilencingError::TooBroad(_) => {
            (StatusCode::CONFLICT, None)
        }
        SilencingError::Upstream { .. } => (StatusCode::BAD_GATEWAY, None),
        SilencingError::Unrecorded { .. } => (StatusCode::SERVICE_UNAVAILABLE, None),
        SilencingError::Broken => (StatusCode::INTERNAL_SERVER_ERROR, None),
    };
    Problem { code, error: error.to_string(), status }
}
