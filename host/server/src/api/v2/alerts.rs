//! `GET` and `POST /api/v2/alerts`.

use std::net::SocketAddr;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode};

use super::super::Shared;
use super::super::access::{Deliverer, Person};
use super::super::routes::MOST_ALERT_BYTES;
use super::fault::Fault;
use super::posted::Posted;
use super::query::Filter;
use super::{body, listing};
use crate::alertmanager::ListedAlert;
use crate::clock;
use crate::identity::Caller;
use crate::inbox::{self, IntakeError};
use crate::metrics::Via;

/// By fingerprint, as Alertmanager sorts them.
pub(in crate::api) async fn list(
    _: Person,
    State(host): Shared,
    filter: Filter,
) -> Result<Json<Vec<ListedAlert>>, Fault> {
    let alerts = listing::alerts(&host).await?;
    let told = |alert: &ListedAlert| alert.receivers.iter().any(|receiver| filter.takes_receiver(&receiver.name));
    Ok(Json(alerts.into_values().filter(|alert| filter.takes(alert) && told(alert)).collect()))
}

/// The good ones count, whatever the others are.
pub(in crate::api) async fn post(
    State(host): Shared,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    Deliverer(caller): Deliverer,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Fault> {
    let posted = body::read(&headers, body, MOST_ALERT_BYTES).and_then(|body| Posted::read(&body, clock::now()));
    let posted =
        posted.inspect_err(|fault| tracing::warn!(%address, ?fault, "alerts to /api/v2/alerts were refused"))?;
    let faults = posted.faults();
    // A person who sends an alert asks for what follows; a program only passes on.
    let by = match caller {
        Caller::Person { name, .. } => Some(name),
        Caller::Sender { .. } => None,
    };
    host.metrics.alerts.invalid(Via::Api, posted.bad.len());
    let taken = {
        let host = host.clone();
        // To its end, even where the client hangs up: what the journal has must be on the shelf as well, or it never lapses.
        tokio::spawn(async move { inbox::take_in(&host, posted.good, by).await }).await
    };
    match taken {
        Ok(Ok(())) => {}
        Ok(Err(IntakeError::Journal(error))) => {
            tracing::error!(%error, "alerts were sent here and could not be recorded");
            return Err(Fault::failed("the journal cannot be written at the moment; send the alerts again"));
        }
        Ok(Err(full @ IntakeError::Full { .. })) => return Err(Fault::failed(full.to_string())),
        Err(error) => {
            tracing::error!(%error, "taking in alerts broke off");
            return Err(Fault::failed("taking in the alerts broke off; send them again"));
        }
    }
    match faults {
        None => Ok(StatusCode::OK),
        Some(faults) => {
            tracing::warn!(%address, faults, "some of the alerts to /api/v2/alerts were refused");
            Err(Fault::bad(faults))
        }
    }
}
