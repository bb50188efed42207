//! An Alertmanager on loopback whose every word a test decides.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get};
use serde_json::{Value, json};

use crate::http_client::tests::serve;

/// What it knows and says.
#[derive(Clone, Default)]
pub(super) struct Fake(Arc<Mutex<Inside>>);

#[derive(Default)]
pub(super) struct Inside {
    /// `method path?query` of every request, with its `Host`.
    pub(super) asked: Vec<String>,
    pub(super) alerts: Vec<Value>,
    pub(super) groups: Vec<Value>,
    pub(super) silences: BTreeMap<String, Value>,
    /// By its name and those of the others in its cluster.
    pub(super) cluster: Vec<String>,
    /// Since when it runs.
    pub(super) uptime: String,
    /// What time it thinks it is, where that is not the time.
    pub(super) date: Option<String>,
    /// Its answer to everything, instead of what it would say.
    pub(super) refuses: Option<(u16, &'static str)>,
    /// The same for one path alone.
    pub(super) refuses_at: Option<(&'static str, u16, &'static str)>,
    /// New silences get this before a number.
    pub(super) silence_prefix: &'static str,
}

impl Fake {
    pub(super) async fn start() -> (String, Fake) {
        let fake = Fake::default();
        fake.with(|inside| inside.uptime = "2020-01-01T00:00:00.000Z".to_owned());
        let routes = Router::new()
            .route("/api/v2/alerts", get(alerts))
            .route("/api/v2/alerts/groups", get(groups))
            .route("/api/v2/status", get(status))
            .route("/api/v2/silences", get(silences).post(make))
            .route("/api/v2/silence/{id}", any(silence))
            .layer(axum::middleware::from_fn_with_state(fake.clone(), first))
            .with_state(fake.clone());
        (serve(routes).await, fake)
    }

    pub(super) fn with<T>(&self, change: impl FnOnce(&mut Inside) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }

    /// How often this was asked.
    pub(super) fn count(&self, request: &str) -> usize {
        self.with(|inside| inside.asked.iter().filter(|asked| asked.starts_with(request)).count())
    }
}

async fn first(
    State(fake): State<Fake>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    request: axum::extract::Request,
    next: axum::middleware::Next,
) -> Response {
    let refusal = fake.with(|inside| {
        let host = headers["host"].to_str().unwrap();
        inside.asked.push(format!("{method} {uri} at {host}"));
        let here = inside.refuses_at.filter(|(path, ..)| *path == uri.path());
        inside.refuses.or(here.map(|(_, status, said)| (status, said)))
    });
    match refusal {
        Some((status, said)) => (StatusCode::from_u16(status).unwrap(), said).into_response(),
        None => next.run(request).await,
    }
}

async fn alerts(State(fake): State<Fake>) -> String {
    fake.with(|inside| Value::from(inside.alerts.clone()).to_string())
}

async fn groups(State(fake): State<Fake>, RawQuery(query): RawQuery) -> String {
    fake.with(|inside| {
        inside.asked.push(format!("query {}", query.unwrap_or_default()));
        Value::from(inside.groups.clone()).to_string()
    })
}

async fn status(State(fake): State<Fake>) -> Response {
    fake.with(|inside| {
        let cluster = match inside.cluster.first() {
            None => json!({ "status": "disabled" }),
            Some(name) => {
                let peers: Vec<_> = inside.cluster.iter().map(|name| json!({ "name": name, "address": "a" })).collect();
                json!({ "status": "ready", "name": name, "peers": peers })
            }
        };
        let status = json!({ "cluster": cluster, "uptime": inside.uptime, "versionInfo": { "version": "0.28.1" } });
        let mut response = status.to_string().into_response();
        if let Some(date) = &inside.date {
            response.headers_mut().insert("date", date.parse().unwrap());
        }
        response
    })
}

async fn silences(State(fake): State<Fake>) -> String {
    fake.with(|inside| Value::from_iter(inside.silences.values().cloned()).to_string())
}

async fn make(State(fake): State<Fake>, body: String) -> String {
    let mut silence: Value = serde_json::from_str(&body).unwrap();
    fake.with(|inside| {
        let new = format!("{}{}", inside.silence_prefix, inside.silences.len());
        let id = silence["id"].as_str().map_or(new, str::to_owned);
        silence["id"] = id.clone().into();
        silence["status"] = json!({ "state": "active" });
        silence["updatedAt"] = "2026-11-22T09:37:15.014Z".into();
        inside.silences.insert(id.clone(), silence);
        json!({ "silenceID": id }).to_string()
    })
}

async fn silence(State(fake): State<Fake>, method: Method, Path(id): Path<String>) -> Response {
    fake.with(|inside| {
        let Some(silence) = inside.silences.get_mut(&id) else { return StatusCode::NOT_FOUND.into_response() };
        if method == Method::GET {
            return silence.to_string().into_response();
        }
        if silence["status"]["state"] == "expired" {
            let said = format!("\"silence {id} already expired\"");
            return (StatusCode::INTERNAL_SERVER_ERROR, said).into_response();
        }
        silence["status"]["state"] = "expired".into();
        StatusCode::OK.into_response()
    })
}
