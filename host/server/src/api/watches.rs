//! `GET /api/v1/watches`: what is watched, what judges it, and what was seen in the last cycle.

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use super::Shared;
use super::access::Person;
use super::shapes;
use crate::overview;

pub(super) async fn list(_: Person, State(host): Shared) -> Json<Value> {
    let watches: Vec<Value> = overview::watches(&host, &host.setup()).iter().map(shapes::watch).collect();
    Json(serde_json::json!({ "watches": watches }))
}
