//! An action that is one HTTP request.

use std::collections::BTreeMap;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode, Url};
use serde_json::json;
use tidegate_domain::event::{ResolvedAction, RunResult};

use super::MOST_OUTPUT;
use crate::http_client::{HttpClientOptions, Request, SecretSource, TransportError, read_start};

/// What the config says of the request.
pub(super) struct Call<'a> {
    pub(super) url: &'a str,
    pub(super) method: &'a str,
    pub(super) headers: &'a BTreeMap<String, String>,
    pub(super) bearer_token_file: Option<&'a str>,
}

/// Sends it, once. A broken connection or a time-out after it was sent leaves the outcome unknown.
pub(super) async fn run(call: &Call<'_>, action: &ResolvedAction, idempotency_key: &str) -> RunResult {
    let request = match build(call, action, idempotency_key) {
        Ok(request) => request,
        Err(error) => return RunResult::Failed { error: format!("nothing was sent: {error}") },
    };
    let response = match request.send().await {
        Ok(response) => response,
        Err(error @ TransportError::NotConnected(_)) => {
            return RunResult::Failed { error: format!("nothing was sent: {error}") };
        }
        Err(error) => return RunResult::Unknown { error: error.to_string() },
    };
    let status = response.status();
    match (status, read_start(response, MOST_OUTPUT).await) {
        (status, Ok(said)) if status.is_success() => RunResult::Succeeded { output: said.trim_end().to_owned() },
        // A service may say 200, begin, and die before it is done.
        (status, Err(error)) if status.is_success() => {
            RunResult::Unknown { error: format!("it answered {status}, then: {error}") }
        }
        // A proxy in between has lost sight of the service, which may be at it still.
        (StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT, said) => {
            RunResult::Unknown { error: refusal(status, said) }
        }
        (_, said) => RunResult::Failed { error: refusal(status, said) },
    }
}

fn refusal(status: StatusCode, said: Result<String, TransportError>) -> String {
    let said = said.unwrap_or_else(|error| format!("({error})"));
    format!("it answered {status}: {}", said.trim_end())
}

fn build(call: &Call<'_>, action: &ResolvedAction, key: &str) -> Result<Request, String> {
    // A redirect would send the order to a place that nobody approved. The client is not kept: on a connection of its
    // own, nothing is ever sent again because an old connection turned out to be closed.
    let options = HttpClientOptions { follow_redirects: false, ..HttpClientOptions::default() };
    let client = options.build().map_err(|error| error.to_string())?;
    let method = Method::from_bytes(call.method.as_bytes()).map_err(|error| format!("{:?}: {error}", call.method))?;
    let url = Url::parse(call.url).map_err(|error| format!("the URL: {error}"))?;
    let mut headers = HeaderMap::new();
    for (name, value) in call.headers {
        let refuse = |error: &dyn std::fmt::Display| format!("header {name:?}: {error}");
        let value = HeaderValue::try_from(value).map_err(|error| refuse(&error))?;
        headers.insert(HeaderName::try_from(name).map_err(|error| refuse(&error))?, value);
    }
    // After the config's, so that no header of it can take the place of the key.
    headers.insert("idempotency-key", HeaderValue::try_from(key).map_err(|error| format!("the key: {error}"))?);
    let body = json!({
        "action": action.name,
        "target": action.target,
        "arguments": action.arguments,
        "idempotency_key": key,
    });
    let request = client.request(method, url).map_err(|error| error.to_string())?;
    let request = request.timeout(action.timeout).json(&body).headers(headers);
    let Some(file) = call.bearer_token_file else { return Ok(request) };
    let token = SecretSource::File(file.into()).read().map_err(|error| error.to_string())?;
    Ok(request.bearer_auth(token.expose()))
}
