//! The HTTP surface: one listener for people, scripts, Prometheus and Alertmanager.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;
use tidegate_domain::people::Role;

use crate::host::Host;
use access::{Access, Guarded};

mod access;
mod approvals;
mod asking;
mod incidents;
mod pauses;
mod receiver;
mod reload;
mod shapes;

/// Longest body of a webhook delivery that is read: 4 MiB are some ten thousand alerts.
const MOST_WEBHOOK_BYTES: usize = 4 << 20;
/// Longest body of anything else: a decision and its reason.
const MOST_BYTES: usize = 64 << 10;

type Shared = State<Arc<Host>>;

/// Everything that answers.
pub(crate) fn router(host: Arc<Host>) -> Router {
    let (view, approve, admin) = (Access::Role(Role::View), Access::Role(Role::Approve), Access::Role(Role::Admin));
    let guarded = Guarded::new(host.clone())
        .route(view, "/api/v1/incidents", get(incidents::list))
        .route(view, "/api/v1/incidents/{id}", get(incidents::show))
        .route(view, "/api/v1/approvals", get(approvals::list))
        .route(view, "/api/v1/approvals/{id}", get(approvals::show))
        .route(approve, "/api/v1/approvals/{id}/approve", post(approvals::approve))
        .route(approve, "/api/v1/approvals/{id}/deny", post(approvals::deny))
        .route(view, "/api/v1/status", get(pauses::status))
        .route(approve, "/api/v1/pause", post(pauses::pause))
        .route(admin, "/api/v1/resume", post(pauses::resume))
        .route(admin, "/-/reload", post(reload::post));
    let webhook = Guarded::new(host.clone())
        .route(Access::Deliver, "/webhook/alertmanager", post(receiver::deliver))
        .into_router()
        .layer(DefaultBodyLimit::max(MOST_WEBHOOK_BYTES));
    // What needs no login: nothing in there says anything that is not for everybody.
    let open = Router::new()
        .route("/metrics", get(metrics))
        .route("/-/healthy", get(|| async { "tidegate is healthy\n" }))
        .route("/-/ready", get(ready));
    open.merge(guarded.into_router())
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .merge(webhook)
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "there is nothing under this path") })
        .with_state(host)
}

async fn metrics(State(host): Shared) -> impl IntoResponse {
    let text = host.metrics.text(&host.keeper.book(), &host.sandbox.stats());
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
}

async fn ready(State(host): Shared) -> Response {
    match host.unready.borrow().clone() {
        None => "tidegate is ready\n".into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("tidegate is not ready: {why}\n")).into_response(),
    }
}

/// A refusal, as JSON: `{"error": "...", "status": "..."}`.
#[derive(Debug)]
struct Problem {
    code: StatusCode,
    error: String,
    /// The state that a thing is in, where that is why.
    status: Option<&'static str>,
}

impl Problem {
    fn new(code: StatusCode, error: impl Into<String>) -> Problem {
        Problem { code, error: error.into(), status: None }
    }

    fn journal(error: &crate::journal::JournalError) -> Problem {
        tracing::error!(%error, "the journal cannot be read or written");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the journal cannot be written at the moment; try again")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({ "error": self.error });
        if let Some(status) = self.status {
            body["status"] = status.into();
        }
        let mut response = (self.code, Json(body)).into_response();
        if self.code == StatusCode::UNAUTHORIZED {
            let challenge = header::HeaderValue::from_static("Bearer realm=\"tidegate\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
