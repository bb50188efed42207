//! Who is asking: a bearer token that belongs to an approver, or nobody.

use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tidegate_domain::event::DecidedBy;

use super::{Peer, Problem};
use crate::host::Host;

/// A known person. A handler that takes one answers nobody else.
#[derive(Clone, Debug)]
pub(super) struct Person(pub(super) DecidedBy);

impl FromRequestParts<Arc<Host>> for Person {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, host: &Arc<Host>) -> Result<Person, Problem> {
        let ConnectInfo(address) = Peer::from_request_parts(parts, host)
            .await
            .map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the peer address is not known"))?;
        let approver = bearer(parts).and_then(|token| owner_of(host, token));
        let Some(approver) = approver else {
            host.metrics.count_refused_credentials();
            tracing::warn!(%address, path = parts.uri.path(), "refused: wrong or missing token");
            return Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "a known approver's token is needed: send it as `Authorization: Bearer TOKEN`",
            ));
        };
        // Only for the record; it grants nothing.
        let cli = parts.headers.get("x-tidegate-surface").is_some_and(|surface| surface == "cli");
        let surface = if cli { "cli" } else { "http" }.to_owned();
        Ok(Person(DecidedBy { approver, surface, address: address.to_string() }))
    }
}

fn bearer(parts: &Parts) -> Option<&str> {
    let (scheme, token) = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// Compares digests, all of them, so that the time taken tells nothing about any token.
fn owner_of(host: &Host, token: &str) -> Option<String> {
    let given = Sha256::digest(token.as_bytes());
    let mut owner = None;
    for approver in &host.setup().config.approvers {
        let known = Sha256::digest(approver.token.expose().as_bytes());
        if bool::from(given.as_slice().ct_eq(known.as_slice())) {
            owner = Some(approver.name.clone());
        }
    }
    owner
}
