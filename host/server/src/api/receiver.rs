//! `POST /webhook/alertmanager`: Alertmanager delivers at least once, and stops at the first 2xx. So: durable first,
//! then the answer; the work comes later.

use std::net::SocketAddr;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use serde_json::{Value, json};
use tidegate_domain::input::Input;

use super::access::Deliverer;
use super::routes::MOST_WEBHOOK_BYTES;
use super::{Problem, Shared};
use crate::identity::Caller;
use crate::metrics::Via;
use crate::{clock, inbox, webhook};

pub(super) async fn deliver(
    State(host): Shared,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    Deliverer(caller): Deliverer,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Problem> {
    let refuse = |code: StatusCode, why: String| {
        host.metrics.count_webhook("refused");
        tracing::warn!(%address, why, "a delivery to /webhook/alertmanager was refused");
        Problem::new(code, why)
    };
    let body = body.map_err(|rejection| {
        let why = format!("the body could not be read ({rejection}); at most {} bytes are taken", MOST_WEBHOOK_BYTES);
        refuse(rejection.status(), why)
    })?;
    let delivery = webhook::parse(&body).map_err(|error| {
        if error.is_of_an_alert() {
            host.metrics.alerts.invalid(Via::Webhook, 1);
        }
        refuse(StatusCode::BAD_REQUEST, error.to_string())
    })?;
    let fingerprints: Vec<String> = delivery.alerts.iter().map(|alert| alert.fingerprint.clone()).collect();
    // A person who delivers asks for what follows; a program only passes on.
    let by = match caller {
        Caller::Person { name, .. } => Some(name),
        Caller::Sender { .. } => None,
    };
    let firing = delivery.alerts.iter().filter(|alert| alert.firing).count();
    let webhook::Delivery { group_key, alerts, left_out } = delivery;
    let input = Input::AlertsDelivered { group_key, alerts, by, left_out };
    if let Err(error) = host.keeper.submit(input).await {
        host.metrics.count_webhook("failed");
        return Err(Problem::journal(&error));
    }
    host.metrics.count_webhook("accepted");
    host.metrics.alerts.received(Via::Webhook, firing, fingerprints.len() - firing);
    inbox::seen(&host, &fingerprints, clock::now());
    Ok(Json(json!({ "accepted": fingerprints.len() })))
}
