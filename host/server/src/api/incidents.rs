//! `GET /api/v1/incidents` and `GET /api/v1/incidents/{id}`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};
use tidegate_domain::event::IncidentId;

use super::access::Person;
use super::{Problem, Shared, shapes};

pub(super) async fn list(_: Person, State(host): Shared) -> Json<Value> {
    let book = host.keeper.book();
    let mut incidents: Vec<Value> = book.incidents().into_iter().map(shapes::incident).collect();
    // The newest first: that is what people look for.
    incidents.reverse();
    Json(json!({ "incidents": incidents }))
}

pub(super) async fn show(_: Person, State(host): Shared, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let id = IncidentId(id);
    let unknown = || Problem::new(StatusCode::NOT_FOUND, format!("there is no incident {id}"));
    if host.keeper.book().incident(&id).is_none() {
        return Err(unknown());
    }
    let events = host.keeper.timeline(&id).await.map_err(|error| Problem::journal(&error))?;
    let book = host.keeper.book();
    let incident = book.incident(&id).ok_or_else(unknown)?;
    let mut shape = shapes::incident(incident);
    shape["requests"] = book.requests_of(incident).map(shapes::request).collect();
    shape["timeline"] = events.iter().map(|stored| shapes::event(&book, stored)).collect();
    Ok(Json(shape))
}
