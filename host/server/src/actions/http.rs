//! An action that is one HTTP request.

use std::collections::BTreeMap;

use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue};
use serde_json::json;
use tidegate_domain::event::{ResolvedAction, RunResult};

use super::MOST_OUTPUT;
use crate::http_client::{TransportError, read_start};

/// What the config says of the request.
pub(super) struct Call<'a> {
    pub(super) url: &'a str,
    pub(super) method: &'a str,
    pub(super) headers: &'a BTreeMap<String, String>,
    pub(super) bearer_token_file: Option<&'a str>,
}

/// Sends it. A broken connection or a time-out after it was sent leaves the outcome unknown.
pub(super) async fn run(call: &Call<'_>, action: &ResolvedAction, idempotency_key: &str) -> RunResult {
    let request = match build(call, action, idempotency_key) {
        Ok(request) => request,
        Err(error) => return RunResult::Failed { error: format!("nothing was sent: {error}") },
    };
    let response = match request.send().await.map_err(TransportError::from) {
        Ok(response) => response,
        Err(error @ TransportError::NotConnected(_)) => {
            return RunResult::Failed { error: format!("nothing was sent: {error}") };
        }
        Err(error) => return RunResult::Unknown { error: error.to_string() },
    };
    let status = response.status();
    // The status is the answer; a body that breaks off changes nothing about it.
    let said = read_start(response, MOST_OUTPUT).await.unwrap_or_else(|error| format!("(body: {error})"));
    let said = said.trim_end();
    if status.is_success() {
        RunResult::Succeeded { output: said.to_owned() }
    } else {
        RunResult::Failed { error: format!("it answered {status}: {said}") }
    }
}

fn build(call: &Call<'_>, action: &ResolvedAction, key: &str) -> Result<reqwest::RequestBuilder, String> {
    let method = Method::from_bytes(call.method.as_bytes()).map_err(|error| format!("{:?}: {error}", call.method))?;
    let client = reqwest::Client::builder()
        // A redirect would send the order to a place that nobody approved.
        .redirect(reqwest::redirect::Policy::none())
        .timeout(action.timeout)
        .build()
        .map_err(|error| error.to_string())?;
    let mut request = client.request(method, call.url).header("Idempotency-Key", key).json(&json!({
        "action": action.name,
        "target": action.target,
        "arguments": action.arguments,
        "idempotency_key": key,
    }));
    for (name, value) in call.headers {
        let name = HeaderName::try_from(name).map_err(|error| format!("header {name:?}: {error}"))?;
        let value = HeaderValue::try_from(value).map_err(|error| format!("header {name:?}: {error}"))?;
        request = request.header(name, value);
    }
    if let Some(file) = call.bearer_token_file {
        let token = std::fs::read_to_string(file).map_err(|error| format!("bearer_token_file {file:?}: {error}"))?;
        request = request.bearer_auth(token.trim());
    }
    Ok(request)
}
