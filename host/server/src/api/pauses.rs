//! `POST /api/v1/pause` and `/api/v1/resume`: the kill switch.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use tidegate_domain::input::Input;

use super::access::Person;
use super::{Problem, Shared};
use crate::host::Host;

pub(super) async fn pause(person: Person, State(host): Shared) -> Result<Json<Value>, Problem> {
    switch(&host, Input::Pause { by: person.0 }).await
}

pub(super) async fn resume(person: Person, State(host): Shared) -> Result<Json<Value>, Problem> {
    switch(&host, Input::Resume { by: person.0 }).await
}

/// Doing it twice is doing it once; the answer is how things stand.
async fn switch(host: &Host, input: Input) -> Result<Json<Value>, Problem> {
    host.keeper.submit(input).await.map_err(|error| Problem::journal(&error))?;
    let book = host.keeper.book();
    Ok(Json(json!({ "paused": book.paused_by().is_some(), "by": book.paused_by().map(|by| &by.approver) })))
}
