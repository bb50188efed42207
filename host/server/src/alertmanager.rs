//! Alertmanager's API v2 as a client: alerts out, alerts with their silences in.

use std::time::Duration;

use reqwest::{Method, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tidegate_domain::labels::Labels;
use tidegate_domain::time::Timestamp;

use crate::clock;
use crate::http_client::{BaseUrl, HttpClient, SecretError, TransportError, read_capped};

mod board;
mod fingerprint;
mod fleet;

pub(crate) use board::AlertBoard;
pub(crate) use fingerprint::fingerprint;
pub(crate) use fleet::{Fleet, Listing};

/// Longest list of alerts that is read: some hundred thousand of them.
const MOST_BYTES: usize = 64 << 20;
/// Longest body of an error that is read.
const MOST_ERROR_BYTES: usize = 1 << 20;
/// Longest error text that is kept.
const MOST_ERROR: usize = 500;

/// Why Alertmanager could not be asked or told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AlertmanagerError {
    /// The request did not get there, or its answer not back.
    #[error("Alertmanager at {url}: {cause}")]
    Transport {
        /// Its URL.
        url: String,
        /// What happened.
        cause: TransportError,
    },
    /// A credential could not be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// It answered with an error.
    #[error("Alertmanager at {url} answered {status}: {said}")]
    Refused {
        /// Its URL.
        url: String,
        /// HTTP status.
        status: u16,
        /// What it said.
        said: String,
    },
    /// Its answer is not what its API says.
    #[error("Alertmanager at {url} answered something else than its API says: {said}")]
    Garbage {
        /// Its URL.
        url: String,
        /// What is wrong with it.
        said: String,
    },
}

/// An alert as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OutgoingAlert {
    /// All labels, `alertname` included. Its identity.
    pub(crate) labels: Labels,
    /// All annotations.
    pub(crate) annotations: Labels,
    /// When it began.
    pub(crate) starts_at: Timestamp,
    /// Until when it stands; in the past once it is resolved.
    pub(crate) ends_at: Timestamp,
}

/// An alert as Alertmanager has it, in the shape of its API.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListedAlert {
    /// Its fingerprint.
    pub(crate) fingerprint: String,
    /// All labels.
    pub(crate) labels: Labels,
    /// All annotations.
    #[serde(default = "Labels::empty")]
    pub(crate) annotations: Labels,
    /// When it began, as RFC 3339.
    #[serde(default)]
    pub(crate) starts_at: String,
    /// Until when it stands without another word.
    #[serde(default)]
    pub(crate) ends_at: String,
    /// When it was last sent.
    #[serde(default)]
    pub(crate) updated_at: String,
    /// Where it came from; may be empty.
    #[serde(default, rename = "generatorURL")]
    pub(crate) generator_url: String,
    /// Who is told of it.
    #[serde(default)]
    pub(crate) receivers: Vec<Receiver>,
    /// What holds it back, if anything does.
    pub(crate) status: AlertStatus,
}

/// Who is told of an alert.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Receiver {
    /// As Alertmanager's config has it.
    pub(crate) name: String,
}

/// Whether an alert is held back.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AlertStatus {
    /// `active`, `suppressed` or `unprocessed`.
    #[serde(default)]
    pub(crate) state: String,
    /// Ids of silences.
    #[serde(default)]
    pub(crate) silenced_by: Vec<String>,
    /// Fingerprints of alerts.
    #[serde(default)]
    pub(crate) inhibited_by: Vec<String>,
    /// Names of time intervals.
    #[serde(default)]
    pub(crate) muted_by: Vec<String>,
}

/// One Alertmanager.
#[derive(Debug)]
pub(crate) struct Client {
    base: BaseUrl,
    http: HttpClient,
    timeout: Duration,
}

impl Client {
    /// A client of the Alertmanager at `base`.
    pub(crate) fn new(base: BaseUrl, http: HttpClient, timeout: Duration) -> Client {
        Client { base, http, timeout }
    }

    /// All alerts that have not ended, held back or not.
    pub(crate) async fn alerts(&self) -> Result<Vec<ListedAlert>, AlertmanagerError> {
        let response = self.send(Method::GET, "/api/v2/alerts", None).await?;
        let body = read_capped(response, MOST_BYTES).await.map_err(|cause| self.transport(cause))?;
        serde_json::from_slice(&body)
            .map_err(|error| AlertmanagerError::Garbage { url: self.base.to_string(), said: error.to_string() })
    }

    /// Sends alerts. A refused batch may have been stored in part, so its alerts are sent one by one, once; returned
    /// are those that were refused by themselves, each with the reason.
    pub(crate) async fn post(
        &self,
        alerts: &[OutgoingAlert],
    ) -> Result<Vec<(OutgoingAlert, AlertmanagerError)>, AlertmanagerError> {
        if alerts.is_empty() {
            return Ok(Vec::new());
        }
        match self.post_batch(alerts).await {
            Ok(()) => Ok(Vec::new()),
            Err(AlertmanagerError::Refused { status: 400, .. }) if alerts.len() > 1 => {
                let mut refused = Vec::new();
                for alert in alerts {
                    match self.post_batch(std::slice::from_ref(alert)).await {
                        Ok(()) => {}
                        Err(error @ AlertmanagerError::Refused { status: 400, .. }) => {
                            refused.push((alert.clone(), error))
                        }
                        Err(error) => return Err(error),
                    }
                }
                Ok(refused)
            }
            Err(error @ AlertmanagerError::Refused { status: 400, .. }) => Ok(vec![(alerts[0].clone(), error)]),
            Err(error) => Err(error),
        }
    }

    async fn post_batch(&self, alerts: &[OutgoingAlert]) -> Result<(), AlertmanagerError> {
        let body = alerts.iter().map(wire).collect();
        self.send(Method::POST, "/api/v2/alerts", Some(&body)).await.map(drop)
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Response, AlertmanagerError> {
        let mut request = self.http.request(method, self.base.at(path))?.timeout(self.timeout);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|cause| self.transport(cause))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = read_capped(response, MOST_ERROR_BYTES).await.map_err(|cause| self.transport(cause))?;
        Err(AlertmanagerError::Refused { url: self.base.to_string(), status: status.as_u16(), said: said(&body) })
    }

    fn transport(&self, cause: TransportError) -> AlertmanagerError {
        AlertmanagerError::Transport { url: self.base.to_string(), cause }
    }
}

/// `startsAt` and `endsAt` are both always sent: with `endsAt` alone Alertmanager takes it for the start as well.
fn wire(alert: &OutgoingAlert) -> Value {
    json!({
        "labels": alert.labels,
        "annotations": alert.annotations,
        "startsAt": clock::rfc3339(alert.starts_at),
        "endsAt": clock::rfc3339(alert.ends_at),
    })
}

/// Errors come as `{"code","message"}`, as a bare JSON string, or as text.
fn said(body: &[u8]) -> String {
    let text = match serde_json::from_slice(body) {
        Ok(Value::String(text)) => text,
        Ok(Value::Object(object)) if object.get("message").is_some_and(Value::is_string) => {
            object["message"].as_str().unwrap_or_default().to_owned()
        }
        _ => String::from_utf8_lossy(body).trim().to_owned(),
    };
    text.chars().take(MOST_ERROR).collect()
}

#[cfg(test)]
mod tests;
