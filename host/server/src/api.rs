//! The HTTP surface: one listener for people, scripts, Prometheus and Alertmanager.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::json;

use crate::host::Host;
use crate::metrics::Format;

mod access;
mod approvals;
mod asking;
mod incidents;
mod openapi;
mod pauses;
mod receiver;
mod reload;
mod routes;
mod shapes;
mod v2;
mod watches;

type Shared = State<Arc<Host>>;

/// Everything that answers.
pub(crate) fn router(host: Arc<Host>) -> Router {
    routes::router(&host)
        .merge(crate::page::router())
        .merge(crate::slack::router())
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "there is nothing under this path") })
        .with_state(host)
}

async fn metrics(State(host): Shared, headers: HeaderMap) -> impl IntoResponse {
    let accept = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let format = Format::asked_for(accept);
    let ready = host.unready.borrow().is_none();
    let text = host.metrics.write(format, &host.keeper.book(), &host.sandbox.stats(), ready);
    ([(header::CONTENT_TYPE, format.content_type())], text)
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
