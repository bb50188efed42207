//! A plain incoming webhook: posts into the one channel that Slack ties it to, and can change nothing afterwards. Its URL
//! is a secret as a whole, and never logged.

use std::fmt;
use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{Method, Url};
use serde_json::Value;

use super::api::{SlackError, TIMEOUT, one_line};
use crate::http_client::{HttpClient, TransportError, read_start};

/// What is sent, in errors.
const MESSAGE: &str = "the message";
/// Slack's errors are single words.
const MOST_ERROR: usize = 200;

/// A channel of Slack that can be posted to.
pub(crate) struct IncomingWebhook {
    http: HttpClient,
    url: Url,
}

impl IncomingWebhook {
    /// Posts to `url`.
    pub(crate) fn new(http: HttpClient, url: Url) -> IncomingWebhook {
        IncomingWebhook { http, url }
    }

    /// Posts one message.
    pub(crate) async fn post(&self, message: &Value) -> Result<(), SlackError> {
        let lost = |cause: TransportError| SlackError::Transport { method: MESSAGE, cause };
        let request = self.http.request(Method::POST, self.url.clone());
        let request = request.map_err(|error| SlackError::Unsendable { method: MESSAGE, said: error.to_string() })?;
        let response = request.timeout(TIMEOUT).json(message).send().await.map_err(lost)?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let said = one_line(&read_start(response, MOST_ERROR).await.map_err(lost)?);
        Err(match status.as_u16() {
            429 => SlackError::Limited { method: MESSAGE, after: Duration::from_secs(after.unwrap_or(30).min(300)) },
            400..500 => SlackError::Refused { method: MESSAGE, said: format!("{said} (HTTP status {status})") },
            _ => SlackError::Garbage { method: MESSAGE, said: format!("HTTP status {status}: {said}") },
        })
    }
}

impl fmt::Debug for IncomingWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IncomingWebhook(<secret>)")
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use axum::routing::post;
    use axum::{Json, Router};
    use serde_json::json;

    use super::*;
    use crate::http_client::HttpClientOptions;
    use crate::http_client::tests::{refused, serve, serve_raw};

    fn webhook(base: &str) -> IncomingWebhook {
        let url = Url::parse(&format!("{base}/services/T0/B0/verysecret")).unwrap();
        IncomingWebhook::new(HttpClientOptions::default().build().unwrap(), url)
    }

    #[tokio::test]
    async fn messages_arrive_as_json() {
        let take = |Json(message): Json<Value>| async move {
            if message == json!({ "text": "ü" }) { (StatusCode::OK, "ok") } else { (StatusCode::BAD_REQUEST, "other") }
        };
        let base = serve(Router::new().route("/services/T0/B0/verysecret", post(take))).await;
        webhook(&base).post(&json!({ "text": "ü" })).await.unwrap();
    }

    #[tokio::test]
    async fn no_error_holds_the_url() {
        let gone = serve(Router::new().fallback(|| async { (StatusCode::NOT_FOUND, "no_service\n") })).await;
        for (base, said) in [
            (gone, "Slack refused the message: no_service (HTTP status 404".to_owned()),
            (refused().await, "cannot connect".to_owned()),
            (serve_raw(Vec::new()).await, "the connection broke".to_owned()),
        ] {
            let webhook = webhook(&base);
            let error = webhook.post(&json!({})).await.unwrap_err();
            let shown = format!("{error} {error:?} {webhook:?}");
            assert!(shown.contains(&said), "{shown}");
            assert!(!shown.contains("verysecret"), "{shown}");
        }
    }
}
