//! `/api/v1/approvals`: what waits for a decision, and the decision.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tidegate_domain::decide::DecisionError;
use tidegate_domain::event::RequestId;
use tidegate_domain::input::Verdict;

use super::access::Person;
use super::{Problem, Shared, shapes};
use crate::host::Host;
use crate::keeper::DecideError;

pub(super) async fn list(_: Person, State(host): Shared) -> Json<Value> {
    let book = host.keeper.book();
    let mut approvals: Vec<Value> = book.requests().into_iter().map(shapes::request).collect();
    approvals.reverse();
    Json(json!({ "approvals": approvals }))
}

pub(super) async fn show(_: Person, State(host): Shared, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    shown(&host, &RequestId(id)).map(Json)
}

fn shown(host: &Host, id: &RequestId) -> Result<Value, Problem> {
    let book = host.keeper.book();
    let request = book.request(id).ok_or_else(|| refused(&DecisionError::Unknown(id.clone())))?;
    Ok(shapes::request(request))
}

/// An empty body is an empty object: a digest need not be given.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Approve {
    digest: Option<String>,
    /// Why; some actions need one.
    reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Deny {
    #[serde(default)]
    reason: String,
}

pub(super) async fn approve(
    person: Person,
    State(host): Shared,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let Approve { digest, reason } = read(&body)?;
    decide(&host, person, RequestId(id), Verdict::Approve { digest, reason }).await
}

pub(super) async fn deny(
    person: Person,
    State(host): Shared,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let Deny { reason } = read(&body)?;
    decide(&host, person, RequestId(id), Verdict::Deny { reason }).await
}

fn read<'de, T: Default + Deserialize<'de>>(body: &'de [u8]) -> Result<T, Problem> {
    if body.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(body)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, format!("the body is not what is expected: {error}")))
}

async fn decide(host: &Host, by: Person, id: RequestId, verdict: Verdict) -> Result<Json<Value>, Problem> {
    match host.keeper.decision(id.clone(), by.0, verdict).await {
        Ok(()) => shown(host, &id).map(Json),
        Err(DecideError::Refused(error)) => Err(refused(&error)),
        Err(DecideError::Journal(error)) => Err(Problem::journal(&error)),
    }
}

fn refused(error: &DecisionError) -> Problem {
    let (code, status) = match error {
        DecisionError::Unknown(_) => (StatusCode::NOT_FOUND, None),
        DecisionError::Over { state, .. } => (StatusCode::CONFLICT, Some(*state)),
        DecisionError::OtherDigest(_) | DecisionError::AlreadyYes { .. } => (StatusCode::CONFLICT, Some("pending")),
        DecisionError::NotAnApprover(_)
        | DecisionError::NotAsked { .. }
        | DecisionError::Own { .. }
        | DecisionError::NotCounted { .. } => (StatusCode::FORBIDDEN, None),
        DecisionError::NoReason | DecisionError::NoReasonToApprove(_) | DecisionError::LongReason { .. } => {
            (StatusCode::BAD_REQUEST, None)
        }
    };
    Problem { code, error: error.to_string(), status }
}
