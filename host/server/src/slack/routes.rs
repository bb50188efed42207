//! `POST /slack/commands` and `/slack/interactions`: what Slack sends to this host, where this host can be reached.
//!
//! Nothing of a request is looked at before its signature has been found good over the bytes as they came.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::json;

use super::inbound::{self, Inbound, Unreadable};
use super::signature::{NotSlack, Seen, Signed, TOLERANCE, verify};
use super::{Workspace, deciding};
use crate::clock;
use crate::host::Host;

/// Longest body that is read. A press on a button brings the whole message along, percent-encoded.
const MOST_BYTES: usize = 256 << 10;

/// Between two lines of the log about what was refused.
const BETWEEN_LINES: Duration = Duration::from_secs(1);

type Read = fn(&[u8]) -> Result<Inbound, Unreadable>;

/// What outlives a request.
#[derive(Default)]
struct Door {
    seen: Seen,
    /// When a refusal was logged last.
    logged: Mutex<Option<Instant>>,
}

impl Door {
    /// Anybody can be refused as often as they like; every refusal is counted, and some are logged.
    fn may_log(&self) -> bool {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        let may = logged.is_none_or(|last| last.elapsed() >= BETWEEN_LINES);
        if may {
            *logged = Some(Instant::now());
        }
        may
    }
}

/// What Slack may call. It needs no login: every request proves by itself where it comes from.
pub(crate) fn router() -> Router<Arc<Host>> {
    Router::new()
        .route("/slack/commands", post(commands))
        .route("/slack/interactions", post(interactions))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .layer(Extension(Arc::new(Door::default())))
}

type Body = Result<Bytes, BytesRejection>;

async fn commands(
    State(host): State<Arc<Host>>,
    Extension(door): Extension<Arc<Door>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    answer(&host, &door, &headers, body, inbound::command).await
}

async fn interactions(
    State(host): State<Arc<Host>>,
    Extension(door): Extension<Arc<Door>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    answer(&host, &door, &headers, body, inbound::interaction).await
}

async fn answer(host: &Arc<Host>, door: &Door, headers: &HeaderMap, body: Body, read: Read) -> Response {
    let refuse = |code: StatusCode, result: &str, why: String| {
        host.metrics.slack.count_request(result);
        if door.may_log() {
            tracing::warn!(why, "a request under /slack was refused");
        }
        (code, Json(json!({ "error": why }))).into_response()
    };
    let setup = host.setup();
    let Some(slack) = &setup.slack else {
        return refuse(StatusCode::NOT_FOUND, "not_configured", "there is no [slack] in the config".to_owned());
    };
    let body = match body {
        Ok(body) => body,
        Err(error) => return refuse(error.status(), "unreadable", format!("the body could not be read: {error}")),
    };
    let signed = match signed(slack, headers, &body) {
        None => {
            let why = "requests from Slack are not answered: there is no signing_secret in [slack]".to_owned();
            return refuse(StatusCode::NOT_FOUND, "not_configured", why);
        }
        Some(Err(error)) => {
            let result = if error == NotSlack::Stale { "stale" } else { "bad_signature" };
            return refuse(StatusCode::UNAUTHORIZED, result, error.to_string());
        }
        Some(Ok(signed)) => signed,
    };
    if !door.seen.is_new(&signed.mac, signed.at.plus(TOLERANCE), clock::now()) {
        host.metrics.slack.count_request("replayed");
        tracing::warn!("a request from Slack came once more; nothing was done");
        return StatusCode::OK.into_response();
    }
    let inbound = match read(&body) {
        Ok(inbound) => inbound,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, "unreadable", error.to_string()),
    };
    match deciding::receive(host, slack, inbound).await {
        Ok(None) => StatusCode::OK.into_response(),
        Ok(Some(said)) => Json(said).into_response(),
        Err(error) => refuse(StatusCode::FORBIDDEN, "wrong_team", error.to_string()),
    }
}

/// None where there is nothing to check it by.
fn signed(slack: &Workspace, headers: &HeaderMap, body: &[u8]) -> Option<Result<Signed, NotSlack>> {
    let secret = slack.signing_secret.as_ref()?;
    let only = |name: &str| {
        let mut values = headers.get_all(name).iter();
        match (values.next().map(|value| value.to_str()), values.next()) {
            (Some(Ok(value)), None) => Ok(value),
            _ => Err(NotSlack::Headers),
        }
    };
    let check = || {
        let (timestamp, signature) = (only("x-slack-request-timestamp")?, only("x-slack-signature")?);
        verify(secret, timestamp, signature, body, clock::now())
    };
    Some(check())
}
