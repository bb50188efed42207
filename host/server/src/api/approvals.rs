//! `/api/v1/approvals`: what waits for a decision, and the decision.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use tidegate_domain::book::{Approval, Request};
use tidegate_domain::decide::DecisionError;
use tidegate_domain::event::RequestId;
use tidegate_domain::input::Verdict;

use super::access::Person;
use super::asking::{Body, Id, Listing};
use super::{Problem, Shared, shapes};
use crate::host::Host;
use crate::keeper::DecideError;

pub(super) async fn list(_: Person, State(host): Shared, asked: Listing) -> Result<Json<Value>, Problem> {
    let only_pending = asked.only("pending")?;
    let rules = host.keeper.rules();
    let book = host.keeper.book();
    let before = asked.before.clone().map(RequestId);
    if let Some(unknown) = before.as_ref().filter(|before| book.request(before).is_none()) {
        return Err(Listing::unknown("request", &unknown.0));
    }
    let is_pending = |request: &&Request| request.approval == Approval::Pending;
    let requests = book.requests_before(before.as_ref());
    let shape = |request| shapes::request(&book, &rules, request);
    let page = if only_pending {
        // What waits is among the newest: once all of it has been seen, the rest of history need not be.
        let count = book.active_requests().filter(is_pending).count();
        asked.page("approvals", requests.filter(is_pending).take(count), shape)
    } else {
        asked.page("approvals", requests, shape)
    };
    Ok(Json(page))
}

pub(super) async fn show(_: Person, State(host): Shared, Id(id): Id) -> Result<Json<Value>, Problem> {
    shown(&host, &RequestId(id)).map(Json)
}

fn shown(host: &Host, id: &RequestId) -> Result<Value, Problem> {
    let rules = host.keeper.rules();
    let book = host.keeper.book();
    let request = book.request(id).ok_or_else(|| refused(&DecisionError::Unknown(id.clone())))?;
    Ok(shapes::request(&book, &rules, request))
}

/// A digest need not be given: the id carries the beginning of it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Approve {
    digest: Option<String>,
    /// Why; some actions need one.
    reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Deny {
    #[serde(default)]
    reason: String,
}

pub(super) async fn approve(
    person: Person,
    State(host): Shared,
    Id(id): Id,
    Body(Approve { digest, reason }): Body<Approve>,
) -> Result<Json<Value>, Problem> {
    decide(&host, person, RequestId(id), Verdict::Approve { digest, reason }).await
}

pub(super) async fn deny(
    person: Person,
    State(host): Shared,
    Id(id): Id,
    Body(Deny { reason }): Body<Deny>,
) -> Result<Json<Value>, Problem> {
    decide(&host, person, RequestId(id), Verdict::Deny { reason }).await
}

/// The answer is how the request stands after it: a yes may not have been the last that it needs.
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
