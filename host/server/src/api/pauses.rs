//! `POST /api/v1/pause` and `/api/v1/resume`, the kill switch, and `GET /api/v1/status`: how it stands.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tidegate_domain::book::{Approval, Book};
use tidegate_domain::decide::{SwitchError, check_pause, check_resume};
use tidegate_domain::input::Input;

use super::access::Person;
use super::asking::Body;
use super::{Problem, Shared};
use crate::clock::rfc3339;
use crate::host::Host;

/// There is nothing to say but that it be done.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

pub(super) async fn pause(person: Person, State(host): Shared, _: Body<Nothing>) -> Result<Json<Value>, Problem> {
    let checked = check_pause(&host.keeper.book(), &host.keeper.rules(), &person.0);
    switch(&host, checked, Input::Pause { by: person.0 }).await
}

pub(super) async fn resume(person: Person, State(host): Shared, _: Body<Nothing>) -> Result<Json<Value>, Problem> {
    let checked = check_resume(&host.keeper.book(), &host.keeper.rules(), &person.0);
    switch(&host, checked, Input::Resume { by: person.0 }).await
}

/// Doing it twice is doing it once; the answer is how things stand.
async fn switch(host: &Host, checked: Result<(), SwitchError>, input: Input) -> Result<Json<Value>, Problem> {
    match checked {
        Ok(()) => {
            host.keeper.submit(input).await.map_err(|error| Problem::journal(&error))?;
        }
        Err(SwitchError::AlreadyPaused { .. } | SwitchError::NotPaused) => {}
        Err(error @ (SwitchError::NotAnApprover(_) | SwitchError::NotAnAdmin(_))) => {
            return Err(Problem::new(StatusCode::FORBIDDEN, error.to_string()));
        }
    }
    Ok(Json(paused(&host.keeper.book())))
}

fn paused(book: &Book) -> Value {
    json!({ "paused": book.paused_by().is_some(), "by": book.paused_by().map(|by| &by.approver) })
}

pub(super) async fn status(_: Person, State(host): Shared) -> Json<Value> {
    let unready = host.unready.borrow().clone();
    let book = host.keeper.book();
    let mut shape = paused(&book);
    shape["version"] = env!("CARGO_PKG_VERSION").into();
    shape["storm"] =
        book.storm().map_or(Value::Null, |storm| json!({ "since": rfc3339(storm.since), "reason": storm.reason }));
    shape["unready"] = unready.into();
    shape["open_incidents"] = book.open_incidents().count().into();
    let pending = book.active_requests().filter(|request| request.approval == Approval::Pending);
    shape["pending_approvals"] = pending.count().into();
    Json(shape)
}
