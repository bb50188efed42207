//! `POST /-/reload`: Prometheus' own habit. It needs an admin; SIGHUP does the same for whoever has the machine.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::{Problem, Shared};
use crate::reload::{ReloadError, reload};

pub(super) async fn post(State(host): Shared, headers: HeaderMap) -> Response {
    if is_from_elsewhere(&headers) {
        return Problem::new(StatusCode::FORBIDDEN, "this request comes from a page of another site").into_response();
    }
    match reload(&host).await {
        Ok(()) => "the config was taken\n".into_response(),
        Err(error) => {
            let code = match error {
                ReloadError::Config(_) | ReloadError::Http(_) => StatusCode::UNPROCESSABLE_ENTITY,
                ReloadError::Stopping => StatusCode::SERVICE_UNAVAILABLE,
                ReloadError::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
            };
            (code, format!("{error}\n")).into_response()
        }
    }
}

/// Browsers say where a request comes from; programs do not, and are let through.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let said = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if said("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return true;
    }
    let Some(origin) = said(header::ORIGIN.as_str()) else { return false };
    let asked = said(header::HOST.as_str()).unwrap_or_default();
    origin.split_once("://").is_none_or(|(_, from)| !from.eq_ignore_ascii_case(asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_other_sites_are_turned_away() {
        let host = ("host", "127.0.0.1:9595");
        for (headers, elsewhere) in [
            (vec![host], false),
            (vec![host, ("sec-fetch-site", "same-origin"), ("origin", "http://127.0.0.1:9595")], false),
            (vec![host, ("sec-fetch-site", "none")], false),
            (vec![host, ("sec-fetch-site", "cross-site")], true),
            (vec![host, ("sec-fetch-site", "same-site")], true),
            (vec![host, ("origin", "http://evil.example")], true),
            (vec![host, ("origin", "http://127.0.0.1:9596")], true),
            (vec![host, ("origin", "null")], true),
            (vec![("origin", "http://evil.example")], true),
        ] {
            let map = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            assert_eq!(is_from_elsewhere(&map), elsewhere, "{headers:?}");
        }
    }
}
