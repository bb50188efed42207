//! Slack by an incoming webhook: one message for each request. Its URL is a secret as a whole, and never logged.

mod message;

use std::fmt;
use std::time::Duration;

use reqwest::{Method, Url};
use serde_json::Value;

pub(crate) use message::request_message;

use crate::http_client::{HttpClient, SecretError, TransportError, read_start};

/// How long Slack may take. A message is tried again, so waiting longer gains nothing.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Slack's errors are single words.
const MOST_ERROR: usize = 200;

/// Why a message did not arrive.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SlackError {
    /// It could not be sent, or nobody knows whether it arrived.
    #[error("the message could not be sent to Slack: {0}")]
    Transport(#[from] TransportError),
    /// A header of it could not be read.
    #[error("the message to Slack could not be made: {0}")]
    Secret(#[from] SecretError),
    /// Slack did not take it.
    #[error("Slack answered {status}: {said}; see the webhook's URL and its channel")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The beginning of the answer, such as `invalid_blocks` or `no_service`.
        said: String,
    },
}

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
        let request = self.http.request(Method::POST, self.url.clone())?.timeout(TIMEOUT).json(message);
        let response = request.send().await.map_err(TransportError::from)?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let said = read_start(response, MOST_ERROR).await?.trim().to_owned();
        Err(SlackError::Refused { status: status.as_u16(), said })
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
            (gone, "Slack answered 404: no_service;".to_owned()),
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
