//! The shop that runs now: its metrics, its health, and what an operator can do to it. Every call that changes something
//! is written down, so that a test can ask what was done, and by which key.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;
use serde_json::{Value, json};

use crate::metrics;
use crate::model::Shop;

/// More than any call here needs.
const MAX_BODY: usize = 64 * 1024;
/// Calls beyond this many push out the oldest, so that a client in a loop does not fill the memory.
const MAX_CALLS: usize = 1000;

/// The shop's HTTP interface.
pub fn router(shop: Shop) -> Router {
    let shared = Shared(Arc::new(Mutex::new(Inside { shop, calls: Vec::new() })));
    Router::new()
        .route("/metrics", get(scrape))
        .route("/healthz", get(health))
        .route("/calls", get(calls))
        .route("/fault", post(change))
        .route("/admin/restart", post(change))
        .route("/admin/discard-poisoned-job", post(change))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(shared)
}

/// The current Unix second.
pub fn unix_now() -> i64 {
    // Only a clock before 1970 fails here; the shop is then simply at its beginning.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().cast_signed())
}

#[derive(Clone)]
struct Shared(Arc<Mutex<Inside>>);

struct Inside {
    shop: Shop,
    calls: Vec<Call>,
}

/// A call that changed something, or was meant to.
#[derive(Clone, Serialize)]
struct Call {
    at: i64,
    path: String,
    idempotency_key: Option<String>,
    /// True when the key was seen before: answered again, not done again.
    repeated: bool,
    body: Value,
    answer: String,
}

impl Shared {
    /// The shop as it is now. No code panics while it holds the lock, so a poisoned one is as good as any.
    fn inside(&self) -> MutexGuard<'_, Inside> {
        let mut inside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inside.shop.advance_to(unix_now());
        inside
    }
}

async fn scrape(State(shared): State<Shared>) -> impl IntoResponse {
    let page = metrics::exposition(shared.inside().shop.reading());
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], page)
}

async fn health(State(shared): State<Shared>) -> impl IntoResponse {
    match shared.inside().shop.ailment() {
        None => (StatusCode::OK, "healthy\n".to_owned()),
        Some(ailment) => (StatusCode::SERVICE_UNAVAILABLE, format!("{ailment}\n")),
    }
}

async fn calls(State(shared): State<Shared>) -> Json<Value> {
    Json(json!({ "calls": shared.inside().calls }))
}

async fn change(State(shared): State<Shared>, uri: Uri, headers: HeaderMap, body: Bytes) -> impl IntoResponse {
    let body = match read_body(&body) {
        Ok(body) => body,
        Err((status, message)) => return (status, Json(json!({ "error": message }))),
    };
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
    let answer = shared.inside().carry_out(uri.path(), key, body);
    println!("{} {answer}", uri.path());
    (StatusCode::OK, Json(json!({ "message": answer })))
}

/// An empty body is fine; anything else must be JSON that does not name another service.
fn read_body(body: &[u8]) -> Result<Value, (StatusCode, String)> {
    if body.is_empty() {
        return Ok(Value::Null);
    }
    let body: Value = serde_json::from_slice(body)
        .map_err(|err| (StatusCode::BAD_REQUEST, format!("the body is not JSON: {err}")))?;
    match body.pointer("/target/service") {
        Some(service) if service != "checkout" => {
            Err((StatusCode::NOT_FOUND, format!("there is no service {service} here, only \"checkout\"")))
        }
        _ => Ok(body),
    }
}

impl Inside {
    fn carry_out(&mut self, path: &str, key: Option<String>, body: Value) -> String {
        let earlier = self.calls.iter().find(|call| key.is_some() && call.idempotency_key == key && call.path == path);
        let (repeated, answer) = match earlier {
            Some(call) => (true, call.answer.clone()),
            None => (false, self.act(path)),
        };
        if self.calls.len() == MAX_CALLS {
            self.calls.remove(0);
        }
        self.calls.push(Call {
            at: unix_now(),
            path: path.to_owned(),
            idempotency_key: key,
            repeated,
            body,
            answer: answer.clone(),
        });
        answer
    }

    fn act(&mut self, path: &str) -> String {
        match path {
            "/fault" => {
                self.shop.poison();
                "a poisoned job is in the queue".to_owned()
            }
            "/admin/restart" => {
                self.shop.restart_workers();
                "all workers were restarted".to_owned()
            }
            _ if self.shop.discard_poisoned_job() => "the poisoned job was discarded".to_owned(),
            _ => "there was no poisoned job to discard".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Calendar;

    fn open() -> Inside {
        Inside { shop: Shop::opened_at(100, Calendar { night_at: 0 }), calls: Vec::new() }
    }

    #[test]
    fn a_key_seen_before_is_answered_again_and_not_done_again() {
        let mut inside = open();
        let key = || Some("r1".to_owned());
        inside.carry_out("/fault", None, Value::Null);
        let first = inside.carry_out("/admin/discard-poisoned-job", key(), Value::Null);
        inside.carry_out("/fault", None, Value::Null);
        let second = inside.carry_out("/admin/discard-poisoned-job", key(), Value::Null);
        assert_eq!(first, second);
        assert!(inside.shop.ailment().is_some(), "the second fault is still there");
        assert_eq!(inside.calls.iter().map(|call| call.repeated).collect::<Vec<_>>(), [false, false, false, true]);

        let other_path = inside.carry_out("/admin/restart", key(), Value::Null);
        assert_eq!(other_path, "all workers were restarted");
    }

    #[test]
    fn calls_do_not_grow_without_end() {
        let mut inside = open();
        for _ in 0..MAX_CALLS + 5 {
            inside.carry_out("/admin/restart", None, Value::Null);
        }
        assert_eq!(inside.calls.len(), MAX_CALLS);
    }

    #[test]
    fn a_body_is_absent_or_json_for_this_service() {
        for (body, status) in [
            ("", None),
            (r#"{"target":{"service":"checkout"}}"#, None),
            ("[1, 2]", None),
            (r#"{"target":{"service":"search"}}"#, Some(StatusCode::NOT_FOUND)),
            (r#"{"target":{"service":7}}"#, Some(StatusCode::NOT_FOUND)),
            ("{", Some(StatusCode::BAD_REQUEST)),
            ("\u{0}", Some(StatusCode::BAD_REQUEST)),
        ] {
            assert_eq!(read_body(body.as_bytes()).err().map(|(status, _)| status), status, "{body}");
        }
    }
}
